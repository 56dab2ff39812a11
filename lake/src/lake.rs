//! The lake: opening, reading, versions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::record_batch::RecordBatch;
use datafusion::prelude::{SessionConfig, SessionContext};
use deltalake::DeltaTable;
use driveloop_schemas::{Row, TABLES};

use crate::as_of::AsOf;
use crate::catalog::LakeSchema;
use crate::commit::Versions;
use crate::config::Config;
use crate::delta::log_store;
use crate::error::{Error, Result};
use crate::history::{CommitRecord, commits};
use crate::log::TableLog;
use crate::store::Store;

/// SQL schema in which composed drives are seen too.
pub const COMPOSED_SCHEMA: &str = "with_composed";

/// A lake. Cloning is cheap; clones share the connection, and what is known of the tables.
#[derive(Debug, Clone)]
pub struct Lake {
    store: Store,
    config: Arc<Config>,
    shown: AsOf,
    logs: Arc<Mutex<BTreeMap<String, SharedLog>>>,
    /// BLAKE3 of the packs that this process wrote, until their rows are committed.
    packs: Arc<Mutex<BTreeMap<String, String>>>,
}

/// The log of a table, one reader or writer of this process at a time.
pub(crate) type SharedLog = Arc<tokio::sync::Mutex<TableLog>>;

impl Lake {
    /// Opens a lake at a URI, with the settings of the environment. A lake that does not exist yet is empty; the first commit
    /// makes it.
    ///
    /// # Errors
    /// When the URI names no store, or the place cannot be reached.
    pub async fn open(uri: &str) -> Result<Self> {
        Self::open_with(uri, Config::from_environment()).await
    }

    /// Opens a lake with settings and bounds of the caller's.
    ///
    /// # Errors
    /// As [`Lake::open`].
    pub async fn open_with(uri: &str, config: Config) -> Result<Self> {
        let store = Store::open_with(uri, &config)?;
        if let Some(folder) = store.local_path("") {
            // A lake on a local disk needs its folder before anything can be listed or written.
            tokio::fs::create_dir_all(&folder)
                .await
                .map_err(|source| Error::storage("create", uri, source))?;
        }
        store.reach().await?;
        Ok(Self::over(store, config, AsOf::Latest))
    }

    /// The lake as it was. Every table that is named is opened at that version, or at the last version not after that time;
    /// commits are refused.
    #[must_use]
    pub fn as_of(&self, as_of: AsOf) -> Self {
        if as_of == self.shown {
            return self.clone();
        }
        Self::over(self.store.clone(), self.config.as_ref().clone(), as_of)
    }

    fn over(store: Store, config: Config, shown: AsOf) -> Self {
        Self {
            store,
            config: Arc::new(config),
            shown,
            logs: Arc::default(),
            packs: Arc::default(),
        }
    }

    /// The store below the lake.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The settings and bounds that it was opened with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Which version of its tables it shows.
    #[must_use]
    pub fn shown(&self) -> AsOf {
        self.shown
    }

    /// The URI that it was opened with.
    #[must_use]
    pub fn uri(&self) -> &str {
        self.store.uri()
    }

    /// Every row of a table that the filter admits (SQL over its columns), composed drives included, ordered by key.
    ///
    /// # Errors
    /// When the filter is wrong, or the table or store fails.
    pub async fn read<R: Row>(&self, filter: Option<&str>) -> Result<Vec<R>> {
        let spec = R::SPEC;
        let filter = filter
            .map(|filter| format!("WHERE {filter}"))
            .unwrap_or_default();
        let key = spec.key.join(", ");
        let sql = format!(
            "SELECT * FROM {COMPOSED_SCHEMA}.{} {filter} ORDER BY {key}",
            spec.name
        );
        let batches = self.query(&sql).await?;
        Ok(R::from_batches(&batches)?)
    }

    /// The batches of a query over all tables.
    ///
    /// # Errors
    /// When the query is wrong, or fails.
    pub async fn query(&self, sql: &str) -> Result<Vec<RecordBatch>> {
        Ok(self.session().sql(sql).await?.collect().await?)
    }

    /// The batches of a query, as they arrive.
    ///
    /// # Errors
    /// When the query is wrong; one that fails later says so in the stream.
    pub async fn stream(&self, sql: &str) -> Result<crate::SendableRecordBatchStream> {
        Ok(self.session().sql(sql).await?.execute_stream().await?)
    }

    /// A session over all tables. Each is fixed at the version that it has when the session first names it.
    ///
    /// In the default schema no table shows a row of a composed drive: neither those with a `composed` column, nor those whose
    /// `log_id` is that of such a drive. Those of [`COMPOSED_SCHEMA`] show everything.
    #[must_use]
    pub fn session(&self) -> SessionContext {
        let config = SessionConfig::new()
            .with_information_schema(true)
            .with_default_catalog_and_schema("driveloop", "public");
        self.session_with(config)
    }

