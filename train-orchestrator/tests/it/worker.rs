//! The whole way with the built-in trainer: a dataset, a model that beats the baseline, its rows in the lake.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use driveloop_lake::{Lake, Versions};
use driveloop_schemas::{Checkpoint, Prediction, TrainingRun};
use driveloop_train_orchestrator::{
    Job, JobSpec, Outcome, PredictOptions, TrainOptions, predict, train,
};

use crate::fixture;
use crate::setup::{Setup, clock, machine, worker};

const SAMPLES: [usize; 3] = [1500, 150, 150];
/// Set for the child that [`an_orchestrator_that_is_killed_is_taken_over`] kills.
const CHILD: &str = "DRIVELOOP_TEST_ORCHESTRATOR";

fn spec() -> JobSpec {
    let mut spec = JobSpec::new("forecaster", "demo");
    spec.seed = 3;
    spec.device = "cpu".into();
    spec.checkpoint_every_steps = 50;
    spec.params.insert("steps_max".into(), 300.into());
    spec.params.insert("batch".into(), 128.into());
    spec.params.insert("learning_rate".into(), 0.001.into());
    spec
}

async fn setup() -> Setup {
    let mut setup = Setup::new(SAMPLES).await;
    setup.options.worker = worker();
    setup
}

#[tokio::test]
async fn a_trained_model_beats_constant_velocity_and_predicts_again() {
    let setup = setup().await;
    let report = setup.train(&spec()).await.unwrap();
    assert_eq!(
        (report.outcome, report.predictions),
        (Outcome::Trained, 300)
    );
    assert!(
        report.validation_loss.is_some() && report.productive_s > 0.0,
        "{report:?}"
    );

    let predictions = setup.lake.read::<Prediction>(None).await.unwrap();
    let (mut model_m, mut baseline_m) = (0.0, 0.0);
    for (index, row) in (SAMPLES[0]..).zip(&predictions) {
        let sample = fixture::sample(index, "test");
        assert_eq!(
            (row.sample_id.as_str(), &row.model_id),
            (sample.sample_id.as_str(), &report.model_id)
        );
        model_m += fixture::ade_m(&sample, &row.x_m, &row.y_m) / 300.0;
        baseline_m += fixture::constant_velocity_ade_m(&sample) / 300.0;
    }
    assert!(
        model_m < 0.5 * baseline_m,
        "model {model_m} m, constant velocity {baseline_m} m"
    );

    let history = setup.lake.history("checkpoint").await.unwrap();
    let inputs: Versions = [("sample".to_owned(), 3)].into();
    assert_eq!(history.last().unwrap().inputs, inputs);

    let mut other = PredictOptions {
        model_id: report.model_id.clone(),
        dataset: "demo".into(),
        dataset_digest: "digest-1".into(),
        dataset_dir: setup.dataset_dir(),
        work_dir: setup.options.work_dir.clone(),
        worker: worker(),
        device: "cpu".into(),
        timeout_s: 60.0,
        inputs: Versions::new(),
        run_id: "round-2".into(),
        clock: clock(),
    };
    let same = predict(&setup.lake, &other).await.unwrap();
    assert_eq!(
        same.outcome,
        Outcome::AlreadyThere,
        "training predicted its own dataset"
    );
    other.dataset = "demo-2".into();
    let first = predict(&setup.lake, &other).await.unwrap();
    assert_eq!((first.outcome, first.rows), (Outcome::Trained, 300));
    assert_eq!(
        predict(&setup.lake, &other).await.unwrap().outcome,
        Outcome::AlreadyThere
    );
    let again = setup
        .lake
        .read::<Prediction>(Some("dataset = 'demo-2'"))
        .await
        .unwrap();
    assert!(
        again
            .iter()
            .zip(&predictions)
            .all(|(a, b)| a.x_m == b.x_m && a.y_m == b.y_m)
    );
    other.model_id = "absent".into();
    let error = predict(&setup.lake, &other).await.unwrap_err().to_string();
    assert_eq!(error, "no model `absent` in the lake");
}

