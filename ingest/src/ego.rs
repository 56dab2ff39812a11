//! The ego's way: its states, and its pose at any stamp.

use driveloop_schemas::maths::sin_cos;
use driveloop_schemas::pose::{Pose, Quat, wrap_rad};
use driveloop_schemas::time::{Day, NS_PER_S, seconds_between};
use driveloop_schemas::{EgoState, LogId, Severity};

use crate::findings::{Findings, Found};
pub(crate) use crate::frames::PoseAt;
use crate::frames::between;
use crate::motion::{GAP_MAX_NS, HALF_WINDOW_NS, smoothed_rate, unwrapped};

/// A pose of the ego, with what the log measured beside it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EgoSample {
    pub(crate) map_from_ego: Pose,
    /// Along the heading; `None` where the log does not measure it.
    pub(crate) speed_mps: Option<f64>,
    pub(crate) yaw_rate_radps: Option<f64>,
}

/// The ego over a drive: one sample a stamp.
#[derive(Debug, Default)]
pub(crate) struct EgoTrack {
    stamps_ns: Vec<i64>,
    samples: Vec<EgoSample>,
}

/// Share by which a measured rate may differ from the poses, and share of the seconds that may.
const DISAGREE_SHARE: f64 = 0.2;

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
    pub(crate) fn new(mut samples: Vec<(i64, EgoSample)>) -> Self {
        samples.sort_by_key(|(stamp_ns, _)| *stamp_ns);
        let (stamps_ns, samples) = samples.into_iter().unzip();
        Self { stamps_ns, samples }
    }

    /// The poses, by stamp.
    pub(crate) fn poses(&self) -> impl Iterator<Item = (i64, Pose)> + '_ {
        let poses = self.samples.iter().map(|sample| sample.map_from_ego);
        self.stamps_ns.iter().copied().zip(poses)
    }

    /// The pose at a stamp: that of the log; else interpolated (positions linearly, orientations along the great circle) between poses at most [`GAP_MAX_NS`] apart; else the nearest within [`HALF_WINDOW_NS`].
    pub(crate) fn pose_at(&self, stamp_ns: i64) -> Option<(Pose, PoseAt)> {
        let after = match self.stamps_ns.binary_search(&stamp_ns) {
            Ok(index) => return Some((self.samples[index].map_from_ego, PoseAt::Exact)),
            Err(after) => after,
        };
        let near = |index: usize| {
            let close = self.stamps_ns.get(index)?.abs_diff(stamp_ns) <= HALF_WINDOW_NS as u64;
            close.then(|| (self.samples[index].map_from_ego, PoseAt::Interpolated))
        };
        if after == 0 || after == self.stamps_ns.len() {
            return near(after.saturating_sub(1));
        }
        let (a, b) = (after - 1, after);
        let (t_a, t_b) = (self.stamps_ns[a], self.stamps_ns[b]);
        if t_b - t_a > GAP_MAX_NS {
            return near(a).or_else(|| near(b));
        }
        let part = seconds_between(t_a, stamp_ns) / seconds_between(t_a, t_b);
        let pose = between(
            self.samples[a].map_from_ego,
            self.samples[b].map_from_ego,
            part,
        )?;
        Some((pose, PoseAt::Interpolated))
    }

    /// Compares the speeds and turn rates that the log measured with what its poses say, second by second, and forgets those that the
    /// poses contradict: a twist that was left at zero, or that is given in another frame.
    pub(crate) fn check_measured(&mut self, findings: &mut Findings, subject: &str) {
        let steps = |of: fn(Pose, Pose) -> f64| -> Vec<f64> {
            let pairs = self.samples.windows(2);
            pairs
                .map(|pair| of(pair[0].map_from_ego, pair[1].map_from_ego))
                .collect()
        };
        let speeds: Vec<_> = self.samples.iter().map(|sample| sample.speed_mps).collect();
        let rates: Vec<_> = self
            .samples
            .iter()
            .map(|sample| sample.yaw_rate_radps)
            .collect();
        let stamps = &self.stamps_ns;
        let speed = contradiction(stamps, &steps(along_heading), &speeds, 1.0);
        let turn = contradiction(stamps, &steps(turned), &rates, 0.1);
        if let Some(found) = speed {
            found.report(findings, ("speed_disagrees", subject), "m in a second");
            self.samples
                .iter_mut()
                .for_each(|sample| sample.speed_mps = None);
        }
        if let Some(found) = turn {
            found.report(findings, ("yaw_rate_disagrees", subject), "rad in a second");
            self.samples
                .iter_mut()
                .for_each(|sample| sample.yaw_rate_radps = None);
        }
    }

    /// The rows of `ego_state`. Speed and yaw rate are the log's where it measured them at every stamp, else derived:
    /// the smoothed rate of the position, projected on the heading, and of the heading; the acceleration is the smoothed rate of the
    /// speed ([`smoothed_rate`]).
    pub(crate) fn states(&self) -> Vec<EgoState> {
        let measured = !self.samples.is_empty()
            && self.samples.iter().all(|sample| sample.speed_mps.is_some());
        let speeds = if measured {
            self.samples.iter().map(|sample| sample.speed_mps).collect()
        } else {
            self.derived_speeds()
        };
        let yaws = unwrapped(
            self.samples
                .iter()
                .map(|sample| sample.map_from_ego.rotation.yaw_rad()),
        );
        let yaw_rates = smoothed_rate(&self.stamps_ns, &yaws);
        let accels = self.accelerations(&speeds);
        let row = |i: usize| {
            let Pose {
                translation: [x_m, y_m, z_m],
                rotation,
            } = self.samples[i].map_from_ego;
            EgoState {
                log_id: LogId::default(),
                day: Day(0),
                composed: false,
                stamp_ns: self.stamps_ns[i],
                x_m,
                y_m,
                z_m,
                qw: rotation.w,
                qx: rotation.x,
                qy: rotation.y,
                qz: rotation.z,
                yaw_rad: rotation.yaw_rad(),
                speed_mps: speeds[i],
                accel_mps2: accels[i],
                yaw_rate_radps: self.samples[i].yaw_rate_radps.or(yaw_rates[i]),
                kinematics: if measured { "measured" } else { "derived" }.to_owned(),
                latitude_deg: None,
                longitude_deg: None,
            }
        };
        (0..self.samples.len()).map(row).collect()
    }

    fn derived_speeds(&self) -> Vec<Option<f64>> {
        let axis = |axis: usize| {
            let values: Vec<f64> = self
                .samples
                .iter()
                .map(|sample| sample.map_from_ego.translation[axis])
                .collect();
            smoothed_rate(&self.stamps_ns, &values)
        };
        let along = |(i, (vx, vy)): (usize, (Option<f64>, Option<f64>))| {
            let (sin, cos) = sin_cos(self.samples[i].map_from_ego.rotation.yaw_rad());
            Some(vx? * cos + vy? * sin)
        };
        axis(0)
            .into_iter()
            .zip(axis(1))
            .enumerate()
            .map(along)
            .collect()
    }

    fn accelerations(&self, speeds: &[Option<f64>]) -> Vec<Option<f64>> {
        let known: Vec<usize> = (0..speeds.len()).filter(|i| speeds[*i].is_some()).collect();
        let stamps: Vec<i64> = known.iter().map(|i| self.stamps_ns[*i]).collect();
        let values: Vec<f64> = known.iter().filter_map(|i| speeds[*i]).collect();
        let mut accelerations = vec![None; speeds.len()];
        for (i, rate) in known.into_iter().zip(smoothed_rate(&stamps, &values)) {
            accelerations[i] = rate;
        }
        accelerations
    }
}

