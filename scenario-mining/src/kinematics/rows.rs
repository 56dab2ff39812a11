//! Tracks from rows of `object_track`, and rows of kinematics from tracks.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use driveloop_schemas::geometry::OrientedBox;
use driveloop_schemas::pose::{Pose, Quat};

use super::track::{Sighting, Track, TrackSet};

/// Numbers of a sighting, in the order in which [`sighting`] takes them.
const NUMBERS: [&str; 13] = [
    "length_m",
    "width_m",
    "x_m",
    "y_m",
    "z_m",
    "qw",
    "qx",
    "qy",
    "qz",
    "ego_x_m",
    "ego_y_m",
    "ego_z_m",
    "ego_yaw_rad",
];

/// The columns of `object_track` that tracks are made of.
pub(crate) fn track_columns() -> impl Iterator<Item = &'static str> {
    ["log_id", "track_id", "stamp_ns", "category"]
        .into_iter()
        .chain(NUMBERS)
}

/// Rows of one drive, in any order, on their way to tracks.
#[derive(Debug, Default)]
pub(crate) struct TrackRows {
    tracks: BTreeMap<String, (String, Vec<Sighting>)>,
}

impl TrackRows {
    /// Adds rows, all of one drive; a row with a null, NaN or infinite number, or without a stamp, is passed over.
    pub(crate) fn push(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let text = |name: &str| cast(column(batch, name)?, &DataType::Utf8);
        let (ids, categories) = (text("track_id")?, text("category")?);
        let (ids, categories) = (ids.as_string::<i32>(), categories.as_string::<i32>());
        let stamps = cast(column(batch, "stamp_ns")?, &DataType::Int64)?;
        let stamps = stamps.as_primitive::<Int64Type>();
        let numbers: Vec<ArrayRef> = NUMBERS
            .iter()
            .map(|name| cast(column(batch, name)?, &DataType::Float64))
            .collect::<Result<_, ArrowError>>()?;
        let numbers = numbers.iter().map(AsArray::as_primitive::<Float64Type>);
        let numbers: Vec<&Float64Array> = numbers.collect();
        for row in 0..batch.num_rows() {
            let is_known = numbers
                .iter()
                .all(|n| n.is_valid(row) && n.value(row).is_finite());
            if !(is_known && ids.is_valid(row) && categories.is_valid(row) && stamps.is_valid(row))
            {
                continue;
            }
            let values: [f64; NUMBERS.len()] = std::array::from_fn(|at| numbers[at].value(row));
            let Some(sighting) = sighting(stamps.value(row), values) else {
                continue;
            };
            if let Some((_, sightings)) = self.tracks.get_mut(ids.value(row)) {
                sightings.push(sighting);
            } else {
                let (id, category) = (ids.value(row).to_owned(), categories.value(row).to_owned());
                self.tracks.insert(id, (category, vec![sighting]));
            }
        }
        Ok(())
    }

    /// The tracks; the category of a track is that of its first row.
    pub(crate) fn finish(self) -> TrackSet {
        let tracks = self.tracks.into_iter();
        let tracks = tracks.filter_map(|(id, (category, seen))| Track::new(&id, &category, seen));
        TrackSet::new(tracks.collect())
    }
}

pub(super) fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, ArrowError> {
    batch
        .column_by_name(name)
        .ok_or_else(|| ArrowError::SchemaError(format!("expected a column {name}")))
}

fn sighting(stamp_ns: i64, numbers: [f64; NUMBERS.len()]) -> Option<Sighting> {
    let [
        length_m,
        width_m,
        x,
        y,
        z,
        qw,
        qx,
        qy,
        qz,
        ego_x,
        ego_y,
        ego_z_m,
        ego_yaw,
    ] = numbers;
    let rotation = Quat {
        w: qw,
        x: qx,
        y: qy,
        z: qz,
    };
    Some(Sighting {
        stamp_ns,
        map_from_box: Pose {
            translation: [x, y, z],
            rotation: rotation.normalized()?,
        },
        box_in_ego: OrientedBox {
            x_m: ego_x,
            y_m: ego_y,
            yaw_rad: ego_yaw,
            length_m,
            width_m,
        },
        ego_z_m,
    })
}

/// Rows in the making: of a track and a stamp, some numbers.
pub(super) struct NumberRows<const N: usize> {
    track_ids: Vec<String>,
    stamps_ns: Vec<i64>,
    numbers: [Vec<f64>; N],
}

impl<const N: usize> Default for NumberRows<N> {
    fn default() -> Self {
        Self {
            track_ids: Vec::new(),
            stamps_ns: Vec::new(),
            numbers: std::array::from_fn(|_| Vec::new()),
        }
    }
}

impl<const N: usize> NumberRows<N> {
    pub(super) fn push(&mut self, track_id: &str, stamp_ns: i64, numbers: &[f64; N]) {
        self.track_ids.push(track_id.to_owned());
        self.stamps_ns.push(stamp_ns);
        for (column, number) in self.numbers.iter_mut().zip(numbers) {
            column.push(*number);
        }
    }

    /// Track, stamp and numbers; a number that is not finite becomes null.
    pub(super) fn finish(self) -> Vec<ArrayRef> {
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(&self.track_ids)),
            Arc::new(Int64Array::from(self.stamps_ns)),
        ];
        for numbers in self.numbers {
            let known = numbers
                .into_iter()
                .map(|number| number.is_finite().then_some(number));
            columns.push(Arc::new(known.collect::<Float64Array>()));
        }
        columns
    }
}
