//! The predict step: what it is given, what it must leave, and that a run ends with it and not before.

use driveloop_lake::{Commit, Versions};
use driveloop_schemas::{Checkpoint, Prediction};
use driveloop_train_orchestrator::{
    Error, JobSpec, Outcome, PredictOptions, Trainer, check_predicts, check_weights, predict,
};

use crate::commands::{OUTPUTS, rows, setup, write_predictions};
use crate::fixture;
use crate::setup::{PREDICT, Setup, clock, script, scripts};

/// The path of an input, in metres on both axes.
fn path(index: usize) -> (String, Vec<f64>) {
    (fixture::input_id(index), vec![1.0; 30])
}

#[tokio::test]
async fn it_is_given_stored_weights_and_inputs_and_nothing_of_the_training() {
    let setup = setup().await;
    let left = setup.root.path().join("environment");
    let seen = setup.root.path().join("weights-seen");
    let spec = scripts(
        &format!("echo $DRIVELOOP_JOB_DIR > {}; {OUTPUTS}", left.display()),
        &format!(
            r#"env | grep -o '^DRIVELOOP_[A-Z_]*' | sort | tr '\n' ' ' >> {left}; echo $DRIVELOOP_JOB_DIR >> {left}
            cat "$DRIVELOOP_WEIGHTS" > {seen}; {PREDICT}"#,
            left = left.display(),
            seen = seen.display()
        ),
    );
    let report = setup.train(&spec).await.unwrap();
    assert_eq!(std::fs::read_to_string(seen).unwrap(), "weights");
    let left = std::fs::read_to_string(left).unwrap();
    let lines: Vec<&str> = left.lines().collect();
    let given: Vec<&str> = lines[1].split(' ').collect();
    for name in given.iter().filter(|name| name.starts_with("DRIVELOOP_")) {
        let of_contract = [
            "DRIVELOOP_DEVICE",
            "DRIVELOOP_INPUTS",
            "DRIVELOOP_JOB_DIR",
            "DRIVELOOP_METRICS",
            "DRIVELOOP_PARAMS",
            "DRIVELOOP_PEERS", // Of this test's own environment.
            "DRIVELOOP_BENCH",
            "DRIVELOOP_PREDICTIONS_OUT",
            "DRIVELOOP_WEIGHTS",
        ];
        assert!(of_contract.contains(name), "{name}: {left}");
    }
    assert_ne!(lines[0], lines[1], "the folder is another one");

    // The paths of the actor's frame are in that of the map.
    let predictions = rows(&setup.lake).await.2;
    assert_eq!((predictions.len(), report.predictions), (5, 5));
    for (index, row) in (5..).zip(&predictions) {
        let sample = fixture::sample(index, "test");
        assert_eq!(row.sample_id.as_str(), sample.sample_id);
        let (x_m, y_m) = fixture::in_map(&sample, &[1.0], &[1.0]);
        assert!((row.x_m[29] - x_m[0]).abs() < 1e-9 && (row.y_m[0] - y_m[0]).abs() < 1e-9);
    }
}

#[tokio::test]
async fn predictions_that_do_not_cover_the_samples_are_the_trainers_fault_and_can_be_mended() {
    let setup = setup().await;
    let mut number = 0;
    let with = |place: usize, value: f64| {
        (5..10).map(move |index| {
            let (input_id, mut path_m) = path(index);
            if index == 7 {
                path_m[place] = value;
            }
            (input_id, path_m)
        })
    };
    let foreign = |index: usize| match index {
        8 => ("drive/track/000008".to_owned(), vec![1.0; 30]),
        index => path(index),
    };
    let missing = "input `input-000007` (sample `drive/track/000007`): no prediction; 3 of 5";
    let cases: [(Vec<_>, &str); 7] = [
        ((5..7).map(path).collect(), missing),
        (
            Vec::new(),
            "input `input-000005` (sample `drive/track/000005`): no prediction; 5 of 5",
        ),
        (
            (5..10).map(foreign).collect(),
            "input `drive/track/000008`: it was not asked for",
        ),
        (
            (5..10).chain([6]).map(path).collect(),
            "input `input-000006` (sample `drive/track/000006`): it is there twice",
        ),
        (
            with(3, f64::NAN).collect(),
            "input `input-000007` (sample `drive/track/000007`): x_m[3] is NaN",
        ),
        (
            with(29, f64::INFINITY).collect(),
            "input `input-000007` (sample `drive/track/000007`): x_m[29] is inf",
        ),
        (
            vec![(fixture::input_id(5), vec![1.0; 29])],
            "expected 30 positions in x_m, got 29",
        ),
    ];
    for (wrong, expected) in cases {
        number += 1;
        let tries = setup.root.path().join(format!("tries-{number}"));
        let predict = format!("echo one >> {}; {PREDICT}", tries.display());
        let mut spec = scripts(&format!("true {number}; {OUTPUTS}"), &predict);
        spec.name = format!("case-{number}");
        write_predictions(&setup, wrong.into_iter());
        let error = setup.train(&spec).await.unwrap_err().to_string();
        let begins = format!("job `case-{number}` failed after 2 attempts: predict step: ");
        assert!(
            error.starts_with(&begins) && error.contains(expected),
            "{error}"
        );
        let tried = std::fs::read_to_string(&tries).unwrap();
        assert_eq!(tried, "one\none\n", "tried again within its budget");
        let runs = rows(&setup.lake).await.0;
        let run = runs.iter().find(|run| run.name == spec.name).unwrap();
        assert_eq!((run.state.as_str(), &run.model_id), ("failed", &None));

        write_predictions(&setup, (5..10).map(path));
        let mended = setup.train(&spec).await.unwrap();
        assert_eq!((mended.outcome, mended.predictions), (Outcome::Trained, 5));
    }
    assert_eq!(rows(&setup.lake).await.2.len(), 5 * number);
}

