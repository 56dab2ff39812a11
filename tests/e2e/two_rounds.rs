//! Two rounds, as `make demo` runs them: what the first one's model lacks is composed, the second one's is better at it and at
//! nothing worse, and passes; the same with a fault in the labels of one scenario does not.

use std::process::Command;

use driveloop_tests::{driveloop_binary, peers_python};

use crate::harness::{Bench, Run, peer};

const ROUNDS: [(&str, &str); 2] = [
    ("demo-1", include_str!("../../rounds/demo-1.toml")),
    ("demo-2", include_str!("../../rounds/demo-2.toml")),
];
/// What the training drives of the first round hold almost none of.
const TARGET: &str = "lead_hard_brake";
/// The scenario whose labels are shifted, and how far, metres.
const SHIFTED: &str = "pedestrian_crossing_ahead";
const SHIFT_M: &str = "2.0";

/// A folder with the files of the rounds.
fn bench() -> Bench {
    let bench = Bench::new();
    for (name, text) in ROUNDS {
        bench.write(&format!("{name}.toml"), text);
    }
    bench
}

/// Runs a round to its end; what it says.
fn run(bench: &Bench, name: &str, python: Option<&Command>) -> String {
    let mut command = bench.command(&["round", "run", &format!("{name}.toml")]);
    let variables = python.into_iter().flat_map(Command::get_envs);
    command.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    let run = Run::of(&command.output().expect("the binary starts"));
    assert_eq!(run.status, 0, "{name}: {}", run.stderr);
    run.stdout
}

/// The verdict on the model of a round, and its reasons.
fn verdict(bench: &Bench, round: &str) -> (String, String) {
    let of_round = format!("FROM release_verdict WHERE candidate_id LIKE '{round}-%'");
    (
        bench.cell(&format!("SELECT verdict {of_round}")),
        bench.cell(&format!("SELECT reasons {of_round}")),
    )
}

#[test]
fn the_second_round_mends_what_the_first_one_lacks_and_a_sabotaged_one_is_blocked() {
    let bench = bench();
    bench.ok(&["ota", "keygen", "release.key"]);
    run(&bench, "demo-1", None);
    let search = format!(
        "SELECT shortfall > 0 AND reason <> 'inconclusive' FROM search WHERE slice = 'scenario={TARGET}'"
    );
    assert_eq!(
        bench.cell(&search),
        "true",
        "the first round asks for more of {TARGET}"
    );
    // It was chosen on drives that judge nothing.
    let chosen = format!(
        "SELECT count(*) > 0 FROM failure_slice WHERE split = 'validation' AND slice = 'scenario={TARGET}'"
    );
    assert_eq!(bench.cell(&chosen), "true");
    let shared = "SELECT count(*) FROM (SELECT host_log_id FROM with_composed.sample WHERE split = 'validation'
                  INTERSECT SELECT host_log_id FROM with_composed.sample WHERE split = 'test')";
    assert_eq!(bench.cell(shared), "0");
    let composed = "SELECT count(*) > 0 FROM synthetic_item WHERE state = 'accepted'";
    assert_eq!(bench.cell(composed), "false");

    run(&bench, "demo-2", None);
    assert_eq!(bench.cell(composed), "true");
    let figures = bench.cell(&format!(
        "SELECT baseline_value, value, difference_low, difference_high FROM slice_metric
         WHERE model_id LIKE 'demo-2-%' AND baseline_id LIKE 'demo-1-%' AND split = 'test' AND metric = 'fde_m'
         AND slice = 'scenario={TARGET}'"
    ));
    eprintln!("{TARGET}, fde_m before, now, and the interval of the difference: {figures}");
    let figures: Vec<f64> = figures
        .split(',')
        .map(|text| text.parse().expect("a number"))
        .collect();
    assert!(
        figures[3] < 0.0,
        "on drives that it was not trained on, {TARGET} improves: {figures:?}"
    );
    let (first, reasons) = verdict(&bench, "demo-1");
    assert_eq!(first, "PASS", "{reasons}");
    let named = "the baseline is constant-velocity: the reference model of the rules";
    assert!(reasons.contains(named), "{reasons}");
    let (decision, reasons) = verdict(&bench, "demo-2");
    assert_eq!(decision, "PASS", "{reasons}");
    assert!(!reasons.contains("is significantly worse"), "{reasons}");
    assert!(reasons.contains("the baseline is demo-1-"), "{reasons}");
    let releases = "SELECT number, model_id LIKE 'demo-2-%' FROM release ORDER BY number";
    assert_eq!(bench.lines(releases), ["1,false", "2,true"]);

    let Some(python) = peers_python() else {
        return;
    };
    let samples = format!(
        "SELECT sample_id FROM with_composed.sample WHERE dataset LIKE 'demo-2-%' AND split <> 'test' AND array_has(scenarios, '{SHIFTED}')"
    );
    let samples = bench.lines(&samples);
    assert!(
        samples.len() > 100,
        "there are labels to be wrong: {}",
        samples.len()
    );
    bench.write("samples.txt", samples.join("\n"));
    let (program, names) = (peer("shift_labels.py"), bench.path("samples.txt"));
    let worker = driveloop_binary().with_file_name("driveloop-worker");
    let predict = format!("{:?}", worker.display().to_string());
    let command = [program, worker, names].map(|path| format!("{:?}", path.display().to_string()));
    let second = ROUNDS[1]
        .1
        .replace("name = \"demo-2\"", "name = \"sabotaged\"");
    let trainer = format!(
        "[train]\ncommand = [\"python3\", {}, \"{SHIFT_M}\"]\npredict = [{predict}, \"predict\"]\n",
        command.join(", ")
    );
    let signed = "[ota]\nsign = \"release.key\"\n";
    bench.write("sabotaged.toml", second + &trainer + signed);

    let said = run(&bench, "sabotaged", Some(&python));
    let (decision, reasons) = verdict(&bench, "sabotaged");
    assert_eq!(decision, "BLOCK", "{reasons}");
    assert!(reasons.contains("the baseline is demo-2-"), "{reasons}");
    let named = format!("(slice scenario={SHIFTED}) is significantly worse");
    assert!(reasons.contains(&named), "{reasons}");
    eprintln!("sabotaged: {reasons}");

    let envelope = said
        .lines()
        .find_map(|line| line.strip_prefix("signed evidence"));
    let envelope = envelope.expect("the round says where it is").trim();
    let verified = bench.run(&["ota", "verify", envelope, "--key", "release.key.pub"]);
    assert_eq!(
        verified.status, 3,
        "genuine, and no PASS: {}",
        verified.stderr
    );
}
