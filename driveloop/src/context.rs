//! What every verb is given.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use driveloop_lake::Lake;
use tokio::runtime::Handle;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table for a person.
    Table,
    /// One JSON object a line.
    Json,
    /// Comma-separated values with a header.
    Csv,
    /// An Arrow IPC stream.
    Arrow,
}

/// The options that all verbs take.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    /// Where the lake is.
    pub(crate) lake_uri: String,
    /// How results are written.
    pub(crate) format: Format,
    /// Threads for the statements of `sql` alone: one that never pauses keeps neither the clock nor Ctrl-C waiting.
    pub(crate) computing: Handle,
}

impl Context {
    /// Opens the lake, which may be new.
    pub(crate) async fn lake(&self) -> Result<Lake> {
        Lake::open(&self.lake_uri)
            .await
            .with_context(|| format!("lake `{}`", self.lake_uri))
    }

    /// Opens a lake that is only read: one that does not exist is an error, not an empty one.
    pub(crate) async fn existing_lake(&self) -> Result<Lake> {
        let missing =
            !self.lake_uri.contains("://") && !std::path::Path::new(&self.lake_uri).is_dir();
        anyhow::ensure!(!missing, "there is no lake at `{}`", self.lake_uri);
        self.lake().await
    }
}

impl Context {
    /// A local folder beside a local lake, or in the present folder for a lake elsewhere.
    pub(crate) fn beside_lake(&self, what: &str) -> PathBuf {
        let lake = self
            .lake_uri
            .strip_prefix("file://")
            .unwrap_or(&self.lake_uri)
            .trim_end_matches('/');
        if lake.contains("://") {
            format!("driveloop-{what}").into()
        } else {
            format!("{lake}-{what}").into()
        }
    }

    /// Local folder for what a run needs until it ends.
    pub(crate) fn work_dir(&self) -> PathBuf {
        self.beside_lake("work")
    }
}

/// Nanoseconds since the Unix epoch, by the system's clock.
pub(crate) fn now_ns() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as i64)
}

/// The id of a run that a person started: the verb and the time.
pub(crate) fn run_id(verb: &str) -> String {
    format!("{verb}-{:x}", now_ns())
}