#[tokio::test]
async fn a_predict_step_that_fails_otherwise_is_told_by_its_own_log() {
    let setup = setup().await;
    let mut spec = scripts(OUTPUTS, "echo the reason >&2; exit 4");
    spec.retries.user_errors = 0;
    let error = setup.train(&spec).await.unwrap_err().to_string();
    assert!(
        error.contains("predict step: exit status 4") && error.ends_with("the reason"),
        "{error}"
    );
    spec.trainer = scripts(OUTPUTS, "printf torn > \"$DRIVELOOP_PREDICTIONS_OUT\"").trainer;
    let error = setup.train(&spec).await.unwrap_err().to_string();
    assert!(error.contains("predictions.arrow"), "{error}");
    spec.trainer = scripts(OUTPUTS, "mkdir \"$DRIVELOOP_PREDICTIONS_OUT\"").trainer;
    let error = setup.train(&spec).await.unwrap_err().to_string();
    assert!(error.contains("is a folder, expected a file"), "{error}");
    spec.trainer = scripts(OUTPUTS, "true").trainer;
    let error = setup.train(&spec).await.unwrap_err().to_string();
    assert!(error.contains("exit status 0, but no"), "{error}");
    let Trainer::Commands { command, .. } = spec.trainer else {
        unreachable!()
    };
    let predict = vec!["no-such-program".into()];
    spec.trainer = Trainer::Commands { command, predict };
    let error = setup.train(&spec).await.unwrap_err();
    assert!(
        matches!(&error, Error::CannotStart { program, .. } if program == "no-such-program"),
        "{error}"
    );
    assert!(rows(&setup.lake).await.1.is_empty());
}

#[tokio::test]
async fn what_the_trainer_left_in_its_place_is_cleared() {
    let setup = setup().await;
    for (number, left) in ["touch", "mkdir -p", "ln -s /"].into_iter().enumerate() {
        let text = format!("{left} \"$DRIVELOOP_JOB_DIR/predict\"; {OUTPUTS}");
        let mut spec = scripts(&text, PREDICT);
        spec.name = format!("left-{number}");
        assert_eq!(setup.train(&spec).await.unwrap().predictions, 5, "{left}");
    }
}

#[tokio::test]
async fn without_a_predict_step_there_are_the_figures_of_the_training() {
    let setup = setup().await;
    let report = setup.train(&script(OUTPUTS)).await.unwrap();
    assert_eq!((report.outcome, report.predictions), (Outcome::Trained, 0));
    let (runs, models, predictions) = rows(&setup.lake).await;
    assert_eq!(
        (runs.len(), models.len(), predictions.len()),
        (1, 1, 0),
        "a model, and nothing that could be evaluated"
    );
    let error = check_predicts(&setup.lake, &report.model_id).await;
    assert!(
        matches!(error, Err(Error::NobodyPredicts { .. })),
        "{error:?}"
    );
    let error = predict(&setup.lake, &again(&setup, &report.model_id)).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("nobody predicts with model"), "{error}");
    check_predicts(&setup.lake, "constant-velocity")
        .await
        .unwrap();
}

