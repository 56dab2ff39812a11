//! One track seen from another.

use driveloop_schemas::pose::{Pose, Quat};
use std::collections::BTreeMap;

use super::motion::{Motion, point_motion};
use super::recipe::Recipe;
use super::track::Track;

/// Where a point was in somebody's frame, and when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Seen {
    /// Place of the sighting in the track that was seen.
    pub(crate) at: usize,
    /// Place of the sighting in the track that sees.
    pub(crate) by: usize,
    /// Smoothed centre of the seen, in the frame of the seer's box.
    pub(crate) position_m: [f64; 3],
    /// Velocity of the seen over ground, in the axes of the seer's box.
    pub(crate) velocity_mps: [f64; 3],
}

/// A track in the frame of another's box, at the stamps that both have.
///
/// By RefAV's recipe the track is smoothed over these stamps alone; else over all of its own.
pub(crate) fn seen_from(track: &Track, motion: &Motion, seer: &Track, recipe: Recipe) -> Vec<Seen> {
    let both = track.common(seer);
    let is_whole = both.len() == track.stamps_ns.len();
    let cut = (recipe == Recipe::MedianOfDifferences && !is_whole).then(|| {
        let stamps_ns: Vec<i64> = both.iter().map(|(at, _)| track.stamps_ns[*at]).collect();
        let sightings = both.iter().map(|(at, _)| &track.sightings[*at]);
        let positions: Vec<[f64; 3]> = sightings
            .map(|seen| seen.map_from_box.translation)
            .collect();
        point_motion(&stamps_ns, &positions, recipe)
    });
    let seen = |(place, (at, by)): (usize, &(usize, usize))| {
        let map_from_seer = seer.sightings[*by].map_from_box;
        let (position, velocity) = match &cut {
            Some([position, velocity, _]) => (position[place], velocity[place]),
            None => (motion.position_m[*at], motion.velocity_mps[*at]),
        };
        Seen {
            at: *at,
            by: *by,
            position_m: map_from_seer.inverse().transform(position),
            velocity_mps: map_from_seer.rotation.inverse().rotate(velocity),
        }
    };
    both.iter().enumerate().map(seen).collect()
}

/// A track in the ego's frame, at each of its stamps at which the ego's place is known.
pub(crate) fn seen_from_ego(
    track: &Track,
    motion: &Motion,
    map_from_ego: &BTreeMap<i64, Pose>,
) -> Vec<(usize, [f64; 3], [f64; 3])> {
    let stamps = track.stamps_ns.iter().enumerate();
    stamps
        .filter_map(|(at, stamp_ns)| {
            let pose = map_from_ego.get(stamp_ns)?;
            let ego_from_map: Quat = pose.rotation.inverse();
            let position_m = pose.inverse().transform(motion.position_m[at]);
            Some((at, position_m, ego_from_map.rotate(motion.velocity_mps[at])))
        })
        .collect()
}

/// How far away it is.
pub(crate) fn range_m([x, y, z]: [f64; 3]) -> f64 {
    (x * x + y * y + z * z).sqrt()
}

/// Change from frame to frame: half the difference between the next and the one before, the whole difference at the ends, zero
/// where there is one alone (the gradient of NumPy).
pub(crate) fn steps(values: &[f64]) -> Vec<f64> {
    let last = values.len().saturating_sub(1);
    let step = |at: usize| {
        let (before, after) = (at.saturating_sub(1), (at + 1).min(last));
        let frames = (after - before).max(1) as f64;
        (values[after] - values[before]) / frames
    };
    (0..values.len()).map(step).collect()
}
