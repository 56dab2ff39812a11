//! What a drive is to the lake: its rows, column by column, table by table.
//!
//! Tables with very many rows are held as columns (a signal value takes 16 bytes, a bus frame 24, an actor 120), the others as rows.
//! `log_id`, `day` and `composed` are the same in all rows of a drive and are only written into batches.

mod bus;
mod columns;
mod rows;
mod runs;
mod signals;
#[cfg(test)]
mod tests;

use arrow::record_batch::RecordBatch;
use driveloop_schemas::time::Day;
use driveloop_schemas::{Calibration, CameraFrame, Finding, Lane, LidarSweep, MapArea, TableSpec};

pub(crate) use bus::{BusColumns, BusRecord};
pub(crate) use columns::{Columns, NameId, Names, repeated};
pub(crate) use rows::Rows;
pub(crate) use runs::Runs;
pub(crate) use signals::{Forgotten, SeriesId, SignalColumns};

use crate::actors::ActorColumns;
use crate::ego::EgoStates;
use crate::error::Result;

/// Rows of a batch: enough that columns compress, few enough that a batch of the widest table takes some ten megabytes.
pub(crate) const BATCH_ROWS: usize = 64 << 10;

/// What all rows of a drive share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DriveKey<'a> {
    pub(crate) log_id: &'a str,
    /// UTC day of the drive's start.
    pub(crate) day: Day,
}

/// The rows of one table of a drive.
pub(crate) trait Facts {
    /// The table.
    fn spec(&self) -> &'static TableSpec;
    /// Rows.
    fn len(&self) -> usize;
    /// About how much memory they take.
    fn bytes(&self) -> usize;
    /// First and last stamp, where the rows have stamps.
    fn span_ns(&self) -> Option<(i64, i64)>;
    /// Brings the rows into the order of the table's key.
    fn sort(&mut self);
    /// Makes a batch of some of the rows, in order.
    fn batch(&self, key: DriveKey<'_>, rows: std::ops::Range<usize>) -> Result<RecordBatch>;
    /// Forgets the rows, not what makes rows that come later.
    fn clear(&mut self);
}

/// The facts of a drive: everything but its row of `drive`.
#[derive(Debug, Default)]
pub(crate) struct DriveFacts {
    pub(crate) ego_states: EgoStates,
    pub(crate) actors: ActorColumns,
    pub(crate) signals: SignalColumns,
    pub(crate) bus_frames: BusColumns,
    pub(crate) camera_frames: Rows<CameraFrame>,
    pub(crate) lidar_sweeps: Rows<LidarSweep>,
    pub(crate) calibrations: Rows<Calibration>,
    pub(crate) lanes: Rows<Lane>,
    pub(crate) map_areas: Rows<MapArea>,
    pub(crate) findings: Rows<Finding>,
}

impl DriveFacts {
    /// The tables of a drive, in the order in which they are committed. This is the one list of them.
    pub(crate) fn tables(&self) -> [&dyn Facts; 10] {
        [
            &self.ego_states,
            &self.actors,
            &self.signals,
            &self.bus_frames,
            &self.camera_frames,
            &self.lidar_sweeps,
            &self.calibrations,
            &self.lanes,
            &self.map_areas,
            &self.findings,
        ]
    }

    /// Those that can be written before the drive was read to its end: nothing of them depends on what comes later.
    pub(crate) fn spillable(&mut self) -> [&mut dyn Facts; 4] {
        [
            &mut self.signals,
            &mut self.bus_frames,
            &mut self.camera_frames,
            &mut self.lidar_sweeps,
        ]
    }

    /// Brings each table into the order of its key.
    pub(crate) fn sort(&mut self) {
        self.ego_states.sort();
        self.actors.sort();
        for facts in self.spillable() {
            facts.sort();
        }
        self.calibrations.sort();
        self.lanes.sort();
        self.map_areas.sort();
        self.findings.sort();
    }

    /// About how much memory the rows take.
    pub(crate) fn bytes(&self) -> usize {
        self.tables().iter().map(|facts| facts.bytes()).sum()
    }

    /// The first and last stamp of anything that has one.
    pub(crate) fn span_ns(&self) -> Option<(i64, i64)> {
        let spans = self.tables().into_iter().filter_map(Facts::span_ns);
        spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }
}

/// The span of some stamps.
pub(crate) fn span_of(stamps_ns: impl Iterator<Item = i64>) -> Option<(i64, i64)> {
    stamps_ns.fold(None, |span, stamp| match span {
        None => Some((stamp, stamp)),
        Some((first, last)) => Some((stamp.min(first), stamp.max(last))),
    })
}
