//! Clocks that are set, pauses, and what the processes of a run used.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use driveloop_schemas::TrainingRun;
use driveloop_train_orchestrator::{Clock, Error, Gpu, Stop, find_run, train};

use crate::commands::{OUTPUTS, setup};
use crate::setup::{clock, monotonic_ns, script, until, wall_ns};

const HOUR_NS: i64 = 3_600_000_000_000;

#[tokio::test]
async fn a_wall_clock_that_is_set_while_a_worker_runs_changes_nothing() {
    let mut setup = setup().await;
    let error_ns = Arc::new(AtomicI64::new(0));
    let wall = Arc::clone(&error_ns);
    setup.options.clock = Clock::new(
        move || wall_ns() + wall.load(Ordering::SeqCst),
        monotonic_ns,
    );
    let mut spec = script(&format!(
        r#"for step in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
            echo "{{\"step\": $step, \"event\": \"checkpoint\"}}" >> "$DRIVELOOP_METRICS"; sleep 0.1
        done
        test $DRIVELOOP_ATTEMPT = 2 || exit 1; {OUTPUTS}"#
    ));
    spec.heartbeat_timeout_s = 60.0;
    let setting = async {
        for error_ns_now in [HOUR_NS, -HOUR_NS, 0, -HOUR_NS, HOUR_NS]
            .into_iter()
            .cycle()
        {
            tokio::time::sleep(Duration::from_millis(300)).await;
            error_ns.store(error_ns_now, Ordering::SeqCst);
        }
    };
    let begun = Instant::now();
    let report = tokio::select! {
        report = setup.train(&spec) => report.unwrap(),
        () = setting => unreachable!(),
    };
    let measured_s = begun.elapsed().as_secs_f64();
    assert_eq!(report.attempts, 2, "the attempt that failed, and one more");
    // The two workers slept for two seconds each; what is booked of them beyond that are their starts and looks at them.
    let busy_s = report.productive_s + report.lost_s;
    assert!(busy_s >= 4.0 && busy_s <= measured_s, "{report:?}");
    assert!(report.wall_s <= measured_s, "{report:?} {measured_s}");
    let sum_s = busy_s + report.waiting_s;
    assert!((sum_s - report.wall_s).abs() < 1e-9);
}

#[tokio::test]
async fn a_pause_after_a_kill_is_waiting() {
    let setup = setup().await;
    let begun = setup.root.path().join("begun");
    let spec = script(&format!(
        "if ! test -e {begun}; then touch {begun}; sleep 600; fi; {OUTPUTS}",
        begun = begun.display()
    ));
    let job = setup.job(&spec);
    // Dropped in the middle, like one that was killed.
    tokio::select! {
        report = setup.train(&spec) => panic!("{report:?}"),
        () = async {
            until("it has begun", || begun.exists()).await;
            tokio::time::sleep(Duration::from_millis(1500)).await;
        } => {}
    }
    let pause = Duration::from_secs(4);
    tokio::time::sleep(pause).await;
    let report = train(&setup.lake, &job, &setup.options, &|_, _| ())
        .await
        .unwrap();
    assert_eq!(report.attempts, 2);
    // It lived for 1.5 s, and was noted to live each second.
    assert!((0.9..3.5).contains(&report.lost_s), "{report:?}");
    assert!(report.waiting_s >= 3.9, "{report:?}");
}

#[tokio::test]
async fn an_orchestrator_that_is_asked_to_end_hands_it_on_and_can_be_gone_on_with() {
    let mut setup = setup().await;
    // Ends when it is asked to, with a checkpoint; the second attempt finds that.
    let spec = script(&format!(
        r#"if ! test -e "$DRIVELOOP_CHECKPOINT_DIR/last"; then
            trap 'touch "$DRIVELOOP_CHECKPOINT_DIR/last"; echo "{{\"event\":\"checkpoint\",\"step\":5}}" >> "$DRIVELOOP_METRICS"; exit 0' TERM
            echo "{{\"step\":0}}" >> "$DRIVELOOP_METRICS"; touch "$DRIVELOOP_JOB_DIR/begun"
            sleep 60 & wait
        fi
        {OUTPUTS}"#
    ));
    let begun = setup.folder(&spec).join("begun");
    let stop = setup.options.stop.clone();
    assert!(!stop.is_heard());
    let asking = async {
        until("it has begun", || begun.exists()).await;
        assert!(stop.is_heard());
        stop.ask("SIGTERM");
    };
    let (error, ()) = tokio::join!(setup.train(&spec), asking);
    let error = error.unwrap_err();
    assert!(
        matches!(&error, Error::Interrupted { by, step: 5, .. } if by == "SIGTERM"),
        "{error}"
    );
    assert!(!stop.is_heard());
    assert!(
        setup
            .lake
            .read::<TrainingRun>(None)
            .await
            .unwrap()
            .is_empty()
    );
    tokio::time::sleep(Duration::from_secs(2)).await;

    // Nothing is begun by one that was asked to end before.
    let error = setup.train(&spec).await.unwrap_err();
    assert!(matches!(error, Error::Interrupted { .. }), "{error}");
    setup.options.stop = Stop::default();
    let report = setup.train(&spec).await.unwrap();
    assert_eq!(report.attempts, 2);
    assert!(report.waiting_s >= 2.0, "{report:?}");
    let state = find_run(&setup.lake, "scripted", &clock())
        .await
        .unwrap()
        .state;
    assert_eq!((state.checkpoint_step, state.preemptions), (5, 0));
    assert_eq!((state.user_errors, state.lost_workers), (0, 0));
}

