//! Evaluations over a lake.

use driveloop_evaluation::{
    CONSTANT_VELOCITY, Change, Coverage, Error, EvaluateOptions, compare, evaluate, failure_slices,
};
use driveloop_schemas::{FailureSlice, ObjectTrack, Prediction, Sample, SampleMetric, SliceMetric};

use crate::fixtures::{
    SCENE, TestLake, area, number, options, prediction, samples, track, tracks, unseen_drive,
};

/// Enough for intervals, and for words after correction.
const DRIVES: [&str; 12] = [
    "d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8", "d9", "d10", "d11", "d12",
];

fn find<'a>(slices: &'a [SliceMetric], slice: &str, metric: &str) -> &'a SliceMetric {
    slices
        .iter()
        .find(|row| row.slice == slice && row.metric == metric)
        .unwrap()
}

#[track_caller]
fn near(actual: f64, expected: f64) {
    assert!(
        (actual - expected).abs() < 1e-9,
        "expected {expected}, got {actual}"
    );
}

async fn all_rows(
    test: &TestLake,
) -> (
    Vec<SampleMetric>,
    Vec<SliceMetric>,
    Vec<FailureSlice>,
    Vec<Prediction>,
) {
    let lake = &test.lake;
    (
        lake.read(None).await.unwrap(),
        lake.read(None).await.unwrap(),
        lake.read(None).await.unwrap(),
        lake.read(None).await.unwrap(),
    )
}

#[tokio::test]
async fn figures_are_those_computed_by_hand() {
    let test = TestLake::with_drives(&DRIVES).await;
    test.predict(
        "m",
        |sample| if sample.track_id == "car" { 0.5 } else { 3.0 },
    )
    .await;
    let report = evaluate(&test.lake, &options("m")).await.unwrap();
    assert_eq!((report.coverage.both, report.drives), (240, 12));
    assert!(report.is_whole());
    assert_eq!(report.slices[0].slice, "all");

    // The car brakes at 2 m/s²: constant velocity is off by t² metres; the mean of (k/10)² over k = 1…30 is 94.55/30.
    let car = find(&report.slices, "scenario=lead_hard_brake", "ade_m");
    near(car.value, 0.5);
    near(car.baseline_value, 94.55 / 30.0);
    near(
        find(&report.slices, "scenario=lead_hard_brake", "fde_m").baseline_value,
        9.0,
    );
    near(
        find(&report.slices, "scenario=lead_hard_brake", "miss").baseline_value,
        1.0,
    );
    near(
        find(&report.slices, "scenario=lead_hard_brake", "miss").value,
        0.0,
    );
    // The walker keeps its velocity: the baseline is perfect, the model off by 3 m.
    let walker = find(&report.slices, "category=PEDESTRIAN", "fde_m");
    near(walker.value, 3.0);
    near(walker.baseline_value, 0.0);
    near(walker.difference, 3.0);
    let all = find(&report.slices, "all", "ade_m");
    near(all.value, 1.75);
    near(all.difference, 1.75 - 94.55 / 60.0);
    assert_eq!((all.samples, all.drives), (240, 12));
    // Every drive is the same, so that the intervals have no width.
    near(all.low.unwrap(), all.value);
    near(all.difference_high.unwrap(), all.difference);

    let (sample_metrics, slices, failures, predictions) = all_rows(&test).await;
    // Four figures of each sample, and the discomfort of the car; without a map nothing is off the road.
    assert_eq!(sample_metrics.len(), 2 * (4 * 240 + 120));
    assert_eq!(slices.len(), report.slices.len());
    assert_eq!(failures.len(), report.failures.len());
    let built_in = predictions
        .iter()
        .filter(|row| row.model_id == CONSTANT_VELOCITY);
    assert_eq!(built_in.count(), 240);
    let first = &report.failures[0];
    assert_eq!(
        (first.rank, first.reason.as_str(), first.slice.as_str()),
        (1, "regressed", "category=PEDESTRIAN")
    );
}