#[tokio::test]
async fn two_runs_that_leave_the_same_weights_are_two_models() {
    let setup = setup().await;
    let first = setup.train(&scripts(OUTPUTS, PREDICT)).await.unwrap();
    let mut second = scripts(OUTPUTS, PREDICT);
    second.seed = 1;
    let further_m = |index| (fixture::input_id(index), vec![2.0; 30]);
    write_predictions(&setup, (5..10).map(further_m));
    let second = setup.train(&second).await.unwrap();
    assert_ne!(first.model_id, second.model_id);
    let (_, models, predictions) = rows(&setup.lake).await;
    assert_eq!(models.len(), 2);
    assert_eq!(models[0].weights_digest, models[1].weights_digest);
    let of = |model_id: &str| -> Vec<&Prediction> {
        let rows = predictions.iter();
        rows.filter(|row| row.model_id == model_id).collect()
    };
    let (of_first, of_second) = (of(&first.model_id), of(&second.model_id));
    assert_eq!((of_first.len(), of_second.len()), (5, 5));
    assert_ne!(of_first[0].x_m, of_second[0].x_m, "each has its own");
}

/// What predicts a dataset of another name with a model.
fn again(setup: &Setup, model_id: &str) -> PredictOptions {
    PredictOptions {
        model_id: model_id.to_owned(),
        dataset: "again".into(),
        dataset_digest: "digest-1".into(),
        dataset_dir: setup.dataset_dir(),
        work_dir: setup.options.work_dir.clone(),
        worker: "no-worker".into(),
        device: "cpu".into(),
        timeout_s: 60.0,
        inputs: Versions::new(),
        run_id: "later".into(),
        clock: clock(),
    }
}

#[tokio::test]
async fn a_command_predicts_another_dataset_too() {
    let setup = setup().await;
    let mut spec = scripts(
        OUTPUTS,
        &format!("test \"$DRIVELOOP_PARAMS\" = '{{\"k\":1}}' || exit 3; {PREDICT}"),
    );
    spec.params.insert("k".into(), 1.into());
    let model = setup.train(&spec).await.unwrap().model_id;
    let report = predict(&setup.lake, &again(&setup, &model)).await.unwrap();
    assert_eq!((report.rows, report.outcome), (5, Outcome::Trained));
    write_predictions(&setup, (5..9).map(path));
    let mut more = again(&setup, &model);
    more.dataset = "more".into();
    let error = predict(&setup.lake, &more).await.unwrap_err().to_string();
    assert!(
        error.contains(&format!("predict {model}")) && error.contains("input `input-000009`"),
        "{error}"
    );
}

#[tokio::test]
async fn weights_that_were_changed_are_refused_wherever_they_are_read() {
    let setup = setup().await;
    let first = setup.train(&scripts(OUTPUTS, PREDICT)).await.unwrap();
    let model = setup.lake.read::<Checkpoint>(None).await.unwrap().remove(0);
    check_weights(&setup.lake, &first.model_id).await.unwrap();
    let store = setup.lake.store();
    store
        .put(&model.weights, bytes::Bytes::from_static(b"WEIGHTS"))
        .await
        .unwrap();

    let further = JobSpec {
        start_from: Some(first.model_id.clone()),
        ..scripts(OUTPUTS, PREDICT)
    };
    let mut after = scripts(OUTPUTS, PREDICT);
    after.name = "after".into();
    after.after = vec!["scripted".into()];
    let of_after = setup
        .train_all(&[scripts(OUTPUTS, PREDICT), after])
        .await
        .unwrap()
        .remove(1);
    let refusals = [
        predict(&setup.lake, &again(&setup, &first.model_id))
            .await
            .map(drop),
        check_weights(&setup.lake, &first.model_id).await,
        setup.train(&further).await.map(drop),
        of_after.map(drop),
    ];
    for refusal in refusals {
        let error = refusal.unwrap_err();
        assert!(matches!(error, Error::Weights { .. }), "{error}");
        let text = error.to_string();
        for part in [&model.weights, &model.weights_digest, "hint: "] {
            assert!(text.contains(part), "{text}");
        }
    }

    // Brought back, they are used as before.
    store
        .put(&model.weights, bytes::Bytes::from_static(b"weights"))
        .await
        .unwrap();
    setup.train(&further).await.unwrap();
    predict(&setup.lake, &again(&setup, &first.model_id))
        .await
        .unwrap();
}

#[tokio::test]
async fn other_predictions_of_a_model_are_an_error() {
    let setup = setup().await;
    let report = setup.train(&scripts(OUTPUTS, PREDICT)).await.unwrap();
    let mut predictions = rows(&setup.lake).await.2;
    predictions[0].x_m[0] += 1.0;
    let id = format!("prediction/{}/demo/digest-1", report.model_id);
    let commit = Commit::new("predict", "again").with_transactions([id.clone()]);
    let error = setup.lake.append(&predictions, &commit).await.unwrap_err();
    assert!(
        error.to_string().contains(&id) && error.to_string().contains("other content"),
        "{error}"
    );
}
