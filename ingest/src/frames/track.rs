//! Poses over time.

use driveloop_schemas::maths::{acos, sin};
use driveloop_schemas::pose::{Pose, Quat};
use driveloop_schemas::time::{NS_PER_S, seconds_between};

use crate::motion::HALF_WINDOW_NS;
use crate::paged::{Paged, Store};

/// Two statements about a frame that lie further apart say nothing about the time between. A listener of `tf2` keeps ten seconds, so
/// that nobody who sent less often could have been understood.
const GAP_MAX_NS: i64 = 10 * NS_PER_S;
/// Below this angle between two orientations the great circle is a line to the last digit, and its formula divides by zero.
const LINE_COSINE: f64 = 1.0 - 1e-12;

/// How a pose at a stamp was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PoseAt {
    /// The log has a pose of that stamp.
    Exact,
    /// Between two poses, or next to the first or last.
    Interpolated,
}

impl PoseAt {
    /// How a pose was found that two others make.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Exact, Self::Exact) => Self::Exact,
            _ => Self::Interpolated,
        }
    }
}

/// Where a frame was in another.
#[derive(Debug, Default)]
pub(crate) struct PoseTrack {
    samples: Paged<(i64, Pose)>,
    last_ns: Option<i64>,
    /// Whether a sample came that is not later than the one before it.
    is_unsorted: bool,
}

impl PoseTrack {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            samples: Paged::new(store),
            ..Self::default()
        }
    }

    pub(crate) fn push(&mut self, stamp_ns: i64, pose: Pose) {
        self.is_unsorted |= self.last_ns.is_some_and(|last_ns| last_ns >= stamp_ns);
        self.last_ns = Some(stamp_ns);
        self.samples.push((stamp_ns, pose));
    }

    /// Sorts by stamp; of one stamp the last sample stays.
    pub(crate) fn settle(&mut self) {
        if !std::mem::take(&mut self.is_unsorted) {
            return;
        }
        let store = self.samples.store().clone();
        let sorted = std::mem::take(&mut self.samples).sorted_by_key(|(stamp_ns, _)| *stamp_ns);
        self.samples = Paged::new(&store);
        let mut last = None;
        for sample in &sorted {
            let before = last.replace(sample);
            self.samples
                .extend(before.filter(|before| before.0 != sample.0));
        }
        self.samples.extend(last);
        self.last_ns = last.map(|(stamp_ns, _)| stamp_ns);
    }

    pub(crate) fn stamps(&self) -> impl Iterator<Item = i64> + '_ {
        self.samples.iter().map(|(stamp_ns, _)| stamp_ns)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.samples.bytes()
    }

    /// The pose at a stamp: that of the log; else between two that are at most ten seconds apart; else the nearest within a tenth
    /// of a second. The track is settled.
    pub(crate) fn at(&self, stamp_ns: i64) -> Option<(Pose, PoseAt)> {
        let at = self.samples.partition_point(|(stamp, _)| *stamp < stamp_ns);
        let before = at.checked_sub(1).and_then(|at| self.samples.get(at));
        let after = self.samples.get(at);
        if let Some((_, pose)) = after.filter(|(after_ns, _)| *after_ns == stamp_ns) {
            return Some((pose, PoseAt::Exact));
        }
        if let (Some((a_ns, a)), Some((b_ns, b))) = (before, after)
            && b_ns.saturating_sub(a_ns) <= GAP_MAX_NS
        {
            let part = seconds_between(a_ns, stamp_ns) / seconds_between(a_ns, b_ns);
            return Some((between(a, b, part)?, PoseAt::Interpolated));
        }
        let near = |sample: &(i64, Pose)| sample.0.abs_diff(stamp_ns) <= HALF_WINDOW_NS as u64;
        let nearest = before.filter(near).or(after.filter(near))?;
        Some((nearest.1, PoseAt::Interpolated))
    }
}

/// The pose at a part of the way from `a` to `b`: on the line between the positions, on the great circle between the orientations.
pub(crate) fn between(a: Pose, b: Pose, part: f64) -> Option<Pose> {
    let mix = |x: f64, y: f64| x + (y - x) * part;
    let (p, q) = (a.rotation, b.rotation);
    let cosine = p.w * q.w + p.x * q.x + p.y * q.y + p.z * q.z;
    // A quaternion and its negative are the same rotation: go the short way.
    let side = if cosine < 0.0 { -1.0 } else { 1.0 };
    let (of_p, of_q) = weights(cosine.abs(), part);
    let blend = |x: f64, y: f64| of_p * x + side * of_q * y;
    let rotation = Quat {
        w: blend(p.w, q.w),
        x: blend(p.x, q.x),
        y: blend(p.y, q.y),
        z: blend(p.z, q.z),
    };
    let (t, u) = (a.translation, b.translation);
    Some(Pose {
        translation: [mix(t[0], u[0]), mix(t[1], u[1]), mix(t[2], u[2])],
        rotation: rotation.normalized()?,
    })
}

/// How much of each of two orientations whose quaternions have that product.
fn weights(cosine: f64, part: f64) -> (f64, f64) {
    if cosine > LINE_COSINE {
        return (1.0 - part, part);
    }
    let angle = acos(cosine);
    let sine = sin(angle);
    let of_p = sin((1.0 - part) * angle) / sine;
    (of_p, sin(part * angle) / sine)
}
