//! Kinematics and selectors against what RefAV computes on three real drives, where those are there.
//!
//! Its answers come from Python, NumPy and SciPy; here the same files go through a lake and SQL.

mod cases;
mod drives;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use driveloop_lake::{Commit, Lake};
use driveloop_scenario_mining::{Reader, SessionOptions};
use driveloop_schemas::{Drive, Lane, ObjectTrack};

use crate::functions::test_data;
use crate::selectors::rows;

const DRIVES: [&str; 3] = [
    "3b3570b4-7b0b-3268-a571-b0889dbf40b6",
    "7fab2350-7eaf-3b7e-a39d-6937a4c1bede",
    "adcf7d18-0510-35b0-a2fa-b4cea13a6d76",
];
/// How far a number may be from RefAV's.
const TOLERANCE: f64 = 1e-6;
/// Share of the rows of a case that must be RefAV's.
const EQUAL_SHARE_MIN: f64 = 0.99;

/// A row that a selector finds: track, related track, stamp.
type Found = (String, Option<String>, i64);

/// A reader of a lake with one real drive, and the folder that it lies in.
struct Bench {
    reader: Reader,
    oracles: PathBuf,
    /// First characters of the drive's name, as the files of answers have them.
    name: &'static str,
    _folder: tempfile::TempDir,
}

/// The drives that are there.
async fn benches() -> Vec<Bench> {
    let (Some(logs), Some(oracles)) = (test_data("argoverse2/sensor/val"), test_data("oracles"))
    else {
        return Vec::new();
    };
    let mut benches = Vec::new();
    for log_id in DRIVES {
        let (folder, lake) = crate::scene::lake().await;
        let rows = drives::rows(&logs.join(log_id), log_id);
        let lanes = drives::lanes(&logs.join(log_id), log_id, rows[0].day);
        write(&lake, log_id, &rows, &lanes).await;
        benches.push(Bench {
            reader: Reader::open(&lake, &SessionOptions::default())
                .await
                .unwrap(),
            oracles: oracles.clone(),
            name: &log_id[..8],
            _folder: folder,
        });
    }
    benches
}

async fn write(lake: &Lake, log_id: &str, rows: &[ObjectTrack], lanes: &[Lane]) {
    let commit = Commit::new("test", "run").with_transactions([format!("drive/{log_id}")]);
    lake.append(rows, &commit).await.unwrap();
    lake.append(lanes, &commit).await.unwrap();
    let stamps = || rows.iter().map(|row| row.stamp_ns);
    let drive = Drive {
        day: rows[0].day,
        start_ns: stamps().min().unwrap(),
        end_ns: stamps().max().unwrap(),
        ..crate::scene::drive(log_id, None)
    };
    lake.append(&[drive], &commit).await.unwrap();
}

impl Bench {
    /// The rows of a query of driveloop's.
    async fn sql(&self, sql: &str) -> RecordBatch {
        rows(&self.reader, sql).await
    }

    /// The rows of a query over a file of answers, which it calls `answers`.
    async fn answers(&self, file: &str, sql: &str) -> RecordBatch {
        let path = self.oracles.join(format!("{file}_{}.parquet", self.name));
        let context = SessionContext::new();
        let options = ParquetReadOptions::default();
        let path = path.to_str().unwrap();
        context
            .register_parquet("answers", path, options)
            .await
            .unwrap();
        let frame = context.sql(sql).await.unwrap();
        let schema = frame.schema().inner().clone();
        concat_batches(&schema, &frame.collect().await.unwrap()).unwrap()
    }