#[tokio::test]
async fn a_second_run_commits_nothing_and_a_torn_one_is_completed() {
    let mut test = TestLake::with_drives(&DRIVES).await;
    test.predict("m", |_| 2.5).await;
    let report = evaluate(&test.lake, &options("m")).await.unwrap();
    let written: Vec<_> = report.committed.keys().map(String::as_str).collect();
    assert_eq!(
        written,
        [
            "failure_slice",
            "prediction",
            "sample_metric",
            "slice_metric"
        ]
    );
    let versions = test.lake.versions().await.unwrap();
    let before = all_rows(&test).await;

    let again = evaluate(&test.lake, &options("m")).await.unwrap();
    assert!(again.committed.is_empty());
    assert_eq!(
        (&again.slices, &again.failures),
        (&report.slices, &report.failures)
    );
    assert_eq!(test.lake.versions().await.unwrap(), versions);

    // Killed after each table but the last: the tables that come after are not there.
    for torn in [
        &["failure_slice"][..],
        &["failure_slice", "slice_metric"],
        &["failure_slice", "slice_metric", "sample_metric"],
    ] {
        for table in torn {
            std::fs::remove_dir_all(test.folder.path().join("tables").join(table)).unwrap();
        }
        // What was killed is gone: another process goes on.
        test.reopen().await;
        evaluate(&test.lake, &options("m")).await.unwrap();
        assert_eq!(all_rows(&test).await, before);
    }
}

#[tokio::test]
async fn another_seed_changes_intervals_alone() {
    let test = TestLake::with_drives(&DRIVES).await;
    test.predict("m", |sample| number(&sample.log_id) / 50.0)
        .await;
    let first = evaluate(&test.lake, &options("m")).await.unwrap();
    let second = evaluate(
        &test.lake,
        &EvaluateOptions {
            seed: 1,
            ..options("m")
        },
    )
    .await
    .unwrap();
    assert_ne!(first.slices, second.slices);
    let means = |report: &[SliceMetric]| {
        report
            .iter()
            .map(|row| (row.value, row.difference))
            .collect::<Vec<_>>()
    };
    assert_eq!(means(&first.slices), means(&second.slices));
    assert!(!second.committed.contains_key("sample_metric"));
}

#[tokio::test]
async fn a_baseline_may_be_a_model_and_each_comparison_has_its_rows() {
    let test = TestLake::with_drives(&DRIVES).await;
    test.predict("a", |_| 2.5).await;
    test.predict("b", |_| 1.0).await;
    let first = evaluate(&test.lake, &options("a")).await.unwrap();
    let against_b = EvaluateOptions {
        baseline_id: "b".into(),
        ..options("a")
    };
    let report = evaluate(&test.lake, &against_b).await.unwrap();
    let all = find(&report.slices, "all", "fde_m");
    near(all.value, 2.5);
    near(all.baseline_value, 1.0);
    near(all.difference_low.unwrap(), 1.5);
    assert!(
        report
            .failures
            .iter()
            .all(|failure| failure.reason == "regressed")
    );
    // The second one replaced the slices to mend; the first evaluation brings its own back.
    let back = evaluate(&test.lake, &options("a")).await.unwrap();
    assert_eq!(back.failures, first.failures);
    assert_eq!(back.committed.keys().collect::<Vec<_>>(), ["failure_slice"]);
    let of_a = test
        .lake
        .read::<SliceMetric>(Some("model_id = 'a'"))
        .await
        .unwrap();
    assert_eq!(of_a.len(), first.slices.len() + report.slices.len());
}

