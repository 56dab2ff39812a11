//! Trainers that do what they must not: each is a fault of the attempt, named, and the orchestrator goes on.

use driveloop_schemas::TrainingRun;
use driveloop_train_orchestrator::state::{EventKind, Exit};
use driveloop_train_orchestrator::{JobSpec, TrainEvent, find_run};

use crate::commands::{OUTPUTS, setup};
use crate::setup::{Setup, clock, script};

/// A job that does something in its first attempt and after it, and what it should from the second one on.
fn mends_itself(fault: &str) -> JobSpec {
    script(&format!(
        "if [ $DRIVELOOP_ATTEMPT = 1 ]; then {OUTPUTS} {fault}; exit 0; fi; {OUTPUTS}"
    ))
}

fn exits(seen: &[TrainEvent]) -> Vec<&Exit> {
    fn exit(event: &TrainEvent) -> Option<&Exit> {
        match event {
            TrainEvent::Journal(event) => match &event.kind {
                EventKind::Exited { exit, .. } => Some(exit),
                _ => None,
            },
            _ => None,
        }
    }
    seen.iter().filter_map(exit).collect()
}

#[tokio::test]
async fn what_is_no_output_is_the_trainers_fault_and_the_next_attempt_begins_clean() {
    for (fault, path, expected) in [
        (
            r#"rm "$DRIVELOOP_MODEL_OUT"; mkdir -p "$DRIVELOOP_MODEL_OUT/deep""#,
            "model.safetensors",
            "is a folder, expected a file",
        ),
        (
            r#": > "$DRIVELOOP_MODEL_OUT""#,
            "model.safetensors",
            "is empty",
        ),
        (
            r#"rm "$DRIVELOOP_MODEL_OUT"; mkfifo "$DRIVELOOP_MODEL_OUT""#,
            "model.safetensors",
            "is a pipe, expected a file",
        ),
        (
            r#"rm "$DRIVELOOP_MODEL_OUT"; ln -s /dev/zero "$DRIVELOOP_MODEL_OUT""#,
            "model.safetensors",
            "is a link, expected a file",
        ),
        (
            r#"truncate -s 1000001 "$DRIVELOOP_MODEL_OUT""#,
            "model.safetensors",
            "has 1000001 bytes, expected at most 1000000",
        ),
        (
            r#"rm "$DRIVELOOP_METRICS"; mkfifo "$DRIVELOOP_METRICS"; sleep 600"#,
            "metrics.jsonl",
            "expected a file, got a pipe",
        ),
        (
            r#"mkdir -p "$DRIVELOOP_METRICS/deep"; sleep 600"#,
            "metrics.jsonl",
            "expected a file, got a folder",
        ),
        (
            r#"rm -r "$DRIVELOOP_JOB_DIR""#,
            "model.safetensors",
            "its folder is gone",
        ),
        (
            r#"rm -r "$DRIVELOOP_JOB_DIR"; sleep 600"#,
            "is gone: the folder of the job",
            "not the trainer's to remove",
        ),
        (
            r#"rm -r "$DRIVELOOP_JOB_DIR"; touch "$DRIVELOOP_JOB_DIR""#,
            "model.safetensors",
            "its folder is gone",
        ),
    ] {
        let mut setup = setup().await;
        setup.options.limits.output_bytes_max = 1_000_000;
        let spec = mends_itself(fault);
        let (report, seen) = setup.train_and_watch(&spec).await;
        let report = report.unwrap_or_else(|error| panic!("{fault}: {error}"));
        assert_eq!(report.attempts, 2, "{fault}");
        let [Exit::UserError { reason, .. }, Exit::Success] = exits(&seen)[..] else {
            panic!("{fault}: {seen:?}")
        };
        assert!(
            reason.contains(path) && reason.contains(expected),
            "{fault}: {reason}"
        );
        let run = find_run(&setup.lake, "scripted", &clock()).await.unwrap();
        assert_eq!((run.state.user_errors, run.state.lost_workers), (1, 0));
    }
}