    /// Compares numbers by track and stamp: pairs of an expression over driveloop's table and a column of the answers.
    async fn compare_numbers(&self, table: &str, file: &str, columns: &[(&str, &str)]) {
        let ours: Vec<&str> = columns.iter().map(|(ours, _)| *ours).collect();
        let theirs: Vec<&str> = columns.iter().map(|(_, theirs)| *theirs).collect();
        let (ours, theirs) = (ours.join(", "), theirs.join(", "));
        let sql = format!("SELECT track_id, stamp_ns, {ours} FROM {table} ORDER BY 1, 2");
        let actual = self.sql(&sql).await;
        let sql = format!("SELECT track_id, timestamp_ns, {theirs} FROM answers ORDER BY 1, 2");
        let expected = self.answers(file, &sql).await;
        assert_eq!(
            keys(&actual),
            keys(&expected),
            "{}: tracks and stamps of {file}",
            self.name
        );
        for (at, (ours, theirs)) in columns.iter().enumerate() {
            let (actual, expected) = (numbers(&actual, at + 2), numbers(&expected, at + 2));
            let differences = actual.iter().zip(&expected).map(|(a, b)| match (a, b) {
                (Some(a), Some(b)) => (a - b).abs(),
                (None, None) => 0.0,
                _ => f64::INFINITY,
            });
            let differences: Vec<f64> = differences.collect();
            let wrong = differences.iter().filter(|d| **d > TOLERANCE).count();
            let worst = differences.iter().copied().fold(0.0, f64::max);
            let rows = differences.len();
            eprintln!(
                "{} {theirs}: {rows} rows, {wrong} differ, by {worst:.1e} at most",
                self.name
            );
            assert_eq!(wrong, 0, "{}: {ours} is not {theirs}", self.name);
        }
    }
}

/// Text of a column; none where it is null.
fn texts(batch: &RecordBatch, column: usize) -> Vec<Option<String>> {
    let column = cast(batch.column(column), &DataType::Utf8).unwrap();
    let column = column.as_string::<i32>();
    column.iter().map(|text| text.map(str::to_owned)).collect()
}

fn integers(batch: &RecordBatch, column: usize) -> Vec<i64> {
    let column = cast(batch.column(column), &DataType::Int64).unwrap();
    column.as_primitive::<Int64Type>().values().to_vec()
}

fn numbers(batch: &RecordBatch, column: usize) -> Vec<Option<f64>> {
    let column = cast(batch.column(column), &DataType::Float64).unwrap();
    let column = column.as_primitive::<Float64Type>();
    column
        .iter()
        .map(|value| value.filter(|value| !value.is_nan()))
        .collect()
}

