//! Two models of a lake.

use driveloop_lake::{Commit, Lake};
use driveloop_ota_validation::{Decision, Error, ValidateOptions, Validation, validate_models};
use driveloop_schemas::{
    Checkpoint, EGO_CATEGORY, ObjectTrack, Prediction, ReleaseVerdict, Sample, SampleMetric,
    time::Day,
};

pub(crate) const SUITE: &str = "round-1";
pub(crate) const BASELINE: &str = "constant-velocity";
pub(crate) const CANDIDATE: &str = "forecaster-0123456789ab";

pub(crate) fn sample(drive: usize, at: usize) -> Sample {
    // What a model is trained on are other drives than those of the suite.
    let log_id = match at {
        0 => format!("trained-{drive}"),
        _ => format!("drive-{drive}"),
    };
    Sample {
        dataset: SUITE.to_owned(),
        dataset_digest: "d1".to_owned(),
        sample_id: format!("drive-{drive}/track-{at}/0").into(),
        split: if at == 0 { "train" } else { "test" }.to_owned(),
        source: "real".to_owned(),
        log_id: log_id.as_str().into(),
        host_log_id: log_id.as_str().into(),
        day: Day(0),
        track_id: format!("track-{at}").into(),
        stamp_ns: 0,
        category: "REGULAR_VEHICLE".to_owned(),
        ego_distance_m: at as f64,
        speed_mps: 5.0,
        scenarios: if at < 10 {
            vec!["cut_in".to_owned()]
        } else {
            Vec::new()
        },
        weight: 1.0,
        composed: Some(false),
    }
}

/// A lake where the candidate misses more often in `worse` of ten cut-ins of each drive.
pub(crate) async fn lake(folder: &std::path::Path, drives: usize, worse: usize) -> Lake {
    let lake = Lake::open(folder.to_str().unwrap()).await.unwrap();
    let samples: Vec<Sample> = (0..drives)
        .flat_map(|drive| (0..40).map(move |at| sample(drive, at)))
        .collect();
    let mut metrics = Vec::new();
    for (number, sample) in samples
        .iter()
        .enumerate()
        .filter(|(_, sample)| sample.split == "test")
    {
        let at = number % 40;
        for model_id in [BASELINE, CANDIDATE] {
            let miss = model_id == CANDIDATE && at <= worse;
            let fde_m = if miss { 3.0 } else { 1.0 } + 0.01 * ((number * 37) % 11) as f64;
            for (metric, value) in [
                ("miss", f64::from(u8::from(miss))),
                ("collision", 0.0),
                ("fde_m", fde_m),
                ("ade_m", fde_m / 2.0),
            ] {
                metrics.push(SampleMetric {
                    model_id: model_id.to_owned(),
                    dataset: SUITE.to_owned(),
                    sample_id: sample.sample_id.clone(),
                    host_log_id: sample.host_log_id.clone(),
                    metric: metric.to_owned(),
                    value,
                    split: sample.split.clone(),
                    source: sample.source.clone(),
                });
            }
        }
    }
    let checkpoint = Checkpoint {
        model_id: CANDIDATE.to_owned(),
        run_id: "run-1".to_owned(),
        weights: "models/weights.safetensors".to_owned(),
        weights_digest: "0123456789abcdef".to_owned(),
        weights_bytes: 10,
        step: 100,
        validation_loss: None,
        dataset: SUITE.to_owned(),
        dataset_digest: "d1".to_owned(),
        started_from: None,
        predict: None,
    };
    lake.append(
        &samples,
        &Commit::new("dataset", "r").with_transactions(["s"]),
    )
    .await
    .unwrap();
    lake.append(
        &metrics,
        &Commit::new("evaluation", "r").with_transactions(["m"]),
    )
    .await
    .unwrap();
    lake.append(
        &[checkpoint],
        &Commit::new("train", "r").with_transactions(["c"]),
    )
    .await
    .unwrap();
    lake
}

