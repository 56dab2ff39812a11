//! Selectors of a track by where it looks or goes, with regard to others.

use driveloop_schemas::maths::{acos, atan2, hypot};
use driveloop_schemas::pose::wrap_rad;

use super::related::Relation;
use super::scene::{Mode, Scene};
use crate::kinematics::{Track, range_m, seen_from, steps};

/// Speed from which the direction of travel is that of the velocity, and below which it is that of the box.
const TRAVEL_MPS: f64 = 1.0;
/// The same for a track that RefAV sees beside a slow related one.
const REFAV_TRAVEL_MPS: f64 = 0.5;
/// What RefAV adds so as not to divide by zero.
const REFAV_EPSILON: f64 = 1e-8;
/// The categories that go where they point: boxes of others, such as cones, have no direction.
const WITH_A_WILL: [&str; 18] = [
    "ANIMAL",
    "ARTICULATED_BUS",
    "BICYCLIST",
    "BOX_TRUCK",
    "BUS",
    "EGO_VEHICLE",
    "LARGE_VEHICLE",
    "MOTORCYCLE",
    "MOTORCYCLIST",
    "OFFICIAL_SIGNALER",
    "PEDESTRIAN",
    "RAILED_VEHICLE",
    "REGULAR_VEHICLE",
    "SCHOOL_BUS",
    "TRUCK",
    "TRUCK_CAB",
    "VEHICULAR_TRAILER",
    "WHEELED_RIDER",
];

/// What is asked of those in front of a track.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Toward {
    /// To either side of the heading, or of the velocity.
    pub(crate) angle_max_rad: f64,
    /// Least distance of the boxes.
    pub(crate) distance_max_m: f64,
    /// For a track that goes there: its speed towards the related. RefAV compares how much nearer they come from frame to frame.
    pub(crate) speed_min_mps: f64,
}

/// How two directions of travel lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heading {
    /// Up to 45° apart.
    Same,
    /// More than 45° and less than 135° apart.
    Perpendicular,
    /// 135° or more apart.
    Opposite,
}

/// The candidates that the track's box faces.
pub(super) fn facing_toward(
    scene: &Scene<'_>,
    track: usize,
    candidates: &[usize],
    asked: &Toward,
) -> Vec<Relation> {
    let mut found = Vec::new();
    for &related in candidates.iter().filter(|related| **related != track) {
        for place in scene.places(related, track) {
            let bearing_rad = atan2(place.y_m, place.x_m);
            if bearing_rad.abs() <= asked.angle_max_rad
                && scene.are_within([track, place.by], [related, place.at], asked.distance_max_m)
            {
                found.push(Relation {
                    related,
                    at: place.by,
                });
            }
        }
    }
    found
}

/// The candidates that the track goes towards.
pub(super) fn heading_toward(
    scene: &Scene<'_>,
    track: usize,
    candidates: &[usize],
    asked: &Toward,
) -> Vec<Relation> {
    let mut found = Vec::new();
    for &related in candidates.iter().filter(|related| **related != track) {
        let approaches = match scene.mode {
            Mode::Documented => approaches(scene, track, related),
            Mode::RefAv => refav_approaches(scene, track, related),
        };
        found.extend(approaches.into_iter().filter_map(|approach| {
            let is_near = || {
                let (by, at) = (approach.by, approach.at);
                scene.are_within([track, by], [related, at], asked.distance_max_m)
            };
            let is_towards =
                approach.angle_rad <= asked.angle_max_rad && approach.speed >= asked.speed_min_mps;
            (is_towards && is_near()).then_some(Relation {
                related,
                at: approach.by,
            })
        }));
    }
    found
}

/// How a track comes nearer to another.
struct Approach {
    /// Sighting of the other.
    at: usize,
    /// Sighting of the track.
    by: usize,
    /// Between its velocity and the direction of the other.
    angle_rad: f64,
    speed: f64,
}

/// In the plane, centre of the box to centre of the box; the speed is the part of the track's own velocity.
fn approaches(scene: &Scene<'_>, track: usize, related: usize) -> Vec<Approach> {
    let places = scene.places(related, track).into_iter();
    let approach = |place: super::scene::Place| {
        let [vx, vy, _] = scene.motions[track].own_velocity_mps(&scene.tracks[track], place.by);
        let towards = vx * place.x_m + vy * place.y_m;
        let across = vx * place.y_m - vy * place.x_m;
        Approach {
            at: place.at,
            by: place.by,
            angle_rad: atan2(across, towards).abs(),
            speed: towards / hypot(place.x_m, place.y_m),
        }
    };
    places.map(approach).collect()
}

