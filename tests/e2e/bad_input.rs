//! Bad input gets one clear error, what to do, the right status, and does no damage.

use crate::harness::{Bench, Run};

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

/// A lake on a disk of two megabytes: the ingest fails, says why, and goes on when there is room.
#[test]
fn a_full_disk_damages_nothing() {
    let bench = Bench::new();
    bench.ok(&[
        "simulate",
        "--drives",
        "6",
        "--seconds",
        "20",
        "--out",
        "logs",
    ]);
    std::fs::create_dir(bench.path("small")).expect("a folder");
    let small = bench.path("small");
    let mount = |arguments: &[&str]| {
        let run = std::process::Command::new("mount")
            .args(arguments)
            .arg(&small)
            .output();
        run.is_ok_and(|output| output.status.success())
    };
    if !mount(&["-t", "tmpfs", "-o", "size=1500k", "tmpfs"]) {
        eprintln!("skipped: mounting a small disk needs root");
        return;
    }
    let full = bench.run(&["ingest", "logs", "--lake", "small/../small/lake"]);
    let grown = mount(&["-o", "remount,size=200m"]);
    let again = bench.run(&["ingest", "logs", "--lake", "small/lake"]);
    let drives = bench.run(&[
        "sql",
        "SELECT count(*) FROM drive",
        "--lake",
        "small/lake",
        "--format",
        "csv",
    ]);
    let _ = std::process::Command::new("umount").arg(&small).output();
    check(&full, 1, "No space left", "the disk is full");
    assert!(grown);
    assert_eq!(again.status, 0, "{}", again.stderr);
    assert_eq!(drives.stdout.lines().nth(1), Some("6"), "{}", drives.stderr);
}
