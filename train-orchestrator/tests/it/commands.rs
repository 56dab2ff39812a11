//! Trainers that are shell scripts: success, failure, silence, death, and orchestrators that are killed.

use driveloop_lake::{Journal, Lake};
use driveloop_schemas::{Checkpoint, Prediction, TrainingRun};
use driveloop_train_orchestrator::state::{Event, EventKind};
use driveloop_train_orchestrator::{
    Error, Outcome, Retries, TrainEvent, TrainOptions, Trainer, WhenBusy, train,
};

use crate::fixture;
use crate::setup::{PREDICT, Setup, is_alive, script, scripts, until, worker};

/// Writes the outputs of a training.
pub(crate) const OUTPUTS: &str = r#"
printf 'weights' > "$DRIVELOOP_MODEL_OUT"
"#;

/// Five samples to train with, and five to predict.
pub(crate) async fn setup() -> Setup {
    let setup = Setup::new([5, 2, 3]).await;
    let straight = |index| (fixture::input_id(index), vec![1.0; 30]);
    write_predictions(&setup, (5..10).map(straight));
    setup
}

/// Writes the predictions that [`PREDICT`] copies: inputs and their positions, the same on both axes.
pub(crate) fn write_predictions(setup: &Setup, rows: impl Iterator<Item = (String, Vec<f64>)>) {
    use arrow::array::ArrayRef;
    use driveloop_schemas::ColumnValue;
    let (ids, paths): (Vec<String>, Vec<Vec<f64>>) = rows.unzip();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("input_id", String::array(ids.iter())),
        ("x_m", Vec::<f64>::array(paths.iter())),
        ("y_m", Vec::<f64>::array(paths.iter())),
    ];
    let batch = arrow::record_batch::RecordBatch::try_from_iter(columns).unwrap();
    let file = std::fs::File::create(setup.predictions_to_copy()).unwrap();
    let mut writer = arrow::ipc::writer::FileWriter::try_new(file, &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
}

pub(crate) async fn rows(lake: &Lake) -> (Vec<TrainingRun>, Vec<Checkpoint>, Vec<Prediction>) {
    let runs = lake.read::<TrainingRun>(None).await.unwrap();
    let checkpoints = lake.read::<Checkpoint>(None).await.unwrap();
    (
        runs,
        checkpoints,
        lake.read::<Prediction>(None).await.unwrap(),
    )
}

#[tokio::test]
async fn a_command_that_succeeds_leaves_its_rows_once() {
    let setup = setup().await;
    let text = format!(
        r#"echo '{{"event":"start","device":"cuda:0","step":0}}' >> "$DRIVELOOP_METRICS"
        echo '{{"event":"checkpoint","step":4}}' >> "$DRIVELOOP_METRICS"
        echo '{{"event":"end","step":9,"validation_loss":null}}' >> "$DRIVELOOP_METRICS"
        test "$DRIVELOOP_PARAMS" = '{{}}' && test "$DRIVELOOP_SEED" = 0 || exit 3
        {OUTPUTS}"#
    );
    let spec = scripts(&text, PREDICT);
    let (report, seen) = setup.train_and_watch(&spec).await;
    let report = report.unwrap();
    assert_eq!(
        (report.outcome, report.attempts, report.step),
        (Outcome::Trained, 1, 9)
    );
    assert_eq!((report.device.as_str(), report.predictions), ("cuda:0", 5));
    assert!(report.gpu_hours > 0.0 && report.cost == report.cpu_hours_reserved);
    let sum_s = report.productive_s + report.lost_s + report.waiting_s;
    assert!((sum_s - report.wall_s).abs() < 1e-9);
    assert!(
        seen.iter()
            .any(|event| matches!(event, TrainEvent::Metrics(line) if line.step == Some(9)))
    );

    let (runs, checkpoints, predictions) = rows(&setup.lake).await;
    assert_eq!(
        (runs.len(), checkpoints.len(), predictions.len()),
        (1, 1, 5)
    );
    assert_eq!(runs[0].state, "succeeded");
    assert_eq!((runs[0].cost, &runs[0].reason), (report.cost, &None));
    assert!(report.model_id.starts_with("scripted-"), "{report:?}");
    // The digest of `weights`, by sha256sum.
    assert_eq!(checkpoints[0].weights_digest[..12], *"9a129038d9a0");
    let weights = setup
        .lake
        .store()
        .get(&checkpoints[0].weights)
        .await
        .unwrap();
    assert_eq!(&weights[..], b"weights");

    let again = setup.train(&spec).await.unwrap();
    assert_eq!(again.outcome, Outcome::AlreadyThere);
    assert_eq!(
        (again.model_id, again.predictions, again.step),
        (report.model_id, 5, 9)
    );
    assert_eq!(rows(&setup.lake).await.2, predictions);
}

