//! A driving function as a scalar function of DataFusion: evaluated over whole columns, scalars not expanded.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, Float64Array};
use arrow::datatypes::DataType;
use datafusion::common::{ScalarValue, cast::as_float64_array, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::DrivingFunction;

/// The most arguments that a driving function has.
const ARGUMENTS_MAX: usize = 14;

/// The function for a session.
pub(super) fn udf(function: &'static DrivingFunction) -> Result<ScalarUDF> {
    let arguments = function.doc.arguments;
    let signature = Signature::exact(
        vec![DataType::Float64; arguments.len()],
        Volatility::Immutable,
    )
    .with_parameter_names(arguments.to_vec())?;
    Ok(ScalarUDF::new_from_impl(Scalar {
        function,
        signature,
    }))
}

struct Scalar {
    function: &'static DrivingFunction,
    signature: Signature,
}

impl std::fmt::Debug for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.function.doc.name)
    }
}

impl PartialEq for Scalar {
    fn eq(&self, other: &Self) -> bool {
        self.function.doc.name == other.function.doc.name
    }
}

impl Eq for Scalar {}

impl Hash for Scalar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.doc.name.hash(state);
    }
}

/// One argument: a column, or one value for all rows.
enum Input<'a> {
    Column(&'a Float64Array),
    Value(Option<f64>),
}

impl Input<'_> {
    fn get(&self, row: usize) -> Option<f64> {
        let value = match self {
            Self::Column(column) => column.is_valid(row).then(|| column.value(row)),
            Self::Value(value) => *value,
        };
        value.filter(|value| value.is_finite())
    }
}

impl ScalarUDFImpl for Scalar {
    fn name(&self) -> &str {
        self.function.doc.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let inputs = args.args.iter().map(input).collect::<Result<Vec<_>>>()?;
        let row_value = |row: usize| {
            let mut values = [0.0; ARGUMENTS_MAX];
            for (value, input) in values.iter_mut().zip(&inputs) {
                *value = input.get(row)?;
            }
            (self.function.evaluate)(&values[..inputs.len()]).filter(|value| value.is_finite())
        };
        if inputs.iter().all(|input| matches!(input, Input::Value(_))) {
            return Ok(ColumnarValue::Scalar(ScalarValue::Float64(row_value(0))));
        }
        let column: Float64Array = (0..args.number_rows).map(row_value).collect();
        Ok(ColumnarValue::Array(Arc::new(column)))
    }
}

fn input(argument: &ColumnarValue) -> Result<Input<'_>> {
    match argument {
        ColumnarValue::Array(array) => Ok(Input::Column(as_float64_array(array)?)),
        ColumnarValue::Scalar(ScalarValue::Float64(value)) => Ok(Input::Value(*value)),
        ColumnarValue::Scalar(other) => {
            internal_err!("expected a double, got {}", other.data_type())
        }
    }
}
