//! A drive is seen wholly or not at all: its row in `drive` comes last and goes first, and what is in other tables without it is hidden.

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use driveloop_schemas::{DRIVE_TABLES, TableSpec};

use crate::transactions::TransactionIds;

/// What the transaction begins with by which a drive is removed.
const REMOVED: &str = "removed/";
/// What the transactions of ingested drives begin with; those of composed ones are their names.
const INGESTED: &str = "drive/";
/// What stands before the place of a log, and before the options.
const PLACE: char = '@';
const OPTIONS: char = '~';
/// What stands before the listing.
const LISTING: char = '=';

/// The transaction by which a drive is committed to each of its tables, in its parts.
///
/// `drive/<log_id>/<start of the digest of its log>`, or the log id of a composed drive, which has no log. What may follow, in this order:
/// `@` and the place of a log without a name of its own; `~` and the options that it was read with, where they are not the usual ones;
/// `=` and what a listing said of its files, by which they are known without being read; `.` and a number, where the drive was removed
/// and comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DriveTransaction<'a> {
    /// The drive.
    pub log_id: &'a str,
    /// Start of the digest of its log; none for a composed drive.
    pub digest: Option<&'a str>,
    /// Where the log lay, as a digest.
    pub place: Option<&'a str>,
    /// What it was read with, as a digest.
    pub options: Option<&'a str>,
    /// Where its files lay, how large they were and when they changed, as a digest.
    pub listing: Option<&'a str>,
}

impl<'a> DriveTransaction<'a> {
    /// The parts of a transaction; none for that of a removal.
    #[must_use]
    pub fn parse(id: &'a str) -> Option<Self> {
        if id.starts_with(REMOVED) {
            return None;
        }
        let ingested = id
            .strip_prefix(INGESTED)
            .and_then(|rest| rest.rsplit_once('/'));
        let Some((log_id, rest)) = ingested else {
            return Some(Self {
                log_id: without_number(id),
                digest: None,
                place: None,
                options: None,
                listing: None,
            });
        };
        let (rest, listing) = parted(without_number(rest), LISTING);
        let (rest, options) = parted(rest, OPTIONS);
        let (digest, place) = parted(rest, PLACE);
        Some(Self {
            log_id,
            digest: Some(digest),
            place,
            options,
            listing,
        })
    }
}

/// The transaction of a drive that was never removed.
impl fmt::Display for DriveTransaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(digest) = self.digest else {
            return f.write_str(self.log_id);
        };
        write!(f, "{INGESTED}{}/{digest}", self.log_id)?;
        let parts = [
            (PLACE, self.place),
            (OPTIONS, self.options),
            (LISTING, self.listing),
        ];
        for (sign, part) in parts {
            if let Some(part) = part {
                write!(f, "{sign}{part}")?;
            }
        }
        Ok(())
    }
}

/// What stands before a sign, and behind it.
fn parted(text: &str, sign: char) -> (&str, Option<&str>) {
    match text.split_once(sign) {
        Some((before, behind)) => (before, Some(behind)),
        None => (text, None),
    }
}

/// What a transaction says without the number of the drive's return.
fn without_number(id: &str) -> &str {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match id.rsplit_once('.') {
        Some((first, number)) if is_number(number) => first,
        _ => id,
    }
}

/// The transaction by which an ingested drive is committed to each of its tables.
pub(crate) fn drive_transaction(log_id: &str, source_digest: &str) -> String {
    let transaction = DriveTransaction {
        log_id,
        digest: Some(start_of(source_digest)),
        place: None,
        options: None,
        listing: None,
    };
    transaction.to_string()
}

/// The part of a log's digest that transactions have.
#[must_use]
pub fn start_of(source_digest: &str) -> &str {
    source_digest.get(..12).unwrap_or(source_digest)
}

/// The transaction that removes what another committed.
pub(crate) fn removal_of(id: &str) -> String {
    format!("{REMOVED}{id}")
}

/// The transaction of a drive that is to be committed now: the given one, or where that is used up the same with the lowest number that
/// is not.
#[must_use]
pub fn next_transaction(id: &str, is_used: impl Fn(&str) -> bool) -> String {
    let mut next = id.to_owned();
    let mut number: u32 = 2;
    while is_used(&next) {
        next = format!("{id}.{number}");
        number += 1;
    }
    next
}

/// Whether the rows of a drive are written to the table before the drive's own row.
pub(crate) fn is_written_before_its_drive(spec: &TableSpec) -> bool {
    DRIVE_TABLES.iter().any(|table| table.name == spec.name)
}

