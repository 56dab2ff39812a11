//! A drive that is removed, with what was made of it, and that comes back where it is asked for.

use std::collections::BTreeSet;

use crate::harness::Bench;

const DRIVES: usize = 6;

/// The tables with rows of drives, whether or not they name them in a column.
const TABLES: [&str; 6] = [
    "drive",
    "ego_state",
    "object_track",
    "lane",
    "episode",
    "sample",
];

/// Rows of some drives in each table.
fn rows(bench: &Bench, drives: &BTreeSet<String>) -> Vec<(&'static str, String)> {
    let names: Vec<_> = drives.iter().map(|name| format!("'{name}'")).collect();
    let names = names.join(", ");
    let of = |table: &'static str| {
        let sql = format!("SELECT count(*) FROM with_composed.{table} WHERE log_id IN ({names})");
        (table, bench.cell(&sql))
    };
    TABLES.into_iter().map(of).collect()
}

#[test]
fn a_removed_drive_is_nowhere_and_comes_back_where_it_is_asked_for() {
    let bench = Bench::new();
    bench.simulate(DRIVES, 30, 3, "logs");
    bench.ok(&["ingest", "logs"]);
    bench.ok(&["mine"]);
    bench.ok(&["synth", "--limit", "30"]);
    bench.ok(&["dataset", "freeze", "first"]);
    let host = bench.cell(
        "SELECT host_log_id FROM synthetic_item WHERE state = 'accepted' GROUP BY host_log_id ORDER BY count(*) DESC, host_log_id LIMIT 1",
    );
    let by_host = format!("WHERE host_log_id = '{host}' ORDER BY item_id");
    let items = bench.lines(&format!(
        "SELECT item_id, state FROM synthetic_item {by_host}"
    ));
    let composed =
        format!("SELECT log_id FROM with_composed.drive WHERE source_uri = 'lake:{host}'");
    let composed = bench.lines(&composed);
    assert!(!composed.is_empty(), "{items:?}");
    let gone: BTreeSet<String> = composed.into_iter().chain([host.clone()]).collect();
    let before = rows(&bench, &gone);
    assert!(before.iter().all(|(_, rows)| rows != "0"), "{before:?}");

    let removed = bench.run(&["lake", "remove", &host, "nobody"]);
    assert_eq!(removed.status, 3, "{}", removed.stderr);
    for text in ["no drive `nobody`", "dataset `first` lost", "vacuum"] {
        assert!(removed.stderr.contains(text), "{}", removed.stderr);
    }
    let none: Vec<_> = TABLES.map(|table| (table, "0".to_owned())).into();
    assert_eq!(rows(&bench, &gone), none);
    assert_eq!(
        bench.cell(&format!(
            "SELECT count(*) FROM synthetic_item WHERE host_log_id = '{host}'"
        )),
        "0"
    );
    let shown = bench.ok(&["dataset", "show", "first"]);
    assert!(
        shown.contains(&host) && shown.contains("removed"),
        "{shown}"
    );
    bench.ok(&["lake", "check", "--bytes"]);

    // The logs are still there, and are not taken up unasked.
    let again = bench.run(&["ingest", "logs"]);
    assert_eq!(again.status, 3, "{}", again.stderr);
    assert!(
        again.stderr.contains("was removed from the lake"),
        "{}",
        again.stderr
    );
    assert_eq!(rows(&bench, &gone), none);
    let unknown = bench.run(&["lake", "remove", "nobody"]);
    assert_eq!(unknown.status, 1, "{}", unknown.stderr);
    assert!(
        unknown.stderr.contains("no drive `nobody`"),
        "{}",
        unknown.stderr
    );

    bench.ok(&["ingest", "logs", "--replace"]);
    bench.ok(&["mine"]);
    bench.ok(&["synth", "--limit", "60"]);
    let back = bench.lines(&format!(
        "SELECT item_id, state FROM synthetic_item {by_host}"
    ));
    let back: BTreeSet<_> = back.into_iter().collect();
    assert!(
        items.iter().all(|item| back.contains(item)),
        "{items:?}\n{back:?}"
    );
    let after = rows(&bench, &gone);
    let is_of_drives = |(table, _): &&(&str, String)| *table != "sample";
    let of_drives = |rows: &[(&'static str, String)]| -> Vec<_> {
        rows.iter().filter(is_of_drives).cloned().collect()
    };
    assert_eq!(of_drives(&after), of_drives(&before));
    bench.ok(&["lake", "vacuum", "--retention-hours", "0", "--delete"]);
    bench.ok(&["lake", "check", "--bytes"]);
    assert_eq!(of_drives(&rows(&bench, &gone)), of_drives(&before));
}
