//! Figures of one model, split by split, and what of the split they cover.

use driveloop_evaluation::{EvaluateOptions, Scored, evaluate, slices_of_sample};
use driveloop_schemas::{FailureSlice, Prediction, Sample, SampleMetric, SliceMetric};

use crate::fixtures::{TestLake, options, prediction, samples, tracks};

const DRIVES: [&str; 3] = ["d1", "d2", "d3"];

async fn metrics(test: &TestLake, model_id: &str) -> Vec<SampleMetric> {
    let of_model = format!("model_id = '{model_id}'");
    test.lake.read(Some(&of_model)).await.unwrap()
}

fn against(model_id: &str, baseline_id: &str) -> EvaluateOptions {
    EvaluateOptions {
        baseline_id: baseline_id.into(),
        ..options(model_id)
    }
}

#[tokio::test]
async fn the_figures_of_a_model_do_not_depend_on_whom_it_is_compared_with() {
    let test = TestLake::with_drives(&DRIVES).await;
    test.predict("whole", |_| 1.0).await;
    // This one leaves the car out wherever it can.
    let all: Vec<Sample> = test.lake.read(None).await.unwrap();
    let walkers = all.iter().filter(|sample| sample.track_id == "walker");
    let part: Vec<Prediction> = walkers.map(|s| prediction("part", s, 0.5)).collect();
    test.add(&part).await;

    evaluate(&test.lake, &options("whole")).await.unwrap();
    let alone = (
        metrics(&test, "whole").await,
        metrics(&test, "constant-velocity").await,
    );
    assert_eq!(alone.0.len(), 3 * (4 * 20 + 10));

    let report = evaluate(&test.lake, &against("part", "whole"))
        .await
        .unwrap();
    let coverage = report.coverage;
    assert_eq!(
        (coverage.model, coverage.baseline, coverage.both),
        (30, 60, 30)
    );
    assert_eq!(coverage.unanswered(), 30);
    assert!(!report.is_whole());
    evaluate(&test.lake, &against("whole", "part"))
        .await
        .unwrap();
    evaluate(&test.lake, &options("part")).await.unwrap();
    assert_eq!(metrics(&test, "whole").await, alone.0);
    assert_eq!(metrics(&test, "constant-velocity").await, alone.1);
    assert_eq!(metrics(&test, "part").await.len(), 30 * 4);
}

#[tokio::test]
async fn a_split_leaves_the_figures_of_another_alone() {
    let test = TestLake::with_drives(&DRIVES).await;
    test.add_drives(&["v1", "v2"], "validation").await;
    test.predict("m", |_| 2.5).await;
    let rows = async |split: &str| {
        let of_split = format!("split = '{split}'");
        let filter = Some(of_split.as_str());
        (
            test.lake.read::<SampleMetric>(filter).await.unwrap(),
            test.lake.read::<SliceMetric>(filter).await.unwrap(),
            test.lake.read::<FailureSlice>(filter).await.unwrap(),
        )
    };
    evaluate(&test.lake, &options("m")).await.unwrap();
    let judged = rows("test").await;
    assert!(!judged.0.is_empty() && !judged.1.is_empty() && !judged.2.is_empty());
    let on_validation = EvaluateOptions {
        split: "validation".into(),
        ..options("m")
    };
    evaluate(&test.lake, &on_validation).await.unwrap();
    assert_eq!(rows("test").await, judged);
    assert_eq!(rows("validation").await.0.len(), 2 * 2 * (4 * 20 + 10));
}

#[tokio::test]
async fn figures_from_before_splits_were_recorded_are_no_split() {
    let test = TestLake::with_drives(&DRIVES).await;
    test.predict("m", |_| 2.5).await;
    evaluate(&test.lake, &options("m")).await.unwrap();
    let mut before = metrics(&test, "m").await;
    before.iter_mut().for_each(|row| {
        row.split = "unknown".into();
        row.source = "unknown".into();
    });
    test.add(&before).await;
    evaluate(&test.lake, &options("m")).await.unwrap();
    let unknown = test.lake.read::<SampleMetric>(Some("split = 'unknown'"));
    assert_eq!(unknown.await.unwrap().len(), before.len());
}

/// The samples of a drive as those of a drive composed from it.
fn composed(host: &str) -> Vec<Sample> {
    let made_up = |sample: Sample| Sample {
        sample_id: format!("made-up/{}", sample.sample_id).into(),
        log_id: "made-up".into(),
        source: "synthetic".into(),
        ..sample
    };
    samples(host).into_iter().map(made_up).collect()
}

#[tokio::test]
async fn composed_drives_change_no_headline_no_slice_and_no_failure() {
    let alone = TestLake::with_drives(&DRIVES).await;
    alone.predict("m", |_| 1.0).await;
    let expected = evaluate(&alone.lake, &options("m")).await.unwrap();

    let mixed = TestLake::with_drives(&DRIVES).await;
    mixed.add(&tracks("made-up")).await;
    mixed.add(&composed("d1")).await;
    // As bad as can be on what was made up.
    mixed
        .predict("m", |sample| {
            if sample.source == "synthetic" {
                50.0
            } else {
                1.0
            }
        })
        .await;
    let report = evaluate(&mixed.lake, &options("m")).await.unwrap();
    let (synthetic, recorded): (Vec<_>, Vec<_>) = report
        .slices
        .into_iter()
        .partition(|row| row.source == "synthetic");
    assert_eq!(recorded, expected.slices);
    assert_eq!(report.failures, expected.failures);
    assert_eq!((report.coverage, report.drives), (expected.coverage, 3));
    assert_eq!(report.composed.both, 20);
    let mut slices: Vec<_> = synthetic.iter().map(|row| row.slice.as_str()).collect();
    slices.dedup();
    assert_eq!(
        slices,
        ["source=synthetic"],
        "of the scenario there are ten samples"
    );
    let marked = mixed
        .lake
        .read::<SampleMetric>(Some("source = 'synthetic'"));
    assert_eq!(marked.await.unwrap().len(), 2 * (4 * 20 + 10));
}

#[test]
fn a_composed_sample_is_in_slices_of_its_own() {
    let of = |sample: &Sample| slices_of_sample(sample);
    let is_braking = |sample: &&Sample| sample.track_id == "car";
    let recorded = samples("d1");
    let recorded = recorded.iter().find(is_braking).unwrap();
    assert_eq!(
        of(recorded),
        [
            "all",
            "category=REGULAR_VEHICLE",
            "distance=0-20m",
            "scenario=lead_hard_brake"
        ]
    );
    let made_up = composed("d1");
    let made_up = made_up.iter().find(is_braking).unwrap();
    assert_eq!(
        of(made_up),
        ["composed/scenario=lead_hard_brake", "source=synthetic"]
    );
    let nobody = Scored {
        sample: made_up.clone(),
        has_truth: true,
        model: None,
        baseline: None,
    };
    assert!(driveloop_evaluation::slice_metrics(&[nobody], &options("m")).is_empty());
}
