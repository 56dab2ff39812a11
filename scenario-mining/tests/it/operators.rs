//! Operators over drives, beside the same in SQL alone.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::compute::{concat_batches, sort_to_indices, take_record_batch};
use arrow::record_batch::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use datafusion::datasource::MemTable;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::physical_plan::displayable;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use driveloop_scenario_mining::{
    OperatorLimits, SessionOptions, operator_docs, query, register_operators, sql,
};
use futures::TryStreamExt as _;

use crate::scene::{EGO, SLOW, add_drive, lake};
use crate::tracks::{Drive, QUERIES, drive};

fn context(limits: OperatorLimits) -> SessionContext {
    let config = SessionConfig::new()
        .with_target_partitions(2)
        .with_batch_size(500);
    let context = SessionContext::new_with_config(config);
    register_operators(&context, limits).unwrap();
    context
}

async fn answer(context: &SessionContext, statement: &str) -> String {
    let batches = query(context, statement)
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    pretty_format_batches(&batches).unwrap().to_string()
}

async fn error(context: &SessionContext, statement: &str) -> String {
    match query(context, statement).await {
        Ok(frame) => frame.collect().await.unwrap_err().strip_backtrace(),
        Err(error) => error.strip_backtrace(),
    }
}

/// The drives of the tests, ordered by drive, track and stamp.
fn drives() -> Vec<Drive> {
    (0..6).map(|log_id| drive(log_id, 3)).collect()
}

fn together(batches: &[RecordBatch]) -> RecordBatch {
    concat_batches(batches[0].schema_ref(), batches).unwrap()
}

fn by_stamp(rows: &RecordBatch) -> RecordBatch {
    let order = sort_to_indices(rows.column_by_name("stamp_ns").unwrap(), None, None).unwrap();
    take_record_batch(rows, &order).unwrap()
}

fn in_memory(context: &SessionContext, name: &str, rows: Vec<Vec<RecordBatch>>) {
    let table = MemTable::try_new(rows[0][0].schema(), rows).unwrap();
    context.register_table(name, Arc::new(table)).unwrap();
}

/// Rows as a file each.
async fn in_files(context: &SessionContext, folder: &Path, name: &str, files: &[RecordBatch]) {
    let folder = folder.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    for (index, rows) in files.iter().enumerate() {
        let file = File::create(folder.join(format!("{index}.parquet"))).unwrap();
        let mut writer = ArrowWriter::try_new(file, rows.schema(), None).unwrap();
        writer.write(rows).unwrap();
        writer.close().unwrap();
    }
    let path = format!("{}/", folder.display());
    context
        .register_parquet(name, path, ParquetReadOptions::default())
        .await
        .unwrap();
}

/// The tables of the benchmark in files of the lake's order. The third drive is cut in two by the end of a file.
async fn clustered(context: &SessionContext, folder: &Path) {
    let drives = drives();
    let all = |read: fn(&Drive) -> &RecordBatch| -> RecordBatch {
        together(
            &drives
                .iter()
                .map(|drive| read(drive).clone())
                .collect::<Vec<_>>(),
        )
    };
    let objects = all(|drive| &drive.objects);
    let before: usize = drives[..2]
        .iter()
        .map(|drive| drive.objects.num_rows())
        .sum();
    let cut = before + drives[2].objects.num_rows() / 2;
    let files = [
        objects.slice(cut, objects.num_rows() - cut),
        objects.slice(0, cut),
    ];
    in_files(context, folder, "objects", &files).await;
    in_files(context, folder, "ego", &[all(|drive| &drive.ego)]).await;
    in_files(context, folder, "can", &[all(|drive| &drive.can)]).await;
}