#[tokio::test]
async fn a_run_that_was_cut_off_anywhere_ends_in_the_same_rows() {
    let setup = setup().await;
    let text =
        format!(r#"echo '{{"event":"checkpoint","step":4}}' >> "$DRIVELOOP_METRICS"; {OUTPUTS}"#);
    let spec = scripts(&text, PREDICT);
    let model_id = setup.train(&spec).await.unwrap().model_id;
    let name = format!("train-{}", spec.run_id("digest-1"));
    let journal = Journal::open(&setup.lake, &name).await.unwrap();
    let whole: Vec<Event> = journal.entries().await.unwrap();
    assert!(matches!(
        whole.last().unwrap().kind,
        EventKind::Collected { .. }
    ));
    for cut in 1..=whole.len() {
        // Another lake, with a part of the journal; the work folder is the one that was left.
        let uri = setup.root.path().join(format!("lake-{cut}"));
        let lake = Lake::open(uri.to_str().unwrap()).await.unwrap();
        let mut journal = Journal::open(&lake, &name).await.unwrap();
        for event in &whole[..cut] {
            journal.append(event).await.unwrap();
        }
        let report = train(&lake, &setup.job(&spec), &setup.options, &|_, _| ())
            .await
            .unwrap();
        assert_eq!(report.model_id, model_id, "cut after {cut}");
        let (runs, checkpoints, predictions) = rows(&lake).await;
        assert_eq!(
            (runs.len(), checkpoints.len(), predictions.len()),
            (1, 1, 5),
            "cut after {cut}"
        );
    }
}

#[tokio::test]
async fn results_that_are_half_in_the_lake_are_completed() {
    let mut setup = setup().await;
    let spec = scripts(OUTPUTS, PREDICT);
    setup.train(&spec).await.unwrap();
    let before = rows(&setup.lake).await;
    // As if it had been killed right before the last row; another process goes on.
    let lake = setup.root.path().join("lake");
    std::fs::remove_dir_all(lake.join("tables/training_run")).unwrap();
    setup.lake = Lake::open(lake.to_str().unwrap()).await.unwrap();
    setup.train(&spec).await.unwrap();
    let after = rows(&setup.lake).await;
    assert_eq!((after.1, after.2), (before.1, before.2));
    assert_eq!(after.0.len(), 1);
}

#[tokio::test]
async fn a_command_that_always_fails_stops_after_its_budget_and_can_be_run_again() {
    let setup = setup().await;
    let mut spec = script(&format!(
        "echo attempt $DRIVELOOP_ATTEMPT; echo the reason >&2; test -e \"$DRIVELOOP_JOB_DIR/mended\" || exit 5; {OUTPUTS}"
    ));
    spec.retries.user_errors = 2;
    let error = setup.train(&spec).await.unwrap_err();
    let Error::JobFailed {
        attempts,
        reason,
        tail,
        ..
    } = &error
    else {
        panic!("{error}")
    };
    assert_eq!((*attempts, reason.as_str()), (3, "exit status 5"));
    assert_eq!(tail, "attempt 3\nthe reason");
    let runs = rows(&setup.lake).await.0;
    assert_eq!(
        (runs.len(), runs[0].state.as_str(), runs[0].attempts),
        (1, "failed", 3)
    );
    assert_eq!(runs[0].reason.as_deref(), Some("exit status 5"));

    std::fs::write(setup.folder(&spec).join("mended"), "").unwrap();
    assert_eq!(setup.train(&spec).await.unwrap().attempts, 1);
    let runs = rows(&setup.lake).await.0;
    assert_eq!((runs.len(), runs[0].state.as_str()), (1, "succeeded"));
}

#[tokio::test]
async fn a_silent_worker_is_killed_with_all_that_it_started() {
    let setup = setup().await;
    let mut spec = script(&format!(
        "if [ $DRIVELOOP_ATTEMPT = 1 ]; then sleep 600 & echo $! > \"$DRIVELOOP_JOB_DIR/pid\"; wait; fi; {OUTPUTS}"
    ));
    spec.heartbeat_timeout_s = 0.5;
    let (report, seen) = setup.train_and_watch(&spec).await;
    let report = report.unwrap();
    assert_eq!(report.attempts, 2);
    assert!(report.lost_s >= 0.5, "{report:?}");
    assert!(
        format!("{seen:?}").contains("hung: no new line of metrics"),
        "{seen:?}"
    );
    let process = std::fs::read_to_string(setup.folder(&spec).join("pid")).unwrap();
    until("what the worker started is dead", || {
        !is_alive(process.trim())
    })
    .await;
}

#[tokio::test]
async fn what_leaves_its_group_dies_with_the_attempt_all_the_same() {
    let setup = setup().await;
    let spec = script(&format!(
        "setsid sh -c 'echo $$ > \"$DRIVELOOP_JOB_DIR/pid\"; exec sleep 600' &
        while ! test -s \"$DRIVELOOP_JOB_DIR/pid\"; do sleep 0.01; done; {OUTPUTS}"
    ));
    setup.train(&spec).await.unwrap();
    let process = std::fs::read_to_string(setup.folder(&spec).join("pid")).unwrap();
    until("what the worker started is dead", || {
        !is_alive(process.trim())
    })
    .await;
}

#[tokio::test]
async fn lost_workers_have_a_budget_of_their_own() {
    let setup = setup().await;
    let mut spec = script("kill -9 $$");
    spec.retries = Retries {
        user_errors: 0,
        lost_workers: 1,
        ..spec.retries
    };
    let error = setup.train(&spec).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("failed after 2 attempts: killed by signal 9"),
        "{error}"
    );
}