fn keys(batch: &RecordBatch) -> Vec<(Option<String>, i64)> {
    texts(batch, 0)
        .into_iter()
        .zip(integers(batch, 1))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn kinematics_are_those_of_refav() {
    for bench in benches().await {
        let columns = [
            ("x_m", "px"),
            ("y_m", "py"),
            ("z_m", "pz"),
            ("vx_mps", "vx"),
            ("vy_mps", "vy"),
            ("vz_mps", "vz"),
            ("ax_mps2", "ax"),
            ("ay_mps2", "ay"),
            ("az_mps2", "az"),
            ("forward_mps", "vx_self"),
            ("left_mps", "vy_self"),
            ("forward_mps2", "ax_self"),
            ("left_mps2", "ay_self"),
            ("yaw_rad", "yaw_city_rad"),
            ("degrees(yaw_rate_radps)", "yaw_rate_dps"),
        ];
        let table = "track_kinematics(object_track, recipe => 'refav')";
        bench.compare_numbers(table, "kin", &columns).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_are_those_of_refav() {
    for bench in benches().await {
        let sql = "SELECT track_id, stamp_ns, lane_id, lane_type, CAST(is_intersection AS VARCHAR), turn \
                   FROM track_lanes(object_track, lane, recipe => 'refav') ORDER BY 1, 2";
        let actual = bench.sql(sql).await;
        let sql = "SELECT track_id, timestamp_ns, CAST(lane_id AS VARCHAR), lane_type, \
                   CAST(lane_is_intersection AS VARCHAR), lane_turn FROM answers ORDER BY 1, 2";
        let expected = bench.answers("kin", sql).await;
        assert_eq!(keys(&actual), keys(&expected), "{}", bench.name);
        for column in 2..6 {
            let (actual, expected) = (texts(&actual, column), texts(&expected, column));
            let known = expected.iter().flatten().count();
            let name = ["lane_id", "lane_type", "is_intersection", "turn"][column - 2];
            eprintln!(
                "{} {name}: {known} of {} rows have one",
                bench.name,
                expected.len()
            );
            assert!(known > 0 && actual == expected, "{}: {name}", bench.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pairs_with_the_ego_are_those_of_refav() {
    for bench in benches().await {
        let columns = [
            ("distance_m", "rect_distance_m"),
            ("x_m", "x_in_ego"),
            ("y_m", "y_in_ego"),
            ("z_m", "z_in_ego"),
            ("vx_mps", "vx_rot_to_ego"),
            ("vy_mps", "vy_rot_to_ego"),
            ("ego_x_m", "ego_x_in_track"),
            ("ego_y_m", "ego_y_in_track"),
            ("range_step_m", "radial_per_frame_track_in_ego"),
            ("ego_range_step_m", "radial_per_frame_ego_in_track"),
        ];
        let table = "ego_pairs(object_track, recipe => 'refav')";
        bench.compare_numbers(table, "pair_ego", &columns).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn selectors_find_what_those_of_refav_find() {
    let mut wrong = Vec::new();
    for bench in benches().await {
        let sql = "SELECT track_id, related_track_id, timestamp_ns, \"case\" FROM answers";
        let answers = bench.answers("selectors", sql).await;
        let mut expected: BTreeMap<String, BTreeSet<Found>> = BTreeMap::new();
        for (case, row) in texts(&answers, 3).into_iter().zip(found(&answers)) {
            expected.entry(case.unwrap()).or_default().insert(row);
        }
        for case in cases::read(&bench.oracles.join("cases.json")) {
            let actual = bench.select(&case).await;
            let expected = expected.remove(&case.name).unwrap_or_default();
            let equal = actual.intersection(&expected).count();
            let (missing, extra) = (expected.len() - equal, actual.len() - equal);
            let line = format!(
                "{} {}: {} rows, {equal} equal, {missing} missing, {extra} extra",
                bench.name,
                case.name,
                expected.len()
            );
            eprintln!("{line}");
            let union = (equal + missing + extra).max(1);
            let all_equal = missing + extra == 0;
            if !all_equal && (equal as f64) < EQUAL_SHARE_MIN * union as f64 {
                wrong.push(line);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

impl Bench {
    /// What driveloop finds in a case.
    async fn select(&self, case: &cases::Case) -> BTreeSet<Found> {
        let tracks = match (case.call.contains("related =>"), case.is_reversed) {
            (false, _) => "track_id, CAST(NULL AS VARCHAR)",
            (true, false) => "track_id, related_track_id",
            (true, true) => "related_track_id, track_id",
        };
        let sql = format!("SELECT {tracks}, stamp_ns FROM {}", case.call);
        let rows = self.sql(&sql).await;
        let found_rows: BTreeSet<Found> = found(&rows).collect();
        let Some(actors) = &case.all_but else {
            return found_rows;
        };
        let sql = format!(
            "SELECT track_id, CAST(NULL AS VARCHAR), stamp_ns \
             FROM stationary(object_track, tracks => '{actors}', displacement_max_m => NULL)"
        );
        let hits: BTreeSet<(String, i64)> = found_rows
            .into_iter()
            .map(|(track, _, stamp)| (track, stamp))
            .collect();
        let everyone = self.sql(&sql).await;
        let is_left = |(track, _, stamp): &Found| !hits.contains(&(track.clone(), *stamp));
        found(&everyone).filter(is_left).collect()
    }
}

/// Rows whose first columns are track, related track and stamp.
fn found(rows: &RecordBatch) -> impl Iterator<Item = Found> {
    let (tracks, related, stamps) = (texts(rows, 0), texts(rows, 1), integers(rows, 2));
    let rows = tracks.into_iter().zip(related).zip(stamps);
    rows.map(|((track, related), stamp)| (track.unwrap(), related, stamp))
}
