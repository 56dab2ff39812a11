//! A drive is seen wholly or not at all: its row in `drive` comes last, and what was written before it is hidden until then.

use std::collections::BTreeSet;

use driveloop_schemas::{
    BusFrame, Calibration, CameraFrame, EgoState, Finding, Lane, LidarSweep, MapArea, ObjectTrack,
    Row as _, Signal, TableSpec,
};

/// The tables that hold what a drive consists of.
const OF_A_DRIVE: &[&TableSpec] = &[
    EgoState::SPEC,
    ObjectTrack::SPEC,
    Signal::SPEC,
    BusFrame::SPEC,
    CameraFrame::SPEC,
    LidarSweep::SPEC,
    Calibration::SPEC,
    Lane::SPEC,
    MapArea::SPEC,
    Finding::SPEC,
];

/// Whether the rows of a drive are written to the table before the drive's own row.
pub(crate) fn is_written_before_its_drive(spec: &TableSpec) -> bool {
    OF_A_DRIVE.iter().any(|table| table.name == spec.name)
}

/// The drives whose transaction is in a table and not in `drive`, by log id.
pub(crate) fn hidden_drives(
    of_table: &BTreeSet<String>,
    of_drive: &BTreeSet<String>,
) -> Vec<String> {
    let hidden: BTreeSet<&str> = of_table.difference(of_drive).map(|id| log_id(id)).collect();
    hidden.into_iter().map(str::to_owned).collect()
}

/// The drive of a transaction: `drive/<log_id>/<digest>`, as ingest writes it, or the log id of a composed drive itself.
fn log_id(transaction: &str) -> &str {
    let ingested = transaction.strip_prefix("drive/");
    ingested.map_or(transaction, |rest| {
        rest.rsplit_once('/').map_or(rest, |(log_id, _)| log_id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drive_in_the_making_is_hidden_by_its_log_id() {
        let ids = |ids: &[&str]| ids.iter().map(|&id| id.to_owned()).collect();
        let of_table = ids(&["drive/a/0123", "drive/b/c/4567", "3f9a", "77aa"]);
        let of_drive = ids(&["drive/a/0123", "77aa"]);
        assert_eq!(hidden_drives(&of_table, &of_drive), ["3f9a", "b/c"]);
    }
}
