//! Selectors of one track by its own motion.

use super::scene::{Bounds, Mode, Scene};
use driveloop_schemas::maths::hypot;

/// How far a track that RefAV calls stationary moves less than (its documentation says 2 m).
const REFAV_DISPLACEMENT_M: f64 = 3.0;

/// The sightings at which the track's speed is within bounds.
///
/// As documented, the speed over ground in the plane. RefAV counts the vertical too, and finds nothing of a track that is
/// [stationary][is_stationary].
pub(super) fn has_velocity(scene: &Scene<'_>, track: usize, speed_mps: Bounds) -> Vec<usize> {
    let velocity_mps = &scene.motions[track].velocity_mps;
    let speed = |at: &usize| {
        let [x, y, z] = velocity_mps[*at];
        match scene.mode {
            Mode::Documented => hypot(x, y),
            Mode::RefAv => (x * x + y * y + z * z).sqrt(),
        }
    };
    kept(scene, track, |at| speed_mps.contain(speed(at)))
}

/// The sightings at which the track's acceleration along its own axis is within bounds: 0 is forward, 1 to the left.
/// RefAV finds nothing of a track that is stationary.
pub(super) fn has_acceleration(
    scene: &Scene<'_>,
    track: usize,
    axis: usize,
    accel_mps2: Bounds,
) -> Vec<usize> {
    let (of, motion) = (&scene.tracks[track], &scene.motions[track]);
    kept(scene, track, |at| {
        accel_mps2.contain(motion.own_accel_mps2(of, *at)[axis])
    })
}

/// All sightings of a track that moves less than a distance while it is seen, none of another.
pub(super) fn stationary(scene: &Scene<'_>, track: usize, displacement_max_m: f64) -> Vec<usize> {
    let sightings = 0..scene.tracks[track].sightings.len();
    if is_stationary(scene, track, displacement_max_m) {
        sightings.collect()
    } else {
        Vec::new()
    }
}

/// Whether the track's smoothed centre stays within a box of less than this diagonal. As documented, a box in the plane; RefAV's is
/// in space, and its diagonal is fixed at 3 m.
pub(super) fn is_stationary(scene: &Scene<'_>, track: usize, displacement_max_m: f64) -> bool {
    let positions = &scene.motions[track].position_m;
    let extent = |axis: usize| {
        let along = positions.iter().map(|position| position[axis]);
        let bounds = along.fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), value| {
            (min.min(value), max.max(value))
        });
        bounds.1 - bounds.0
    };
    let [x, y, z] = [extent(0), extent(1), extent(2)];
    match scene.mode {
        Mode::Documented => hypot(x, y) < displacement_max_m,
        Mode::RefAv => (x * x + y * y + z * z).sqrt() < REFAV_DISPLACEMENT_M,
    }
}

fn kept(scene: &Scene<'_>, track: usize, keeps: impl Fn(&usize) -> bool) -> Vec<usize> {
    if scene.mode == Mode::RefAv && is_stationary(scene, track, REFAV_DISPLACEMENT_M) {
        return Vec::new();
    }
    (0..scene.tracks[track].sightings.len())
        .filter(keeps)
        .collect()
}