#[tokio::test]
async fn a_comparison_says_who_is_better_and_writes_nothing() {
    let test = TestLake::with_drives(&DRIVES).await;
    // Better on the car, worse on the walker, by more in some drives than in others.
    test.predict("a", |sample| {
        let drive = (number(&sample.log_id) % 4.0 + 1.0) / 10.0;
        if sample.track_id == "car" {
            0.5
        } else {
            1.2 + drive
        }
    })
    .await;
    test.predict("b", |_| 1.0).await;
    let versions = test.lake.versions().await.unwrap();
    let against_b = EvaluateOptions {
        baseline_id: "b".into(),
        ..options("a")
    };
    let comparison = compare(&test.lake, &against_b).await.unwrap();
    assert_eq!((comparison.coverage.both, comparison.drives), (240, 12));
    let change = |slice: &str, metric: &str| {
        let found = comparison.slices.iter();
        let mut found =
            found.filter(|row| row.figures.slice == slice && row.figures.metric == metric);
        found.next().unwrap().change
    };
    assert_eq!(change("scenario=lead_hard_brake", "fde_m"), Change::Better);
    assert_eq!(change("category=PEDESTRIAN", "fde_m"), Change::Worse);
    // Half a metre less for the one, 0.3 to 0.6 m more for the other: -0.025 m on average, from -0.1 to 0.05 m by drive.
    assert_eq!(change("all", "fde_m"), Change::Unclear);
    let back = EvaluateOptions {
        baseline_id: "a".into(),
        ..options("b")
    };
    let back = compare(&test.lake, &back).await.unwrap();
    for (row, other) in comparison.slices.iter().zip(&back.slices) {
        near(row.figures.difference, -other.figures.difference);
    }
    assert_eq!(test.lake.versions().await.unwrap(), versions);

    let few = TestLake::with_drives(&DRIVES[..9]).await;
    few.predict("a", |_| 0.5).await;
    few.predict("b", |_| 1.0).await;
    let few = compare(&few.lake, &against_b).await.unwrap();
    assert!(
        few.slices
            .iter()
            .all(|row| row.change == Change::TooFewDrives && row.figures.low.is_none())
    );
}

#[tokio::test]
async fn what_leaves_the_road_of_the_map_is_counted() {
    let test = TestLake::with_drives(&DRIVES[..4]).await;
    let composed: Vec<_> = samples("d4")
        .into_iter()
        .map(|sample| Sample {
            sample_id: format!("composed/{}", sample.sample_id).into(),
            log_id: "composed".into(),
            composed: Some(true),
            source: "synthetic".into(),
            ..sample
        })
        .collect();
    test.add(&tracks("composed")).await;
    test.add(&composed).await;
    // No map of the third drive; that of the composed one is its host's.
    test.add(&["d1", "d2", "d4"].map(area)).await;
    test.predict("m", |sample| {
        match (sample.track_id.as_str(), sample.log_id.as_str()) {
            ("car", "d1" | "composed") => -2.1,
            ("car", _) => 2.4,
            _ => 9.0,
        }
    })
    .await;
    let report = evaluate(&test.lake, &options("m")).await.unwrap();
    let all = find(&report.slices, "all", "off_road");
    assert_eq!((all.samples, all.drives), (30, 3));
    near(all.value, 1.0 / 3.0);
    near(all.baseline_value, 0.0);
    near(
        find(&report.slices, "category=REGULAR_VEHICLE", "off_road").value,
        1.0 / 3.0,
    );
    // The composed drive is looked at on its own.
    let composed = find(&report.slices, "source=synthetic", "fde_m");
    assert_eq!(
        (composed.samples, composed.source.as_str()),
        (20, "synthetic")
    );
    let has = |slice: &str| {
        report
            .slices
            .iter()
            .any(|row| row.slice == slice && row.metric == "off_road")
    };
    assert!(!has("category=PEDESTRIAN"), "only vehicles are on the road");
}

#[tokio::test]
async fn what_cannot_be_scored_is_counted() {
    let test = TestLake::new().await;
    test.add(&tracks("d1")).await;
    // In the second drive the car is lost in its last stamps.
    let kept = |row: &ObjectTrack, last_ns: i64| row.track_id != "car" || row.stamp_ns <= last_ns;
    let rows = tracks("d2");
    let last_ns = rows.iter().map(|row| row.stamp_ns).max().unwrap() - 5 * 100_000_000;
    test.add(
        &rows
            .into_iter()
            .filter(|row| kept(row, last_ns))
            .collect::<Vec<_>>(),
    )
    .await;
    test.add(&[samples("d1"), samples("d2")].concat()).await;
    let predicted: Vec<_> = samples("d1")[1..]
        .iter()
        .chain(&samples("d2"))
        .map(|s| prediction("m", s, 0.0))
        .collect();
    test.add(&predicted).await;
    let report = evaluate(&test.lake, &options("m")).await.unwrap();
    // The last present is 1.9 s, its future ends at 4.9 s; 4.4 s is the last stamp of the car.
    let expected = Coverage {
        samples: 40,
        without_truth: 5,
        model: 34,
        baseline: 35,
        both: 34,
    };
    assert_eq!(report.coverage, expected);
    assert_eq!(
        (expected.unanswered(), expected.unanswered_by_baseline()),
        (1, 0)
    );
    assert!(!report.is_whole());
    let all = find(&report.slices, "all", "fde_m");
    let counts = (all.split_samples, all.model_samples, all.baseline_samples);
    assert_eq!(counts, (Some(40), Some(34), Some(35)));
    // Two drives give means, but no intervals, and so no regressions.
    assert!(
        report
            .slices
            .iter()
            .all(|row| row.low.is_none() && row.difference_high.is_none())
    );
    assert!(
        report
            .failures
            .iter()
            .all(|failure| failure.reason == "worst")
    );
}

