//! Kinematics and selectors of real drives, from log to SQL, against what RefAV computes on the same files.
//!
//! `scenario-mining` compares every case over rows of its own making; here the rows are those that ingest makes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;

use driveloop_tests::test_data;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::{Field, Row};

use crate::harness::Bench;

/// How far a number may be from RefAV's.
const TOLERANCE: f64 = 1e-6;
/// Columns of driveloop and of the answers.
const KINEMATICS: [(&str, &str); 13] = [
    ("x_m", "px"),
    ("y_m", "py"),
    ("z_m", "pz"),
    ("vx_mps", "vx"),
    ("vy_mps", "vy"),
    ("ax_mps2", "ax"),
    ("ay_mps2", "ay"),
    ("forward_mps", "vx_self"),
    ("left_mps", "vy_self"),
    ("forward_mps2", "ax_self"),
    ("left_mps2", "ay_self"),
    ("yaw_rad", "yaw_city_rad"),
    ("degrees(yaw_rate_radps)", "yaw_rate_dps"),
];
const EGO_PAIRS: [(&str, &str); 7] = [
    ("distance_m", "rect_distance_m"),
    ("x_m", "x_in_ego"),
    ("y_m", "y_in_ego"),
    ("vx_mps", "vx_rot_to_ego"),
    ("vy_mps", "vy_rot_to_ego"),
    ("ego_x_m", "ego_x_in_track"),
    ("ego_y_m", "ego_y_in_track"),
];
/// Cases of the answers, and the same as calls.
const SELECTORS: [(&str, &str); 7] = [
    (
        "has_velocity.veh.min0p5",
        "has_velocity(object_track, tracks => 'VEHICLE', mode => 'refav')",
    ),
    (
        "accelerating.veh.default",
        "accelerating(object_track, tracks => 'VEHICLE', mode => 'refav')",
    ),
    (
        "stationary.any",
        "stationary(object_track, mode => 'refav')",
    ),
    (
        "turning.veh.left",
        "turning(object_track, tracks => 'VEHICLE', direction => 'left', mode => 'refav')",
    ),
    (
        "near_objects.veh_ped.5",
        "near_objects(object_track, tracks => 'VEHICLE', related => 'PEDESTRIAN', distance_max_m => 5, mode => 'refav')",
    ),
    (
        "near_objects.ego_any.10",
        "near_objects(object_track, tracks => 'EGO_VEHICLE', mode => 'refav')",
    ),
    (
        "hoird.ego_veh.backward.50.5",
        "has_objects_in_relative_direction(object_track, tracks => 'EGO_VEHICLE', related => 'VEHICLE', \
         direction => 'backward', beside_max_m => 5, mode => 'refav')",
    ),
];

type Numbers = BTreeMap<(String, i64), Vec<f64>>;

#[test]
fn real_drives_have_the_kinematics_and_selections_of_refav() {
    let (Some(logs), Some(oracles)) = (test_data("argoverse2/sensor/val"), test_data("oracles"))
    else {
        return;
    };
    let bench = Bench::new();
    bench.ok(&["ingest", &logs.display().to_string()]);
    let drives = bench.lines("SELECT log_id FROM drive ORDER BY log_id");
    assert_eq!(drives.len(), 3);
    for log_id in drives {
        let answers = |name: &str| oracles.join(format!("{name}_{}.parquet", &log_id[..8]));
        let numbers = |call: &str, columns: &[(&str, &str)], name: &str| {
            let (ours, theirs) = (
                numbers(&bench, &log_id, call, columns),
                read(&answers(name), columns),
            );
            assert_near(&format!("{name} of {log_id}"), &ours, &theirs);
        };
        numbers(
            "track_kinematics(object_track, recipe => 'refav')",
            &KINEMATICS,
            "kin",
        );
        numbers(
            "ego_pairs(object_track, recipe => 'refav')",
            &EGO_PAIRS,
            "pair_ego",
        );
        let mut cases = read_cases(&answers("selectors"));
        for (case, call) in SELECTORS {
            let found = selected(&bench, &log_id, call);
            let expected = cases.remove(case).unwrap_or_default();
            eprintln!(
                "{log_id} {case}: {} rows, {} found",
                expected.len(),
                found.len()
            );
            assert!(found == expected, "{case} of {log_id}");
        }
    }
}

