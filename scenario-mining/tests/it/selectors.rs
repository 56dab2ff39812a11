//! Kinematics and selectors in SQL, on small drives.

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::Int64Type;
use driveloop_lake::Lake;
use driveloop_scenario_mining::{Reader, SessionOptions};
use futures::TryStreamExt as _;

use crate::scene::{EGO, FRAMES, Mover, PARKED, SLOW, add_drive, lake};

/// Two drives of the same movers, and one with a stray pedestrian.
async fn drives() -> (tempfile::TempDir, Lake) {
    let (folder, lake) = lake().await;
    let walker = Mover {
        track: "walker",
        category: "PEDESTRIAN",
        x_m: 50.0,
        y_m: 4.0,
        speed_mps: 1.0,
    };
    add_drive(&lake, "one", None, &[EGO, SLOW, PARKED]).await;
    add_drive(&lake, "two", None, &[EGO, SLOW, PARKED]).await;
    add_drive(&lake, "three", None, &[EGO, walker]).await;
    (folder, lake)
}

async fn reader(lake: &Lake) -> Reader {
    Reader::open(lake, &SessionOptions::default())
        .await
        .unwrap()
}

/// The rows of a query.
pub(crate) async fn rows(reader: &Reader, sql: &str) -> RecordBatch {
    let answer = reader.answer(sql).await;
    let answer = answer.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let batches: Result<Vec<RecordBatch>, _> = answer.batches.try_collect().await;
    let batches = batches.unwrap_or_else(|error| panic!("{sql}: {error}"));
    concat_batches(&answer.schema, &batches).unwrap()
}

async fn count(reader: &Reader, relation: &str) -> i64 {
    let batch = rows(reader, &format!("SELECT count(*) FROM {relation}")).await;
    batch.column(0).as_primitive::<Int64Type>().value(0)
}

#[tokio::test]
async fn selectors_stay_within_a_drive() {
    let (_folder, lake) = drives().await;
    let reader = reader(&lake).await;
    let calls = [
        ("has_velocity(object_track, min_mps => 4.9)", 5 * FRAMES),
        (
            "has_velocity(object_track, tracks => 'VEHICLE', min_mps => 4.9, max_mps => 5.1)",
            2 * FRAMES,
        ),
        ("stationary(object_track)", 2 * FRAMES),
        ("accelerating(object_track)", 0),
        ("turning(object_track)", 0),
        (
            "near_objects(object_track, tracks => 'PEDESTRIAN', related => 'VEHICLE', distance_max_m => 1000)",
            FRAMES,
        ),
        (
            "near_objects(object_track, tracks => 'PEDESTRIAN', distance_max_m => 1000, count_min => 2)",
            0,
        ),
        (
            "has_objects_in_relative_direction(object_track, tracks => 'moving VEHICLE', \
          related => 'moving REGULAR_VEHICLE', direction => 'forward', distance_max_m => NULL, beside_max_m => 0)",
            2 * FRAMES,
        ),
        ("track_kinematics(object_track)", 8 * FRAMES),
        ("ego_pairs(object_track)", 5 * FRAMES),
        (
            "near_objects((SELECT * FROM object_track WHERE log_id = 'one'), distance_max_m => 1000)",
            6 * FRAMES,
        ),
        (
            "(SELECT * FROM near_objects(object_track, distance_max_m => 1000) WHERE log_id = 'one')",
            6 * FRAMES,
        ),
    ];
    for (call, expected) in calls {
        assert_eq!(count(&reader, call).await, expected, "{call}");
    }
}

#[tokio::test]
async fn results_join_with_tables_by_drive_track_and_stamp() {
    let (_folder, lake) = drives().await;
    let reader = reader(&lake).await;
    let sql = "SELECT max(abs(k.x_m - t.x_m) + abs(k.forward_mps - t.vx_mps) + abs(k.forward_mps2)) < 1e-6, count(*) = 800 \
               FROM track_kinematics(object_track) AS k JOIN object_track AS t USING (log_id, track_id, stamp_ns)";
    let answer = rows(&reader, sql).await;
    assert!(answer.column(0).as_boolean().value(0), "{answer:?}");
    assert!(answer.column(1).as_boolean().value(0), "{answer:?}");
    let sql = "SELECT max(abs(p.range_rate_mps - t.ego_vx_mps)) < 1e-6 \
               FROM ego_pairs(object_track) AS p JOIN object_track AS t USING (log_id, track_id, stamp_ns) \
               WHERE t.track_id = 'slow' AND t.ego_x_m > 1";
    assert!(rows(&reader, sql).await.column(0).as_boolean().value(0));
}