#[tokio::test]
async fn the_nine_queries_answer_as_plain_sql_does() {
    let folder = tempfile::tempdir().unwrap();
    let files = context(OperatorLimits::default());
    clustered(&files, folder.path()).await;
    // By stamp, all drives at once, in two partitions: no drive is in order or in one place.
    let memory = context(OperatorLimits::default());
    let drives = drives();
    for (name, read) in [
        (
            "objects",
            (|drive| &drive.objects) as fn(&Drive) -> &RecordBatch,
        ),
        ("ego", |drive| &drive.ego),
        ("can", |drive| &drive.can),
    ] {
        let rows = together(
            &drives
                .iter()
                .map(|drive| read(drive).clone())
                .collect::<Vec<_>>(),
        );
        let rows = by_stamp(&rows);
        let half = rows.num_rows() / 2;
        let halves = [
            rows.slice(half, rows.num_rows() - half),
            rows.slice(0, half),
        ];
        in_memory(&memory, name, halves.map(|half| vec![half]).to_vec());
    }
    for asked in &QUERIES {
        let expected = answer(&files, asked.plain).await;
        assert!(
            !expected.contains("| 0 "),
            "{} finds nothing:\n{expected}",
            asked.name
        );
        assert_eq!(
            answer(&files, asked.ours).await,
            expected,
            "{}, in files",
            asked.name
        );
        assert_eq!(
            answer(&memory, asked.ours).await,
            expected,
            "{}, in memory",
            asked.name
        );
    }
}

/// The plan of a statement without what differs between machines.
async fn plan(context: &SessionContext, statement: &str) -> String {
    let frame = query(context, statement).await.unwrap();
    let plan = frame.create_physical_plan().await.unwrap();
    let text = displayable(plan.as_ref()).indent(false).to_string();
    let lines = text
        .lines()
        .map(|line| match line.split_once("DataSourceExec: ") {
            Some((indent, scan)) => {
                let files = scan.matches(".parquet").count();
                format!("{indent}DataSourceExec: {files} files")
            }
            None => line.to_owned(),
        });
    lines.collect::<Vec<_>>().join("\n")
}

/// The goldens of `plans/operators.txt`: a statement, a line of dashes, its plan, and a blank line.
#[tokio::test]
async fn on_files_in_order_no_row_is_moved_or_sorted() {
    let folder = tempfile::tempdir().unwrap();
    let context = context(OperatorLimits::default());
    clustered(&context, folder.path()).await;
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans/operators.txt");
    let expected = std::fs::read_to_string(goldens).unwrap();
    let mut actual = String::new();
    for golden in expected.split_terminator("\n\n") {
        let statement = golden.split_once("\n----\n").unwrap().0;
        let plan = plan(&context, statement).await;
        for word in ["RepartitionExec", "SortExec", "SortPreservingMergeExec"] {
            assert!(!plan.contains(word), "{statement}\n{plan}");
        }
        actual += &format!("{statement}\n----\n{plan}\n\n");
    }
    assert_eq!(actual.trim_end(), expected.trim_end(), "\n{actual}");
}

#[tokio::test]
async fn the_lake_is_read_in_its_own_order() {
    let (_folder, lake) = lake().await;
    for name in ["a", "b", "c"] {
        add_drive(&lake, name, None, &[EGO, SLOW]).await;
    }
    let answer = |statement: &'static str| {
        let lake = lake.clone();
        async move {
            let answer = sql(&lake, statement, &SessionOptions::default())
                .await
                .unwrap();
            let batches: Vec<_> = answer.batches.try_collect().await.unwrap();
            pretty_format_batches(&batches).unwrap().to_string()
        }
    };
    let plan =
        answer("EXPLAIN SELECT * FROM track_windows(object_track, before => lag(x_m, 1))").await;
    assert!(plan.contains("DriveExec: track_windows"), "{plan}");
    assert!(
        !plan.contains("RepartitionExec") && !plan.contains("SortExec"),
        "{plan}"
    );
    let ours = "SELECT log_id, track_id, stamp_ns, before \
        FROM track_windows(object_track, before => lag(x_m, 1)) ORDER BY 1, 2, 3";
    let plain = "SELECT log_id, track_id, stamp_ns, \
        lag(x_m) OVER (PARTITION BY log_id, track_id ORDER BY stamp_ns) AS before FROM object_track ORDER BY 1, 2, 3";
    assert_eq!(answer(ours).await, answer(plain).await);
}

/// A table `rows` with gaps, ties, nulls and NaN.
async fn odd_rows(context: &SessionContext) {
    let statement = "CREATE TABLE rows AS SELECT * FROM (VALUES
        ('a', 'x', 0, 1.0, 0.0), ('a', 'x', 100, NULL, 0.0), ('a', 'x', 100, 3.0, CAST('NaN' AS DOUBLE)), ('a', 'x', 250, CAST('NaN' AS DOUBLE), 1.0),
        ('a', 'y', 100, 5.0, 0.5), ('a', 'y', 5000, 7.0, 0.5), ('a', NULL, 100, 3.5, 0.0), ('a', NULL, 101, 4.0, 0.0),
        ('b', 'x', 100, 2.0, 2.0), (NULL, 'x', 100, 2.0, 2.0), (NULL, 'z', 100, 2.5, 2.0)
      ) AS t(log_id, track_id, stamp_ns, x_m, y_m)";
    query(context, statement)
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
}

