//! The gate's error rates, by thousands of simulated releases. Writes `docs/calibration.md`, and fails where a rate lies
//! outside its bound.
//!
//! `DRIVELOOP_GATE_RUNS` simulates other numbers of releases; `DRIVELOOP_GATE_SECTION` (nowhere, margin, means, slice or
//! planned) prints one section and writes nothing.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    reason = "a benchmark stops at the first surprise, and prints"
)]

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/it/fixture.rs"]
mod fixture;
#[path = "../tests/it/simulate.rs"]
mod simulate;

use simulate::{
    Rates, Suite, Truth, admitted, drive_effect, in_slices, power_at_plan, power_at_plan_of_drives,
    runs,
};

/// One-sided levels of the rules.
const LEVEL: f64 = 0.025;
/// What the project asks of releases that are worse nowhere.
const BLOCKED_MAX: f64 = 0.05;

/// A section of the page: its name, and what simulates it.
type Section = (&'static str, fn(&mut Table));

fn main() {
    let sections: [Section; 5] = [
        ("nowhere", worse_nowhere),
        ("margin", worse_by_the_margin),
        ("means", means_worse_by_the_margin),
        ("slice", one_slice_worse),
        ("planned", planned),
    ];
    let asked = std::env::var("DRIVELOOP_GATE_SECTION").ok();
    let mut table = Table::default();
    for (name, section) in sections {
        if asked.as_deref().is_none_or(|asked| asked == name) {
            section(&mut table);
        }
    }
    if asked.is_some() {
        println!("{}", table.text);
    } else {
        let text = format!("{}{}", include_str!("calibration.head.md"), table.text);
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/calibration.md");
        std::fs::write(path, text).unwrap();
        println!("wrote {path}");
    }
    assert!(
        table.outside.is_empty(),
        "outside its bound: {:#?}",
        table.outside
    );
}

#[derive(Default)]
struct Table {
    text: String,
    outside: Vec<String>,
}

impl Table {
    fn section(&mut self, text: &str, columns: &[&str]) {
        let rule = vec!["---"; columns.len()].join(" | ");
        self.text += &format!("\n{text}\n\n| {} |\n| {rule} |\n", columns.join(" | "));
    }

    fn row(&mut self, cells: &[String], within: bool) {
        let row = format!("| {} |\n", cells.join(" | "));
        eprint!("{row}");
        if !within {
            self.outside.push(row.clone());
        }
        self.text += &row;
    }
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

fn worse_nowhere(table: &mut Table) {
    let head = "## Candidates that are worse nowhere\n\nBound: at most 5 % `BLOCK`, whatever the error of the simulation; the \
                rules ask for 2.5 %.";
    table.section(
        head,
        &["suite", "candidate", "releases", "`BLOCK`", "`PASS`"],
    );
    let mut row = |suite: &str, candidate: &str, rates: Rates| {
        let cells = [
            suite.to_owned(),
            candidate.to_owned(),
            rates.runs.to_string(),
            percent(rates.blocked),
            percent(rates.passed),
        ];
        table.row(&cells, rates.blocked <= BLOCKED_MAX);
    };
    let better_in = |better: usize| {
        move |metric: usize, _: usize| {
            if metric < better {
                Truth::better()
            } else {
                Truth::alike()
            }
        }
    };
    let words = |better: usize| match better {
        0 => "equal everywhere".to_owned(),
        _ => format!("better in {better} of 5 metrics"),
    };
    let suite = Suite::new(6_000, 1, 5, 0.01, in_slices(20));
    for better in 0..5 {
        let rates = Rates::of(runs(2_000), |run| suite.verdict(run, better_in(better)));
        row("5 metrics × 21 slices, 6,000 scenes", &words(better), rates);
    }
    let suite = Suite::new(4_000, 20, 5, 0.02, in_slices(20));
    for better in [0, 2, 4] {
        let rates = Rates::of(runs(2_000), |run| {
            suite.verdict(run, |metric, scene| Truth {
                together: 9.0,
                ..better_in(better)(metric, scene)
            })
        });
        let name = "5 metrics × 21 slices, 200 drives of 20 scenes that fail together";
        row(name, &words(better), rates);
    }
    let suite = Suite::new(12_000, 1, 1, 0.01, in_slices(399));
    let rates = Rates::of(runs(2_000), |run| suite.verdict(run, |_, _| Truth::alike()));
    row(
        "1 metric × 400 slices, 12,000 scenes",
        "equal everywhere",
        rates,
    );
    let suite = Suite::new(12_000, 1, 5, 0.01, in_slices(399));
    let rates = Rates::of(runs(2_000), |run| suite.verdict(run, better_in(2)));
    row("5 metrics × 400 slices, 12,000 scenes", &words(2), rates);
    let suite = Suite::continuous(50, 4);
    let rates = Rates::of(runs(2_000), |run| {
        suite.verdict_on_means(run, |draws| drive_effect("heavy tails", draws))
    });
    row("1 continuous metric, 50 drives", "equal", rates);
}

fn worse_by_the_margin(table: &mut Table) {
    let head = "## Candidates that are worse by the margin\n\nBound: at most 2.5 % `PASS` and the error of the simulation \
                (3.1 standard errors at 2.5 %).";
    table.section(
        head,
        &["suite", "regression", "releases", "`PASS`", "`BLOCK`"],
    );
    let mut row = |suite: &str, regression: &str, rates: Rates| {
        let cells = [
            suite.to_owned(),
            regression.to_owned(),
            rates.runs.to_string(),
            percent(rates.passed),
            percent(rates.blocked),
        ];
        table.row(&cells, rates.passed <= admitted(LEVEL, rates.runs));
    };
    for (drives, per_drive, margin) in [
        (20, 50, 0.05),
        (50, 50, 0.05),
        (50, 50, 0.02),
        (100, 50, 0.05),
        (100, 50, 0.02),
        (100, 50, 0.01),
        (200, 20, 0.02),
        (200, 20, 0.01),
        (4_000, 1, 0.01),
    ] {
        let suite = Suite::new(drives * per_drive, per_drive, 1, margin, |_| Vec::new());
        for (words, spread) in [
            ("in every drive alike", 0.0),
            ("in half of the drives", 1.0),
            (
                "in a quarter of the scenes of few drives",
                0.25 / margin - 1.0,
            ),
        ] {
            let rates = Rates::of(runs(2_000), |run| {
                suite.verdict(run, |_, _| Truth::worse_by(margin, spread))
            });
            let name = if per_drive == 1 {
                format!("{drives} scenes, margin {margin}")
            } else {
                format!("{drives} drives of {per_drive} scenes, margin {margin}")
            };
            row(&name, words, rates);
        }
    }
    for (slices, margin) in [(20, 0.01), (399, 0.01)] {
        let suite = Suite::new(6_000, 1, 5, margin, in_slices(slices));
        let rates = Rates::of(runs(2_000), |run| {
            suite.verdict(run, |metric, _| match metric {
                0 => Truth::worse_by(margin, 0.0),
                _ => Truth::better(),
            })
        });
        let name = format!(
            "5 metrics × {} slices, 6,000 scenes, margin {margin}",
            slices + 1
        );
        row(&name, "in one metric; better in the other four", rates);
    }
}

fn means_worse_by_the_margin(table: &mut Table) {
    let head = "## Means that are worse by the margin\n\nThe margin is a quarter of the drives' spread. Bound: as above.";
    table.section(
        head,
        &["suite", "drives differ", "releases", "`PASS`", "`BLOCK`"],
    );
    for drives in [20, 50, 100, 200] {
        let suite = Suite::continuous(drives, 4);
        for kind in [
            "normal",
            "heavy tails",
            "good drives stand out",
            "bad drives stand out",
        ] {
            let rates = Rates::of(runs(2_000), |run| {
                // A margin of a quarter of the spread: larger ones are blocked before the bound is asked.
                suite.verdict_on_means(run, |draws| 1.0 + 4.0 * drive_effect(kind, draws))
            });
            let cells = [
                format!("{drives} drives"),
                kind.to_owned(),
                rates.runs.to_string(),
                percent(rates.passed),
                percent(rates.blocked),
            ];
            table.row(&cells, rates.passed <= admitted(LEVEL, rates.runs));
        }
    }
}

fn one_slice_worse(table: &mut Table) {
    let head = "## A regression of one point in one slice\n\n5,000 of the scenes are in the slice, 12,000 in all; 2 % of its \
                scenes newly fail and 1 % are mended, elsewhere 1 % and 1 %. No bound: this is what many slices cost.";
    table.section(head, &["slices", "releases", "`BLOCK`", "`PASS`"]);
    for slices in [1, 21, 400] {
        let in_slice = |at: usize| at < 5_000;
        let suite = Suite::new(12_000, 1, 1, 0.01, |at| {
            let mut names = vec!["place=here".to_owned()];
            if !in_slice(at) {
                names.clear();
            }
            if slices > 2 {
                names.push(format!("weather={:03}", at % (slices - 2)));
            }
            names
        });
        let suite = if slices == 1 {
            Suite::new(5_000, 1, 1, 0.01, |_| Vec::new())
        } else {
            suite
        };
        let rates = Rates::of(runs(2_000), |run| {
            suite.verdict(run, |_, scene| Truth {
                shift: if in_slice(scene) { 0.01 } else { 0.0 },
                ..Truth::alike()
            })
        });
        let cells = [
            slices.to_string(),
            rates.runs.to_string(),
            percent(rates.blocked),
            percent(rates.passed),
        ];
        table.row(&cells, true);
    }
}

fn planned(table: &mut Table) {
    let head = "## Counts that a verdict names\n\nA suite too small to decide names the scenes that would, with a chance of \
                80 %. With so many, a candidate that is worse by the margin is blocked, and one like the baseline shown to be \
                no worse, so often. Bound: the lesser of the two 75 to 85 %.";
    let columns = [
        "tests",
        "planned",
        "releases",
        "worse by the margin is `BLOCK`",
        "alike is no worse",
    ];
    table.section(head, &columns);
    for tests in [1, 10, 60, 150] {
        let runs = runs(2_000);
        let (total, (blocked, shown)) = power_at_plan(tests, runs);
        let cells = [
            tests.to_string(),
            format!("{total} scenes"),
            runs.to_string(),
            percent(blocked),
            percent(shown),
        ];
        table.row(&cells, (0.75..=0.85).contains(&blocked.min(shown)));
    }
    for (kind, per_drive) in [("pass/fail", 20), ("mean", 4)] {
        let runs = runs(2_000);
        let (total, (blocked, shown)) = power_at_plan_of_drives(kind == "mean", per_drive, runs);
        let cells = [
            format!("1, {kind}"),
            format!("{total} drives of {per_drive} scenes"),
            runs.to_string(),
            percent(blocked),
            percent(shown),
        ];
        table.row(&cells, (0.75..=0.85).contains(&blocked.min(shown)));
    }
}
