//! A drive is seen wholly or not at all: its row in `drive` comes last, and what was written before it is hidden until then.

use std::collections::BTreeSet;

use driveloop_schemas::{DRIVE_TABLES, TableSpec};

use crate::transactions::TransactionIds;

/// Whether the rows of a drive are written to the table before the drive's own row.
pub(crate) fn is_written_before_its_drive(spec: &TableSpec) -> bool {
    DRIVE_TABLES.iter().any(|table| table.name == spec.name)
}

/// The drives whose transaction is in a table and not in `drive`, by log id.
pub(crate) fn hidden_drives(of_table: &TransactionIds, of_drive: &TransactionIds) -> Vec<String> {
    let hidden: BTreeSet<&str> = of_table
        .difference(of_drive)
        .map(|id| drive_of_transaction(id).0)
        .collect();
    hidden.into_iter().map(str::to_owned).collect()
}

/// The transaction by which an ingested drive is committed to each of its tables: `drive/<log_id>/<start of the digest of its log>`.
#[must_use]
pub fn drive_transaction(log_id: &str, source_digest: &str) -> String {
    let start = source_digest.get(..12).unwrap_or(source_digest);
    format!("drive/{log_id}/{start}")
}

/// The log id of the drive that a transaction commits, and the start of its log's digest; a composed drive, which has no log, is its
/// own transaction.
#[must_use]
pub fn drive_of_transaction(id: &str) -> (&str, Option<&str>) {
    let ingested = id.strip_prefix("drive/").map(|rest| rest.rsplit_once('/'));
    match ingested {
        Some(Some((log_id, digest))) => (log_id, Some(digest)),
        Some(None) | None => (id, None),
    }
}

/// Whether a transaction is that by which `ingest` commits a drive, and not that of a composed one.
pub(crate) fn is_of_ingested_drive(id: &str) -> bool {
    drive_of_transaction(id).1.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Content;

    #[test]
    fn a_drive_in_the_making_is_hidden_by_its_log_id() {
        let ids = |ids: &[&str]| {
            let ids = ids.iter().map(|&id| (id.to_owned(), Content::UNKNOWN));
            ids.collect::<TransactionIds>()
        };
        let of_table = ids(&["drive/a/0123", "drive/b/c/4567", "3f9a", "77aa"]);
        let of_drive = ids(&["drive/a/0123", "77aa"]);
        assert_eq!(hidden_drives(&of_table, &of_drive), ["3f9a", "b/c"]);
    }
}
