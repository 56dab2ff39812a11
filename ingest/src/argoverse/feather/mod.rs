//! Feather tables: Arrow IPC files, read column by column within [`Limits`].
//!
//! The reader of the `arrow` crate allocates what a file declares, and stops the process where that is more than there is. Here every
//! size is compared with the file and the limits first, and only the columns that are asked for are unpacked. Columns may be of
//! any type that holds the same values: texts plain, large, as views or as a dictionary; integers of any width; floats for numbers;
//! timestamps of any unit for stamps.

mod batch;
mod fault;
mod file;
mod schema;
#[cfg(test)]
mod tests;
mod unpack;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow::array::{Array as _, ArrayRef, AsArray as _, StringViewArray, StringViewBuilder};
use arrow::buffer::Buffer;
use arrow::compute::{cast, concat, take};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit};
use bytes::Bytes;
use driveloop_lake::ObjectEntry;
use driveloop_schemas::pose::Pose;

use crate::blob::Blobs;
use crate::ego::checked_pose;
use crate::error::{Error, Result};
use crate::limits::Limits;
use batch::Columns;
use fault::{Fault, Place};

/// The columns of a pose: orientation, then position.
pub(super) const POSE: [&str; 7] = ["qw", "qx", "qy", "qz", "tx_m", "ty_m", "tz_m"];
/// Bytes of a binary UUID, which some writers make of texts of that form.
const UUID_BYTES: i32 = 16;

/// Some columns of a feather table.
pub(super) struct Table {
    file: String,
    wanted: Vec<&'static str>,
    columns: Columns,
}

/// Stamps in nanoseconds.
pub(super) struct Stamps {
    /// None where there is none, or one that 64 bits do not hold.
    pub(super) values: Vec<Option<i64>>,
    /// Whether the file has them as floats, which hold no single nanoseconds.
    pub(super) are_rounded: bool,
}

/// Texts, which may lie in a dictionary.
pub(super) struct Texts(StringViewArray);

impl Texts {
    /// The text of a row; none for a null.
    pub(super) fn get(&self, row: usize) -> Option<&str> {
        self.0.is_valid(row).then(|| self.0.value(row))
    }
}

/// Reads columns of a table. A column that the file lacks is an error when it is asked for, not here.
pub(super) fn read(
    blobs: &Blobs,
    file: &ObjectEntry,
    wanted: &[&'static str],
    limits: &Limits,
) -> Result<Table> {
    let bytes = blobs.whole(file, limits.file_bytes_max)?;
    decode(&file.path, bytes, wanted, limits)
}

/// How many points a sweep has; their `x` is read, so that a damaged table is noticed.
pub(super) fn count_rows(file: &str, bytes: Bytes, limits: &Limits) -> Result<usize> {
    Ok(decode(file, bytes, &["x"], limits)?.rows())
}

fn decode(file: &str, bytes: Bytes, wanted: &[&'static str], limits: &Limits) -> Result<Table> {
    let place = Cell::new(Place::Footer);
    let columns = caught(file, &place, || {
        batch::read(Buffer::from(bytes), wanted, limits, &place)
    })?;
    Ok(Table {
        file: file.to_owned(),
        wanted: wanted.to_vec(),
        columns,
    })
}

/// Runs a decoder. Where it panics, which is a defect, the error names the file and the place in it.
fn caught<T>(
    file: &str,
    place: &Cell<Place>,
    decode: impl FnOnce() -> Result<T, Fault>,
) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(decoded) => decoded.map_err(|fault| fault.of_file(file)),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            let text = text.unwrap_or_else(|| "a panic".to_owned());
            Err(Error::Decoder {
                log_id: file.to_owned(),
                reason: format!("{text}, in {}", place.get()),
            })
        }
    }
}

impl Table {
    pub(super) fn rows(&self) -> usize {
        self.columns.rows
    }

    pub(super) fn has(&self, column: &str) -> bool {
        self.pieces(column).is_some()
    }

    /// A column of integers; none for a null, for what is no number, and for what 64 bits do not hold.
    pub(super) fn i64(&self, column: &str) -> Result<Vec<Option<i64>>> {
        let array = self.column(column, &DataType::Int64)?;
        Ok(array.as_primitive::<Int64Type>().iter().collect())
    }

