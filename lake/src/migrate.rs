//! Tables of an older version: read with the columns of today, and given them with the next commit.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast, col, lit};
use datafusion::scalar::ScalarValue;
use driveloop_schemas::migrations::{DefaultValue, default_of};
use driveloop_schemas::{ColumnSpec, Error, TableSpec};

/// The table with its columns as they are specified now, in their order: those that an older version lacks hold their default.
pub(crate) fn upgraded(
    spec: &'static TableSpec,
    stored: Arc<dyn TableProvider>,
) -> Result<Arc<dyn TableProvider>> {
    let schema = stored.schema();
    let names = schema.fields().iter().map(|field| field.name().as_str());
    if names.eq(spec.columns.iter().map(|column| column.name)) {
        return Ok(stored);
    }
    let of_today = spec.columns.iter().map(|column| {
        if schema.field_with_name(column.name).is_ok() {
            return Ok(col(column.name));
        }
        default(spec, column)
    });
    let of_today = of_today.collect::<Result<Vec<_>>>()?;
    let plan = LogicalPlanBuilder::scan(spec.name, provider_as_source(stored), None)?
        .project(of_today)?
        .build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

fn default(spec: &'static TableSpec, column: &ColumnSpec) -> Result<Expr> {
    let data_type = (column.data_type)();
    let value = match default_of(spec.name, column.name) {
        Some(DefaultValue::Null) => lit(ScalarValue::try_from(&data_type)?),
        Some(DefaultValue::Bool(value)) => lit(value),
        Some(DefaultValue::Integer(value)) => lit(value),
        Some(DefaultValue::Text(value)) => lit(value),
        None => {
            let error = Error::MissingColumn {
                table: spec.name,
                column: column.name,
            };
            return Err(DataFusionError::External(Box::new(error)));
        }
    };
    Ok(cast(value, data_type).alias(column.name))
}
