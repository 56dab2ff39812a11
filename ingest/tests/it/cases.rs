//! Logs as recorders in the field write them, each with its right answer, where the shared data is there.

use std::path::{Path, PathBuf};

use driveloop_ingest::{DriveOutcome, IngestOptions, IngestReport};
use driveloop_schemas::{Calibration, CameraFrame, Drive, EgoState, ObjectTrack, Signal};

use crate::TestLake;

const START_NS: i64 = 1_750_000_000_000_000_000;

/// The folder of a case; none where the shared data is absent, which is said.
fn case(name: &str) -> Option<PathBuf> {
    let data = std::env::var_os("DRIVELOOP_TEST_DATA").map(PathBuf::from);
    let data =
        data.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"));
    let case = data.join("cases/ingest").join(name);
    if case.is_dir() {
        return Some(case);
    }
    eprintln!("skipped: no {}", case.display());
    None
}

async fn ingested(path: &Path) -> (TestLake, IngestReport) {
    with(path, &IngestOptions::new("run-1")).await
}

async fn with(path: &Path, options: &IngestOptions) -> (TestLake, IngestReport) {
    let test = TestLake::new().await;
    let report = test.ingest_with(path, options).await.unwrap();
    (test, report)
}

impl TestLake {
    async fn ego_at(&self, stamp_ns: i64) -> EgoState {
        let states = self.rows::<EgoState>().await;
        let at = states.into_iter().find(|state| state.stamp_ns == stamp_ns);
        at.unwrap_or_else(|| panic!("no state of the ego at {stamp_ns}"))
    }

    /// Rows of actors that are not the ego.
    async fn actors(&self) -> Vec<ObjectTrack> {
        let rows = self.rows::<ObjectTrack>().await;
        rows.into_iter()
            .filter(|row| row.category != "EGO_VEHICLE")
            .collect()
    }

    async fn place(&self, sensor: &str) -> [f64; 3] {
        let rows = self.rows::<Calibration>().await;
        let row = rows.iter().find(|row| row.sensor.starts_with(sensor));
        let row = row.unwrap_or_else(|| panic!("no calibration of {sensor} in {rows:?}"));
        [row.x_m, row.y_m, row.z_m]
    }

    async fn has_finding(&self, check: &str) -> bool {
        self.findings().await.iter().any(|found| found.0 == check)
    }
}

