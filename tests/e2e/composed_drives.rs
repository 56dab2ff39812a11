//! Composed drives: an independent script finds nothing in them that no car could do, each is made again from its provenance,
//! the catalogue finds what was composed, and nobody sees them who does not ask.
//!
//! `DRIVELOOP_COMPOSED_DRIVES=200` asks for that many in place of the few of the test.

use std::collections::BTreeMap;

use driveloop_tests::{peers_python, setting, test_data};
use serde_json::Value;

use crate::harness::{Bench, Run, peer};

/// Composed drives of the test.
const DRIVES: usize = 20;
/// Composed drives that a host of 30 s gives, about; and how often more candidates are asked for.
const DRIVES_OF_A_HOST: usize = 6;
const ROUNDS_MAX: usize = 6;
/// The recipes that put somebody in, and the scenarios that must find it.
const SCENARIOS: [(&str, &str); 3] = [
    ("pedestrian_crosses", "pedestrian_crossing_ahead"),
    ("ghost_probe", "pedestrian_from_behind_vehicle"),
    ("cargo_in_lane", "stationary_object_ahead"),
];
const RECIPES: usize = 5;
/// The tables in which composed drives have rows, and the views of these.
const TABLES: [&str; 9] = [
    "drive",
    "drive_map",
    "ego_state",
    "episode",
    "lane",
    "map_area",
    "object_track",
    "sample",
    "scene",
];

/// What the script says.
fn checked(bench: &Bench) -> Option<Value> {
    let tables = bench.path("lake/tables");
    let script = peer("check_composed.py");
    let output = peers_python()?.arg(script).arg(tables).output();
    let run = Run::of(&output.expect("python3 starts"));
    assert_eq!(run.status, 0, "{}", run.stderr);
    Some(serde_json::from_str(&run.stdout).expect("JSON"))
}

fn accepted(bench: &Bench) -> usize {
    let count = bench.cell("SELECT count(*) FROM synthetic_item WHERE state = 'accepted'");
    count.parse().expect("a count")
}

/// Composes until there are enough, each time with another seed; grid and samples in turn.
fn compose(bench: &Bench, wanted: usize) {
    for round in 0..ROUNDS_MAX {
        let missing = wanted.saturating_sub(accepted(bench));
        if missing == 0 {
            return;
        }
        let (seed, limit) = ((round + 1).to_string(), (4 * missing).to_string());
        let draw = ["grid", "sampled"][round % 2];
        bench.ok(&["synth", "--limit", &limit, "--seed", &seed, "--draw", draw]);
    }
    assert!(accepted(bench) >= wanted, "{}", rejections(bench));
}

/// What came of the candidates, for the message of a test that fails.
fn rejections(bench: &Bench) -> String {
    let sql = "SELECT recipe, state, count(*) AS candidates, min(checks) AS example \
               FROM synthetic_item GROUP BY recipe, state";
    let run = bench.run(&["sql", sql]);
    format!("{}{}", run.stdout, run.stderr)
}

/// The tables and views that have a column `log_id`.
fn tables_of_drives(bench: &Bench) -> Vec<String> {
    bench.lines(
        "SELECT DISTINCT table_name FROM information_schema.columns \
         WHERE table_schema = 'public' AND column_name = 'log_id' ORDER BY table_name",
    )
}

/// Rows of a table that are not those of composed drives, as the schema that shows all has them, and rows that somebody sees who
/// does not ask for composed drives; and how many rows there are of composed drives.
fn rows(bench: &Bench, table: &str) -> [String; 3] {
    let composed = "SELECT log_id FROM with_composed.drive WHERE composed";
    let count = |rows: &str| bench.cell(&format!("SELECT count(*) FROM {rows}"));
    [
        count(&format!(
            "with_composed.{table} WHERE log_id NOT IN ({composed})"
        )),
        count(table),
        count(&format!(
            "with_composed.{table} WHERE log_id IN ({composed})"
        )),
    ]
}

/// No table shows a row of a composed drive to those who do not ask for them.
fn assert_composed_rows_are_seen_by_those_who_ask(bench: &Bench) {
    let mut with_composed = Vec::new();
    for table in tables_of_drives(bench) {
        let [recorded, seen, composed] = rows(bench, &table);
        assert_eq!(
            seen, recorded,
            "{table}: {composed} rows of composed drives"
        );
        if composed != "0" {
            with_composed.push(table);
        }
    }
    assert_eq!(with_composed, TABLES);
}

fn assert_nothing_is_broken(report: &Value, wanted: usize) {
    assert!(
        report["drives"].as_u64() >= Some(wanted as u64),
        "{report:#}"
    );
    assert_eq!(report["violations"], 0, "{report:#}");
}

