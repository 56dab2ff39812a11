//! What a process knows of the log of a table: its version, its transaction ids and its files. Read once, then followed.

use std::path::PathBuf;
use std::sync::Arc;

use deltalake::kernel::transaction::{CommitData, PROTOCOL, TransactionError};
use deltalake::kernel::{Action, Snapshot};
use deltalake::logstore::{CommitOrBytes, LogStoreRef};
use deltalake::protocol::DeltaOperation;
use deltalake::{DeltaResult, DeltaTable, DeltaTableError};

use crate::as_of::{AsOf, version_at};
use crate::commit::{Commit, Notes};
use crate::content::Content;
use crate::delta::{is_plain, log_store, table_path};
use crate::error::{Error, Result};
use crate::store::Store;
use crate::transactions::{TransactionIds, ids_of_commit, ids_of_table};

/// The ids of a table, shared with those who read while it is followed.
pub(crate) type Ids = Arc<TransactionIds>;

/// The log of one table.
///
/// A commit of this process is one conditional put; one of another process is seen by asking for the next version.
/// Neither lists the log, so that the hundredth commit costs what the first did.
#[derive(Debug)]
pub(crate) struct TableLog {
    name: String,
    log_store: LogStoreRef,
    /// Where the table lies on a local disk. Delta refuses a folder that is not there, where it finds an empty prefix of a bucket empty.
    folder: Option<PathBuf>,
    as_of: AsOf,
    /// The latest version that is known.
    version: Option<u64>,
    /// The transaction ids up to that version, once somebody asked.
    ids: Option<Ids>,
    /// The columns and settings as they were last read: all that a writer needs, at a cost that does not grow with the files.
    definition: Option<Snapshot>,
    /// The table with its files as it was last loaded; behind `version` until somebody reads it.
    table: Option<DeltaTable>,
}

impl TableLog {
    pub(crate) fn new(store: &Store, name: &str, as_of: AsOf) -> Self {
        Self {
            name: name.to_owned(),
            log_store: log_store(store, name),
            folder: store.local_path(&table_path(name)),
            as_of,
            version: None,
            ids: None,
            definition: None,
            table: None,
        }
    }

    pub(crate) fn log_store(&self) -> &LogStoreRef {
        &self.log_store
    }

