//! The round on simulated drives: it does nothing twice, survives a kill in each stage, and each verb works alone.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::harness::Bench;

const ROUND: &str = r#"
name = "small"
source = "logs"
[[simulate]]
drives = 5
seconds = 16.0
seed = 3
[synth]
scenarios = []
candidates_max = 12
[train.params]
steps_max = 60
[evaluate]
resamples = 200
"#;

const RUN: [&str; 3] = ["round", "run", "round.toml"];

/// Each stage, and when after its beginning the round is killed for the second time, in milliseconds; the first time it is
/// killed at once. Where a stage is faster than that, the kill falls into one after it; the last two are short.
const STAGES: [(&str, u64); 10] = [
    ("simulate", 20),
    ("ingest", 700),
    ("mine", 300),
    ("synth", 200),
    ("remine", 300),
    ("dataset", 100),
    ("train", 600),
    ("evaluate", 40),
    ("ota", 20),
    ("feedback", 10),
];

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("round.toml", ROUND);
    bench
}

/// The rows of every table as text, without what a clock measured.
fn tables(bench: &Bench) -> BTreeMap<String, Vec<String>> {
    let listed = bench.ok(&["lake", "tables", "--format", "csv"]);
    let names = listed
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').next());
    names
        .map(|name| {
            let columns = match name {
                "training_run" => "run_id, name, spec_digest, dataset, dataset_digest, seed, state, model_id, device",
                _ => "*",
            };
            let sql = format!("SELECT {columns} FROM with_composed.{name}");
            let text = bench.ok(&["sql", &sql, "--format", "json"]);
            // The folder of the test is in `source_uri`, JSON-escaped as it is.
            let folder = bench.path("").display().to_string();
            let mut rows: Vec<_> = text.lines().map(|line| line.replace(folder.as_str(), "")).collect();
            rows.sort_unstable();
            (name.to_owned(), rows)
        })
        .collect()
}

fn versions(bench: &Bench) -> String {
    bench.ok(&["lake", "tables", "--format", "csv"])
}

/// Runs the round until one of some stages begins, and kills it a little later; `false` when it ended before.
fn kill_in(bench: &Bench, stages: &[(&str, u64)], after: Duration) -> bool {
    let mut child = bench
        .command(&RUN)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let lines = BufReader::new(child.stderr.take().expect("standard error")).lines();
    let mut begun = false;
    for line in lines.map_while(Result::ok) {
        let begins = line.trim().strip_suffix(": begins");
        if begins.is_some_and(|name| stages.iter().any(|(stage, _)| *stage == name)) {
            begun = true;
            break;
        }
    }
    std::thread::sleep(after);
    child.kill().expect("SIGKILL");
    child.wait().expect("it ends");
    begun
}

#[test]
fn a_round_killed_twice_in_each_stage_ends_in_the_same_tables() {
    let unbroken = bench();
    unbroken.ok(&RUN);
    let expected = tables(&unbroken);
    assert!(
        expected.values().map(Vec::len).sum::<usize>() > 10_000,
        "a round fills the tables"
    );

    let before = versions(&unbroken);
    let begun = Instant::now();
    unbroken.ok(&RUN);
    eprintln!(
        "the same round again took {:.2} s",
        begun.elapsed().as_secs_f64()
    );
    assert_eq!(
        versions(&unbroken),
        before,
        "the same round again does nothing"
    );

    let killed = bench();
    for (place, (stage, after_ms)) in STAGES.into_iter().enumerate() {
        for after_ms in [0, after_ms] {
            let reached = kill_in(&killed, &STAGES[place..], Duration::from_millis(after_ms));
            assert!(reached, "stage {stage} was reached");
        }
    }
    killed.ok(&RUN);
    assert_same_tables(&expected, &tables(&killed));
}

/// What a processor with fewer instructions chooses: in the C library, in libtorch and in oneMKL.
const OTHER_PROCESSOR: [(&str, &str); 3] = [
    (
        "GLIBC_TUNABLES",
        "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX512F",
    ),
    ("ATEN_CPU_CAPABILITY", "default"),
    ("MKL_CBWR", "SSE4_2"),
];

#[test]
fn a_round_has_the_same_tables_on_a_processor_with_fewer_instructions() {
    let [here, there] = [bench(), bench()];
    here.ok(&RUN);
    let run = there.command(&RUN).envs(OTHER_PROCESSOR).output();
    let run = run.expect("the binary starts");
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    assert_same_tables(&tables(&here), &tables(&there));
}

fn assert_same_tables(
    expected: &BTreeMap<String, Vec<String>>,
    actual: &BTreeMap<String, Vec<String>>,
) {
    assert_eq!(
        expected.keys().collect::<Vec<_>>(),
        actual.keys().collect::<Vec<_>>()
    );
    for (table, rows) in expected {
        let other = &actual[table];
        assert_eq!(rows.len(), other.len(), "rows of {table}");
        for (row, other) in rows.iter().zip(other) {
            assert_eq!(row, other, "{table}");
        }
    }
}

#[test]
fn every_stage_runs_alone() {
    let bench = Bench::new();
    bench.ok(&[
        "simulate",
        "--drives",
        "4",
        "--seconds",
        "16",
        "--seed",
        "5",
        "--out",
        "logs",
    ]);
    bench.ok(&["ingest", "logs"]);
    let again = bench.run(&["ingest", "logs"]);
    assert!(
        again.status == 0 && again.stderr.contains("4 there already"),
        "{}",
        again.stderr
    );
    bench.ok(&["scenario", "list"]);
    assert!(
        bench
            .ok(&["scenario", "show", "cut_in"])
            .contains("-- scenario: cut_in")
    );
    bench.ok(&["mine"]);
    bench.ok(&["synth", "--limit", "6"]);
    bench.ok(&["mine"]);
    bench.ok(&["dataset", "freeze", "first"]);
    bench.ok(&["dataset", "list"]);
    bench.ok(&["dataset", "export", "first", "--out", "exported"]);
    assert!(bench.path("exported/train.arrow").is_file());
    bench.write(
        "job.toml",
        "name = \"alone\"\ndataset = \"first\"\n[params]\nsteps_max = 40\n",
    );
    let trained = bench.ok(&["train", "job.toml", "--format", "csv"]);
    let model = trained
        .lines()
        .nth(1)
        .and_then(|line| line.split(',').next())
        .expect("a model")
        .to_owned();
    bench.ok(&["evaluate", &model, "--dataset", "first"]);
    let verdict = bench.run(&["ota", "validate", "--candidate", &model, "--suite", "first"]);
    assert!(
        verdict.status == 3 && verdict.stderr.contains("INCONCLUSIVE"),
        "{}",
        verdict.stderr
    );
    bench.ok(&["status"]);
    assert!(bench.ok(&["doctor"]).contains("libtorch"));
    let lineage = bench.ok(&["lineage", &model]);
    assert!(lineage.contains("sim-5-0000.mcap"), "{lineage}");
    for line in bench
        .ok(&["lake", "tables", "--format", "csv"])
        .lines()
        .skip(1)
    {
        let table = line.split(',').next().expect("a name");
        bench.ok(&["sql", &format!("SELECT * FROM {table} LIMIT 3")]);
        bench.ok(&["lake", "history", table]);
    }
    let ttc = bench.ok(&["sql", "SELECT ttc_s(10.0, 2.0) AS ttc", "--format", "json"]);
    assert!(ttc.contains('5'), "{ttc}");
}
