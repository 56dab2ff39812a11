//! Feather tables: Arrow IPC files.

use std::io::Cursor;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::error::ArrowError;
use arrow::ipc::reader::FileReader;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use driveloop_lake::ObjectEntry;
use driveloop_schemas::pose::Pose;

use crate::blob::Blobs;
use crate::ego::checked_pose;
use crate::error::{Error, Result};
use crate::limits::Limits;

/// A feather table, read whole.
pub(super) struct Table {
    file: String,
    batch: RecordBatch,
}

/// Reads a table.
pub(super) fn read(blobs: &Blobs, file: &ObjectEntry, limits: &Limits) -> Result<Table> {
    let bytes = blobs.whole(file, limits.file_bytes_max)?;
    let batch = batch(bytes).map_err(|error| not_feather(&file.path, &error))?;
    if batch.num_rows() as u64 > limits.records_max {
        return Err(Error::Limit {
            subject: file.path.clone(),
            limit: "records_max",
            max: limits.records_max,
            actual: batch.num_rows() as u64,
        });
    }
    Ok(Table {
        file: file.path.clone(),
        batch,
    })
}

/// How many rows a table has, from one of its columns.
pub(super) fn count_rows(bytes: Bytes) -> Result<usize, ArrowError> {
    let mut rows = 0;
    for batch in FileReader::try_new(Cursor::new(bytes), Some(vec![0]))? {
        rows += batch?.num_rows();
    }
    Ok(rows)
}

fn batch(bytes: Bytes) -> Result<RecordBatch, ArrowError> {
    let reader = FileReader::try_new(Cursor::new(bytes), None)?;
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<_>, _>>()?;
    concat_batches(&schema, &batches)
}

fn not_feather(file: &str, error: &ArrowError) -> Error {
    Error::Format {
        file: file.to_owned(),
        expected: "a feather (Arrow IPC) file".to_owned(),
        actual: error.to_string(),
    }
}

impl Table {
    pub(super) fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    pub(super) fn has(&self, column: &str) -> bool {
        self.batch.column_by_name(column).is_some()
    }

    /// A column of integers without nulls.
    pub(super) fn i64(&self, column: &str) -> Result<Vec<i64>> {
        let array = self.column(column, &DataType::Int64)?;
        if array.null_count() > 0 {
            return Err(self.wrong(column, "integers without nulls", "nulls"));
        }
        Ok(array.as_primitive::<Int64Type>().values().to_vec())
    }

    /// A column of numbers; a null is not a number.
    pub(super) fn f64(&self, column: &str) -> Result<Vec<f64>> {
        let array = self.column(column, &DataType::Float64)?;
        Ok(array
            .as_primitive::<Float64Type>()
            .iter()
            .map(|value| value.unwrap_or(f64::NAN))
            .collect())
    }

    /// A column of texts; a null is empty.
    pub(super) fn text(&self, column: &str) -> Result<Vec<String>> {
        let array = self.column(column, &DataType::Utf8)?;
        Ok(array
            .as_string::<i32>()
            .iter()
            .map(|value| value.unwrap_or_default().to_owned())
            .collect())
    }

    /// The columns `qw, qx, qy, qz, tx_m, ty_m, tz_m`; `None` for a row that is no pose.
    pub(super) fn poses(&self) -> Result<Vec<Option<Pose>>> {
        let [qw, qx, qy, qz] = ["qw", "qx", "qy", "qz"].map(|column| self.f64(column));
        let [x, y, z] = ["tx_m", "ty_m", "tz_m"].map(|column| self.f64(column));
        let (qw, qx, qy, qz, x, y, z) = (qw?, qx?, qy?, qz?, x?, y?, z?);
        let pose = |i: usize| checked_pose([qw[i], qx[i], qy[i], qz[i]], [x[i], y[i], z[i]]);
        Ok((0..self.rows()).map(pose).collect())
    }

    fn column(&self, column: &str, data_type: &DataType) -> Result<ArrayRef> {
        let expected = format!("a column of type {data_type}");
        let array = self
            .batch
            .column_by_name(column)
            .ok_or_else(|| self.wrong(column, &expected, "none"))?;
        cast(array, data_type)
            .map_err(|_| self.wrong(column, &expected, &array.data_type().to_string()))
    }

    fn wrong(&self, column: &str, expected: &str, actual: &str) -> Error {
        Error::Format {
            file: self.file.clone(),
            expected: format!("column `{column}`: {expected}"),
            actual: actual.to_owned(),
        }
    }
}
