//! `driveloop sql` without a terminal.

use std::io::Read as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::harness::{lake, python, sql, sql_command, sql_with_input};

/// A query that would take hours.
const ENDLESS: &str =
    "SELECT sum(sin(a.value * b.value)) FROM range(0, 10000000) a, range(0, 10000000) b";

#[test]
fn statements_come_from_the_argument_a_file_and_standard_input() {
    let script = "SELECT 1 AS a; -- two statements\nSELECT 'x;y' AS b;\n";
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), script).expect("it is written");
    let file = file.path().display().to_string();
    let expected = "a\n1\nb\nx;y\n";
    let csv = ["--format", "csv"];
    for (arguments, input) in [
        (vec![script], ""),
        (vec!["-f", &file], ""),
        (vec!["-f", "-"], script),
        (vec![], script),
    ] {
        let ran = sql_with_input(&[&csv, &*arguments].concat(), input);
        assert_eq!(
            (ran.status, ran.text()),
            (0, expected),
            "{arguments:?}: {}",
            ran.stderr
        );
    }
    let none = sql_with_input(&[], " -- nothing\n");
    assert_eq!(none.status, 1);
    assert!(
        none.stderr.contains("there is no statement"),
        "{}",
        none.stderr
    );
}

#[test]
fn an_error_points_at_its_place_and_ends_the_script() {
    let ran = sql(&[
        "SELECT 1;\nSELECT *\n  FROM driev; SELECT 2",
        "--format",
        "csv",
    ]);
    assert_eq!(
        (ran.status, ran.text(), ran.stderr.as_str()),
        (
            1,
            "Int64(1)\n1\n",
            "error: query, line 3, column 8: no table `driev`; did you mean `drive`?\n   |\n 3 |   FROM driev; SELECT 2\n   |        ^^^^^\nhint: `driveloop lake tables` lists the tables; those that hold composed drives too are under `with_composed.`\n"
        )
    );
}

#[test]
fn json_is_an_object_a_line_with_every_column() {
    let statement = "SELECT * FROM (VALUES (1, NULL, [1, 2], 'NaN'::double), (2, 'é\"', NULL, 0.5)) t(a, b, c, d) ORDER BY a";
    let ran = sql(&[statement, "--format", "json"]);
    assert_eq!(
        ran.text(),
        "{\"a\":1,\"b\":null,\"c\":[1,2],\"d\":null}\n{\"a\":2,\"b\":\"é\\\"\",\"c\":null,\"d\":0.5}\n",
        "{}",
        ran.stderr
    );
}

#[test]
fn csv_names_its_columns_even_without_rows_and_quotes_what_needs_it() {
    let ran = sql(&[
        "SELECT log_id, start_ns FROM drive WHERE false",
        "--format",
        "csv",
    ]);
    assert_eq!(ran.text(), "log_id,start_ns\n");
    let ran = sql(&[
        "SELECT 'a,\"b' AS t, [1, 2] AS l, x'00ff' AS bytes",
        "--format",
        "csv",
    ]);
    assert_eq!(
        ran.text(),
        "t,l,bytes\n\"a,\"\"b\",\"[1, 2]\",00ff\n",
        "{}",
        ran.stderr
    );
}

#[test]
fn arrow_is_read_by_pyarrow() {
    let Some(mut python) = python(true) else {
        return;
    };
    let statement = "SELECT log_id, stamp_ns, ego_x_m, category, [1, 2] AS l FROM object_track ORDER BY stamp_ns, track_id";
    let ran = sql(&[statement, "--format", "arrow"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), &ran.stdout).expect("it is written");
    let program = "import sys, pyarrow as pa\n\
        t = pa.ipc.open_stream(sys.argv[1]).read_all()\n\
        print(t.num_rows, t.column_names, t['l'][0], len(set(t['log_id'].to_pylist())))";
    let read = python
        .arg("-c")
        .arg(program)
        .arg(file.path())
        .output()
        .expect("Python runs");
    let rows = sql(&["SELECT count(*) AS n FROM object_track", "--format", "csv"]);
    let rows = rows.text().trim_start_matches("n\n").trim().to_owned();
    assert_eq!(
        String::from_utf8_lossy(&read.stdout).trim(),
        format!("{rows} ['log_id', 'stamp_ns', 'ego_x_m', 'category', 'l'] [1, 2] 1"),
        "{}",
        String::from_utf8_lossy(&read.stderr)
    );
}

