//! Committing rows: once, with lineage, against other writers.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::ArrayRef;
use arrow::compute::{SortColumn, lexsort_to_indices, take_record_batch};
use arrow::record_batch::RecordBatch;
use deltalake::DeltaTableError;
use deltalake::kernel::transaction::TransactionError;
use deltalake::kernel::{Action, Snapshot};
use deltalake::protocol::{DeltaOperation, SaveMode};
use driveloop_schemas::{Row, TABLES, TableSpec};

use crate::as_of::AsOf;
use crate::commit::{Commit, Notes, Outcome, Versions};
use crate::content::Content;
use crate::delta;
use crate::error::{Error, Result};
use crate::lake::Lake;
use crate::log::TableLog;
use crate::migrate::evolution;
use crate::stage::{Staged, TableStage};
use crate::transactions::TransactionIds;
use crate::visible::{DriveTransaction, removal_of};

impl Lake {
    /// Adds rows to a table. Nothing happens when the commit's transaction ids are all there.
    /// Without rows, only the ids are committed.
    ///
    /// # Errors
    /// When rows are invalid, when only some of the ids are there, or stand for other rows, or when table or store fail.
    pub async fn append<R: Row>(&self, rows: &[R], commit: &Commit) -> Result<Outcome> {
        let batch = sorted(R::SPEC, &R::to_batch(rows)?)?;
        let content = Content::of(R::SPEC, &commit.transactions, &batch)?;
        if let Some(version) = self.version_with(R::SPEC, commit, content).await? {
            return Ok(Outcome::AlreadyThere { version });
        }
        let mut stage = self.stage(R::SPEC);
        stage.write(&batch).await?;
        let staged = stage.finish().await?;
        self.commit_files(staged, commit, content).await
    }

    /// Rows that go to the store as they come, and become visible by [`Lake::commit_staged`] alone.
    /// Nothing is opened before the first write.
    #[must_use]
    pub fn stage(&self, spec: &'static TableSpec) -> TableStage {
        TableStage::new(self, spec)
    }

    /// Adds staged rows to their table in one commit. Nothing happens when the commit's transaction ids are all there;
    /// the staged files are then left to nobody. Without rows, only the ids are committed. The content of staged rows is not
    /// compared: an id must say what it stands for, as that of a drive names the digest of its log.
    ///
    /// # Errors
    /// When only some of the ids are there, or when table or store fail.
    pub async fn commit_staged(&self, staged: Staged, commit: &Commit) -> Result<Outcome> {
        self.commit_files(staged, commit, Content::UNKNOWN).await
    }

    async fn commit_files(
        &self,
        staged: Staged,
        commit: &Commit,
        content: Content,
    ) -> Result<Outcome> {
        let spec = staged.spec;
        let notes = Notes {
            packs: self.digests_of_packs(&staged.packs),
            ..Notes::default()
        };
        let actions: Vec<_> = staged.files.into_iter().map(Action::Add).collect();
        let operation = DeltaOperation::Write {
            mode: SaveMode::Append,
            partition_by: Some(spec.partition_by.iter().map(|&c| c.to_owned()).collect()),
            predicate: None,
        };
        let committed = self
            .commit_actions(spec, actions, operation, commit, content, notes)
            .await?;
        self.forget_digests_of_packs(&staged.packs);
        Ok(committed)
    }

    /// Those of the transaction ids that are not in the table yet. The table's log is read once; then only what was added to it.
    ///
    /// # Errors
    /// When the table or the store fails.
    pub async fn missing(&self, table: &str, ids: &[String]) -> Result<Vec<String>> {
        let there = self.transactions(table).await?;
        let missing = ids.iter().filter(|id| !there.contains(id));
        Ok(missing.cloned().collect())
    }

    /// Every transaction id of a table. The table's log is read once; then only what was added to it.
    ///
    /// # Errors
    /// When the table or the store fails.
    pub async fn transactions(&self, table: &str) -> Result<Arc<TransactionIds>> {
        let log = self.log(table);
        let mut log = log.lock().await;
        log.follow().await?;
        log.ids().await
    }

    /// Commits actions against other writers: each attempt is for the version after the last that is known, and each refusal
    /// means that there is more to know.
    async fn commit_actions(
        &self,
        spec: &'static TableSpec,
        actions: Vec<Action>,
        operation: DeltaOperation,
        commit: &Commit,
        content: Content,
        mut notes: Notes,
    ) -> Result<Outcome> {
        self.open_or_create(spec).await?;
        notes.beside = self.beside(spec, commit).await;
        let log = self.log(spec.name);
        let mut log = log.lock().await;
        let limits = self.config().limits;
        for attempt in 1..=limits.commit_attempts_max {
            if let Some(version) = already_there(&mut log, spec.name, commit, content).await? {
                return Ok(Outcome::AlreadyThere { version });
            }
            let written = log.write(actions.clone(), operation.clone(), commit, content, &notes);
            if let Some(version) = written.await? {
                log.checkpoint_if_due(limits.checkpoint_interval).await;
                let version = version as i64;
                return Ok(Outcome::Committed { version });
            }
            tokio::time::sleep(back_off(limits.commit_backoff, attempt)).await;
            log.follow().await?;
        }
        Err(self.conflict(spec))
    }