/// The script has the bounds that are published.
fn assert_bounds_are_published(bench: &Bench, report: &Value) {
    let published = bench.ok(&["synth", "bounds", "--format", "csv"]);
    let published: BTreeMap<String, f64> = (published.lines().skip(1))
        .map(|line| {
            let mut cells = line.split(',').map(str::to_owned);
            let check = cells.next().expect("a check");
            (
                check,
                cells.next().expect("a bound").parse().expect("a number"),
            )
        })
        .collect();
    let bounds = report["bounds"].as_object().expect("bounds");
    let bounds = bounds
        .iter()
        .map(|(check, bound)| (check.clone(), bound.as_f64().expect("a number")));
    assert_eq!(bounds.collect::<BTreeMap<_, _>>(), published);
}

/// Of each recipe that puts somebody in: how many drives there are, and in how many the scenario finds that one.
fn assert_the_catalogue_finds_what_was_composed(bench: &Bench) {
    for (recipe, scenario) in SCENARIOS {
        let sql = format!(
            "SELECT count(*), count(found.log_id) FROM synthetic_item AS item LEFT JOIN \
             (SELECT DISTINCT log_id, actor FROM \
               (SELECT log_id, unnest(actors) AS actor FROM with_composed.episode WHERE scenario = '{scenario}')) AS found \
             ON item.item_id = found.log_id AND item.edited_tracks[1] = found.actor \
             WHERE recipe = '{recipe}' AND state = 'accepted'"
        );
        let counts = bench.lines(&sql).remove(0);
        eprintln!("{recipe}, found by {scenario}: {counts}");
        let (all, found) = counts.split_once(',').expect("two counts");
        assert_eq!(found, all, "{recipe} by {scenario}");
    }
}

#[test]
fn composed_drives_are_possible_reproducible_and_found() {
    let wanted = setting("DRIVELOOP_COMPOSED_DRIVES", DRIVES);
    let bench = Bench::new();
    let hosts = wanted.div_ceil(DRIVES_OF_A_HOST).max(4);
    bench.simulate(hosts, 30, 2001, "logs");
    bench.ok(&["ingest", "logs"]);
    bench.ok(&["mine"]);
    compose(&bench, wanted);

    let again = bench.run(&["synth", "reproduce", "--format", "csv"]);
    assert_eq!(again.status, 0, "{}{}", again.stdout, again.stderr);
    let items = bench.cell("SELECT count(*) FROM synthetic_item");
    assert_eq!((again.stdout.lines().count() - 1).to_string(), items);

    bench.ok(&["mine"]);
    assert_the_catalogue_finds_what_was_composed(&bench);
    bench.ok(&["dataset", "freeze", "first"]);
    assert_composed_rows_are_seen_by_those_who_ask(&bench);
    let Some(report) = checked(&bench) else {
        return;
    };
    eprintln!("{report:#}");
    assert_nothing_is_broken(&report, wanted);
    assert_bounds_are_published(&bench, &report);
    let recipes = report["recipes"].as_object().expect("recipes");
    assert_eq!(recipes.len(), RECIPES, "{report:#}");
}

#[test]
fn the_script_finds_what_is_broken() {
    let bench = Bench::new();
    bench.simulate(2, 20, 2002, "logs");
    bench.ok(&["ingest", "logs"]);
    bench.ok(&["mine"]);
    bench.ok(&["synth", "--limit", "12"]);
    let Some(mut python) = peers_python() else {
        return;
    };
    let tables = bench.path("lake/tables");
    let output = python.arg(peer("break_composed.py")).arg(&tables).output();
    let run = Run::of(&output.expect("python3 starts"));
    assert_eq!(run.status, 0, "{}", run.stderr);
    let report = checked(&bench).expect("the script runs");
    let told = report["told"].as_array().expect("a list");
    let checks: Vec<&str> = told
        .iter()
        .filter_map(|one| one["check"].as_str())
        .collect();
    for check in run.stdout.split_whitespace() {
        assert!(checks.contains(&check), "{check}: {report:#}");
    }
    let again = bench.run(&["synth", "reproduce"]);
    assert_eq!(again.status, 3, "{}{}", again.stdout, again.stderr);
}

#[test]
fn drives_are_composed_from_argoverse_drives() {
    let Some(logs) = test_data("argoverse2/sensor/val") else {
        return;
    };
    let bench = Bench::new();
    bench.ok(&["ingest", &logs.display().to_string()]);
    bench.ok(&["mine"]);
    bench.ok(&["synth", "--limit", "120"]);
    let again = bench.run(&["synth", "reproduce"]);
    assert_eq!(again.status, 0, "{}{}", again.stdout, again.stderr);
    let Some(report) = checked(&bench) else {
        return;
    };
    eprintln!("{report:#}");
    assert_nothing_is_broken(&report, 1);
}