    /// Makes the folder of a table on a local disk.
    pub(crate) async fn make_folder(&self) -> Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let made = tokio::fs::create_dir_all(folder).await;
        made.map_err(|source| Error::storage("create", folder.display().to_string(), source))
    }

    /// The version of the table where it is known to have all of some ids.
    pub(crate) fn version_with(&self, ids: &[String]) -> Option<u64> {
        let there = self.ids.as_ref()?;
        let has_all = !ids.is_empty() && ids.iter().all(|id| there.contains(id));
        self.version.filter(|_| has_all)
    }

    /// The latest version that is known; `None` where no table was found yet.
    pub(crate) fn version(&self) -> Option<u64> {
        self.version
    }

    /// Takes in what was committed since the last look; the version, or `None` where there is no table.
    pub(crate) async fn follow(&mut self) -> Result<Option<u64>> {
        let Some(mut version) = self.version else {
            return self.load_definition().await;
        };
        if self.as_of != AsOf::Latest {
            return Ok(Some(version));
        }
        while let Some(bytes) = self.commit_entry(version + 1).await? {
            version += 1;
            if let Some(ids) = &mut self.ids {
                let new = ids_of_commit(&bytes).map_err(|error| Error::table(&self.name, error))?;
                Arc::make_mut(ids).extend(new);
            }
            self.version = Some(version);
        }
        Ok(Some(version))
    }

    /// The transaction ids at the latest version, as of the last [`TableLog::follow`]; none where there is no table.
    pub(crate) async fn ids(&mut self) -> Result<Ids> {
        let version = match self.version {
            Some(version) => version,
            None => match self.load_definition().await? {
                Some(version) => version,
                None => return Ok(Ids::default()),
            },
        };
        if let Some(ids) = &self.ids {
            return Ok(Arc::clone(ids));
        }
        let ids = ids_of_table(self.log_store.as_ref(), version).await;
        let ids = Arc::new(ids.map_err(|error| Error::table(&self.name, error))?);
        self.ids = Some(Arc::clone(&ids));
        Ok(ids)
    }

    /// The table with its files at its latest version; `None` where it does not exist.
    pub(crate) async fn table(&mut self) -> Result<Option<DeltaTable>> {
        let version = match (self.version, self.as_of) {
            (None, AsOf::Latest) => self.load_table().await?,
            _ => self.follow().await?,
        };
        match version {
            Some(version) => self.table_at(version).await.map(Some),
            None => Ok(None),
        }
    }

    /// The columns and settings of the table as they were last read; they seldom change. `None` where it does not exist.
    pub(crate) async fn definition(&mut self) -> Result<Option<Snapshot>> {
        if self.definition.is_none() {
            self.load_definition().await?;
        }
        Ok(self.definition.clone())
    }

    /// Reads the columns and settings anew when they are next asked for.
    pub(crate) fn forget_definition(&mut self) {
        self.definition = None;
    }

    /// Writes actions as the next version; `None` where another writer was first. The ids are not looked at.
    pub(crate) async fn write(
        &mut self,
        actions: Vec<Action>,
        operation: DeltaOperation,
        commit: &Commit,
        content: Content,
        notes: &Notes,
    ) -> Result<Option<u64>> {
        let (Some(definition), Some(version)) = (self.definition().await?, self.version) else {
            return Err(Error::table(&self.name, DeltaTableError::NotInitialized));
        };
        if !is_plain(&definition) {
            self.check_features(version, &actions, &operation).await?;
        }
        let fail = |error| Error::table(&self.name, error);
        let metadata = commit.metadata(notes).into_iter().collect();
        let data = CommitData::new(
            actions,
            operation,
            metadata,
            commit.delta_transactions(content),
        );
        let bytes = data.get_bytes().map_err(|error| fail(error.into()))?;
        let entry = CommitOrBytes::LogBytes(bytes);
        let operation_id = uuid::Uuid::new_v4();
        let written = self
            .log_store
            .write_commit_entry(version + 1, entry, operation_id);
        match written.await {
            Ok(()) => {
                self.committed(version + 1, commit, content);
                Ok(Some(version + 1))
            }
            Err(TransactionError::VersionAlreadyExists(_)) => Ok(None),
            Err(error) => Err(fail(error.into())),
        }
    }

    /// Whether Delta's library can write what another program asks of those who write to this table.
    async fn check_features(
        &mut self,
        version: u64,
        actions: &[Action],
        operation: &DeltaOperation,
    ) -> Result<()> {
        let table = self.table_at(version).await?;
        let fail = |error| Error::table(&self.name, error);
        PROTOCOL
            .can_commit(table.snapshot().map_err(fail)?, actions, operation)
            .map_err(|error| fail(error.into()))
    }

    /// Takes in a table that an operation of Delta's has just made or changed.
    pub(crate) fn adopt(&mut self, table: DeltaTable, commit: &Commit, content: Content) -> u64 {
        let version = table.version().unwrap_or_default();
        self.table = Some(table);
        self.committed(version, commit, content);
        version
    }

    /// Writes a checkpoint where one is due. A commit does not fail because its checkpoint did: the next one makes up for it.
    pub(crate) async fn checkpoint_if_due(&mut self, interval: u64) {
        let Some(version) = self.version else { return };
        if !(version + 1).is_multiple_of(interval.max(1)) {
            return;
        }
        if let Ok(table) = self.table_at(version).await {
            let _ = deltalake::checkpoints::create_checkpoint(&table, None).await;
        }
    }

    fn committed(&mut self, version: u64, commit: &Commit, content: Content) {
        self.version = Some(version);
        if let Some(ids) = &mut self.ids {
            let new = commit.transactions.iter().cloned();
            Arc::make_mut(ids).extend(new.map(|id| (id, content)));
        }
    }

    async fn table_at(&mut self, version: u64) -> Result<DeltaTable> {
        let mut table = match &self.table {
            Some(table) if table.version() == Some(version) => return Ok(table.clone()),
            Some(table) => table.clone(),
            None => DeltaTable::new(Arc::clone(&self.log_store)),
        };
        let updated = table.update_incremental(Some(version)).await;
        updated.map_err(|error| Error::table(&self.name, error))?;
        self.table = Some(table.clone());
        Ok(table)
    }

    /// Reads version, columns and settings: all that a writer needs.
    async fn load_definition(&mut self) -> Result<Option<u64>> {
        let read = |version| Snapshot::try_new(self.log_store.as_ref(), version);
        // Once a version is known, that of others is asked for by `follow` alone.
        let Some(mut snapshot) = self.found(read(self.version)).await? else {
            return Ok(None);
        };
        let latest = snapshot.version();
        let wanted = version_at(&self.name, &self.log_store, latest, self.as_of).await?;
        let Some(version) = wanted else {
            return Ok(None);
        };
        if version != latest {
            let older = read(Some(version)).await;
            snapshot = older.map_err(|error| Error::table(&self.name, error))?;
        }
        self.version = Some(version);
        self.definition = Some(snapshot);
        Ok(self.version)
    }

    /// Reads the latest version with its files.
    async fn load_table(&mut self) -> Result<Option<u64>> {
        let load = async {
            let mut table = DeltaTable::new(Arc::clone(&self.log_store));
            table.load().await.map(|()| table)
        };
        self.table = self.found(load).await?;
        self.version = self.table.as_ref().and_then(DeltaTable::version);
        Ok(self.version)
    }

    /// What reading a log gave; `None` where there is no log.
    async fn found<T>(&self, read: impl Future<Output = DeltaResult<T>>) -> Result<Option<T>> {
        let folder = self.folder.as_ref();
        if folder.is_some_and(|folder| !folder.join("_delta_log").is_dir()) {
            return Ok(None);
        }
        match read.await {
            Ok(found) => Ok(Some(found)),
            Err(DeltaTableError::NotATable(_)) => Ok(None),
            Err(error) => Err(Error::table(&self.name, error)),
        }
    }

    async fn commit_entry(&self, version: u64) -> Result<Option<bytes::Bytes>> {
        let entry = self.log_store.read_commit_entry(version).await;
        entry.map_err(|error| Error::table(&self.name, error))
    }
}
