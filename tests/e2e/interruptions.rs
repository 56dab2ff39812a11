//! Trainings whose wall clock is set, that are paused, and that are asked to end by a signal: the ledger is right, and they go on.
//!
//! The wall clock is set by `peers/clock_shim.c`, which is compiled here and preloaded into `driveloop` and all that it starts. What
//! a run should have taken is measured by the trainer itself, from `/proc/uptime`.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Bench, Place, Run, peer};
use crate::killed_training::{bench_with_dataset, journal, number};
use crate::orchestrators::{OUTPUTS, ended, script, until};

/// What is booked of a worker beyond its own account of its time: its start, and the look at which its end is noticed. With the
/// 16 s that the trainer takes this is 1.2 %; the bound is absolute, as what it allows for does not grow with the run.
const UNSEEN_MAX_S: f64 = 0.2;

/// A trainer that takes its time, notes when it began and ended, and says each fifth of a second that it lives.
fn timed_trainer(steps: u32, outputs: &str) -> String {
    format!(
        r#"read up idle < /proc/uptime; echo $up > "$DRIVELOOP_JOB_DIR/begun"
        step=0; while [ $step -lt {steps} ]; do
            step=$((step+1)); echo "{{\"step\": $step}}" >> "$DRIVELOOP_METRICS"; sleep 0.2
        done
        {outputs}
        read up idle < /proc/uptime; echo $up > "$DRIVELOOP_JOB_DIR/ended""#
    )
}

/// A wall clock that can be set.
struct SetClock {
    shim: PathBuf,
    errors: PathBuf,
}

impl SetClock {
    fn new(bench: &Bench) -> Self {
        let (shim, errors) = (bench.path("clock_shim.so"), bench.path("clock"));
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"])
            .args([&shim, &peer("clock_shim.c")])
            .status();
        assert!(compiled.expect("a C compiler").success());
        let clock = Self { shim, errors };
        clock.set(0);
        clock
    }

    fn set(&self, error_s: i64) {
        let new = self.errors.with_extension("new");
        std::fs::write(&new, error_s.to_string()).expect("a file");
        std::fs::rename(&new, &self.errors).expect("the same folder");
    }

    fn start(&self, bench: &Bench) -> Child {
        let mut command = bench.command(&["train", "job.toml"]);
        command
            .env("LD_PRELOAD", &self.shim)
            .env("CLOCK_SHIM", &self.errors)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().expect("the binary starts")
    }
}

/// A file that the job `timed` left in its folder, as a number.
fn noted_s(bench: &Bench, name: &str) -> Option<f64> {
    let jobs = std::fs::read_dir(bench.path("lake-work/jobs"))
        .ok()?
        .flatten();
    let mut notes = jobs.filter_map(|job| std::fs::read_to_string(job.path().join(name)).ok());
    notes.find_map(|note| note.trim().parse().ok())
}

fn is_begun(bench: &Bench) -> bool {
    noted_s(bench, "begun").is_some()
}

/// A column of the run of the job `timed`.
fn timed(bench: &Bench, column: &str) -> f64 {
    let sql = format!("SELECT {column} FROM training_run WHERE name = 'timed'");
    bench.cell(&sql).parse().expect("a number")
}

#[test]
fn a_wall_clock_that_is_set_by_an_hour_changes_nothing() {
    let bench = bench_with_dataset();
    let head = "name = 'timed'\nheartbeat_timeout_s = 3.0\nretries = { user_errors = 0, lost_workers = 0 }";
    script(&bench, "job.toml", head, &timed_trainer(75, OUTPUTS));
    let clock = SetClock::new(&bench);
    let begun = Instant::now();
    let child = clock.start(&bench);
    until("it has begun", || is_begun(&bench));
    for error_s in [3600, -3600, 0, 3600] {
        std::thread::sleep(Duration::from_secs(3));
        clock.set(error_s);
    }
    let run = ended(child);
    let measured_s = begun.elapsed().as_secs_f64();
    assert_eq!(run.status, 0, "{}", run.stderr);

    let took_s =
        noted_s(&bench, "ended").expect("a note") - noted_s(&bench, "begun").expect("a note");
    assert!((15.0..25.0).contains(&took_s), "{took_s}");
    let busy_s = timed(&bench, "productive_s + lost_s");
    let wall_s = timed(&bench, "wall_s");
    eprintln!(
        "the trainer took {took_s:.3} s, booked are {busy_s:.3} s of {wall_s:.3} s; outside {measured_s:.3} s"
    );
    assert!((busy_s - took_s).abs() <= UNSEEN_MAX_S, "{busy_s} {took_s}");
    assert!(
        wall_s >= busy_s && wall_s <= measured_s,
        "{wall_s} {measured_s}"
    );
    assert_eq!(timed(&bench, "attempts"), 1.0);
    assert!(timed(&bench, "abs(productive_s + lost_s + waiting_s - wall_s)") < 1e-9);
    assert!((timed(&bench, "cpu_hours_reserved") * 3600.0 - busy_s).abs() < 1e-6);
    // The clock was set indeed: without this, nothing was tested.
    let stamps = journal(&bench.path("lake"), "timed");
    let stamps: Vec<_> = stamps
        .iter()
        .filter_map(|event| event["at_ns"].as_i64())
        .collect();
    let jumped = stamps
        .windows(2)
        .any(|pair| pair[1] - pair[0] > 3_500_000_000_000);
    assert!(jumped, "{stamps:?}");
}