#[tokio::test]
async fn folders_in_the_way_of_what_is_handed_to_a_trainer_are_cleared() {
    let setup = setup().await;
    let mut first = script(OUTPUTS);
    first.name = "first".into();
    let mut second = mends_itself(
        r#"rm -r "$DRIVELOOP_CHECKPOINT_DIR"; touch "$DRIVELOOP_CHECKPOINT_DIR"
        rm -r "$DRIVELOOP_JOB_DIR/after"; touch "$DRIVELOOP_JOB_DIR/after"
        rm "$DRIVELOOP_MODEL_OUT""#,
    );
    second.after = vec!["first".into()];
    let reports = setup.train_all(&[first, second]).await.unwrap();
    assert_eq!(reports[1].as_ref().unwrap().attempts, 2, "{reports:?}");
}

#[tokio::test]
async fn others_go_on_where_one_removes_its_folder_for_good() {
    let setup = setup().await;
    let mut broken = script(r#"rm -r "$DRIVELOOP_JOB_DIR"; exit 0"#);
    broken.name = "broken".into();
    let other = script(&format!("sleep 0.5; {OUTPUTS}"));
    let reports = setup.train_all(&[broken, other]).await.unwrap();
    let error = reports[0].as_ref().unwrap_err().to_string();
    assert!(
        error.contains("failed after 2 attempts: exit status 0, but no"),
        "{error}"
    );
    assert!(reports[1].is_ok(), "{reports:?}");
}

#[tokio::test]
async fn each_field_of_the_metrics_is_read_and_what_is_of_no_use_is_said_once() {
    let setup = setup().await;
    let spec = script(&format!(
        r#"say() {{ echo "$1" >> "$DRIVELOOP_METRICS"; }}
        say '{{"step":100.0,"epoch":0.25,"loss":"0.7","device":"cpu"}}'
        say '{{"step":-3,"loss":NaN,"event":"checkpoint"}}'
        say '{{"step":110,"loss":NaN,"epoch":[1],"event":"checkpoint","deep":{{"a":[{{}}]}}}}'
        say 'nonsense'
        say '[1]'
        {OUTPUTS}"#
    ));
    let (report, seen) = setup.train_and_watch(&spec).await;
    assert_eq!(report.unwrap().step, 110);
    let lines: Vec<_> = seen
        .iter()
        .filter_map(|event| match event {
            TrainEvent::Metrics(line) => Some((line.step, line.epoch, line.loss)),
            _ => None,
        })
        .collect();
    let expected = [
        (Some(100), Some(0.25), Some(0.7)),
        (None, None, None),
        (Some(110), None, None),
    ];
    assert_eq!(lines, expected);
    let said: Vec<_> = seen
        .iter()
        .filter_map(|event| match event {
            TrainEvent::MetricsUnused { what, text } => Some(format!("{what}={text}")),
            _ => None,
        })
        .collect();
    assert_eq!(
        said,
        [
            "step=-3",
            "loss=\"NaN\"",
            "epoch=[1]",
            "a line that is no JSON object=nonsense"
        ]
    );
    let runs = setup.lake.read::<TrainingRun>(None).await.unwrap();
    assert_eq!(
        runs[0].metrics_unused.as_deref(),
        Some("a line that is no JSON object: 2, epoch: 1, loss: 2, step: 1")
    );
    let run = find_run(&setup.lake, "scripted", &clock()).await.unwrap();
    assert_eq!(run.state.checkpoint_step, 110);
}

#[tokio::test]
async fn a_metrics_file_that_is_written_anew_is_a_sign_of_life() {
    let setup = setup().await;
    let mut spec = script(&format!(
        r#"for step in $(seq 10 50); do
            echo "{{\"step\": $step}}" > "$DRIVELOOP_METRICS"; sleep 0.2
        done; {OUTPUTS}"#
    ));
    // Shorter than the whole, longer than what a busy machine makes of one step.
    spec.heartbeat_timeout_s = 6.0;
    let (report, seen) = setup.train_and_watch(&spec).await;
    assert_eq!(report.unwrap().attempts, 1);
    let steps: Vec<_> = seen
        .iter()
        .filter_map(|event| match event {
            TrainEvent::Metrics(line) => line.step,
            _ => None,
        })
        .collect();
    // A look may come too late for a line that was written over.
    assert!(steps.is_sorted() && steps.len() >= 10, "{steps:?}");
}

#[tokio::test]
async fn what_a_trainer_prints_cannot_fill_the_disk() {
    let mut setup = setup().await;
    setup.options.limits.log_head_bytes = 1000;
    setup.options.limits.log_tail_bytes = 2000;
    let mut spec = script(
        "echo it begins; head -c 30000000 /dev/zero | tr '\\0' x; echo; echo it ends; exit 3",
    );
    spec.retries.user_errors = 0;
    let error = setup.train(&spec).await.unwrap_err().to_string();
    assert!(error.ends_with("\nit ends"), "{error}");
    let log = std::fs::read_to_string(setup.folder(&spec).join("attempt-1.log")).unwrap();
    assert_eq!(log.len(), 3064);
    assert!(log.starts_with("it begins\nxxx"), "{log}");
    // 30,000,019 bytes less those that are kept.
    let expected = "\n[driveloop: 29997019 bytes were cut here";
    assert_eq!(log.find(expected), Some(1000), "{log}");
    assert!(log.ends_with("xxx\nit ends\n"), "{log}");
}

/// The classes of the attempts of a job, with the reasons.
async fn classes(setup: &Setup, spec: &JobSpec) -> Vec<String> {
    let (_, seen) = setup.train_and_watch(spec).await;
    let class = |exit: &&Exit| match exit {
        Exit::UserError { reason, .. } => format!("user error: {reason}"),
        Exit::Lost { reason, .. } => format!("lost: {reason}"),
        Exit::OutOfMemory { reason, .. } => format!("out of memory: {reason}"),
        Exit::Preempted { reason } => format!("preempted: {reason}"),
        other => format!("{other:?}"),
    };
    exits(&seen).iter().map(class).collect()
}

#[tokio::test]
async fn a_signal_behind_a_shell_is_of_the_class_of_the_signal() {
    let setup = setup().await;
    let spec = script(&format!(
        "case $DRIVELOOP_ATTEMPT in
            1) sh -c 'kill -9 $$'; exit $?;;
            2) sh -c 'kill -15 $$'; exit $?;;
            3) exit 7;;
            4) kill -9 $$;;
        esac; {OUTPUTS}"
    ));
    let classes = classes(&setup, &spec).await;
    let expected = [
        "lost: exit status 137: killed by signal 9, as a shell says it",
        "preempted: exit status 143: killed by signal 15, as a shell says it",
        "user error: exit status 7",
        "lost: killed by signal 9",
        "Success",
    ];
    assert_eq!(classes, expected);
}

