//! The functions of the query engine.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, ListArray, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields, Float64Type};
use datafusion::common::utils::take_function_args;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::polyline::{self, Place};

fn line_type() -> DataType {
    DataType::new_list(DataType::Float64, true)
}

fn place_fields() -> Fields {
    ["along_m", "offset_m", "yaw_rad"]
        .map(|name| Field::new(name, DataType::Float64, true))
        .to_vec()
        .into()
}

/// The points of the line of a row; none where there is no line or a point is missing.
fn line_of<'a>(lines: &ListArray, points: &'a Float64Array, row: usize) -> Option<&'a [f64]> {
    let offsets = lines.value_offsets();
    let (from, to) = (offsets[row] as usize, offsets[row + 1] as usize);
    let line = &points.values()[from..to];
    let is_whole = points.null_count() == 0 || (from..to).all(|point| points.is_valid(point));
    let is_finite = || line.iter().all(|value| value.is_finite());
    (lines.is_valid(row) && is_whole && is_finite()).then_some(line)
}

fn value(column: &Float64Array, row: usize) -> Option<f64> {
    let value = column.is_valid(row).then(|| column.value(row));
    value.filter(|value| value.is_finite())
}

/// The type of a place in SQL: a struct.
pub(crate) fn place_type() -> DataType {
    DataType::Struct(place_fields())
}

/// Places as a column; a row without one is null.
pub(crate) fn places(places: &[Option<Place>]) -> Result<StructArray> {
    let column = |read: fn(&Place) -> f64| -> ArrayRef {
        let values = places.iter().map(|place| place.as_ref().map(read));
        Arc::new(values.collect::<Float64Array>())
    };
    let columns = vec![
        column(|place| place.along_m),
        column(|place| place.offset_m),
        column(|place| place.yaw_rad),
    ];
    let nulls: NullBuffer = places.iter().map(Option::is_some).collect();
    Ok(StructArray::try_new(place_fields(), columns, Some(nulls))?)
}

/// `polyline_place(line, x_m, y_m)`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct PolylinePlace {
    signature: Signature,
}

impl PolylinePlace {
    pub(super) fn new() -> Result<Self> {
        let arguments = vec![line_type(), DataType::Float64, DataType::Float64];
        let signature = Signature::exact(arguments, Volatility::Immutable)
            .with_parameter_names(vec!["line", "x_m", "y_m"])?;
        Ok(Self { signature })
    }
}

impl ScalarUDFImpl for PolylinePlace {
    fn name(&self) -> &'static str {
        "polyline_place"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(place_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let [lines, x, y] = take_function_args(self.name(), columns)?;
        let lines = lines.as_list::<i32>();
        let points = lines.values().as_primitive::<Float64Type>();
        let (x, y) = (
            x.as_primitive::<Float64Type>(),
            y.as_primitive::<Float64Type>(),
        );
        let found: Vec<Option<Place>> = (0..lines.len())
            .map(|row| {
                let (x_m, y_m) = (value(x, row)?, value(y, row)?);
                polyline::place(line_of(lines, points, row)?, x_m, y_m)
            })
            .collect();
        Ok(ColumnarValue::Array(Arc::new(places(&found)?)))
    }
}

/// `polyline_length_m(line)`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Length {
    signature: Signature,
}

impl Length {
    pub(super) fn new() -> Result<Self> {
        let signature = Signature::exact(vec![line_type()], Volatility::Immutable)
            .with_parameter_names(vec!["line"])?;
        Ok(Self { signature })
    }
}

impl ScalarUDFImpl for Length {
    fn name(&self) -> &'static str {
        "polyline_length_m"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let [lines] = take_function_args(self.name(), columns)?;
        let lines = lines.as_list::<i32>();
        let points = lines.values().as_primitive::<Float64Type>();
        let lengths: Float64Array = (0..lines.len())
            .map(|row| line_of(lines, points, row).map(polyline::length_m))
            .collect();
        Ok(ColumnarValue::Array(Arc::new(lengths)))
    }
}