#[tokio::test]
async fn one_that_does_not_end_is_killed_after_its_grace() {
    let setup = setup().await;
    let mut spec =
        script(r#"trap '' TERM; touch "$DRIVELOOP_JOB_DIR/begun"; while :; do sleep 0.1; done"#);
    spec.grace_s = 0.5;
    let begun = setup.folder(&spec).join("begun");
    let asked = async {
        until("it has begun", || begun.exists()).await;
        setup.options.stop.ask("the test");
        Instant::now()
    };
    let (error, asked) = tokio::join!(setup.train(&spec), asked);
    assert!(matches!(error, Err(Error::Interrupted { .. })), "{error:?}");
    let took_s = asked.elapsed().as_secs_f64();
    assert!((0.5..5.0).contains(&took_s), "{took_s}");
}

/// CPU seconds of a run, by its row.
async fn cpu_s(text: &str) -> (f64, f64) {
    let setup = setup().await;
    let report = setup.train(&script(text)).await.unwrap();
    let runs = setup.lake.read::<TrainingRun>(None).await.unwrap();
    assert_eq!(runs[0].cpu_hours, report.cpu_hours);
    let busy_s = report.productive_s + report.lost_s;
    (runs[0].cpu_hours * 3600.0, busy_s)
}

#[tokio::test]
async fn what_gpus_did_is_sampled_where_there_is_a_driver() {
    let mut setup = setup().await;
    // Stands in for the driver's program, which samples once a second.
    let program = setup.root.path().join("nvidia-smi");
    let text = "#!/bin/sh\ntest \"$3\" = --id=GPU-bb || exit 1\n\
                while :; do echo 'GPU-bb, 50'; echo 'GPU-bb, [N/A]'; sleep 1; done\n";
    std::fs::write(&program, text).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, mode).unwrap();
    let gpu = |index, uuid: &str| Gpu {
        index,
        uuid: uuid.into(),
    };
    setup.options.machine.gpus = vec![gpu(0, "GPU-aa"), gpu(1, "GPU-bb")];
    setup.options.nvidia_smi = Some(program.to_str().unwrap().into());
    let mut spec = script(&format!("sleep 3.5; {OUTPUTS}"));
    spec.device = "cuda:1".into();
    let report = setup.train(&spec).await.unwrap();
    let busy_s = report.gpu_hours_busy.unwrap() * 3600.0;
    // Four samples of half a second; on a machine that is busy, one fewer or more.
    assert!((1.5..=2.5).contains(&busy_s), "{report:?}");
    spec.name = "none".into();
    (spec.device, spec.resources.gpus) = ("cpu".into(), Some(0));
    assert_eq!(setup.train(&spec).await.unwrap().gpu_hours_busy, None);
}

/// Computes for a second of CPU time, by the trainer's own account of it.
const COMPUTE: &str = r"python3 -c '
import time
while time.process_time() < 1.0: pass
'";

#[tokio::test]
async fn cpu_time_is_what_the_processes_used() {
    let (cpu, busy) = cpu_s(&format!("sleep 2; {OUTPUTS}")).await;
    assert!(cpu < 0.5 && busy >= 2.0, "it slept: {cpu} of {busy}");
    let (cpu, busy) = cpu_s(&format!("{COMPUTE}; {OUTPUTS}")).await;
    assert!(
        (1.0..1.6).contains(&cpu),
        "a child computed: {cpu} of {busy}"
    );
    let (cpu, busy) = cpu_s(&format!("{COMPUTE} & {COMPUTE} & wait; {OUTPUTS}")).await;
    assert!((2.0..3.0).contains(&cpu), "two computed: {cpu} of {busy}");
    // Nobody takes the status of the one that is killed with its group, or of the one that left it.
    let ready = r#"while ! test -e "$DRIVELOOP_JOB_DIR/ready"; do sleep 0.01; done"#;
    let forever = r#"python3 -c '
import os, time
while time.process_time() < 1.0: pass
open(os.environ["DRIVELOOP_JOB_DIR"] + "/ready", "w")
time.sleep(600)
'"#;
    for start in ["", "setsid "] {
        let (cpu, busy) = cpu_s(&format!("{start}{forever} & {ready}; {OUTPUTS}")).await;
        assert!((1.0..1.8).contains(&cpu), "{start}: {cpu} of {busy}");
    }
}
