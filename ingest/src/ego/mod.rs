//! The ego's way: its pose at any stamp, what the log measured beside it, and its states.

mod measured;
mod states;

use std::ops::Range;

use driveloop_schemas::pose::{Pose, Quat};
use driveloop_schemas::time::seconds_between;

pub(crate) use self::states::EgoStates;
pub(crate) use crate::frames::PoseAt;
use crate::frames::between;
use crate::motion::{GAP_MAX_NS, HALF_WINDOW_NS};
use crate::paged::{Paged, Store, record};

/// A pose of the ego, with what the log measured beside it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EgoSample {
    pub(crate) map_from_ego: Pose,
    /// Along the heading; `None` where the log does not measure it.
    pub(crate) speed_mps: Option<f64>,
    pub(crate) yaw_rate_radps: Option<f64>,
}

record!(EgoSample {
    map_from_ego: Pose,
    speed_mps: Option<f64>,
    yaw_rate_radps: Option<f64>,
});

/// The ego over a drive: one sample a stamp, by stamp.
#[derive(Debug, Default)]
pub(crate) struct EgoTrack {
    samples: Paged<(i64, EgoSample)>,
    /// Whether each sample has a measured speed.
    has_speeds: bool,
    /// Whether the poses contradict the speeds, and the yaw rates.
    is_speed_wrong: bool,
    is_yaw_rate_wrong: bool,
}

/// Further from the origin of any map than a place on Earth can be: such positions are none, and no sum of them overflows.
const POSITION_MAX_M: f64 = 1e9;

/// A pose of sane numbers with an orientation, which is normalised; quaternions are `w, x, y, z`.
pub(crate) fn checked_pose([w, x, y, z]: [f64; 4], translation: [f64; 3]) -> Option<Pose> {
    let rotation = Quat { w, x, y, z }.normalized()?;
    let is_place = |t: &f64| t.abs() <= POSITION_MAX_M;
    translation.iter().all(is_place).then_some(Pose {
        translation,
        rotation,
    })
}

impl EgoTrack {
    /// The samples of a drive, each stamp once, in any order.
    pub(crate) fn new(samples: Paged<(i64, EgoSample)>) -> Self {
        let samples = samples.sorted_by_key(|(stamp_ns, _)| *stamp_ns);
        let has_speeds = samples.iter().all(|(_, sample)| sample.speed_mps.is_some());
        Self {
            samples,
            has_speeds,
            is_speed_wrong: false,
            is_yaw_rate_wrong: false,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether the speeds are the log's.
    pub(crate) fn is_measured(&self) -> bool {
        self.has_speeds && !self.is_speed_wrong && !self.samples.is_empty()
    }

    /// About how much memory it takes.
    fn bytes(&self) -> usize {
        self.samples.bytes()
    }

    fn store(&self) -> &Store {
        self.samples.store()
    }

    /// Some of the samples, with what of them can be used.
    pub(crate) fn samples(
        &self,
        range: Range<usize>,
    ) -> impl Iterator<Item = (i64, EgoSample)> + '_ {
        self.samples.range(range).map(|(stamp_ns, sample)| {
            let usable = EgoSample {
                map_from_ego: sample.map_from_ego,
                speed_mps: sample.speed_mps.filter(|_| !self.is_speed_wrong),
                yaw_rate_radps: sample.yaw_rate_radps.filter(|_| !self.is_yaw_rate_wrong),
            };
            (stamp_ns, usable)
        })
    }

    /// The poses, by stamp.
    pub(crate) fn poses(&self) -> impl Iterator<Item = (i64, Pose)> + '_ {
        self.samples
            .iter()
            .map(|(stamp_ns, sample)| (stamp_ns, sample.map_from_ego))
    }

    /// The place of the first sample that is not before a stamp.
    pub(crate) fn place_of(&self, stamp_ns: i64) -> usize {
        self.samples.partition_point(|(stamp, _)| *stamp < stamp_ns)
    }

    pub(crate) fn stamp_ns(&self, at: usize) -> Option<i64> {
        self.samples.get(at).map(|(stamp_ns, _)| stamp_ns)
    }

    /// The first and last stamp.
    pub(crate) fn span_ns(&self) -> Option<(i64, i64)> {
        let (first, last) = self.samples.first().zip(self.samples.last())?;
        Some((first.0, last.0))
    }

