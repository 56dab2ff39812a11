//! Replacing rows: those that a predicate admits go, others come, in one commit.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::catalog::MemTable;
use datafusion::prelude::SessionContext;
use deltalake::kernel::{Action, Add, LogicalFileView, Snapshot};
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::{DeltaTable, DeltaTableError};
use driveloop_schemas::{Row, TableSpec};
use futures::TryStreamExt as _;

use crate::commit::{Commit, Notes, Outcome};
use crate::content::Content;
use crate::delta::{file_writer, is_plain, writer_properties};
use crate::error::{Error, Result};
use crate::lake::Lake;
use crate::log::TableLog;
use crate::stage::conform;
use crate::write::{already_there, back_off, is_conflict, sorted};

/// Column that says of a row which file it is in.
const FILE: &str = "__file";

/// Rows, and what they take the place of.
struct Replacement<'a> {
    spec: &'static TableSpec,
    predicate: &'a str,
    rows: RecordBatch,
    commit: &'a Commit,
    content: Content,
    notes: Notes,
}

impl Lake {
    /// Deletes the rows that a predicate admits (SQL over the table's columns) and adds others, which it must admit too,
    /// in one commit. Nothing happens when the commit's transaction ids are all there.
    ///
    /// # Errors
    /// When rows or predicate are invalid, when only some of the ids are there, or stand for other rows, or when table or store
    /// fail.
    pub async fn replace<R: Row>(
        &self,
        predicate: &str,
        rows: &[R],
        commit: &Commit,
    ) -> Result<Outcome> {
        self.replace_rows(R::SPEC, predicate, &R::to_batch(rows)?, commit)
            .await
    }

    /// The same for any table.
    pub(crate) async fn replace_rows(
        &self,
        spec: &'static TableSpec,
        predicate: &str,
        rows: &RecordBatch,
        commit: &Commit,
    ) -> Result<Outcome> {
        let rows = sorted(spec, rows)?;
        let content = Content::of(spec, &commit.transactions, &rows)?;
        self.open_or_create(spec).await?;
        let replacement = Replacement {
            spec,
            predicate,
            rows,
            commit,
            content,
            notes: Notes {
                beside: self.beside(spec, commit).await,
                ..Notes::default()
            },
        };
        let log = self.log(spec.name);
        let mut log = log.lock().await;
        let limits = self.config().limits;
        for attempt in 1..=limits.commit_attempts_max {
            let table = log.table().await?;
            // Another program may have asked more of its writers since the settings were last read.
            log.forget_definition();
            let (Some(table), Some(definition)) = (table, log.definition().await?) else {
                return Err(Error::table(spec.name, DeltaTableError::NotInitialized));
            };
            if let Some(version) = already_there(&mut log, spec.name, commit, content).await? {
                return Ok(Outcome::AlreadyThere { version });
            }
            let version = if is_plain(&definition) {
                self.swap_rows(&mut log, &definition, &table, &replacement)
                    .await?
            } else {
                self.by_delta(&mut log, table, &replacement).await?
            };
            if let Some(version) = version {
                log.checkpoint_if_due(limits.checkpoint_interval).await;
                let version = version as i64;
                return Ok(Outcome::Committed { version });
            }
            tokio::time::sleep(back_off(limits.commit_backoff, attempt)).await;
        }
        Err(self.conflict(spec))
    }

    /// Writes the files anew that have rows which the predicate admits; `None` where another writer committed meanwhile.
    async fn swap_rows(
        &self,
        log: &mut TableLog,
        definition: &Snapshot,
        table: &DeltaTable,
        replacement: &Replacement<'_>,
    ) -> Result<Option<u64>> {
        let Replacement {
            spec, predicate, ..
        } = replacement;
        admits(spec, predicate, &replacement.rows).await?;
        let fail = |error| Error::table(spec.name, error);
        let touched = self.touched(table, spec, predicate).await?;
        let log_store = table.log_store();
        let limits = &self.config().limits;
        let writer = file_writer(log_store.as_ref(), definition, spec, limits);
        let mut writer = writer.map_err(fail)?;
        if !touched.is_empty() {
            let context = self.session_over_stored(table, spec.name).await?;
            let kept = table.table_provider().with_adds(adds(&touched));
            context.deregister_table(spec.name)?;
            context.register_table(spec.name, Arc::new(kept.build().await?))?;
            let (name, key) = (spec.name, spec.key.join(", "));
            let sql =
                format!("SELECT * FROM {name} WHERE ({predicate}) IS NOT TRUE ORDER BY {key}");
            let mut batches = context.sql(&sql).await?.execute_stream().await?;
            while let Some(batch) = batches.try_next().await? {
                let batch = conform(spec, &batch, writer.schema())?;
                writer.write(spec, &batch).await.map_err(fail)?;
            }
        }
        if replacement.rows.num_rows() > 0 {
            let batch = conform(spec, &replacement.rows, writer.schema())?;
            writer.write(spec, &batch).await.map_err(fail)?;
        }
        let added = writer.close().await.map_err(fail)?;
        let removed = touched
            .iter()
            .map(|file| Action::Remove(file.remove_action(true)));
        let actions = removed.chain(added.into_iter().map(Action::Add)).collect();
        let operation = DeltaOperation::Write {
            mode: SaveMode::Overwrite,
            partition_by: Some(spec.partition_by.iter().map(|&c| c.to_owned()).collect()),
            predicate: Some((*predicate).to_owned()),
        };
        let Replacement {
            commit,
            content,
            notes,
            ..
        } = replacement;
        log.write(actions, operation, commit, *content, notes).await
    }