/// How far the ego went along its heading, from one pose to the next.
fn along_heading(from: Pose, to: Pose) -> f64 {
    let (sin, cos) = sin_cos(from.rotation.yaw_rad());
    let along = |axis: usize| to.translation[axis] - from.translation[axis];
    along(0) * cos + along(1) * sin
}

/// How far the ego turned, from one pose to the next.
fn turned(from: Pose, to: Pose) -> f64 {
    wrap_rad(to.rotation.yaw_rad() - from.rotation.yaw_rad())
}

/// Seconds in which a measured rate and the poses differ.
struct Contradiction {
    seconds: usize,
    span_ns: (i64, i64),
    /// What the poses did in the first of them, and what the rate adds up to.
    first: (f64, f64),
}

/// Whether a measured rate contradicts the steps between poses: in more than a fifth of the seconds in which either is larger than
/// `least` they differ by more than that and by more than a fifth. Poses that stand still to the last bit are no witness.
fn contradiction(
    stamps_ns: &[i64],
    steps: &[f64],
    rates: &[Option<f64>],
    least: f64,
) -> Option<Contradiction> {
    let (mut compared, mut found) = (0, None::<Contradiction>);
    let mut from = 0;
    while from < steps.len() {
        let (mut to, mut went, mut measured) = (from, 0.0, 0.0);
        while to < steps.len() && stamps_ns[to] - stamps_ns[from] < NS_PER_S {
            let seconds = seconds_between(stamps_ns[to], stamps_ns[to + 1]);
            let mean = rates[to]
                .zip(rates[to + 1])
                .map(|(a, b)| f64::midpoint(a, b));
            went += steps[to];
            measured += mean.map_or(f64::NAN, |mean| mean * seconds);
            to += 1;
        }
        let seconds = seconds_between(stamps_ns[from], stamps_ns[to]);
        let span_ns = (stamps_ns[from], stamps_ns[to]);
        let is_witness = steps[from..to].iter().any(|step| *step != 0.0);
        from = to;
        let (went, measured) = (went / seconds, measured / seconds);
        let larger = went.abs().max(measured.abs());
        if !(0.5..2.0).contains(&seconds) || !is_witness || measured.is_nan() || larger <= least {
            continue;
        }
        compared += 1;
        if (went - measured).abs() > least.max(DISAGREE_SHARE * larger) {
            let found = found.get_or_insert(Contradiction {
                seconds: 0,
                span_ns,
                first: (went, measured),
            });
            found.seconds += 1;
            found.span_ns.1 = span_ns.1;
        }
    }
    found.filter(|found| found.seconds as f64 > DISAGREE_SHARE * f64::from(compared))
}

impl Contradiction {
    fn report(&self, findings: &mut Findings, (check, subject): (&'static str, &str), unit: &str) {
        let found = Found::several(
            check,
            Severity::Warning,
            subject,
            self.span_ns,
            self.seconds,
        );
        let (went, measured) = self.first;
        findings.add(found, || {
            format!("the poses say {went:.2} {unit}, the message {measured:.2}: what is stored is derived from the poses")
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circle(stamps_ns: &[i64]) -> EgoTrack {
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
        EgoTrack::new(stamps_ns.iter().map(sample).collect())
    }

    #[test]
    fn a_circle_has_its_speed_and_yaw_rate() {
        let stamps: Vec<i64> = (0..400).map(|k| k * 6_000_000).collect();
        let states = circle(&stamps).states();
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
}
