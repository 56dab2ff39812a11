//! What an ingest did, and what it says while it does it.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_lake::Unlisted;
use serde::Serialize;

/// What became of a drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum DriveOutcome {
    /// It is in the lake now.
    Committed,
    /// The lake had it already, with the same bytes.
    AlreadyThere,
    /// It is not in the lake; other drives are not touched by that.
    Failed {
        /// Why.
        reason: String,
    },
}

/// One drive of an ingest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DriveReport {
    /// The drive; for one that failed before it had a name, its path in the source.
    pub log_id: String,
    /// Where it lies.
    pub source_uri: String,
    /// What became of it.
    pub outcome: DriveOutcome,
    /// Rows by table; empty where it was there already.
    pub rows: BTreeMap<String, u64>,
    /// Records read.
    pub records_in: u64,
    /// Records that are not in the lake, each counted in a finding. Those of topics and files without a place in the tables are among them.
    pub records_dropped: u64,
    /// Records among the dropped that were meant for a table: damaged, torn, not usable.
    pub records_lost: u64,
    /// Whether the log is torn or damaged, even where no record was lost by it.
    pub is_damaged: bool,
    /// Findings by severity.
    pub findings: BTreeMap<String, u64>,
    /// Bytes of its files.
    pub bytes: u64,
    /// Drives of the lake whose place it takes, by log id: that of the log before it changed, or the same read with other options.
    pub replaced: BTreeSet<String>,
    /// Whether it was there already, read with other options than those of this ingest, which therefore say nothing of it.
    pub read_otherwise: bool,
}

/// An entry of the source that cannot be had: a broken link, a name that is not UTF-8, no permission, …
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnlistedEntry {
    /// Where it lies in the source, as far as it can be written.
    pub path: String,
    /// Why it cannot be had.
    pub reason: String,
}

impl From<Unlisted> for UnlistedEntry {
    fn from(Unlisted { path, reason }: Unlisted) -> Self {
        Self { path, reason }
    }
}

/// What an ingest did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct IngestReport {
    /// The drives of the source, by path.
    pub drives: Vec<DriveReport>,
    /// Files that belong to no drive.
    pub unrecognised: Vec<String>,
    /// Entries that were passed over because they cannot be had: no drive was looked for in them.
    pub unlisted: Vec<UnlistedEntry>,
    /// Bytes of all drives.
    pub bytes: u64,
}

impl IngestReport {
    /// Drives that are in the lake now and were not before.
    #[must_use]
    pub fn committed(&self) -> usize {
        self.drives
            .iter()
            .filter(|drive| drive.outcome == DriveOutcome::Committed)
            .count()
    }

    /// Drives that were there already.
    #[must_use]
    pub fn already_there(&self) -> usize {
        self.drives
            .iter()
            .filter(|drive| drive.outcome == DriveOutcome::AlreadyThere)
            .count()
    }

    /// Drives that are not in the lake.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.drives.len() - self.committed() - self.already_there()
    }

    /// Whether something is missing in the lake that the source was meant to give: a drive failed, a log is torn or damaged, or records
    /// were lost; or a part of the source cannot be had, whatever is in it.
    /// Topics and files without a place in the tables do not count.
    #[must_use]
    pub fn has_losses(&self) -> bool {
        self.failed() > 0
            || !self.unlisted.is_empty()
            || self
                .drives
                .iter()
                .any(|drive| drive.records_lost > 0 || drive.is_damaged)
    }

    /// Rows of all drives, by table.
    #[must_use]
    pub fn rows(&self) -> BTreeMap<String, u64> {
        let mut sum = BTreeMap::new();
        for (table, rows) in self.drives.iter().flat_map(|drive| &drive.rows) {
            *sum.entry(table.clone()).or_default() += rows;
        }
        sum
    }
}

/// Progress of an ingest.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IngestEvent {
    /// An entry of the source cannot be had, and is passed over.
    Unlisted {
        /// Where it lies in the source.
        path: String,
        /// Why it cannot be had.
        reason: String,
    },
    /// The source was listed.
    Found {
        /// Drives in it.
        drives: usize,
        /// Their bytes.
        bytes: u64,
        /// Files that belong to no drive.
        unrecognised: usize,
    },
    /// The lake has the drive.
    AlreadyThere {
        /// The drive.
        log_id: String,
        /// Its bytes.
        bytes: u64,
        /// Whether they were read to find that out: what a listing tells needs no reading.
        is_digested: bool,
    },
    /// A drive was read.
    Decoded {
        /// The drive.
        log_id: String,
        /// Its bytes.
        bytes: u64,
        /// Its rows in all tables.
        rows: u64,
    },
    /// A drive cannot be ingested.
    Failed {
        /// The drive, or its path.
        log_id: String,
        /// Its bytes.
        bytes: u64,
        /// Why.
        reason: String,
    },
    /// More of the source was read for its digest; of a drive that the listing does not tell to be there, all bytes are.
    Digested {
        /// Bytes since the last such event.
        bytes: u64,
    },
    /// More of the source was read for its rows; of a drive that is not there yet, about all bytes are.
    Read {
        /// Bytes since the last such event.
        bytes: u64,
    },
    /// Drives are about to be committed.
    Committing {
        /// How many.
        drives: usize,
    },
    /// Drives are in the lake.
    Committed {
        /// How many.
        drives: usize,
    },
}