    /// The files that have rows which the predicate admits.
    async fn touched(
        &self,
        table: &DeltaTable,
        spec: &TableSpec,
        predicate: &str,
    ) -> Result<Vec<LogicalFileView>> {
        use arrow::array::AsArray as _;
        let context = self.session_over_stored(table, spec.name).await?;
        let provider = table
            .table_provider()
            .with_file_column(FILE)
            .build()
            .await?;
        context.deregister_table(spec.name)?;
        context.register_table(spec.name, Arc::new(provider))?;
        let name = spec.name;
        let sql = format!(
            "SELECT DISTINCT CAST({FILE} AS VARCHAR) AS file FROM {name} WHERE {predicate}"
        );
        let mut names = Vec::new();
        for batch in context.sql(&sql).await?.collect().await? {
            let files = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8);
            let files = files.map_err(datafusion::error::DataFusionError::from)?;
            names.extend(files.as_string::<i32>().iter().flatten().map(file_name));
        }
        let snapshot = table
            .snapshot()
            .map_err(|error| Error::table(spec.name, error))?;
        let files: Vec<_> = snapshot.log_data().iter().collect();
        let touched: Vec<_> = files
            .into_iter()
            .filter(|file| names.contains(&file_name(&file.path())))
            .collect();
        if touched.len() == names.len() {
            return Ok(touched);
        }
        let text = format!(
            "expected {} files by the log, got {}",
            names.len(),
            touched.len()
        );
        Err(Error::table(spec.name, DeltaTableError::Generic(text)))
    }

    /// The same by Delta's library, for tables that ask more of a writer than lakes do: its files have no digest.
    async fn by_delta(
        &self,
        log: &mut TableLog,
        table: DeltaTable,
        replacement: &Replacement<'_>,
    ) -> Result<Option<u64>> {
        let Replacement {
            spec,
            commit,
            content,
            ..
        } = replacement;
        let written = table
            .write([replacement.rows.clone()])
            .with_save_mode(SaveMode::Overwrite)
            .with_replace_where(replacement.predicate)
            .with_writer_properties(writer_properties(spec, &self.config().limits))
            .with_commit_properties(commit.properties(*content))
            .await;
        match written {
            Ok(table) => Ok(Some(log.adopt(table, commit, *content))),
            Err(error) if is_conflict(&error) => Ok(None),
            Err(error) => Err(Error::table(spec.name, error)),
        }
    }
}

/// Refuses rows that the predicate does not admit: they would stay when the same is replaced again.
async fn admits(spec: &'static TableSpec, predicate: &str, rows: &RecordBatch) -> Result<()> {
    let context = SessionContext::new();
    let table = MemTable::try_new(rows.schema(), vec![vec![rows.clone()]])?;
    context.register_table(spec.name, Arc::new(table))?;
    let name = spec.name;
    let sql = format!("SELECT 1 FROM {name} WHERE ({predicate}) IS NOT TRUE");
    let others = context.sql(&sql).await?.count().await?;
    if others == 0 {
        return Ok(());
    }
    let text = format!("{others} of the new rows are none that `{predicate}` admits");
    Err(Error::table(spec.name, DeltaTableError::Generic(text)))
}

/// Files as the log has them.
#[expect(
    deprecated,
    reason = "what is to take its place gives no way to read some files of a table"
)]
pub(crate) fn adds(files: &[LogicalFileView]) -> Vec<Add> {
    files.iter().map(LogicalFileView::add_action).collect()
}

/// The last part of a path, in which every data file has a number of its own.
fn file_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or_default().to_owned()
}
