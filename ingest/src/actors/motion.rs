//! Velocity and acceleration of a track.

use super::{Actor, ActorColumns, Measured, Member};
use crate::motion::central_difference;
use driveloop_schemas::maths::sin_cos;

/// What is known of a track as a whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole {
    pub(super) rows: usize,
    pub(super) measured: Measured,
}

/// Velocity and acceleration of a track, in the map frame, per axis.
///
/// The velocity is the log's where it is measured at all stamps of the track, else derived from its positions by
/// [`central_difference`]; the acceleration is the log's where it is given at all stamps and not always zero (a tracker that does
/// not estimate it), else derived from the velocity in the same way, and null for fewer than three stamps.
pub(super) struct Motion {
    pub(super) velocity_is_measured: bool,
    pub(super) accel_is_measured: bool,
    pub(super) velocity_mps: [Vec<Option<f64>>; 2],
    pub(super) accel_mps2: [Vec<Option<f64>>; 2],
}

impl Motion {
    /// Of some actors of a track, which ascend in time, each stamp once. Of those at the ends of the slice the derived motion is that of the
    /// track where the slice has the end of the track, or two actors more than are asked for.
    pub(super) fn of(columns: &ActorColumns, actors: &[Member], track: Whole) -> Self {
        let stamps: Vec<i64> = actors.iter().map(|member| member.stamp_ns).collect();
        let pose = |actor: &Actor| {
            columns
                .poses(actor)
                .map(|(map_from_object, ..)| map_from_object)
        };
        let in_map = |vector: Option<[f64; 2]>, actor: &Actor| {
            let ([along, left], pose) = (vector?, pose(actor)?);
            let (sin, cos) = sin_cos(pose.rotation.yaw_rad());
            Some([along * cos - left * sin, along * sin + left * cos])
        };
        let rows = || actors.iter().map(|member| &member.actor);
        let velocity_is_measured = track.measured.has_velocity;
        let velocity_mps = if velocity_is_measured {
            per_axis(rows().map(|actor| in_map(actor.velocity_mps, actor)))
        } else {
            let position =
                |actor| pose(actor).map(|pose| [pose.translation[0], pose.translation[1]]);
            per_axis(rows().map(position)).map(|along| central_difference(&stamps, &along))
        };
        let accel_is_measured = track.measured.has_accel && track.measured.accelerates;
        let accel_mps2 = if accel_is_measured {
            per_axis(rows().map(|actor| in_map(actor.accel_mps2, actor)))
        } else if track.rows < 3 {
            [0, 1].map(|_| vec![None; actors.len()])
        } else {
            [0, 1].map(|axis: usize| central_difference(&stamps, &velocity_mps[axis]))
        };
        Self {
            velocity_is_measured,
            accel_is_measured,
            velocity_mps,
            accel_mps2,
        }
    }
}

fn per_axis(vectors: impl Iterator<Item = Option<[f64; 2]>>) -> [Vec<Option<f64>>; 2] {
    let axes = |vector: Option<[f64; 2]>| (vector.map(|v| v[0]), vector.map(|v| v[1]));
    let (x, y) = vectors.map(axes).unzip();
    [x, y]
}