#[tokio::test]
async fn windows_of_odd_rows_are_those_of_sql() {
    let context = context(OperatorLimits::default());
    odd_rows(&context).await;
    // SQL counts NaN; what is not finite is left out beforehand.
    let plain = "SELECT log_id, track_id, stamp_ns, x_m,
          min(v) OVER w AS least, max(v) OVER w AS most, avg(v) OVER w AS middle, count(v) OVER w AS number
        FROM (SELECT *, CASE WHEN x_m < 1e9 THEN x_m END AS v FROM rows)
        WINDOW w AS (PARTITION BY log_id, track_id ORDER BY stamp_ns RANGE BETWEEN 150 PRECEDING AND 50 FOLLOWING)
        ORDER BY 1, 2, 3, 4";
    let ours = "SELECT log_id, track_id, stamp_ns, x_m, least, most, middle, number
        FROM track_windows(rows, least => min(x_m, -0.00000015, 0.00000005), most => max(x_m, -0.00000015, 50e-9),
          middle => mean(x_m, -0.00000015, 0.00000005), number => count(x_m, -150e-9, 0.00000005))
        ORDER BY 1, 2, 3, 4";
    assert_eq!(answer(&context, ours).await, answer(&context, plain).await);
    let plain = "SELECT log_id, track_id, stamp_ns, lag(stamp_ns, 2) OVER w AS before, lead(stamp_ns) OVER w AS after
        FROM rows WINDOW w AS (PARTITION BY log_id, track_id ORDER BY stamp_ns) ORDER BY 1, 2, 3, 4";
    let ours = "SELECT log_id, track_id, stamp_ns, before, after
        FROM track_windows(rows, before => lag(stamp_ns, 2), after => lead(stamp_ns, 1)) ORDER BY 1, 2, 3, 4";
    assert_eq!(answer(&context, ours).await, answer(&context, plain).await);
}

#[tokio::test]
async fn pairs_of_odd_rows_are_those_of_sql() {
    let context = context(OperatorLimits::default());
    odd_rows(&context).await;
    let plain = "SELECT a.log_id, a.stamp_ns, a.track_id, b.track_id AS other_track_id, a.x_m, b.x_m AS other_x_m
        FROM rows AS a JOIN rows AS b ON (a.log_id IS NOT DISTINCT FROM b.log_id) AND a.stamp_ns = b.stamp_ns
          AND (a.track_id IS DISTINCT FROM b.track_id)
        WHERE power(a.x_m - b.x_m, 2) + power(a.y_m - b.y_m, 2) <= 4 AND a.x_m < 1e9 AND b.x_m < 1e9 ORDER BY 1, 2, 3, 4";
    let ours = "SELECT log_id, stamp_ns, track_id, other_track_id, x_m, other_x_m FROM pairs_within(rows, 2) ORDER BY 1, 2, 3, 4";
    let expected = answer(&context, plain).await;
    assert!(expected.lines().count() > 6, "{expected}");
    assert_eq!(answer(&context, ours).await, expected);
    let one_way = "SELECT count(*) AS n FROM pairs_within(rows, 2, first => track_id = 'x', other => track_id = 'z')";
    assert!(answer(&context, one_way).await.contains("| 1 "));
}