/// A track that goes straight on, at 10 m/s in direction `yaw_rad`, for three seconds.
fn track(
    log_id: &str,
    track_id: &str,
    category: &str,
    at: (f64, f64),
    yaw_rad: f64,
) -> Vec<ObjectTrack> {
    let (sin, cos) = yaw_rad.sin_cos();
    let row = |step: i64| ObjectTrack {
        log_id: log_id.into(),
        day: Day(0),
        composed: false,
        track_id: track_id.into(),
        stamp_ns: step * 100_000_000,
        category: category.to_owned(),
        source_category: category.to_owned(),
        length_m: 4.6,
        width_m: 1.9,
        height_m: 1.6,
        x_m: at.0 + cos * step as f64,
        y_m: at.1 + sin * step as f64,
        z_m: 0.0,
        qw: (yaw_rad / 2.0).cos(),
        qx: 0.0,
        qy: 0.0,
        qz: (yaw_rad / 2.0).sin(),
        yaw_rad,
        vx_mps: Some(10.0 * cos),
        vy_mps: Some(10.0 * sin),
        ax_mps2: None,
        ay_mps2: None,
        kinematics: "measured".to_owned(),
        accel_kinematics: None,
        ego_x_m: 0.0,
        ego_y_m: 0.0,
        ego_z_m: 0.0,
        ego_yaw_rad: 0.0,
        ego_vx_mps: None,
        ego_vy_mps: None,
        lidar_points: None,
    };
    (0..=30).map(row).collect()
}

/// What really happened in the scenes of a drive, and what both expected: the candidate drifts to the left.
async fn add_tracks(lake: &Lake, drive: usize) {
    add_tracks_as(lake, drive, "").await;
}

/// The same with commits of a name.
async fn add_tracks_as(lake: &Lake, drive: usize, name: &str) {
    let log_id = format!("drive-{drive}");
    let mut tracks = track(&log_id, "ego", EGO_CATEGORY, (1_000.0, 500.0), 0.3);
    let mut predictions = Vec::new();
    for at in 1..5 {
        let from = (1_015.0 + 9.0 * f64::from(at), 501.0 + 4.0 * f64::from(at));
        let track_id = format!("track-{at}");
        tracks.extend(track(&log_id, &track_id, "REGULAR_VEHICLE", from, 0.3));
        for (model_id, drift) in [(BASELINE, 0.0), (CANDIDATE, 0.12)] {
            let yaw_rad: f64 = 0.3 + drift;
            let reach = |along: f64| {
                (1..=30)
                    .map(|step| along * f64::from(step))
                    .collect::<Vec<_>>()
            };
            predictions.push(Prediction {
                model_id: model_id.to_owned(),
                dataset: SUITE.to_owned(),
                sample_id: format!("{log_id}/{track_id}/0").into(),
                x_m: reach(yaw_rad.cos())
                    .into_iter()
                    .map(|x| x + from.0)
                    .collect(),
                y_m: reach(yaw_rad.sin())
                    .into_iter()
                    .map(|y| y + from.1)
                    .collect(),
            });
        }
    }
    tracks.sort_by(|a, b| (&a.track_id, a.stamp_ns).cmp(&(&b.track_id, b.stamp_ns)));
    let commit = |id: &str| Commit::new("test", "r").with_transactions([id]);
    let [tracks_id, predictions_id] = ["tracks", "predictions"].map(|id| format!("{id}{name}"));
    lake.append(&tracks, &commit(&tracks_id)).await.unwrap();
    lake.append(&predictions, &commit(&predictions_id))
        .await
        .unwrap();
}

pub(crate) async fn run(lake: &Lake) -> Validation {
    validate_models(
        lake,
        &ValidateOptions::new(CANDIDATE, BASELINE, SUITE, "run-1"),
    )
    .await
    .unwrap()
}

