//! The driving functions against answers that were derived on paper.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use arrow::array::AsArray;
use arrow::datatypes::Float64Type;
use datafusion::prelude::SessionContext;
use driveloop_scenario_mining::{docs, session};

async fn value(context: &SessionContext, expression: &str, from: &str) -> Option<f64> {
    let batches = context
        .sql(&format!("SELECT cast({expression} AS DOUBLE) AS v {from}"))
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    let column = batches[0].column(0).as_primitive::<Float64Type>().clone();
    column.iter().next().unwrap()
}

pub(crate) fn test_data(path: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("DRIVELOOP_TEST_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    let path = folder.join(path);
    if !path.exists() {
        eprintln!("skipped: no {}", path.display());
        return None;
    }
    Some(path)
}

/// Equal to 1e-9 of it; what never comes is `inf` there and null here.
fn assert_equal(name: &str, expected: &str, actual: Option<f64>) {
    let expected: f64 = expected.parse().unwrap();
    if expected.is_infinite() {
        assert_eq!(actual, None, "{name}");
        return;
    }
    let actual = actual.unwrap_or_else(|| panic!("{name}: expected {expected}, got null"));
    assert!(
        (actual - expected).abs() <= 1e-9 * expected.abs(),
        "{name}: expected {expected}, got {actual}"
    );
}

/// Every column of an answer, and how it is asked for here: `{a}` is pose, extents and velocity of one, `{a_box}` without
/// the velocity.
const ANSWERS: [(&str, &str); 10] = [
    ("dist_now_m", "box_distance_m({a_box}, {b_box})"),
    ("ttc_rect_s", "ttc_boxes_s({a}, {b})"),
    ("min_dist_m", "dce_boxes_m({a}, {b}, horizon_s)"),
    ("t_min_dist_s", "ttce_boxes_s({a}, {b}, horizon_s)"),
    ("pet_s", "pet_boxes_s({a}, {b})"),
    ("gap_m", "{gap}"),
    ("thw_gap_s", "time_headway_s({gap}, a_vx)"),
    (
        "thw_front_to_front_s",
        "time_headway_front_s({gap}, b_length, a_vx)",
    ),
    ("ttc_1d_s", "ttc_s({gap}, closing_speed_mps(a_vx, b_vx))"),
    (
        "drac_mps2",
        "drac_mps2({gap}, closing_speed_mps(a_vx, b_vx))",
    ),
];

/// The question with the columns of the file in it.
fn question(template: &str) -> String {
    let columns = |side: &str, names: &[&str]| {
        let columns: Vec<_> = names.iter().map(|name| format!("{side}_{name}")).collect();
        columns.join(", ")
    };
    let pose = ["x", "y", "yaw", "length", "width"];
    let moving = ["x", "y", "yaw", "length", "width", "vx", "vy"];
    template
        .replace("{a_box}", &columns("a", &pose))
        .replace("{b_box}", &columns("b", &pose))
        .replace("{a}", &columns("a", &moving))
        .replace("{b}", &columns("b", &moving))
        .replace("{gap}", "gap_m(a_x, a_length, b_x, b_length)")
}

#[tokio::test]
async fn closed_form_situations() {
    let Some(path) = test_data("oracles/closed_form.csv") else {
        return;
    };
    let (_folder, lake) = crate::scene::lake().await;
    let context = session(&lake).await.unwrap();
    let mut reader = csv::Reader::from_path(path).unwrap();
    let columns = reader.headers().unwrap().clone();
    let asked: Vec<_> = ANSWERS.iter().map(|(column, _)| *column).collect();
    let given = columns.iter().skip_while(|column| *column != "horizon_s");
    let unasked: Vec<_> = given
        .skip(1)
        .filter(|column| !asked.contains(column))
        .collect();
    assert!(unasked.is_empty(), "{unasked:?}");
    let mut compared = 0;
    for record in reader.records() {
        let record = record.unwrap();
        let situation: Vec<_> = (columns.iter().zip(&record))
            .skip(1)
            .filter(|(column, _)| !asked.contains(column))
            .map(|(column, value)| format!("CAST({value} AS DOUBLE) AS {column}"))
            .collect();
        for (column, template) in ANSWERS {
            let position = columns.iter().position(|name| name == column).unwrap();
            let expected = &record[position];
            // Nobody asked for what is empty: the measure is not meant for the situation.
            if expected.is_empty() {
                continue;
            }
            let from = format!("FROM (SELECT {})", situation.join(", "));
            let actual = value(&context, &question(template), &from).await;
            assert_equal(&format!("{}: {column}", &record[0]), expected, actual);
            compared += 1;
        }
    }
    assert_eq!(compared, 14 * 4 + 2 + 6 + 5 * 2 + 6 + 5);
}

#[tokio::test]
async fn what_is_unknown_stays_unknown() {
    let (_folder, lake) = crate::scene::lake().await;
    let context = session(&lake).await.unwrap();
    let null = [
        "gap_m(0, 4, NULL, 4)",
        "gap_m(0, 4, 'NaN'::DOUBLE, 4)",
        "ttc_s(10, 0)",
        "ttc_s(-1, 3)",
        "time_headway_s(10, 0)",
        "time_headway_front_s(-5, 4, 10)",
        "drac_mps2(0, 3)",
        "finite('Infinity'::DOUBLE)",
        "ttc_boxes_s(0, 0, 0, 4, 2, 0, 0, 20, 5, 0, 4, 2, -5, 0)",
        "box_distance_m(0, 0, 0, -4, 2, 20, 5, 0, 4, 2)",
        "dce_boxes_m(0, 0, 0, 4, 2, 0, 0, 20, 5, 0, 4, 2, -5, 0, -1)",
        "dce_boxes_m(0, 0, 0, 4, 2, 0, 0, 20, 5, 0, 4, 2, -5, 0, NULL)",
        "pet_boxes_s(0, 0, 0, 4, 2, 5, 0, 20, 5, 0, 4, 2, -5, 0)",
        "pet_boxes_s(0, 0, 0, 4, 2, 5, 0, 20, 5, 0, 4, 2, 0, 0)",
        "path_lateral_speed_mps(0, 10, 1, 1, 0.1)",
    ];
    for expression in null {
        assert_eq!(value(&context, expression, "").await, None, "{expression}");
    }
}

#[tokio::test]
async fn paths_and_lines() {
    let (_folder, lake) = crate::scene::lake().await;
    let context = session(&lake).await.unwrap();
    for (expression, expected) in [
        ("lateral_offset_m(3, 4, 0, 0, pi() / 2)", -3.0),
        ("path_offset_m(10, 2, 0)", 2.0),
        ("path_offset_m(10, 10, 0.1)", 0.0), // on the circle of radius 10 m
        ("path_offset_m(0, 4, 0.1)", 4.0),   // 4 m left of the start
        ("path_offset_m(0, -4, -0.1)", -4.0),
        ("path_offset_m(50, 1.25, 0.000001)", 1.25 - 0.00125),
        ("wrap_rad(3 * pi())", std::f64::consts::PI),
        ("heading_difference_rad(3, -3)", std::f64::consts::TAU - 6.0),
        ("heading_difference_rad(0.5, 0.2)", -0.3),
        ("lateral_speed_mps(3, 4, pi() / 2)", -3.0),
        // On a circle of radius 10 m, a quarter turn on: who drives along it goes along y, who leaves it to the left along -x.
        ("path_lateral_speed_mps(10, 10, 0, 5, 0.1)", 0.0),
        ("path_lateral_speed_mps(10, 10, -5, 0, 0.1)", 5.0),
        ("path_lateral_speed_mps(10, 2, 3, 1, 0)", 1.0),
        // The time from front to front, 4 m behind the rear bumper.
        ("time_headway_front_s(16, 4, 10)", 2.0),
        // One is 2 m wide and leaves after 2.4 s, the other comes after 4 s.
        (
            "pet_boxes_s(-20, 0, 0, 4, 2, 10, 0, 0, -22, 0, 4, 2, 0, 5)",
            1.6,
        ),
        (
            "dce_boxes_m(0, 0, 0, 4, 2, 0, 0, 24, 5, 0, 4, 2, -5, 0, 20)",
            3.0,
        ),
        (
            "ttce_boxes_s(0, 0, 0, 4, 2, 0, 0, 24, 5, 0, 4, 2, -5, 0, 20)",
            4.0,
        ),
        (
            "gap_m(rear_x_m => 0, rear_length_m => 4, front_x_m => 20, front_length_m => 6)",
            15.0,
        ),
    ] {
        let actual = value(&context, expression, "").await.unwrap();
        assert!((actual - expected).abs() < 1e-8, "{expression}: {actual}");
    }
}

#[tokio::test]
async fn directions_from_a_box() {
    let (_folder, lake) = crate::scene::lake().await;
    let context = session(&lake).await.unwrap();
    // A box of 4 m by 2 m that looks along y: its front is at y = 2.
    for (x, y, expected) in [
        ("0", "9", "ahead"),
        ("0", "-2.1", "behind"),
        ("-1.1", "1.9", "left"),
        ("1.1", "0", "right"),
        // From a corner on, the diagonal divides.
        ("-2.9", "4", "ahead"),
        ("-3.1", "4", "left"),
        ("0.9", "1.9", "inside"),
        ("NULL", "1.9", "inside"),
    ] {
        let expression = format!("relative_direction(0, 0, pi() / 2, 4, 2, {x}, {y})");
        let sql = format!("SELECT coalesce({expression}, 'inside') = '{expected}' AS is_so");
        let batches = context.sql(&sql).await.unwrap().collect().await.unwrap();
        assert!(batches[0].column(0).as_boolean().value(0), "{sql}");
    }
}

#[test]
fn every_function_is_documented() {
    let names: Vec<_> = docs().map(|doc| doc.name).collect();
    for name in ["box_distance_m", "polyline_place", "lane_at", "area_map"] {
        assert!(names.contains(&name), "{name}");
    }
    for doc in docs() {
        let texts = [doc.unit, doc.frame, doc.doc, doc.null_when, doc.source];
        let is_told = texts.iter().all(|text| !text.is_empty());
        assert!(is_told && !doc.arguments.is_empty(), "{}", doc.name);
    }
}

#[tokio::test]
async fn every_function_of_the_program_is_documented() {
    let (_folder, lake) = crate::scene::lake().await;
    let ours = session(&lake).await.unwrap().state();
    let theirs = SessionContext::new().state();
    let known: Vec<_> = docs().map(|doc| doc.name).collect();
    let names: BTreeSet<_> = ours.scalar_functions().keys().collect();
    for name in names {
        let is_told =
            theirs.scalar_functions().contains_key(name) || known.contains(&name.as_str());
        assert!(is_told, "{name}");
    }
}
