//! A driving function as a scalar function of DataFusion: evaluated over whole columns, scalars not expanded.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::{ScalarValue, cast::as_float64_array, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::{DrivingFunction, Evaluate};

/// The most arguments that a driving function has.
const ARGUMENTS_MAX: usize = 15;

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
        Ok(match self.function.evaluate {
            Evaluate::Number(_) => DataType::Float64,
            Evaluate::Text(_) => DataType::Utf8,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let inputs = args.args.iter().map(input).collect::<Result<Vec<_>>>()?;
        let is_one = inputs.iter().all(|input| matches!(input, Input::Value(_)));
        let rows = if is_one { 1 } else { args.number_rows };
        let column: ArrayRef = match self.function.evaluate {
            Evaluate::Number(number) => {
                let number = |v: &[f64]| number(v).filter(|value| value.is_finite());
                Arc::new(each(&inputs, rows, number).collect::<Float64Array>())
            }
            Evaluate::Text(text) => Arc::new(each(&inputs, rows, text).collect::<StringArray>()),
        };
        if is_one {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(
                &column, 0,
            )?));
        }
        Ok(ColumnarValue::Array(column))
    }
}

/// The function's value in each row; none where an argument is missing.
fn each<T>(
    inputs: &[Input<'_>],
    rows: usize,
    evaluate: impl Fn(&[f64]) -> Option<T>,
) -> impl Iterator<Item = Option<T>> {
    (0..rows).map(move |row| {
        let mut values = [0.0; ARGUMENTS_MAX];
        for (value, input) in values.iter_mut().zip(inputs) {
            *value = input.get(row)?;
        }
        evaluate(&values[..inputs.len()])
    })
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
