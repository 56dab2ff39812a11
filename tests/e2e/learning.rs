//! From a frozen dataset to a model that is better than constant velocity on drives that it has not seen, and what is said of it.
//!
//! `DRIVELOOP_LEARNING_DRIVES` asks for another number of drives than 48, and `DRIVELOOP_LEARNING_SEED` for others.

use driveloop_tests::setting;
use serde_json::Value;

use crate::harness::Bench;

/// Drives of the test, their length and their seed: what is simulated, mined and learnt in less than a minute.
const DRIVES: usize = 48;
const SECONDS: u32 = 30;
const SEED: u64 = 21;
/// Twelve drives that the model is tested on, and twelve that it was trained or chosen on.
const TESTED: &str = "right(log_id, 4) < '0012'";
const TRAINED: &str = "right(log_id, 4) BETWEEN '0012' AND '0023'";
/// How much less the final displacement error must be than that of constant velocity.
const GAIN_MIN: f64 = 0.15;

/// The rows of an answer in JSON, an object a line.
fn objects(text: &str) -> Vec<Value> {
    let rows = text.lines().map(serde_json::from_str);
    rows.collect::<Result<_, _>>().expect("an object a line")
}

fn find<'a>(rows: &'a [Value], slice: &str, metric: &str) -> &'a Value {
    let mut rows = rows.iter();
    rows.find(|row| row["slice"] == slice && row["metric"] == metric)
        .unwrap_or_else(|| panic!("no {metric} of {slice}"))
}

fn number(row: &Value, column: &str) -> f64 {
    row[column]
        .as_f64()
        .unwrap_or_else(|| panic!("no {column} in {row}"))
}

/// Simulates, mines, freezes and trains; the name of the model.
fn train(bench: &Bench) -> String {
    let drives = setting("DRIVELOOP_LEARNING_DRIVES", DRIVES);
    let seed = setting("DRIVELOOP_LEARNING_SEED", SEED);
    bench.simulate(drives, SECONDS, seed, "logs");
    bench.ok(&["ingest", "logs"]);
    bench.ok(&["mine"]);
    bench.ok(&["dataset", "freeze", "first", "--test", TESTED]);
    bench.write(
        "job.toml",
        "name = \"forecaster\"\ndataset = \"first\"\ndevice = \"cpu\"\n",
    );
    let trained = objects(&bench.ok(&["train", "job.toml", "--format", "json"]));
    trained[0]["model"].as_str().expect("a model").to_owned()
}

#[test]
fn a_model_beats_constant_velocity_on_drives_that_it_has_not_seen() {
    let bench = Bench::new();
    let model = train(&bench);
    let rows = objects(&bench.ok(&["evaluate", &model, "--dataset", "first", "--format", "json"]));
    for metric in [
        "ade_m",
        "fde_m",
        "miss",
        "collision",
        "off_road",
        "discomfort",
    ] {
        let row = find(&rows, "all", metric);
        eprintln!(
            "{metric}: model {:.4}, constant velocity {:.4}, difference {:.4} [{:.4}, {:.4}], {} samples of {} drives",
            number(row, "value"),
            number(row, "baseline"),
            number(row, "difference"),
            number(row, "low"),
            number(row, "high"),
            row["samples"],
            row["drives"],
        );
    }
    let row = find(&rows, "all", "fde_m");
    let (difference, baseline) = (number(row, "difference"), number(row, "baseline"));
    assert!(difference <= -GAIN_MIN * baseline, "{row}");
    assert!(number(row, "high") < 0.0, "{row}");

    // What failed is in the lake, and every search for more of it runs; of drives that the dataset has, it finds none.
    let failures = objects(&bench.ok(&[
        "sql",
        "SELECT * FROM failure_slice ORDER BY rank",
        "--format",
        "json",
    ]));
    assert!(!failures.is_empty());
    for failure in &failures {
        let search = failure["search_sql"].as_str().expect("a search");
        assert_eq!(bench.lines(search), Vec::<String>::new(), "{failure}");
    }
    bench.simulate(2, SECONDS, SEED + 1, "more");
    bench.ok(&["ingest", "more"]);
    let category = failures.iter().find_map(|failure| {
        let is_category = failure["slice"].as_str()?.starts_with("category=");
        is_category
            .then(|| failure["search_sql"].as_str())
            .flatten()
    });
    if let Some(search) = category {
        assert!(bench.lines(search).len() <= 2, "{search}");
    }

    compare(&bench, &model, &rows);
}

/// `evaluate compare` says the same of the same two, the other way round too, and changes nothing.
fn compare(bench: &Bench, model: &str, evaluated: &[Value]) {
    let before = bench.ok(&["lake", "tables", "--format", "csv"]);
    let compared = |a: &str, b: &str| {
        let arguments = [
            "evaluate",
            "compare",
            a,
            b,
            "--dataset",
            "first",
            "--format",
            "json",
        ];
        objects(&bench.ok(&arguments))
    };
    let rows = compared(model, "constant-velocity");
    assert_eq!(rows.len(), evaluated.len());
    let row = find(&rows, "all", "fde_m");
    assert_eq!(row["change"], "better");
    assert_eq!(
        row["difference"],
        find(evaluated, "all", "fde_m")["difference"]
    );
    let back = compared("constant-velocity", model);
    assert_eq!(find(&back, "all", "fde_m")["change"], "worse");
    assert_eq!(bench.ok(&["lake", "tables", "--format", "csv"]), before);

    // A model of one dataset on another one is predicted first, and what it had seen in training is said.
    let balanced = ["dataset", "freeze", "second", "--balance", "--test"];
    bench.ok(&[&balanced[..], &[TRAINED]].concat());
    let run = bench.run(&[
        "evaluate",
        "compare",
        model,
        "constant-velocity",
        "--dataset",
        "second",
    ]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(run.stdout.contains("better"), "{}", run.stdout);
    assert!(
        run.stderr.contains("was trained or chosen on"),
        "{}",
        run.stderr
    );
    let shown = bench.ok(&["dataset", "show", "second", "--format", "csv"]);
    assert!(shown.contains("from object_track version"), "{shown}");
}