    /// A column of stamps: integers in nanoseconds, timestamps of any unit, or floats of 64 bits in nanoseconds.
    pub(super) fn stamps(&self, column: &str) -> Result<Stamps> {
        let first = self.pieces(column).and_then(|pieces| pieces.first());
        let are_rounded = match first.map(|piece| value_type(piece.data_type())) {
            Some(DataType::Float64) => true,
            Some(found @ (DataType::Float16 | DataType::Float32)) => {
                let expected = "stamps in nanoseconds";
                return Err(self.wrong(column, expected, &found.to_string()));
            }
            _ => false,
        };
        let values = self.i64(column)?;
        Ok(Stamps {
            values,
            are_rounded,
        })
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

    /// A column of texts.
    pub(super) fn texts(&self, column: &str) -> Result<Texts> {
        let array = self.column(column, &DataType::Utf8View)?;
        Ok(Texts(array.as_string_view().clone()))
    }

    /// The columns of [`POSE`]; `None` for a row that is no pose.
    pub(super) fn poses(&self) -> Result<Vec<Option<Pose>>> {
        let [qw, qx, qy, qz, x, y, z] = POSE.map(|column| self.f64(column));
        let (qw, qx, qy, qz, x, y, z) = (qw?, qx?, qy?, qz?, x?, y?, z?);
        let pose = |i: usize| checked_pose([qw[i], qx[i], qy[i], qz[i]], [x[i], y[i], z[i]]);
        Ok((0..self.rows()).map(pose).collect())
    }

    fn pieces(&self, column: &str) -> Option<&Vec<ArrayRef>> {
        let at = self.wanted.iter().position(|wanted| *wanted == column)?;
        self.columns.pieces[at].as_ref()
    }

    /// A column, all pieces of it, brought to a type.
    fn column(&self, column: &str, data_type: &DataType) -> Result<ArrayRef> {
        let expected = format!("a column of type {data_type}");
        let pieces = self
            .pieces(column)
            .ok_or_else(|| self.wrong(column, &expected, "none"))?;
        let mut brought = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let found = piece.data_type().to_string();
            let piece = brought_to(piece, data_type)
                .ok_or_else(|| self.wrong(column, &expected, &found))?;
            brought.push(piece);
        }
        if brought.is_empty() {
            return Ok(arrow::array::new_empty_array(data_type));
        }
        let arrays: Vec<_> = brought.iter().map(AsRef::as_ref).collect();
        concat(&arrays).map_err(|error| self.wrong(column, &expected, &error.to_string()))
    }

    fn wrong(&self, column: &str, expected: &str, actual: &str) -> Error {
        Error::Format {
            file: self.file.clone(),
            expected: format!("column `{column}`: {expected}"),
            actual: actual.to_owned(),
        }
    }
}

/// The type of the values, wherever they lie.
fn value_type(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => values,
        plain => plain,
    }
}

/// The array as another type; values that the type does not hold are null.
fn brought_to(array: &ArrayRef, data_type: &DataType) -> Option<ArrayRef> {
    if let Some(dictionary) = array.as_any_dictionary_opt() {
        // The values are converted once each, however many rows have them.
        let values = brought_to(dictionary.values(), data_type)?;
        return take(&values, dictionary.keys(), None).ok();
    }
    match (array.data_type(), data_type) {
        (DataType::Timestamp(_, zone), DataType::Int64) => {
            let in_ns = DataType::Timestamp(TimeUnit::Nanosecond, zone.clone());
            cast(&cast(array, &in_ns).ok()?, data_type).ok()
        }
        (DataType::FixedSizeBinary(UUID_BYTES), DataType::Utf8View) => Some(uuids(array)),
        (DataType::Timestamp(..) | DataType::FixedSizeBinary(_), _) => None,
        _ => cast(array, data_type).ok(),
    }
}

/// UUIDs as texts: groups of 8, 4, 4, 4 and 12 hexadecimal digits.
fn uuids(array: &ArrayRef) -> ArrayRef {
    let mut texts = StringViewBuilder::new();
    for uuid in array.as_fixed_size_binary() {
        let groups = uuid.map(|uuid| {
            let digits = hex::encode(uuid);
            let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
            parts.join("-")
        });
        texts.append_option(groups);
    }
    std::sync::Arc::new(texts.finish())
}