    /// The columns and settings of a table, which is made where it does not exist, and given the columns of today where it has those
    /// of an older version.
    pub(crate) async fn open_or_create(&self, spec: &'static TableSpec) -> Result<Snapshot> {
        assert!(
            TABLES.iter().any(|table| table.name == spec.name),
            "not a table of the lake"
        );
        if self.shown() != AsOf::Latest {
            return Err(Error::ReadOnly {
                table: spec.name.to_owned(),
                as_of: self.shown(),
            });
        }
        let log = self.log(spec.name);
        let mut log = log.lock().await;
        let limits = &self.config().limits;
        let fail = |error| Error::table(spec.name, error);
        for attempt in 1..=limits.commit_attempts_max {
            let Some(table) = log.definition().await? else {
                self.create(&mut log, spec).await?;
                continue;
            };
            let Some((actions, operation)) = evolution(spec, &table).map_err(fail)? else {
                return Ok(table);
            };
            // A table of an older version gets the columns of today, or another writer gave it them.
            let commit = Commit::new("migrate", "");
            let notes = Notes::default();
            let written = log.write(actions, operation, &commit, Content::UNKNOWN, &notes);
            if written.await?.is_none() {
                tokio::time::sleep(back_off(limits.commit_backoff, attempt)).await;
            }
            log.follow().await?;
            log.forget_definition();
        }
        Err(self.conflict(spec))
    }

    async fn create(&self, log: &mut TableLog, spec: &'static TableSpec) -> Result<()> {
        log.make_folder().await?;
        let made = delta::create(log.log_store().clone(), spec, &self.config().limits).await;
        match made {
            Ok(table) => {
                log.adopt(table, &Commit::default(), Content::UNKNOWN);
                Ok(())
            }
            // Another writer made it first.
            Err(error) => match log.definition().await? {
                Some(_) => Ok(()),
                None => Err(Error::table(spec.name, error)),
            },
        }
    }

    /// The version at which the commit's ids are there, as far as is known without asking the store again.
    async fn version_with(
        &self,
        spec: &TableSpec,
        commit: &Commit,
        content: Content,
    ) -> Result<Option<i64>> {
        let log = self.log(spec.name);
        let mut log = log.lock().await;
        already_there(&mut log, spec.name, commit, content).await
    }

    /// The other tables that are known to have all ids of a commit, with their versions.
    pub(crate) async fn beside(&self, spec: &TableSpec, commit: &Commit) -> Versions {
        let mut beside = Versions::new();
        for (name, log) in self.known_logs() {
            if name != spec.name {
                let version = log.lock().await.version_with(&commit.transactions);
                beside.extend(version.map(|version| (name, version as i64)));
            }
        }
        beside
    }

    pub(crate) fn conflict(&self, spec: &TableSpec) -> Error {
        Error::Conflict {
            table: spec.name.to_owned(),
            attempts: self.config().limits.commit_attempts_max as usize,
        }
    }
}

/// The known version of a table that has all ids of a commit; `None` where it has none of them. An error where the table has other
/// content under one of them.
pub(crate) async fn already_there(
    log: &mut TableLog,
    name: &str,
    commit: &Commit,
    content: Content,
) -> Result<Option<i64>> {
    if commit.transactions.is_empty() {
        return Ok(None);
    }
    let there = log.ids().await?;
    for id in &commit.transactions {
        if there.contains(&removal_of(id)) {
            return Err(Error::RemovedMeanwhile {
                table: name.to_owned(),
                log_id: DriveTransaction::parse(id)
                    .map_or(id.as_str(), |parts| parts.log_id)
                    .to_owned(),
            });
        }
        if let Some(other) = there
            .content(id)
            .filter(|other| content.contradicts(*other))
        {
            return Err(Error::OtherContent {
                table: name.to_owned(),
                id: id.clone(),
                there: other.to_string(),
                here: content.to_string(),
            });
        }
    }
    let (present, missing): (Vec<_>, Vec<_>) = commit
        .transactions
        .iter()
        .partition(|id| there.contains(id));
    match (present.first(), missing.first()) {
        (Some(_), None) => Ok(log.version().map(|version| version as i64)),
        (None, _) => Ok(None),
        (Some(&present), Some(&missing)) => Err(Error::PartialTransaction {
            table: name.to_owned(),
            present: present.clone(),
            missing: missing.clone(),
        }),
    }
}

/// The rows in the order of the table's key, as files keep them.
pub(crate) fn sorted(spec: &TableSpec, batch: &RecordBatch) -> Result<RecordBatch> {
    let fail = |source| driveloop_schemas::Error::Arrow {
        table: spec.name,
        source,
    };
    let key: Vec<SortColumn> = spec
        .key
        .iter()
        .filter_map(|column| batch.column_by_name(column))
        .map(|values: &ArrayRef| SortColumn {
            values: values.clone(),
            options: None,
        })
        .collect();
    if key.is_empty() || batch.num_rows() < 2 {
        return Ok(batch.clone());
    }
    let order = lexsort_to_indices(&key, None).map_err(fail)?;
    Ok(take_record_batch(batch, &order).map_err(fail)?)
}

pub(crate) fn back_off(first: Duration, attempt: u32) -> Duration {
    // Writers that were refused together part company by a share of their own.
    let share = 1.0 + f64::from(uuid::Uuid::new_v4().as_bytes()[0]) / 256.0;
    first.mul_f64(f64::from(attempt) * share)
}

pub(crate) fn is_conflict(error: &DeltaTableError) -> bool {
    matches!(
        error,
        DeltaTableError::VersionAlreadyExists(_)
            | DeltaTableError::Transaction {
                source: TransactionError::CommitConflict(_)
                    | TransactionError::MaxCommitAttempts(_)
            }
    )
}