#[tokio::test]
async fn a_model_that_fails_on_a_slice_is_blocked_and_the_slice_named() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path(), 20, 4).await;
    let validation = run(&lake).await;
    crate::fixture::keep_report("models-block.html", &validation.html);
    assert_eq!(validation.verdict.decision, Decision::Block);
    let cut_in = validation
        .verdict
        .comparison("miss", "scenario=cut_in")
        .unwrap();
    assert_eq!(
        (cut_in.scenes, cut_in.drives, cut_in.failing.unwrap().new),
        (180, 20, 80)
    );
    assert!(
        validation
            .verdict
            .reason_texts()
            .iter()
            .any(|text| text.contains("slice scenario=cut_in"))
    );
    assert_eq!(
        validation.evidence.candidate.digest.as_deref(),
        Some("0123456789abcdef")
    );
    assert_eq!(validation.evidence.baseline.digest, None);

    // The row points to the bytes; the same again commits nothing.
    let rows: Vec<ReleaseVerdict> = lake.read(None).await.unwrap();
    assert_eq!(rows, [validation.row()]);
    let stored = lake.store().get(&rows[0].evidence).await.unwrap();
    assert_eq!(stored.as_ref(), validation.evidence_json.as_bytes());
    assert!(
        lake.store()
            .exists(&validation.report_path())
            .await
            .unwrap()
    );
    let versions = lake.versions().await.unwrap();
    assert_eq!(run(&lake).await, validation);
    assert_eq!(lake.versions().await.unwrap(), versions);
}

#[tokio::test]
async fn the_worst_scenes_are_drawn_from_above_where_the_lake_has_their_tracks() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path(), 20, 4).await;
    let without = run(&lake).await;
    assert!(!without.html.contains("scene-picture\""));
    let worst = &without.verdict.newly_failing[0];
    let drive = worst.drive.strip_prefix("drive-").unwrap().parse().unwrap();
    add_tracks(&lake, drive).await;
    let with = run(&lake).await;
    crate::fixture::keep_report("models-from-above.html", &with.html);
    assert!((1..=4).contains(&with.html.matches("scene-picture\"").count()));
    // What is drawn is no part of what was decided.
    assert_eq!(with.evidence_json, without.evidence_json);
}

#[tokio::test]
async fn a_model_that_is_like_the_baseline_passes_when_the_drives_suffice() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path(), 400, 0).await;
    let validation = run(&lake).await;
    assert_eq!(
        validation.verdict.decision,
        Decision::Pass,
        "{:?}",
        validation.verdict.reasons
    );
}

#[tokio::test]
async fn one_drive_decides_nothing_however_many_its_samples() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path(), 1, 4).await;
    let validation = run(&lake).await;
    crate::fixture::keep_report("models-one-drive.html", &validation.html);
    let verdict = validation.verdict;
    assert_eq!(
        (verdict.decision, verdict.scenes, verdict.drives),
        (Decision::Inconclusive, 39, 1)
    );
    assert!(
        verdict.reasons[1]
            .text
            .contains("39 scenes come from 1 drive"),
        "{:?}",
        verdict.reasons
    );
    assert!(
        verdict
            .shortfalls()
            .all(|shortfall| shortfall.more_drives > 10)
    );
}

#[tokio::test]
async fn what_was_not_evaluated_is_said_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path(), 1, 0).await;
    let unknown =
        |candidate: &str, suite: &str| ValidateOptions::new(candidate, BASELINE, suite, "r");
    let error = validate_models(&lake, &unknown("nobody", SUITE))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::NoScenes { subject, .. } if subject.contains("nobody")),
        "{error}"
    );
    let error = validate_models(&lake, &unknown(CANDIDATE, "none"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("dataset `none`"), "{error}");
}

/// Rewrites the figures of the lake: a row stays as what the function makes of it.
async fn rewrite(lake: &Lake, change: impl Fn(SampleMetric) -> Option<SampleMetric>) {
    let rows: Vec<SampleMetric> = lake.read(None).await.unwrap();
    let rows: Vec<_> = rows.into_iter().filter_map(change).collect();
    let commit = Commit::new("evaluation", "r").with_transactions(["rewritten"]);
    lake.replace("true", &rows, &commit).await.unwrap();
}

