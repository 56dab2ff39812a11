//! What an ingest is asked for.

use std::sync::Arc;

use driveloop_lake::digest;

use crate::dbc::DatabaseFile;
use crate::format::LogFormat;
use crate::limits::Limits;
use crate::source::short;
use crate::topics::DEFAULT_MAPPING;

/// How to ingest.
#[derive(Debug, Clone)]
pub struct IngestOptions {
    /// The run, as the lineage of the commits names it.
    pub run_id: String,
    /// Drives that are read at once; at least one.
    pub jobs: usize,
    /// Bounds on what a log may ask for.
    pub limits: Limits,
    /// Mapping of topics to tables, as TOML; the built-in one where `None` ([`crate::DEFAULT_MAPPING`]).
    pub mapping: Option<String>,
    /// CAN databases by which bus frames become signals, with the buses that they are for.
    pub databases: Vec<DatabaseFile>,
    /// Whether every number of a topic that the mapping passes over becomes a signal.
    pub all_signals: bool,
    /// Whether drives are read anew, and take the place of what the lake has of them, that have other bytes now, that are to be read with
    /// another mapping, other databases or other signals, or that were removed. Without it they are left as they are, and it is said.
    pub replace: bool,
    /// Formats of your own. They are asked for their logs before those that are built in.
    pub formats: Vec<Arc<dyn LogFormat>>,
}

impl IngestOptions {
    /// Options of a run: two jobs, the default limits and mapping.
    #[must_use]
    pub fn new(run_id: impl Into<String>) -> Self {
        Self {
            run_id: run_id.into(),
            jobs: 2,
            limits: Limits::default(),
            mapping: None,
            databases: Vec::new(),
            all_signals: false,
            replace: false,
            formats: Vec::new(),
        }
    }

    pub(crate) fn mapping(&self) -> &str {
        self.mapping.as_deref().unwrap_or(DEFAULT_MAPPING)
    }

    /// What the rows depend on besides the logs.
    pub(crate) fn digest(&self) -> String {
        let parts = [self.mapping().to_owned(), self.limits.text(), self.flags()];
        digest(parts.into_iter().chain(self.databases()))
    }

    /// A digest of what a drive is read with, where it is not what every log is: it tells versions of a drive apart, and a newer program, whose own
    /// mapping and limits are others, has none of its own.
    #[must_use]
    pub fn version(&self) -> Option<String> {
        let is_usual = self.mapping.is_none() && self.databases.is_empty() && !self.all_signals;
        let mapping = self.mapping.clone().unwrap_or_default();
        let parts = [mapping, self.flags()].into_iter();
        (!is_usual).then(|| short(&digest(parts.chain(self.databases()))))
    }

    fn flags(&self) -> String {
        format!("all_signals={}", self.all_signals)
    }

    fn databases(&self) -> impl Iterator<Item = String> {
        self.databases.iter().map(|file| match &file.topic {
            None => digest([&file.bytes]),
            Some(topic) => digest([topic.as_bytes(), &file.bytes]),
        })
    }
}
