//! The real scenes in the nuScenes schema, where they are there, row by row against another reading of the tables.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use driveloop_schemas::{Calibration, CameraFrame, Drive, EgoState, LidarSweep, ObjectTrack};
use serde_json::Value;

use crate::{TestLake, shared};

/// What `peers/nuscenes_rows.py` says of the tables, by table.
fn peer(tables: &Path) -> Option<BTreeMap<String, Vec<Value>>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/nuscenes_rows.py");
    let Ok(output) = Command::new("python3").arg(script).arg(tables).output() else {
        eprintln!("skipped: no python3");
        return None;
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let mut rows: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let table = row["table"].as_str().unwrap().to_owned();
        rows.entry(table).or_default().push(row);
    }
    Some(rows)
}

fn text(row: &Value, field: &str) -> String {
    row[field].as_str().unwrap_or_default().to_owned()
}

fn numbers(value: &Value) -> Vec<f64> {
    let values = value.as_array().unwrap().iter();
    values.map(|value| value.as_f64().unwrap()).collect()
}

#[track_caller]
fn same(ours: &[f64], theirs: &[f64]) {
    assert_eq!(ours.len(), theirs.len());
    let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-9 * (1.0 + b.abs());
    assert!(ours.iter().zip(theirs).all(close), "{ours:?} {theirs:?}");
}

/// The same rotation, normalised.
#[track_caller]
fn same_rotation(ours: [f64; 4], theirs: &Value) {
    let theirs = numbers(theirs);
    let length = theirs.iter().map(|part| part * part).sum::<f64>().sqrt();
    let theirs: Vec<f64> = theirs.iter().map(|part| part / length).collect();
    same(&ours, &theirs);
}

/// Drives, poses, boxes and calibration are those of the peer.
async fn same_rows(test: &TestLake, peer: &BTreeMap<String, Vec<Value>>) {
    let drives = test.rows::<Drive>().await;
    assert_eq!(drives.len(), peer["drive"].len());
    for theirs in &peer["drive"] {
        let id = text(theirs, "log_id");
        let drive = drives.iter().find(|drive| drive.log_id == *id).unwrap();
        assert_eq!(drive.vehicle_id.as_deref(), theirs["vehicle_id"].as_str());
        assert_eq!(drive.map_id.as_deref(), theirs["map_id"].as_str());
    }
    let states = test.rows::<EgoState>().await;
    let states: BTreeMap<_, _> = states
        .iter()
        .map(|row| ((row.log_id.to_string(), row.stamp_ns), row))
        .collect();
    assert_eq!(states.len(), peer["ego_state"].len());
    for theirs in &peer["ego_state"] {
        let key = (text(theirs, "log_id"), theirs["stamp_ns"].as_i64().unwrap());
        let row = states[&key];
        same(&[row.x_m, row.y_m, row.z_m], &numbers(&theirs["xyz"]));
        same_rotation([row.qw, row.qx, row.qy, row.qz], &theirs["wxyz"]);
    }
    let sensors = test.rows::<Calibration>().await;
    assert_eq!(sensors.len(), peer["calibration"].len());
    for theirs in &peer["calibration"] {
        let (id, sensor) = (text(theirs, "log_id"), text(theirs, "sensor"));
        let row = sensors
            .iter()
            .find(|row| row.log_id == *id && row.sensor == sensor);
        let row = row.unwrap();
        same(&[row.x_m, row.y_m, row.z_m], &numbers(&theirs["xyz"]));
        same_rotation([row.qw, row.qx, row.qy, row.qz], &theirs["wxyz"]);
        let matrix = theirs["matrix"].as_array().unwrap();
        let cell = |at: usize, column: usize| matrix.get(at).and_then(|row| row[column].as_f64());
        assert_eq!((row.fx_px, row.fy_px), (cell(0, 0), cell(1, 1)));
        assert_eq!((row.cx_px, row.cy_px), (cell(0, 2), cell(1, 2)));
    }
}