    /// The pose at a stamp: that of the log; else interpolated (positions linearly, orientations along the great circle) between poses at most [`GAP_MAX_NS`] apart; else the nearest within [`HALF_WINDOW_NS`].
    pub(crate) fn pose_at(&self, stamp_ns: i64) -> Option<(Pose, PoseAt)> {
        let at = self.place_of(stamp_ns);
        let before = at.checked_sub(1).and_then(|at| self.samples.get(at));
        let after = self.samples.get(at);
        if let Some((_, sample)) = after.filter(|(after_ns, _)| *after_ns == stamp_ns) {
            return Some((sample.map_from_ego, PoseAt::Exact));
        }
        if let (Some((a_ns, a)), Some((b_ns, b))) = (before, after)
            && b_ns - a_ns <= GAP_MAX_NS
        {
            let part = seconds_between(a_ns, stamp_ns) / seconds_between(a_ns, b_ns);
            let pose = between(a.map_from_ego, b.map_from_ego, part)?;
            return Some((pose, PoseAt::Interpolated));
        }
        let is_near =
            |sample: &(i64, EgoSample)| sample.0.abs_diff(stamp_ns) <= HALF_WINDOW_NS as u64;
        let nearest = before.filter(is_near).or(after.filter(is_near))?;
        Some((nearest.1.map_from_ego, PoseAt::Interpolated))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::limits::Limits;

    fn circle(stamps_ns: &[i64]) -> Arc<EgoTrack> {
        circle_in(&Store::default(), stamps_ns)
    }

    fn circle_in(store: &Store, stamps_ns: &[i64]) -> Arc<EgoTrack> {
        // Radius 20 m at 0.5 rad/s: 10 m/s.
        let sample = |t: &i64| {
            let angle = 0.5 * seconds_between(0, *t);
            let map_from_ego = Pose::planar(20.0 * angle.sin(), -20.0 * angle.cos(), angle);
            (
                *t,
                EgoSample {
                    map_from_ego,
                    speed_mps: None,
                    yaw_rate_radps: None,
                },
            )
        };
        let samples = Paged::collect_in(store, stamps_ns.iter().map(sample));
        Arc::new(EgoTrack::new(samples))
    }

    #[test]
    fn a_circle_has_its_speed_and_yaw_rate() {
        let stamps: Vec<i64> = (0..400).map(|k| k * 6_000_000).collect();
        let states = EgoStates::of(&circle(&stamps)).rows(0..400);
        for state in &states[30..370] {
            assert!((state.speed_mps.unwrap() - 10.0).abs() < 0.01);
            assert!((state.yaw_rate_radps.unwrap() - 0.5).abs() < 1e-6);
            assert!(state.accel_mps2.unwrap().abs() < 0.01);
            assert_eq!(state.kinematics, "derived");
        }
    }

    #[test]
    fn poses_are_exact_interpolated_or_unknown() {
        let track = circle(&[0, 100_000_000, 5_000_000_000]);
        assert_eq!(track.pose_at(100_000_000).unwrap().1, PoseAt::Exact);
        let (pose, how) = track.pose_at(50_000_000).unwrap();
        assert_eq!(how, PoseAt::Interpolated);
        assert!((pose.rotation.yaw_rad() - 0.025).abs() < 1e-6);
        assert!(track.pose_at(150_000_000).is_some());
        assert!(track.pose_at(2_000_000_000).is_none());
        assert!(track.pose_at(4_950_000_000).is_some());
        assert!(track.pose_at(-200_000_000).is_none());
        assert!(EgoTrack::default().pose_at(0).is_none());
    }

    #[test]
    fn states_of_a_long_way_are_those_of_a_short_one() {
        // A slice of a way has the states that it has in the whole, wherever a part of the whole begins.
        let stamps: Vec<i64> = (0..150_000).map(|k| k * 10_000_000 + k % 7).collect();
        let store = Store::new(&Limits {
            held_bytes_max: 0,
            ..Limits::default()
        });
        let long = EgoStates::of(&circle_in(&store, &stamps));
        for start in [0, 60_000, 65_000, 131_000] {
            let short = EgoStates::of(&circle(&stamps[start..start + 8_000]));
            let (from, to) = (if start == 0 { 0 } else { 300 }, 7_700);
            assert_eq!(
                long.rows(start + from..start + to),
                short.rows(from..to),
                "{start}"
            );
        }
        store.check("drive").unwrap();
    }
}
