//! A small dataset in the nuScenes schema, made here.

use std::fs;
use std::path::Path;

use driveloop_ingest::{DriveOutcome, IngestOptions, Limits};
use driveloop_schemas::{
    Calibration, CameraFrame, Drive, EgoState, Finding, LidarSweep, ObjectTrack,
};
use serde_json::{Value, json};

use crate::TestLake;

const START_US: i64 = 1_750_000_000_000_000;
/// Between two sweeps; every fifth is a key frame.
const SWEEP_US: i64 = 100_000;
const SWEEPS: i64 = 11;

/// The tables of a dataset, by name.
struct Tables(Vec<(&'static str, Vec<Value>)>);

impl Tables {
    /// Two scenes of one second. The ego drives along y at 5 m/s, heading along y; a car drives 10 m ahead of it at the same speed, a
    /// cone stands. Each sweep has a file, key frames have an image and a radar sweep too.
    fn new() -> Self {
        let mut tables = Self(Vec::new());
        tables.add("log", json!({"token": "log", "logfile": "n015-1", "vehicle": "n015", "date_captured": "2025-06-15",
            "location": "singapore-onenorth"}));
        for (token, name) in [("c1", "vehicle.car"), ("c2", "movable_object.trafficcone")] {
            tables.add(
                "category",
                json!({"token": token, "name": name, "description": ""}),
            );
        }
        for (token, channel, modality) in [
            ("s1", "LIDAR_TOP", "lidar"),
            ("s2", "CAM_FRONT", "camera"),
            ("s3", "RADAR_FRONT", "radar"),
        ] {
            tables.add(
                "sensor",
                json!({"token": token, "channel": channel, "modality": modality}),
            );
            let matrix = json!([[1000.0, 0.0, 4.0], [0.0, 1001.0, 3.0], [0.0, 0.0, 1.0]]);
            let matrix = if token == "s2" { matrix } else { json!([]) };
            tables.add("calibrated_sensor", json!({"token": format!("k{token}"), "sensor_token": token, "translation": [1.5, 0, 1.8],
                "rotation": [1, 0, 0, 0], "camera_intrinsic": matrix}));
        }
        for scene in ["a", "b"] {
            tables.add("scene", json!({"token": format!("token-{scene}"), "name": format!("scene-{scene}"), "log_token": "log",
                "nbr_samples": 3, "description": ""}));
            tables.scene(scene);
        }
        tables
    }

    fn scene(&mut self, scene: &str) {
        let half = std::f64::consts::FRAC_1_SQRT_2;
        for at in ["car", "cone"] {
            let category = if at == "car" { "c1" } else { "c2" };
            self.add("instance", json!({"token": format!("{at}-{scene}"), "category_token": category, "nbr_annotations": 3}));
        }
        for k in 0..SWEEPS {
            let (micros, y) = (START_US + k * SWEEP_US, 200.0 + 0.5 * k as f64);
            let sample = format!("{scene}{}", k / 5 * 5);
            let is_key = k % 5 == 0;
            let pose = format!("pose-{scene}{k}");
            self.add(
                "ego_pose",
                json!({"token": pose, "timestamp": micros, "translation": [100, y, 0],
                "rotation": [half, 0, 0, half]}),
            );
            let mut data = |sensor: &str, file: String| {
                self.add("sample_data", json!({"token": file, "sample_token": sample, "ego_pose_token": pose,
                    "calibrated_sensor_token": sensor, "timestamp": micros, "fileformat": "x", "is_key_frame": is_key,
                    "width": if sensor == "ks2" { 8 } else { 0 }, "height": if sensor == "ks2" { 6 } else { 0 },
                    "filename": file}));
            };
            let folder = if is_key { "samples" } else { "sweeps" };
            data("ks1", format!("{folder}/LIDAR_TOP/{scene}{k}.pcd.bin"));
            if !is_key {
                continue;
            }
            data("ks2", format!("{folder}/CAM_FRONT/{scene}{k}.jpg"));
            data("ks3", format!("{folder}/RADAR_FRONT/{scene}{k}.pcd"));
            self.add("sample", json!({"token": sample, "timestamp": micros, "scene_token": format!("token-{scene}")}));
            for (at, place, size) in [
                ("car", [100.0, y + 10.0, 0.8], [1.9, 4.5, 1.6]),
                ("cone", [96.0, 220.0, 0.4], [0.3, 0.3, 0.8]),
            ] {
                self.add("sample_annotation", json!({"token": format!("{at}{sample}"), "sample_token": sample,
                    "instance_token": format!("{at}-{scene}"), "visibility_token": "4", "attribute_tokens": [],
                    "translation": place, "size": size, "rotation": [half, 0, 0, half], "num_lidar_pts": k, "num_radar_pts": 0}));
            }
        }
    }

    fn add(&mut self, table: &'static str, record: Value) {
        self.table(table).push(record);
    }

    fn table(&mut self, table: &'static str) -> &mut Vec<Value> {
        let at = self.0.iter().position(|(name, _)| *name == table);
        let at = at.unwrap_or_else(|| {
            self.0.push((table, Vec::new()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }

    fn write(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        for (table, records) in &self.0 {
            let text = serde_json::to_vec_pretty(records).unwrap();
            fs::write(folder.join(format!("{table}.json")), text).unwrap();
        }
    }

    /// The tables in `version`, and the media beside them.
    fn write_with_media(&mut self, root: &Path) {
        self.write(&root.join("v1.0-mini"));
        for record in self.table("sample_data").clone() {
            let path = root.join(record["filename"].as_str().unwrap());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if path.extension().is_some_and(|extension| extension == "jpg") {
                image::RgbImage::new(8, 6).save(path).unwrap();
            } else {
                fs::write(path, [0; 60]).unwrap();
            }
        }
    }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

/// Findings by check: how often, and what was dropped.
async fn checks(test: &TestLake) -> Vec<(String, i64, i64)> {
    let findings = test.rows::<Finding>().await.into_iter();
    findings
        .map(|row| (row.check, row.count, row.dropped))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn scenes_become_drives_with_rows_of_every_table() {
    let root = tempfile::tempdir().unwrap();
    Tables::new().write_with_media(root.path());
    fs::write(root.path().join("LICENSE"), "mine").unwrap();
    let test = TestLake::new().await;
    let report = test.ingest(root.path()).await.unwrap();
    assert_eq!(report.committed(), 2, "{report:#?}");
    assert!(!report.has_losses(), "{:#?}", test.findings().await);
    // Nobody reads the licence; radar sweeps belong to their scene.
    assert_eq!(report.unrecognised, ["LICENSE"]);
    let drives = test.rows::<Drive>().await;
    let drive = &drives[0];
    assert_eq!(drive.log_id.as_str(), "scene-a-token-a");
    assert!(
        drive.source_uri.ends_with("/v1.0-mini#token-a"),
        "{}",
        drive.source_uri
    );
    assert_eq!(
        (drive.region.as_deref(), drive.map_id.as_deref()),
        (Some("singapore"), Some("singapore-onenorth"))
    );
    assert_eq!(
        (drive.vehicle_id.as_deref(), drive.format.as_str()),
        (Some("n015"), "nuscenes")
    );
    // 11 poses, 6 boxes, 3 sensors, 11 + 3 + 3 recordings of which those of the radar have no table.
    assert_eq!((drive.records_in, drive.records_dropped), (37, 3));

    let states = test.rows::<EgoState>().await;
    assert_eq!(states.len(), 2 * 11);
    assert!(states.iter().all(|row| close(row.speed_mps.unwrap(), 5.0)));
    let tracks = test.rows::<ObjectTrack>().await;
    let of = |id: &'static str| tracks.iter().filter(move |row| row.track_id == *id);
    assert_eq!(
        (of("car-a").count(), of("cone-b").count(), of("ego").count()),
        (3, 3, 6)
    );
    for (k, row) in of("car-a").enumerate() {
        assert_eq!(row.stamp_ns, (START_US + 5 * k as i64 * SWEEP_US) * 1000);
        assert!(
            close(row.y_m, 210.0 + 2.5 * k as f64)
                && close(row.ego_x_m, 10.0)
                && close(row.ego_yaw_rad, 0.0)
        );
        assert!(close(row.vy_mps.unwrap(), 5.0) && close(row.ego_vx_mps.unwrap(), 0.0));
        assert_eq!((row.length_m, row.width_m, row.height_m), (4.5, 1.9, 1.6));
        assert_eq!(
            (row.category.as_str(), row.source_category.as_str()),
            ("REGULAR_VEHICLE", "vehicle.car")
        );
        assert_eq!(row.lidar_points, Some(5 * k as i32));
    }
    assert!(
        of("cone-a")
            .all(|row| row.category == "CONSTRUCTION_CONE" && close(row.vy_mps.unwrap(), 0.0))
    );
    let sensors = test.rows::<Calibration>().await;
    let camera = sensors
        .iter()
        .find(|row| row.sensor == "CAM_FRONT")
        .unwrap();
    assert_eq!(
        (camera.fx_px, camera.cy_px, camera.width_px),
        (Some(1000.0), Some(3.0), Some(8))
    );
    assert_eq!(
        (camera.distortion_model.as_deref(), sensors.len()),
        (None, 6)
    );
    let sweeps = test.rows::<LidarSweep>().await;
    assert_eq!(
        (sweeps.len(), sweeps[0].points, sweeps[0].encoding.as_str()),
        (22, Some(3), "bin:float32x5")
    );
    let frames = test.rows::<CameraFrame>().await;
    assert_eq!((frames.len(), frames[0].width_px), (6, Some(8)));
    let expected = [("unmapped_field", 6, 0), ("unmapped_sensor", 3, 3)];
    let expected = [expected, expected].concat();
    let checks = checks(&test).await;
    assert_eq!(
        checks,
        expected
            .iter()
            .map(|(check, n, dropped)| ((*check).to_owned(), *n, *dropped))
            .collect::<Vec<_>>()
    );

    let again = test.ingest(root.path()).await.unwrap();
    assert_eq!(again.already_there(), 2, "{again:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scene_keeps_its_digest_while_the_dataset_grows_and_is_written_anew() {
    let root = tempfile::tempdir().unwrap();
    let mut tables = Tables::new();
    tables.write_with_media(root.path());
    let test = TestLake::new().await;
    test.ingest(root.path()).await.unwrap();
    // Another scene, and all tables backwards.
    tables.add(
        "scene",
        json!({"token": "token-c", "name": "scene-c", "log_token": "log"}),
    );
    tables.scene("c");
    for (_, records) in &mut tables.0 {
        records.reverse();
    }
    tables.write_with_media(root.path());
    let report = test.ingest(root.path()).await.unwrap();
    assert_eq!(
        (report.already_there(), report.committed()),
        (2, 1),
        "{report:#?}"
    );
    // A corrected box of one scene, and a file of another that is gone, are other drives of their names.
    tables.table("sample_annotation")[0]["translation"][0] = json!(7);
    tables.write_with_media(root.path());
    fs::remove_file(root.path().join("samples/CAM_FRONT/a0.jpg")).unwrap();
    let report = test.ingest(root.path()).await.unwrap();
    assert_eq!(
        (report.already_there(), report.failed()),
        (1, 2),
        "{report:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_files_and_tables_are_findings() {
    let root = tempfile::tempdir().unwrap();
    let mut tables = Tables::new();
    tables
        .0
        .retain(|(name, _)| !["sample_annotation", "instance", "category", "log"].contains(name));
    tables.write(root.path());
    let test = TestLake::new().await;
    let report = test.ingest(root.path()).await.unwrap();
    assert_eq!(report.committed(), 2, "{report:#?}");
    assert!(report.has_losses());
    assert_eq!(test.rows::<EgoState>().await.len(), 22);
    assert!(test.rows::<ObjectTrack>().await.is_empty());
    let findings = test.findings().await;
    let of = |check: &str| {
        let of = findings.iter().filter(|finding| finding.0 == check);
        of.map(|(_, subject, count, dropped)| (subject.as_str(), *count, *dropped))
            .collect::<Vec<_>>()
    };
    let missing = [("CAM_FRONT", 3, 3), ("LIDAR_TOP", 11, 11)];
    assert_eq!(of("missing_file"), [missing, missing].concat());
    assert_eq!(of("no_annotations").len(), 2);
    assert_eq!(of("missing_table").len(), 2 * 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_records_cost_themselves_and_torn_tables_what_is_torn() {
    let root = tempfile::tempdir().unwrap();
    let mut tables = Tables::new();
    tables.table("sample_annotation")[0]["size"] = json!(["a", "b", "c"]);
    tables.table("sample_annotation")[1]["sample_token"] = json!("of nobody");
    tables.table("sample_annotation")[2]["rotation"] = json!([0, 0, 0, 0]);
    tables.table("sample_data")[0]["timestamp"] = json!(-5);
    tables.add("ego_pose", json!(3));
    tables.write_with_media(root.path());
    let file = root.path().join("v1.0-mini/sample_annotation.json");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() - 20]).unwrap();
    let test = TestLake::new().await;
    let report = test.ingest(root.path()).await.unwrap();
    assert_eq!(report.committed(), 2, "{report:#?}");
    assert!(report.drives.iter().all(|drive| drive.is_damaged));
    let tracks = test.rows::<ObjectTrack>().await;
    let boxes = tracks.iter().filter(|row| row.track_id != "ego");
    // Of 12 boxes, one is of another shape, one of no key frame, one has no orientation, and the last is torn.
    assert_eq!(boxes.count(), 8);
    let findings = test.findings().await;
    let dropped = |check: &str| {
        findings
            .iter()
            .filter(|f| f.0 == check)
            .map(|f| f.3)
            .sum::<i64>()
    };
    assert_eq!(
        (
            dropped("table_record"),
            dropped("value_not_usable"),
            dropped("stamp_out_of_range")
        ),
        (3, 1, 1)
    );
    assert_eq!(
        findings.iter().filter(|f| f.0 == "damaged_table").count(),
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn datasets_of_t4_and_lyft_differ_in_a_few_fields() {
    let root = tempfile::tempdir().unwrap();
    let mut tables = Tables::new();
    for sensor in tables.table("calibrated_sensor") {
        sensor["camera_distortion"] = json!([-0.1, 0.02, 0, 0, 0.003]);
    }
    for pose in tables.table("ego_pose") {
        pose["timestamp"] = json!(pose["timestamp"].as_i64().unwrap() as f64 + 0.25);
    }
    for annotation in tables.table("sample_annotation") {
        let annotation = annotation.as_object_mut().unwrap();
        annotation.remove("visibility_token");
        annotation["num_lidar_pts"] = json!(-1);
    }
    tables.table("category")[0]["name"] = json!("other_vehicle");
    tables.table("log")[0]["vehicle"] = json!("a101");
    tables.write(&root.path().join("annotation"));
    let test = TestLake::new().await;
    let report = test.ingest(root.path()).await.unwrap();
    assert_eq!(report.committed(), 2, "{report:#?}");
    let states = test.rows::<EgoState>().await;
    assert_eq!(states[0].stamp_ns, START_US * 1000 + 250);
    let tracks = test.rows::<ObjectTrack>().await;
    assert_eq!(tracks.len(), 12 + 6);
    assert!(tracks.iter().all(|row| row.lidar_points.is_none()));
    assert!(
        tracks
            .iter()
            .any(|row| row.category == "LARGE_VEHICLE" && row.source_category == "other_vehicle")
    );
    let camera = test
        .rows::<Calibration>()
        .await
        .into_iter()
        .find(|row| row.sensor == "CAM_FRONT")
        .unwrap();
    assert_eq!(camera.distortion_model.as_deref(), Some("radial"));
    assert_eq!(camera.distortion, [-0.1, 0.02, 0.003]);
    let checks = checks(&test).await;
    assert!(
        checks.iter().any(|check| check.0 == "assumed_ego_size"),
        "{checks:?}"
    );
    assert!(
        test.rows::<Drive>()
            .await
            .iter()
            .all(|drive| drive.licence.is_none())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_beyond_the_limits_fails_by_name_and_others_go_on() {
    let root = tempfile::tempdir().unwrap();
    Tables::new().write(&root.path().join("large/v1"));
    fs::create_dir_all(root.path().join("torn/v1")).unwrap();
    for table in ["scene", "sample", "sample_data"] {
        fs::write(root.path().join(format!("torn/v1/{table}.json")), "{").unwrap();
    }
    let test = TestLake::new().await;
    let ingest = async |limits: Limits| {
        let options = IngestOptions {
            limits,
            ..IngestOptions::new("run-1")
        };
        test.ingest_with(root.path(), &options).await.unwrap()
    };
    let reason = |outcome: &DriveOutcome| match outcome {
        DriveOutcome::Failed { reason } => reason.clone(),
        other => format!("{other:?}"),
    };
    let report = ingest(Limits {
        dataset_bytes_max: 1000,
        ..Limits::default()
    })
    .await;
    assert_eq!(report.drives.len(), 2, "{report:#?}");
    assert_eq!(report.drives[0].log_id, "large/v1");
    assert!(
        reason(&report.drives[0].outcome).contains("dataset_bytes_max"),
        "{report:#?}"
    );
    assert!(
        reason(&report.drives[1].outcome).contains("torn/v1/scene.json"),
        "{report:#?}"
    );
    let report = ingest(Limits {
        json_record_bytes_max: 10,
        ..Limits::default()
    })
    .await;
    assert!(
        reason(&report.drives[0].outcome).contains("at most 10 bytes"),
        "{report:#?}"
    );
    let report = ingest(Limits::default()).await;
    assert_eq!((report.committed(), report.failed()), (2, 1), "{report:#?}");
}
