//! The map functions: on a small map, and on three real ones against the answers of another program.

use arrow::array::AsArray;
use arrow::datatypes::DataType;
use datafusion::prelude::SessionContext;
use driveloop_lake::{Commit, Lake};
use driveloop_scenario_mining::session;
use driveloop_schemas::time::day_from_stamp_ns;
use driveloop_schemas::{Lane, MapArea};

use crate::scene::{EGO, START_NS, add_drive, add_drive_on, lake, lane};

pub(crate) fn area(log_id: &str, kind: &str, area_id: &str, polygon: &[f64]) -> MapArea {
    MapArea {
        log_id: log_id.into(),
        day: day_from_stamp_ns(START_NS),
        area_id: area_id.into(),
        kind: kind.into(),
        polygon: polygon.to_vec(),
        composed: Some(false),
    }
}

/// A road along x with two lanes to the east and one to the west, then an intersection where the right one goes straight on
/// or turns right. Lanes are 3.5 m wide.
fn road() -> (Vec<Lane>, Vec<MapArea>) {
    let straight = |lane_id: &str, from_x_m: f64, to_x_m: f64, y_m: f64| {
        let line = |y_m: f64| vec![from_x_m, y_m, to_x_m, y_m];
        let left_m = if from_x_m < to_x_m { 1.75 } else { -1.75 };
        Lane {
            left_boundary: line(y_m + left_m),
            right_boundary: line(y_m - left_m),
            is_intersection: Some(false),
            ..lane("town", lane_id, line(y_m))
        }
    };
    let named = |name: &str| Some(name.to_owned());
    let lanes = vec![
        Lane {
            left_neighbour: named("left"),
            successors: vec!["on".into(), "turn".into()],
            ..straight("right", 0.0, 50.0, 0.0)
        },
        Lane {
            left_neighbour: named("west"),
            right_neighbour: named("right"),
            ..straight("left", 0.0, 50.0, 3.5)
        },
        Lane {
            left_neighbour: named("left"),
            ..straight("west", 50.0, 0.0, 7.0)
        },
        Lane {
            is_intersection: Some(true),
            ..straight("on", 50.0, 70.0, 0.0)
        },
        // Without boundaries: the map of a maker who has centre lines alone.
        Lane {
            is_intersection: Some(true),
            ..lane("town", "turn", vec![50.0, 0.0, 58.0, -2.0, 60.0, -10.0])
        },
        // No place on Earth.
        lane("town", "far", vec![1e300, 0.0, -1e300, 0.0]),
    ];
    let drivable = [0.0, -2.0, 70.0, -2.0, 70.0, 9.0, 0.0, 9.0];
    let areas = vec![
        area("town", "drivable", "1", &drivable),
        area(
            "town",
            "pedestrian_crossing",
            "1",
            &[44.0, -2.0, 48.0, -2.0, 48.0, 9.0, 44.0, 9.0],
        ),
        area("town", "pedestrian_crossing", "2", &[44.0, -2.0]),
    ];
    (lanes, areas)
}

/// Writes the drive `town` on that road.
async fn add_town(lake: &Lake) {
    let (lanes, areas) = road();
    let commit = Commit::new("test", "run").with_transactions(["areas"]);
    lake.append(&areas, &commit).await.unwrap();
    add_drive_on(lake, "town", None, &[EGO], &lanes).await;
}

/// The answers of expressions over `drive_map`; a null is `-`.
async fn answers(context: &SessionContext, log_id: &str, expressions: &[&str]) -> Vec<String> {
    let columns: Vec<_> = expressions
        .iter()
        .map(|expression| format!("CAST({expression} AS VARCHAR)"))
        .collect();
    let list = columns.join(", ");
    let sql = format!("SELECT unnest([{list}]) AS answer FROM drive_map WHERE log_id = '{log_id}'");
    texts(context, &sql).await
}

async fn texts(context: &SessionContext, sql: &str) -> Vec<String> {
    let batches = context.sql(sql).await.unwrap().collect().await.unwrap();
    let mut texts = Vec::new();
    for batch in batches {
        let column = arrow::compute::cast(batch.column(0), &DataType::Utf8).unwrap();
        let column = column.as_string::<i32>();
        texts.extend(column.iter().map(|text| text.unwrap_or("-").to_owned()));
    }
    texts
}