#[tokio::test]
async fn a_kill_for_want_of_memory_is_a_class_of_its_own() {
    let mut setup = setup().await;
    // Stands in for the kernel's file: it counts when the trainer is killed.
    let counter = setup.root.path().join("memory.events");
    std::fs::write(&counter, "oom_kill 4\n").unwrap();
    setup.options.memory_events = Some(counter.clone());
    let mut spec = script(&format!(
        "test $DRIVELOOP_ATTEMPT = 1 && kill -9 $$
        echo oom_kill $((4 + DRIVELOOP_ATTEMPT)) > {}
        test $DRIVELOOP_ATTEMPT = 2 && kill -9 $$
        sh -c 'kill -9 $$'; exit $?",
        counter.display()
    ));
    spec.retries.out_of_memory = 1;
    spec.retries.lost_workers = 1;
    let classes = classes(&setup, &spec).await;
    assert_eq!(classes.len(), 3, "{classes:?}");
    assert_eq!(classes[0], "lost: killed by signal 9");
    assert!(
        classes[1].starts_with("out of memory: killed by signal 9, while")
            && classes[1].contains("memory.events counted 2 kills for want of memory"),
        "{classes:?}"
    );
    assert!(
        classes[2].starts_with("out of memory: exit status 137")
            && classes[2].contains("counted 1 kill for"),
        "{classes:?}"
    );
    let runs = setup.lake.read::<TrainingRun>(None).await.unwrap();
    let reason = runs[0].reason.as_deref().unwrap();
    assert!(
        reason.contains("a smaller batch, or more memory"),
        "{reason}"
    );
}
