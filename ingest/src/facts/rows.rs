//! Tables whose rows are few: held as they are.

use std::cmp::Ordering;
use std::ops::Range;

use arrow::record_batch::RecordBatch;
use driveloop_schemas::time::Day;
use driveloop_schemas::{
    Calibration, CameraFrame, EgoState, Finding, Lane, LidarSweep, MapArea, Row, TableSpec,
};

use super::{DriveKey, Facts, span_of};
use crate::error::{Error, Result};

/// Texts of a row, on the heap.
const TEXT_BYTES: usize = 200;

/// The rows of a table.
#[derive(Debug)]
pub(crate) struct Rows<R>(Vec<R>);

impl<R> Default for Rows<R> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<R> std::ops::Deref for Rows<R> {
    type Target = Vec<R>;

    fn deref(&self) -> &Vec<R> {
        &self.0
    }
}

impl<R> std::ops::DerefMut for Rows<R> {
    fn deref_mut(&mut self) -> &mut Vec<R> {
        &mut self.0
    }
}

impl<R> From<Vec<R>> for Rows<R> {
    fn from(rows: Vec<R>) -> Self {
        Self(rows)
    }
}

/// A row of a drive.
pub(crate) trait DriveRow: Row + Clone {
    /// Fills in what all rows of the drive share.
    fn set_drive(&mut self, key: DriveKey<'_>);
    /// The order of the table's key within the drive.
    fn order(&self, other: &Self) -> Ordering;
    /// The stamp, where the table has one.
    fn stamp_ns(&self) -> Option<i64>;
}

macro_rules! drive_row {
    ($($row:ty: [$($key:ident),+], $stamp:expr;)+) => {$(
        impl DriveRow for $row {
            fn set_drive(&mut self, key: DriveKey<'_>) {
                self.log_id = key.log_id.into();
                self.day = Day(key.day.0);
                // What comes from a log is not composed.
                self.composed = false.into();
            }
            fn order(&self, other: &Self) -> Ordering {
                ($(&self.$key,)+).cmp(&($(&other.$key,)+))
            }
            fn stamp_ns(&self) -> Option<i64> {
                let stamp: fn(&Self) -> Option<i64> = $stamp;
                stamp(self)
            }
        }
    )+};
}

drive_row! {
    EgoState: [stamp_ns], |row| Some(row.stamp_ns);
    CameraFrame: [sensor, stamp_ns], |row| Some(row.stamp_ns);
    LidarSweep: [sensor, stamp_ns], |row| Some(row.stamp_ns);
    Calibration: [sensor], |_| None;
    Lane: [lane_id], |_| None;
    MapArea: [kind, area_id], |_| None;
    Finding: [check, subject, start_ns], |_| None;
}

impl<R: DriveRow> Facts for Rows<R> {
    fn spec(&self) -> &'static TableSpec {
        R::SPEC
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn bytes(&self) -> usize {
        self.0.len() * (size_of::<R>() + TEXT_BYTES)
    }

    fn span_ns(&self) -> Option<(i64, i64)> {
        span_of(self.0.iter().filter_map(R::stamp_ns))
    }

    fn sort(&mut self) {
        self.0.sort_by(R::order);
    }

    fn batch(&self, key: DriveKey<'_>, rows: Range<usize>) -> Result<RecordBatch> {
        let mut rows = self.0[rows].to_vec();
        rows.iter_mut().for_each(|row| row.set_drive(key));
        R::to_batch(&rows).map_err(|error| Error::Lake(error.into()))
    }

    fn clear(&mut self) {
        self.0 = Vec::new();
    }
}
