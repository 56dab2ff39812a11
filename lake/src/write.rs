//! Committing rows: once, with lineage, against other writers.

use std::time::Duration;

use arrow::record_batch::RecordBatch;
use deltalake::kernel::transaction::{CommitBuilder, TransactionError};
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::{DeltaTable, DeltaTableError};
use driveloop_schemas::{Row, TABLES, TableSpec};

use crate::commit::{Commit, Outcome};
use crate::error::{Error, Result};
use crate::lake::Lake;

/// Attempts against other writers before a commit gives up.
const ATTEMPTS_MAX: usize = 10;
/// Wait before the second attempt; each further one waits longer by as much.
const BACK_OFF: Duration = Duration::from_millis(50);

/// What a commit does with the rows that are there.
#[derive(Debug, Clone, Copy)]
enum Change<'a> {
    Append,
    Replace { predicate: &'a str },
}

impl Lake {
    /// Adds rows to a table. Nothing happens when the commit's transaction ids are all there.
    /// Without rows, only the ids are committed.
    ///
    /// # Errors
    /// When rows are invalid, when only some of the ids are there, or when table or store fail.
    pub async fn append<R: Row>(&self, rows: &[R], commit: &Commit) -> Result<Outcome> {
        let batch = R::to_batch(rows)?;
        self.commit(R::SPEC, batch, Change::Append, commit).await
    }

    /// Deletes the rows that a predicate admits (SQL over the table's columns) and adds others, which it must admit too,
    /// in one commit. Nothing happens when the commit's transaction ids are all there.
    ///
    /// # Errors
    /// When rows or predicate are invalid, when only some of the ids are there, or when table or store fail.
    pub async fn replace<R: Row>(
        &self,
        predicate: &str,
        rows: &[R],
        commit: &Commit,
    ) -> Result<Outcome> {
        let batch = R::to_batch(rows)?;
        self.commit(R::SPEC, batch, Change::Replace { predicate }, commit)
            .await
    }

    /// Those of the transaction ids that are not in the table yet.
    ///
    /// # Errors
    /// When the table or the store fails.
    pub async fn missing(&self, table: &str, ids: &[String]) -> Result<Vec<String>> {
        let Some(opened) = self.table(table).await? else {
            return Ok(ids.to_vec());
        };
        let mut missing = Vec::new();
        for id in ids {
            if !has_transaction(&opened, table, id).await? {
                missing.push(id.clone());
            }
        }
        Ok(missing)
    }

    async fn commit(
        &self,
        spec: &'static TableSpec,
        batch: RecordBatch,
        change: Change<'_>,
        commit: &Commit,
    ) -> Result<Outcome> {
        debug_assert!(
            TABLES.iter().any(|table| table.name == spec.name),
            "not a table of the lake"
        );
        for attempt in 1..=ATTEMPTS_MAX {
            let table = self.open_or_create(spec).await?;
            if self.is_there(&table, spec.name, commit).await? {
                return Ok(Outcome::AlreadyThere {
                    version: version_of(&table),
                });
            }
            match write(table, spec, batch.clone(), change, commit).await {
                Ok(version) => return Ok(Outcome::Committed { version }),
                Err(error) if is_conflict(&error) => {
                    tokio::time::sleep(BACK_OFF * attempt as u32).await;
                }
                Err(error) => return Err(Error::table(spec.name, error)),
            }
        }
        Err(Error::Conflict {
            table: spec.name.to_owned(),
            attempts: ATTEMPTS_MAX,
        })
    }

    async fn open_or_create(&self, spec: &'static TableSpec) -> Result<DeltaTable> {
        if let Some(table) = self.table(spec.name).await? {
            return Ok(table);
        }
        if let Some(folder) = self.table_folder(spec.name) {
            let created = tokio::fs::create_dir_all(&folder).await;
            let fail = |source| Error::storage("create", folder.display().to_string(), source);
            created.map_err(fail)?;
        }
        let create = self
            .table_unloaded(spec.name)?
            .create()
            .with_save_mode(SaveMode::Ignore)
            .with_table_name(spec.name)
            .with_columns(columns(spec)?)
            .with_partition_columns(spec.partition_by.iter().copied());
        match create.await {
            Ok(table) => Ok(table),
            // Another writer made it first.
            Err(error) => match self.table(spec.name).await? {
                Some(table) => Ok(table),
                None => Err(Error::table(spec.name, error)),
            },
        }
    }

    async fn is_there(&self, table: &DeltaTable, name: &str, commit: &Commit) -> Result<bool> {
        let (mut present, mut missing) = (None, None);
        for id in &commit.transactions {
            let found = has_transaction(table, name, id).await?;
            *(if found { &mut present } else { &mut missing }) = Some(id.clone());
        }
        match (present, missing) {
            (Some(_), None) => Ok(true),
            (None, _) => Ok(false),
            (Some(present), Some(missing)) => Err(Error::PartialTransaction {
                table: name.to_owned(),
                present,
                missing,
            }),
        }
    }
}

async fn write(
    table: DeltaTable,
    spec: &'static TableSpec,
    batch: RecordBatch,
    change: Change<'_>,
    commit: &Commit,
) -> Result<i64, DeltaTableError> {
    if let (Change::Append, 0) = (change, batch.num_rows()) {
        return commit_ids(&table, spec, commit).await;
    }
    let write = table
        .write([batch])
        .with_commit_properties(commit.properties());
    let write = match change {
        Change::Append => write.with_save_mode(SaveMode::Append),
        Change::Replace { predicate } => write
            .with_save_mode(SaveMode::Overwrite)
            .with_replace_where(predicate),
    };
    Ok(version_of(&write.await?))
}

/// Commits transaction ids without rows: what was looked at held none.
async fn commit_ids(
    table: &DeltaTable,
    spec: &'static TableSpec,
    commit: &Commit,
) -> Result<i64, DeltaTableError> {
    let operation = DeltaOperation::Write {
        mode: SaveMode::Append,
        partition_by: Some(
            spec.partition_by
                .iter()
                .map(|&column| column.to_owned())
                .collect(),
        ),
        predicate: None,
    };
    let commit = CommitBuilder::from(commit.properties())
        .build(Some(table.snapshot()?), table.log_store(), operation)
        .await?;
    Ok(commit.version() as i64)
}

async fn has_transaction(table: &DeltaTable, name: &str, id: &str) -> Result<bool> {
    let fail = |error| Error::table(name, error);
    let state = table.snapshot().map_err(fail)?;
    let version = state
        .transaction_version(table.log_store().as_ref(), id)
        .await;
    Ok(version.map_err(fail)?.is_some())
}

fn version_of(table: &DeltaTable) -> i64 {
    table.version().map_or(-1, |version| version as i64)
}

fn is_conflict(error: &DeltaTableError) -> bool {
    matches!(
        error,
        DeltaTableError::VersionAlreadyExists(_)
            | DeltaTableError::Transaction {
                source: TransactionError::CommitConflict(_)
                    | TransactionError::MaxCommitAttempts(_)
            }
    )
}

fn columns(spec: &'static TableSpec) -> Result<Vec<deltalake::kernel::StructField>> {
    use deltalake::kernel::engine::arrow_conversion::TryIntoKernel as _;
    let schema = spec.schema();
    let converted = schema
        .fields()
        .iter()
        .map(|field| field.as_ref().try_into_kernel());
    converted
        .collect::<Result<_, arrow::error::ArrowError>>()
        .map_err(|source| {
            driveloop_schemas::Error::Arrow {
                table: spec.name,
                source,
            }
            .into()
        })
}
