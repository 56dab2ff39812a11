//! Sessions: the tables of a lake, the driving functions and the views `scene` and `drive_map`.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, SchemaProvider, TableProvider};
use datafusion::common::format::MetricType;
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use driveloop_lake::{COMPOSED_SCHEMA, Lake};

use crate::error::{Error, Result};
use crate::functions;
use crate::operators::{OperatorLimits, query, register_operators};

/// Catalogue and schema that unqualified names are looked up in.
const CATALOGUE: &str = "driveloop";
const SCHEMA: &str = "public";

/// A query over the tables of a lake that has a name.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
    /// The table whose rows it is made of; where it is not there, the view is not either.
    rows_of: &'static str,
}

/// The view that scenarios start from.
pub(crate) const SCENE: View = View {
    name: "scene",
    sql: include_str!("../views/scene.sql"),
    rows_of: "object_track",
};
/// All views.
pub(crate) const VIEWS: [View; 2] = [
    SCENE,
    View {
        name: "drive_map",
        sql: include_str!("../views/drive_map.sql"),
        rows_of: "drive",
    },
];

/// Bounds of a session.
#[derive(Debug, Clone, Default)]
pub struct SessionOptions {
    /// Bytes that operators may hold before they spill to disk, and then fail: a statement cannot take the machine's memory.
    /// `None` is no bound.
    pub memory_max_bytes: Option<usize>,
    /// Where operators put what does not fit into memory.
    pub spill: Spill,
}

/// Where operators put what does not fit into memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Spill {
    /// Nowhere: what does not fit fails.
    Off,
    /// The system's folder for temporary files.
    #[default]
    System,
    /// A folder of the caller's; what is written there is deleted with the session.
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Bytes that may lie in it at once: a statement cannot fill the disk.
        max_bytes: u64,
    },
}

/// A session over the tables of a lake, with the driving functions and the views `scene` and `drive_map`, without
/// bounds. Composed drives are seen under `with_composed.` only, `with_composed.scene` included.
///
/// # Errors
/// When the lake cannot be read.
pub async fn session(lake: &Lake) -> Result<SessionContext> {
    session_with(lake, &SessionOptions::default()).await
}

/// The same with bounds.
///
/// # Errors
/// When the lake cannot be read.
pub async fn session_with(lake: &Lake, options: &SessionOptions) -> Result<SessionContext> {
    let fail = |source| Error::query("session", source);
    let runtime = runtime(options).build_arc().map_err(fail)?;
    let context = SessionContext::new_with_config_rt(config(options), runtime);
    let tables = lake.session().catalog(CATALOGUE);
    let catalogue = MemoryCatalogProvider::new();
    for schema in [SCHEMA, COMPOSED_SCHEMA] {
        let Some(inner) = tables.as_ref().and_then(|tables| tables.schema(schema)) else {
            continue;
        };
        catalogue
            .register_schema(schema, Arc::new(WithViews { inner }))
            .map_err(fail)?;
    }
    context.register_catalog(CATALOGUE, Arc::new(catalogue));
    functions::register(&context).map_err(fail)?;
    register_operators(&context, OperatorLimits::default()).map_err(fail)?;
    Ok(context)
}

/// A session over these tables alone.
pub(crate) async fn session_over(
    tables: impl IntoIterator<Item = (String, Arc<dyn TableProvider>)>,
) -> DataFusionResult<SessionContext> {
    let context = SessionContext::new_with_config(config(&SessionOptions::default()));
    functions::register(&context)?;
    register_operators(&context, OperatorLimits::default())?;
    for (name, provider) in tables {
        context.register_table(name, provider)?;
    }
    for view in &VIEWS {
        if context.table_exist(view.rows_of)? {
            let table = query(&context, view.sql).await?.into_view();
            context.register_table(view.name, table)?;
        }
    }
    Ok(context)
}

fn config(options: &SessionOptions) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_information_schema(true)
        .with_default_catalog_and_schema(CATALOGUE, SCHEMA);
    let settings = config.options_mut();
    // Errors then say where in the text they arose.
    settings.sql_parser.collect_spans = true;
    // The numbers that say which operator is slow, without those for the engine's developers.
    settings.explain.analyze_level = MetricType::Summary;
    if let Some(bytes) = options.memory_max_bytes {
        // Each sort keeps this much back for merging; all of them together must leave room for rows.
        let share = bytes / (4 * settings.execution.target_partitions.max(1));
        let reserved = &mut settings.execution.sort_spill_reservation_bytes;
        *reserved = share.min(*reserved);
    }
    config
}

fn runtime(options: &SessionOptions) -> RuntimeEnvBuilder {
    let mut runtime = RuntimeEnvBuilder::new();
    if let Some(bytes) = options.memory_max_bytes {
        // Operators that can spill share the memory evenly: none takes what another needs to begin.
        runtime = runtime.with_memory_pool(Arc::new(FairSpillPool::new(bytes)));
    }
    let disk = DiskManagerBuilder::default();
    runtime.with_disk_manager_builder(match &options.spill {
        Spill::System => disk,
        Spill::Off => disk.with_mode(DiskManagerMode::Disabled),
        Spill::Folder { folder, max_bytes } => disk
            .with_mode(DiskManagerMode::Directories(vec![folder.clone()]))
            .with_max_temp_directory_size(*max_bytes),
    })
}

/// A view over the tables of one schema.
async fn view_of(
    view: &View,
    schema: Arc<dyn SchemaProvider>,
) -> DataFusionResult<Arc<dyn TableProvider>> {
    let context = SessionContext::new_with_config(config(&SessionOptions::default()));
    functions::register(&context)?;
    register_operators(&context, OperatorLimits::default())?;
    let catalogue = MemoryCatalogProvider::new();
    catalogue.register_schema(SCHEMA, schema)?;
    context.register_catalog(CATALOGUE, Arc::new(catalogue));
    Ok(query(&context, view.sql).await?.into_view())
}

/// A schema of the lake, and the views, each planned when a statement names it.
#[derive(Debug)]
struct WithViews {
    inner: Arc<dyn SchemaProvider>,
}

#[async_trait]
impl SchemaProvider for WithViews {
    fn table_names(&self) -> Vec<String> {
        let mut names = self.inner.table_names();
        names.extend(VIEWS.iter().map(|view| view.name.to_owned()));
        names
    }

    async fn table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        match VIEWS.iter().find(|view| view.name == name) {
            Some(view) => Ok(Some(view_of(view, Arc::clone(&self.inner)).await?)),
            None => self.inner.table(name).await,
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        VIEWS.iter().any(|view| view.name == name) || self.inner.table_exist(name)
    }
}
