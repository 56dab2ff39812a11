//! What a dataset consists of, as one digest: the decision (samples, splits, weights) and the tracks that it was made from.
//!
//! A dataset is frozen, but its features are made from tables that go on living. The digest of the tracks says whether they are still
//! the ones: an export of something else is refused.

use std::collections::BTreeMap;

use driveloop_lake::digest;
use driveloop_schemas::{LogId, Sample};

/// The digest of a dataset: of each drive its name, its samples and its tracks. The samples are in the order of their ids.
pub(super) fn digest_of(rows: &[Sample], tracks: &BTreeMap<LogId, String>) -> String {
    let mut by_drive: BTreeMap<&LogId, Vec<&Sample>> = BTreeMap::new();
    for row in rows {
        by_drive.entry(&row.log_id).or_default().push(row);
    }
    let drives = by_drive.into_iter().map(|(log_id, rows)| {
        let tracks = tracks.get(log_id).map_or("", String::as_str);
        (log_id.clone(), digest_of_drive(&rows, tracks))
    });
    digest_of_drives(&drives.collect())
}

/// The digest of one drive: its samples, in the order of their ids, and its tracks.
pub(super) fn digest_of_drive(rows: &[&Sample], tracks: &str) -> String {
    let rows = rows.iter().map(|row| {
        let scenarios = row.scenarios.join(",");
        digest([
            row.sample_id.as_str(),
            &row.host_log_id,
            &row.split,
            &row.source,
            &scenarios,
            &row.weight.to_string(),
        ])
    });
    digest(rows.chain([tracks.to_owned()]))
}

/// The digest of a dataset from those of its drives.
pub(super) fn digest_of_drives(drives: &BTreeMap<LogId, String>) -> String {
    let parts = drives
        .iter()
        .flat_map(|(log_id, digest)| [log_id.as_str(), digest.as_str()]);
    digest(parts)
}
