//! What a commit costs does not grow with the number of commits before it.

use std::time::{Duration, Instant};

use driveloop_lake::{Commit, Lake};
use driveloop_tests::{FaultyProxy, S3Server};

use crate::conformance::s3_config;
use crate::rows::{drive, signal, transaction};

/// Commits of each table; several checkpoints.
const COMMITS: usize = 96;
/// Commits that are compared: a multiple of the interval between checkpoints.
const COMPARED: usize = 32;

/// Requests and time of one batch of an ingest: look what is missing, commit facts, commit the drive.
async fn batch(lake: &Lake, number: usize) -> Duration {
    let begun = Instant::now();
    let log_id = format!("d{number:04}");
    let id = transaction(&log_id);
    let commit = Commit::new("ingest", "run").with_transactions([&id]);
    for table in ["signal", "drive"] {
        assert_eq!(
            lake.missing(table, std::slice::from_ref(&id))
                .await
                .unwrap(),
            std::slice::from_ref(&id)
        );
    }
    lake.append(&[signal(&log_id, 0, 1)], &commit)
        .await
        .unwrap();
    lake.append(&[drive(&log_id)], &commit).await.unwrap();
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_commit_asks_the_store_for_no_more_than_the_first() {
    let Some(server) = S3Server::start() else {
        return;
    };
    server.create_bucket("costs");
    let proxy = FaultyProxy::start(server.address(), 1);
    proxy.set_fault_rate(0.0);
    let lake = Lake::open_with("s3://costs/lake", s3_config(proxy.address()))
        .await
        .unwrap();
    let mut windows = Vec::new();
    for window in 0..COMMITS / COMPARED {
        let mut times = Vec::new();
        for number in window * COMPARED..(window + 1) * COMPARED {
            times.push(batch(&lake, number).await);
        }
        times.sort_unstable();
        windows.push((proxy.reset_traffic().requests, times[COMPARED / 2]));
    }
    eprintln!("requests and median time of {COMPARED} batches: {windows:?}");
    // The first window opens and makes the tables; from the second on nothing changes but the numbers.
    let requests: Vec<u64> = windows
        .iter()
        .map(|(requests, _)| requests.values().sum())
        .collect();
    assert_eq!(requests[1], requests[2], "{windows:?}");
    assert!(requests[1] <= requests[0], "{windows:?}");
    // Each batch: two questions, two data files, two commits. The rest are the checkpoints, one for each table, which read the commits
    // since the last one several times over.
    assert!(requests[1] <= 16 * COMPARED as u64, "{windows:?}");

    let reader = Lake::open_with("s3://costs/lake", s3_config(proxy.address()))
        .await
        .unwrap();
    let read = reader.query("SELECT count(*) FROM signal").await.unwrap();
    assert_eq!(read.len(), 1);
    let opening = proxy.reset_traffic();
    eprintln!("requests of a first query: {opening:?}");
}
