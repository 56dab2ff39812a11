//! A small Argoverse 2 log, made here.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray, UInt16Array};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions};
use arrow::record_batch::RecordBatch;
use driveloop_ingest::{DriveOutcome, Error, fingerprint};
use driveloop_schemas::{
    Calibration, CameraFrame, Drive, EgoState, Lane, LidarSweep, MapArea, ObjectTrack,
};

use crate::TestLake;

pub(crate) const START_NS: i64 = 315_971_916_960_141_000;
const POSE_STEP_NS: i64 = 20_000_000;
const STEP_NS: i64 = 100_000_000;
pub(crate) const MAP: &str = r#"{
  "lane_segments": {"7": {"id": 7, "is_intersection": false, "lane_type": "VEHICLE",
    "left_lane_boundary": [{"x": 0, "y": 2, "z": 0}, {"x": 50, "y": 2, "z": 0}],
    "right_lane_boundary": [{"x": 0, "y": -2, "z": 0}, {"x": 50, "y": -2, "z": 0}],
    "left_lane_mark_type": "SOLID_YELLOW", "right_lane_mark_type": "NONE",
    "successors": [8], "predecessors": [], "left_neighbor_id": null, "right_neighbor_id": 9},
    "8": {"id": 8}},
  "pedestrian_crossings": {"3": {"id": 3, "edge1": [{"x": 0, "y": 0}, {"x": 4, "y": 0}],
    "edge2": [{"x": 0, "y": 2}, {"x": 4, "y": 2}]}},
  "drivable_areas": {"1": {"id": 1, "area_boundary": [{"x": 0, "y": 0}, {"x": 9, "y": 0}, {"x": 0, "y": 9}]}}
}"#;

pub(crate) fn feather(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let options = IpcWriteOptions::default()
        .try_with_compression(Some(CompressionType::LZ4_FRAME))
        .unwrap();
    let file = File::create(path).unwrap();
    let mut writer = FileWriter::try_new_with_options(file, &batch.schema(), options).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
}

pub(crate) fn floats(values: impl IntoIterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}

/// The ego drives along y at 5 m/s, heading along y; a car drives 10 m ahead of it at the same speed, a bollard stands.
pub(crate) fn write_log(folder: &Path) {
    let half = std::f64::consts::FRAC_1_SQRT_2;
    let n = 51;
    let seconds = |k: i64| k as f64 * POSE_STEP_NS as f64 / 1e9;
    feather(
        &folder.join("city_SE3_egovehicle.feather"),
        vec![
            (
                "timestamp_ns",
                Arc::new(Int64Array::from_iter_values(
                    (0..n).map(|k| START_NS + k * POSE_STEP_NS),
                )),
            ),
            ("qw", floats((0..n).map(|_| half))),
            ("qx", floats((0..n).map(|_| 0.0))),
            ("qy", floats((0..n).map(|_| 0.0))),
            ("qz", floats((0..n).map(|_| half))),
            ("tx_m", floats((0..n).map(|_| 100.0))),
            ("ty_m", floats((0..n).map(|k| 200.0 + 5.0 * seconds(k)))),
            ("tz_m", floats((0..n).map(|_| 1.0))),
        ],
    );
    write_annotations(folder, 1.7);
    fs::create_dir_all(folder.join("map")).unwrap();
    fs::write(
        folder.join("map/log_map_archive_log-a____MIA_city_5.json"),
        MAP,
    )
    .unwrap();
    fs::write(
        folder.join("map/log-a_ground_height_surface____MIA.npy"),
        b"x",
    )
    .unwrap();
    calibration(folder);
    feather(
        &folder.join(format!("sensors/lidar/{START_NS}.feather")),
        vec![("x", floats([1.0, 2.0, 3.0]))],
    );
    let image = folder.join("sensors/cameras/ring_front_center");
    fs::create_dir_all(&image).unwrap();
    image::RgbImage::new(8, 6)
        .save(image.join(format!("{START_NS}.jpg")))
        .unwrap();
}

fn write_annotations(folder: &Path, height_m: f64) {
    // Stamps 0, 0.1, … 1.0 s; the car is always at (10, 0, 0.5) in the ego frame, the bollard starts at (20, 4, 0).
    let rows = 11;
    let stamps = (0..rows).flat_map(|k| [START_NS + k * STEP_NS; 2]);
    let each =
        |car: f64, bollard: fn(i64) -> f64| floats((0..rows).flat_map(move |k| [car, bollard(k)]));
    feather(
        &folder.join("annotations.feather"),
        vec![
            (
                "timestamp_ns",
                Arc::new(Int64Array::from_iter_values(stamps)),
            ),
            (
                "track_uuid",
                Arc::new(StringArray::from_iter_values(
                    (0..rows).flat_map(|_| ["car", "post"]),
                )),
            ),
            (
                "category",
                Arc::new(StringArray::from_iter_values(
                    (0..rows).flat_map(|_| ["REGULAR_VEHICLE", "BOLLARD"]),
                )),
            ),
            ("length_m", each(4.5, |_| 0.3)),
            ("width_m", each(1.9, |_| 0.3)),
            ("height_m", each(height_m, |_| 1.0)),
            ("qw", each(1.0, |_| 1.0)),
            ("qx", each(0.0, |_| 0.0)),
            ("qy", each(0.0, |_| 0.0)),
            ("qz", each(0.0, |_| 0.0)),
            // The last row of the bollard is no number.
            (
                "tx_m",
                each(10.0, |k| {
                    if k == 10 {
                        f64::NAN
                    } else {
                        20.0 - 0.5 * k as f64
                    }
                }),
            ),
            ("ty_m", each(0.0, |_| 4.0)),
            ("tz_m", each(0.5, |_| 0.0)),
            (
                "num_interior_pts",
                Arc::new(Int64Array::from_iter_values(0..2 * rows)),
            ),
        ],
    );
}

