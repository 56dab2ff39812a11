//! What can go wrong with a lake, one variant for each decision of the caller.

use thiserror::Error;

/// A failure of the lake.
#[derive(Debug, Error)]
pub enum Error {
    /// The URI names no store: mend the URI.
    #[error("`{uri}` is no path or object-store URI: {reason}")]
    InvalidUri {
        /// The URI as given.
        uri: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The object is not there.
    #[error("no object `{path}` in `{store}`")]
    NotFound {
        /// The store.
        store: String,
        /// The object.
        path: String,
    },
    /// The store failed: disk full, no permission, no network. A re-run completes what was begun.
    #[error("cannot {operation} `{path}`")]
    Storage {
        /// What was tried.
        operation: &'static str,
        /// The object.
        path: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A table is damaged, or of a version that this program does not know.
    #[error("table `{table}`")]
    Table {
        /// The table.
        table: String,
        /// The cause.
        source: Box<deltalake::DeltaTableError>,
    },
    /// Others committed to the table each time: try again later.
    #[error("table `{table}`: other writers were first in each of {attempts} attempts")]
    Conflict {
        /// The table.
        table: String,
        /// Attempts made.
        attempts: usize,
    },
    /// Only some of a commit's transaction ids are in the table: commit the missing ones by themselves.
    #[error(
        "table `{table}`: expected all or none of the commit's transactions, got `{present}` without `{missing}`"
    )]
    PartialTransaction {
        /// The table.
        table: String,
        /// One that is there.
        present: String,
        /// One that is not.
        missing: String,
    },
    /// The table has other rows under a transaction id of the commit: what was committed first stays. Give the new rows a name of
    /// their own.
    #[error(
        "table `{table}`: transaction `{id}` is there with other content (digest {there}, this one {here})"
    )]
    OtherContent {
        /// The table.
        table: String,
        /// The transaction id.
        id: String,
        /// Start of the digest of the rows that were committed first.
        there: String,
        /// Start of the digest of the rows of this commit.
        here: String,
    },
    /// The drive was removed while this session read it, or while this commit was made ready: ask again, or run again.
    #[error("table `{table}`: the drive `{log_id}` was removed from the lake meanwhile")]
    RemovedMeanwhile {
        /// The table.
        table: String,
        /// The drive.
        log_id: String,
    },
    /// The table lacks the version that the lake is to be seen at: ask for one that it has.
    #[error("table `{table}`: expected a version from 0 to {latest}, got {version}")]
    NoVersion {
        /// The table.
        table: String,
        /// The version asked for.
        version: i64,
        /// The last one that there is.
        latest: i64,
    },
    /// The lake is seen as it was: commit to the one that is.
    #[error("table `{table}`: a lake as it was ({as_of:?}) is read only")]
    ReadOnly {
        /// The table.
        table: String,
        /// What is seen.
        as_of: crate::AsOf,
    },
    /// The rows are not what the table asks for.
    #[error(transparent)]
    Schema(#[from] driveloop_schemas::Error),
    /// The query is wrong, or failed.
    #[error("query failed")]
    Query {
        /// The cause, with the place in the query where the parser knows it.
        source: Box<datafusion::error::DataFusionError>,
    },
    /// Another run writes to the journal: wait for it, or take over when it is dead.
    #[error("journal `{journal}`: entry {sequence} was written by another run")]
    JournalTaken {
        /// The journal.
        journal: String,
        /// The entry that both wrote.
        sequence: u64,
    },
    /// A stored entry is not what was expected.
    #[error("`{path}` does not hold the expected JSON")]
    Encoding {
        /// The object.
        path: String,
        /// The cause.
        source: serde_json::Error,
    },
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn storage(
        operation: &'static str,
        path: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Storage {
            operation,
            path: path.into(),
            source: source.into(),
        }
    }

    pub(crate) fn table(table: &str, source: deltalake::DeltaTableError) -> Self {
        Self::Table {
            table: table.to_owned(),
            source: Box::new(source),
        }
    }
}

impl From<datafusion::error::DataFusionError> for Error {
    fn from(source: datafusion::error::DataFusionError) -> Self {
        Self::Query {
            source: Box::new(source),
        }
    }
}
