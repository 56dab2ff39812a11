//! What a lake holds, as digests: two lakes hold the same when these are equal.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use crate::harness::{Bench, Place};

/// The tables of a lake, each cut by drive: rows and SHA-256 of the rows as sorted JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contents {
    parts: BTreeMap<Part, (usize, String)>,
}

/// A table's rows of one drive; of no drive where the table has no such column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    table: String,
    log_id: Option<String>,
}

impl Contents {
    /// Everything that SQL shows of a lake; nothing where the lake is not there yet.
    pub(crate) fn of(bench: &Bench, place: &Place) -> Self {
        let mut rows: BTreeMap<Part, Vec<String>> = BTreeMap::new();
        for table in tables(bench, place) {
            let sql = format!("SELECT * FROM with_composed.{table}");
            for row in bench
                .ok_at(place, &["sql", &sql, "--format", "json"])
                .lines()
            {
                let value: serde_json::Value =
                    serde_json::from_str(row).expect("a row is a JSON object");
                let log_id = value
                    .get("log_id")
                    .and_then(|id| id.as_str())
                    .map(str::to_owned);
                rows.entry(Part {
                    table: table.clone(),
                    log_id,
                })
                .or_default()
                .push(row.to_owned());
            }
        }
        Self {
            parts: rows
                .into_iter()
                .map(|(part, rows)| (part, digest(rows)))
                .collect(),
        }
    }

    pub(crate) fn rows(&self) -> usize {
        self.parts.values().map(|(rows, _)| rows).sum()
    }

    /// The drives that have a row of `drive`.
    pub(crate) fn drives(&self) -> BTreeSet<&str> {
        let of_drive = self.parts.keys().filter(|part| part.table == "drive");
        of_drive.filter_map(|part| part.log_id.as_deref()).collect()
    }

    /// Fails where this is not what `whole` holds of the drives that are visible here: no drive in part, no row without
    /// its drive, none twice.
    #[track_caller]
    pub(crate) fn assert_is_whole_drives_of(&self, whole: &Self) {
        let drives = self.drives();
        let visible = |part: &Part| part.log_id.as_deref().is_some_and(|id| drives.contains(id));
        let expected = whole.parts.iter().filter(|(part, _)| visible(part));
        let expected = Self {
            parts: expected
                .map(|(part, rows)| (part.clone(), rows.clone()))
                .collect(),
        };
        self.assert_equals(&expected);
    }

    /// The same where each drive may be that of one lake or of another.
    #[track_caller]
    pub(crate) fn assert_is_whole_drives_of_either(&self, one: &Self, other: &Self) {
        for log_id in self.drives() {
            let (here, [one, other]) = (
                self.parts_of(log_id),
                [one.parts_of(log_id), other.parts_of(log_id)],
            );
            assert!(here == one || here == other, "{log_id} is in part");
        }
        let drives = self.drives();
        let is_left = |part: &&Part| {
            let log_id = part.log_id.as_deref();
            log_id.is_some_and(|log_id| !drives.contains(log_id))
        };
        assert_eq!(self.parts.keys().find(is_left), None, "of no drive");
    }

    /// The parts of a drive.
    fn parts_of(&self, log_id: &str) -> Vec<(&Part, &(usize, String))> {
        let parts = self.parts.iter();
        parts
            .filter(|(part, _)| part.log_id.as_deref() == Some(log_id))
            .collect()
    }

    /// Fails with the parts that differ.
    #[track_caller]
    pub(crate) fn assert_equals(&self, expected: &Self) {
        let parts: BTreeSet<_> = self.parts.keys().chain(expected.parts.keys()).collect();
        let show = |contents: &Self, part: &Part| {
            contents
                .parts
                .get(part)
                .map_or("nothing".to_owned(), |(rows, digest)| {
                    format!("{rows} rows {}", &digest[..8])
                })
        };
        let differs = parts
            .iter()
            .filter(|part| self.parts.get(part) != expected.parts.get(part));
        let lines: Vec<_> = differs
            .map(|part| {
                let log_id = part.log_id.as_deref().unwrap_or("-");
                format!(
                    "{} of {log_id}: expected {}, got {}",
                    part.table,
                    show(expected, part),
                    show(self, part)
                )
            })
            .collect();
        assert!(lines.is_empty(), "{}", lines.join("\n"));
    }
}

/// The names of the tables that are there.
fn tables(bench: &Bench, place: &Place) -> Vec<String> {
    let listed = bench.run_at(place, &["lake", "tables", "--format", "csv"]);
    if listed.status != 0 {
        assert!(listed.stderr.contains("no lake"), "{}", listed.stderr);
        return Vec::new();
    }
    let names = listed
        .stdout
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').next());
    names.map(str::to_owned).collect()
}

fn digest(mut rows: Vec<String>) -> (usize, String) {
    rows.sort_unstable();
    let mut digest = Sha256::new();
    for row in &rows {
        digest.update(row);
        digest.update("\n");
    }
    (rows.len(), hex::encode(digest.finalize()))
}
