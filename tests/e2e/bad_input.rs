//! Bad input gets one clear error, what to do, the right status, and does no damage.

use driveloop_tests::S3Server;

use crate::contents::Contents;
use crate::harness::{Bench, Place, Run};

/// Checks an error: the status, the first word, something that names the cause, and a hint where one is given.
fn check(run: &Run, status: i32, cause: &str, hint: &str) {
    assert_eq!(run.status, status, "{}", run.stderr);
    assert!(
        run.stderr.contains(cause),
        "expected `{cause}` in\n{}",
        run.stderr
    );
    assert!(
        run.stderr.contains(hint),
        "expected `{hint}` in\n{}",
        run.stderr
    );
    let errors = run
        .stderr
        .lines()
        .filter(|line| line.starts_with("error:"))
        .count();
    assert_eq!(errors, usize::from(status < 3), "{}", run.stderr);
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
}

#[test]
fn a_missing_path() {
    let bench = Bench::new();
    check(
        &bench.run(&["ingest", "no/such/logs"]),
        1,
        "no/such/logs",
        "",
    );
    check(
        &bench.run(&["sql", "SELECT 1", "--lake", "no-lake"]),
        1,
        "no-lake",
        "hint:",
    );
    check(&bench.run(&["round", "run", "no.toml"]), 1, "no.toml", "");
    check(&bench.run(&["train", "no.toml"]), 1, "no.toml", "");
    check(
        &bench.run(&[
            "ota",
            "validate",
            "--scores",
            "a.csv",
            "--baseline-scores",
            "b.csv",
        ]),
        1,
        "a.csv",
        "",
    );
}

#[test]
fn an_unknown_format_names_the_known_ones() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("logs")).expect("a folder");
    bench.write("logs/readme.txt", "no log");
    check(&bench.run(&["ingest", "logs"]), 1, "readme.txt", "mcap");
}

#[test]
fn a_text_named_mcap_fails_alone() {
    let bench = Bench::new();
    bench.ok(&[
        "simulate",
        "--drives",
        "1",
        "--seconds",
        "5",
        "--out",
        "logs",
    ]);
    bench.write("logs/empty.mcap", "");
    bench.write("logs/text.mcap", "this is no log");
    let run = bench.run(&["ingest", "logs"]);
    check(&run, 3, "text.mcap", "");
    assert!(run.stderr.contains("empty.mcap"), "{}", run.stderr);
    assert_eq!(bench.cell("SELECT count(*) FROM drive"), "1");
}

#[test]
fn a_torn_log_gives_what_is_whole() {
    let bench = Bench::new();
    bench.ok(&[
        "simulate",
        "--drives",
        "1",
        "--seconds",
        "20",
        "--out",
        "logs",
    ]);
    let name = "logs/sim-1-0000.mcap";
    let whole = std::fs::read(bench.path(name)).expect("the log");
    bench.write(name, &whole[..whole.len() / 2]);
    let run = bench.run(&["ingest", "logs"]);
    assert_eq!(run.status, 3, "{}", run.stderr);
    assert_eq!(bench.cell("SELECT count(*) FROM drive"), "1");
    let rows: u64 = bench
        .cell("SELECT count(*) FROM ego_state")
        .parse()
        .expect("a count");
    assert!(
        (100..1000).contains(&rows),
        "{rows} rows of half a log of 1,000 poses"
    );
    let findings = bench.ok(&[
        "sql",
        "SELECT \"check\", message FROM finding WHERE severity = 'error'",
        "--format",
        "csv",
    ]);
    assert!(findings.contains("at byte"), "{findings}");
}

#[test]
fn wrong_sql_points_at_the_place() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("lake")).expect("a folder");
    check(
        &bench.run(&["sql", "SELECT nothing FROM drive"]),
        1,
        "nothing",
        "hint:",
    );
    check(&bench.run(&["sql", "SELEC 1"]), 1, "SELEC", "");
    check(
        &bench.run(&["sql", "SELECT * FROM drives"]),
        1,
        "drives",
        "hint:",
    );
    check(
        &bench.run(&["sql", "DROP TABLE drive"]),
        1,
        "expected a query",
        "",
    );
    check(&bench.run(&["sql"]), 1, "statement", "");
}

#[test]
fn wrong_usage_is_status_two() {
    let bench = Bench::new();
    assert_eq!(bench.run(&["ingest"]).status, 2);
    assert_eq!(bench.run(&["nonsense"]).status, 2);
}