#[tokio::test]
async fn outputs_that_are_missing_or_wrong_are_the_trainers_fault() {
    let setup = setup().await;
    let mut spec = script("true");
    spec.retries.user_errors = 0;
    let error = setup.train(&spec).await.unwrap_err().to_string();
    assert!(
        error.contains("exit status 0, but no") && error.contains("model.safetensors"),
        "{error}"
    );

    spec.trainer = script("printf '' > \"$DRIVELOOP_MODEL_OUT\"").trainer;
    let error = setup.train(&spec).await.unwrap_err().to_string();
    assert!(error.contains("model.safetensors is empty"), "{error}");
    assert!(rows(&setup.lake).await.1.is_empty());
}

#[tokio::test]
async fn a_program_that_does_not_start_is_not_tried_again() {
    let setup = setup().await;
    let mut spec = script("");
    spec.trainer = Trainer::Command(vec!["no-such-program".into()]);
    let error = setup.train(&spec).await.unwrap_err();
    assert!(matches!(error, Error::CannotStart { .. }), "{error}");
    assert!(error.to_string().contains("hint: "), "{error}");

    // A worker without libtorch: the loader finds another file in its place.
    let folder = setup.root.path().join("broken");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("libtorch_cpu.so"), "not a library").unwrap();
    let path = folder.to_str().unwrap();
    let worker = worker();
    spec.trainer = Trainer::Command(vec![
        "env".into(),
        format!("LD_LIBRARY_PATH={path}"),
        worker.to_str().unwrap().into(),
        "train".into(),
    ]);
    let error = setup.train(&spec).await.unwrap_err().to_string();
    assert!(
        error.contains("libtorch_cpu.so") && error.contains("hint: "),
        "{error}"
    );
}

#[tokio::test]
async fn a_job_that_runs_is_waited_for_or_refused() {
    let mut setup = setup().await;
    let spec = script(&format!(
        "echo one >> \"$DRIVELOOP_JOB_DIR/begun\"; sleep 1; {OUTPUTS}"
    ));
    let refusing = {
        let mut options = setup.options.clone();
        options.when_busy = WhenBusy::Refuse;
        options
    };
    // Another work folder, as on another disk: what tells the two of each other is the lake.
    let elsewhere = {
        let mut options = setup.options.clone();
        options.work_dir = setup.root.path().join("elsewhere");
        options
    };
    setup.options.when_busy = WhenBusy::Wait;
    let job = setup.job(&spec);
    let second = async |options: &TrainOptions| {
        until("the first has begun", || {
            setup.folder(&spec).join("begun").exists()
        })
        .await;
        train(&setup.lake, &job, options, &|_, _| ()).await
    };
    let (first, same, refused, other, refused_elsewhere) = {
        let mut refusing_elsewhere = elsewhere.clone();
        refusing_elsewhere.when_busy = WhenBusy::Refuse;
        tokio::join!(
            setup.train(&spec),
            second(&setup.options),
            second(&refusing),
            second(&elsewhere),
            second(&refusing_elsewhere)
        )
    };
    let first = first.unwrap();
    assert_eq!(first.outcome, Outcome::Trained);
    for waited in [same, other] {
        let waited = waited.unwrap();
        assert_eq!(
            (waited.outcome, &waited.model_id),
            (Outcome::AlreadyThere, &first.model_id)
        );
    }
    for refused in [refused, refused_elsewhere] {
        assert!(matches!(refused, Err(Error::Busy { .. })), "{refused:?}");
    }
    let begun = std::fs::read_to_string(setup.folder(&spec).join("begun")).unwrap();
    assert_eq!(begun, "one\n");
    assert!(
        !elsewhere
            .work_dir
            .join(spec.run_id("digest-1"))
            .join("begun")
            .exists()
    );
}

#[tokio::test]
async fn who_waited_for_a_failure_does_not_repeat_it() {
    let setup = setup().await;
    let mut spec = script("echo one >> \"$DRIVELOOP_JOB_DIR/begun\"; sleep 1; echo why; exit 4");
    spec.retries.user_errors = 0;
    let (first, second) = tokio::join!(setup.train(&spec), async {
        until("the first has begun", || {
            setup.folder(&spec).join("begun").exists()
        })
        .await;
        setup.train(&spec).await
    });
    for failed in [first, second] {
        let error = failed.unwrap_err().to_string();
        assert!(
            error.contains("failed after 1 attempt: exit status 4") && error.ends_with("why"),
            "{error}"
        );
    }
    let begun = std::fs::read_to_string(setup.folder(&spec).join("begun")).unwrap();
    assert_eq!(begun, "one\n");
}