#[tokio::test]
async fn what_neither_model_answered_is_unanswered_and_cannot_pass() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path(), 400, 0).await;
    for drive in 0..2 {
        add_tracks_as(&lake, drive, &format!("tracks-{drive}")).await;
    }
    // Both leave out two samples whose future is known, and one of a drive without tracks.
    let left_out = [
        "drive-0/track-1/0",
        "drive-1/track-2/0",
        "drive-2/track-1/0",
    ];
    rewrite(&lake, |row| {
        (!left_out.contains(&row.sample_id.as_str())).then_some(row)
    })
    .await;
    let verdict = run(&lake).await.verdict;
    assert_eq!(
        (verdict.decision, verdict.unanswered),
        (Decision::Inconclusive, 2)
    );
    let texts = verdict.reason_texts();
    let says = |text: &str| assert!(texts.iter().any(|said| said.contains(text)), "{texts:?}");
    says("leaves 2 of the");
    says("neither model has figures for 2 of the suite's 15,599 samples");
    says(
        "samples without a whole future in the tracks of the lake, which count for neither model: 1",
    );
}

#[tokio::test]
async fn a_baseline_that_answers_a_part_of_the_suite_passes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path(), 400, 0).await;
    let is_lost = |row: &SampleMetric| {
        row.model_id == BASELINE && row.sample_id.as_str() == "drive-7/track-3/0"
    };
    rewrite(&lake, |row| (!is_lost(&row)).then_some(row)).await;
    let verdict = run(&lake).await.verdict;
    assert_eq!(verdict.decision, Decision::Inconclusive);
    let text = &verdict.reasons[1].text;
    let expected = "the baseline has no figures for 1 of the suite's 15,600 samples, for example drive-7/track-3/0";
    assert!(text.starts_with(expected), "{text}");
}

#[tokio::test]
async fn composed_drives_are_in_no_comparison() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path(), 400, 0).await;
    let before = run(&lake).await.verdict;
    assert_eq!(before.decision, Decision::Pass, "{:?}", before.reasons);
    // A composed drive on which the candidate fails everywhere and is not even scored everywhere.
    let samples: Vec<Sample> = (1..40)
        .map(|at| Sample {
            log_id: "made-up".into(),
            sample_id: format!("made-up/track-{at}/0").into(),
            source: "synthetic".into(),
            ..sample(3, at)
        })
        .collect();
    let metric = |sample: &Sample, model_id: &str| SampleMetric {
        model_id: model_id.to_owned(),
        dataset: SUITE.to_owned(),
        sample_id: sample.sample_id.clone(),
        host_log_id: sample.host_log_id.clone(),
        metric: "miss".to_owned(),
        value: f64::from(u8::from(model_id == CANDIDATE)),
        split: "test".to_owned(),
        source: "synthetic".to_owned(),
    };
    let metrics: Vec<_> = samples[..30]
        .iter()
        .flat_map(|sample| [BASELINE, CANDIDATE].map(|model_id| metric(sample, model_id)))
        .collect();
    let commit = |id: &str| Commit::new("test", "r").with_transactions([id]);
    lake.append(&samples, &commit("made-up")).await.unwrap();
    lake.append(&metrics, &commit("scored")).await.unwrap();
    let after = run(&lake).await.verdict;
    assert_eq!(after.comparisons, before.comparisons);
    assert_eq!((after.decision, after.unanswered), (Decision::Pass, 0));
    let note = after.reasons.last().unwrap();
    assert!(
        note.text.starts_with("samples of composed drives"),
        "{}",
        note.text
    );
    assert!(note.text.ends_with(": 39"), "{}", note.text);
    assert!(
        after
            .comparisons
            .iter()
            .all(|c| !c.slice.starts_with("source="))
    );
}

#[tokio::test]
async fn figures_of_another_split_or_from_before_splits_decide_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let lake = lake(folder.path(), 20, 4).await;
    rewrite(&lake, |row| {
        let split = if row.model_id == CANDIDATE {
            "unknown"
        } else {
            "test"
        };
        Some(SampleMetric {
            split: split.to_owned(),
            ..row
        })
    })
    .await;
    let options = ValidateOptions::new(CANDIDATE, BASELINE, SUITE, "r");
    let error = validate_models(&lake, &options)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("before splits were recorded: evaluate it again"),
        "{error}"
    );
}
