//! What a commit says of itself.

use std::collections::BTreeMap;

use deltalake::kernel::Transaction;
use deltalake::kernel::transaction::CommitProperties;
use serde_json::{Value, json};

use crate::content::Content;

/// Versions of tables, by name.
pub type Versions = BTreeMap<String, i64>;

/// Key of the lineage record in the commit information of the Delta log.
pub(crate) const LINEAGE_KEY: &str = "driveloop";

/// Lineage of a commit, and the transaction ids that make it happen once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commit {
    /// Stage that writes, such as `ingest`.
    pub stage: String,
    /// Digest of the stage's parameters.
    pub params_digest: String,
    /// Seed, where the stage has one.
    pub seed: Option<i64>,
    /// Run that the commit belongs to.
    pub run_id: String,
    /// Versions of the tables that were read.
    pub inputs: Versions,
    /// Ids of what is written. A commit whose ids are all in the table changes nothing; where they stand for other rows there, it
    /// fails.
    pub transactions: Vec<String>,
}

impl Commit {
    /// A commit of a stage within a run, to be completed field by field.
    #[must_use]
    pub fn new(stage: impl Into<String>, run_id: impl Into<String>) -> Self {
        Self {
            stage: stage.into(),
            run_id: run_id.into(),
            ..Self::default()
        }
    }

    /// The same with these transaction ids.
    #[must_use]
    pub fn with_transactions(mut self, ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.transactions = ids.into_iter().map(Into::into).collect();
        self
    }

    /// The same with these input table versions.
    #[must_use]
    pub fn with_inputs(mut self, inputs: Versions) -> Self {
        self.inputs = inputs;
        self
    }

    /// What the log says of the commit. Its id makes the entry unlike any other: a writer who lost the store's answer knows its own.
    pub(crate) fn metadata(&self, notes: &Notes) -> BTreeMap<String, Value> {
        let mut record = json!({
            "stage": self.stage,
            "toolVersion": env!("CARGO_PKG_VERSION"),
            "paramsDigest": self.params_digest,
            "seed": self.seed,
            "runId": self.run_id,
            "inputs": self.inputs,
            "transactions": self.transactions,
            "commitId": uuid::Uuid::new_v4().to_string(),
        });
        if !notes.packs.is_empty() {
            record["packs"] = json!(notes.packs);
        }
        if !notes.beside.is_empty() {
            record["beside"] = json!(notes.beside);
        }
        [(LINEAGE_KEY.to_owned(), record)].into()
    }

    pub(crate) fn delta_transactions(&self, content: Content) -> Vec<Transaction> {
        let ids = self.transactions.iter();
        ids.map(|id| Transaction::new(id, content.in_log()))
            .collect()
    }

    /// For operations of Delta's own: one attempt, no housekeeping; the lake does both.
    pub(crate) fn properties(&self, content: Content) -> CommitProperties {
        CommitProperties::default()
            .with_metadata(self.metadata(&Notes::default()))
            .with_application_transactions(self.delta_transactions(content))
            .with_max_retries(0)
            .with_create_checkpoint(false)
            .with_cleanup_expired_logs(Some(false))
    }
}

/// What the log says of a commit besides its lineage, so that what is lost or altered later is found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes {
    /// BLAKE3 of the packs that the rows name, as far as this process wrote them.
    pub(crate) packs: BTreeMap<String, String>,
    /// Tables that have all of the commit's transactions already, with their versions.
    pub(crate) beside: Versions,
}

/// What a commit did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It made this version of the table.
    Committed {
        /// The new version.
        version: i64,
    },
    /// The table had it already, at the latest in this version.
    AlreadyThere {
        /// The version that was found.
        version: i64,
    },
}

impl Outcome {
    /// The version of the table that has the commit.
    #[must_use]
    pub fn version(self) -> i64 {
        match self {
            Self::Committed { version } | Self::AlreadyThere { version } => version,
        }
    }

    /// Whether the table changed.
    #[must_use]
    pub fn is_new(self) -> bool {
        matches!(self, Self::Committed { .. })
    }
}
