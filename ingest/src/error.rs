//! What can go wrong with an ingest, one variant for each decision of the caller.

use thiserror::Error;

/// A failure of an ingest, or of one drive of it.
#[derive(Debug, Error)]
pub enum Error {
    /// The lake failed, or the source cannot be opened: mend the cause and run again; what was begun is completed.
    #[error(transparent)]
    Lake(#[from] driveloop_lake::Error),
    /// A file of the source cannot be read: its drive fails, others do not.
    #[error("cannot read `{file}` of the source")]
    Source {
        /// The file, relative to the source.
        file: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is nothing at the source: mend the path.
    #[error("nothing is at `{uri}`")]
    SourceMissing {
        /// The source as given.
        uri: String,
    },
    /// No file of the source belongs to a known format.
    #[error(
        "no log was recognised among the {files} files of `{uri}` (the first is `{example}`); supported are: {supported}"
    )]
    NothingRecognised {
        /// The source as given.
        uri: String,
        /// Files that were looked at.
        files: usize,
        /// One of them.
        example: String,
        /// What the registered formats look like.
        supported: String,
    },
    /// A file is not what its format asks for: the log has to be recorded or copied again.
    #[error("`{file}`: expected {expected}, got {actual}")]
    Format {
        /// The file, relative to the source.
        file: String,
        /// What the format asks for.
        expected: String,
        /// What the file has; with the offset where there is one.
        actual: String,
    },
    /// A file asks for more than is allowed: raise the limit, or distrust the file.
    #[error("`{subject}`: {limit} allows {max}, got {actual}")]
    Limit {
        /// File or topic.
        subject: String,
        /// Field of [`crate::Limits`].
        limit: &'static str,
        /// Its value.
        max: u64,
        /// What was asked for.
        actual: u64,
    },
    /// The log has no record with a usable stamp, so that it has no place in time.
    #[error(
        "`{log_id}`: nothing of it is in the lake, of {records} records none can be used: {reasons}"
    )]
    NoRecords {
        /// The drive.
        log_id: String,
        /// Records that were read.
        records: u64,
        /// What most of them were dropped by.
        reasons: String,
    },
    /// The lake has other bytes under this name: the log changed, and may take their place ([`crate::IngestOptions::replace`]); or it is
    /// another log, and needs another name.
    #[error(
        "the lake has a drive `{log_id}` of other bytes (digest {there}, this one {here}): --replace puts this log in its place, with \
         all that was made of it"
    )]
    LogIdTaken {
        /// The name.
        log_id: String,
        /// Digest of the drive in the lake.
        there: String,
        /// Digest of this log.
        here: String,
    },
    /// Two logs of the source have one name: rename one.
    #[error(
        "another log of this source is the drive `{log_id}`, of other bytes (digest {there}, this one {here}): give one of them \
         another name"
    )]
    LogIdTwice {
        /// The name.
        log_id: String,
        /// Digest of the log that comes first.
        there: String,
        /// Digest of this log.
        here: String,
    },
    /// The log has no name of its own, and where it lies there was another one when the lake took it up: it changed, and may take that
    /// one's place ([`crate::IngestOptions::replace`]); or it is another log, and should lie elsewhere.
    #[error(
        "`{source_uri}` was drive `{was}` when the lake took it up, and has other bytes now: --replace puts them in the place of those"
    )]
    LogChanged {
        /// Where the log lies.
        source_uri: String,
        /// The drive that was read from there.
        was: String,
    },
    /// The drive was removed from the lake: that is left as it is, unless it was asked for ([`crate::IngestOptions::replace`]).
    #[error("the drive `{log_id}` was removed from the lake: --replace takes it up again")]
    Removed {
        /// The name.
        log_id: String,
    },
    /// An ingest of another log of this name was killed, and the rows that it left are hidden until it is completed or taken away
    /// ([`crate::IngestOptions::replace`]).
    #[error(
        "an ingest of other bytes named `{log_id}`, or with other options, was killed half-way (digest {begun}, this one {here}): \
         ingest those again, or give --replace to take away what it left"
    )]
    LogIdBegun {
        /// The name.
        log_id: String,
        /// Digest of the log whose ingest was killed.
        begun: String,
        /// Digest of this log.
        here: String,
    },
    /// What a long drive needs whole goes to a file for the time of its ingest, and that failed: make room there, or set `TMPDIR`.
    #[error("cannot hold a part of the drive in `{}`, where `TMPDIR` says", folder.display())]
    Scratch {
        /// Folder of temporary files.
        folder: std::path::PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The mapping of topics to tables is wrong: mend it.
    #[error("the topic mapping is wrong: {reason}")]
    Mapping {
        /// What is wrong, with the place.
        reason: String,
    },
    /// Records were neither used nor reported: a defect of this program.
    #[error(
        "`{log_id}`: {records_in} records in, but {used} used and {dropped} reported as dropped"
    )]
    Unaccounted {
        /// The drive.
        log_id: String,
        /// Records read.
        records_in: u64,
        /// Records that became rows.
        used: u64,
        /// Records that findings report as dropped.
        dropped: u64,
    },
    /// A decoder stopped in the middle: a defect of this program, or it was cancelled.
    #[error("`{log_id}`: the decoder stopped: {reason}")]
    Decoder {
        /// The drive, or its file.
        log_id: String,
        /// What stopped it; with the place in the file where that is known.
        reason: String,
    },
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// The message with its causes, for a report.
    pub(crate) fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}