#[tokio::test]
async fn a_track_is_in_the_lane_that_holds_it() {
    let (_folder, lake) = drives().await;
    let reader = reader(&lake).await;
    // The lanes of these drives have no boundaries: nobody is in one.
    let lanes = "track_lanes(object_track, lane)";
    assert_eq!(count(&reader, lanes).await, 8 * FRAMES);
    assert_eq!(
        count(&reader, &format!("{lanes} WHERE lane_id IS NOT NULL")).await,
        0
    );
    let wide = "(SELECT log_id, lane_id, lane_type, false AS is_intersection, \
                make_array(-100.0, 2.0, 500.0, 2.0) AS left_boundary, make_array(-100.0, -2.0, 500.0, -2.0) AS right_boundary, \
                left_neighbour, right_neighbour, successors \
                FROM lane WHERE log_id <> 'two')";
    let lanes =
        format!("track_lanes(object_track, {wide}) WHERE lane_id = '1' AND lane_type = 'VEHICLE'");
    assert_eq!(
        count(&reader, &lanes).await,
        3 * FRAMES,
        "ego and slow one of drive one, ego of drive three"
    );
}

#[tokio::test]
async fn rows_that_say_nothing_are_passed_over() {
    let (_folder, lake) = drives().await;
    let reader = reader(&lake).await;
    let odd = "(SELECT log_id, track_id, stamp_ns, category, length_m, width_m, \
                CASE WHEN track_id = 'slow' AND stamp_ns % 300000000 = 0 THEN CAST('NaN' AS DOUBLE) ELSE x_m END AS x_m, \
                CASE WHEN track_id = 'parked' THEN NULL ELSE y_m END AS y_m, \
                z_m, qw, qx, qy, qz, ego_x_m, ego_y_m, ego_z_m, ego_yaw_rad FROM object_track WHERE log_id = 'one')";
    let known = count(
        &reader,
        &format!("{odd} WHERE x_m < 1e9 AND y_m IS NOT NULL"),
    )
    .await;
    assert!(known > FRAMES && known < 2 * FRAMES);
    assert_eq!(
        count(&reader, &format!("track_kinematics({odd})")).await,
        known
    );
    assert_eq!(
        count(&reader, &format!("has_velocity({odd}, min_mps => 4.9)")).await,
        known
    );
    assert_eq!(
        count(
            &reader,
            "track_kinematics((SELECT * FROM object_track WHERE false))"
        )
        .await,
        0
    );
}

#[tokio::test]
async fn a_wrong_argument_is_named() {
    let (_folder, lake) = drives().await;
    let reader = reader(&lake).await;
    let calls = [
        (
            "near_objects(object_track, within_m => 5)",
            "there is no argument `within_m`",
        ),
        (
            "near_objects(object_track, count_min => 0)",
            "whole number of at least 1",
        ),
        (
            "turning(object_track, direction => 'up')",
            "expected direction => 'any' or 'left' or 'right', got 'up'",
        ),
        (
            "has_objects_in_relative_direction(object_track)",
            "expected direction => 'forward'",
        ),
        (
            "has_velocity(object_track, tracks => '')",
            "expected tracks => ",
        ),
        (
            "has_velocity(object_track, min_mps => x_m)",
            "expected a number",
        ),
        ("has_velocity(drive)", "the input has no column"),
        (
            "track_kinematics(object_track, recipe => 'kalman')",
            "expected recipe => 'local_fit' or 'refav'",
        ),
        (
            "stationary(object_track, mode => 'fast')",
            "expected mode => 'documented' or 'refav'",
        ),
    ];
    for (call, expected) in calls {
        let statement = format!("SELECT * FROM {call}");
        let error = reader.answer(statement.as_str()).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{call}: {error}");
    }
}
