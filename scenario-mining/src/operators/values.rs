//! Expressions over the rows of a batch, as plain values.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use arrow::record_batch::RecordBatch;
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;

/// An expression as a column.
pub(super) fn array(expr: &Arc<dyn PhysicalExpr>, rows: &RecordBatch) -> Result<ArrayRef> {
    expr.evaluate(rows)?.into_array(rows.num_rows())
}

/// An expression as numbers; NaN where it is null or not finite.
pub(super) fn numbers(expr: &Arc<dyn PhysicalExpr>, rows: &RecordBatch) -> Result<Vec<f64>> {
    let values = cast(&array(expr, rows)?, &DataType::Float64)?;
    let values = values.as_primitive::<Float64Type>();
    let finite = |value: f64| if value.is_finite() { value } else { f64::NAN };
    let mut numbers: Vec<f64> = values.values().iter().map(|&value| finite(value)).collect();
    if let Some(nulls) = values.nulls() {
        for (number, is_valid) in numbers.iter_mut().zip(nulls) {
            if !is_valid {
                *number = f64::NAN;
            }
        }
    }
    Ok(numbers)
}

/// A condition as flags; unset where it is null.
pub(super) fn flags(expr: &Arc<dyn PhysicalExpr>, rows: &RecordBatch) -> Result<BooleanBuffer> {
    let values = cast(&array(expr, rows)?, &DataType::Boolean)?;
    let values: &BooleanArray = values.as_boolean();
    Ok(match values.nulls() {
        Some(nulls) => values.values() & nulls.inner(),
        None => values.values().clone(),
    })
}

/// Numbers as a column; null where they are NaN.
pub(super) fn column(numbers: Vec<f64>) -> ArrayRef {
    let valid: BooleanBuffer = numbers.iter().map(|number| !number.is_nan()).collect();
    let nulls = NullBuffer::new(valid);
    let nulls = (nulls.null_count() > 0).then_some(nulls);
    Arc::new(Float64Array::new(numbers.into(), nulls))
}
