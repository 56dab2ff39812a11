//! The columns by which an operator tells drives, series and stamps apart.

use arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use arrow::datatypes::{DataType, Int64Type};
use arrow::record_batch::RecordBatch;
use datafusion::common::{DFSchema, plan_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::scalar::ScalarValue;

/// Column that names the drive.
pub(crate) const LOG_ID: &str = "log_id";
/// Column that names an actor within its drive.
pub(crate) const TRACK_ID: &str = "track_id";
/// Column of time.
pub(crate) const STAMP_NS: &str = "stamp_ns";

/// Where the columns of drive, series and time are in an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// The drive.
    pub(crate) log: usize,
    /// What tells the series of a drive apart, most often its track; none where a drive is one series.
    pub(crate) series: Vec<usize>,
    /// The stamp, 64-bit nanoseconds.
    pub(crate) stamp: usize,
}

impl Key {
    /// Finds the columns by name.
    ///
    /// # Errors
    /// When one is missing, there twice, or `stamp_ns` is no 64-bit integer.
    pub(crate) fn find(schema: &DFSchema, series: &[String], operator: &str) -> Result<Self> {
        let stamp = column(schema, STAMP_NS, operator)?;
        let data_type = schema.field(stamp).data_type();
        if *data_type != DataType::Int64 {
            return plan_err!("{operator}: expected {STAMP_NS} as BIGINT, got {data_type}");
        }
        let series = series.iter().map(|name| column(schema, name, operator));
        Ok(Self {
            log: column(schema, LOG_ID, operator)?,
            series: series.collect::<Result<_>>()?,
            stamp,
        })
    }

    /// All columns, in the order by which rows are sorted.
    pub(crate) fn columns(&self) -> impl Iterator<Item = usize> + '_ {
        let first = std::iter::once(self.log);
        first.chain(self.series.iter().copied()).chain([self.stamp])
    }

    /// The arrays that tell series apart, the drive's first.
    pub(super) fn series_arrays(&self, rows: &RecordBatch) -> Vec<ArrayRef> {
        let columns = std::iter::once(&self.log).chain(&self.series);
        columns.map(|&column| rows.column(column).clone()).collect()
    }

    /// The stamps of rows.
    ///
    /// # Errors
    /// When one is null: a row without a time has no place in a drive.
    pub(crate) fn stamps<'a>(&self, rows: &'a RecordBatch) -> Result<&'a Int64Array> {
        let stamps = rows.column(self.stamp);
        match stamps.as_primitive_opt::<Int64Type>() {
            Some(stamps) if stamps.null_count() == 0 => Ok(stamps),
            _ => Err(DataFusionError::Execution(format!(
                "expected a {STAMP_NS} in every row, got null in drive {}",
                self.log_id(rows, stamps.logical_nulls().map_or(0, first_null))
            ))),
        }
    }

    /// The drive of a row, for messages.
    pub(super) fn log_id(&self, rows: &RecordBatch, row: usize) -> String {
        ScalarValue::try_from_array(rows.column(self.log), row)
            .map_or_else(|_| "?".to_owned(), |value| value.to_string())
    }
}

fn first_null(nulls: arrow::buffer::NullBuffer) -> usize {
    (0..nulls.len())
        .find(|&row| nulls.is_null(row))
        .unwrap_or(0)
}

/// The one column of a name.
pub(crate) fn column(schema: &DFSchema, name: &str, operator: &str) -> Result<usize> {
    let named = schema.fields().iter().enumerate();
    let mut found = named.filter(|(_, field)| field.name() == name);
    match (found.next(), found.next()) {
        (Some((index, _)), None) => Ok(index),
        (Some(_), Some(_)) => plan_err!("{operator}: the input has more than one column `{name}`"),
        (None, _) => plan_err!("{operator}: the input has no column `{name}`"),
    }
}

/// The series of an input where a call names none: one a track, or one a drive where there are no tracks.
pub(crate) fn series_by_default(schema: &DFSchema) -> Vec<String> {
    let has_tracks = schema.fields().iter().any(|field| field.name() == TRACK_ID);
    has_tracks
        .then(|| TRACK_ID.to_owned())
        .into_iter()
        .collect()
}
