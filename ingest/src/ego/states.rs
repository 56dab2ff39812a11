//! Rows of `ego_state`.

use std::ops::Range;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use driveloop_schemas::maths::sin_cos;
use driveloop_schemas::pose::Pose;
use driveloop_schemas::time::Day;
use driveloop_schemas::{EgoState, LogId, Row as _, TableSpec};

use super::{EgoSample, EgoTrack};
use crate::error::Result;
use crate::facts::{DriveKey, Facts, Rows};
use crate::motion::{Along, HALF_WINDOW_NS, HALF_WINDOW_SAMPLES, smoothed_rate};
use crate::paged::{Paged, record};

/// Samples whose motion is derived at once.
const PART: usize = 1 << 16;
/// Samples on either side of them that it is derived from: an acceleration is the rate of speeds, each of which is a rate.
const MARGIN: usize = 2 * HALF_WINDOW_SAMPLES + 100;

/// The states of the ego: its way, how it moves along it, and where on the globe that is.
///
/// Speed and yaw rate are the log's where it measured them at every stamp, else derived: the smoothed rate of the position, projected
/// on the heading, and of the heading; the acceleration is the smoothed rate of the speed ([`smoothed_rate`]).
#[derive(Debug, Default)]
pub(crate) struct EgoStates {
    track: Arc<EgoTrack>,
    /// By sample of the track.
    motions: Paged<Motion>,
    /// Latitude and longitude, by the place of the sample, which ascends.
    positions: Paged<(u64, [f64; 2])>,
}

#[derive(Debug, Clone, Copy)]
struct Motion {
    speed_mps: Option<f64>,
    accel_mps2: Option<f64>,
    yaw_rate_radps: Option<f64>,
}

record!(Motion {
    speed_mps: Option<f64>,
    accel_mps2: Option<f64>,
    yaw_rate_radps: Option<f64>,
});

impl EgoStates {
    pub(crate) fn of(track: &Arc<EgoTrack>) -> Self {
        let mut motions = Paged::new(track.store());
        let count = track.len();
        for start in (0..count).step_by(PART) {
            let part = start..count.min(start + PART);
            let first = part.start.saturating_sub(MARGIN);
            let samples = track.samples(first..part.end + MARGIN);
            let (stamps, samples): (Vec<i64>, Vec<EgoSample>) = samples.unzip();
            let derived = derived(&stamps, &samples, track.is_measured());
            motions.extend(derived.skip(part.start - first).take(part.len()));
        }
        Self {
            track: Arc::clone(track),
            motions,
            positions: Paged::new(track.store()),
        }
    }

    /// Says where on the globe the ego was: at the state nearest to the stamp, within [`HALF_WINDOW_NS`]. Stamps ascend. False where there
    /// is no such state, or it has a position already.
    pub(crate) fn locate(&mut self, stamp_ns: i64, position_deg: [f64; 2]) -> bool {
        let Some(at) = self.nearest(stamp_ns) else {
            return false;
        };
        let last = self.positions.last();
        let is_free = last.is_none_or(|(last, _)| last < at as u64);
        if is_free {
            self.positions.push((at as u64, position_deg));
        }
        is_free
    }

    fn nearest(&self, stamp_ns: i64) -> Option<usize> {
        let after = self.track.place_of(stamp_ns);
        let distance = |at: usize| {
            let stamp = self.track.stamp_ns(at);
            stamp.map_or(u64::MAX, |stamp| stamp.abs_diff(stamp_ns))
        };
        let before = after.checked_sub(1).unwrap_or(after);
        let at = if distance(before) <= distance(after) {
            before
        } else {
            after
        };
        (distance(at) <= HALF_WINDOW_NS as u64).then_some(at)
    }

    /// Speed and yaw rate at a stamp: interpolated between the states around it, or those of the first or last.
    pub(crate) fn motion_at(&self, stamp_ns: i64) -> Option<(f64, Option<f64>)> {
        let last = self.track.len().checked_sub(1)?;
        let at = self.track.place_of(stamp_ns);
        let (a, b) = (at.saturating_sub(1), at.min(last));
        let (a_ns, b_ns) = (self.track.stamp_ns(a)?, self.track.stamp_ns(b)?);
        let span = (b_ns - a_ns) as f64;
        let part = if span > 0.0 {
            ((stamp_ns - a_ns) as f64 / span).clamp(0.0, 1.0)
        } else {
            0.0
        };
        let (a, b) = (self.motions.get(a)?, self.motions.get(b)?);
        let mix = |x: f64, y: f64| x + (y - x) * part;
        let yaw_rate = a.yaw_rate_radps.zip(b.yaw_rate_radps);
        let speed = mix(a.speed_mps?, b.speed_mps?);
        Some((speed, yaw_rate.map(|(x, y)| mix(x, y))))
    }

