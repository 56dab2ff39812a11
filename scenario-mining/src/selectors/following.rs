//! Following: behind another in its lane.

use driveloop_schemas::maths::{atan2, cos, hypot, sin_cos};
use driveloop_schemas::pose::{Quat, wrap_rad};

use super::related::Relation;
use super::scene::{Mode, Scene};
use crate::kinematics::{LaneShape, range_m, rotation_about_z_rad, seen_from};

/// How far ahead of the front of the track the centre of the one that it follows is at most.
const REACH_M: f64 = 25.0;
/// How far beside the axis of the track's box it is, in the same lane.
const BESIDE_M: f64 = 5.0;
/// Cosine of the angle between the directions of travel: up to 60°.
const COSINE_MIN: f64 = 0.5;
/// Speed from which the direction of travel is that of the velocity, and below which it is that of the box.
const TRAVEL_MPS: f64 = 0.5;
/// What RefAV adds so as not to divide by zero.
const REFAV_EPSILON: f64 = 1e-8;

/// Somebody ahead, or not.
struct Ahead {
    /// Sighting of the related.
    at: usize,
    /// Sighting of the track.
    by: usize,
    x_m: f64,
    y_m: f64,
    /// Of the angle between the two directions of travel.
    cosine: f64,
}

/// The candidates that the track follows.
///
/// A candidate is followed when its centre is up to 25 m ahead of the track's front, the two travel in directions up to 60° apart, and
/// the candidate is in the track's lane or one that it leads into and up to 5 m beside the axis of the track's box, or is in a
/// neighbouring lane with a side of its box in the track's way.
pub(super) fn following(scene: &Scene<'_>, track: usize, candidates: &[usize]) -> Vec<Relation> {
    let lane = |track: usize, at: usize| {
        let lane = scene.track_lanes.get(track)?.get(at).copied().flatten()?;
        scene.lanes.get(lane)
    };
    let mut found = Vec::new();
    for &related in candidates.iter().filter(|related| **related != track) {
        let ahead = match scene.mode {
            Mode::Documented => ahead(scene, track, related),
            Mode::RefAv => refav_ahead(scene, track, related),
        };
        for one in ahead {
            let both = lane(track, one.by).zip(lane(related, one.at));
            let is_followed = both.is_some_and(|(own, other)| {
                is_ahead_in(scene, [track, related], &one, [own, other])
            });
            if is_followed {
                found.push(Relation {
                    related,
                    at: one.by,
                });
            }
        }
    }
    found
}

fn is_ahead_in(
    scene: &Scene<'_>,
    [track, related]: [usize; 2],
    one: &Ahead,
    [own, other]: [&LaneShape; 2],
) -> bool {
    let sizes = match scene.mode {
        Mode::Documented => [
            scene.rectangle(track, one.by),
            scene.rectangle(related, one.at),
        ],
        Mode::RefAv => [scene.rectangle(track, 0), scene.rectangle(related, 0)],
    };
    let front_m = sizes[0].length_m / 2.0;
    let [half_width_m, other_half_m] = sizes.map(|size| size.width_m / 2.0);
    let is_near = front_m < one.x_m && one.x_m < REACH_M + front_m && one.cosine > COSINE_MIN;
    let is_in_lane = own.lane_id == other.lane_id || own.successors.contains(&other.lane_id);
    let is_beside = own
        .neighbours
        .iter()
        .flatten()
        .any(|lane| *lane == other.lane_id);
    let is_in_way = [one.y_m + other_half_m, one.y_m - other_half_m]
        .iter()
        .any(|side| side.abs() <= half_width_m);
    is_near && ((is_in_lane && one.y_m.abs() < BESIDE_M) || (is_beside && is_in_way))
}

fn ahead(scene: &Scene<'_>, track: usize, related: usize) -> Vec<Ahead> {
    let direction = |of: usize, at: usize| {
        let [x, y, _] = scene.motions[of].velocity_mps[at];
        if hypot(x, y) > TRAVEL_MPS {
            atan2(y, x)
        } else {
            scene.motions[of].yaw_rad[at]
        }
    };
    let places = scene.places(related, track).into_iter();
    let ahead = places.map(|place| Ahead {
        at: place.at,
        by: place.by,
        x_m: place.x_m,
        y_m: place.y_m,
        cosine: cos(wrap_rad(
            direction(track, place.by) - direction(related, place.at),
        )),
    });
    ahead.collect()
}

/// In the axes of the track's box. Where the related is slow its direction is that of its box, but seen from the box that the track
/// had as many frames after its own first one as the two have been seen together.
fn refav_ahead(scene: &Scene<'_>, track: usize, related: usize) -> Vec<Ahead> {
    let (one, other) = (&scene.tracks[track], &scene.tracks[related]);
    let seen = seen_from(other, &scene.motions[related], one, scene.mode.recipe());
    let unit = |[x, y, _]: [f64; 3]| {
        let length = hypot(x + REFAV_EPSILON, y + REFAV_EPSILON);
        [x / length, y / length]
    };
    let ahead = seen.iter().enumerate().map(|(frame, seen)| {
        let theirs = if range_m(seen.velocity_mps) > TRAVEL_MPS {
            unit(seen.velocity_mps)
        } else {
            let (sin, cos) = sin_cos(refav_yaw_rad(
                scene,
                [track, related],
                frame,
                [seen.by, seen.at],
            ));
            [cos, sin]
        };
        let own = scene.motions[track].own_velocity_mps(one, seen.by);
        let own = if range_m(own) > TRAVEL_MPS {
            unit(own)
        } else {
            [1.0, 0.0]
        };
        Ahead {
            at: seen.at,
            by: seen.by,
            x_m: seen.position_m[0],
            y_m: seen.position_m[1],
            cosine: own[0] * theirs[0] + own[1] * theirs[1],
        }
    });
    ahead.collect()
}

fn refav_yaw_rad(
    scene: &Scene<'_>,
    [track, related]: [usize; 2],
    frame: usize,
    [by, at]: [usize; 2],
) -> f64 {
    let (one, other) = (&scene.tracks[track], &scene.tracks[related]);
    let yaw = |frame: usize| Quat::from_yaw(one.sightings[frame].box_in_ego.yaw_rad);
    // The ego at the stamp, from the track's own box then; the track's box, from the wrong frame.
    let map_from_box = one.sightings[by].map_from_box.rotation;
    let map_from_ego = map_from_box.times(yaw(by).inverse());
    let wrong = if scene.is_ego(track) {
        Quat::IDENTITY
    } else {
        yaw(frame)
    };
    let wrong_from_map = wrong.inverse().times(map_from_ego.inverse());
    rotation_about_z_rad(wrong_from_map.times(other.sightings[at].map_from_box.rotation))
}
