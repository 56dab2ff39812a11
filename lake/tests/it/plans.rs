//! A query opens the files that it needs, and no others.

use arrow::array::AsArray as _;
use driveloop_lake::{Commit, Lake};

use crate::rows::{drive, signal, transaction};

/// Four drives on two days, each in a commit of its own, in two tables.
async fn lake(name: &str) -> Lake {
    let lake = Lake::open(&format!("memory://plans/{name}")).await.unwrap();
    for number in 0..4 {
        let log_id = format!("d{number}");
        let commit = Commit::new("ingest", "run").with_transactions([transaction(&log_id)]);
        let rows: Vec<_> = (0..4)
            .map(|stamp| signal(&log_id, number / 2, stamp))
            .collect();
        lake.append(&rows, &commit).await.unwrap();
        let mut row = drive(&log_id);
        row.day.0 = number / 2;
        lake.append(&[row], &commit).await.unwrap();
    }
    lake
}

/// The files that a query opens, by EXPLAIN, which names up to five of them.
async fn files_opened(lake: &Lake, sql: &str) -> (usize, String) {
    let batches = lake.query(&format!("EXPLAIN {sql}")).await.unwrap();
    let mut text = String::new();
    for batch in &batches {
        let kinds = batch.column(0).as_string::<i32>();
        let plans = batch.column(1).as_string::<i32>();
        for (kind, plan) in kinds.iter().zip(plans.iter()) {
            if kind == Some("physical_plan") {
                text.push_str(plan.unwrap());
            }
        }
    }
    (text.matches(".parquet").count(), text)
}

#[tokio::test]
async fn a_query_opens_only_the_files_that_it_needs() {
    let lake = lake("files").await;
    for (filter, expected) in [
        ("true", 4),
        ("log_id = 'd3'", 1),
        ("log_id IN ('d0', 'd3')", 2),
        ("day = DATE '1970-01-02'", 2),
        ("day >= DATE '1970-01-02' AND log_id < 'd3'", 1),
        ("log_id = 'd3' AND stamp_ns > 3", 0),
        ("stamp_ns < 0", 0),
    ] {
        let sql = format!("SELECT value FROM signal WHERE {filter}");
        let (files, plan) = files_opened(&lake, &sql).await;
        assert_eq!(files, expected, "{filter}\n{plan}");
    }
}

#[tokio::test]
async fn drives_in_the_making_do_not_make_a_query_open_more() {
    let lake = lake("hidden").await;
    let commit = Commit::new("ingest", "run").with_transactions([transaction("x")]);
    lake.append(&[signal("x", 0, 1)], &commit).await.unwrap();
    let sql = "SELECT value FROM signal WHERE log_id = 'd3'";
    let (files, plan) = files_opened(&lake, sql).await;
    assert_eq!(files, 1, "{plan}");
}

/// Files that overlap, because each commit holds drives from both ends, no longer do once they are written anew.
#[tokio::test]
async fn optimizing_parts_the_drives() {
    let limits = driveloop_lake::Limits {
        // So little that a few thousand rows make a file.
        file_bytes: 64 << 10,
        ..driveloop_lake::Limits::default()
    };
    let config = driveloop_lake::Config {
        limits,
        ..driveloop_lake::Config::default()
    };
    let lake = Lake::open_with("memory://plans/optimized", config)
        .await
        .unwrap();
    for commit in 0..5 {
        let rows: Vec<_> = (0..16_000)
            .map(|i| {
                signal(
                    &format!("d{:03}", (i * 7 + commit) % 100),
                    0,
                    i64::from(i * 5 + commit),
                )
            })
            .collect();
        lake.append(&rows, &Commit::new("ingest", "run"))
            .await
            .unwrap();
    }
    let sql = "SELECT value FROM signal WHERE log_id = 'd042'";
    let (before, _) = files_opened(&lake, sql).await;
    let done = lake
        .optimize("signal", &Commit::new("optimize", "run"))
        .await
        .unwrap();
    let (after, plan) = files_opened(&lake, sql).await;
    eprintln!("files opened: {before} before, {after} after; {done:?}");
    assert_eq!(done.rows, 80_000);
    let commit = Commit::new("optimize", "run");
    let again = lake.optimize("signal", &commit).await.unwrap();
    assert_eq!(
        again.partitions, 0,
        "what was written anew is left alone: {again:?}"
    );
    assert!(
        after < before && after <= 2,
        "{before} before, {after} after\n{plan}"
    );
}
