//! Drives that judge a model are none that it was made with.

use crate::harness::Bench;

const FIRST: &str = r#"
name = "first"
[[simulate]]
drives = 4
seconds = 12.0
seed = 5
[[simulate]]
drives = 2
seconds = 12.0
seed = 6
[synth]
candidates_max = 0
[dataset]
test = "log_id LIKE 'sim-6-%'"
[train.params]
steps_max = 20
[evaluate]
resamples = 200
"#;

/// Goes on from the first round's model, and would judge it on the drives that it was trained on.
const SECOND: &str = r#"
name = "second"
after = "first"
[synth]
candidates_max = 0
[dataset]
test = "log_id LIKE 'sim-5-%'"
"#;

#[test]
fn a_round_trains_nothing_that_its_suite_could_not_judge() {
    let bench = Bench::new();
    bench.write("first.toml", FIRST);
    bench.write("second.toml", SECOND);
    let first = bench.ok(&["round", "run", "first.toml"]);
    let verdict = first
        .lines()
        .skip_while(|line| !line.starts_with("verdict "))
        .nth(1);
    let verdict = verdict.expect("a line after the verdict");
    assert!(
        verdict.contains("the baseline is constant-velocity: the reference model"),
        "{verdict}"
    );

    let second = bench.run(&["round", "run", "second.toml"]);
    assert_eq!(second.status, 1, "{}", second.stderr);
    for said in ["stage `train`", "known to `first-", "for example sim-5-"] {
        assert!(second.stderr.contains(said), "{said}: {}", second.stderr);
    }
    let runs = "SELECT count(*) FROM training_run WHERE name = 'second'";
    assert_eq!(bench.cell(runs), "0", "no hour was spent on it");
}
