//! A scene as rows.

use driveloop_schemas::pose::Pose;
use driveloop_schemas::time::Day;
use driveloop_schemas::{EGO_CATEGORY, ObjectTrack, Row as _};

use super::*;
use crate::facts::{DriveKey, Facts as _};

/// The ego drives north at 5 m/s; the actor, 10 m ahead of its start, north-west at (-1, 2) m/s, heading at 2 rad.
fn scene(frame: Frame, measured: bool, stamps: i64) -> ActorColumns {
    let mut actors = ActorColumns::default();
    let subject = actors.subject("/objects");
    let mut ego = Vec::new();
    // The last stamp first: rows come in the order of time all the same.
    for k in (0..stamps).rev() {
        let (stamp_ns, t) = (k * 100_000_000, k as f64 * 0.1);
        let map_from_ego = Pose::planar(0.0, 5.0 * t, std::f64::consts::FRAC_PI_2);
        ego.push(Some(EgoAt::new(map_from_ego, Some([0.0, 5.0]))));
        let map_from_object = Pose::planar(-t, 10.0 + 2.0 * t, 2.0);
        let (sin, cos) = 2.0_f64.sin_cos();
        let along = [-cos + 2.0 * sin, sin + 2.0 * cos];
        let sighting = actors.sighting(Sighting {
            stamp_ns,
            frame,
            subject,
        });
        let actor = Actor {
            sighting,
            category: actors.category("7", |_| "PEDESTRIAN".to_owned()),
            size_m: [0.5, 0.5, 1.8],
            frame_from_object: match frame {
                Frame::Map => map_from_object,
                Frame::Ego | Frame::Named(_) => map_from_ego.inverse().times(map_from_object),
            },
            velocity_mps: measured.then_some(along),
            accel_mps2: None,
            lidar_points: None,
        };
        assert!(actors.push("a", actor));
        assert!(!actors.push("a", actor), "a track has a stamp once");
    }
    actors.place(&ego);
    actors.sort();
    actors
}

fn rows(actors: &ActorColumns, slice: usize) -> Vec<ObjectTrack> {
    let key = DriveKey {
        log_id: "drive",
        day: Day(3),
    };
    let starts = (0..actors.len()).step_by(slice);
    let batches: Vec<_> = starts
        .map(|start| actors.batch(key, start..actors.len().min(start + slice)))
        .collect::<Result<_, _>>()
        .unwrap();
    ObjectTrack::from_batches(&batches).unwrap()
}

#[test]
fn derived_and_measured_velocities_agree_in_both_frames() {
    for frame in [Frame::Map, Frame::Ego] {
        for (measured, name) in [(false, "derived"), (true, "measured")] {
            let rows = rows(&scene(frame, measured, 4), 100);
            assert!(rows.is_sorted_by_key(|row| row.stamp_ns));
            for row in &rows {
                assert_eq!(
                    (row.kinematics.as_str(), row.log_id.as_str()),
                    (name, "drive")
                );
                assert!((row.vx_mps.unwrap() + 1.0).abs() < 1e-9);
                assert!((row.vy_mps.unwrap() - 2.0).abs() < 1e-9);
                assert!(row.ax_mps2.unwrap().abs() < 1e-9);
                assert_eq!(row.accel_kinematics.as_deref(), Some("derived"));
                // Ahead of the ego is its x axis; to its left, the west.
                assert!((row.ego_vx_mps.unwrap() + 3.0).abs() < 1e-9);
                assert!((row.ego_vy_mps.unwrap() - 1.0).abs() < 1e-9);
            }
            assert!((rows[0].ego_x_m - 10.0).abs() < 1e-9);
        }
    }
}

#[test]
fn a_track_of_one_or_two_stamps_has_what_it_can_have() {
    let rows_of = |stamps| rows(&scene(Frame::Ego, false, stamps), 100);
    assert_eq!(rows_of(1)[0].vx_mps, None);
    let two = rows_of(2);
    assert!(two[0].vx_mps.is_some());
    assert_eq!((two[0].ax_mps2, &two[0].accel_kinematics), (None, &None));
}

#[test]
fn slices_are_the_same_rows_and_the_ego_is_added_once_a_stamp() {
    let mut actors = scene(Frame::Map, true, 7);
    actors.add_ego([5.0, 2.0, 1.5], Pose::IDENTITY, |_, _| Some([5.0, 0.0]));
    actors.sort();
    let whole = rows(&actors, 100);
    let ego: Vec<_> = whole
        .iter()
        .filter(|row| row.category == EGO_CATEGORY)
        .collect();
    assert_eq!((whole.len(), ego.len()), (14, 7));
    for row in ego {
        assert!((row.vy_mps.unwrap() - 5.0).abs() < 1e-9 && row.ego_x_m == 0.0);
        assert!(row.ego_vx_mps.unwrap().abs() < 1e-9);
    }
    for slice in [1, 2, 3, 5, 13] {
        assert_eq!(rows(&actors, slice), whole, "{slice}");
    }
}
