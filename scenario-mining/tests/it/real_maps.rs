//! The map functions on three real maps, against what RefAV answers on the same drives.

use std::path::Path;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider};
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use driveloop_lake::Commit;
use driveloop_scenario_mining::session;
use driveloop_schemas::{Lane, MapArea};
use serde_json::Value;

use crate::functions::test_data;
use crate::map::area;
use crate::scene::{EGO, add_drive_on, lake, lane};

const DRIVES: [&str; 3] = ["3b3570b4", "7fab2350", "adcf7d18"];
/// Rows with a lane here, with one there, and with the same. RefAV gives a lane to a whole track, where lanes overlap that
/// in which it is in most of its frames.
const LANES: &str = "SELECT count(ours), count(theirs), count(*) FILTER (WHERE ours = theirs) FROM (
    SELECT lane_at(lanes, px, py, yaw_city_rad) AS ours, CAST(lane_id AS VARCHAR) AS theirs FROM refav.kin CROSS JOIN drive_map
    WHERE category NOT IN ('PEDESTRIAN', 'CONSTRUCTION_CONE', 'CONSTRUCTION_BARREL', 'BOLLARD', 'SIGN', 'STOP_SIGN'))";
/// Points of a centre line that is made of two boundaries.
const CENTRE_POINTS: usize = 20;

fn line(points: &Value) -> Vec<[f64; 2]> {
    let points = points.as_array().unwrap().iter();
    points
        .map(|point| ["x", "y"].map(|axis| point[axis].as_f64().unwrap()))
        .collect()
}

fn distance_m(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// The point at a share of a line's length.
fn point_at(line: &[[f64; 2]], share: f64) -> [f64; 2] {
    let length_m: f64 = line
        .windows(2)
        .map(|ends| distance_m(ends[0], ends[1]))
        .sum();
    let mut left_m = share * length_m;
    for ends in line.windows(2) {
        let piece_m = distance_m(ends[0], ends[1]);
        if left_m <= piece_m && piece_m > 0.0 {
            return [0, 1].map(|i| ends[0][i] + (ends[1][i] - ends[0][i]) * left_m / piece_m);
        }
        left_m -= piece_m;
    }
    *line.last().unwrap()
}

fn lane_of(log_id: &str, segment: &Value) -> Lane {
    let [left, right] =
        ["left", "right"].map(|side| line(&segment[format!("{side}_lane_boundary")]));
    let middle = (0..CENTRE_POINTS).flat_map(|point| {
        let share = point as f64 / (CENTRE_POINTS - 1) as f64;
        let (a, b) = (point_at(&left, share), point_at(&right, share));
        [0, 1].map(|i| (a[i] + b[i]) / 2.0)
    });
    Lane {
        lane_type: segment["lane_type"].as_str().unwrap().into(),
        is_intersection: segment["is_intersection"].as_bool(),
        left_boundary: left.concat(),
        right_boundary: right.concat(),
        ..lane(log_id, &segment["id"].to_string(), middle.collect())
    }
}

/// A crossing is between two edges that may run the same way or not.
fn crossing_of(log_id: &str, crossing: &Value) -> MapArea {
    let (first, mut second) = (line(&crossing["edge1"]), line(&crossing["edge2"]));
    let end = |line: &[[f64; 2]]| *line.last().unwrap();
    if distance_m(first[0], second[0]) < distance_m(first[0], end(&second)) {
        second.reverse();
    }
    let outline = [first, second].concat().concat();
    area(
        log_id,
        "pedestrian_crossing",
        &crossing["id"].to_string(),
        &outline,
    )
}

fn map(log_id: &str, drive: &Path) -> (Vec<Lane>, Vec<MapArea>) {
    let names = std::fs::read_dir(drive.join("map")).unwrap();
    let file = names
        .map(|entry| entry.unwrap().path())
        .find(|path| path.display().to_string().contains("log_map_archive"));
    let map: Value = serde_json::from_slice(&std::fs::read(file.unwrap()).unwrap()).unwrap();
    let all = |kind: &str| map[kind].as_object().unwrap().values();
    let lanes = all("lane_segments").map(|segment| lane_of(log_id, segment));
    let drivable = all("drivable_areas").map(|drivable| {
        let outline = line(&drivable["area_boundary"]).concat();
        area(log_id, "drivable", &drivable["id"].to_string(), &outline)
    });
    let crossings = all("pedestrian_crossings").map(|crossing| crossing_of(log_id, crossing));
    (lanes.collect(), drivable.chain(crossings).collect())
}

async fn counts(context: &SessionContext, sql: &str) -> Vec<i64> {
    let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
    let columns = batches[0].columns().iter();
    columns
        .map(|column| column.as_primitive::<Int64Type>().value(0))
        .collect()
}

/// Rows for which the condition holds here, for which RefAV's case has a row, and for which both.
fn compared(condition: &str, case: &str) -> String {
    format!(
        "WITH ours AS (
           SELECT CAST(track_id AS VARCHAR) AS track_id, timestamp_ns FROM refav.kin CROSS JOIN drive_map WHERE {condition}
         ), theirs AS (
           SELECT CAST(track_id AS VARCHAR) AS track_id, timestamp_ns FROM refav.selectors WHERE \"case\" = '{case}'
         )
         SELECT (SELECT count(*) FROM ours) AS ours, (SELECT count(*) FROM theirs) AS theirs,
           (SELECT count(*) FROM ours JOIN theirs USING (track_id, timestamp_ns)) AS both_there"
    )
}

