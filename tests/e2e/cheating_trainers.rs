//! What a trainer cannot do: see the answers, predict for itself, leave out what it is bad at, have other weights judged than those
//! that it left, or take the results of another run for its own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use driveloop_tests::{driveloop_binary, peers_python};

use crate::harness::{Bench, Run, peer};
use crate::killed_training::bench_with_dataset;

/// A list of texts as TOML.
fn list(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("'''{word}'''")).collect();
    format!("[{}]", words.join(", "))
}

/// A job with a trainer and, unless it is empty, a predict step.
fn job(bench: &Bench, head: &str, command: &[&str], predict: &[&str]) {
    let predict = match predict {
        [] => String::new(),
        predict => format!(", predict = {}", list(predict)),
    };
    let command = list(command);
    let text = format!(
        "dataset = 'small'\nretries = {{ user_errors = 1, backoff_s = 0.01 }}\n{head}\n\
         trainer = {{ command = {command}{predict} }}\n"
    );
    bench.write("job.toml", text);
}

/// Runs with what the Python of the peers needs.
fn run_with(bench: &Bench, python: &Command, arguments: &[&str]) -> Run {
    let mut command = bench.command(arguments);
    let variables = python.get_envs();
    command.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    Run::of(&command.output().expect("the binary starts"))
}

/// The model that a training printed.
fn model_of(run: &Run) -> String {
    assert_eq!(run.status, 0, "{}", run.stderr);
    let row = run.stdout.lines().nth(1).expect("a model");
    row.split(',').next().expect("a column").to_owned()
}

fn train(bench: &Bench) -> Run {
    bench.run(&["train", "job.toml", "--format", "csv"])
}

fn count(bench: &Bench, of: &str) -> usize {
    let cell = bench.cell(&format!("SELECT count(*) FROM {of}"));
    cell.parse().expect("a number")
}

#[test]
fn a_trainer_that_copies_the_answers_gets_no_verdict() {
    let Some(python) = peers_python() else {
        return;
    };
    let bench = bench_with_dataset();
    let program = peer("cheating_trainer.py").display().to_string();
    job(&bench, "name = 'text'", &["python3", &program, "text"], &[]);
    let run = run_with(&bench, &python, &["train", "job.toml", "--format", "csv"]);
    let model = model_of(&run);
    assert!(run.stderr.contains("no predict step"), "{}", run.stderr);

    // It has found what happened next to the samples that it is to learn from, and to no other.
    let found = std::fs::read_to_string(bench.path("futures.txt")).expect("what it has found");
    let found: BTreeSet<&str> = found.lines().collect();
    let of_split = |split: &str| {
        let condition = format!("dataset = 'small' AND split IN ({split})");
        bench.lines(&format!(
            "SELECT sample_id FROM with_composed.sample WHERE {condition} ORDER BY sample_id"
        ))
    };
    let known = of_split("'train', 'validation'");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), known);
    assert!(!of_split("'test'").is_empty());

    for arguments in [
        ["evaluate", &model, "--dataset", "small"].as_slice(),
        &["ota", "validate", "--candidate", &model, "--suite", "small"],
    ] {
        let run = bench.run(arguments);
        assert_eq!(run.status, 1, "{}", run.stdout);
        assert!(
            run.stderr.contains("nobody predicts with model") && run.stderr.contains("hint: "),
            "{}",
            run.stderr
        );
    }
    assert_eq!(count(&bench, "release_verdict"), 0);

    // With a predict step of its own that would copy the answers: they are not among what it is given.
    let command = ["python3", &program, "text"];
    job(
        &bench,
        "name = 'copy'",
        &command,
        &["python3", &program, "future"],
    );
    let run = run_with(&bench, &python, &["train", "job.toml"]);
    assert_eq!(run.status, 1);
    assert!(
        run.stderr
            .contains("job `copy` failed after 2 attempts: predict step: exit status 1")
            && run.stderr.contains("future"),
        "{}",
        run.stderr
    );
    assert_eq!(count(&bench, "checkpoint WHERE model_id LIKE 'copy-%'"), 0);
}

