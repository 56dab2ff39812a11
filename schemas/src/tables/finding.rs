//! The `finding` table.

use crate::ids::LogId;
use crate::table::table;
use crate::time::Day;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// The data is usable, but not as it should be.
    Warning,
    /// Records were dropped.
    Error,
}

impl Severity {
    /// The value in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

table! {
    /// One finding about the quality or the compliance of a drive.
    Finding = "finding", version 3, key ["log_id", "check", "subject", "start_ns"], partition_by ["day"];
    /// The drive.
    ["-"] log_id: LogId,
    /// UTC day of the drive's start.
    ["day"] day: Day,
    /// The check that found it, such as `time_backwards` or `chunk_checksum`.
    ["-"] check: String,
    /// `info`, `warning` or `error`.
    ["-"] severity: String,
    /// Topic, file or sensor.
    ["-"] subject: String,
    /// Start of the interval; null where the finding has no time.
    ["ns, UTC"] start_ns: Option<i64>,
    /// End of the interval.
    ["ns, UTC"] end_ns: Option<i64>,
    /// Records that it concerns.
    ["1"] count: i64,
    /// Records among them that were dropped.
    ["1"] dropped: i64,
    /// What was expected and what was found, in words.
    ["-"] message: String,
    /// Where in the log's file it is, or where the first of several is; null where it has no place in a file.
    ["B"] offset_bytes: Option<i64>,
    /// Whether `synth` composed the drive; null in rows of versions 1 and 2, where `drive` says it.
    ["-"] composed: Option<bool>,
}