#[tokio::test]
async fn places_on_a_small_map() {
    let (_folder, lake) = lake().await;
    add_town(&lake).await;
    let context = session(&lake).await.unwrap();
    for (expression, expected) in [
        ("lane_at(lanes, 20, 0.3, 0)", "right"),
        ("lane_at(lanes, 20, 2.0, 0)", "left"),
        ("lane_at(lanes, 20, 7.0, pi())", "west"),
        // The wrong way is still in the lane.
        ("lane_at(lanes, 20, 7.0, 0)", "west"),
        ("lane_at(lanes, 20, 12.0, 0)", "-"),
        // Where lanes overlap, the heading tells.
        ("lane_at(lanes, 55, -1.2, 0)", "on"),
        ("lane_at(lanes, 55, -1.2, -0.3)", "turn"),
        ("lane_at(lanes, 55, -0.9, NULL)", "turn"),
        ("lane_at(lanes, 59, -6, -1.4)", "turn"),
        ("lane_at(lanes, 57, -6, -1.4)", "-"),
        ("lane_at(lanes, NULL, 0, 0)", "-"),
        ("lane_at(lanes, 'Infinity'::DOUBLE, 0, 0)", "-"),
        ("lane_place(lanes, 'west', 20, 6)['offset_m']", "1.0"),
        ("lane_place(lanes, 'west', 20, 6)['along_m']", "30.0"),
        ("lane_place(lanes, 'far', 20, 6)['offset_m']", "-"),
        ("lane_place(lanes, 'missing', 20, 6)['offset_m']", "-"),
        // Towards the left of the lane, whichever way it goes.
        (
            "lateral_speed_mps(0, -0.5, lane_place(lanes, 'west', 20, 6)['yaw_rad'])",
            "0.5",
        ),
        ("lane_relation(lanes, 'right', 'right')", "same"),
        ("lane_relation(lanes, 'right', 'left')", "left"),
        ("lane_relation(lanes, 'left', 'right')", "right"),
        ("lane_relation(lanes, 'left', 'west')", "oncoming"),
        ("lane_relation(lanes, 'right', 'turn')", "ahead"),
        ("lane_relation(lanes, 'on', 'right')", "behind"),
        ("lane_relation(lanes, 'right', 'west')", "apart"),
        ("lane_relation(lanes, 'right', 'missing')", "-"),
        ("in_intersection(lanes, 60, 0)", "true"),
        ("in_intersection(lanes, 40, 0)", "false"),
        ("in_crossing(areas, 46, 0)", "true"),
        ("in_crossing(areas, 49, 0)", "false"),
        ("in_drivable_area(areas, 49, 0)", "true"),
        (
            "in_drivable_area(areas => areas, x_m => 49, y_m => -3)",
            "false",
        ),
        ("in_drivable_area(areas, 49, 'NaN'::DOUBLE)", "-"),
    ] {
        let answer = answers(&context, "town", &[expression]).await;
        assert_eq!(answer, [expected], "{expression}");
    }
}

#[tokio::test]
async fn without_a_map_nothing_is_known() {
    let (_folder, lake) = lake().await;
    add_town(&lake).await;
    // Its lane says nothing about intersections, and it has no areas.
    add_drive(&lake, "plain", None, &[EGO]).await;
    let context = session(&lake).await.unwrap();
    let questions = [
        "lane_at(lanes, 20, 0.5, 0)",
        "in_intersection(lanes, 20, 0.5)",
        "in_crossing(areas, 20, 0.5)",
        "in_drivable_area(areas, 20, 0.5)",
    ];
    assert_eq!(
        answers(&context, "plain", &questions).await,
        ["1", "-", "-", "-"]
    );
    // Rows of several drives, each asked its own map.
    let rows = "SELECT concat(log_id, ' ', coalesce(lane_id, '-'), ' ', CAST(n AS VARCHAR)) FROM (
            SELECT log_id, lane_at(lanes, x_m, y_m, yaw_rad) AS lane_id, count(*) AS n
            FROM object_track JOIN drive_map USING (log_id) GROUP BY 1, 2
        ) ORDER BY 1";
    let counts = texts(&context, rows).await;
    // The ego drives 99 m along y = 0 at 10 m/s: 50 m in the lane, 20 m in the intersection, and on beyond the map.
    assert_eq!(
        counts,
        ["plain 1 100", "town - 30", "town on 20", "town right 50"]
    );
    let error = context
        .sql("SELECT lane_at(areas, 0, 0, 0) FROM drive_map")
        .await
        .unwrap();
    let error = error.collect().await.unwrap_err().to_string();
    assert!(
        error.contains("expected a value that `lane_map` made"),
        "{error}"
    );
    let error = context
        .sql("SELECT lane_map([1, 2])")
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("expected a list of structs"), "{error}");
}

#[tokio::test]
async fn a_map_of_the_users_own_may_be_damaged() {
    let (_folder, lake) = lake().await;
    let context = session(&lake).await.unwrap();
    let lane = |lane_id: &str, centre: &str| {
        format!(
            "named_struct('successors', CAST([] AS VARCHAR[]), 'lane_id', {lane_id}, 'is_intersection', true, 'centre', {centre}, \
             'left_boundary', CAST(NULL AS DOUBLE[]), 'right_boundary', CAST(NULL AS DOUBLE[]), \
             'left_neighbour', CAST(NULL AS VARCHAR), 'right_neighbour', CAST(NULL AS VARCHAR))"
        )
    };
    let lanes = [
        lane("'good'", "[0.0, 0.0, 50.0, 0.0]"),
        lane("'nan'", "[0.0, CAST('NaN' AS DOUBLE), 50.0, 0.0]"),
        lane("'null'", "CAST(NULL AS DOUBLE[])"),
        lane("'hole'", "[0.0, NULL, 50.0, 0.0]"),
        lane("'odd'", "[0.0, 0.0, 50.0]"),
        lane("CAST(NULL AS VARCHAR)", "[0.0, 0.0, 50.0, 0.0]"),
    ];
    let from = format!("FROM (SELECT lane_map([{}]) AS lanes)", lanes.join(", "));
    let lanes = texts(&context, &format!("SELECT lane_at(lanes, 25, 0, 0) {from}")).await;
    assert_eq!(lanes, ["good"]);
    for lane_id in ["nan", "null", "hole", "odd"] {
        let sql = format!("SELECT lane_place(lanes, '{lane_id}', 25, 0)['along_m'] {from}");
        assert_eq!(texts(&context, &sql).await, ["-"], "{lane_id}");
    }
}
