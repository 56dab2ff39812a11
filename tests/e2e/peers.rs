//! What programs that nobody here wrote read in our logs and tables.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use driveloop_tests::peers_python;

use crate::harness::{Bench, Run, peer};

/// What `README.md` tells other readers to ask.
const RECORDED: &str = "log_id IN (SELECT log_id FROM drive WHERE NOT composed)";
/// The tables in which composed drives have rows.
const WITH_COMPOSED: [&str; 7] = [
    "drive",
    "ego_state",
    "episode",
    "lane",
    "map_area",
    "object_track",
    "sample",
];

/// Two words and a count.
type Counts = BTreeMap<(String, String), u64>;

fn counts(lines: &str, separator: char) -> Counts {
    let count = |line: &str| {
        let mut words = line.split(separator).map(str::to_owned);
        Some(((words.next()?, words.next()?), words.next()?.parse().ok()?))
    };
    lines
        .lines()
        .map(|line| count(line).expect("two words and a count"))
        .collect()
}

fn python<'a>(script: &str, arguments: impl IntoIterator<Item = &'a Path>) -> Option<Counts> {
    let output = peers_python()?.arg(peer(script)).args(arguments).output();
    let run = Run::of(&output.expect("python3 starts"));
    assert_eq!(run.status, 0, "{}", run.stderr);
    Some(counts(&run.stdout, ' '))
}

#[test]
fn delta_readers_count_what_the_lake_counts() {
    let bench = Bench::new();
    bench.simulate(2, 12, 9, "logs");
    bench.ok(&["ingest", "logs"]);
    bench.ok(&["mine"]);
    let Some(tables) = python("count_rows.py", [bench.path("lake/tables").as_path()]) else {
        return;
    };
    assert!(tables.len() > 2 * 7, "{tables:?}");
    for ((reader, table), rows) in &tables {
        let count = bench.cell(&format!("SELECT count(*) FROM with_composed.{table}"));
        assert_eq!(count, rows.to_string(), "{table} in {reader}");
    }
}

#[test]
fn delta_readers_leave_out_composed_drives_as_the_lake_does() {
    let readme = include_str!("../../README.md");
    assert!(readme.contains(&format!("`WHERE {RECORDED}`")));
    let bench = Bench::new();
    bench.simulate(2, 20, 2002, "logs");
    bench.ok(&["ingest", "logs"]);
    bench.ok(&["mine"]);
    bench.ok(&["synth", "--limit", "12"]);
    bench.ok(&["mine"]);
    bench.ok(&["dataset", "freeze", "first"]);
    let tables = bench.path("lake/tables");
    let Some(counted) = python("count_recorded.py", [tables.as_path(), Path::new(RECORDED)]) else {
        return;
    };
    let mut with_composed = BTreeSet::new();
    for ((reader, table), rows) in &counted {
        let recorded = bench.cell(&format!("SELECT count(*) FROM {table}"));
        assert_eq!(recorded, rows.to_string(), "{table} in {reader}");
        if bench.cell(&format!("SELECT count(*) FROM with_composed.{table}")) != recorded {
            with_composed.insert(table.as_str());
        }
    }
    assert_eq!(with_composed.into_iter().collect::<Vec<_>>(), WITH_COMPOSED);
}

#[test]
fn python_decodes_every_simulated_message_and_the_lake_has_it() {
    let bench = Bench::new();
    bench.simulate(4, 60, 7, "logs");
    bench.simulate(4, 60, 7, "again");
    let logs: Vec<_> = (0..4)
        .map(|drive| format!("sim-7-{drive:04}.mcap"))
        .collect();
    for log in &logs {
        let read = |folder: &str| std::fs::read(bench.path(folder).join(log)).expect("the log");
        assert!(
            read("logs") == read("again"),
            "{log}: the same seed writes the same bytes"
        );
    }
    let paths: Vec<_> = logs
        .iter()
        .map(|log| bench.path("logs").join(log))
        .collect();
    let Some(messages) = python(
        "count_messages.py",
        paths.iter().map(std::path::PathBuf::as_path),
    ) else {
        return;
    };
    bench.ok(&["ingest", "logs"]);
    // Each topic with the rows that its messages become.
    let queries = [
        ("/localization/odometry", "count(*) FROM ego_state"),
        ("/sensing/gnss", "count(latitude_deg) FROM ego_state"),
        (
            "objects",
            "count(*) FROM object_track WHERE category <> 'EGO_VEHICLE'",
        ),
        ("/from_can_bus", "count(*) FROM bus_frame"),
        (
            "/sensing/imu",
            "count(DISTINCT stamp_ns) FROM signal WHERE source = '/sensing/imu'",
        ),
        (
            "/vehicle/status/velocity",
            "count(DISTINCT stamp_ns) FROM signal WHERE source = '/vehicle/status/velocity'",
        ),
        (
            "/vehicle/status/steering",
            "count(DISTINCT stamp_ns) FROM signal WHERE source = '/vehicle/status/steering'",
        ),
        ("lanes", "count(*) FROM lane"),
    ];
    for (topic, count) in queries {
        let sql = format!("SELECT log_id, '{topic}', {count} GROUP BY log_id");
        let rows = counts(&bench.lines(&sql).join("\n"), ',');
        let expected: Counts = messages
            .iter()
            .filter(|((_, of), _)| of == topic)
            .map(|(k, n)| (k.clone(), *n))
            .collect();
        assert_eq!(expected.len(), 4, "{topic} is in every log");
        assert_eq!(rows, expected, "{topic}");
    }
}
