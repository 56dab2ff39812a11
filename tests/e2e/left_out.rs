//! Samples that went without an answer: they are counted, and cost the round its status 0 and the model its `PASS`.

use driveloop_tests::peers_python;

use crate::harness::{Bench, Run};

const ROUND: &str = r#"
name = "part"
source = "logs"
[[simulate]]
drives = 6
seconds = 16.0
seed = 3
[synth]
candidates_max = 0
[train.params]
steps_max = 40
[evaluate]
resamples = 200
"#;
const RUN: [&str; 3] = ["round", "run", "round.toml"];

/// Takes the predictions of the ego out of the table, as any program may that writes Delta tables.
const TAKE_OUT: &str = r#"
import sys
from deltalake import DeltaTable
table, model = sys.argv[1:]
done = DeltaTable(table).delete(f"model_id = '{model}' AND sample_id LIKE '%/ego/%'")
assert done["num_deleted_rows"] > 0, done
"#;

fn number(bench: &Bench, sql: &str) -> usize {
    bench.cell(sql).parse().expect("a number")
}

#[test]
fn what_was_left_out_is_counted_and_ends_with_status_3() {
    let Some(mut python) = peers_python() else {
        return;
    };
    let bench = Bench::new();
    bench.write("round.toml", ROUND);
    bench.ok(&RUN);
    let model = bench.cell("SELECT model_id FROM checkpoint");
    let dataset = bench.cell("SELECT DISTINCT dataset FROM sample");
    let table = bench.path("lake/tables/prediction");
    python.args(["-c", TAKE_OUT]).arg(table).arg(&model);
    let taken = Run::of(&python.output().expect("python starts"));
    assert_eq!(taken.status, 0, "{}", taken.stderr);

    let of_test = "FROM sample WHERE split = 'test'";
    let samples = number(&bench, &format!("SELECT count(*) {of_test}"));
    let ego = number(
        &bench,
        &format!("SELECT count(*) {of_test} AND track_id = 'ego'"),
    );
    let said = format!(
        "{} of {samples} samples scored: {ego} without an answer of the model",
        samples - ego
    );
    let evaluated = bench.run(&["evaluate", &model, "--dataset", &dataset]);
    assert_eq!(evaluated.status, 3, "{}", evaluated.stderr);
    assert!(
        evaluated.stderr.contains(&said),
        "{said}\n{}",
        evaluated.stderr
    );
    let rows = format!(
        "FROM sample_metric WHERE split = 'test' AND metric = 'fde_m' AND model_id = '{model}'"
    );
    assert_eq!(
        number(&bench, &format!("SELECT count(*) {rows}")),
        samples - ego
    );
    let baseline = rows.replace(&model, "constant-velocity");
    assert_eq!(
        number(&bench, &format!("SELECT count(*) {baseline}")),
        samples
    );

    // The round, when it evaluates again: it says so, twice.
    bench.write(
        "round.toml",
        ROUND.replace("resamples = 200", "resamples = 300"),
    );
    for _ in 0..2 {
        let round = bench.run(&RUN);
        assert_eq!(round.status, 3, "{}", round.stderr);
        assert!(round.stdout.contains(&said), "{said}\n{}", round.stdout);
    }
    let reasons = bench
        .lines("SELECT reasons FROM release_verdict")
        .join("\n");
    let unanswered = format!("leaves {ego} of the");
    assert!(reasons.contains(&unanswered), "{unanswered}: {reasons}");
}