/// In space, and with the distance of the centres as the other's frame has it, frame by frame.
fn refav_approaches(scene: &Scene<'_>, track: usize, related: usize) -> Vec<Approach> {
    let (one, other) = (&scene.tracks[track], &scene.tracks[related]);
    let (motion, recipe) = (&scene.motions[track], scene.mode.recipe());
    let from_other = seen_from(one, motion, other, recipe);
    let ranges: Vec<f64> = from_other
        .iter()
        .map(|seen| range_m(seen.position_m))
        .collect();
    let seen = seen_from(other, &scene.motions[related], one, recipe);
    let approach = |(seen, step): (&crate::kinematics::Seen, f64)| {
        let velocity = motion.own_velocity_mps(one, seen.by);
        let speed = range_m(velocity) + REFAV_EPSILON;
        let away = range_m(seen.position_m.map(|value| value + REFAV_EPSILON));
        let cosine: f64 = (0..3)
            .map(|axis| velocity[axis] / speed * (seen.position_m[axis] / away))
            .sum();
        Approach {
            at: seen.at,
            by: seen.by,
            angle_rad: acos(cosine),
            speed: -step,
        }
    };
    seen.iter().zip(steps(&ranges)).map(approach).collect()
}

/// The candidates that travel as asked with regard to the track.
///
/// One of the two must travel at 1 m/s or more; where the other is slower, its direction is that of its box, if it is one that goes
/// where it points.
pub(super) fn heading_in_relative_direction(
    scene: &Scene<'_>,
    track: usize,
    candidates: &[usize],
    heading: Heading,
) -> Vec<Relation> {
    let mut found = Vec::new();
    for &related in candidates.iter().filter(|related| **related != track) {
        for (at, theirs) in scene.tracks[track].common(&scene.tracks[related]) {
            let between = match scene.mode {
                Mode::Documented => angle_deg(scene, [track, at], [related, theirs]),
                Mode::RefAv => refav_angle_deg(scene, [track, at], [related, theirs]),
            };
            if between.and_then(|degrees| heading_of(degrees, scene.mode)) == Some(heading) {
                found.push(Relation { related, at });
            }
        }
    }
    found
}

fn heading_of(degrees: f64, mode: Mode) -> Option<Heading> {
    match degrees {
        _ if degrees <= 45.0 => Some(Heading::Same),
        _ if degrees < 135.0 => Some(Heading::Perpendicular),
        // RefAV leaves out those that are exactly opposite.
        _ if degrees < 180.0 || mode == Mode::Documented => Some(Heading::Opposite),
        _ => None,
    }
}

fn angle_deg(scene: &Scene<'_>, one: [usize; 2], other: [usize; 2]) -> Option<f64> {
    let velocity = |[track, at]: [usize; 2]| scene.motions[track].velocity_mps[at];
    let speed = |of| {
        let [x, y, _] = velocity(of);
        hypot(x, y)
    };
    let travels = speed(one) >= TRAVEL_MPS || speed(other) >= TRAVEL_MPS;
    let direction = |of: [usize; 2]| {
        let [x, y, _] = velocity(of);
        if speed(of) >= TRAVEL_MPS {
            return Some(atan2(y, x));
        }
        has_a_will(&scene.tracks[of[0]]).then(|| scene.motions[of[0]].yaw_rad[of[1]])
    };
    let between = wrap_rad(direction(one)? - direction(other)?);
    travels.then(|| between.abs().to_degrees())
}

/// The direction of a slow one is that from its smoothed centre to the point 1 m ahead of the centre of its box.
fn refav_angle_deg(scene: &Scene<'_>, one: [usize; 2], other: [usize; 2]) -> Option<f64> {
    let velocity = |[track, at]: [usize; 2]| scene.motions[track].velocity_mps[at];
    let ahead = |[track, at]: [usize; 2]| {
        let tip = scene.tracks[track].sightings[at]
            .map_from_box
            .transform([1.0, 0.0, 0.0]);
        let centre = scene.motions[track].position_m[at];
        [0, 1, 2].map(|axis: usize| tip[axis] - centre[axis])
    };
    let is_led_by_box = |of: [usize; 2], faster: [usize; 2], than_mps: f64| {
        range_m(velocity(of)) < TRAVEL_MPS
            && has_a_will(&scene.tracks[of[0]])
            && range_m(velocity(faster)) > than_mps
    };
    let (mut mine, mut theirs) = (velocity(one), velocity(other));
    if is_led_by_box(one, other, TRAVEL_MPS) {
        mine = ahead(one);
    } else if is_led_by_box(other, one, REFAV_TRAVEL_MPS) {
        theirs = ahead(other);
    } else if range_m(mine) < TRAVEL_MPS || range_m(theirs) < TRAVEL_MPS {
        return None;
    }
    let length = |direction: [f64; 3]| range_m(direction.map(|value| value + REFAV_EPSILON));
    let (mine_m, theirs_m) = (length(mine), length(theirs));
    let cosine: f64 = (0..3)
        .map(|axis| mine[axis] / mine_m * (theirs[axis] / theirs_m))
        .sum();
    Some(acos(cosine).to_degrees()).filter(|degrees| !degrees.is_nan())
}

fn has_a_will(track: &Track) -> bool {
    WITH_A_WILL.contains(&track.category.as_str())
}
