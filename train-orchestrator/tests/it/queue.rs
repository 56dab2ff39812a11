//! Several jobs on one machine: order, priorities, room for others, and jobs that are cancelled.

use std::time::Duration;

use driveloop_schemas::TrainingRun;
use driveloop_train_orchestrator::{
    Driven, Error, JobSpec, Machine, cancel, find_run, runs_under_way, train,
};

use crate::commands::{OUTPUTS, setup};
use crate::setup::{Setup, clock, script, until};

/// A job that writes its name and a word at its start and end into a file of the test.
fn noted(setup: &Setup, name: &str, seconds: f64) -> JobSpec {
    let notes = setup.root.path().join("notes");
    let notes = notes.display();
    let mut spec = script(&format!(
        "echo {name} begins >> {notes}; sleep {seconds}; echo {name} ends >> {notes}; {OUTPUTS}"
    ));
    spec.name = name.into();
    spec
}

fn notes(setup: &Setup) -> Vec<String> {
    let text = std::fs::read_to_string(setup.root.path().join("notes")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn with_cpus(setup: &mut Setup, cpus: u32) {
    setup.options.machine = Machine {
        cpus,
        ..setup.options.machine.clone()
    };
}

#[tokio::test]
async fn jobs_run_in_the_order_of_dependencies_and_priorities() {
    let mut setup = setup().await;
    with_cpus(&mut setup, 1);
    let mut late = noted(&setup, "late", 0.0);
    late.priority = 9;
    late.after = vec!["first".into()];
    let (low, mut high, mut first) = (
        noted(&setup, "low", 0.0),
        noted(&setup, "high", 0.0),
        noted(&setup, "first", 0.0),
    );
    first.priority = 5;
    high.priority = 2;
    // It sees the weights of the one before it.
    late.trainer = script(&format!(
        r#"python3 -c 'import json, os; print(open(json.loads(os.environ["DRIVELOOP_AFTER"])["first"]).read())'
        echo late begins >> {}; {OUTPUTS}"#,
        setup.root.path().join("notes").display()
    ))
    .trainer;
    let specs = [late.clone(), low, high, first];
    let reports = setup.train_all(&specs).await.unwrap();
    assert!(reports.iter().all(Result::is_ok), "{reports:?}");
    let notes = notes(&setup);
    let begins = |name: &str| {
        notes
            .iter()
            .position(|line| *line == format!("{name} begins"))
            .unwrap()
    };
    // While the first is brought into the lake, its slot is used: `late` may begin a little later, but before the end.
    assert_eq!(begins("first"), 0, "{notes:?}");
    assert!(begins("high") < begins("low"), "{notes:?}");
    assert_eq!(notes.len(), 7, "each ran once: {notes:?}");
    let late = find_run(&setup.lake, "late", &clock()).await.unwrap();
    let log = std::fs::read_to_string(&late.logs(None)[0]).unwrap();
    assert_eq!(log, "weights\n");
}

#[tokio::test]
async fn what_comes_after_a_failure_is_not_begun_and_others_go_on() {
    let setup = setup().await;
    let mut broken = script("exit 3");
    broken.name = "broken".into();
    broken.retries.user_errors = 0;
    let mut after = noted(&setup, "after", 0.0);
    after.after = vec!["broken".into()];
    let other = noted(&setup, "other", 0.0);
    let reports = setup.train_all(&[after, broken, other]).await.unwrap();
    let [after, broken, other] = &reports[..] else {
        panic!("{reports:?}")
    };
    assert!(
        matches!(after, Err(Error::After { after, .. }) if after == "broken"),
        "{after:?}"
    );
    assert!(matches!(broken, Err(Error::JobFailed { .. })), "{broken:?}");
    assert!(other.is_ok());
    assert_eq!(notes(&setup), ["other begins", "other ends"]);
    let runs = setup
        .lake
        .read::<TrainingRun>(Some("name = 'after'"))
        .await
        .unwrap();
    assert_eq!((runs[0].state.as_str(), runs[0].attempts), ("failed", 0));
}

#[tokio::test]
async fn a_lower_priority_makes_room_goes_on_later_and_keeps_its_budgets() {
    let mut setup = setup().await;
    with_cpus(&mut setup, 3);
    // Ends when it is asked to, with a checkpoint; the second attempt finds that.
    let mut low = script(&format!(
        r#"step=0; test -e "$DRIVELOOP_CHECKPOINT_DIR/last" && step=5
        echo "{{\"event\":\"start\",\"step\":$step}}" >> "$DRIVELOOP_METRICS"
        if [ $step = 0 ]; then
            trap 'touch "$DRIVELOOP_CHECKPOINT_DIR/last"; echo "{{\"event\":\"checkpoint\",\"step\":5}}" >> "$DRIVELOOP_METRICS"; exit 1' TERM
            sleep 60 & wait
        fi
        {OUTPUTS}"#
    ));
    low.name = "low".into();
    low.resources.cpus = 2;
    low.retries.user_errors = 0;
    let first = noted(&setup, "first", 0.4);
    let mut high = noted(&setup, "high", 0.0);
    (high.priority, high.after) = (1, vec!["first".into()]);
    high.resources.cpus = 3;
    let reports = setup.train_all(&[low, first, high]).await.unwrap();
    let low = reports[0].as_ref().unwrap();
    assert_eq!(low.attempts, 2, "{low:?}");
    assert!(reports[1].is_ok() && reports[2].is_ok(), "{reports:?}");
    let run = find_run(&setup.lake, "low", &clock()).await.unwrap();
    let state = run.state;
    assert_eq!(
        (state.preemptions, state.user_errors, state.lost_workers),
        (1, 0, 0)
    );
    assert_eq!(
        state.checkpoint_step, 5,
        "the checkpoint of the last moment counts"
    );
    assert!(low.productive_s > 0.3, "{low:?}");
}

#[tokio::test]
async fn what_is_asked_to_end_and_does_not_is_killed() {
    let setup = setup().await;
    let mut spec =
        script(r#"trap '' TERM; touch "$DRIVELOOP_JOB_DIR/begun"; while true; do sleep 1; done"#);
    spec.grace_s = 0.3;
    let cancelled = async {
        until("it has begun", || {
            setup.folder(&spec).join("begun").exists()
        })
        .await;
        let under_way = runs_under_way(&setup.lake, &clock()).await.unwrap();
        let [run] = &under_way[..] else {
            panic!("{under_way:?}")
        };
        assert_eq!(
            (run.name.as_str(), run.driven, run.state.phase.word()),
            ("scripted", Driven::Yes, "running")
        );
        cancel(&setup.lake, "scripted", "the test", &clock()).await
    };
    let (report, cancelled) = tokio::join!(setup.train(&spec), cancelled);
    assert!(matches!(report, Err(Error::Cancelled { .. })), "{report:?}");
    assert_eq!(cancelled.unwrap().state.phase.word(), "cancelled");
    let runs = setup.lake.read::<TrainingRun>(None).await.unwrap();
    assert_eq!((runs.len(), runs[0].state.as_str()), (1, "cancelled"));
    let sum_s = runs[0].productive_s + runs[0].lost_s + runs[0].waiting_s;
    assert!(
        (sum_s - runs[0].wall_s).abs() < 1e-9 && sum_s > 0.3,
        "{runs:?}"
    );
    assert!(
        runs_under_way(&setup.lake, &clock())
            .await
            .unwrap()
            .is_empty()
    );
    let error = cancel(&setup.lake, "scripted", "the test", &clock())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unknown { .. }), "{error}");
}

#[tokio::test]
async fn a_job_that_waits_for_slots_is_cancelled_without_having_run() {
    let mut setup = setup().await;
    with_cpus(&mut setup, 1);
    let (long, waiting) = (noted(&setup, "long", 3.0), noted(&setup, "waiting", 0.0));
    let cancelled = async {
        until("the first has begun", || notes(&setup) == ["long begins"]).await;
        cancel(&setup.lake, "waiting", "the test", &clock()).await
    };
    let specs = [long, waiting];
    let (reports, cancelled) = tokio::join!(setup.train_all(&specs), cancelled);
    cancelled.unwrap();
    let reports = reports.unwrap();
    assert!(
        reports[0].is_ok() && matches!(reports[1], Err(Error::Cancelled { .. })),
        "{reports:?}"
    );
    assert_eq!(notes(&setup), ["long begins", "long ends"]);
}

#[tokio::test]
async fn two_orchestrators_of_a_machine_share_its_slots() {
    let mut setup = setup().await;
    with_cpus(&mut setup, 2);
    let (mut one, mut other) = (noted(&setup, "one", 0.5), noted(&setup, "other", 0.5));
    (one.resources.cpus, other.resources.cpus) = (2, 2);
    let (first, second) = tokio::join!(setup.train(&one), setup.train(&other));
    first.unwrap();
    second.unwrap();
    let notes = notes(&setup);
    let of = |line: &str| line.split(' ').next().map(str::to_owned);
    assert_eq!(notes.len(), 4);
    assert!(
        of(&notes[0]) == of(&notes[1]) && of(&notes[2]) == of(&notes[3]),
        "{notes:?}"
    );
}

#[tokio::test]
async fn a_job_sees_the_gpus_that_it_was_given() {
    let mut setup = setup().await;
    // Stands in for the driver's program.
    let program = setup.root.path().join("nvidia-smi");
    std::fs::write(&program, "#!/bin/sh\nprintf '0, GPU-aa\\n1, GPU-bb\\n'\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, mode).unwrap();
    let found = Machine::find(program.to_str().unwrap(), None);
    assert_eq!(found.gpus.len(), 2);
    setup.options.machine.gpus = found.gpus;
    let seen = setup.root.path().join("seen");
    let spec = |name: &str, device: &str, gpus: u32| {
        let text = format!(
            "echo {name} $CUDA_VISIBLE_DEVICES $DRIVELOOP_DEVICE >> {}; sleep 0.3; {OUTPUTS}",
            seen.display()
        );
        let mut spec = script(&text);
        (spec.name, spec.device, spec.resources.gpus) = (name.into(), device.into(), Some(gpus));
        spec
    };
    let specs = [
        spec("both", "auto", 2),
        spec("second", "cuda:1", 1),
        spec("none", "cpu", 0),
    ];
    let reports = setup.train_all(&specs).await.unwrap();
    assert!(reports.iter().all(Result::is_ok), "{reports:?}");
    let text = std::fs::read_to_string(seen).unwrap();
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "both GPU-aa,GPU-bb auto",
            "none cpu",
            "second GPU-bb cuda:0"
        ]
    );
}

#[tokio::test]
async fn what_an_orchestrator_left_is_cancelled_by_anybody() {
    let setup = setup().await;
    let spec = script(r#"touch "$DRIVELOOP_JOB_DIR/begun"; sleep 600"#);
    let job = setup.job(&spec);
    // Dropped in the middle, like one that was killed: the journal says that a worker runs.
    let begun = until("it has begun", || {
        setup.folder(&spec).join("begun").exists()
    });
    tokio::select! {
        report = train(&setup.lake, &job, &setup.options, &|_, _| ()) => panic!("{report:?}"),
        () = begun => {}
    }
    let under_way = runs_under_way(&setup.lake, &clock()).await.unwrap();
    assert_eq!((under_way.len(), under_way[0].driven), (1, Driven::No));
    let clock = clock();
    let cancelling = cancel(&setup.lake, &under_way[0].run_id, "the test", &clock);
    let run = tokio::time::timeout(Duration::from_secs(20), cancelling)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(run.state.phase.word(), "cancelled");
    let runs = setup.lake.read::<TrainingRun>(None).await.unwrap();
    assert_eq!(runs[0].state, "cancelled");
}
