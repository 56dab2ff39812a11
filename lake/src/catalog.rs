//! The tables as DataFusion sees them: opened when a query first names them, and then fixed for the session.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{MemTable, SchemaProvider, TableProvider};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{LogicalPlanBuilder, col, lit};
use driveloop_schemas::{TABLES, TableSpec};
use tokio::sync::Mutex;

use crate::lake::Lake;

/// Column that marks the rows of composed drives.
const COMPOSED: &str = "composed";

/// Tables that a session has opened, shared by its schemas so that both see one version.
type Opened = Mutex<BTreeMap<&'static str, Arc<dyn TableProvider>>>;

/// Whether composed drives are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// Only what was recorded or simulated.
    WithoutComposed,
    /// Everything.
    WithComposed,
}

/// One schema over the tables of a lake.
#[derive(Debug)]
pub(crate) struct LakeSchema {
    lake: Lake,
    view: View,
    opened: Arc<Opened>,
}

impl LakeSchema {
    /// Both schemas over one set of opened tables.
    pub(crate) fn pair(lake: &Lake) -> (Self, Self) {
        let opened = Arc::new(Opened::default());
        let schema = |view| Self {
            lake: lake.clone(),
            view,
            opened: Arc::clone(&opened),
        };
        (schema(View::WithoutComposed), schema(View::WithComposed))
    }

    async fn open(&self, spec: &'static TableSpec) -> Result<Arc<dyn TableProvider>> {
        let mut opened = self.opened.lock().await;
        if let Some(provider) = opened.get(spec.name) {
            return Ok(Arc::clone(provider));
        }
        let external = |error| DataFusionError::External(Box::new(error));
        let provider: Arc<dyn TableProvider> =
            match self.lake.table(spec.name).await.map_err(external)? {
                Some(table) => Arc::new(table.table_provider().build().await?),
                None => Arc::new(MemTable::try_new(spec.schema(), vec![vec![]])?),
            };
        opened.insert(spec.name, Arc::clone(&provider));
        Ok(provider)
    }
}

#[async_trait]
impl SchemaProvider for LakeSchema {
    fn table_names(&self) -> Vec<String> {
        TABLES.iter().map(|spec| spec.name.to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some(spec) = TABLES.iter().find(|spec| spec.name == name) else {
            return Ok(None);
        };
        let provider = self.open(spec).await?;
        if self.view == View::WithComposed || !spec.has_column(COMPOSED) {
            return Ok(Some(provider));
        }
        let plan = LogicalPlanBuilder::scan(name, provider_as_source(provider), None)?
            .filter(col(COMPOSED).eq(lit(false)))?
            .build()?;
        Ok(Some(Arc::new(ViewTable::new(plan, None))))
    }

    fn table_exist(&self, name: &str) -> bool {
        TABLES.iter().any(|spec| spec.name == name)
    }
}
