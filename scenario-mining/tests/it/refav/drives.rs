//! Argoverse 2 drives as rows of `object_track`, read here without the ingest stage.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, Float64Array, Int64Array, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::ipc::reader::FileReader;
use driveloop_schemas::pose::{Pose, Quat};
use driveloop_schemas::time::{Day, day_from_stamp_ns};
use driveloop_schemas::{Lane, ObjectTrack};
use serde_json::Value;

/// Length, width and height of the ego, where annotations have none.
const EGO_SIZE_M: [f64; 3] = [4.877, 2.0, 1.473];

/// The rows of a drive, by track and stamp.
pub(super) fn rows(folder: &Path, log_id: &str) -> Vec<ObjectTrack> {
    let poses = Table::read(&folder.join("city_SE3_egovehicle.feather"));
    let stamps = poses.integers("timestamp_ns");
    let map_from_ego: BTreeMap<i64, Pose> = (0..stamps.len())
        .map(|row| (stamps.value(row), poses.pose(row)))
        .collect();
    let annotations = ["annotations_with_ego.feather", "annotations.feather"];
    let file = annotations
        .into_iter()
        .map(|name| folder.join(name))
        .find(|path| path.exists());
    let cuboids = Table::read(&file.unwrap());
    let stamps = cuboids.integers("timestamp_ns");
    let (ids, categories) = (cuboids.text("track_uuid"), cuboids.text("category"));
    let sizes = ["length_m", "width_m", "height_m"].map(|name| cuboids.numbers(name));
    let row = |at: usize| {
        let size_m = [0, 1, 2].map(|axis: usize| sizes[axis].value(at));
        let (stamp_ns, pose) = (stamps.value(at), cuboids.pose(at));
        let ego = map_from_ego[&stamp_ns];
        object(
            log_id,
            &ids[at],
            &categories[at],
            stamp_ns,
            size_m,
            ego,
            pose,
        )
    };
    let mut rows: Vec<ObjectTrack> = (0..stamps.len()).map(row).collect();
    if !rows.iter().any(|row| row.category == "EGO_VEHICLE") {
        let mut seen: Vec<i64> = rows.iter().map(|row| row.stamp_ns).collect();
        seen.sort_unstable();
        seen.dedup();
        rows.extend(seen.into_iter().map(|stamp_ns| {
            let ego = map_from_ego[&stamp_ns];
            object(
                log_id,
                "ego",
                "EGO_VEHICLE",
                stamp_ns,
                EGO_SIZE_M,
                ego,
                Pose::IDENTITY,
            )
        }));
    }
    rows.sort_by(|a, b| (&a.track_id, a.stamp_ns).cmp(&(&b.track_id, b.stamp_ns)));
    rows
}

/// The lanes of a drive's map.
pub(super) fn lanes(folder: &Path, log_id: &str, day: Day) -> Vec<Lane> {
    let files = std::fs::read_dir(folder.join("map")).unwrap();
    let is_map = |path: &PathBuf| path.to_str().unwrap().contains("log_map_archive");
    let map = files.map(|file| file.unwrap().path()).find(is_map).unwrap();
    let map: Value = serde_json::from_str(&std::fs::read_to_string(map).unwrap()).unwrap();
    let line = |points: &Value| -> Vec<f64> {
        let points = points.as_array().unwrap().iter();
        points
            .flat_map(|point| ["x", "y"].map(|axis| point[axis].as_f64().unwrap()))
            .collect()
    };
    let name = |id: &Value| id.as_i64().map(|id| id.to_string());
    let lane = |(id, lane): (&String, &Value)| Lane {
        log_id: log_id.into(),
        day,
        lane_id: id.as_str().into(),
        lane_type: lane["lane_type"].as_str().unwrap().to_owned(),
        is_intersection: lane["is_intersection"].as_bool(),
        centre: Vec::new(),
        left_boundary: line(&lane["left_lane_boundary"]),
        right_boundary: line(&lane["right_lane_boundary"]),
        left_mark: None,
        right_mark: None,
        left_neighbour: name(&lane["left_neighbor_id"]),
        right_neighbour: name(&lane["right_neighbor_id"]),
        successors: lane["successors"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(name)
            .collect(),
        predecessors: Vec::new(),
        composed: Some(false),
    };
    map["lane_segments"]
        .as_object()
        .unwrap()
        .iter()
        .map(lane)
        .collect()
}

fn object(
    log_id: &str,
    track_id: &str,
    category: &str,
    stamp_ns: i64,
    [length_m, width_m, height_m]: [f64; 3],
    map_from_ego: Pose,
    ego_from_object: Pose,
) -> ObjectTrack {
    let Pose {
        translation: [x_m, y_m, z_m],
        rotation,
    } = map_from_ego.times(ego_from_object);
    let [ego_x_m, ego_y_m, ego_z_m] = ego_from_object.translation;
    ObjectTrack {
        log_id: log_id.into(),
        day: day_from_stamp_ns(stamp_ns),
        composed: false,
        track_id: track_id.into(),
        stamp_ns,
        category: category.into(),
        source_category: category.into(),
        length_m,
        width_m,
        height_m,
        x_m,
        y_m,
        z_m,
        qw: rotation.w,
        qx: rotation.x,
        qy: rotation.y,
        qz: rotation.z,
        yaw_rad: rotation.yaw_rad(),
        vx_mps: None,
        vy_mps: None,
        ax_mps2: None,
        ay_mps2: None,
        kinematics: "derived".into(),
        accel_kinematics: None,
        ego_x_m,
        ego_y_m,
        ego_z_m,
        ego_yaw_rad: ego_from_object.rotation.yaw_rad(),
        ego_vx_mps: None,
        ego_vy_mps: None,
        lidar_points: None,
    }
}

/// A feather file.
struct Table(RecordBatch);

impl Table {
    fn read(path: &Path) -> Self {
        let reader = FileReader::try_new(File::open(path).unwrap(), None).unwrap();
        let schema = reader.schema();
        let batches: Vec<RecordBatch> = reader.collect::<Result<_, _>>().unwrap();
        Self(concat_batches(&schema, &batches).unwrap())
    }

    fn numbers(&self, name: &str) -> Float64Array {
        let column = cast(&self.0[name], &DataType::Float64).unwrap();
        column.as_primitive::<Float64Type>().clone()
    }

    fn integers(&self, name: &str) -> Int64Array {
        let column = cast(&self.0[name], &DataType::Int64).unwrap();
        column.as_primitive::<Int64Type>().clone()
    }

    fn text(&self, name: &str) -> Vec<String> {
        let column = cast(&self.0[name], &DataType::Utf8).unwrap();
        let column = column.as_string::<i32>();
        (0..column.len())
            .map(|row| column.value(row).to_owned())
            .collect()
    }

    fn pose(&self, row: usize) -> Pose {
        let number = |name: &str| self.0[name].as_primitive::<Float64Type>().value(row);
        let [w, x, y, z] = ["qw", "qx", "qy", "qz"].map(number);
        Pose {
            translation: ["tx_m", "ty_m", "tz_m"].map(number),
            rotation: Quat { w, x, y, z }.normalized().unwrap(),
        }
    }
}