#[tokio::test]
async fn two_tables_are_walked_side_by_side() {
    let context = context(OperatorLimits::default());
    odd_rows(&context).await;
    let statement = "CREATE TABLE signal AS SELECT * FROM (VALUES
        ('a', 100, 1.0), ('a', 90, 0.5), ('a', 300, NULL), ('c', 0, 9.0), (NULL, 0, 9.0)) AS t(log_id, stamp_ns, value)";
    query(&context, statement)
        .await
        .unwrap()
        .collect()
        .await
        .unwrap();
    let asof = "SELECT log_id, track_id, stamp_ns, value, other_stamp_ns FROM asof_join(rows, signal, tolerance_s => 160e-9)
        ORDER BY 1, 2, 3";
    let expected = "\
+--------+----------+----------+-------+----------------+
| log_id | track_id | stamp_ns | value | other_stamp_ns |
+--------+----------+----------+-------+----------------+
| a      | x        | 0        |       |                |
| a      | x        | 100      | 1.0   | 100            |
| a      | x        | 100      | 1.0   | 100            |
| a      | x        | 250      | 1.0   | 100            |
| a      | y        | 100      | 1.0   | 100            |
| a      | y        | 5000     |       |                |
| a      |          | 100      | 1.0   | 100            |
| a      |          | 101      | 1.0   | 100            |
| b      | x        | 100      |       |                |
|        | x        | 100      |       |                |
|        | z        | 100      |       |                |
+--------+----------+----------+-------+----------------+";
    assert_eq!(answer(&context, asof).await, expected);
    let plain = "SELECT r.log_id, track_id, r.stamp_ns, s.stamp_ns AS other_stamp_ns FROM rows AS r JOIN signal AS s
        ON r.log_id = s.log_id AND s.stamp_ns BETWEEN r.stamp_ns AND r.stamp_ns + 150 ORDER BY 1, 2, 3, 4";
    let ours = "SELECT log_id, track_id, stamp_ns, other_stamp_ns FROM followed_by(rows, signal, 150e-9) ORDER BY 1, 2, 3, 4";
    let expected = answer(&context, plain).await;
    assert!(expected.lines().count() > 8, "{expected}");
    assert_eq!(answer(&context, ours).await, expected);
    let first = "SELECT count(*) AS n FROM followed_by(rows, signal, 150e-9, keep => 'first')";
    assert!(
        answer(&context, first).await.contains("| 6 "),
        "{}",
        answer(&context, first).await
    );
}

#[tokio::test]
async fn episodes_have_a_row_each() {
    let context = context(OperatorLimits::default());
    odd_rows(&context).await;
    let statement =
        "SELECT * FROM episodes_of((SELECT * FROM rows WHERE log_id = 'a'), max_gap_s => 150e-9,
        min_duration_s => 1e-9, score => x_m) ORDER BY 1, 2, 3";
    let expected = "\
+--------+----------+----------+--------+--------+-------+
| log_id | track_id | start_ns | end_ns | frames | score |
+--------+----------+----------+--------+--------+-------+
| a      | x        | 0        | 250    | 4      | 3.0   |
| a      |          | 100      | 101    | 2      | 4.0   |
+--------+----------+----------+--------+--------+-------+";
    assert_eq!(answer(&context, statement).await, expected);
    let of_drives = "SELECT count(*) AS n, sum(frames) AS m FROM episodes_of(rows, max_gap_s => 1, by => (log_id))";
    assert!(answer(&context, of_drives).await.contains("| 3 | 11 |"));
}

#[tokio::test]
async fn tables_without_rows_give_none() {
    let context = context(OperatorLimits::default());
    odd_rows(&context).await;
    for statement in [
        "SELECT * FROM track_windows(nothing, v => lag(x_m, 1))",
        "SELECT * FROM pairs_within(nothing, 2)",
        "SELECT * FROM asof_join(nothing, rows)",
        "SELECT * FROM followed_by(rows, nothing, 1)",
        "SELECT * FROM episodes_of(nothing)",
    ] {
        let statement = format!(
            "WITH nothing AS (SELECT * FROM rows WHERE x_m > 1e9 AND log_id = 'b') {statement}"
        );
        let batches = context
            .sql(&statement)
            .await
            .unwrap()
            .collect()
            .await
            .unwrap();
        let count: usize = batches.iter().map(RecordBatch::num_rows).sum();
        assert_eq!(count, 0, "{statement}");
    }
}

