//! Logs that keep landing are taken up when they are whole, whatever becomes of the watch in between.

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::contents::Contents;
use crate::harness::{Bench, Place};

/// A watch that looks every second. It is killed when the test is done with it.
struct Watch(Child);

impl Watch {
    fn start(bench: &Bench, more: &[&str]) -> Self {
        let arguments = [&["ingest", "landing", "--watch", "--every", "1"], more].concat();
        let mut command = bench.command(&arguments);
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().expect("the binary starts"))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What `status --ingest` says.
struct Status {
    /// Drives taken up, logs that are not whole, and drives that failed; zeros where there is no watch yet.
    counts: [u64; 3],
    text: String,
}

impl Status {
    fn of(bench: &Bench) -> Self {
        let text = bench
            .run(&["status", "--ingest", "--format", "json"])
            .stdout;
        let row: serde_json::Value = text
            .lines()
            .next()
            .and_then(|row| serde_json::from_str(row).ok())
            .unwrap_or_default();
        let counts =
            ["taken", "waiting", "failed"].map(|name| row[name].as_u64().unwrap_or_default());
        Self { counts, text }
    }

    /// Waits until it has these counts.
    fn wait_for(bench: &Bench, counts: [u64; 3]) -> Self {
        let begun = Instant::now();
        loop {
            let status = Self::of(bench);
            if status.counts == counts {
                return status;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(120),
                "no {counts:?} in\n{}",
                status.text
            );
            std::thread::sleep(Duration::from_millis(300));
        }
    }
}

#[test]
fn a_log_is_taken_up_when_it_is_whole_and_a_killed_watch_goes_on() {
    let bench = Bench::new();
    bench.simulate(2, 10, 6, "logs");
    let log = |k: u32| fs::read(bench.path(&format!("logs/sim-6-000{k}.mcap"))).expect("a log");
    fs::create_dir(bench.path("landing")).expect("a folder");
    let land = |k: u32, bytes: &[u8]| {
        fs::write(bench.path(&format!("landing/sim-6-000{k}.mcap")), bytes).expect("it is written");
    };

    let watch = Watch::start(&bench, &[]);
    let first = log(0);
    // A log that grows from look to look is left alone.
    let grown_until = Instant::now() + Duration::from_secs(4);
    let mut end = first.len() / 2;
    while Instant::now() < grown_until {
        end = (end + 100).min(first.len());
        land(0, &first[..end]);
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(Status::of(&bench).counts, [0, 1, 0]);
    land(0, &first);
    fs::write(bench.path("landing/torn.mcap"), b"no log at all").expect("it is written");
    let status = Status::wait_for(&bench, [1, 0, 1]).text;
    assert!(status.contains("torn.mcap"), "{status}");
    drop(watch);

    // While it is down another log lands; the next watch takes up that one alone.
    land(1, &log(1));
    let watch = Watch::start(&bench, &[]);
    Status::wait_for(&bench, [2, 0, 1]);
    let note = bench.run(&["status"]).stderr;
    assert!(
        note.contains("2 drives taken up, 1 failed; looked"),
        "{note}"
    );
    drop(watch);

    let fresh = Place::local("fresh");
    fs::remove_file(bench.path("landing/torn.mcap")).expect("it was there");
    bench.ok_at(&fresh, &["ingest", "landing"]);
    let expected = Contents::of(&bench, &fresh);
    Contents::of(&bench, &Place::local("lake")).assert_equals(&expected);
}

#[test]
fn a_marker_says_that_a_log_is_whole() {
    let bench = Bench::new();
    bench.simulate(1, 10, 6, "logs");
    fs::create_dir(bench.path("landing")).expect("a folder");
    let log = fs::read(bench.path("logs/sim-6-0000.mcap")).expect("a log");
    fs::write(bench.path("landing/sim-6-0000.mcap"), log).expect("it is written");
    let _watch = Watch::start(&bench, &["--marker", ".done"]);
    Status::wait_for(&bench, [0, 1, 0]);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(Status::of(&bench).counts, [0, 1, 0]);
    fs::write(bench.path("landing/sim-6-0000.mcap.done"), "").expect("it is written");
    Status::wait_for(&bench, [1, 0, 0]);
}