/// The drives of a table that are not to be seen, by log id: `drive` does not have them, or they were removed from it and not yet from
/// the table.
pub(crate) fn hidden_drives(of_table: &TransactionIds, of_drive: &TransactionIds) -> Vec<String> {
    let removed: HashSet<&str> = removals(of_drive).collect();
    let is_hidden = |id: &&str| {
        let is_removed = removed.contains(id);
        (is_removed || !of_drive.contains(id))
            && !(is_removed && of_table.contains(&removal_of(id)))
    };
    let hidden = of_table.iter().filter(is_hidden);
    let hidden: BTreeSet<&str> = hidden
        .filter_map(|id| Some(DriveTransaction::parse(id)?.log_id))
        .collect();
    hidden.into_iter().map(str::to_owned).collect()
}

/// A drive that is removed from a table, and that an older version of `drive` still shows.
pub(crate) fn removed_since(
    of_table: &TransactionIds,
    of_drive: &TransactionIds,
) -> Option<String> {
    let mut since = removals(of_table).filter(|id| !of_drive.contains(&removal_of(id)));
    Some(DriveTransaction::parse(since.next()?)?.log_id.to_owned())
}

/// The transactions that were removed.
pub(crate) fn removals(ids: &TransactionIds) -> impl Iterator<Item = &str> {
    ids.iter().filter_map(|id| id.strip_prefix(REMOVED))
}

/// Whether a transaction commits or removes a drive that `ingest` reads, and not a composed one.
pub(crate) fn is_of_ingested_drive(id: &str) -> bool {
    let id = id.strip_prefix(REMOVED).unwrap_or(id);
    DriveTransaction::parse(id).is_some_and(|parts| parts.digest.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[&str]) -> TransactionIds {
        TransactionIds::of(ids.iter().copied())
    }

    #[test]
    fn a_transaction_has_its_parts() {
        let parts = |id| {
            let parts = DriveTransaction::parse(id).unwrap();
            (parts.log_id, parts.digest, parts.place, parts.options)
        };
        let digest = Some("01ab");
        assert_eq!(parts("drive/a/b.5/01ab"), ("a/b.5", digest, None, None));
        assert_eq!(parts("drive/a/01ab.2"), ("a", digest, None, None));
        assert_eq!(parts("drive/a/01ab@9c.12"), ("a", digest, Some("9c"), None));
        assert_eq!(parts("drive/a/01ab~77"), ("a", digest, None, Some("77")));
        assert_eq!(
            parts("drive/a/01ab@9c~77.2"),
            ("a", digest, Some("9c"), Some("77"))
        );
        let listed = DriveTransaction::parse("drive/a/01ab@9c~77=5d.2").unwrap();
        assert_eq!((listed.options, listed.listing), (Some("77"), Some("5d")));
        assert_eq!(parts("3f9a"), ("3f9a", None, None, None));
        assert_eq!(parts("3f9a.3"), ("3f9a", None, None, None));
        for id in [
            "drive/a/b.5/01ab",
            "drive/a/01ab@9c",
            "drive/a/01ab@9c~77",
            "drive/a/01ab=5d",
            "3f9a",
        ] {
            assert_eq!(DriveTransaction::parse(id).unwrap().to_string(), id);
        }
        assert_eq!(DriveTransaction::parse("removed/drive/a/01ab"), None);
        assert!(is_of_ingested_drive("removed/drive/a/01ab"));
        assert!(!is_of_ingested_drive("removed/3f9a") && !is_of_ingested_drive("3f9a.2"));
    }

    #[test]
    fn a_drive_in_the_making_is_hidden_by_its_log_id() {
        let of_table = ids(&["drive/a/0123", "drive/b/c/4567", "3f9a", "77aa"]);
        let of_drive = ids(&["drive/a/0123", "77aa"]);
        assert_eq!(hidden_drives(&of_table, &of_drive), ["3f9a", "b/c"]);
    }

    #[test]
    fn a_removed_drive_is_hidden_until_its_rows_are_gone() {
        let of_drive = ids(&["drive/a/01", "removed/drive/a/01", "removed/drive/b/02"]);
        // The second was never finished: an ingest that was killed left its rows.
        let rows = ids(&["drive/a/01", "drive/b/02"]);
        assert_eq!(hidden_drives(&rows, &of_drive), ["a", "b"]);
        let gone = ids(&[
            "drive/a/01",
            "removed/drive/a/01",
            "drive/b/02",
            "removed/drive/b/02",
        ]);
        assert!(hidden_drives(&gone, &of_drive).is_empty());
        assert_eq!(removed_since(&gone, &of_drive), None);
        assert_eq!(
            removed_since(&gone, &ids(&["drive/a/01", "removed/drive/b/02"])),
            Some("a".into())
        );
    }

    #[test]
    fn what_was_removed_comes_back_under_a_number() {
        let next = |ids: &TransactionIds| next_transaction("drive/a/01", |id| ids.is_removed(id));
        assert_eq!(next(&ids(&["drive/a/01"])), "drive/a/01");
        let once = ids(&["removed/drive/a/01"]);
        assert_eq!(next(&once), "drive/a/01.2");
        let twice = ids(&["removed/drive/a/01", "removed/drive/a/01.2"]);
        assert_eq!(next(&twice), "drive/a/01.3");
    }
}
