//! Statements of users.

use driveloop_scenario_mining::{Error, SessionOptions, sql};
use futures::TryStreamExt as _;

use crate::scene::{EGO, SLOW, add_drive, lake};

#[tokio::test]
async fn a_query_sees_tables_functions_and_the_scene() {
    let (_folder, lake) = lake().await;
    add_drive(&lake, "a", None, &[EGO, SLOW]).await;
    add_drive(&lake, "b", Some("a"), &[EGO, SLOW]).await;
    for (statement, rows) in [
        ("SELECT * FROM scene", 100),
        ("SELECT * FROM with_composed.scene", 200),
        ("SELECT * FROM drive WHERE ttc_s(10.0, 5.0) = 2.0", 1),
        ("DESCRIBE episode", 13),
        ("EXPLAIN SELECT * FROM drive", 2),
        ("SHOW TABLES", 1),
    ] {
        let answer = sql(&lake, statement, &SessionOptions::default())
            .await
            .unwrap();
        let batches: Vec<_> = answer.batches.try_collect().await.unwrap();
        let count: usize = batches
            .iter()
            .map(arrow::array::RecordBatch::num_rows)
            .sum();
        assert!(count >= rows, "{statement}: {count}");
    }
}

#[tokio::test]
async fn a_statement_that_writes_is_refused() {
    let (_folder, lake) = lake().await;
    for statement in [
        "CREATE TABLE t AS SELECT 1",
        "DROP TABLE drive",
        "INSERT INTO drive SELECT * FROM drive",
        "COPY (SELECT 1) TO 'out.csv'",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'x.csv'",
        "SET datafusion.execution.batch_size = 1",
    ] {
        let error = sql(&lake, statement, &SessionOptions::default())
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::NotAQuery { .. }),
            "{statement}: {error}"
        );
    }
    let two = sql(&lake, "SELECT 1; SELECT 2", &SessionOptions::default()).await;
    assert!(two.is_err());
}

#[tokio::test]
async fn errors_keep_their_place() {
    let (_folder, lake) = lake().await;
    for (statement, expected) in [
        ("SELECT log_id,\n  sped FROM drive", "line 2, column 3"),
        ("SELECT * FROM driev", "driev"),
        ("SELECT *\nFORM drive", "line 2, column 1"),
        ("SELECT gap_m(1, 2)", "gap_m"),
    ] {
        let error = sql(&lake, statement, &SessionOptions::default())
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{statement}: {error}");
    }
}

#[tokio::test]
async fn memory_is_bounded() {
    let (_folder, lake) = lake().await;
    let options = SessionOptions {
        memory_max_bytes: Some(1 << 20),
        ..SessionOptions::default()
    };
    let statement = "SELECT count(DISTINCT value) FROM generate_series(1, 2000000)";
    let answer = sql(&lake, statement, &options).await.unwrap();
    let result: Result<Vec<_>, _> = answer.batches.try_collect().await;
    assert!(result.unwrap_err().to_string().contains("memory"));
}
