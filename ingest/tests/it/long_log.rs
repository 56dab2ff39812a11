//! A log of some minutes: what is as long as the drive is held in a file, and no row is another for that.

use driveloop_ingest::Limits;
use driveloop_schemas::{EgoState, Finding, ObjectTrack};

use crate::cdr::{Cdr, objects, objects_definition, odometry_definition, with_header};
use crate::frames::Log;
use crate::mcap_log::START_NS;
use crate::mcap_memory::{ingested, same};

/// Poses at 50 Hz, in two frames that a transform joins; every hundredth comes late, some come twice. At 10 Hz five cars that are
/// others every minute, one that comes with stamps that go back, three pedestrians without identity, and positions on the globe.
fn log(seconds: i64) -> Vec<u8> {
    let mut log = Log::new();
    let (odometry, tracked) = (odometry_definition(), objects_definition());
    let odometry = ("nav_msgs/msg/Odometry", odometry.as_str());
    let cars = (
        "autoware_perception_msgs/msg/TrackedObjects",
        tracked.as_str(),
    );
    let walkers = (
        "autoware_perception_msgs/msg/DetectedObjects",
        tracked.as_str(),
    );
    let fixes = with_header("float64 latitude\nfloat64 longitude\n");
    for step in 0..seconds * 50 {
        // Two neighbours change places.
        let step = match step % 100 {
            40 => step + 1,
            41 => step - 1,
            _ => step,
        };
        let (stamp, t) = (START_NS + step * 20_000_000, step as f64 * 0.02);
        let (x, y, yaw) = (8.0 * t, 20.0 * (t / 10.0).sin(), (t / 40.0).sin());
        let pose = Cdr::new()
            .header(stamp, "odom")
            .with(|w| w.write_string("base_link"))
            .pose(x, y, yaw)
            .doubles(&[f64::NAN; 6])
            .bytes();
        log.write("/odom", odometry, stamp, &pose);
        if step % 700 == 0 {
            log.write("/odom", odometry, stamp, &pose);
        }
        log.transform(
            "/tf",
            ("map", "odom"),
            stamp + 7_000_000,
            [t / 100.0, 3.0, 0.0],
        );
        if step % 5 != 0 {
            continue;
        }
        let number = |k: i64| (10 * (step / 3_000) + k) as u8;
        let car = |k: i64| (number(k), 1, x + 10.0 * k as f64, y, yaw, 8.0);
        let seen: Vec<_> = (0..5).map(car).collect();
        log.write("/cars", cars, stamp, &objects(stamp, "map", &seen));
        // The second of two messages was the first.
        let back = stamp
            + if step % 10 == 0 {
                100_000_000
            } else {
                -100_000_000
            };
        log.write(
            "/late",
            cars,
            back,
            &objects(back, "base_link", &[(250, 3, 15.0, 2.0, 0.0, 1.0)]),
        );
        let walker = |k: i64| (0, 7, 5.0 + k as f64, 4.0, 0.0, f64::NAN);
        let seen: Vec<_> = (0..3).map(walker).collect();
        log.write(
            "/walkers",
            walkers,
            stamp,
            &objects(stamp, "base_link", &seen),
        );
        let fix = Cdr::new()
            .header(stamp, "gnss")
            .doubles(&[48.0 + t / 1e5, 11.0]);
        log.write(
            "/fix",
            ("sensor_msgs/msg/NavSatFix", &fixes),
            stamp,
            &fix.bytes(),
        );
    }
    log.bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_in_a_file_is_the_same_rows() {
    let log = log(240);
    let whole = ingested(&log, Limits::default()).await;
    let in_file = Limits {
        held_bytes_max: 0,
        ..Limits::default()
    };
    let filed = ingested(&log, in_file).await;
    same::<EgoState>(&whole, &filed, "filed").await;
    same::<ObjectTrack>(&whole, &filed, "filed").await;
    same::<Finding>(&whole, &filed, "filed").await;
    let states = whole.rows::<EgoState>().await;
    let with_position = states.iter().filter(|state| state.latitude_deg.is_some());
    assert_eq!((states.len(), with_position.count()), (12_000, 2_400));
    let actors = whole.rows::<ObjectTrack>().await;
    let count =
        |is_one: &dyn Fn(&ObjectTrack) -> bool| actors.iter().filter(|row| is_one(row)).count();
    assert_eq!(count(&|row| row.category == "REGULAR_VEHICLE"), 5 * 2_400);
    assert_eq!(count(&|row| row.category == "PEDESTRIAN"), 3 * 2_400);
    assert_eq!(
        count(&|row| row.track_id.starts_with("/walkers#")),
        3 * 2_400
    );
    let late: Vec<_> = actors
        .iter()
        .filter(|row| row.track_id.starts_with("fafa"))
        .collect();
    assert!(
        late.len() >= 2_399 && late.is_sorted_by_key(|row| row.stamp_ns),
        "{}",
        late.len()
    );
    let mut keys: Vec<_> = actors
        .iter()
        .map(|row| (&row.track_id, row.stamp_ns))
        .collect();
    let all = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), all, "a track has a stamp once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drive_for_which_the_disk_is_not_enough_fails_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.mcap"), log(60)).unwrap();
    let options = driveloop_ingest::IngestOptions {
        limits: Limits {
            held_bytes_max: 0,
            held_disk_bytes_max: 1 << 20,
            ..Limits::default()
        },
        ..driveloop_ingest::IngestOptions::new("run-1")
    };
    let test = crate::TestLake::new().await;
    let source = folder.path().to_str().unwrap();
    let report = driveloop_ingest::ingest(&test.lake, source, &options, &|_| {}).await;
    let report = report.unwrap();
    let reason = format!("{:?}", report.drives[0].outcome);
    assert!(
        report.failed() == 1 && reason.contains("held_disk_bytes_max"),
        "{reason}"
    );
}
