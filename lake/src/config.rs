//! How a lake reaches its store, and the bounds of what it does there.

use std::collections::BTreeMap;
use std::time::Duration;

/// Settings and bounds of a lake.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// Credentials, endpoint and the like, named as the environment variables of the cloud: `AWS_ENDPOINT_URL`,
    /// `GOOGLE_SERVICE_ACCOUNT`, `AZURE_STORAGE_ACCOUNT_NAME`, … Case does not matter; those of other clouds are passed over.
    pub settings: BTreeMap<String, String>,
    /// Bounds.
    pub limits: Limits,
}

impl Config {
    /// The settings of this process's environment, with the default bounds.
    #[must_use]
    pub fn from_environment() -> Self {
        let of_a_cloud = |key: &str| {
            ["AWS_", "GOOGLE_", "AZURE_"]
                .iter()
                .any(|cloud| key.starts_with(cloud))
        };
        Self {
            settings: std::env::vars()
                .filter(|(key, _)| of_a_cloud(key))
                .collect(),
            limits: Limits::default(),
        }
    }
}

/// Bounds of a lake. Each says what it prevents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Times that one request is sent again after the store failed (5xx, reset, timeout), and that what is missing of a body is asked
    /// for again before more of it arrives: a store that is down ends in an error, not in a hang.
    pub request_retries_max: usize,
    /// Time that one request may take with all its retries, and that may pass before more of a body arrives, for the same reason.
    pub request_time_max: Duration,
    /// Time that one try of a request may take: a connection that is silent is given up.
    pub try_time_max: Duration,
    /// Wait before the first retry; it doubles from one to the next, with jitter, so that a store under load is not pressed further.
    pub backoff_first: Duration,
    /// Longest wait between two retries.
    pub backoff_max: Duration,
    /// Entries of one listing: stops disks and buckets that do not end, and links that multiply. With this bound a listing takes less
    /// than about 300 MiB.
    pub list_entries_max: usize,
    /// Attempts of a commit against other writers: one that never wins ends in an error.
    pub commit_attempts_max: u32,
    /// Wait before the second attempt of a commit; each further one waits longer by as much.
    pub commit_backoff: Duration,
    /// Commits from one checkpoint of a table to the next: what opening a table has to read one by one.
    pub checkpoint_interval: u64,
    /// Size at which a data file is closed and the next begun: what a reader has to open for one row, and what one upload holds.
    pub file_bytes: u64,
    /// Rows of a row group: what a writer holds in memory for each open file.
    pub row_group_rows: usize,
    /// Bytes that sorting rows for [`Lake::optimize`](crate::Lake::optimize) may hold; beyond it they go to files in the system's
    /// temporary folder.
    pub sort_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_retries_max: 10,
            request_time_max: Duration::from_mins(3),
            try_time_max: Duration::from_secs(30),
            backoff_first: Duration::from_millis(100),
            backoff_max: Duration::from_secs(15),
            list_entries_max: 1_000_000,
            commit_attempts_max: 30,
            commit_backoff: Duration::from_millis(20),
            checkpoint_interval: 32,
            file_bytes: 128 << 20,
            row_group_rows: 128 << 10,
            sort_bytes_max: 512 << 20,
        }
    }
}