#[test]
fn a_plan_is_text() {
    let ran = sql(&["EXPLAIN SELECT count(*) FROM drive"]);
    assert!(ran.text().starts_with("logical plan\n  "), "{}", ran.text());
    assert!(ran.text().contains("\nphysical plan\n  "), "{}", ran.text());
    let ran = sql(&["EXPLAIN ANALYZE SELECT count(*) FROM drive"]);
    assert!(
        ran.text().starts_with("Plan with Metrics\n  "),
        "{}{}",
        ran.text(),
        ran.stderr
    );
    assert!(ran.text().contains("output_rows=1"), "{}", ran.text());
}

#[test]
fn a_long_answer_is_cut_as_a_table_and_flows_otherwise() {
    let statement = "SELECT value FROM range(0, 3000000)";
    let cut = sql(&[statement]);
    assert_eq!(cut.status, 0);
    assert!(
        cut.stderr.contains("only the first 10000 rows"),
        "{}",
        cut.stderr
    );
    assert_eq!(cut.text().lines().count(), 10_004);
    assert_eq!(sql(&[statement, "--rows", "5"]).text().lines().count(), 9);
    let csv = sql(&[statement, "--format", "csv"]);
    assert_eq!(csv.text().lines().count(), 3_000_001);
    assert_eq!(csv.stderr, "");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    for format in ["table", "csv", "json", "arrow"] {
        let mut command = sql_command(&[
            "SELECT value FROM range(0, 100000000)",
            "--format",
            format,
            "--rows",
            "3000000",
        ]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut first = [0; 64];
        let mut stdout = child.stdout.take().expect("a pipe");
        stdout.read_exact(&mut first).expect("something comes");
        drop(stdout);
        let ended = child.wait_with_output().expect("the program ends");
        assert_eq!(ended.status.code(), Some(0), "{format}");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{format}");
    }
}

#[test]
fn a_statement_that_takes_too_long_is_stopped() {
    let begun = Instant::now();
    let ran = sql(&[ENDLESS, "--timeout", "0.5"]);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("stopped after 0.5 s"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: --timeout"), "{}", ran.stderr);
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn ctrl_c_stops_a_statement() {
    let child = sql_command(&[ENDLESS])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    std::thread::sleep(Duration::from_secs(1));
    let pid = child.id().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status();
    assert!(killed.expect("kill runs").success());
    let ended = child.wait_with_output().expect("the program ends");
    assert_eq!(ended.status.code(), Some(130));
}

#[test]
fn memory_is_bounded_and_a_spill_folder_helps() {
    let statement = "SELECT value, lpad(value::varchar, 16, '0') AS n FROM range(0, 1500000) ORDER BY md5(value::varchar)";
    let refused = sql(&[statement, "--memory", "24"]);
    assert_eq!(refused.status, 1);
    assert!(refused.stderr.contains("at most 24"), "{}", refused.stderr);
    assert!(
        refused
            .stderr
            .contains("hint: --memory MIB admits more; with --spill"),
        "{}",
        refused.stderr
    );
    let folder = tempfile::tempdir().expect("a folder");
    let spill = folder.path().display().to_string();
    let spilled = sql(&[
        statement, "--memory", "24", "--spill", &spill, "--format", "csv",
    ]);
    let lines = spilled.text().lines().count();
    assert_eq!(lines, 1_500_001, "{}", spilled.stderr);
    let left = std::fs::read_dir(folder.path())
        .expect("it is there")
        .count();
    assert_eq!(left, 0, "nothing stays in the spill folder");
}

#[test]
fn a_statement_that_writes_is_refused() {
    let ran = sql(&["DROP TABLE drive"]);
    assert_eq!(ran.status, 1);
    assert_eq!(
        ran.stderr,
        "error: expected a query, EXPLAIN, SHOW or DESCRIBE, got DROP TABLE\nhint: sql only reads; stages such as `ingest` and `mine` write the tables\n"
    );
}

#[test]
fn tables_are_seen_as_they_were() {
    let count = |as_of: &str| {
        sql(&[
            "SELECT count(*) AS n FROM ego_state",
            "--as-of",
            as_of,
            "--format",
            "csv",
        ])
    };
    let now = sql(&["SELECT count(*) AS n FROM ego_state", "--format", "csv"]);
    assert_eq!(count("2100-01-01").text(), now.text());
    assert_eq!(count("2001-01-01T00:00:00Z").text(), "n\n0\n");
    let missing = count("77");
    assert_eq!(missing.status, 1);
    assert!(
        missing.stderr.contains("ego_state") && missing.stderr.contains("77"),
        "{}",
        missing.stderr
    );
    assert_eq!(count("yesterday").status, 2);
    assert!(lake().join("tables").is_dir());
}
