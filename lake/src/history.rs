//! What the log of a table says of its commits.

use std::collections::BTreeMap;

use deltalake::kernel::CommitInfo;
use deltalake::logstore::LogStore;
use deltalake::{DeltaResult, DeltaTableError};
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Deserialize;
use serde_json::Value;

use crate::commit::{LINEAGE_KEY, Versions};

/// Commits that are read at a time.
const READS_MAX: usize = 16;

/// One line of a commit, as far as it is looked at.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActionLine {
    commit_info: Option<CommitInfo>,
}

/// The commits of some versions of a table, those that are still in the log, in order.
pub(crate) async fn commits(
    log_store: &dyn LogStore,
    versions: std::ops::RangeInclusive<u64>,
) -> DeltaResult<Vec<CommitRecord>> {
    let read = futures::stream::iter(versions).map(|version| commit(log_store, version));
    let read: Vec<Option<CommitRecord>> = read.buffered(READS_MAX).try_collect().await?;
    Ok(read.into_iter().flatten().collect())
}

async fn commit(log_store: &dyn LogStore, version: u64) -> DeltaResult<Option<CommitRecord>> {
    let Some(bytes) = log_store.read_commit_entry(version).await? else {
        return Ok(None);
    };
    let lines = serde_json::Deserializer::from_slice(&bytes).into_iter::<ActionLine>();
    for line in lines {
        let line = line.map_err(|source| DeltaTableError::GenericError {
            source: source.into(),
        })?;
        if let Some(info) = line.commit_info {
            return Ok(Some(CommitRecord::new(version as i64, &info)));
        }
    }
    Ok(None)
}

/// One commit of a table, with its lineage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitRecord {
    /// Version that it made.
    pub version: i64,
    /// Milliseconds since the Unix epoch, by the writer's clock.
    pub timestamp_ms: Option<i64>,
    /// Operation as Delta names it.
    pub operation: String,
    /// Stage that wrote; `None` for a commit of another program.
    pub stage: Option<String>,
    /// Version of driveloop.
    pub tool_version: String,
    /// Digest of the stage's parameters.
    pub params_digest: String,
    /// Seed, where the stage has one.
    pub seed: Option<i64>,
    /// Run.
    pub run_id: String,
    /// Versions of the tables that were read.
    pub inputs: Versions,
    /// Transaction ids.
    pub transactions: Vec<String>,
    /// Other tables that had all of its transactions when it was made, with their versions.
    pub beside: Versions,
    /// BLAKE3 of the packs that its rows name, in hexadecimal, as far as they were written with it.
    pub packs: BTreeMap<String, String>,
}

impl CommitRecord {
    fn new(version: i64, info: &CommitInfo) -> Self {
        let record = info.info.get(LINEAGE_KEY).unwrap_or(&Value::Null);
        let text = |key: &str| record[key].as_str().unwrap_or_default().to_owned();
        let versions = |key: &str| {
            let versions = record[key].as_object().into_iter().flatten();
            let versions = versions.filter_map(|(table, v)| Some((table.clone(), v.as_i64()?)));
            versions.collect()
        };
        let packs = record["packs"].as_object().into_iter().flatten();
        let transactions = record["transactions"].as_array().into_iter().flatten();
        Self {
            version,
            timestamp_ms: info.timestamp,
            operation: info.operation.clone().unwrap_or_default(),
            stage: record["stage"].as_str().map(str::to_owned),
            tool_version: text("toolVersion"),
            params_digest: text("paramsDigest"),
            seed: record["seed"].as_i64(),
            run_id: text("runId"),
            inputs: versions("inputs"),
            beside: versions("beside"),
            packs: packs
                .filter_map(|(pack, digest)| Some((pack.clone(), digest.as_str()?.to_owned())))
                .collect(),
            transactions: transactions
                .filter_map(|v| Some(v.as_str()?.to_owned()))
                .collect(),
        }
    }
}
