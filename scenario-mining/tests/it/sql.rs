//! Statements of users.

use driveloop_scenario_mining::{
    Error, Fault, Reader, SessionOptions, Spill, Statement, sql, statements, vocabulary,
};
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
    let (folder, lake) = lake().await;
    let out = folder.path().join("out.csv").display().to_string();
    let reader = Reader::open(&lake, &SessionOptions::default())
        .await
        .unwrap();
    for (statement, expected) in [
        ("CREATE TABLE t AS SELECT 1", "CREATE TABLE"),
        ("create view v as select 1", "CREATE VIEW"),
        ("DROP TABLE drive", "DROP TABLE"),
        ("INSERT INTO drive SELECT * FROM drive", "INSERT INTO"),
        ("UPDATE drive SET log_id = 'x'", "UPDATE"),
        ("DELETE FROM drive", "DELETE FROM"),
        ("TRUNCATE TABLE drive", "TRUNCATE TABLE"),
        ("COPY (SELECT 1) TO 'OUT'", "COPY"),
        ("COPY drive TO 'OUT' STORED AS CSV", "COPY"),
        (
            "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'OUT'",
            "CREATE EXTERNAL TABLE",
        ),
        (
            "CREATE FUNCTION f() RETURNS INT RETURN 1",
            "CREATE FUNCTION",
        ),
        ("SET datafusion.execution.batch_size = 1", "SET"),
        ("SET TIME ZONE 'UTC'", "SET TIME ZONE"),
        ("RESET datafusion.execution.batch_size", "RESET"),
        ("BEGIN", "BEGIN"),
        ("PREPARE p AS SELECT 1", "PREPARE"),
        ("EXECUTE p", "EXECUTE"),
        (
            "EXPLAIN INSERT INTO drive SELECT * FROM drive",
            "EXPLAIN INSERT INTO",
        ),
        (
            "EXPLAIN ANALYZE COPY (SELECT 1) TO 'OUT'",
            "EXPLAIN ANALYZE COPY",
        ),
        (
            "EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1",
            "EXPLAIN ANALYZE CREATE",
        ),
    ] {
        let statement = statement.replace("OUT", &out);
        let error = reader.answer(&*statement).await.unwrap_err();
        assert!(
            matches!(&error, Error::NotAQuery { actual } if *actual == expected),
            "{statement}: {error}"
        );
    }
    assert!(!std::path::Path::new(&out).exists());
    assert!(reader.answer("SELECT 1; SELECT 2").await.is_err());
}

#[tokio::test]
async fn files_of_the_machine_are_out_of_reach() {
    let (folder, lake) = lake().await;
    let file = folder.path().join("secret.csv");
    std::fs::write(&file, "a\n1\n").unwrap();
    let reader = Reader::open(&lake, &SessionOptions::default())
        .await
        .unwrap();
    for statement in [
        "SELECT * FROM 'FILE'",
        "SELECT * FROM \"FILE\"",
        "SELECT * FROM \"file://FILE\"",
        "SELECT * FROM read_csv('FILE')",
        "SELECT * FROM read_parquet('FILE')",
        "SELECT pg_read_file('FILE')",
    ] {
        let statement = statement.replace("FILE", &file.display().to_string());
        let error = reader.answer(&*statement).await.unwrap_err();
        assert!(matches!(error, Error::Query { .. }), "{statement}: {error}");
    }
}

