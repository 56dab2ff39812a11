//! The transaction ids in the log of a table: all of them in one pass, or those of one commit.

use std::collections::HashMap;

use arrow::array::{Array as _, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use bytes::Bytes;
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use deltalake::logstore::{LogStore, ObjectStoreRef};
use deltalake::{DeltaResult, DeltaTableError, ObjectStoreError};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use serde::Deserialize;

use crate::content::Content;
use crate::visible::removal_of;

/// Commits that are read at a time.
const READS_MAX: usize = 16;

/// The transaction ids of a table, each with what is known of the content that was committed under it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TransactionIds(HashMap<String, Content>);

impl TransactionIds {
    /// Whether the id is in the table.
    #[must_use]
    pub fn contains(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// Whether what the id committed was removed.
    #[must_use]
    pub fn is_removed(&self, id: &str) -> bool {
        self.contains(&removal_of(id))
    }

    /// The ids, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Ids of which nothing else is known.
    #[must_use]
    pub fn of<'a>(ids: impl IntoIterator<Item = &'a str>) -> Self {
        let ids = ids.into_iter();
        ids.map(|id| (id.to_owned(), Content::UNKNOWN)).collect()
    }

    pub(crate) fn content(&self, id: &str) -> Option<Content> {
        self.0.get(id).copied()
    }
}

impl Extend<(String, Content)> for TransactionIds {
    fn extend<T: IntoIterator<Item = (String, Content)>>(&mut self, ids: T) {
        self.0.extend(ids);
    }
}

impl FromIterator<(String, Content)> for TransactionIds {
    fn from_iter<T: IntoIterator<Item = (String, Content)>>(ids: T) -> Self {
        Self(ids.into_iter().collect())
    }
}

/// One line of a commit, as far as it is looked at.
#[derive(Deserialize)]
struct ActionLine {
    txn: Option<Transaction>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Transaction {
    app_id: String,
    version: i64,
}

/// What `_last_checkpoint` says.
#[derive(Deserialize)]
struct LastCheckpoint {
    version: u64,
}

/// The ids of one commit, or of a checkpoint that is written as JSON.
pub(crate) fn ids_of_commit(bytes: &[u8]) -> DeltaResult<Vec<(String, Content)>> {
    let lines = serde_json::Deserializer::from_slice(bytes).into_iter::<ActionLine>();
    let ids = lines.filter_map(|line| {
        let id = |of: Transaction| (of.app_id, Content::from_log(of.version));
        line.map(|line| line.txn.map(id)).transpose()
    });
    let ids: Result<_, serde_json::Error> = ids.collect();
    ids.map_err(|source| DeltaTableError::GenericError {
        source: source.into(),
    })
}

/// Every id of a table at a version: those of the last checkpoint, then those of the commits since.
pub(crate) async fn ids_of_table(
    log_store: &dyn LogStore,
    version: u64,
) -> DeltaResult<TransactionIds> {
    let store = log_store.object_store(None);
    let checkpoint = last_checkpoint(&store, log_store.log_path(), version).await?;
    let mut ids = TransactionIds::default();
    if let Some(checkpoint) = checkpoint {
        ids.extend(ids_of_checkpoint(&store, log_store.log_path(), checkpoint).await?);
    }
    let commits = checkpoint.map_or(0, |version| version + 1)..=version;
    let mut read = futures::stream::iter(commits)
        .map(|version| async move {
            let bytes = log_store.read_commit_entry(version).await?;
            let bytes = bytes.ok_or(DeltaTableError::InvalidVersion(version))?;
            ids_of_commit(&bytes)
        })
        .buffer_unordered(READS_MAX);
    while let Some(found) = read.try_next().await? {
        ids.extend(found);
    }
    Ok(ids)
}

/// The version of the last checkpoint that is not after a version; `None` where none is named.
async fn last_checkpoint(
    store: &ObjectStoreRef,
    log: &Path,
    version: u64,
) -> DeltaResult<Option<u64>> {
    let bytes = match store.get(&log.clone().join("_last_checkpoint")).await {
        Ok(found) => found.bytes().await?,
        Err(ObjectStoreError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // The file is a hint: one that cannot be read means that the whole log is.
    let named: Option<LastCheckpoint> = serde_json::from_slice(&bytes).ok();
    Ok(named
        .map(|named| named.version)
        .filter(|&named| named <= version))
}

/// The ids of a checkpoint: one file, or several parts.
async fn ids_of_checkpoint(
    store: &ObjectStoreRef,
    log: &Path,
    version: u64,
) -> DeltaResult<Vec<(String, Content)>> {
    let name = format!("{version:020}.checkpoint");
    let before = log.clone().join(format!("{version:020}"));
    let mut listed = store.list_with_offset(Some(log), &before);
    let mut ids = Vec::new();
    while let Some(object) = listed.try_next().await? {
        let file = object.location.filename().unwrap_or_default();
        if !file.starts_with(&name) {
            continue;
        }
        let bytes = store.get(&object.location).await?.bytes().await?;
        if file.ends_with(".json") {
            ids.extend(ids_of_commit(&bytes)?);
        } else {
            ids.extend(ids_of_parquet(bytes)?);
        }
    }
    Ok(ids)
}

fn ids_of_parquet(bytes: Bytes) -> DeltaResult<Vec<(String, Content)>> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
    let columns = ["txn.appId", "txn.version"];
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns);
    let mut ids = Vec::new();
    for batch in builder.with_projection(mask).build()? {
        let batch = batch?;
        let column = |name: &str, data_type: &DataType| {
            let column = batch.column_by_name("txn")?.as_struct_opt()?;
            cast(column.column_by_name(name)?, data_type).ok()
        };
        let Some(names) = column("appId", &DataType::Utf8) else {
            continue;
        };
        let versions = column("version", &DataType::Int64);
        let versions = versions.as_ref().map(AsArray::as_primitive::<Int64Type>);
        for (row, id) in names.as_string::<i32>().iter().enumerate() {
            let version = versions.filter(|versions| versions.is_valid(row));
            let content = version.map_or(Content::UNKNOWN, |versions| {
                Content::from_log(versions.value(row))
            });
            ids.extend(id.map(|id| (id.to_owned(), content)));
        }
    }
    Ok(ids)
}

#[cfg(test)]
mod tests {
    use super::{Content, ids_of_commit};

    #[test]
    fn ids_are_found_among_other_actions() {
        let commit = "{\"commitInfo\":{\"operation\":\"WRITE\"}}\n\
            {\"add\":{\"path\":\"a\",\"size\":1}}\n\
            {\"txn\":{\"appId\":\"drive/a\",\"version\":1}}\n\
            {\"txn\":{\"appId\":\"drive/b\",\"version\":77,\"lastUpdated\":3}}";
        let id = |id: &str, content: i64| (id.to_owned(), Content::from_log(content));
        assert_eq!(
            ids_of_commit(commit.as_bytes()).unwrap(),
            [id("drive/a", 1), id("drive/b", 77)]
        );
        assert!(ids_of_commit(b"{\"txn\":{}}").is_err());
        assert!(ids_of_commit(b"").unwrap().is_empty());
    }
}