fn close(actual: &[f64], expected: &[f64]) {
    let is_close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-6;
    assert!(
        actual.len() == expected.len() && actual.iter().zip(expected).all(is_close),
        "{actual:?} is not {expected:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ego_goes_the_way_of_the_map() {
    for (name, rows) in [("02-tf-rep105", 100), ("03-two-odometries", 100)] {
        let Some(case) = case(name) else { return };
        let (test, report) = ingested(&case.join("data")).await;
        let ego = test.ego_at(START_NS + 5_000_000_000).await;
        close(
            &[ego.x_m, ego.y_m, ego.yaw_rad],
            &[1000.0, 2050.0, std::f64::consts::FRAC_PI_2],
        );
        let actors = test.actors().await;
        assert_eq!(actors.len(), rows, "{name}: {report:#?}");
        for actor in actors {
            let x = actor.ego_x_m;
            assert!(
                (x - 20.0).abs() < 0.2 && actor.ego_y_m.abs() < 0.2,
                "{name}: {actor:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ego_may_be_called_otherwise() {
    let Some(case) = case("04-ego-frame-name") else {
        return;
    };
    let (test, _) = ingested(&case.join("data/a_base_footprint.mcap")).await;
    let states = test.rows::<EgoState>().await;
    assert_eq!(states.len(), 100);
    close(&[states[0].z_m], &[0.35]);
    close(&test.place("/cam").await, &[1.5, 0.0, 1.0]);
    let (test, _) = ingested(&case.join("data/b_carla_ego_vehicle.mcap")).await;
    assert_eq!(test.rows::<EgoState>().await.len(), 100);
    close(&test.place("/carla").await, &[2.0, 0.0, 2.0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_twist_that_the_poses_contradict_is_not_used() {
    let Some(case) = case("05-odom-twist") else {
        return;
    };
    for log in ["a_twist_not_filled", "b_twist_in_map_frame"] {
        let (test, _) = ingested(&case.join("data").join(format!("{log}.mcap"))).await;
        for state in test.rows::<EgoState>().await {
            let speed = state.speed_mps.unwrap();
            assert!((speed - 10.0).abs() < 0.05, "{log}: {speed}");
            assert_eq!(state.kinematics, "derived", "{log}");
        }
        assert!(test.has_finding("speed_disagrees").await, "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sensors_never_make_one_track() {
    let Some(case) = case("06-two-detectors") else {
        return;
    };
    let (test, _) = ingested(&case.join("data")).await;
    let actors = test.actors().await;
    let tracks: std::collections::BTreeSet<_> = actors.iter().map(|row| &row.track_id).collect();
    assert_eq!((actors.len(), tracks.len()), (300, 3), "{tracks:?}");
    for row in &actors {
        close(&[row.vx_mps.unwrap(), row.vy_mps.unwrap()], &[0.0, 0.0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_may_be_given_in_any_frame() {
    let Some(case) = case("07-sensor-frame") else {
        return;
    };
    let (test, _) = ingested(&case.join("data")).await;
    let actors = test.actors().await;
    assert_eq!(actors.len(), 50);
    for row in &actors {
        close(&[row.ego_x_m, row.ego_y_m, row.ego_z_m], &[1.0, 10.0, 1.8]);
    }
    let Some(case) = self::case("40-world-frame") else {
        return;
    };
    let (test, _) = ingested(&case.join("data")).await;
    let actors = test.actors().await;
    assert_eq!(actors.len(), 100);
    for row in &actors {
        close(&[row.ego_x_m, row.ego_y_m], &[20.0, 0.0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn object_messages_of_other_versions_are_read() {
    let Some(case) = case("08-vision-msgs-foxy") else {
        return;
    };
    let (test, _) = ingested(&case.join("data")).await;
    let actors = test.actors().await;
    assert_eq!(actors.len(), 50);
    let is_car = |row: &ObjectTrack| row.category == "REGULAR_VEHICLE" && row.track_id == "17";
    assert!(actors.iter().all(is_car), "{:?}", actors[0]);
    let Some(case) = self::case("09-predicted-objects") else {
        return;
    };
    let (test, report) = ingested(&case.join("data")).await;
    assert_eq!(test.actors().await.len(), 50, "{report:#?}");
    let Some(case) = self::case("38-autoware-labels") else {
        return;
    };
    let (test, report) = ingested(&case.join("data")).await;
    let actors = test.actors().await;
    let sources: std::collections::BTreeSet<_> = actors
        .iter()
        .map(|row| row.source_category.clone())
        .collect();
    for source in ["ANIMAL", "HAZARD", "OVER_DRIVABLE", "UNDER_DRIVABLE"] {
        assert!(sources.contains(source), "{sources:?} {report:#?}");
    }
    let polygon = actors
        .iter()
        .find(|row| (row.height_m - 1.2).abs() < 1e-6)
        .unwrap();
    close(
        &[polygon.length_m, polygon.width_m, polygon.height_m],
        &[2.0, 1.0, 1.2],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sensors_stand_where_the_transforms_put_them() {
    let Some(case) = case("20-static-tf") else {
        return;
    };
    for (log, sensor, expected) in [
        ("a_null_quaternion", "/cam0", [1.0, 0.0, 1.5]),
        ("a_null_quaternion", "/cam1", [1.0, 0.5, 1.5]),
        ("b_namespaced_topic", "/cam0", [1.0, 0.0, 1.5]),
        ("c_child_is_base_link", "/cam0", [1.2, 0.0, 1.4]),
        ("c_child_is_base_link", "/lidar", [1.0, 0.0, 1.5]),
        ("d_corrected_later", "/cam0", [1.0, 0.0, 1.5]),
        ("e_leading_slash", "/cam0", [1.0, 0.0, 1.5]),
        ("f_sent_last", "/cam0", [1.0, 0.0, 1.5]),
        ("g_sibling_of_base_link", "/cam0", [1.0, 0.0, 1.5]),
    ] {
        let (test, _) = ingested(&case.join("data").join(format!("{log}.mcap"))).await;
        close(&test.place(sensor).await, &expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lens_goes_to_the_images_of_its_namespace() {
    let Some(case) = case("21-camera-info") else {
        return;
    };
    let lens = async |log: &str, sensor: &str| {
        let (test, _) = ingested(&case.join("data").join(format!("{log}.mcap"))).await;
        let rows = test.rows::<Calibration>().await;
        rows.into_iter()
            .find(|row| row.sensor.starts_with(sensor))
            .unwrap()
    };
    let stereo = "a_stereo_shares_frame";
    assert_eq!(lens(stereo, "/stereo/left").await.fx_px, Some(100.0));
    assert_eq!(lens(stereo, "/stereo/right").await.fx_px, Some(200.0));
    assert_eq!(
        lens("b_info_in_other_frame", "/front").await.fx_px,
        Some(300.0)
    );
    let front = lens("c_plumb_bob", "/front").await;
    assert_eq!(front.distortion_model.as_deref(), Some("radial"));
    // k1, k2, k3, and behind them the two that are not radial.
    assert_eq!(front.distortion, [-0.3, 0.1, -0.01, 0.001, 0.002]);
    let fish = lens("c_plumb_bob", "/fish").await;
    assert_eq!(fish.distortion_model.as_deref(), Some("fisheye"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stamp_may_be_any_field() {
    let Some(case) = case("23-own-stamp") else {
        return;
    };
    let options = IngestOptions {
        mapping: Some(std::fs::read_to_string(case.join("own.toml")).unwrap()),
        ..IngestOptions::new("run-1")
    };
    let (test, _) = with(&case.join("data"), &options).await;
    let signals = test.rows::<Signal>().await;
    assert_eq!(signals.iter().map(|row| row.stamp_ns).min(), Some(START_NS));
    assert!(signals.iter().all(|row| row.name == "/fmu/speed.speed"));
    let refused = test
        .findings()
        .await
        .into_iter()
        .any(|(check, subject, ..)| {
            (check.as_str(), subject.as_str()) == ("unreadable_definition", "/late")
        });
    assert!(refused, "a path that no message has is refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_another_clock_are_set_apart() {
    let Some(case) = case("25-sim-time") else {
        return;
    };
    let (test, report) = ingested(&case.join("data")).await;
    let drive = test.rows::<Drive>().await.remove(0);
    let duration = (drive.end_ns - drive.start_ns) as f64 * 1e-9;
    close(&[duration], &[9.95]);
    assert_eq!(drive.start_ns, 12_500_000_000, "{report:#?}");
    assert!(test.has_finding("other_clock").await);
    let Some(case) = self::case("32-before-clock") else {
        return;
    };
    for log in ["a_sensor_boots_in_1970", "b_logged_at_zero"] {
        let (test, report) = ingested(&case.join("data").join(format!("{log}.mcap"))).await;
        let drive = test.rows::<Drive>().await.remove(0);
        assert_eq!(drive.start_ns, START_NS, "{log}: {report:#?}");
        close(&[(drive.end_ns - drive.start_ns) as f64 * 1e-9], &[9.95]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn poses_without_speeds_are_a_way_too() {
    let Some(case) = case("35-pose-stamped") else {
        return;
    };
    let (test, _) = ingested(&case.join("data")).await;
    let states = test.rows::<EgoState>().await;
    assert_eq!(states.len(), 100);
    for state in &states {
        assert!((state.speed_mps.unwrap() - 10.0).abs() < 0.05);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_encapsulation_is_read() {
    let Some(case) = case("26-encapsulation") else {
        return;
    };
    for log in ["a_big_endian", "b_options_set", "c_xcdr2_plain"] {
        let (test, report) = ingested(&case.join("data").join(format!("{log}.mcap"))).await;
        let states = test.rows::<EgoState>().await;
        assert_eq!(states.len(), 50, "{log}: {report:#?}");
        for state in states {
            close(&[state.y_m], &[7.0]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_one_recording_are_one_drive() {
    let Some(case) = case("01-split-bag") else {
        return;
    };
    let (test, report) = ingested(&case.join("data")).await;
    assert_eq!(report.committed(), 1, "{report:#?}");
    let counts = (
        test.rows::<EgoState>().await.len(),
        test.rows::<CameraFrame>().await.len(),
        test.actors().await.len(),
    );
    assert_eq!(counts, (400, 40, 200));
    assert_eq!(test.rows::<Calibration>().await.len(), 1);
    let Some(case) = self::case("18-rosbag2-compression") else {
        return;
    };
    for mode in ["file", "message"] {
        let (test, report) = ingested(&case.join("data").join(mode)).await;
        assert_eq!(
            test.rows::<EgoState>().await.len(),
            50,
            "{mode}: {report:#?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_says_why() {
    for (name, said) in [
        ("19-empty-schema/data", "schema without text"),
        ("28-other-mcap/data/protobuf", "foxglove.PoseInFrame"),
        // Octets of zero: no orientation is one.
        ("28-other-mcap/data/ros1", "usable field `pose`"),
        ("28-other-mcap/data/nothing", "the log has none"),
    ] {
        let Some(case) = case(name) else { return };
        let (_, report) = ingested(&case).await;
        let DriveOutcome::Failed { reason } = &report.drives[0].outcome else {
            panic!("{name}: {report:#?}");
        };
        assert!(reason.contains(said), "{name}: {reason}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_lies_there_twice_is_one_drive() {
    let Some(case) = case("34-same-name") else {
        return;
    };
    let (test, report) = ingested(&case.join("data")).await;
    let there =
        |drive: &&driveloop_ingest::DriveReport| drive.outcome == DriveOutcome::AlreadyThere;
    let twice = report.drives.iter().filter(there).count();
    assert_eq!((report.committed(), twice), (2, 1), "{report:#?}");
    let mut counts = std::collections::BTreeMap::new();
    for state in test.rows::<EgoState>().await {
        *counts.entry(state.log_id.to_string()).or_insert(0) += 1;
    }
    let mut counts: Vec<i32> = counts.into_values().collect();
    counts.sort_unstable();
    assert_eq!(counts, [50, 60]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_numbers_keep_all_their_digits() {
    let Some(case) = case("24-large-integers") else {
        return;
    };
    let options = IngestOptions {
        all_signals: true,
        ..IngestOptions::new("run-1")
    };
    let (test, _) = with(&case.join("data"), &options).await;
    let signals = test.rows::<Signal>().await;
    let gps = signals
        .iter()
        .filter(|row| row.name.ends_with(".gps_time_ns"));
    let digits: Vec<&str> = gps.filter_map(|row| row.text.as_deref()).collect();
    let expected: Vec<String> = (0..10)
        .map(|k| (START_NS + 123_456_789 + k).to_string())
        .collect();
    assert_eq!(digits, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_logs_cost_what_is_hostile() {
    let Some(case) = case("../hostile") else {
        return;
    };
    let (test, report) = ingested(&case.join("silent-chunk.mcap")).await;
    let drive = test.rows::<Drive>().await.remove(0);
    assert_eq!(
        (drive.records_in, drive.records_dropped),
        (1_228, 58),
        "{report:#?}"
    );
    assert!(report.has_losses() && test.has_finding("messages_missing").await);
    // Its only topic is lost, and with it the drive, which says so.
    let (_, report) = ingested(&case.join("definition-panic.mcap")).await;
    let DriveOutcome::Failed { reason } = &report.drives[0].outcome else {
        panic!("{report:#?}");
    };
    assert!(
        reason.contains("`/t`") && reason.contains("4611686018427387904 elements"),
        "{reason}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_legal_definition_gives_its_numbers() {
    let options = IngestOptions {
        all_signals: true,
        ..IngestOptions::new("run-1")
    };
    for name in ["15-definitions", "15-definitions-2"] {
        let Some(case) = case(name) else { return };
        let mut logs: Vec<PathBuf> = std::fs::read_dir(case.join("data"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        logs.sort();
        let mut bad = Vec::new();
        for log in logs {
            let (test, report) = with(&log, &options).await;
            let count = test.rows::<Signal>().await.len();
            let failed = matches!(report.drives[0].outcome, DriveOutcome::Failed { .. });
            if failed || count == 0 || test.has_finding("unreadable_definition").await {
                bad.push(format!("{}: {count} {:?}", log.display(), report.drives[0]));
            }
        }
        assert!(bad.is_empty(), "{bad:#?}");
    }
}