/// The error of a statement as a person reads it, with a line of carets below the place.
async fn fault(reader: &Reader, statement: Statement<'_>) -> String {
    let error = reader.answer(statement).await.unwrap_err();
    let Error::Query { fault, .. } = error else {
        panic!("{error}")
    };
    let Fault {
        message,
        place,
        suggestion,
    } = *fault;
    let place = place.map(|place| {
        let (before, under) = (place.column as usize - 1, place.width as usize);
        format!(
            "{}: {}\n{:before$}   {}",
            place.line,
            place.text,
            "",
            "^".repeat(under)
        )
    });
    let lines = [Some(message), place, suggestion].into_iter().flatten();
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn errors_point_at_their_place() {
    let (_folder, lake) = lake().await;
    let reader = Reader::open(&lake, &SessionOptions::default())
        .await
        .unwrap();
    for (statement, expected) in [
        (
            "SELECT *\nFORM drive",
            "expected end of statement, got FORM\n2: FORM drive\n   ^^^^",
        ),
        (
            "SELECT log_id,\n  stamp, 'é' FROM ego_state",
            "no column `stamp`\n2:   stamp, 'é' FROM ego_state\n     ^^^^^\ndid you mean `stamp_ns`?",
        ),
        (
            "SELECT d.log_id FROM drive d WHERE 'é' = d.dayy",
            "no column `d.dayy`\n1: SELECT d.log_id FROM drive d WHERE 'é' = d.dayy\n                                            ^^^^^^\ndid you mean `day`?",
        ),
        (
            "SELECT * FROM driev",
            "no table `driev`\n1: SELECT * FROM driev\n                 ^^^^^\ndid you mean `drive`?",
        ),
        (
            "SELECT * FROM with_composed.object_tracks",
            "no table `with_composed.object_tracks`\n1: SELECT * FROM with_composed.object_tracks\n                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^\ndid you mean `with_composed.object_track`?",
        ),
        (
            "SELECT ttc(1.0, 2.0)",
            "no function `ttc`\n1: SELECT ttc(1.0, 2.0)\n          ^^^\ndid you mean `ttc_s`?",
        ),
        (
            "SELECT 'gap_m',\n gap_m(1, 2)",
            "the arguments of `gap_m(Int64, Int64)` do not fit\n2:  gap_m(1, 2)\n    ^^^^^\nthere is gap_m(rear_x_m: Float64, rear_length_m: Float64, front_x_m: Float64, front_length_m: Float64)",
        ),
        (
            "SELECT log_id FROM drive, episode",
            "column `log_id` is in more than one table\n1: SELECT log_id FROM drive, episode\n          ^^^^^^\nsay of which table: `TABLE.log_id`",
        ),
        (
            "SELECT 'open",
            "Unterminated string literal\n1: SELECT 'open\n          ^",
        ),
    ] {
        let found = fault(&reader, statement.into()).await;
        assert_eq!(found, expected, "{statement}");
    }
}

#[tokio::test]
async fn the_place_is_that_in_the_whole_text() {
    let (_folder, lake) = lake().await;
    let reader = Reader::open(&lake, &SessionOptions::default())
        .await
        .unwrap();
    let script = "-- two\nSELECT 1; SELECT *\n  FROM driev;";
    let second = statements(script)[1];
    assert_eq!(
        fault(&reader, second).await,
        "no table `driev`\n3:   FROM driev;\n          ^^^^^\ndid you mean `drive`?"
    );
    let script = "SELECT 1; SELECT * FROM driev";
    let second = statements(script)[1];
    assert_eq!(
        fault(&reader, second).await,
        "no table `driev`\n1: SELECT 1; SELECT * FROM driev\n                           ^^^^^\ndid you mean `drive`?"
    );
}

/// Counts the rows of a sort that holds 48 MB.
async fn sort(options: &SessionOptions) -> Result<usize, Error> {
    let (_folder, lake) = lake().await;
    let statement = "SELECT value, lpad(value::varchar, 16, '0') AS text FROM range(0, 1500000) ORDER BY md5(value::varchar)";
    let answer = sql(&lake, statement, options).await?;
    let batches: Vec<_> = answer.batches.try_collect().await?;
    Ok(batches
        .iter()
        .map(arrow::array::RecordBatch::num_rows)
        .sum())
}

#[tokio::test]
async fn a_sort_that_does_not_fit_spills_or_fails() {
    let folder = tempfile::tempdir().unwrap();
    let spill = |max_bytes| Spill::Folder {
        folder: folder.path().to_path_buf(),
        max_bytes,
    };
    let with = |spill| SessionOptions {
        memory_max_bytes: Some(24 << 20),
        spill,
    };
    assert_eq!(sort(&with(spill(1 << 30))).await.unwrap(), 1_500_000);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    assert_eq!(
        sort(&with(Spill::Off)).await.unwrap_err().to_string(),
        "MiB of memory that the query holds: expected at most 24"
    );
    assert_eq!(
        sort(&with(spill(4 << 20))).await.unwrap_err().to_string(),
        "MiB that the query spills: expected at most 4"
    );
}

#[tokio::test]
async fn the_vocabulary_has_tables_columns_and_functions() {
    let words = vocabulary().await.unwrap();
    assert!(words.tables["scene"].contains(&"gap_m".to_owned()));
    assert!(words.tables["object_track"].contains(&"category".to_owned()));
    assert_eq!(words.driving_functions[0], "gap_m");
    assert!(words.functions.contains(&"count".to_owned()));
    assert!(!words.functions.contains(&"gap_m".to_owned()));
}
