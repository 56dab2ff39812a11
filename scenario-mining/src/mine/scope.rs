//! The tables of a lake, cut to some drives.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::logical_expr::{col, lit};
use datafusion::prelude::SessionContext;
use driveloop_lake::{COMPOSED_SCHEMA, Lake};
use driveloop_schemas::{Drive, TABLES};

use crate::error::{Error, Result};
use crate::session::session_over;

/// A session whose tables hold the rows of these drives alone, composed or not. Every per-drive query of a scenario then
/// reads a bounded part of the lake, and needs no word about which drives it is for.
pub(super) async fn session(lake: &Lake, drives: &[Drive]) -> Result<SessionContext> {
    let fail = |source| Error::query("session", source);
    let whole = lake.session();
    let log_ids: Vec<_> = drives
        .iter()
        .map(|drive| lit(drive.log_id.as_str()))
        .collect();
    let mut tables: Vec<(String, Arc<dyn TableProvider>)> = Vec::new();
    for spec in TABLES.iter().filter(|spec| spec.has_column("log_id")) {
        let frame = whole
            .table(TableReference::partial(COMPOSED_SCHEMA, spec.name))
            .await
            .map_err(fail)?;
        let cut = frame
            .filter(col("log_id").in_list(log_ids.clone(), false))
            .map_err(fail)?;
        tables.push((spec.name.to_owned(), cut.into_view()));
    }
    session_over(tables).await.map_err(fail)
}
