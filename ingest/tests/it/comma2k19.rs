//! Segments of comma2k19: the real one as NumPy reads it, and damaged ones that are written here.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use driveloop_ingest::{IngestOptions, IngestReport, ingest};
use driveloop_schemas::{BusFrame, Drive, EgoState, Signal};
use serde_json::Value;

use crate::{TestLake, shared};

async fn ingested(source: &Path) -> (TestLake, IngestReport) {
    let test = TestLake::new().await;
    let options = IngestOptions::new("run-1");
    let report = ingest(&test.lake, source.to_str().unwrap(), &options, &|_| {}).await;
    (test, report.unwrap())
}

/// An array of doubles, as NumPy writes it.
fn write(folder: &Path, name: &str, shape: &str, values: &[f64]) {
    let mut header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend_from_slice(&(header.len() as u16).to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    values
        .iter()
        .for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// Ten poses at 20 Hz, 2 m apart, northwards along the meridian of Greenwich; heading north.
fn segment(folder: &Path) {
    let times: Vec<f64> = (0..10).map(|k| 100.0 + f64::from(k) / 20.0).collect();
    write(folder, "global_pose/frame_times", "(10,)", &times);
    let gps: Vec<f64> = times
        .iter()
        .flat_map(|time| [2_012.0, 404_006.0 + time])
        .collect();
    write(folder, "global_pose/frame_gps_times", "(10, 2)", &gps);
    let positions: Vec<f64> = (0..10)
        .flat_map(|k| [6_378_137.0, 0.0, 2.0 * f64::from(k)])
        .collect();
    write(folder, "global_pose/frame_positions", "(10, 3)", &positions);
    // Ahead is north (z), right is east (y), down is towards the middle of the Earth (-x).
    let half = std::f64::consts::FRAC_1_SQRT_2;
    let orientations = [half, 0.0, -half, 0.0].repeat(10);
    write(
        folder,
        "global_pose/frame_orientations",
        "(10, 4)",
        &orientations,
    );
    let velocities = [0.0, 0.0, 40.0].repeat(10);
    write(
        folder,
        "global_pose/frame_velocities",
        "(10, 3)",
        &velocities,
    );
    write(folder, "processed_log/CAN/speed/t", "(10,)", &times);
    write(
        folder,
        "processed_log/CAN/speed/value",
        "(10, 1)",
        &[40.0; 10],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_is_a_drive_of_its_device() {
    let root = tempfile::tempdir().unwrap();
    segment(
        &root
            .path()
            .join("Chunk_1/b0c9d2329ad1606b|2018-08-02--08-34-47/40"),
    );
    let (test, report) = ingested(root.path()).await;
    assert_eq!(
        (report.committed(), report.has_losses()),
        (1, false),
        "{report:#?}"
    );
    let drive = &test.rows::<Drive>().await[0];
    assert_eq!(&*drive.log_id, "b0c9d2329ad1606b_2018-08-02--08-34-47--40");
    assert_eq!(drive.vehicle_id.as_deref(), Some("b0c9d2329ad1606b"));
    // Second 404,106 of week 2,012 of GPS is 2018-08-02 16:14:48 UTC.
    assert_eq!(drive.start_ns, 1_533_226_488_000_000_000);
    let states = test.rows::<EgoState>().await;
    assert_eq!(states.len(), 10);
    for (k, state) in states.iter().enumerate() {
        assert!(
            (state.y_m - 2.0 * k as f64).abs() < 1e-3 && state.x_m.abs() < 1e-6,
            "{state:?}"
        );
        assert!((state.yaw_rad - std::f64::consts::FRAC_PI_2).abs() < 1e-9);
        assert_eq!(state.kinematics, "measured");
        assert!((state.speed_mps.unwrap() - 40.0).abs() < 1e-9);
    }
    let signals = test.rows::<Signal>().await;
    let speed = signals.iter().filter(|row| row.name == "/car/speed.speed");
    assert!(speed.clone().all(|row| row.unit.as_deref() == Some("m/s")));
    assert_eq!(speed.count(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_gps_stamps_are_those_of_the_device() {
    let root = tempfile::tempdir().unwrap();
    segment(root.path());
    std::fs::remove_file(root.path().join("global_pose/frame_gps_times")).unwrap();
    let (test, report) = ingested(root.path()).await;
    assert_eq!(report.committed(), 1);
    assert_eq!(test.rows::<Drive>().await[0].start_ns, 100_000_000_000);
    assert!(
        test.findings()
            .await
            .iter()
            .any(|found| found.0 == "unknown_day")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_arrays_cost_what_is_damaged_or_the_segment() {
    let root = tempfile::tempdir().unwrap();
    segment(root.path());
    let folder = root.path();
    let mut times = [100.0; 10];
    times
        .iter_mut()
        .zip(0..)
        .for_each(|(time, k)| *time += f64::from(k));
    times[3] = f64::NAN;
    write(folder, "processed_log/CAN/speed/t", "(10,)", &times);
    write(folder, "processed_log/CAN/speed/value", "(8, 1)", &[1.0; 8]);
    let (test, report) = ingested(folder).await;
    assert!(report.has_losses() && report.committed() == 1);
    assert_eq!(test.rows::<Signal>().await.len(), 7);
    let lost: i64 = test.findings().await.iter().map(|found| found.3).sum();
    assert_eq!(lost, 3, "{:?}", test.findings().await);
    // What is no array, has another shape than it says, or a header that does not end.
    let path = folder.join("global_pose/frame_positions");
    let good = std::fs::read(&path).unwrap();
    let nested = [b"\x93NUMPY\x01\x00\xff\xff".as_slice(), &[b'('; 65_535]].concat();
    let short = &good[..good.len() - 1];
    for (bytes, reason) in [
        (b"no array".as_slice(), "expected an array of NumPy"),
        (&nested, "expected rows of 3 values"),
        (short, "expected rows of 3 values"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let (_, report) = ingested(folder).await;
        let outcome = format!("{:?}", report.drives[0].outcome);
        assert!(
            report.failed() == 1 && outcome.contains(reason),
            "{outcome}"
        );
    }
    write(folder, "global_pose/frame_positions", "(3, 10)", &[0.0; 30]);
    let (_, report) = ingested(folder).await;
    let outcome = format!("{:?}", report.drives[0].outcome);
    assert!(outcome.contains("expected rows of 3 values"), "{outcome}");
}

/// What NumPy says of the real segment.
#[tokio::test(flavor = "multi_thread")]
async fn the_real_segment_is_that_of_the_peer() {
    let Some(data) = shared("comma2k19") else {
        return;
    };
    let Ok(peers) = std::env::var("DRIVELOOP_PEERS") else {
        eprintln!("skipped: no DRIVELOOP_PEERS");
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/comma2k19.py");
    let output = Command::new("python3")
        .args([Path::new(script), &data])
        .env("PYTHONPATH", peers)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let theirs: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (test, report) = ingested(&data).await;
    assert_eq!(report.committed(), 1, "{report:#?}");
    let states = test.rows::<EgoState>().await;
    let poses = theirs["poses"].as_array().unwrap();
    assert_eq!((states.len(), poses.len()), (1_200, 1_200));
    for (state, theirs) in states.iter().zip(poses) {
        let number = |value: &Value| value.as_f64().unwrap();
        let stamp_s = state.stamp_ns as f64 / 1e9;
        assert!((stamp_s - number(&theirs["stamp_s"])).abs() < 1e-6);
        for (ours, theirs) in [state.x_m, state.y_m, state.z_m]
            .iter()
            .zip(theirs["place"].as_array().unwrap())
        {
            assert!((ours - number(theirs)).abs() < 1e-6, "{state:?}");
        }
        let (w, x, y, z) = (state.qw, state.qx, state.qy, state.qz);
        // Where the ego's axes point: the columns of the matrix.
        let ahead = [
            1.0 - 2.0 * (y * y + z * z),
            2.0 * (x * y + w * z),
            2.0 * (x * z - w * y),
        ];
        let up = [
            2.0 * (x * z + w * y),
            2.0 * (y * z - w * x),
            1.0 - 2.0 * (x * x + y * y),
        ];
        for row in 0..3 {
            let theirs = [0, 2].map(|column: usize| number(&theirs["rotation"][row][column]));
            let differ = (ahead[row] - theirs[0])
                .abs()
                .max((up[row] - theirs[1]).abs());
            assert!(differ < 1e-9, "{differ}");
        }
        assert!((state.speed_mps.unwrap() - number(&theirs["ahead_mps"])).abs() < 1e-9);
    }
    let mut frames: BTreeMap<String, Vec<BusFrame>> = BTreeMap::new();
    for row in test.rows::<BusFrame>().await {
        frames.entry(row.bus.clone()).or_default().push(row);
    }
    let buses = theirs["buses"].as_object().unwrap();
    assert_eq!(frames.values().map(Vec::len).sum::<usize>(), 135_468);
    assert!(frames.keys().eq(buses.keys()), "{:?}", frames.keys());
    for (bus, frames) in &mut frames {
        // Rows of one stamp are in no order of the file.
        let mut ours: Vec<_> = frames
            .iter()
            .map(|row| (row.can_id, hex::encode(&row.data)))
            .collect();
        let theirs = buses[bus]["addresses"].as_array().unwrap().iter();
        let payloads = buses[bus]["payloads"].as_array().unwrap().iter();
        let mut theirs: Vec<_> = theirs
            .zip(payloads)
            .map(|(address, data)| (address.as_i64().unwrap(), data.as_str().unwrap().to_owned()))
            .collect();
        ours.sort_unstable();
        theirs.sort_unstable();
        assert!(
            ours.iter()
                .map(|(id, data)| (i64::from(*id), data))
                .eq(theirs.iter().map(|(id, data)| (*id, data))),
            "{bus}"
        );
    }
    let mut signals: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for row in test.rows::<Signal>().await {
        signals
            .entry(row.name.clone())
            .or_default()
            .extend(row.value);
    }
    for (name, values) in theirs["signals"].as_object().unwrap() {
        let theirs: Vec<f64> = values
            .as_array()
            .unwrap()
            .iter()
            .map(|value| value.as_f64().unwrap())
            .collect();
        let ours = &signals[name];
        assert_eq!(ours.len(), theirs.len(), "{name}");
        // The numbers of the peer went through a text.
        let is_same = |(a, b): (&f64, &f64)| (a - b).abs() <= b.abs() * 1e-15;
        assert!(ours.iter().zip(&theirs).all(is_same), "{name}");
    }
}