#[test]
fn no_libtorch_says_what_to_do() {
    let bench = Bench::new();
    let run = Run::of(
        &bench
            .command(&["doctor"])
            .env("DRIVELOOP_WORKER", "no/driveloop-worker")
            .output()
            .expect("the binary starts"),
    );
    assert_eq!(run.status, 3, "{}", run.stdout);
    assert!(run.stdout.contains("missing"), "{}", run.stdout);
}

/// A small file system in memory, unmounted at the end.
struct Disk {
    folder: std::path::PathBuf,
}

impl Disk {
    /// `None` where the machine lets nobody mount, which it says.
    fn mount(folder: std::path::PathBuf, size: &str) -> Option<Self> {
        std::fs::create_dir(&folder).expect("a folder");
        let disk = Self { folder };
        let options = format!("size={size}");
        if disk.run("mount", &["-t", "tmpfs", "-o", &options, "tmpfs"]) {
            return Some(disk);
        }
        eprintln!("skipped: mounting a small disk needs root");
        None
    }

    fn remount(&self, options: &str) {
        assert!(
            self.run("mount", &["-o", &format!("remount,{options}")]),
            "{options}"
        );
    }

    fn run(&self, program: &str, arguments: &[&str]) -> bool {
        let run = std::process::Command::new(program)
            .args(arguments)
            .arg(&self.folder)
            .output();
        run.is_ok_and(|output| output.status.success())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.run("umount", &[]);
    }
}

/// A lake on a disk of one and a half megabytes: the ingest fails, says why, and goes on when there is room.
#[test]
fn a_full_disk_damages_nothing() {
    let bench = Bench::new();
    bench.simulate(6, 20, 1, "logs");
    let Some(disk) = Disk::mount(bench.path("small"), "1500k") else {
        return;
    };
    let small = Place::local("small/lake");
    check(
        &bench.run_at(&small, &["ingest", "logs"]),
        1,
        "No space left",
        "the disk is full",
    );
    disk.remount("size=200m");
    bench.ok_at(&small, &["ingest", "logs"]);
    let whole = Place::local("whole");
    bench.ok_at(&whole, &["ingest", "logs"]);
    Contents::of(&bench, &small).assert_equals(&Contents::of(&bench, &whole));
}

#[test]
fn a_read_only_lake_stays_as_it_is() {
    let bench = Bench::new();
    bench.simulate(1, 5, 1, "one");
    bench.simulate(1, 5, 2, "two");
    let Some(disk) = Disk::mount(bench.path("disk"), "200m") else {
        return;
    };
    let place = Place::local("disk/lake");
    bench.ok_at(&place, &["ingest", "one"]);
    let before = Contents::of(&bench, &place);
    disk.remount("ro");
    check(
        &bench.run_at(&place, &["ingest", "two"]),
        1,
        "disk/lake",
        "Read-only",
    );
    Contents::of(&bench, &place).assert_equals(&before);
    // What asks for no change goes on.
    bench.ok_at(&place, &["ingest", "one"]);
    disk.remount("rw");
    bench.ok_at(&place, &["ingest", "two"]);
    assert_eq!(Contents::of(&bench, &place).drives().len(), 2);
}

#[test]
fn a_missing_bucket_is_named() {
    let Some(server) = S3Server::start() else {
        return;
    };
    let bench = Bench::new();
    bench.simulate(1, 5, 1, "logs");
    let place = Place::s3(server.address(), "no-such-bucket/lake");
    check(
        &bench.run_at(&place, &["ingest", "logs"]),
        1,
        "no-such-bucket",
        "bucket",
    );
    check(
        &bench.run_at(&place, &["sql", "SELECT 1"]),
        1,
        "no-such-bucket",
        "bucket",
    );
    check(
        &bench.run_at(
            &place,
            &["ingest", "s3://no-such-bucket/logs", "--lake", "lake"],
        ),
        1,
        "no-such-bucket",
        "bucket",
    );
}

#[test]
fn a_store_that_is_not_there_is_named() {
    let bench = Bench::new();
    bench.simulate(1, 5, 1, "logs");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let begun = std::time::Instant::now();
    let place = Place::s3(address, "bucket/lake");
    check(
        &bench.run_at(&place, &["ingest", "logs"]),
        1,
        &address.to_string(),
        "",
    );
    assert!(begun.elapsed().as_secs() < 200, "retries are bounded");
}