#[tokio::test]
async fn a_wrong_call_says_what_is_wrong() {
    let context = context(OperatorLimits::default());
    odd_rows(&context).await;
    for (call, expected) in [
        ("track_windows()", "track_windows: expected a table"),
        (
            "track_windows(1 + 1)",
            "expected a table: a table, or a query in parentheses",
        ),
        ("track_windows(rows, v => x_m)", "expected lag(value, rows)"),
        (
            "track_windows(rows, v => lag(x_m, 0.5))",
            "expected lag(value, rows)",
        ),
        (
            "track_windows(rows, v => max(x_m, 2))",
            "expected lag(value, rows)",
        ),
        (
            "track_windows(rows, v => max(x_m, y_m, 0))",
            "expected a number, got `y_m`",
        ),
        ("track_windows(rows, 3)", "more arguments than it takes"),
        ("track_windows(rows, v => lag(nothing, 1))", "nothing"),
        (
            "track_windows((SELECT x_m FROM rows), v => lag(x_m, 1))",
            "no column `stamp_ns`",
        ),
        (
            "track_windows((SELECT log_id, track_id, x_m AS stamp_ns FROM rows))",
            "expected stamp_ns as BIGINT, got Float64",
        ),
        ("pairs_within(rows)", "expected distance_max_m"),
        (
            "pairs_within(rows, -1)",
            "expected distance_max_m of at least 0",
        ),
        (
            "pairs_within(rows, 2, x => 'a' || track_id, z => 3)",
            "there is no argument `z`",
        ),
        ("asof_join(rows)", "expected a signal as the second table"),
        (
            "asof_join(rows, (SELECT 1 AS log_id, stamp_ns FROM rows))",
            "in the first table and Int64 in the second",
        ),
        (
            "followed_by(rows, rows, 1, keep => 'last')",
            "expected keep as 'all' or 'first'",
        ),
        ("episodes_of(rows, by => (nothing))", "no column `nothing`"),
    ] {
        let message = error(&context, &format!("SELECT * FROM {call}")).await;
        assert!(message.contains(expected), "{call}: {message}");
    }
}

#[tokio::test]
async fn what_passes_a_limit_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let few = context(OperatorLimits {
        drive_rows_max: 1000,
        ..OperatorLimits::default()
    });
    clustered(&few, folder.path()).await;
    let statement = "SELECT * FROM episodes_of(objects)";
    assert!(
        error(&few, statement)
            .await
            .contains("drive 0 has more than 1000 rows")
    );
    // No footers are read: the engine sorts.
    let sorts = context(OperatorLimits {
        files_max: 0,
        ..OperatorLimits::default()
    });
    clustered(&sorts, folder.path()).await;
    assert!(plan(&sorts, statement).await.contains("SortExec"));
}

#[tokio::test]
async fn a_drive_in_two_places_is_an_error_and_no_wrong_answer() {
    let folder = tempfile::tempdir().unwrap();
    let context = context(OperatorLimits::default());
    let rows: Vec<RecordBatch> = drives().into_iter().map(|drive| drive.objects).collect();
    // Files of the drives 0, 2, 4 and 1, 2, 5: they overlap as those of two commits do, and have one drive both.
    let files =
        [[0, 2, 4], [1, 2, 5]].map(|drives| together(&drives.map(|drive| rows[drive].clone())));
    in_files(&context, folder.path(), "objects", &files).await;
    let message = error(
        &context,
        "SELECT * FROM track_windows(objects, before => lag(x, 1))",
    )
    .await;
    assert!(
        message.contains("the rows of drive 2 are not together"),
        "{message}"
    );
    // Without that drive they are answered file by file, and two tables are brought together by sorting.
    in_files(
        &context,
        folder.path(),
        "fine",
        &[
            rows[0].clone(),
            together(&[rows[1].clone(), rows[3].clone()]),
            rows[2].clone(),
        ],
    )
    .await;
    let count = "SELECT count(*) AS n FROM track_windows(fine, before => lag(x, 1))";
    assert_eq!(
        answer(&context, count).await,
        answer(&context, "SELECT count(*) AS n FROM fine").await
    );
    let both = "SELECT * FROM asof_join(fine, (SELECT log_id, stamp_ns, x AS value FROM fine))";
    assert!(plan(&context, both).await.contains("SortExec"));
    let count = format!("SELECT count(value) AS n FROM ({both})");
    assert_eq!(
        answer(&context, &count).await,
        answer(&context, "SELECT count(*) AS n FROM fine").await
    );
}

#[test]
fn every_operator_is_documented() {
    let names: Vec<_> = operator_docs().map(|operator| operator.name).collect();
    let operators = [
        "track_windows",
        "pairs_within",
        "asof_join",
        "followed_by",
        "episodes_of",
    ];
    // Kinematics and selectors follow.
    assert!(names.starts_with(&operators), "{names:?}");
}
