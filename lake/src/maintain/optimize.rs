//! Many small files become few, in the order of the key.

use std::collections::BTreeMap;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, SortExpr, cast, col, lit};
use deltalake::kernel::{Action, Add, LogicalFileView, Snapshot};
use deltalake::protocol::DeltaOperation;
use deltalake::{DeltaTable, DeltaTableError};
use driveloop_schemas::TableSpec;
use futures::TryStreamExt as _;

use super::spec_of;
use crate::commit::{Commit, Notes};
use crate::content::Content;
use crate::delta::file_writer;
use crate::error::{Error, Result};
use crate::lake::Lake;
use crate::stage::conform;

/// A file is small below this share of the size that files should have.
const SMALL_SHARE: u64 = 4;

/// What was done to a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Optimized {
    /// Partitions that were written anew, each with a commit of its own.
    pub partitions: usize,
    /// Partitions that were left as they are, because another writer removed files of theirs meanwhile.
    pub partitions_left: usize,
    /// Files of those partitions before.
    pub files_before: usize,
    /// Files of those partitions after.
    pub files_after: usize,
    /// Their rows.
    pub rows: u64,
}

/// The files of one partition.
struct Partition {
    values: BTreeMap<String, Option<String>>,
    files: Vec<LogicalFileView>,
}

impl Lake {
    /// Writes each partition of a table anew that has small files, or files whose drives overlap: rows in the order of the table's
    /// key, so that each file holds a range of drives of its own. The rows stay what they are; each partition is a commit.
    ///
    /// # Errors
    /// When the table is unknown, is read as it was, or table or store fail.
    pub async fn optimize(&self, table: &str, commit: &Commit) -> Result<Optimized> {
        let mut done = Optimized::default();
        let Some(spec) = spec_of(table) else {
            return Err(Error::table(table, DeltaTableError::NotInitialized));
        };
        if self.version(table).await?.is_none() {
            return Ok(done);
        }
        let definition = self.open_or_create(spec).await?;
        let Some(opened) = self.table(table).await? else {
            return Ok(done);
        };
        for partition in partitions(&opened).map_err(Self::fail(table))? {
            if is_settled(spec, &partition, self.config().limits.file_bytes) {
                continue;
            }
            let (files, rows) = self.rewrite(spec, &definition, &opened, &partition).await?;
            if self.swap(spec, &partition, &files, commit).await? {
                done.partitions += 1;
                done.files_before += partition.files.len();
                done.files_after += files.len();
                done.rows += rows;
            } else {
                done.partitions_left += 1;
            }
        }
        Ok(done)
    }

    /// Writes the rows of a partition into new files, sorted.
    async fn rewrite(
        &self,
        spec: &'static TableSpec,
        definition: &Snapshot,
        table: &DeltaTable,
        partition: &Partition,
    ) -> Result<(Vec<Add>, u64)> {
        let fail = Self::fail(spec.name);
        let context = self.session_over_stored(table, spec.name).await?;
        let order = spec.key.iter().map(|column| sorted_by(column)).collect();
        let mut rows = context.table(spec.name).await?;
        if let Some(filter) = filter(spec, partition) {
            rows = rows.filter(filter)?;
        }
        let mut batches = rows.sort(order)?.execute_stream().await?;
        let log_store = table.log_store();
        let limits = &self.config().limits;
        let writer = file_writer(log_store.as_ref(), definition, spec, limits);
        let mut writer = writer.map_err(&fail)?;
        let mut written = 0;
        while let Some(batch) = batches.try_next().await? {
            let batch = conform(spec, &batch, writer.schema())?;
            writer.write(spec, &batch).await.map_err(&fail)?;
            written += batch.num_rows() as u64;
        }
        let expected: u64 = partition
            .files
            .iter()
            .map(|file| file.num_records().unwrap_or_default() as u64)
            .sum();
        if written != expected {
            // A file whose statistics are wrong is a case for `check`; its rows are not touched.
            writer.abort().await;
            let text = format!("expected {expected} rows by the statistics, got {written}");
            return Err(fail(DeltaTableError::Generic(text)));
        }
        let mut files = writer.close().await.map_err(&fail)?;
        for file in &mut files {
            file.data_change = false;
        }
        Ok((files, written))
    }