    /// Some of the rows, without what all rows of the drive share.
    pub(crate) fn rows(&self, range: Range<usize>) -> Vec<EgoState> {
        let kinematics = if self.track.is_measured() {
            "measured"
        } else {
            "derived"
        };
        let row = |((stamp_ns, sample), motion): ((i64, EgoSample), Motion)| {
            let Pose {
                translation: [x_m, y_m, z_m],
                rotation,
            } = sample.map_from_ego;
            EgoState {
                log_id: LogId::default(),
                day: Day(0),
                composed: false,
                stamp_ns,
                x_m,
                y_m,
                z_m,
                qw: rotation.w,
                qx: rotation.x,
                qy: rotation.y,
                qz: rotation.z,
                yaw_rad: rotation.yaw_rad(),
                speed_mps: motion.speed_mps,
                accel_mps2: motion.accel_mps2,
                yaw_rate_radps: motion.yaw_rate_radps,
                kinematics: kinematics.to_owned(),
                latitude_deg: None,
                longitude_deg: None,
            }
        };
        let samples = self.track.samples(range.clone());
        let mut rows: Vec<EgoState> = samples
            .zip(self.motions.range(range.clone()))
            .map(row)
            .collect();
        let is_before = |at: usize| move |(place, _): &(u64, [f64; 2])| *place < at as u64;
        let positions = self.positions.partition_point(is_before(range.start))
            ..self.positions.partition_point(is_before(range.end));
        for (place, [latitude_deg, longitude_deg]) in self.positions.range(positions) {
            if let Some(row) = rows.get_mut(place as usize - range.start) {
                (row.latitude_deg, row.longitude_deg) = (Some(latitude_deg), Some(longitude_deg));
            }
        }
        rows
    }
}

/// How the ego moves, at each sample.
fn derived<'s>(
    stamps_ns: &[i64],
    samples: &'s [EgoSample],
    is_measured: bool,
) -> impl Iterator<Item = Motion> + 's {
    let speeds = if is_measured {
        samples.iter().map(|sample| sample.speed_mps).collect()
    } else {
        derived_speeds(stamps_ns, samples)
    };
    let yaws: Vec<f64> = samples
        .iter()
        .map(|sample| sample.map_from_ego.rotation.yaw_rad())
        .collect();
    let yaw_rates = smoothed_rate(stamps_ns, &yaws, Along::Circle);
    let accels = accelerations(stamps_ns, &speeds);
    let motions = speeds.into_iter().zip(accels).zip(yaw_rates).zip(samples);
    motions.map(|(((speed_mps, accel_mps2), yaw_rate), sample)| Motion {
        speed_mps,
        accel_mps2,
        yaw_rate_radps: sample.yaw_rate_radps.or(yaw_rate),
    })
}

fn derived_speeds(stamps_ns: &[i64], samples: &[EgoSample]) -> Vec<Option<f64>> {
    let axis = |axis: usize| {
        let along = |sample: &EgoSample| sample.map_from_ego.translation[axis];
        let values: Vec<f64> = samples.iter().map(along).collect();
        smoothed_rate(stamps_ns, &values, Along::Line)
    };
    let along = |((vx, vy), sample): ((Option<f64>, Option<f64>), &EgoSample)| {
        let (sin, cos) = sin_cos(sample.map_from_ego.rotation.yaw_rad());
        Some(vx? * cos + vy? * sin)
    };
    axis(0)
        .into_iter()
        .zip(axis(1))
        .zip(samples)
        .map(along)
        .collect()
}

fn accelerations(stamps_ns: &[i64], speeds: &[Option<f64>]) -> Vec<Option<f64>> {
    let known: Vec<usize> = (0..speeds.len()).filter(|i| speeds[*i].is_some()).collect();
    let stamps: Vec<i64> = known.iter().map(|i| stamps_ns[*i]).collect();
    let values: Vec<f64> = known.iter().filter_map(|i| speeds[*i]).collect();
    let mut accelerations = vec![None; speeds.len()];
    let rates = smoothed_rate(&stamps, &values, Along::Line);
    for (i, rate) in known.into_iter().zip(rates) {
        accelerations[i] = rate;
    }
    accelerations
}

impl Facts for EgoStates {
    fn spec(&self) -> &'static TableSpec {
        EgoState::SPEC
    }

    fn len(&self) -> usize {
        self.track.len()
    }

    fn bytes(&self) -> usize {
        self.track.bytes() + self.motions.bytes() + self.positions.bytes()
    }

    fn span_ns(&self) -> Option<(i64, i64)> {
        self.track.span_ns()
    }

    /// They are in the order of their stamps.
    fn sort(&mut self) {}

    fn batch(&self, key: DriveKey<'_>, rows: Range<usize>) -> Result<RecordBatch> {
        let rows = Rows::from(self.rows(rows));
        rows.batch(key, 0..rows.len())
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}
