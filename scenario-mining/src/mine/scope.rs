//! The tables of a lake, cut to some drives.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::logical_expr::{col, lit};
use datafusion::prelude::SessionContext;
use driveloop_lake::{COMPOSED_SCHEMA, Lake};
use driveloop_schemas::time::seconds_between;
use driveloop_schemas::{Drive, TABLES};

use crate::error::{Error, Result};
use crate::session::{SCENE, session_over};

/// A session whose tables hold the rows of these drives alone, composed or not. Every per-drive query of a scenario then
/// reads a bounded part of the lake, and needs no word about which drives it is for.
///
/// Short drives have their `scene` computed once for all scenarios and held in memory; that of more than
/// `held_s_max` seconds of driving streams through each query instead.
pub(super) async fn session(
    lake: &Lake,
    drives: &[Drive],
    held_s_max: f64,
) -> Result<SessionContext> {
    let fail = |source| Error::query("session", source);
    let whole = lake.session();
    let log_ids: Vec<_> = drives.iter().map(|drive| lit(&*drive.log_id)).collect();
    let mut tables: Vec<(String, Arc<dyn TableProvider>)> = Vec::new();
    for spec in TABLES {
        let column = match spec.name {
            "synthetic_item" => "item_id",
            _ if spec.has_column("log_id") => "log_id",
            _ => continue,
        };
        let frame = whole
            .table(TableReference::partial(COMPOSED_SCHEMA, spec.name))
            .await
            .map_err(fail)?;
        let cut = frame
            .filter(col(column).in_list(log_ids.clone(), false))
            .map_err(fail)?;
        tables.push((spec.name.to_owned(), cut.into_view()));
    }
    let context = session_over(tables).await.map_err(fail)?;
    let driven_s: f64 = drives.iter().map(duration_s).sum();
    if driven_s <= held_s_max {
        let scene = context.table(SCENE.name).await.map_err(fail)?;
        let held = scene.cache().await.map_err(fail)?.into_view();
        context.deregister_table(SCENE.name).map_err(fail)?;
        context.register_table(SCENE.name, held).map_err(fail)?;
    }
    Ok(context)
}

fn duration_s(drive: &Drive) -> f64 {
    seconds_between(drive.start_ns, drive.end_ns)
}
