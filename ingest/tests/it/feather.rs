//! Feather tables as other writers make them, and such as are made to do harm.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, StringViewArray, TimestampMicrosecondArray,
};
use driveloop_ingest::DriveOutcome;
use driveloop_schemas::{Drive, EgoState, Lane, ObjectTrack};

use crate::argoverse::{MAP, START_NS, feather, floats, write_log};
use crate::{TestLake, shared};

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_ten_writers_give_the_same_rows() {
    let Some(cases) = shared("cases/ingest/22-feather-variants") else {
        return;
    };
    let text = fs::read(cases.join("expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let at = |field: &str, k: usize| expected[field][k].as_f64().unwrap();
    let count = |field: &str| expected[field].as_u64().unwrap() as usize;
    let test = TestLake::new().await;
    let report = test.ingest(&cases.join("data")).await.unwrap();
    assert_eq!(report.committed(), count("drives"), "{report:#?}");
    let tracks = test.rows::<ObjectTrack>().await;
    for drive in test.rows::<Drive>().await {
        let rows = tracks
            .iter()
            .filter(|row| row.log_id == drive.log_id && row.track_id == *"aaa");
        let rows: Vec<_> = rows.collect();
        if drive.log_id.as_str() == "h-no-annotations" {
            assert!(rows.is_empty());
            continue;
        }
        assert_eq!(rows.len(), count("track_rows"), "{}", drive.log_id);
        let close = |a: f64, b: f64| (a - b).abs() < 1e-6;
        let (first, log) = (rows[0], &drive.log_id);
        let place = [first.x_m, first.y_m, first.z_m];
        for (k, place) in place.into_iter().enumerate() {
            assert!(close(place, at("map_aaa_first", k)), "{log} {first:?}");
        }
        for row in &rows {
            let place = [row.ego_x_m, row.ego_y_m, row.ego_z_m];
            assert!(
                (0..3).all(|k| close(place[k], at("ego_aaa", k))),
                "{log} {row:?}"
            );
        }
        let points: Vec<_> = rows.iter().map(|row| row.lidar_points).collect();
        let is_right =
            |points: &Option<i32>| points.is_none_or(|points| points as usize == count("points"));
        assert!(points.iter().all(is_right), "{log} {points:?}");
        let has_gaps = log.as_str() == "g-points-as-floats-with-gaps";
        assert_eq!(points.contains(&None), has_gaps, "{log} {points:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_footer_that_asks_for_four_exbibytes_fails_its_drive_alone() {
    let Some(hostile) = shared("cases/hostile/av2-footer") else {
        return;
    };
    let logs = tempfile::tempdir().unwrap();
    write_log(&logs.path().join("sound"));
    fs::create_dir(logs.path().join("hostile")).unwrap();
    for file in ["annotations.feather", "city_SE3_egovehicle.feather"] {
        fs::copy(hostile.join(file), logs.path().join("hostile").join(file)).unwrap();
    }
    let test = TestLake::new().await;
    let report = test.ingest(logs.path()).await.unwrap();
    assert_eq!((report.committed(), report.failed()), (1, 1), "{report:#?}");
    let failed = &report.drives[0];
    let named =
        matches!(&failed.outcome, DriveOutcome::Failed { reason } if reason.contains("hostile/"));
    assert!(failed.log_id == "hostile" && named, "{report:#?}");
}

/// Replaces the poses of a log by the same in other types and another order, with a column more and two nulls.
fn write_other_poses(log: &Path) {
    let micros = (0..51).map(|k| START_NS / 1000 + k * 20_000);
    let stamps: Vec<Option<i64>> = micros.chain([0]).map(Some).collect();
    let last = stamps.len() - 1;
    let mut stamps = stamps;
    stamps[last] = None;
    let y = (0..51).map(|k| 200.0 + 0.1 * f64::from(k));
    let half = std::f64::consts::FRAC_1_SQRT_2;
    let same = |value: f64| floats((0..52).map(move |_| value));
    let views: ArrayRef = Arc::new(StringViewArray::from_iter_values(
        (0..52).map(|k| format!("a note of row {k}")),
    ));
    feather(
        &log.join("city_SE3_egovehicle.feather"),
        vec![
            ("note", views),
            ("tz_m", same(1.0)),
            (
                "ty_m",
                Arc::new(y.map(Some).chain([None]).collect::<Float64Array>()),
            ),
            ("tx_m", same(100.0)),
            ("qz", same(half)),
            ("qy", same(0.0)),
            ("qx", same(0.0)),
            ("qw", same(half)),
            (
                "timestamp_ns",
                Arc::new(TimestampMicrosecondArray::from(stamps)),
            ),
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn other_types_and_orders_of_columns_are_the_same_poses() {
    let logs = tempfile::tempdir().unwrap();
    write_log(&logs.path().join("a"));
    write_log(&logs.path().join("b"));
    write_other_poses(&logs.path().join("b"));
    let test = TestLake::new().await;
    let report = test.ingest(logs.path()).await.unwrap();
    assert_eq!(report.committed(), 2, "{report:#?}");
    let states = test.rows::<EgoState>().await;
    let (a, b) = states.split_at(51);
    assert_eq!((a.len(), b.len()), (51, 51));
    for (a, b) in a.iter().zip(b) {
        // Microseconds hold less than nanoseconds.
        assert_eq!(a.stamp_ns / 1000, b.stamp_ns / 1000);
        assert!((a.y_m - b.y_m).abs() < 1e-9 && a.qw == b.qw, "{a:?} {b:?}");
    }
    // The row without a stamp is dropped; nothing else of it was looked at.
    let dropped = test
        .findings()
        .await
        .into_iter()
        .filter(|found| found.0 == "stamp_out_of_range");
    assert_eq!(dropped.map(|found| found.3).sum::<i64>(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_map_costs_the_map_and_missing_annotations_the_actors() {
    let logs = tempfile::tempdir().unwrap();
    let log = logs.path().join("log-a");
    write_log(&log);
    fs::write(
        log.join("map/log_map_archive_log-a____MIA_city_5.json"),
        &MAP[..MAP.len() / 2],
    )
    .unwrap();
    fs::remove_file(log.join("annotations.feather")).unwrap();
    let test = TestLake::new().await;
    let report = test.ingest(logs.path()).await.unwrap();
    assert_eq!(report.committed(), 1, "{report:#?}");
    assert!(report.has_losses());
    assert_eq!(test.rows::<EgoState>().await.len(), 51);
    assert!(test.rows::<Lane>().await.is_empty() && test.rows::<ObjectTrack>().await.is_empty());
    let findings = test.findings().await;
    let of = |check: &str| {
        findings
            .iter()
            .find(|found| found.0 == check)
            .map(|found| (found.2, found.3))
    };
    assert_eq!(of("damaged_map"), Some((1, 1)), "{findings:?}");
    assert_eq!(of("no_annotations"), Some((1, 0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_of_the_wrong_kind_is_named() {
    let logs = tempfile::tempdir().unwrap();
    let log = logs.path().join("log-a");
    write_log(&log);
    let stamps: ArrayRef = Arc::new(Int64Array::from(vec![START_NS]));
    feather(
        &log.join("city_SE3_egovehicle.feather"),
        vec![("timestamp_ns", stamps)],
    );
    let test = TestLake::new().await;
    let report = test.ingest(logs.path()).await.unwrap();
    let reason = format!("{:?}", report.drives[0].outcome);
    assert!(
        reason.contains("column `qw`") && reason.contains("city_SE3_egovehicle.feather"),
        "{reason}"
    );
}