#[tokio::test]
async fn a_training_starts_from_a_model_of_the_lake() {
    let setup = setup().await;
    let first = setup.train(&spec()).await.unwrap();
    let further = JobSpec {
        start_from: Some(first.model_id.clone()),
        ..spec()
    };
    let second = setup.train(&further).await.unwrap();
    assert_ne!(first.run_id, second.run_id);
    assert!(
        second.validation_loss < first.validation_loss,
        "{first:?} {second:?}"
    );
    let again = setup.train(&further).await.unwrap();
    assert_eq!(again.outcome, Outcome::AlreadyThere);
    // The rows come in the order of the models' names, which are made of digests.
    let models = setup.lake.read::<Checkpoint>(None).await.unwrap();
    let started_from: BTreeMap<_, _> = models
        .iter()
        .map(|model| (&model.model_id, model.started_from.as_ref()))
        .collect();
    let expected = [
        (&first.model_id, None),
        (&second.model_id, Some(&first.model_id)),
    ];
    assert_eq!(started_from, expected.into());

    let absent = JobSpec {
        start_from: Some("absent".into()),
        ..spec()
    };
    let error = setup.train(&absent).await.unwrap_err().to_string();
    assert_eq!(error, "no model `absent` in the lake");
}

#[tokio::test]
async fn wrong_parameters_are_told_by_the_log() {
    let setup = setup().await;
    let mut spec = spec();
    spec.params.insert("learning_rat".into(), 0.1.into());
    spec.retries.user_errors = 0;
    let error = setup.train(&spec).await.unwrap_err().to_string();
    assert!(error.contains("learning_rat"), "{error}");
}

/// The orchestrator of the test below, in a process that can be killed. Does nothing when the tests are run as tests.
#[tokio::test]
async fn child_orchestrator() {
    let Ok(root) = std::env::var(CHILD) else {
        return;
    };
    let root = std::path::Path::new(&root);
    let lake = Lake::open(root.join("lake").to_str().unwrap())
        .await
        .unwrap();
    let options = TrainOptions::new(root.join("work"), worker(), machine(), clock());
    let job = Job {
        spec: spec(),
        dataset_dir: root.join("dataset"),
        dataset_digest: "digest-1".into(),
    };
    train(&lake, &job, &options, &|_, _| ()).await.unwrap();
}

#[tokio::test]
async fn an_orchestrator_that_is_killed_is_taken_over() {
    let whole = setup().await;
    let expected = whole.train(&spec()).await.unwrap();

    let killed = setup().await;
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "worker::child_orchestrator"])
        .env(CHILD, killed.root.path())
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let folder = killed.options.work_dir.join(&expected.run_id);
    let deadline = Instant::now() + Duration::from_mins(2);
    while !folder.join("checkpoints/checkpoint.safetensors").exists() {
        assert!(Instant::now() < deadline, "no checkpoint");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();

    let report = killed.train(&spec()).await.unwrap();
    assert_eq!(
        report.model_id, expected.model_id,
        "the same weights, to the byte"
    );
    assert_eq!(report.attempts, 2);
    let metrics = std::fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    let starts: Vec<_> = metrics
        .lines()
        .filter(|line| line.contains("\"start\""))
        .collect();
    assert_eq!(starts.len(), 2);
    assert!(
        !starts[1].contains("\"step\":0,"),
        "it went on: {}",
        starts[1]
    );
    let runs = killed.lake.read::<TrainingRun>(None).await.unwrap();
    let checkpoints = killed.lake.read::<Checkpoint>(None).await.unwrap();
    assert_eq!((runs.len(), checkpoints.len()), (1, 1));
    let predictions = |setup: &Setup| {
        let lake = setup.lake.clone();
        async move { lake.read::<Prediction>(None).await.unwrap() }
    };
    assert_eq!(predictions(&killed).await, predictions(&whole).await);
}