/// The map of a drive in a lake of its own, and what RefAV made of the drive as `kin` and `selectors`.
async fn context_of(
    name: &str,
    drives: &Path,
    oracles: &Path,
) -> (tempfile::TempDir, SessionContext) {
    let entries = std::fs::read_dir(drives).unwrap();
    let drive = entries
        .map(|entry| entry.unwrap().path())
        .find(|path| path.display().to_string().contains(name));
    let (folder, lake) = lake().await;
    let (segments, areas) = map(name, &drive.unwrap());
    let commit = Commit::new("test", "run").with_transactions(["areas"]);
    lake.append(&areas, &commit).await.unwrap();
    add_drive_on(&lake, name, None, &[EGO], &segments).await;
    let context = session(&lake).await.unwrap();
    let memory = Arc::new(MemorySchemaProvider::new());
    for table in ["kin", "selectors"] {
        let file = oracles.join(format!("{table}_{name}.parquet"));
        let options = ParquetReadOptions::default();
        let frame = context.read_parquet(file.to_str().unwrap(), options).await;
        let view = frame.unwrap().into_view();
        memory.register_table(table.to_owned(), view).unwrap();
    }
    let catalogue = context.catalog("driveloop").unwrap();
    catalogue.register_schema("refav", memory).unwrap();
    (folder, context)
}

#[tokio::test]
async fn real_maps_are_read_as_another_program_reads_them() {
    let (Some(drives), Some(oracles)) = (test_data("argoverse2/sensor/val"), test_data("oracles"))
    else {
        return;
    };
    let questions = [
        compared("in_drivable_area(areas, px, py)", "in_drivable_area.any"),
        compared("in_intersection(lanes, px, py)", "on_intersection.any"),
        compared(
            "in_intersection(lanes, px, py) AND lane_is_intersection",
            "on_intersection.any",
        ),
        compared(
            "in_crossing(areas, px, py)",
            "at_pedestrian_crossing_fixed.any.0",
        ),
        LANES.to_owned(),
    ];
    let mut sums = [[0; 3]; 5];
    for name in DRIVES {
        let (_folder, context) = context_of(name, &drives, &oracles).await;
        for (sum, question) in sums.iter_mut().zip(&questions) {
            let found = counts(&context, question).await;
            sum.iter_mut()
                .zip(found)
                .for_each(|(sum, found)| *sum += found);
        }
    }
    let [
        drivable,
        intersection,
        intersection_of_track,
        crossing,
        lanes,
    ] = sums;
    eprintln!(
        "here, RefAV, both: drivable {drivable:?}, intersection {intersection:?}, crossing {crossing:?}, lanes {lanes:?}"
    );
    assert!(drivable[0] > 20_000 && intersection[1] > 2_000 && crossing[0] > 1_000);
    assert_eq!(drivable, [drivable[0]; 3]);
    // RefAV asks whether the one lane that it gave the track is in an intersection, this any lane at the place.
    assert_eq!(intersection[1], intersection[2]);
    assert_eq!(intersection_of_track, [intersection[1]; 3]);
    // RefAV asks for the box, this for a point: who has the middle in a crossing has some of the box in it.
    assert_eq!(crossing[0], crossing[2]);
    // Both find a lane or none at the same places; where lanes overlap, they can differ in which.
    assert_eq!(lanes[0], lanes[1]);
    assert!(lanes[2] as f64 > 0.96 * lanes[0] as f64, "{lanes:?}");
}