    /// Puts new files in the place of the old ones; `false` where some of the old are no longer there.
    async fn swap(
        &self,
        spec: &'static TableSpec,
        partition: &Partition,
        files: &[Add],
        commit: &Commit,
    ) -> Result<bool> {
        let limits = self.config().limits;
        let removed = partition.files.iter();
        let removed = removed.map(|file| Action::Remove(file.remove_action(false)));
        let added = files.iter().cloned().map(Action::Add);
        let actions: Vec<_> = removed.chain(added).collect();
        let operation = DeltaOperation::Optimize {
            predicate: None,
            target_size: limits.file_bytes as i64,
        };
        let log = self.log(spec.name);
        let mut log = log.lock().await;
        for _ in 0..limits.commit_attempts_max {
            let Some(table) = log.table().await? else {
                return Ok(false);
            };
            let snapshot = table.snapshot().map_err(Self::fail(spec.name))?;
            let there: std::collections::BTreeSet<_> = snapshot
                .log_data()
                .iter()
                .map(|file| file.path().into_owned())
                .collect();
            if !partition
                .files
                .iter()
                .all(|file| there.contains(file.path().as_ref()))
            {
                return Ok(false);
            }
            let (actions, operation) = (actions.clone(), operation.clone());
            let notes = Notes::default();
            let written = log.write(actions, operation, commit, Content::UNKNOWN, &notes);
            if written.await?.is_some() {
                log.checkpoint_if_due(limits.checkpoint_interval).await;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn partitions(table: &DeltaTable) -> deltalake::DeltaResult<Vec<Partition>> {
    let mut partitions: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for file in table.snapshot()?.log_data().iter() {
        let values: BTreeMap<_, _> = file.partition_values_map().into_iter().collect();
        partitions.entry(values).or_default().push(file);
    }
    let partitions = partitions.into_iter();
    Ok(partitions
        .map(|(values, files)| Partition { values, files })
        .collect())
}

/// Whether there is nothing to gain: at most one small file, and no file that begins before another ends.
fn is_settled(spec: &TableSpec, partition: &Partition, file_bytes: u64) -> bool {
    let small = partition.files.iter();
    let small = small.filter(|file| (file.size() as u64) < file_bytes / SMALL_SHARE);
    let mut ranges: Vec<_> = partition
        .files
        .iter()
        .map(|file| range(spec, file))
        .collect();
    ranges.sort();
    let overlap = ranges.windows(2).any(|pair| pair[0].1 > pair[1].0);
    partition.files.len() < 2 || (small.count() < 2 && !overlap)
}

/// First and last value of the first column of the key, where the statistics have them as texts.
fn range(spec: &TableSpec, file: &LogicalFileView) -> (Option<String>, Option<String>) {
    let stats: Option<serde_json::Value> = file
        .stats()
        .and_then(|stats| serde_json::from_str(&stats).ok());
    let value = |which: &str| {
        let value = &stats.as_ref()?[which][*spec.key.first()?];
        value.as_str().map(str::to_owned)
    };
    (value("minValues"), value("maxValues"))
}

fn sorted_by(column: &str) -> SortExpr {
    col(column).sort(true, true)
}

/// What the rows of a partition have in common.
fn filter(spec: &TableSpec, partition: &Partition) -> Option<Expr> {
    let equal = partition.values.iter().filter_map(|(name, value)| {
        let column = spec.columns.iter().find(|column| column.name == name)?;
        Some(match value {
            Some(value) => col(name.as_str()).eq(cast(
                lit(ScalarValue::Utf8(Some(value.clone()))),
                (column.data_type)(),
            )),
            None => col(name.as_str()).is_null(),
        })
    });
    equal.reduce(Expr::and)
}
