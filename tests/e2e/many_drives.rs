//! The cost of a drive does not grow with the number of drives before it, nor do files and commits grow one a drive.
//!
//! `DRIVELOOP_DRIVES` is the number of drives; without it they are as many as take about a minute.

use std::collections::BTreeMap;
use std::time::Instant;

use driveloop_tests::{FaultyProxy, S3Server, setting};

use crate::harness::{Bench, Place};

/// Ingests, a process each: some more than two checkpoints of a table take.
const BATCHES: usize = 68;
/// Commits from one checkpoint to the next: `driveloop_lake::Limits::checkpoint_interval`. What an ingest costs depends on how far
/// back the last one is, and the first ingests have none to read.
const CHECKPOINT_INTERVAL: usize = 32;
/// Ingests that are compared with those that were as far behind the checkpoint before.
const COMPARED: usize = 5;
/// Drives of a commit at most: `Limits::commit_drives_max`.
const COMMIT_DRIVES_MAX: usize = 64;

/// What one ingest of a batch took.
struct Cost {
    requests: u64,
    seconds: f64,
}

fn batch_drives() -> usize {
    setting("DRIVELOOP_DRIVES", 272_usize).div_ceil(BATCHES)
}

/// Ingests batches of drives of two seconds, and says what each took.
fn ingest(bench: &Bench, place: &Place, proxy: Option<&FaultyProxy>) -> Vec<Cost> {
    let batch = |batch: usize| {
        let logs = format!("logs-{batch}");
        bench.simulate(batch_drives(), 2, batch as u64, &logs);
        let _ = proxy.map(FaultyProxy::reset_traffic);
        let begun = Instant::now();
        bench.ok_at(place, &["ingest", &logs]);
        let seconds = begun.elapsed().as_secs_f64();
        std::fs::remove_dir_all(bench.path(&logs)).expect("the logs are removed");
        let requests = proxy.map_or(0, |proxy| proxy.traffic().total());
        Cost { requests, seconds }
    };
    (0..BATCHES).map(batch).collect()
}

/// Mean of a drive in the first and in the second half. The first batch makes the tables and is left out.
fn halves(costs: &[Cost], of: impl Fn(&Cost) -> f64) -> (f64, f64) {
    let mean =
        |costs: &[Cost]| costs.iter().map(&of).sum::<f64>() / (costs.len() * batch_drives()) as f64;
    (mean(&costs[1..BATCHES / 2]), mean(&costs[BATCHES / 2..]))
}

fn report(costs: &[Cost]) {
    let (seconds, requests) = (
        halves(costs, |cost| cost.seconds),
        halves(costs, |cost| cost.requests as f64),
    );
    eprintln!(
        "{BATCHES} batches of {}; a drive takes {:.1} ms in the first half, {:.1} in the second; {:.2} requests, and {:.2}",
        batch_drives(),
        seconds.0 * 1000.0,
        seconds.1 * 1000.0,
        requests.0,
        requests.1
    );
}

#[test]
fn store_requests_do_not_grow() {
    let Some(server) = S3Server::start() else {
        return;
    };
    server.create_bucket("lakes");
    let proxy = FaultyProxy::start(server.address(), 1);
    proxy.set_fault_rate(0.0);
    let bench = Bench::new();
    let costs = ingest(
        &bench,
        &Place::s3(proxy.address(), "lakes/many"),
        Some(&proxy),
    );
    report(&costs);
    let all: Vec<_> = costs.iter().map(|cost| cost.requests).collect();
    let late: u64 = all[BATCHES - COMPARED..].iter().sum();
    let end = BATCHES - CHECKPOINT_INTERVAL;
    let early: u64 = all[end - COMPARED..end].iter().sum();
    assert!(10 * late <= 11 * early, "requests of each batch: {all:?}");
}

#[test]
fn files_and_commits_stay_few() {
    let bench = Bench::new();
    let place = Place::local("lake");
    let costs = ingest(&bench, &place, None);
    report(&costs);
    let drives = BATCHES * batch_drives();
    assert_eq!(bench.cell("SELECT count(*) FROM drive"), drives.to_string());
    assert_eq!(
        bench.cell("SELECT count(DISTINCT log_id) FROM ego_state"),
        drives.to_string()
    );
    let commits = BATCHES * batch_drives().div_ceil(COMMIT_DRIVES_MAX);
    // Each batch has the same days, one after the other. A commit has a file for each day, and a day may be parted by two commits.
    let days = bench.cell("SELECT count(DISTINCT day) FROM drive");
    let days: usize = days.parse().expect("a number");
    for (table, (files, versions)) in files_and_versions(&bench) {
        let expected = versions + BATCHES * (days - 1);
        assert!(
            files <= expected && versions <= commits + 1,
            "{table}: {files} files ({expected} at most), {versions} versions ({commits} at most)"
        );
    }
    // One drive of the many is in one file or two, and no other is opened.
    let plan = bench.ok(&[
        "sql",
        "EXPLAIN SELECT count(*) FROM object_track WHERE log_id = 'sim-1-0003'",
        "--format",
        "csv",
    ]);
    let files = plan.matches(".parquet").count();
    assert!((1..=2).contains(&files), "{files} files:\n{plan}");
}

/// Of each table the data files on disk, and the last version.
fn files_and_versions(bench: &Bench) -> BTreeMap<String, (usize, usize)> {
    let mut found = BTreeMap::new();
    for table in std::fs::read_dir(bench.path("lake/tables")).expect("tables") {
        let table = table.expect("a table").path();
        let versions = std::fs::read_dir(table.join("_delta_log"))
            .expect("a log")
            .filter_map(|entry| {
                let name = entry.expect("an entry").file_name().into_string().ok()?;
                name.strip_suffix(".json")?.parse::<usize>().ok()
            });
        let name = table
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        found.insert(
            name,
            (parquet_files(&table), versions.max().expect("a version")),
        );
    }
    found
}

fn parquet_files(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    let count = |path: std::path::PathBuf| match path.file_name().and_then(|name| name.to_str()) {
        Some("_delta_log") => 0,
        _ if path.is_dir() => parquet_files(&path),
        _ => usize::from(
            path.extension()
                .is_some_and(|extension| extension == "parquet"),
        ),
    };
    entries.map(count).sum()
}