#[test]
fn a_round_whose_trainer_does_not_predict_ends_before_its_evaluation() {
    let bench = Bench::new();
    bench.simulate(6, 14, 5, "logs");
    let command = list(&["sh", "-c", "printf weights > \"$DRIVELOOP_MODEL_OUT\""]);
    let round = |train: &str| {
        let text = format!(
            "name = 'mine'\nsource = 'logs'\n[synth]\ncandidates_max = 0\n[train]\n{train}\n"
        );
        bench.write("round.toml", text);
        bench.run(&["round", "run", "round.toml"])
    };
    let run = round(&format!("command = {command}"));
    assert_eq!(run.status, 1, "{}", run.stdout);
    assert!(
        run.stderr.contains("nobody predicts with model `mine-"),
        "{}",
        run.stderr
    );
    assert_eq!(count(&bench, "release_verdict"), 0);
    let run = round("predict = ['true']");
    assert!(
        run.status == 1 && run.stderr.contains("`train.predict` is the predict step"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_trainer_that_leaves_out_what_it_is_bad_at_fails_until_it_predicts_all() {
    let Some(python) = peers_python() else {
        return;
    };
    let bench = bench_with_dataset();
    let program = peer("cheating_trainer.py").display().to_string();
    let predict = format!("exec python3 {program} $(cat mode)");
    job(
        &bench,
        "name = 'omits'",
        &["python3", &program, "text"],
        &["sh", "-c", &predict],
    );
    bench.write("mode", "fast");
    let run = run_with(&bench, &python, &["train", "job.toml"]);
    assert_eq!(run.status, 1);
    let begins = "job `omits` failed after 2 attempts: predict step: ";
    let said = run.stderr.split_once(begins);
    let (_, said) = said.unwrap_or_else(|| panic!("{}", run.stderr));
    assert!(
        said.contains("no prediction; ") && said.contains("(sample `sim-5-"),
        "{}",
        run.stderr
    );
    let status = bench.ok(&["status", "--format", "csv"]);
    assert!(
        status.contains("omits,failed,") && status.contains("no prediction"),
        "{status}"
    );
    assert_eq!(count(&bench, "prediction"), 0);

    // Mended, the same job is run again.
    bench.write("mode", "honest");
    let model = model_of(&run_with(
        &bench,
        &python,
        &["train", "job.toml", "--format", "csv"],
    ));
    let asked = count(&bench, "with_composed.sample WHERE split <> 'train'");
    assert_eq!(count(&bench, "prediction"), asked);
    let evaluated = bench.ok(&[
        "evaluate",
        &model,
        "--dataset",
        "small",
        "--resamples",
        "100",
        "--format",
        "json",
    ]);
    // It is the baseline in other words: what it predicts has come back to the place where it belongs.
    let all = evaluated
        .lines()
        .find(|line| line.contains("\"slice\":\"all\"") && line.contains("\"metric\":\"fde_m\""));
    let all: serde_json::Value = serde_json::from_str(all.expect("a row")).expect("JSON");
    let difference_m = all["difference"].as_f64().expect("a number");
    assert!(difference_m.abs() < 1e-3, "{all}");
}

/// Trains the built-in trainer for two steps; the model.
fn builtin(bench: &Bench) -> String {
    bench.write(
        "builtin.toml",
        "name = 'builtin'\ndataset = 'small'\ndevice = 'cpu'\n[params]\nsteps_max = 2\n",
    );
    model_of(&bench.run(&["train", "builtin.toml", "--format", "csv"]))
}

fn weights(bench: &Bench, model: &str) -> PathBuf {
    bench.path(&format!("lake/models/{model}/model.safetensors"))
}

#[test]
fn weights_that_were_changed_are_not_used() {
    let bench = bench_with_dataset();
    let model = builtin(&bench);
    bench.ok(&["dataset", "freeze", "other", "--seed", "1"]);
    bench.ok(&["lake", "check"]);
    let path = weights(&bench, &model);
    let whole = std::fs::read(&path).expect("the weights");
    let mut changed = whole.clone();
    *changed.last_mut().expect("a byte") ^= 0x40;
    std::fs::write(&path, &changed).expect("they are written");

    let check = bench.run(&["lake", "check"]);
    assert_eq!(check.status, 3, "{}", check.stdout);
    let said = format!("checkpoint: weights digest: models/{model}/model.safetensors");
    assert!(check.stderr.contains(&said), "{}", check.stderr);
    bench.write(
        "further.toml",
        format!("name = 'further'\ndataset = 'small'\nstart_from = '{model}'\n"),
    );
    for arguments in [
        ["evaluate", &model, "--dataset", "small"].as_slice(),
        &["evaluate", &model, "--dataset", "other"],
        &[
            "evaluate",
            "compare",
            &model,
            "constant-velocity",
            "--dataset",
            "small",
        ],
        &["ota", "validate", "--candidate", &model, "--suite", "small"],
        &["train", "further.toml"],
    ] {
        let run = bench.run(arguments);
        assert_eq!(run.status, 1, "{arguments:?}: {}", run.stdout);
        let named = run.stderr.contains(&format!("weights of model `{model}`"));
        assert!(named && run.stderr.contains("hint: "), "{}", run.stderr);
    }

    std::fs::write(&path, &whole[..whole.len() - 1]).expect("they are written");
    let check = bench.run(&["lake", "check"]);
    assert!(check.stderr.contains("weights size"), "{}", check.stderr);
    std::fs::remove_file(&path).expect("they are removed");
    let check = bench.run(&["lake", "check"]);
    assert!(check.stderr.contains("weights missing"), "{}", check.stderr);

    // Brought back, everything goes on.
    std::fs::write(&path, &whole).expect("they are written");
    bench.ok(&["lake", "check"]);
    bench.ok(&[
        "evaluate",
        &model,
        "--dataset",
        "other",
        "--resamples",
        "100",
    ]);
    bench.ok(&["train", "further.toml"]);
}

/// A trainer that leaves a file as its weights, with the predict step of the built-in one.
fn copying(bench: &Bench, head: &str, weights: &Path) {
    let copy = format!("cp {} \"$DRIVELOOP_MODEL_OUT\"", weights.display());
    let worker = driveloop_binary().with_file_name("driveloop-worker");
    let worker = worker.display().to_string();
    job(bench, head, &["sh", "-c", &copy], &[&worker, "predict"]);
}

#[test]
fn two_runs_that_leave_the_same_bytes_have_results_of_their_own() {
    let bench = bench_with_dataset();
    let first = builtin(&bench);
    let kept = bench.path("kept.safetensors");
    std::fs::copy(weights(&bench, &first), &kept).expect("a copy");
    let models = [1, 2].map(|seed| {
        copying(&bench, &format!("name = 'same'\nseed = {seed}"), &kept);
        model_of(&train(&bench))
    });
    assert_ne!(models[0], models[1]);
    let digests = "SELECT count(DISTINCT weights_digest) FROM checkpoint";
    assert_eq!(bench.cell(digests), "1");
    let asked = count(&bench, "with_composed.sample WHERE split <> 'train'");
    let of = |model: &str| {
        bench.lines(&format!(
            "SELECT sample_id, x_m[1], x_m[30], y_m[30] FROM prediction WHERE model_id = '{model}' ORDER BY sample_id"
        ))
    };
    let predicted = of(&first);
    assert_eq!(predicted.len(), asked);
    for model in &models {
        assert_eq!(of(model), predicted, "{model}");
        bench.ok(&[
            "evaluate",
            model,
            "--dataset",
            "small",
            "--resamples",
            "100",
        ]);
    }
    // What predicts with it is remembered with the model.
    bench.ok(&["dataset", "freeze", "other", "--seed", "1"]);
    bench.ok(&[
        "evaluate",
        &models[0],
        "--dataset",
        "other",
        "--resamples",
        "100",
    ]);
}

#[test]
fn predictions_that_are_no_numbers_end_the_run_which_can_be_mended() {
    let bench = bench_with_dataset();
    let first = builtin(&bench);
    let kept = bench.path("kept.safetensors");
    let whole = std::fs::read(weights(&bench, &first)).expect("the weights");
    let mut broken = whole.clone();
    let end = broken.len();
    // The last weights of the last tensor.
    for number in broken[end - 64..].chunks_exact_mut(4) {
        number.copy_from_slice(&f32::NAN.to_le_bytes());
    }
    std::fs::write(&kept, &broken).expect("they are written");
    copying(&bench, "name = 'broken'", &kept);
    let run = train(&bench);
    assert_eq!((run.status, run.stdout.as_str()), (1, ""));
    let begins = "job `broken` failed after 2 attempts: predict step: ";
    assert!(
        run.stderr.contains(begins) && run.stderr.contains(" is NaN"),
        "{}",
        run.stderr
    );
    let status = bench.ok(&["status", "--format", "csv"]);
    assert!(status.contains("broken,failed,"), "{status}");
    assert_eq!(
        count(&bench, "checkpoint WHERE model_id LIKE 'broken-%'"),
        0
    );

    std::fs::write(&kept, &whole).expect("they are written");
    let model = model_of(&train(&bench));
    bench.ok(&[
        "evaluate",
        &model,
        "--dataset",
        "small",
        "--resamples",
        "100",
    ]);
    let status = bench.ok(&["status", "--format", "csv"]);
    assert!(status.contains("broken,succeeded,"), "{status}");
}
