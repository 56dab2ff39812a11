//! What a dataset was frozen from.

use std::collections::BTreeSet;

use driveloop_lake::{Lake, Versions, sql_literal};
use driveloop_schemas::{Row as _, Sample};

use crate::error::{Error, Result};

/// What the commit of a dataset says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Name.
    pub dataset: String,
    /// Digest of samples and tracks.
    pub dataset_digest: String,
    /// Version of `sample` that froze it.
    pub version: i64,
    /// Milliseconds since the Unix epoch, by the clock of who froze it.
    pub frozen_ms: Option<i64>,
    /// Versions of the tables that it was chosen from.
    pub inputs: Versions,
    /// Digest of the options.
    pub params_digest: String,
    /// Seed of splits and background.
    pub seed: Option<i64>,
    /// Run that froze it.
    pub run_id: String,
    /// Drives that were removed from the lake since, by log id: their samples are gone, and the digest is of all.
    pub lost_drives: BTreeSet<String>,
}

/// Describes a dataset.
///
/// # Errors
/// When there is no such dataset, its commit is no longer in the log of the table, or the lake fails.
pub async fn describe(lake: &Lake, dataset: &str) -> Result<Description> {
    let wrong = |reason: &str| Error::Dataset {
        dataset: dataset.to_owned(),
        reason: reason.to_owned(),
    };
    let sql = format!(
        "SELECT dataset_digest FROM with_composed.sample WHERE dataset = {} LIMIT 1",
        sql_literal(dataset)
    );
    let batches = lake.query(&sql).await?;
    let digest = batches.iter().find(|batch| batch.num_rows() > 0);
    let lost = lake.lost_drives().await?.into_iter();
    let lost = lost.filter(|lost| lost.dataset == dataset);
    let lost_drives: BTreeSet<String> = lost.map(|lost| lost.log_id).collect();
    let digest = digest.ok_or_else(|| {
        wrong(if lost_drives.is_empty() {
            "no such dataset in the lake"
        } else {
            "all of its drives were removed from the lake"
        })
    })?;
    let dataset_digest =
        arrow::util::display::array_value_to_string(digest.column(0), 0).unwrap_or_default();
    let transaction = transaction(dataset);
    let commits = lake.history(Sample::SPEC.name).await?;
    let commit = commits
        .into_iter()
        .find(|commit| commit.transactions.contains(&transaction))
        .ok_or_else(|| wrong("its commit is no longer in the log of the table"))?;
    Ok(Description {
        dataset: dataset.to_owned(),
        dataset_digest,
        version: commit.version,
        frozen_ms: commit.timestamp_ms,
        inputs: commit.inputs,
        params_digest: commit.params_digest,
        seed: commit.seed,
        run_id: commit.run_id,
        lost_drives,
    })
}

/// The transaction that freezes a dataset: of two that freeze a name at once, one wins.
pub(super) fn transaction(dataset: &str) -> String {
    format!("dataset/{dataset}")
}
