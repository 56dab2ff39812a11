//! The tables that kinematics become: one row a track and stamp.

use arrow::array::ArrayRef;

use super::motion::Motion;
use super::pair::{range_m, seen_from, seen_from_ego, steps};
use super::recipe::Recipe;
use super::rows::NumberRows;
use super::track::TrackSet;

/// Smoothed position, velocity and acceleration in the axes of the map (x, y, z) and of the track's own box (forward, left), heading
/// and its rate.
pub(crate) const MOTION: [&str; 15] = [
    "x_m",
    "y_m",
    "z_m",
    "vx_mps",
    "vy_mps",
    "vz_mps",
    "ax_mps2",
    "ay_mps2",
    "az_mps2",
    "forward_mps",
    "left_mps",
    "forward_mps2",
    "left_mps2",
    "yaw_rad",
    "yaw_rate_radps",
];

/// A track against the ego: least distance of the boxes seen from above; smoothed centre and velocity over ground in the axes of the
/// ego frame; smoothed centre of the ego's box in the axes of the track's; how far the centres are apart, in space, as either
/// frame has it; and how the two change.
pub(crate) const EGO_PAIR: [&str; 13] = [
    "distance_m",
    "x_m",
    "y_m",
    "z_m",
    "vx_mps",
    "vy_mps",
    "ego_x_m",
    "ego_y_m",
    "range_m",
    "ego_range_m",
    "range_rate_mps",
    "range_step_m",
    "ego_range_step_m",
];

/// The motion of every track of a drive: track, stamp, and what [`MOTION`] names.
pub(crate) fn motion_rows(set: &TrackSet, recipe: Recipe) -> Vec<ArrayRef> {
    let mut rows = NumberRows::default();
    for track in &set.tracks {
        let motion = Motion::of(track, recipe);
        for (at, stamp_ns) in track.stamps_ns.iter().copied().enumerate() {
            let ([x, y, z], [vx, vy, vz], [ax, ay, az]) = (
                motion.position_m[at],
                motion.velocity_mps[at],
                motion.accel_mps2[at],
            );
            let [forward_mps, left_mps, _] = motion.own_velocity_mps(track, at);
            let [forward_mps2, left_mps2, _] = motion.own_accel_mps2(track, at);
            let (yaw, yaw_rate) = (motion.yaw_rad[at], motion.yaw_rate_radps[at]);
            let numbers: [f64; MOTION.len()] = [
                x,
                y,
                z,
                vx,
                vy,
                vz,
                ax,
                ay,
                az,
                forward_mps,
                left_mps,
                forward_mps2,
                left_mps2,
                yaw,
                yaw_rate,
            ];
            rows.push(&track.track_id, stamp_ns, &numbers);
        }
    }
    rows.finish()
}

/// Every track of a drive but the ego against the ego, at the stamps that both have: track, stamp, and what [`EGO_PAIR`] names.
///
/// By RefAV's recipe the ego's box is where its logs have it, centred on the rear axle; else it is over the car.
pub(crate) fn ego_pair_rows(set: &TrackSet, recipe: Recipe) -> Vec<ArrayRef> {
    let mut rows = NumberRows::default();
    let Some(ego_at) = set.ego else {
        return rows.finish();
    };
    let (ego, map_from_ego) = (&set.tracks[ego_at], set.map_from_ego());
    let ego_motion = Motion::of(ego, recipe);
    for track in set
        .tracks
        .iter()
        .filter(|track| track.track_id != ego.track_id)
    {
        let motion = Motion::of(track, recipe);
        let in_ego = seen_from_ego(track, &motion, &map_from_ego);
        let in_track = seen_from(ego, &ego_motion, track, recipe);
        let ranges: Vec<f64> = in_ego
            .iter()
            .map(|(_, position, _)| range_m(*position))
            .collect();
        let ego_ranges: Vec<f64> = in_track
            .iter()
            .map(|seen| range_m(seen.position_m))
            .collect();
        let stamps_ns: Vec<i64> = in_track
            .iter()
            .map(|seen| track.stamps_ns[seen.by])
            .collect();
        let rates = recipe.series(&stamps_ns, &ranges).rate;
        let (range_steps, ego_steps) = (steps(&ranges), steps(&ego_ranges));
        // Both are at the stamps that both tracks have, in the order of time.
        for (row, (seen, (at, position, velocity))) in in_track.iter().zip(&in_ego).enumerate() {
            let (theirs, own) = match recipe {
                Recipe::LocalFit { .. } => (track.box_over_car(*at), ego.box_over_car(seen.at)),
                Recipe::MedianOfDifferences => (
                    track.sightings[*at].box_in_ego,
                    ego.sightings[seen.at].box_in_ego,
                ),
            };
            let ([x, y, z], [vx, vy, _]) = (*position, *velocity);
            let [ego_x, ego_y, _] = seen.position_m;
            let numbers: [f64; EGO_PAIR.len()] = [
                theirs.distance_m(&own),
                x,
                y,
                z,
                vx,
                vy,
                ego_x,
                ego_y,
                ranges[row],
                ego_ranges[row],
                rates[row],
                range_steps[row],
                ego_steps[row],
            ];
            rows.push(&track.track_id, track.stamps_ns[*at], &numbers);
        }
    }
    rows.finish()
}
