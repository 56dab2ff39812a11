//! The functions that make a map's value: `lane_map` and `area_map`.

use std::sync::Arc;

use arrow::array::{Array, AsArray, BinaryViewArray};
use arrow::datatypes::DataType;
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::value::Kind;
use crate::functions::FunctionDoc;

/// `lane_map(list)` or `area_map(list)`: a list of structs in each row becomes a value.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Build {
    kind: Kind,
    signature: Signature,
}

impl Build {
    /// The function with the arguments of its documentation.
    pub(super) fn new(kind: Kind, doc: &FunctionDoc) -> Result<Self> {
        let signature = Signature::any(1, Volatility::Immutable)
            .with_parameter_names(doc.arguments.to_vec())?;
        Ok(Self { kind, signature })
    }
}

impl ScalarUDFImpl for Build {
    fn name(&self) -> &str {
        self.kind.maker()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [DataType::List(item)] if matches!(item.data_type(), DataType::Struct(_)) => {
                Ok(DataType::BinaryView)
            }
            _ => plan_err!(
                "{}: expected a list of structs, got {}",
                self.name(),
                arguments.first().unwrap_or(&DataType::Null)
            ),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let lists = args.args[0].to_array(args.number_rows)?;
        let lists = lists.as_list::<i32>();
        let value = |row| -> Result<Option<Vec<u8>>> {
            let rows = lists.is_valid(row).then(|| lists.value(row));
            rows.map(|rows| self.kind.write(rows.as_struct()))
                .transpose()
        };
        let values = (0..lists.len()).map(value).collect::<Result<Vec<_>>>()?;
        Ok(ColumnarValue::Array(Arc::new(BinaryViewArray::from_iter(
            values,
        ))))
    }
}