/// Numbers by track and stamp.
fn numbers(bench: &Bench, log_id: &str, call: &str, columns: &[(&str, &str)]) -> Numbers {
    let columns: Vec<&str> = columns.iter().map(|(ours, _)| *ours).collect();
    let columns = columns.join(", ");
    let sql = format!("SELECT track_id, stamp_ns, {columns} FROM {call} WHERE log_id = '{log_id}'");
    let rows = bench.lines(&sql);
    let row = |line: &String| {
        let mut cells = line.split(',');
        let track = cells.next().unwrap_or_default().to_owned();
        let stamp = cells.next().unwrap_or_default().parse().expect("a stamp");
        let numbers = cells.map(|cell| cell.parse().unwrap_or(f64::NAN));
        ((track, stamp), numbers.collect())
    };
    rows.iter().map(row).collect()
}

/// Rows of a selector: track, related track or nothing, stamp.
fn selected(bench: &Bench, log_id: &str, call: &str) -> BTreeSet<String> {
    let related = if call.contains("near") || call.contains("relative") {
        "related_track_id"
    } else {
        "''"
    };
    let sql = format!(
        "SELECT track_id || ' ' || {related} || ' ' || stamp_ns FROM {call} WHERE log_id = '{log_id}'"
    );
    bench.lines(&sql).into_iter().collect()
}

fn assert_near(what: &str, ours: &Numbers, theirs: &Numbers) {
    assert!(
        ours.keys().eq(theirs.keys()),
        "{what}: {} rows, not {}",
        ours.len(),
        theirs.len()
    );
    for (key, expected) in theirs {
        let is_near =
            |(a, b): (&f64, &f64)| (a - b).abs() <= TOLERANCE || (a.is_nan() && b.is_nan());
        let actual = &ours[key];
        assert!(
            actual.iter().zip(expected).all(is_near),
            "{what} {key:?}: {actual:?}, not {expected:?}"
        );
    }
    eprintln!("{what}: {} rows are equal", ours.len());
}

fn read(path: &Path, columns: &[(&str, &str)]) -> Numbers {
    let row = |row: &Row| {
        let cells: BTreeMap<&String, &Field> = row.get_column_iter().collect();
        let number = |name: &str| match cells[&name.to_owned()] {
            Field::Double(value) => *value,
            _ => f64::NAN,
        };
        let numbers = columns.iter().map(|(_, theirs)| number(theirs)).collect();
        (
            (
                text(cells[&"track_id".to_owned()]),
                stamp(cells[&"timestamp_ns".to_owned()]),
            ),
            numbers,
        )
    };
    rows(path).iter().map(row).collect()
}

/// The rows of each case, as [`selected`] writes them.
fn read_cases(path: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut cases: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in rows(path) {
        let cells: BTreeMap<&String, &Field> = row.get_column_iter().collect();
        let cell = |name: &str| cells[&name.to_owned()];
        let (track, related) = (text(cell("track_id")), text(cell("related_track_id")));
        let line = format!("{track} {related} {}", stamp(cell("timestamp_ns")));
        cases.entry(text(cell("case"))).or_default().insert(line);
    }
    cases
}

fn rows(path: &Path) -> Vec<Row> {
    let file = File::open(path).expect("the answers can be opened");
    let reader = SerializedFileReader::new(file).expect("the answers are a Parquet file");
    let rows = reader.get_row_iter(None).expect("the answers have rows");
    rows.map(|row| row.expect("a row")).collect()
}

fn text(field: &Field) -> String {
    match field {
        Field::Str(text) => text.clone(),
        _ => String::new(),
    }
}

fn stamp(field: &Field) -> i64 {
    match field {
        Field::Long(stamp_ns) => *stamp_ns,
        other => panic!("expected a stamp, got {other}"),
    }
}
