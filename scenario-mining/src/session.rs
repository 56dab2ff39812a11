//! Sessions: the tables of a lake, the driving functions and the `scene` view.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, SchemaProvider, TableProvider};
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use driveloop_lake::{COMPOSED_SCHEMA, Lake};

use crate::error::{Error, Result};
use crate::functions;

/// Catalogue and schema that unqualified names are looked up in.
const CATALOGUE: &str = "driveloop";
const SCHEMA: &str = "public";
/// The view that scenarios start from, and its text.
pub(crate) const SCENE: (&str, &str) = ("scene", include_str!("../views/scene.sql"));

/// Bounds of a session.
#[derive(Debug, Clone, Default)]
pub struct SessionOptions {
    /// Bytes that operators may hold before they spill to disk, and then fail: a statement cannot take the machine's memory.
    /// `None` is no bound.
    pub memory_max_bytes: Option<usize>,
    /// Folder that operators spill to; `None` is that of the system.
    pub spill_folder: Option<PathBuf>,
}

/// A session over the tables of a lake, with the driving functions and the view `scene`, without bounds.
/// Composed drives are seen under `with_composed.` only, `with_composed.scene` included.
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
    let mut runtime = RuntimeEnvBuilder::new();
    if let Some(bytes) = options.memory_max_bytes {
        runtime = runtime.with_memory_limit(bytes, 1.0);
    }
    if let Some(folder) = &options.spill_folder {
        runtime = runtime.with_temp_file_path(folder);
    }
    let fail = |source| Error::query("session", source);
    let runtime = runtime.build_arc().map_err(fail)?;
    let context = SessionContext::new_with_config_rt(config(), runtime);
    let tables = lake.session().catalog(CATALOGUE);
    let catalogue = MemoryCatalogProvider::new();
    for schema in [SCHEMA, COMPOSED_SCHEMA] {
        let Some(inner) = tables.as_ref().and_then(|tables| tables.schema(schema)) else {
            continue;
        };
        let scene = scene_of(Arc::clone(&inner)).await.map_err(fail)?;
        let with_views = WithScene { inner, scene };
        catalogue
            .register_schema(schema, Arc::new(with_views))
            .map_err(fail)?;
    }
    context.register_catalog(CATALOGUE, Arc::new(catalogue));
    functions::register(&context).map_err(fail)?;
    Ok(context)
}

/// A session over these tables alone.
pub(crate) async fn session_over(
    tables: impl IntoIterator<Item = (String, Arc<dyn TableProvider>)>,
) -> DataFusionResult<SessionContext> {
    let context = SessionContext::new_with_config(config());
    functions::register(&context)?;
    for (name, provider) in tables {
        context.register_table(name, provider)?;
    }
    if context.table_exist("object_track")? {
        let scene = context.sql(SCENE.1).await?.into_view();
        context.register_table(SCENE.0, scene)?;
    }
    Ok(context)
}

fn config() -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_information_schema(true)
        .with_default_catalog_and_schema(CATALOGUE, SCHEMA);
    // Errors then say where in the text they arose.
    config.options_mut().sql_parser.collect_spans = true;
    config
}

/// The view over the tables of one schema.
async fn scene_of(schema: Arc<dyn SchemaProvider>) -> DataFusionResult<Arc<dyn TableProvider>> {
    let context = SessionContext::new_with_config(config());
    functions::register(&context)?;
    let catalogue = MemoryCatalogProvider::new();
    catalogue.register_schema(SCHEMA, schema)?;
    context.register_catalog(CATALOGUE, Arc::new(catalogue));
    Ok(context.sql(SCENE.1).await?.into_view())
}

/// A schema of the lake, and the view.
#[derive(Debug)]
struct WithScene {
    inner: Arc<dyn SchemaProvider>,
    scene: Arc<dyn TableProvider>,
}

#[async_trait]
impl SchemaProvider for WithScene {
    fn table_names(&self) -> Vec<String> {
        let mut names = self.inner.table_names();
        names.push(SCENE.0.to_owned());
        names
    }

    async fn table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        if name == SCENE.0 {
            return Ok(Some(Arc::clone(&self.scene)));
        }
        self.inner.table(name).await
    }

    fn table_exist(&self, name: &str) -> bool {
        name == SCENE.0 || self.inner.table_exist(name)
    }
}
