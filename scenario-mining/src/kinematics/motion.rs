//! The motion of one track under a recipe.

use driveloop_schemas::maths::atan2;
use driveloop_schemas::pose::{Quat, wrap_rad};

use super::median::central_difference;
use super::recipe::{Recipe, Series};
use super::track::Track;

/// Position, velocity, acceleration and heading of a track at each of its stamps; NaN where it has too few.
#[derive(Debug, Clone)]
pub(crate) struct Motion {
    /// Smoothed centre, map frame.
    pub(crate) position_m: Vec<[f64; 3]>,
    /// Over ground, in the axes of the map.
    pub(crate) velocity_mps: Vec<[f64; 3]>,
    /// Over ground, in the axes of the map.
    pub(crate) accel_mps2: Vec<[f64; 3]>,
    /// Heading in the map, in (-π, π].
    pub(crate) yaw_rad: Vec<f64>,
    /// Rate of the heading, counter-clockwise.
    pub(crate) yaw_rate_radps: Vec<f64>,
}

impl Motion {
    pub(crate) fn of(track: &Track, recipe: Recipe) -> Self {
        let positions: Vec<[f64; 3]> = track
            .sightings
            .iter()
            .map(|seen| seen.map_from_box.translation)
            .collect();
        let [position_m, velocity_mps, accel_mps2] =
            point_motion(&track.stamps_ns, &positions, recipe);
        let (yaw_rad, yaw_rate_radps) = heading(track, recipe);
        Self {
            position_m,
            velocity_mps,
            accel_mps2,
            yaw_rad,
            yaw_rate_radps,
        }
    }

    /// Velocity in the axes of the track's own box: forward, left, up.
    pub(crate) fn own_velocity_mps(&self, track: &Track, at: usize) -> [f64; 3] {
        own_axes(track, at, self.velocity_mps[at])
    }

    /// Acceleration in the axes of the track's own box.
    pub(crate) fn own_accel_mps2(&self, track: &Track, at: usize) -> [f64; 3] {
        own_axes(track, at, self.accel_mps2[at])
    }
}

/// Smoothed position, its rate and its second rate, axis by axis.
pub(super) fn point_motion(
    stamps_ns: &[i64],
    positions: &[[f64; 3]],
    recipe: Recipe,
) -> [Vec<[f64; 3]>; 3] {
    let axes = [0, 1, 2].map(|axis: usize| {
        let along: Vec<f64> = positions.iter().map(|position| position[axis]).collect();
        recipe.series(stamps_ns, &along)
    });
    let points = |read: fn(&Series) -> &[f64]| -> Vec<[f64; 3]> {
        let [x, y, z] = [read(&axes[0]), read(&axes[1]), read(&axes[2])];
        (0..positions.len())
            .map(|at| [x[at], y[at], z[at]])
            .collect()
    };
    [
        points(|axis| &axis.value),
        points(|axis| &axis.rate),
        points(|axis| &axis.second_rate),
    ]
}

/// Heading and its rate.
///
/// RefAV takes the z component of the rotation vector for the heading, and does not filter its central difference; of a track of
/// one frame it gives the heading itself as the rate.
fn heading(track: &Track, recipe: Recipe) -> (Vec<f64>, Vec<f64>) {
    let rotations = track
        .sightings
        .iter()
        .map(|seen| seen.map_from_box.rotation);
    match recipe {
        Recipe::LocalFit { .. } => {
            let yaws: Vec<f64> = rotations.map(Quat::yaw_rad).collect();
            let series = recipe.series(&track.stamps_ns, &unwrapped(&yaws));
            (
                series.value.into_iter().map(wrap_rad).collect(),
                series.rate,
            )
        }
        Recipe::MedianOfDifferences => {
            let yaws: Vec<f64> = rotations.map(rotation_about_z_rad).collect();
            let rates = if yaws.len() == 1 {
                yaws.clone()
            } else {
                central_difference(&track.stamps_ns, &yaws, turned_back)
            };
            (yaws, rates)
        }
    }
}

/// Angles without jumps: each is the nearest to the one before.
fn unwrapped(angles_rad: &[f64]) -> Vec<f64> {
    let mut before: Option<f64> = None;
    let unwrap = |angle: &f64| {
        let next = before.map_or(*angle, |before| before + wrap_rad(*angle - before));
        before = Some(next);
        next
    };
    angles_rad.iter().map(unwrap).collect()
}

/// A difference of two angles in (-π, π], brought back into that range.
fn turned_back(difference_rad: f64) -> f64 {
    use std::f64::consts::{PI, TAU};
    if difference_rad.abs() <= PI {
        difference_rad
    } else {
        difference_rad - TAU.copysign(difference_rad)
    }
}

/// The z component of the rotation vector (axis times angle), the angle in [0, π].
pub(crate) fn rotation_about_z_rad(q: Quat) -> f64 {
    let Quat { w, x, y, z } = q;
    let sine = (x * x + y * y + z * z).sqrt();
    if sine == 0.0 {
        return 0.0;
    }
    let angle_rad = 2.0 * atan2(sine, w.abs());
    let side = if w < 0.0 { -1.0 } else { 1.0 };
    side * angle_rad * z / sine
}

fn own_axes(track: &Track, at: usize, vector: [f64; 3]) -> [f64; 3] {
    let rotation = track.sightings[at].map_from_box.rotation;
    rotation.inverse().rotate(vector)
}
