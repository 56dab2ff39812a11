//! The lake: opening, reading, versions.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::prelude::{SessionConfig, SessionContext};
use deltalake::{DeltaTable, DeltaTableBuilder, DeltaTableError};
use driveloop_schemas::{Row, TABLES};
use futures::TryStreamExt as _;

use crate::catalog::LakeSchema;
use crate::commit::Versions;
use crate::error::{Error, Result};
use crate::history::CommitRecord;
use crate::store::Store;

/// SQL schema in which composed drives are seen too.
pub const COMPOSED_SCHEMA: &str = "with_composed";

/// Folder of the tables below the lake's URI.
const TABLE_FOLDER: &str = "tables";

/// A lake. Cloning is cheap; clones share the connection.
#[derive(Debug, Clone)]
pub struct Lake {
    store: Store,
}

impl Lake {
    /// Opens a lake at a URI. A lake that does not exist yet is empty; the first commit makes it.
    ///
    /// # Errors
    /// When the URI names no store, or the place cannot be reached.
    pub async fn open(uri: &str) -> Result<Self> {
        let store = Store::open(uri)?;
        if let Some(folder) = store.local_path("") {
            // A lake on a local disk needs its folder before anything can be listed or written.
            tokio::fs::create_dir_all(&folder)
                .await
                .map_err(|source| Error::storage("create", uri, source))?;
        }
        Ok(Self { store })
    }

    /// The store below the lake.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
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
    /// In the default schema, tables with a `composed` column show no composed drives;
    /// those of [`COMPOSED_SCHEMA`] show everything.
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
        let table = self.table(table).await?;
        Ok(table
            .and_then(|table| table.version())
            .map(|version| version as i64))
    }

    /// The commits of a table, the first first.
    ///
    /// # Errors
    /// When the table or the store fails.
    pub async fn history(&self, name: &str) -> Result<Vec<CommitRecord>> {
        let Some(table) = self.table(name).await? else {
            return Ok(Vec::new());
        };
        let fail = |error| Error::table(name, error);
        let infos: Vec<_> = table.history(None).try_collect().await.map_err(fail)?;
        let latest = table.version().map_or(-1, |version| version as i64);
        let mut records: Vec<_> = (0_i64..)
            .zip(&infos)
            .map(|(back, info)| CommitRecord::new(latest - back, info))
            .collect();
        records.reverse();
        Ok(records)
    }

    /// The Delta table; `None` where it does not exist.
    pub(crate) async fn table(&self, name: &str) -> Result<Option<DeltaTable>> {
        // Delta refuses a local folder that is not there, where it finds an empty prefix of a bucket empty.
        let folder = self.table_folder(name);
        if folder.is_some_and(|folder| !folder.join("_delta_log").is_dir()) {
            return Ok(None);
        }
        let mut table = self.table_unloaded(name)?;
        match table.load().await {
            Ok(()) => Ok(Some(table)),
            Err(DeltaTableError::NotATable(_)) => Ok(None),
            Err(error) => Err(Error::table(name, error)),
        }
    }

    /// Where a table lies on the local disk, when it does.
    pub(crate) fn table_folder(&self, name: &str) -> Option<std::path::PathBuf> {
        self.store.local_path(&format!("{TABLE_FOLDER}/{name}"))
    }

    pub(crate) fn table_unloaded(&self, name: &str) -> Result<DeltaTable> {
        let mut url = self.store.url().clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend([TABLE_FOLDER, name, ""]);
        }
        let builder =
            DeltaTableBuilder::from_url(url).map_err(|error| Error::table(name, error))?;
        builder.build().map_err(|error| Error::table(name, error))
    }
}