#[tokio::test]
async fn errors_say_what_is_there_instead() {
    let test = TestLake::with_drives(&["d1"]).await;
    let error = evaluate(&test.lake, &options("nobody")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "model `nobody` has no predictions for split `test` of dataset `round-1`"
    );
    let error = evaluate(
        &test.lake,
        &EvaluateOptions {
            split: "train".into(),
            ..options("m")
        },
    )
    .await
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "dataset `round-1` has no samples in split `train`; it has test (20)"
    );
    let error = evaluate(
        &test.lake,
        &EvaluateOptions {
            resamples: 0,
            ..options("m")
        },
    )
    .await
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "option `resamples`: expected 100 to 1000000, got 0"
    );
    let mut short = prediction("short", &samples("d1")[0], 0.0);
    short.y_m.pop();
    test.add(&[short]).await;
    let error = evaluate(&test.lake, &options("short")).await.unwrap_err();
    assert!(
        matches!(error, Error::PredictionShape { actual: 29, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn quotes_in_names_are_no_sql() {
    let test = TestLake::new().await;
    let quoted = |mut sample: Sample| {
        sample.dataset = "it's".into();
        sample.category = "O'NEILL".into();
        sample
    };
    test.add(&tracks("d1")).await;
    let rows: Vec<_> = samples("d1").into_iter().map(quoted).collect();
    test.add(&rows).await;
    test.add(
        &rows
            .iter()
            .map(|s| prediction("m'", s, 3.0))
            .collect::<Vec<_>>(),
    )
    .await;
    let asked = EvaluateOptions {
        dataset: "it's".into(),
        ..options("m'")
    };
    let report = evaluate(&test.lake, &asked).await.unwrap();
    assert_eq!(report.coverage.both, 20);
}

#[tokio::test]
async fn every_search_runs_and_finds_what_is_not_in_the_dataset() {
    let test = TestLake::with_drives(&DRIVES).await;
    test.predict("m", |_| 2.5).await;
    let report = evaluate(&test.lake, &options("m")).await.unwrap();
    let (drive, episode) = unseen_drive("new");
    test.add(&[drive]).await;
    test.add(&[episode]).await;
    test.add(&track("new", &SCENE[1])).await;
    // One failing slice of each kind, with names that need quoting.
    let slices = [
        ("all", 1),
        ("category=REGULAR_VEHICLE", 1),
        ("category=O'NEILL", 0),
        ("distance=0-20m", 1),
        ("distance=20-50m", 0),
        ("distance=50m+", 0),
        ("scenario=lead_hard_brake", 1),
        ("scenario=o'neill", 0),
    ];
    let failing = slices.map(|(slice, _)| SliceMetric {
        slice: slice.into(),
        change: Change::Worse.as_str().into(),
        ..report.slices[0].clone()
    });
    let failures = failure_slices(&failing);
    assert_eq!(failures.len(), slices.len());
    for (slice, expected) in slices {
        let failure = failures
            .iter()
            .find(|failure| failure.slice == slice)
            .unwrap();
        let batches = test.lake.query(&failure.search_sql).await.unwrap();
        let mut rows = 0;
        for batch in &batches {
            rows += batch.num_rows();
        }
        assert_eq!(rows, expected, "{slice}: {}", failure.search_sql);
    }
}
