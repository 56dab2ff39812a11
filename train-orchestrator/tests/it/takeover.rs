//! Orchestrators of two machines: what one has is not taken from it while it lives, and is taken over when it is dead.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use driveloop_train_orchestrator::{Clock, Error, TrainOptions, train};

use crate::commands::{OUTPUTS, setup};
use crate::setup::{Setup, monotonic_ns, script, until, wall_ns};

/// The options of another machine: it shares neither folders nor processes with this one, and somebody sets its wall clock by
/// an hour again and again.
fn other_machine(setup: &Setup) -> TrainOptions {
    let mut options = setup.options.clone();
    options.host = "elsewhere/boot".into();
    options.work_dir = setup.root.path().join("elsewhere");
    let reads = AtomicUsize::new(0);
    let wrong_by_hours = move || [0, 1, -1][reads.fetch_add(1, Ordering::SeqCst) % 3];
    let wall_ns = move || wall_ns() + wrong_by_hours() * 3_600_000_000_000;
    options.clock = Clock::new(wall_ns, monotonic_ns);
    options
}

#[tokio::test]
async fn one_that_lives_keeps_its_run_for_longer_than_the_lease() {
    let mut setup = setup().await;
    setup.options.lease = Duration::from_millis(600);
    let notes = setup.root.path().join("notes");
    let spec = script(&format!(
        "echo begins >> {}; sleep 2; {OUTPUTS}",
        notes.display()
    ));
    let other = other_machine(&setup);
    let job = setup.job(&spec);
    let (first, second) = tokio::join!(setup.train(&spec), async {
        until("the first has begun", || notes.exists()).await;
        train(&setup.lake, &job, &other, &|_, _| ()).await
    });
    assert_eq!(first.unwrap().model_id, second.unwrap().model_id);
    assert_eq!(std::fs::read_to_string(&notes).unwrap(), "begins\n");
}

#[tokio::test]
async fn one_that_is_dead_is_taken_over_after_the_lease() {
    let mut setup = setup().await;
    let lease = Duration::from_millis(1500);
    setup.options.lease = lease;
    let begun = setup.root.path().join("begun");
    let spec = script(&format!(
        "if ! test -e {begun}; then touch {begun}; sleep 600; fi; {OUTPUTS}",
        begun = begun.display()
    ));
    let job = setup.job(&spec);
    tokio::select! {
        report = setup.train(&spec) => panic!("{report:?}"),
        () = until("it has begun", || begun.exists()) => {}
    }
    let died = Instant::now();
    let other = other_machine(&setup);
    let report = train(&setup.lake, &job, &other, &|_, _| ()).await.unwrap();
    assert_eq!(report.attempts, 2);
    assert!(died.elapsed() >= lease, "not before the lease was over");
}

#[tokio::test]
async fn one_that_was_taken_over_stops() {
    let mut setup = setup().await;
    // It beats more rarely than the other one has patience.
    setup.options.lease = Duration::from_mins(1);
    let mut hasty = other_machine(&setup);
    hasty.lease = Duration::from_secs(2);
    let begun = setup.root.path().join("begun");
    let spec = script(&format!(
        "if ! test -e {begun}; then echo $$ > {begun}; sleep 600; fi; {OUTPUTS}",
        begun = begun.display()
    ));
    let job = setup.job(&spec);
    let (first, second) = tokio::join!(setup.train(&spec), async {
        until("it has begun", || begun.exists()).await;
        train(&setup.lake, &job, &hasty, &|_, _| ()).await
    });
    assert!(matches!(first, Err(Error::Busy { .. })), "{first:?}");
    assert!(second.is_ok(), "{second:?}");
    let process = std::fs::read_to_string(&begun).unwrap();
    until("its worker is dead", || {
        !crate::setup::is_alive(process.trim())
    })
    .await;
}
