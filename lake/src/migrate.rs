//! Tables of an older version: read with the columns of today, and given them with the next commit.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::{DataFusionError, Result};
use datafusion::functions::expr_fn::coalesce;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast, col, lit};
use datafusion::scalar::ScalarValue;
use deltalake::DeltaResult;
use deltalake::kernel::{Action, MetadataExt as _, Snapshot, StructField, StructType};
use deltalake::protocol::DeltaOperation;
use driveloop_schemas::migrations::{DefaultValue, default_of};
use driveloop_schemas::{ColumnSpec, Error, TableSpec};

use crate::delta::{delta_columns, stats_property};

/// The table with its columns as they are specified now, in their order. Those that an older version lacks hold their default,
/// and so do the rows of files that were written before the column was there.
pub(crate) fn upgraded(
    spec: &'static TableSpec,
    stored: Arc<dyn TableProvider>,
) -> Result<Arc<dyn TableProvider>> {
    let schema = stored.schema();
    let names = schema.fields().iter().map(|field| field.name().as_str());
    let is_of_today = names.eq(spec.columns.iter().map(|column| column.name));
    if is_of_today
        && spec
            .columns
            .iter()
            .all(|column| filler(spec, column).is_none())
    {
        return Ok(stored);
    }
    let of_today = spec.columns.iter().map(|column| {
        let stored = schema.field_with_name(column.name).is_ok();
        match (stored, filler(spec, column)) {
            (true, None) => Ok(col(column.name)),
            (true, Some(value)) => {
                let value = cast(value, (column.data_type)());
                Ok(coalesce(vec![col(column.name), value]).alias(column.name))
            }
            (false, _) => default(spec, column),
        }
    });
    let of_today = of_today.collect::<Result<Vec<_>>>()?;
    let plan = LogicalPlanBuilder::scan(spec.name, provider_as_source(stored), None)?
        .project(of_today)?
        .build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

/// What gives a stored table the columns that it lacks; `None` where it lacks none.
pub(crate) fn evolution(
    spec: &'static TableSpec,
    table: &Snapshot,
) -> DeltaResult<Option<(Vec<Action>, DeltaOperation)>> {
    let stored = table.schema();
    let lacks = |field: &StructField| stored.field(field.name()).is_none();
    let mut fields: Vec<StructField> = delta_columns(spec)?.into_iter().filter(lacks).collect();
    if fields.is_empty() {
        return Ok(None);
    }
    for field in &mut fields {
        // Files that are there already have no values for it.
        field.nullable = true;
    }
    let schema = StructType::try_new(stored.fields().chain(&fields).cloned())?;
    let (key, value) = stats_property(spec);
    let metadata = table.metadata().clone();
    let metadata = metadata.with_schema(&schema)?.add_config_key(key, value)?;
    let operation = DeltaOperation::AddColumn { fields };
    Ok(Some((vec![Action::Metadata(metadata)], operation)))
}

/// The default of a column that a later version added, where it is a value.
fn filler(spec: &TableSpec, column: &ColumnSpec) -> Option<Expr> {
    match default_of(spec.name, column.name)? {
        DefaultValue::Null => None,
        DefaultValue::Bool(value) => Some(lit(value)),
        DefaultValue::Integer(value) => Some(lit(value)),
        DefaultValue::Text(value) => Some(lit(value)),
    }
}

fn default(spec: &'static TableSpec, column: &ColumnSpec) -> Result<Expr> {
    if default_of(spec.name, column.name).is_none() {
        let (table, column) = (spec.name, column.name);
        let error = Error::MissingColumn { table, column };
        return Err(DataFusionError::External(Box::new(error)));
    }
    let data_type = (column.data_type)();
    let null = lit(ScalarValue::try_from(&data_type)?);
    let value = filler(spec, column).unwrap_or(null);
    Ok(cast(value, data_type).alias(column.name))
}