#[test]
fn a_pause_is_waiting_whatever_the_wall_clock_says() {
    const PAUSE: Duration = Duration::from_secs(5);
    let bench = bench_with_dataset();
    let head = "name = 'timed'\nheartbeat_timeout_s = 3.0\nretries = { user_errors = 0, lost_workers = 0 }";
    script(&bench, "job.toml", head, &timed_trainer(10, OUTPUTS));
    let clock = SetClock::new(&bench);
    let begun = Instant::now();
    let mut child = clock.start(&bench);
    until("it has begun", || is_begun(&bench));
    std::thread::sleep(Duration::from_secs(1));
    clock.set(3600);
    child.kill().expect("SIGKILL");
    child.wait().expect("it ends");
    std::thread::sleep(PAUSE);
    clock.set(-3600);
    let run = ended(clock.start(&bench));
    let measured_s = begun.elapsed().as_secs_f64();
    assert_eq!(run.status, 0, "{}", run.stderr);

    let took_s =
        noted_s(&bench, "ended").expect("a note") - noted_s(&bench, "begun").expect("a note");
    let (productive_s, lost_s, waiting_s, wall_s) = (
        timed(&bench, "productive_s"),
        timed(&bench, "lost_s"),
        timed(&bench, "waiting_s"),
        timed(&bench, "wall_s"),
    );
    eprintln!(
        "productive {productive_s:.2} s, lost {lost_s:.2} s, waiting {waiting_s:.2} s of {wall_s:.2} s; outside {measured_s:.2} s"
    );
    assert_eq!(timed(&bench, "attempts"), 2.0);
    assert!(
        (productive_s - took_s).abs() < 2.0 * UNSEEN_MAX_S,
        "{took_s}"
    );
    // The first worker lived for a second, and the system may need a moment to start and to kill it.
    assert!((0.8..2.0).contains(&lost_s), "{lost_s}");
    assert!(
        waiting_s >= PAUSE.as_secs_f64() && wall_s <= measured_s,
        "{waiting_s} {wall_s}"
    );
}

#[expect(unsafe_code, reason = "std sends no other signal than SIGKILL")]
fn signal(child: &Child, signal: i32) {
    let process = i32::try_from(child.id()).expect("a process number");
    // SAFETY: kill takes two integers; the process is a child whose status was not taken.
    unsafe {
        libc::kill(process, signal);
    }
}

/// The step of the last line of metrics of the only run.
fn last_step(bench: &Bench) -> Option<u64> {
    let jobs = std::fs::read_dir(bench.path("lake-work/jobs"))
        .ok()?
        .flatten();
    let metrics =
        jobs.filter_map(|job| std::fs::read_to_string(job.path().join("metrics.jsonl")).ok());
    let steps = metrics.last()?;
    let line: serde_json::Value = serde_json::from_str(steps.lines().last()?).ok()?;
    line["step"].as_u64()
}

/// The built-in trainer writes no checkpoint of its own accord: each is one of the last moment.
#[test]
fn a_signal_is_handed_on_and_the_training_goes_on_from_its_last_moment() {
    let bench = bench_with_dataset();
    let job = "name = 'forecaster'\ndataset = 'small'\ndevice = 'cpu'\ncheckpoint_every_steps = 1000000\n\
               [params]\nsteps_max = 2000\nbatch = 128\npatience = 1000000\n";
    bench.write("job.toml", job);
    let place = Place::local("lake");
    let mut reached = 0;
    for (number, name, status) in [
        (libc::SIGTERM, "SIGTERM", 143),
        (libc::SIGINT, "SIGINT", 130),
    ] {
        let mut command = bench.command(&["train", "job.toml"]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().expect("the binary starts");
        until("it makes steps", || {
            last_step(&bench).is_some_and(|step| step >= reached + 40)
        });
        signal(&child, number);
        let run: Run = ended(child);
        assert_eq!(
            (run.status, run.stdout.as_str()),
            (status, ""),
            "{}",
            run.stderr
        );
        let expected = format!("interrupted by {name}");
        assert!(
            run.stderr.contains(&expected) && run.stderr.contains("hint: the same command goes on"),
            "{}",
            run.stderr
        );
        let events = journal(&bench.path("lake"), "forecaster");
        let last = events.last().expect("an entry");
        assert_eq!(last["exit"]["exit"], "interrupted", "{last}");
        let mut steps = events
            .iter()
            .filter(|event| event["event"] == "checkpointed");
        let step = steps.next_back().expect("a checkpoint of the last moment")["step"].as_u64();
        assert!(step.is_some_and(|step| step >= reached + 40), "{step:?}");
        reached = step.expect("a step");
    }
    std::thread::sleep(Duration::from_secs(2));
    let run = bench.run(&["train", "job.toml"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let begun = |event: &&serde_json::Value| event["event"] == "stepping";
    let events = journal(&bench.path("lake"), "forecaster");
    let last = events.iter().rfind(begun).expect("an entry");
    assert_eq!(
        last["step"].as_u64(),
        Some(reached),
        "no step is done again"
    );
    assert_eq!(number(&bench, &place, "attempts"), 3.0);
    assert!(number(&bench, &place, "waiting_s") >= 2.0);
}
