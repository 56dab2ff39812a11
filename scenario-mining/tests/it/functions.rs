//! The driving functions against answers that were derived on paper.

use std::path::{Path, PathBuf};

use arrow::array::AsArray;
use arrow::datatypes::Float64Type;
use datafusion::prelude::SessionContext;
use driveloop_scenario_mining::{docs, session};

async fn value(context: &SessionContext, expression: &str) -> Option<f64> {
    let batches = context
        .sql(&format!("SELECT cast({expression} AS DOUBLE) AS v"))
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    let column = batches[0].column(0).as_primitive::<Float64Type>().clone();
    column.iter().next().unwrap()
}

fn test_data(path: &str) -> Option<PathBuf> {
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

/// An infinite time is a null here; an empty field is not asked.
fn assert_close(name: &str, expected: &str, actual: Option<f64>) {
    match expected {
        "" => {}
        "inf" => assert_eq!(actual, None, "{name}"),
        _ => {
            let expected: f64 = expected.parse().unwrap();
            let actual = actual.unwrap_or_else(|| panic!("{name}: expected {expected}, got null"));
            let error = (actual - expected).abs();
            assert!(
                error <= 1e-9 * expected.abs().max(1.0),
                "{name}: expected {expected}, got {actual}"
            );
        }
    }
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
    let mut asked = 0;
    for record in reader.records() {
        let record = record.unwrap();
        let get = |name: &str| &record[columns.iter().position(|column| column == name).unwrap()];
        let boxes = |side: &str, fields: &[&str]| {
            let values: Vec<_> = fields
                .iter()
                .map(|field| get(&format!("{side}_{field}")))
                .collect();
            values.join(", ")
        };
        let pose = ["x", "y", "yaw", "length", "width"];
        let moving = ["x", "y", "yaw", "length", "width", "vx", "vy"];
        let distance = format!(
            "box_distance_m({}, {})",
            boxes("a", &pose),
            boxes("b", &pose)
        );
        let ttc = format!(
            "ttc_boxes_s({}, {})",
            boxes("a", &moving),
            boxes("b", &moving)
        );
        let gap = format!(
            "gap_m({}, {}, {}, {})",
            get("a_x"),
            get("a_length"),
            get("b_x"),
            get("b_length")
        );
        let closing = format!("closing_speed_mps({}, {})", get("a_vx"), get("b_vx"));
        for (expected, expression) in [
            ("dist_now_m", distance),
            ("ttc_rect_s", ttc),
            ("gap_m", gap.clone()),
            (
                "thw_gap_s",
                format!("time_headway_s({gap}, {})", get("a_vx")),
            ),
            ("ttc_1d_s", format!("ttc_s({gap}, {closing})")),
            ("drac_mps2", format!("drac_mps2({gap}, {closing})")),
        ] {
            let name = format!("{}: {expected}", get("id"));
            assert_close(&name, get(expected), value(&context, &expression).await);
            asked += usize::from(!get(expected).is_empty());
        }
    }
    assert_eq!(asked, 14 * 2 + 6 + 5 * 2 + 6);
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
        "finite('Infinity'::DOUBLE)",
        "ttc_boxes_s(0, 0, 0, 4, 2, 0, 0, 20, 5, 0, 4, 2, -5, 0)",
    ];
    for expression in null {
        assert_eq!(value(&context, expression).await, None, "{expression}");
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
        (
            "gap_m(rear_x_m => 0, rear_length_m => 4, front_x_m => 20, front_length_m => 6)",
            15.0,
        ),
    ] {
        let actual = value(&context, expression).await.unwrap();
        assert!((actual - expected).abs() < 1e-8, "{expression}: {actual}");
    }
}

#[test]
fn every_function_is_documented() {
    let names: Vec<_> = docs().map(|doc| doc.name).collect();
    assert!(names.contains(&"box_distance_m") && names.contains(&"ttc_boxes_s"));
    assert!(
        docs().all(|doc| !doc.doc.is_empty() && !doc.unit.is_empty() && !doc.source.is_empty())
    );
}
