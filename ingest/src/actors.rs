//! Actors as a log observes them, and as rows of `object_track`.

use std::collections::BTreeMap;

use driveloop_schemas::ObjectTrack;
use driveloop_schemas::pose::Pose;
use driveloop_schemas::time::Day;

use crate::motion::central_difference;

/// One actor at one stamp, placed in the map.
#[derive(Debug, Clone)]
pub(crate) struct Observed {
    pub(crate) track_id: String,
    pub(crate) stamp_ns: i64,
    pub(crate) category: String,
    pub(crate) source_category: String,
    /// Length, width, height.
    pub(crate) size_m: [f64; 3],
    pub(crate) map_from_object: Pose,
    pub(crate) ego_from_object: Pose,
    /// Over ground, in the map frame, where the log measures it.
    pub(crate) velocity_mps: Option<[f64; 2]>,
    /// Over ground, in the map frame, where the log measures it.
    pub(crate) accel_mps2: Option<[f64; 2]>,
    pub(crate) lidar_points: Option<i32>,
}

/// The ego at a stamp of the actors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EgoAt {
    pub(crate) map_from_ego: Pose,
    /// Of the frame's origin, over ground, in the map frame.
    pub(crate) velocity_mps: Option<[f64; 2]>,
}

/// The rows of `object_track`, by track and stamp.
///
/// A track's velocity is the log's where it is measured at all of its stamps, else derived from its positions by
/// [`central_difference`]; its acceleration is the log's where it is given at all of its stamps and not always zero (a tracker that does
/// not estimate it), else derived from the velocity in the same way, and null for fewer than three stamps.
/// `ego` has every stamp of the observations, and each track every stamp once.
pub(crate) fn object_tracks(
    observed: Vec<Observed>,
    ego: &BTreeMap<i64, EgoAt>,
) -> Vec<ObjectTrack> {
    let mut tracks: BTreeMap<String, Vec<Observed>> = BTreeMap::new();
    for actor in observed {
        tracks
            .entry(actor.track_id.clone())
            .or_default()
            .push(actor);
    }
    let mut rows = Vec::new();
    for (_, mut track) in tracks {
        track.sort_by_key(|actor| actor.stamp_ns);
        let motion = Motion::of(&track);
        for (i, actor) in track.into_iter().enumerate() {
            let ego = ego.get(&actor.stamp_ns).copied();
            rows.push(row(actor, &motion, i, ego));
        }
    }
    rows
}

/// Velocity and acceleration of a track, in the map frame, per axis.
struct Motion {
    measured: bool,
    accel_measured: bool,
    velocity: [Vec<Option<f64>>; 2],
    acceleration: [Vec<Option<f64>>; 2],
}

impl Motion {
    fn of(track: &[Observed]) -> Self {
        let stamps: Vec<i64> = track.iter().map(|actor| actor.stamp_ns).collect();
        let measured = track.iter().all(|actor| actor.velocity_mps.is_some());
        let velocity = [0, 1].map(|axis| {
            if measured {
                track
                    .iter()
                    .map(|actor| Some(actor.velocity_mps?[axis]))
                    .collect()
            } else {
                let at = |actor: &Observed| Some(actor.map_from_object.translation[axis]);
                central_difference(&stamps, &track.iter().map(at).collect::<Vec<_>>())
            }
        });
        let estimated = track.iter().all(|actor| actor.accel_mps2.is_some())
            && track
                .iter()
                .any(|actor| actor.accel_mps2 != Some([0.0, 0.0]));
        let acceleration = [0, 1].map(|axis: usize| {
            if estimated {
                track
                    .iter()
                    .map(|actor| Some(actor.accel_mps2?[axis]))
                    .collect()
            } else if track.len() < 3 {
                vec![None; track.len()]
            } else {
                central_difference(&stamps, &velocity[axis])
            }
        });
        Self {
            measured,
            accel_measured: estimated,
            velocity,
            acceleration,
        }
    }
}

