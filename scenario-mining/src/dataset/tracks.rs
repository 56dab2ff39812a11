//! The tracks of one drive.

use std::collections::BTreeMap;
use std::ops::Range;

use driveloop_lake::{Lake, digest, sql_literal};
use driveloop_schemas::forecast::{HISTORY_STEPS, HORIZON_STEPS, STEP_NS, STEP_TOLERANCE_NS};
use driveloop_schemas::{ObjectTrack, TrackId};

use crate::error::Result;

/// Rows of one drive, by track and time.
#[derive(Debug)]
pub(super) struct Tracks {
    rows: Vec<ObjectTrack>,
    by_track: BTreeMap<TrackId, Range<usize>>,
    by_stamp: BTreeMap<i64, Vec<usize>>,
}

/// The rows of a sample: past with the present last, and future.
#[derive(Debug)]
pub(super) struct Window<'a> {
    pub(super) past: Vec<&'a ObjectTrack>,
    pub(super) future: Vec<&'a ObjectTrack>,
}

impl Tracks {
    pub(super) async fn read(lake: &Lake, log_id: &str) -> Result<Self> {
        let filter = format!("log_id = {}", sql_literal(log_id));
        Ok(Self::new(lake.read::<ObjectTrack>(Some(&filter)).await?))
    }

    /// The rows must be of one drive, ordered by track and stamp.
    pub(super) fn new(rows: Vec<ObjectTrack>) -> Self {
        let mut by_track: BTreeMap<TrackId, Range<usize>> = BTreeMap::new();
        let mut by_stamp: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for (index, row) in rows.iter().enumerate() {
            by_track
                .entry(row.track_id.clone())
                .or_insert(index..index)
                .end = index + 1;
            by_stamp.entry(row.stamp_ns).or_default().push(index);
        }
        Self {
            rows,
            by_track,
            by_stamp,
        }
    }

    /// A digest of all that samples are made of.
    pub(super) fn digest(&self) -> String {
        digest(self.rows.iter().map(|row| {
            let numbers = [
                row.x_m,
                row.y_m,
                row.yaw_rad,
                row.vx_mps.unwrap_or(f64::NAN),
                row.vy_mps.unwrap_or(f64::NAN),
                row.length_m,
                row.width_m,
            ];
            let mut bytes = Vec::with_capacity(128);
            bytes.extend(row.stamp_ns.to_le_bytes());
            bytes.extend(numbers.into_iter().flat_map(f64::to_le_bytes));
            bytes.extend((row.track_id.len() as u64).to_le_bytes());
            bytes.extend(row.track_id.as_bytes());
            bytes.extend(row.category.as_bytes());
            bytes
        }))
    }

    /// The tracks, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[ObjectTrack]> {
        self.by_track
            .values()
            .map(|range| &self.rows[range.clone()])
    }

    pub(super) fn track(&self, track_id: &str) -> Option<&[ObjectTrack]> {
        self.by_track
            .get(track_id)
            .map(|range| &self.rows[range.clone()])
    }

    /// Everybody at a stamp.
    pub(super) fn at(&self, stamp_ns: i64) -> impl Iterator<Item = &ObjectTrack> {
        self.by_stamp
            .get(&stamp_ns)
            .into_iter()
            .flatten()
            .map(|index| &self.rows[*index])
    }
}

/// The rows of a sample whose present is a stamp of the track; `None` where a step of its past or future is missing.
pub(super) fn window(track: &[ObjectTrack], present_ns: i64) -> Option<Window<'_>> {
    let step = |k: usize, from: i64| nearest(track, from.saturating_add(k as i64 * STEP_NS));
    let oldest_ns = present_ns.saturating_sub((HISTORY_STEPS as i64 - 1) * STEP_NS);
    let past = (0..HISTORY_STEPS)
        .map(|k| step(k, oldest_ns))
        .collect::<Option<Vec<_>>>()?;
    let future = (1..=HORIZON_STEPS)
        .map(|k| step(k, present_ns))
        .collect::<Option<Vec<_>>>()?;
    Some(Window { past, future })
}

/// The row nearest to a stamp, where it is within the tolerance.
fn nearest(track: &[ObjectTrack], stamp_ns: i64) -> Option<&ObjectTrack> {
    let after = track.partition_point(|row| row.stamp_ns < stamp_ns);
    let around = &track[after.saturating_sub(1)..(after + 1).min(track.len())];
    around
        .iter()
        .min_by_key(|row| row.stamp_ns.abs_diff(stamp_ns))
        .filter(|row| row.stamp_ns.abs_diff(stamp_ns) <= STEP_TOLERANCE_NS as u64)
}
