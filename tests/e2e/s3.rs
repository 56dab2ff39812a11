//! A lake on an S3 server holds what one on local disk holds, though requests fail on the way.

use driveloop_tests::{FAULT_RATE, FaultyProxy, S3Server};

use crate::contents::Contents;
use crate::harness::{Bench, Place};

fn ingest_and_mine(bench: &Bench, place: &Place) {
    bench.ok_at(place, &["ingest", "logs"]);
    bench.ok_at(place, &["mine"]);
}

/// The tables with their versions.
fn versions(bench: &Bench, place: &Place) -> String {
    bench.ok_at(place, &["lake", "tables", "--format", "csv"])
}

#[test]
fn the_same_tables_as_on_local_disk() {
    let Some(server) = S3Server::start() else {
        return;
    };
    server.create_bucket("lakes");
    let proxy = FaultyProxy::start(server.address(), 5);
    let bench = Bench::new();
    bench.simulate(3, 20, 4, "logs");
    let local = Place::local("lake");
    ingest_and_mine(&bench, &local);
    let expected = Contents::of(&bench, &local);
    assert_eq!(expected.drives().len(), 3);

    let direct = Place::s3(server.address(), "lakes/direct");
    ingest_and_mine(&bench, &direct);
    Contents::of(&bench, &direct).assert_equals(&expected);
    let before = versions(&bench, &direct);
    ingest_and_mine(&bench, &direct);
    assert_eq!(
        versions(&bench, &direct),
        before,
        "the same again commits nothing"
    );

    let faulty = Place::s3(proxy.address(), "lakes/faulty");
    ingest_and_mine(&bench, &faulty);
    Contents::of(&bench, &faulty).assert_equals(&expected);
    let traffic = proxy.traffic();
    let faults: u64 = traffic.faults.values().sum();
    let expected_faults = traffic.total() as f64 * FAULT_RATE;
    assert!(
        faults as f64 > expected_faults / 2.0,
        "requests did fail: {traffic:?}"
    );
}

#[test]
fn logs_are_read_from_s3_too() {
    let Some(server) = S3Server::start() else {
        return;
    };
    server.create_bucket("bucket");
    let bench = Bench::new();
    let place = Place::s3(server.address(), "bucket/lake");
    let simulate = ["simulate", "--drives", "2", "--seconds", "10", "--out"];
    bench.ok_at(&place, &[&simulate[..], &["s3://bucket/logs"]].concat());
    bench.ok_at(&place, &["ingest", "s3://bucket/logs"]);
    bench.ok(&[&simulate[..], &["logs"]].concat());
    bench.ok(&["ingest", "logs"]);
    let count = "SELECT count(*), sum(stamp_ns % 1000000007) FROM object_track";
    let rows = bench.ok_at(&place, &["sql", count, "--format", "csv"]);
    assert_eq!(rows, bench.ok(&["sql", count, "--format", "csv"]));
}

#[test]
fn a_log_in_a_bucket_is_fetched_once() {
    let Some(server) = S3Server::start() else {
        return;
    };
    server.create_bucket("bucket");
    let proxy = FaultyProxy::start(server.address(), 1);
    proxy.set_fault_rate(0.0);
    let bench = Bench::new();
    let place = Place::s3(proxy.address(), "bucket/lake");
    let simulate = ["simulate", "--drives", "3", "--seconds", "20", "--out"];
    bench.ok_at(&place, &[&simulate[..], &["s3://bucket/logs"]].concat());
    bench.ok(&[&simulate[..], &["logs"]].concat());
    let files = std::fs::read_dir(bench.path("logs")).expect("the logs");
    let size = |file: std::io::Result<std::fs::DirEntry>| {
        let file = file.expect("an entry");
        // Beside each log lies what really happened, which is no log.
        let is_log = file.path().extension().is_some_and(|it| it == "mcap");
        is_log.then(|| file.metadata().expect("its size").len())
    };
    let log_bytes: u64 = files.filter_map(size).sum();
    assert!(log_bytes > 1_000_000);

    proxy.reset_traffic();
    bench.ok_at(&place, &["ingest", "s3://bucket/logs"]);
    let read = proxy.reset_traffic().read_bytes_of(".mcap");
    assert!(
        (log_bytes..=log_bytes * 105 / 100).contains(&read),
        "{read} bytes were read of logs of {log_bytes}"
    );
    // What the listing shows to be there is not read for that.
    let again = bench.run_at(&place, &["ingest", "s3://bucket/logs"]);
    assert!(again.stderr.contains("3 there already"), "{}", again.stderr);
    assert_eq!(proxy.traffic().read_bytes_of("logs/"), 0);
}