fn row(actor: Observed, motion: &Motion, i: usize, ego: Option<EgoAt>) -> ObjectTrack {
    let Pose {
        translation: [x_m, y_m, z_m],
        rotation,
    } = actor.map_from_object;
    let [ego_x_m, ego_y_m, ego_z_m] = actor.ego_from_object.translation;
    let velocity = motion.velocity[0][i].zip(motion.velocity[1][i]);
    let relative = ego.and_then(|ego| {
        let (vx, vy) = velocity?;
        let [ego_vx, ego_vy] = ego.velocity_mps?;
        let (sin, cos) = ego.map_from_ego.rotation.yaw_rad().sin_cos();
        let (dx, dy) = (vx - ego_vx, vy - ego_vy);
        Some((dx * cos + dy * sin, dy * cos - dx * sin))
    });
    ObjectTrack {
        log_id: String::new(),
        day: Day(0),
        composed: false,
        track_id: actor.track_id,
        stamp_ns: actor.stamp_ns,
        category: actor.category,
        source_category: actor.source_category,
        length_m: actor.size_m[0],
        width_m: actor.size_m[1],
        height_m: actor.size_m[2],
        x_m,
        y_m,
        z_m,
        qw: rotation.w,
        qx: rotation.x,
        qy: rotation.y,
        qz: rotation.z,
        yaw_rad: rotation.yaw_rad(),
        vx_mps: velocity.map(|v| v.0),
        vy_mps: velocity.map(|v| v.1),
        ax_mps2: motion.acceleration[0][i],
        ay_mps2: motion.acceleration[1][i],
        kinematics: if motion.measured {
            "measured"
        } else {
            "derived"
        }
        .to_owned(),
        accel_kinematics: motion.acceleration[0][i].map(|_| {
            let measured = motion.accel_measured;
            if measured { "measured" } else { "derived" }.to_owned()
        }),
        ego_x_m,
        ego_y_m,
        ego_z_m,
        ego_yaw_rad: actor.ego_from_object.rotation.yaw_rad(),
        ego_vx_mps: relative.map(|v| v.0),
        ego_vy_mps: relative.map(|v| v.1),
        lidar_points: actor.lidar_points,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ego drives north at 5 m/s; the actor, 10 m ahead of its start, north-west at (-1, 2) m/s.
    fn scene(measured: bool, stamps: i64) -> Vec<ObjectTrack> {
        let mut ego = BTreeMap::new();
        let mut observed = Vec::new();
        for k in 0..stamps {
            let (stamp_ns, t) = (k * 100_000_000, k as f64 * 0.1);
            let map_from_ego = Pose::planar(0.0, 5.0 * t, std::f64::consts::FRAC_PI_2);
            ego.insert(
                stamp_ns,
                EgoAt {
                    map_from_ego,
                    velocity_mps: Some([0.0, 5.0]),
                },
            );
            let map_from_object = Pose::planar(-t, 10.0 + 2.0 * t, 2.0);
            observed.push(Observed {
                track_id: "a".into(),
                stamp_ns,
                category: "PEDESTRIAN".into(),
                source_category: "7".into(),
                size_m: [0.5, 0.5, 1.8],
                map_from_object,
                ego_from_object: map_from_ego.inverse().times(map_from_object),
                velocity_mps: measured.then_some([-1.0, 2.0]),
                accel_mps2: None,
                lidar_points: None,
            });
        }
        observed.reverse();
        object_tracks(observed, &ego)
    }

    #[test]
    fn derived_and_measured_velocities_agree() {
        for (measured, name) in [(false, "derived"), (true, "measured")] {
            let rows = scene(measured, 4);
            assert!(
                rows.windows(2)
                    .all(|pair| pair[0].stamp_ns < pair[1].stamp_ns)
            );
            for row in &rows {
                assert_eq!(row.kinematics, name);
                assert!((row.vx_mps.unwrap() + 1.0).abs() < 1e-9);
                assert!((row.vy_mps.unwrap() - 2.0).abs() < 1e-9);
                assert!(row.ax_mps2.unwrap().abs() < 1e-9);
                // Ahead of the ego is its x axis; to its left, the west.
                assert!((row.ego_vx_mps.unwrap() + 3.0).abs() < 1e-9);
                assert!((row.ego_vy_mps.unwrap() - 1.0).abs() < 1e-9);
            }
            assert!((rows[0].ego_x_m - 10.0).abs() < 1e-9);
        }
    }

    #[test]
    fn a_track_of_one_or_two_stamps_has_what_it_can_have() {
        assert_eq!(scene(false, 1)[0].vx_mps, None);
        let two = scene(false, 2);
        assert!(two[0].vx_mps.is_some());
        assert_eq!(two[0].ax_mps2, None);
    }
}
