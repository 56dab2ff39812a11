//! An ingest that is killed at a random moment shows whole drives alone, and run again ends in the tables of an unbroken one.
//!
//! `DRIVELOOP_KILLS` is the number of kills of each test; without it they are as many as take about a minute together.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use driveloop_tests::{FaultyProxy, S3Server, setting};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use crate::contents::Contents;
use crate::harness::{Bench, Place};

/// Three commits of several tables each: one takes 64 drives (`ingest::Limits::commit_drives_max`).
const DRIVES: usize = 140;
const INGEST: [&str; 2] = ["ingest", "logs"];
/// How long a request of a killed process may still be at work in the store.
const SETTLE: Duration = Duration::from_millis(300);

fn bench() -> Bench {
    let bench = Bench::new();
    bench.simulate(DRIVES, 3, 5, "logs");
    bench
}

fn ingest(bench: &Bench, place: &Place) -> Child {
    let mut command = bench.command_at(place, &INGEST);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().expect("the binary starts")
}

/// Kills ingests into new lakes, and checks what is there then, and after another run.
///
/// `write` is the place through which a number's lake is written, `read` the one through which it is looked at.
fn kill(bench: &Bench, kills: usize, write: &dyn Fn(&str) -> Place, read: &dyn Fn(&str) -> Place) {
    let (unbroken, begun) = (write("unbroken"), Instant::now());
    bench.ok_at(&unbroken, &INGEST);
    let duration = begun.elapsed();
    let expected = Contents::of(bench, &read("unbroken"));
    assert_eq!(expected.drives().len(), DRIVES);
    assert!(expected.rows() > 10_000, "{} rows", expected.rows());
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut visible = Vec::new();
    for index in 0..kills {
        let name = format!("killed-{index}");
        let mut child = ingest(bench, &write(&name));
        std::thread::sleep(duration.mul_f64(rng.random()));
        child.kill().expect("SIGKILL");
        child.wait().expect("it ends");
        std::thread::sleep(SETTLE);
        let left = Contents::of(bench, &read(&name));
        left.assert_is_whole_drives_of(&expected);
        visible.push(left.drives().len());
        bench.ok_at(&write(&name), &INGEST);
        Contents::of(bench, &read(&name)).assert_equals(&expected);
    }
    visible.sort_unstable();
    eprintln!("{kills} kills within {duration:.1?}; drives visible after each: {visible:?}");
    assert!(visible[0] < DRIVES, "a kill came before the end");
}

#[test]
fn on_local_disk() {
    let bench = bench();
    kill(
        &bench,
        setting("DRIVELOOP_KILLS", 14),
        &Place::local,
        &Place::local,
    );
}

#[test]
fn on_s3_with_faults() {
    let Some(server) = S3Server::start() else {
        return;
    };
    server.create_bucket("lakes");
    let proxy = FaultyProxy::start(server.address(), 11);
    let bench = bench();
    let at = |address, name: &str| Place::s3(address, &format!("lakes/{name}"));
    kill(
        &bench,
        setting("DRIVELOOP_KILLS", 3),
        &|name| at(proxy.address(), name),
        &|name| at(server.address(), name),
    );
    let traffic = proxy.traffic();
    assert!(
        traffic.faults.len() == 4,
        "every fault was met: {traffic:?}"
    );
}

/// Logs that grew since: each drive is what it was, what it is, or not there, and another run ends in a lake of the new logs.
#[test]
fn on_local_disk_where_the_logs_grew() {
    const REPLACE: [&str; 3] = ["ingest", "logs", "--replace"];
    let bench = Bench::new();
    bench.simulate(DRIVES, 3, 5, "logs");
    bench.ok_at(&Place::local("before"), &INGEST);
    let before = Contents::of(&bench, &Place::local("before"));
    std::fs::remove_dir_all(bench.path("logs")).expect("the logs are there");
    bench.simulate(DRIVES, 4, 5, "logs");
    bench.ok_at(&Place::local("after"), &INGEST);
    let after = Contents::of(&bench, &Place::local("after"));
    let begin = |name: &str| {
        let copied = std::process::Command::new("cp")
            .args(["-r", "before", name])
            .current_dir(bench.path(""))
            .status();
        assert!(copied.expect("cp starts").success());
        Place::local(name)
    };
    let unbroken = begin("unbroken");
    let refused = bench.run_at(&unbroken, &INGEST);
    assert_eq!(refused.status, 1, "{}", refused.stderr);
    assert!(refused.stderr.contains("--replace"), "{}", refused.stderr);
    let begun = Instant::now();
    let told = bench.run_at(&unbroken, &REPLACE).stderr;
    let duration = begun.elapsed();
    let all = format!("{DRIVES} drives new ({DRIVES} in the place of others)");
    assert!(told.contains(&all), "{told}");
    Contents::of(&bench, &unbroken).assert_equals(&after);
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let kills: usize = setting("DRIVELOOP_KILLS", 5);
    for index in 0..kills {
        let place = begin(&format!("killed-{index}"));
        let mut command = bench.command_at(&place, &REPLACE);
        let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = quiet.spawn().expect("the binary starts");
        std::thread::sleep(duration.mul_f64(rng.random()));
        child.kill().expect("SIGKILL");
        child.wait().expect("it ends");
        Contents::of(&bench, &place).assert_is_whole_drives_of_either(&before, &after);
        bench.ok_at(&place, &REPLACE);
        Contents::of(&bench, &place).assert_equals(&after);
    }
}