fn calibration(folder: &Path) {
    let sensors: ArrayRef = Arc::new(StringArray::from(vec!["ring_front_center", "up_lidar"]));
    let mut columns = vec![("sensor_name", sensors)];
    for (name, value) in [
        ("qw", 1.0),
        ("qx", 0.0),
        ("qy", 0.0),
        ("qz", 0.0),
        ("tx_m", 1.6),
        ("ty_m", 0.0),
        ("tz_m", 1.4),
    ] {
        columns.push((name, floats([value, value])));
    }
    feather(
        &folder.join("calibration/egovehicle_SE3_sensor.feather"),
        columns,
    );
    let mut columns: Vec<(&str, ArrayRef)> = vec![(
        "sensor_name",
        Arc::new(StringArray::from(vec!["ring_front_center"])),
    )];
    for name in ["fx_px", "fy_px", "cx_px", "cy_px", "k1", "k2", "k3"] {
        columns.push((name, floats([2.0])));
    }
    columns.push(("height_px", Arc::new(UInt16Array::from(vec![6]))));
    columns.push(("width_px", Arc::new(UInt16Array::from(vec![8]))));
    feather(&folder.join("calibration/intrinsics.feather"), columns);
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_becomes_rows_of_every_table() {
    let logs = tempfile::tempdir().unwrap();
    write_log(&logs.path().join("val/log-a"));
    let test = TestLake::new().await;
    let report = test.ingest(logs.path()).await.unwrap();
    assert_eq!(report.committed(), 1, "{report:#?}");

    let states = test.rows::<EgoState>().await;
    assert_eq!(states.len(), 51);
    assert!(
        states
            .iter()
            .all(|s| close(s.speed_mps.unwrap(), 5.0) && close(s.accel_mps2.unwrap(), 0.0))
    );
    let tracks = test.rows::<ObjectTrack>().await;
    let of = |id: &str| {
        tracks
            .iter()
            .filter(|row| row.track_id == id)
            .cloned()
            .collect::<Vec<_>>()
    };
    let (car, post, ego) = (of("car"), of("post"), of("ego"));
    assert_eq!((car.len(), post.len(), ego.len()), (11, 10, 11));
    for (k, row) in car.iter().enumerate() {
        // Ahead of an ego that heads along y is along y.
        assert!(
            close(row.x_m, 100.0) && close(row.y_m, 210.0 + 0.5 * k as f64) && close(row.z_m, 1.5),
            "{row:?}"
        );
        assert!(close(row.vy_mps.unwrap(), 5.0) && close(row.ego_vx_mps.unwrap(), 0.0));
        assert!(close(row.yaw_rad, std::f64::consts::FRAC_PI_2) && close(row.ego_yaw_rad, 0.0));
    }
    assert!(
        post.iter()
            .all(|row| close(row.x_m, 96.0) && close(row.y_m, 220.0))
    );
    assert!(
        post.iter()
            .all(|row| close(row.vy_mps.unwrap(), 0.0) && close(row.ego_vx_mps.unwrap(), -5.0))
    );
    assert!(
        ego.iter().all(|row| row.category == "EGO_VEHICLE"
            && row.length_m == 4.877
            && row.ego_x_m == 0.0)
    );

    let drive = test.rows::<Drive>().await.remove(0);
    assert_eq!(
        (
            drive.log_id.as_str(),
            drive.map_id.as_deref(),
            drive.region.as_deref()
        ),
        ("log-a", Some("MIA_city_5"), Some("MIA"))
    );
    assert_eq!(drive.privacy_state, "unprocessed");
    // 51 poses, 22 cuboids, 2 + 1 calibrations, 4 map elements, 2 media files, 1 raster.
    assert_eq!((drive.records_in, drive.records_dropped), (83, 3));
    let lane = test.rows::<Lane>().await.remove(0);
    assert_eq!(
        (
            lane.centre[0],
            lane.centre[1],
            lane.right_neighbour.as_deref()
        ),
        (0.0, 0.0, Some("9"))
    );
    assert_eq!(test.rows::<MapArea>().await.len(), 2);
    assert_eq!(test.rows::<Calibration>().await[0].width_px, Some(8));
    let frame = test.rows::<CameraFrame>().await.remove(0);
    assert_eq!(
        (frame.encoding.as_str(), frame.width_px, frame.height_px),
        ("jpeg", Some(8), Some(6))
    );
    assert_eq!(test.rows::<LidarSweep>().await[0].points, Some(3));
    let findings: Vec<_> = test
        .findings()
        .await
        .into_iter()
        .map(|(check, _, _, dropped)| (check, dropped))
        .collect();
    let expected = [
        ("map_element", 1),
        ("unmapped_file", 1),
        ("value_not_usable", 1),
    ];
    assert_eq!(
        findings,
        expected.map(|(check, dropped)| (check.to_owned(), dropped))
    );
    assert!(report.has_losses());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_is_completed_and_a_repeated_one_does_nothing() {
    let logs = tempfile::tempdir().unwrap();
    write_log(&logs.path().join("log-a"));
    write_log(&logs.path().join("log-b"));
    let mut test = TestLake::new().await;
    test.ingest(logs.path()).await.unwrap();
    let (tracks, drives) = (test.rows::<ObjectTrack>().await, test.rows::<Drive>().await);
    assert_eq!(drives.len(), 2);
    assert!(
        test.lake
            .versions()
            .await
            .unwrap()
            .values()
            .all(|version| *version <= 1),
        "drives share a commit"
    );
    for table in ["finding", "drive"] {
        test.forget_table(table).await;
    }
    let report = test.ingest(logs.path()).await.unwrap();
    assert_eq!(report.committed(), 2);
    assert_eq!(test.rows::<ObjectTrack>().await, tracks);
    assert_eq!(test.rows::<Drive>().await, drives);
    let versions = test.lake.versions().await.unwrap();
    let report = test.ingest(logs.path()).await.unwrap();
    assert_eq!(report.already_there(), 2);
    assert_eq!(test.lake.versions().await.unwrap(), versions);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_log_of_the_name_of_a_killed_ingest_is_refused_until_that_is_completed() {
    let logs = tempfile::tempdir().unwrap();
    let log = logs.path().join("log-a");
    write_log(&log);
    let mut test = TestLake::new().await;
    test.ingest(logs.path()).await.unwrap();
    let tracks = test.rows::<ObjectTrack>().await;
    test.forget_table("drive").await;
    let first = std::fs::read(log.join("annotations.feather")).unwrap();
    write_annotations(&log, 1.8);
    let report = test.ingest(logs.path()).await.unwrap();
    assert!(
        matches!(&report.drives[0].outcome, DriveOutcome::Failed { reason } if reason.contains("killed half-way")),
        "{report:?}"
    );
    assert_eq!(test.rows::<ObjectTrack>().await, []);
    std::fs::write(log.join("annotations.feather"), first).unwrap();
    assert_eq!(test.ingest(logs.path()).await.unwrap().committed(), 1);
    assert_eq!(test.rows::<ObjectTrack>().await, tracks);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_log_of_the_same_name_is_refused() {
    let logs = tempfile::tempdir().unwrap();
    write_log(&logs.path().join("log-a"));
    let test = TestLake::new().await;
    let uri = logs.path().to_str().unwrap();
    let before = fingerprint(uri).await.unwrap();
    assert_eq!(fingerprint(uri).await.unwrap(), before);
    test.ingest(logs.path()).await.unwrap();
    let rows = test.rows::<ObjectTrack>().await.len();
    write_annotations(&logs.path().join("log-a"), 1.8);
    assert_ne!(fingerprint(uri).await.unwrap(), before);
    let report = test.ingest(logs.path()).await.unwrap();
    assert!(
        matches!(&report.drives[0].outcome, DriveOutcome::Failed { reason } if reason.contains("of other bytes"))
    );
    assert_eq!(test.rows::<ObjectTrack>().await.len(), rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_table_fails_its_drive_alone() {
    let logs = tempfile::tempdir().unwrap();
    write_log(&logs.path().join("log-a"));
    write_log(&logs.path().join("log-b"));
    let file = logs.path().join("log-a/annotations.feather");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let test = TestLake::new().await;
    let report = test.ingest(logs.path()).await.unwrap();
    assert_eq!((report.committed(), report.failed()), (1, 1), "{report:#?}");
    assert!(
        test.rows::<ObjectTrack>()
            .await
            .iter()
            .all(|row| row.log_id == "log-b")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_without_logs_says_what_is_supported() {
    let folder = tempfile::tempdir().unwrap();
    let test = TestLake::new().await;
    let missing = test.ingest(&folder.path().join("nowhere")).await;
    assert!(
        matches!(missing, Err(Error::SourceMissing { .. })),
        "{missing:?}"
    );
    assert!(matches!(
        test.ingest(folder.path()).await,
        Err(Error::SourceMissing { .. })
    ));
    fs::write(folder.path().join("readme.txt"), "hello").unwrap();
    let error = test.ingest(folder.path()).await.unwrap_err().to_string();
    assert!(
        error.contains("readme.txt")
            && error.contains(".mcap")
            && error.contains("annotations.feather"),
        "{error}"
    );
}