    /// The same with a configuration of the caller's.
    #[must_use]
    pub fn session_with(&self, config: SessionConfig) -> SessionContext {
        use datafusion::catalog::{CatalogProvider as _, MemoryCatalogProvider};
        let config = config.with_default_catalog_and_schema("driveloop", "public");
        let context = SessionContext::new_with_config(config);
        let (public, composed) = LakeSchema::pair(self);
        let catalog = MemoryCatalogProvider::new();
        // Registering in a catalogue in memory does not fail.
        let _ = catalog.register_schema("public", Arc::new(public));
        let _ = catalog.register_schema(COMPOSED_SCHEMA, Arc::new(composed));
        context.register_catalog("driveloop", Arc::new(catalog));
        context
    }

    /// The latest version of every table that exists.
    ///
    /// # Errors
    /// When a table or the store fails.
    pub async fn versions(&self) -> Result<Versions> {
        let opened = TABLES.iter().map(|spec| async {
            let version = self.version(spec.name).await?;
            Ok::<_, Error>(version.map(|version| (spec.name.to_owned(), version)))
        });
        Ok(futures::future::try_join_all(opened)
            .await?
            .into_iter()
            .flatten()
            .collect())
    }

    /// The latest version of a table; `None` where it does not exist.
    ///
    /// # Errors
    /// When the table or the store fails.
    pub async fn version(&self, table: &str) -> Result<Option<i64>> {
        let log = self.log(table);
        let version = log.lock().await.follow().await?;
        Ok(version.map(|version| version as i64))
    }

    /// The commits of a table, the first first.
    ///
    /// # Errors
    /// When the table or the store fails.
    pub async fn history(&self, name: &str) -> Result<Vec<CommitRecord>> {
        let Some(last) = self.version(name).await? else {
            return Ok(Vec::new());
        };
        self.commits(name, 0..=last as u64).await
    }

    /// The last commit of a table; `None` where there is no table.
    ///
    /// # Errors
    /// When the table or the store fails.
    pub async fn last_commit(&self, name: &str) -> Result<Option<CommitRecord>> {
        let Some(last) = self.version(name).await? else {
            return Ok(None);
        };
        Ok(self.commits(name, last as u64..=last as u64).await?.pop())
    }

    async fn commits(
        &self,
        name: &str,
        versions: std::ops::RangeInclusive<u64>,
    ) -> Result<Vec<CommitRecord>> {
        let log_store = log_store(&self.store, name);
        let commits = commits(log_store.as_ref(), versions).await;
        commits.map_err(|error| Error::table(name, error))
    }

    /// The Delta table at its latest version; `None` where it does not exist.
    pub(crate) async fn table(&self, name: &str) -> Result<Option<DeltaTable>> {
        self.log(name).lock().await.table().await
    }

    /// The logs that this process has looked at.
    pub(crate) fn known_logs(&self) -> Vec<(String, SharedLog)> {
        let logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let logs = logs.iter();
        logs.map(|(name, log)| (name.clone(), Arc::clone(log)))
            .collect()
    }

    /// Keeps the digest of a pack that is closed.
    pub(crate) fn keep_digest_of_pack(&self, pack: String, hash: &blake3::Hasher) {
        let mut packs = self.packs.lock().unwrap_or_else(PoisonError::into_inner);
        packs.insert(pack, hash.finalize().to_hex().to_string());
    }

    /// The digests of some packs, as far as this process wrote them.
    pub(crate) fn digests_of_packs(&self, names: &BTreeSet<String>) -> BTreeMap<String, String> {
        let packs = self.packs.lock().unwrap_or_else(PoisonError::into_inner);
        let digests = names.iter();
        digests
            .filter_map(|name| Some((name.clone(), packs.get(name)?.clone())))
            .collect()
    }

    /// Forgets the digests of packs whose rows are committed.
    pub(crate) fn forget_digests_of_packs(&self, names: &BTreeSet<String>) {
        let mut packs = self.packs.lock().unwrap_or_else(PoisonError::into_inner);
        packs.retain(|name, _| !names.contains(name));
    }

    /// What is known of a table's log.
    pub(crate) fn log(&self, name: &str) -> SharedLog {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let log = logs.entry(name.to_owned()).or_insert_with(|| {
            let log = TableLog::new(&self.store, name, self.shown);
            Arc::new(tokio::sync::Mutex::new(log))
        });
        Arc::clone(log)
    }
}
