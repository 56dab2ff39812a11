//! Logs with images, point clouds and many messages, written and counted by libraries that nobody here wrote.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use driveloop_tests::{bench_python, peers_python, run_measured, setting, test_data};

use crate::harness::{Bench, Run, peer};

/// What an ingest may hold in memory, whatever the log.
const MEMORY_BYTES_MAX: u64 = 512 << 20;

fn output(command: &mut Command) -> String {
    let run = Run::of(&command.output().expect("the program starts"));
    assert_eq!(run.status, 0, "{}", run.stderr);
    run.stdout
}

/// Ingests a log in bounded memory, and checks its media byte for byte and its rows by topic.
fn check(bench: &Bench, log: &Path) {
    let mut ingest = bench.command(&["ingest", &log.display().to_string()]);
    let usage = run_measured(ingest.stdout(Stdio::null()).stderr(Stdio::null()));
    assert!(usage.status.success(), "{:?}", usage.status);
    assert!(usage.memory_bytes_max < MEMORY_BYTES_MAX, "{usage:?}");
    let mut python = peers_python().expect("it was there");
    let counted = output(
        python
            .arg(peer("check_media.py"))
            .arg(log)
            .arg(bench.path("lake")),
    );
    let pair = |line: &str| {
        line.rsplit_once(' ')
            .map(|(topic, count)| (topic.to_owned(), count.to_owned()))
    };
    let messages: BTreeMap<_, _> = counted.lines().filter_map(pair).collect();
    for (topic, count) in &messages {
        let query = match topic.as_str() {
            "/odom" => "count(*) FROM ego_state".to_owned(),
            "/gnss/fix" => "count(latitude_deg) FROM ego_state".to_owned(),
            "/imu" => "count(DISTINCT stamp_ns) FROM signal WHERE source = '/imu'".to_owned(),
            "/can/rx" => "count(*) FROM bus_frame".to_owned(),
            // Thirty in each message.
            "/perception/objects" => {
                "count(*) / 30 FROM object_track WHERE category <> 'EGO_VEHICLE'".to_owned()
            }
            "/lidar/points" => "count(*) FROM lidar_sweep".to_owned(),
            "/tf_static" | "/cam_front/camera_info" => continue,
            camera => format!("count(*) FROM camera_frame WHERE sensor = '{camera}'"),
        };
        assert_eq!(&bench.cell(&format!("SELECT {query}")), count, "{topic}");
    }
    assert_eq!(bench.cell("SELECT sum(records_dropped) FROM drive"), "0");
}

/// A log of our generator.
fn made(bench: &Bench, seconds: &str, profile: &str, compression: &str) -> Option<PathBuf> {
    let log = bench.path(&format!("{profile}.mcap"));
    output(peers_python()?.arg(peer("make_log.py")).arg(&log).args([
        seconds,
        profile,
        compression,
    ]));
    Some(log)
}

#[test]
fn media_of_a_made_log_are_the_messages_bytes() {
    for compression in ["zstd", "lz4", "none"] {
        let bench = Bench::new();
        let Some(log) = made(&bench, "2", "media", compression) else {
            return;
        };
        check(&bench, &log);
        check_calibration(&bench);
    }
}

/// The generator's lens, and its two transforms one after the other: the rack turns the camera's 0.5 m ahead to the left.
fn check_calibration(bench: &Bench) {
    let columns = "fx_px, fy_px, cx_px, cy_px, width_px, height_px, distortion_model, array_to_string(distortion, ' ')";
    assert_eq!(
        bench.cell(&format!("SELECT concat_ws(' ', {columns}) FROM calibration WHERE sensor = '/cam_front/image/compressed'")),
        "1200.0 1210.0 960.5 540.5 1920 1080 radial -0.3 0.1 0.05 0.001 -0.002"
    );
    let (half_turn_rad, near) = (std::f64::consts::FRAC_PI_3, "< 1e-12");
    let (qw, qz) = (half_turn_rad.cos(), half_turn_rad.sin());
    let differs = format!(
        "abs(x_m - 1.0) + abs(y_m - 0.5) + abs(z_m - 1.7) + abs(qw - {qw}) + abs(qx) + abs(qy) + abs(qz - {qz})"
    );
    assert_eq!(
        bench.cell(&format!(
            "SELECT count(*) FROM calibration WHERE {differs} {near}"
        )),
        "2",
        "both cameras have the frame"
    );
}

#[test]
fn rows_of_a_dense_log_are_its_messages() {
    let bench = Bench::new();
    if let Some(log) = made(&bench, "20", "dense", "zstd") {
        check(&bench, &log);
    }
}

/// A log of the generator beside the shared data.
fn shared(bench: &Bench, python: Option<Command>, seconds: u32, profile: &str) -> Option<PathBuf> {
    let (generator, mut python) = (test_data("../tools/make_mcap.py")?, python?);
    let log = bench.path(&format!("{profile}.mcap"));
    output(python.arg(generator).arg("--out").arg(&log).args([
        "--seconds",
        &seconds.to_string(),
        "--profile",
        profile,
    ]));
    Some(log)
}

#[test]
fn a_dense_log_of_the_shared_generator() {
    let bench = Bench::new();
    if let Some(log) = shared(
        &bench,
        peers_python(),
        setting("DRIVELOOP_DENSE_SECONDS", 20),
        "dense",
    ) {
        check(&bench, &log);
    }
}

#[test]
fn a_full_log_of_the_shared_generator() {
    let bench = Bench::new();
    if let (Some(log), Some(_)) = (
        shared(
            &bench,
            bench_python(),
            setting("DRIVELOOP_FULL_SECONDS", 2),
            "full",
        ),
        peers_python(),
    ) {
        check(&bench, &log);
    }
}
