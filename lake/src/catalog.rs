//! The tables as DataFusion sees them: opened when a query first names them, and then fixed for the session.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{MemTable, SchemaProvider, TableProvider};
use datafusion::common::{Column, JoinType};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, col, lit};
use driveloop_schemas::{Drive, Row as _, TABLES, TableSpec};
use tokio::sync::Mutex;

use crate::as_of::AsOf;
use crate::error::Error;
use crate::lake::Lake;
use crate::log::Ids;
use crate::migrate::upgraded;
use crate::visible::{
    hidden_drives, is_of_ingested_drive, is_written_before_its_drive, removed_since,
};

/// Column that marks the rows of composed drives. Where it may be null, as in rows that were written before the table had it, the row
/// of `drive` says it.
const COMPOSED: &str = "composed";
/// Column that says whose rows they are.
const LOG_ID: &str = "log_id";

/// Whether composed drives are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// Only what was recorded or simulated.
    WithoutComposed,
    /// Everything.
    WithComposed,
}

/// A table that a session has opened.
#[derive(Debug, Clone)]
struct OpenTable {
    provider: Arc<dyn TableProvider>,
    /// Drives that were being written when the table was opened.
    hidden: Vec<String>,
    /// Whether it can hold rows of composed drives that it does not mark itself.
    may_hold_composed: bool,
}

/// Tables that a session has opened, shared by its schemas so that both see one version.
#[derive(Debug, Default)]
struct Opened {
    tables: BTreeMap<&'static str, OpenTable>,
    /// Transactions of the drives that the session sees; `None` until the first table is opened.
    drives: Option<Ids>,
}

/// One schema over the tables of a lake.
#[derive(Debug)]
pub(crate) struct LakeSchema {
    lake: Lake,
    view: View,
    opened: Arc<Mutex<Opened>>,
}

impl LakeSchema {
    /// Both schemas over one set of opened tables.
    pub(crate) fn pair(lake: &Lake) -> (Self, Self) {
        let opened = Arc::default();
        let schema = |view| Self {
            lake: lake.clone(),
            view,
            opened: Arc::clone(&opened),
        };
        (schema(View::WithoutComposed), schema(View::WithComposed))
    }

    /// Opens a table, `drive` before any other: a drive that is seen has all its rows in the tables that are opened later.
    async fn open(&self, spec: &'static TableSpec) -> Result<OpenTable> {
        let mut opened = self.opened.lock().await;
        // Versions of different tables say nothing of each other.
        let by_version = matches!(self.lake.shown(), AsOf::Version(_));
        if opened.drives.is_none() && !by_version {
            self.pin(Drive::SPEC, &mut opened).await?;
        }
        self.pin(spec, &mut opened).await
    }

    async fn pin(&self, spec: &'static TableSpec, opened: &mut Opened) -> Result<OpenTable> {
        if let Some(table) = opened.tables.get(spec.name) {
            return Ok(table.clone());
        }
        let external = |error| DataFusionError::External(Box::new(error));
        let log = self.lake.log(spec.name);
        let mut log = log.lock().await;
        let provider: Arc<dyn TableProvider> = match log.table().await.map_err(external)? {
            Some(table) => upgraded(spec, Arc::new(table.table_provider().build().await?))?,
            None => Arc::new(MemTable::try_new(spec.schema(), vec![vec![]])?),
        };
        let mut hidden = Vec::new();
        let mut may_hold_composed = spec.has_column(LOG_ID) && !marks_composed(spec);
        if spec.name == Drive::SPEC.name {
            opened.drives = Some(log.ids().await.map_err(external)?);
        } else if let (Some(drives), true) = (&opened.drives, is_written_before_its_drive(spec)) {
            let ids = log.ids().await.map_err(external)?;
            if let Some(log_id) = removed_since(&ids, drives) {
                let table = spec.name.to_owned();
                return Err(external(Error::RemovedMeanwhile { table, log_id }));
            }
            hidden = hidden_drives(&ids, drives);
            may_hold_composed &= ids.iter().any(|id| !is_of_ingested_drive(id));
        }
        let table = OpenTable {
            provider,
            hidden,
            may_hold_composed,
        };
        opened.tables.insert(spec.name, table.clone());
        Ok(table)
    }

    /// The drives that say which of them are composed: those of the session, or the latest where versions of tables are shown,
    /// which say nothing of each other. A drive that is composed has always been.
    async fn drives(&self) -> Result<Arc<dyn TableProvider>> {
        if matches!(self.lake.shown(), AsOf::Version(_)) {
            let latest = Self::pair(&self.lake.as_of(AsOf::Latest)).1;
            return Ok(latest.open(Drive::SPEC).await?.provider);
        }
        Ok(self.open(Drive::SPEC).await?.provider)
    }

    /// Leaves out of a table's rows those of composed drives. The drives are on the side that a hash join keeps in memory.
    async fn without_composed(
        &self,
        name: &str,
        rows: LogicalPlanBuilder,
    ) -> Result<LogicalPlanBuilder> {
        let drives = provider_as_source(self.drives().await?);
        let composed = LogicalPlanBuilder::scan(Drive::SPEC.name, drives, None)?
            .filter(col(COMPOSED))?
            .project([col(LOG_ID)])?;
        let keys = [Drive::SPEC.name, name].map(|table| Column::new(Some(table), LOG_ID));
        let [of_drive, of_rows] = keys.map(|key| vec![key]);
        composed.join(
            rows.build()?,
            JoinType::RightAnti,
            (of_drive, of_rows),
            None,
        )
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
        let OpenTable {
            provider,
            hidden,
            may_hold_composed,
        } = self.open(spec).await?;
        let hides_composed = self.view == View::WithoutComposed;
        let mut filters: Vec<Expr> = Vec::new();
        if hides_composed && marks_composed(spec) {
            filters.push(col(COMPOSED).eq(lit(false)));
        }
        if !hidden.is_empty() {
            let drives = hidden.into_iter().map(lit).collect();
            filters.push(col(LOG_ID).in_list(drives, true));
        }
        let hides_by_drive = hides_composed && may_hold_composed;
        if filters.is_empty() && !hides_by_drive {
            return Ok(Some(provider));
        }
        let mut plan = LogicalPlanBuilder::scan(name, provider_as_source(provider), None)?;
        if let Some(filter) = filters.into_iter().reduce(Expr::and) {
            plan = plan.filter(filter)?;
        }
        if hides_by_drive {
            plan = self.without_composed(name, plan).await?;
        }
        Ok(Some(Arc::new(ViewTable::new(plan.build()?, None))))
    }

    fn table_exist(&self, name: &str) -> bool {
        TABLES.iter().any(|spec| spec.name == name)
    }
}

/// Whether every row of a table says whether its drive is composed.
fn marks_composed(spec: &TableSpec) -> bool {
    let mut columns = spec.columns.iter();
    columns.any(|column| column.name == COMPOSED && !column.nullable)
}