async fn same_boxes(test: &TestLake, theirs: &[Value]) {
    let tracks = test.rows::<ObjectTrack>().await;
    let boxes = tracks.iter().filter(|row| row.category != "EGO_VEHICLE");
    let boxes: BTreeMap<_, _> = boxes
        .map(|row| {
            (
                (
                    row.log_id.to_string(),
                    row.track_id.to_string(),
                    row.stamp_ns,
                ),
                row,
            )
        })
        .collect();
    assert_eq!(boxes.len(), theirs.len());
    for theirs in theirs {
        let stamp_ns = theirs["stamp_ns"].as_i64().unwrap();
        let row = boxes[&(text(theirs, "log_id"), text(theirs, "track_id"), stamp_ns)];
        assert_eq!(row.source_category, text(theirs, "source_category"));
        same(&[row.x_m, row.y_m, row.z_m], &numbers(&theirs["xyz"]));
        same(
            &[row.length_m, row.width_m, row.height_m],
            &numbers(&theirs["size"]),
        );
        same_rotation([row.qw, row.qx, row.qy, row.qz], &theirs["wxyz"]);
        let points = row.lidar_points.map(i64::from);
        assert_eq!(points, theirs["lidar_points"].as_i64());
        for (ours, theirs) in [row.vx_mps, row.vy_mps]
            .iter()
            .zip(theirs["velocity"].as_array().unwrap())
        {
            match (ours, theirs.as_f64()) {
                (Some(ours), Some(theirs)) => same(&[*ours], &[theirs]),
                (ours, theirs) => assert_eq!(*ours, theirs),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_scenes_have_the_rows_that_another_reading_has() {
    let Some(folder) = shared("nuscenes-tables") else {
        return;
    };
    let Some(peer) = peer(&folder.join("v1.0-mini")) else {
        return;
    };
    let test = TestLake::new().await;
    let report = test.ingest(&folder).await.unwrap();
    assert_eq!(report.committed(), 3, "{report:#?}");
    same_rows(&test, &peer).await;
    same_boxes(&test, &peer["object_track"]).await;
    // As the data counts itself: 1969 + 581 + 876 boxes, 186 + 191 + 191 poses, and a row of the ego at each key frame.
    let tracks = test.rows::<ObjectTrack>().await;
    let ego = tracks.iter().filter(|row| row.category == "EGO_VEHICLE");
    assert_eq!((tracks.len(), ego.count()), (3426 + 116, 38 + 39 + 39));
    let cars = tracks
        .iter()
        .filter(|row| row.category == "REGULAR_VEHICLE");
    assert_eq!(cars.count(), 939 + 286 + 685);
    // The sweeps that the tables name are not there: each is counted.
    let missing = test.findings().await.into_iter();
    let missing = missing.filter(|finding| finding.0 == "missing_file");
    assert_eq!(
        missing.map(|finding| finding.3).sum::<i64>(),
        186 + 191 + 191
    );
    let again = test.ingest(&folder).await.unwrap();
    assert_eq!(again.already_there(), 3, "{again:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_media_of_a_key_frame_are_the_files_bytes() {
    let Some(folder) = shared("nuscenes-keyframe") else {
        return;
    };
    let Some(peer) = peer(&folder.join("v1.0-test")) else {
        return;
    };
    let test = TestLake::new().await;
    let report = test.ingest(&folder).await.unwrap();
    assert_eq!(report.committed(), 1, "{report:#?}");
    assert!(!report.has_losses(), "{:#?}", test.findings().await);
    same_rows(&test, &peer).await;
    let frames = test.rows::<CameraFrame>().await;
    let sweeps = test.rows::<LidarSweep>().await;
    let media = frames
        .iter()
        .map(|row| (&row.sensor, row.stamp_ns, &row.pack, row.offset, row.length));
    let media = media.chain(
        sweeps
            .iter()
            .map(|row| (&row.sensor, row.stamp_ns, &row.pack, row.offset, row.length)),
    );
    let media: Vec<_> = media.collect();
    assert_eq!((media.len(), frames.len()), (peer["recording"].len(), 6));
    for theirs in &peer["recording"] {
        let stamp_ns = theirs["stamp_ns"].as_i64().unwrap();
        let is_it =
            |row: &&(&String, i64, _, _, _)| *row.0 == text(theirs, "sensor") && row.1 == stamp_ns;
        let (_, _, pack, offset, length) = media.iter().find(is_it).unwrap();
        let range = *offset as u64..(offset + length) as u64;
        let stored = test.lake.store().get_range(pack, range).await.unwrap();
        assert_eq!(
            stored,
            std::fs::read(folder.join(text(theirs, "filename"))).unwrap()
        );
    }
    assert!(
        frames
            .iter()
            .all(|row| (row.width_px, row.height_px) == (Some(1600), Some(900)))
    );
    let sweep = &sweeps[0];
    assert_eq!(
        (sweep.encoding.as_str(), sweep.points),
        ("bin:float32x5", Some(34_688))
    );
}
