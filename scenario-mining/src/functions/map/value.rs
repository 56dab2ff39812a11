//! The rows of a map as one value, and back: the bytes of an Arrow IPC stream.
//!
//! A value of some hundred kilobytes goes along with every row of a join. It is of a view type, so that the rows share its
//! bytes.

use std::sync::Arc;

use arrow::array::{ArrayRef, StructArray};
use arrow::compute::{SortColumn, cast, lexsort_to_indices, take_record_batch};
use arrow::datatypes::{DataType, Field, Fields, Schema};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;
use datafusion::common::{DataFusionError, exec_err};
use datafusion::error::Result;

/// Which table a value is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Lanes,
    Areas,
}

impl Kind {
    /// The function that makes such a value.
    pub(super) fn maker(self) -> &'static str {
        match self {
            Self::Lanes => "lane_map",
            Self::Areas => "area_map",
        }
    }

    /// The columns of the table that the value holds, first those that it is sorted by.
    pub(super) fn fields(self) -> Fields {
        let line = DataType::new_list(DataType::Float64, true);
        let names = DataType::new_list(DataType::Utf8, true);
        let fields = match self {
            Self::Lanes => vec![
                ("lane_id", DataType::Utf8),
                ("is_intersection", DataType::Boolean),
                ("centre", line.clone()),
                ("left_boundary", line.clone()),
                ("right_boundary", line),
                ("left_neighbour", DataType::Utf8),
                ("right_neighbour", DataType::Utf8),
                ("successors", names),
            ],
            Self::Areas => vec![
                ("kind", DataType::Utf8),
                ("area_id", DataType::Utf8),
                ("polygon", line),
            ],
        };
        let field = |(name, data_type)| Field::new(name, data_type, true);
        fields.into_iter().map(field).collect()
    }

    fn sort_columns(self) -> usize {
        match self {
            Self::Lanes => 1,
            Self::Areas => 2,
        }
    }

    /// The value of these rows, the same in whatever order they come.
    pub(super) fn write(self, rows: &StructArray) -> Result<Vec<u8>> {
        let fields = self.fields();
        let column = |field: &Arc<Field>| -> Result<ArrayRef> {
            if let Some(column) = rows.column_by_name(field.name()) {
                Ok(cast(column, field.data_type())?)
            } else {
                exec_err!(
                    "{}: expected structs with a field `{}`, got {}",
                    self.maker(),
                    field.name(),
                    rows.column_names().join(", ")
                )
            }
        };
        let columns = fields.iter().map(column).collect::<Result<Vec<_>>>()?;
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
        let by: Vec<SortColumn> = batch.columns()[..self.sort_columns()]
            .iter()
            .map(|values| SortColumn {
                values: Arc::clone(values),
                options: None,
            })
            .collect();
        let batch = take_record_batch(&batch, &lexsort_to_indices(&by, None)?)?;
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema())?;
        writer.write(&batch)?;
        Ok(writer.into_inner()?)
    }

    /// The rows of a value.
    pub(super) fn read(self, bytes: &[u8]) -> Result<RecordBatch> {
        let strange = |actual: String| {
            let maker = self.maker();
            DataFusionError::Execution(format!(
                "expected a value that `{maker}` made, got {actual}"
            ))
        };
        let mut reader =
            StreamReader::try_new(bytes, None).map_err(|error| strange(error.to_string()))?;
        let batch = reader
            .next()
            .ok_or_else(|| strange("an empty one".into()))?;
        let batch = batch.map_err(|error| strange(error.to_string()))?;
        if *batch.schema().fields() != self.fields() {
            return Err(strange("one of another table".into()));
        }
        Ok(batch)
    }
}
