//! The worker as a process: what it learns, that it can be killed, and what it says of bad input.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise, in its helpers too"
)]

#[expect(unreachable_pub, reason = "shared with the tests of the orchestrator")]
mod fixture;
mod peers;
mod stream;

mod job;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::job::Job;

#[test]
fn it_learns_turns_that_constant_velocity_misses() {
    let root = tempfile::tempdir().unwrap();
    let job = Job::new(
        root.path(),
        "run",
        r#"{"steps_max": 400, "batch": 128, "learning_rate": 0.001}"#,
    );
    fixture::write_dataset(&job.dataset, [2000, 200, 200]);
    job.train();

    let predictions = job.predictions();
    assert_eq!(
        predictions.len(),
        400,
        "validation and test samples are predicted"
    );
    let (mut model_m, mut baseline_m) = (0.0, 0.0);
    for index in 2200..2400 {
        let sample = fixture::sample(index, "test");
        let (x_m, y_m) = &predictions[&sample.sample_id];
        model_m += fixture::ade_m(&sample, x_m, y_m) / 200.0;
        baseline_m += fixture::constant_velocity_ade_m(&sample) / 200.0;
    }
    eprintln!("ade: model {model_m:.3} m, constant velocity {baseline_m:.3} m");
    assert!(
        model_m < 0.4 * baseline_m,
        "model {model_m} m, constant velocity {baseline_m} m"
    );

    let other = Job {
        folder: root.path().join("again"),
        dataset: job.dataset.clone(),
        params: "{}",
    };
    std::fs::create_dir_all(&other.folder).unwrap();
    other.predict(&job.weights());
    assert_eq!(other.predicted(), predictions, "the same weights, the same");
}

#[test]
fn without_steps_worth_keeping_it_is_the_baseline() {
    let root = tempfile::tempdir().unwrap();
    // The rate is so small that nothing is learnt; and the validation split is empty, so that the last weights stay.
    let params = r#"{"steps_max": 1, "learning_rate": 1e-12}"#;
    let job = Job::new(root.path(), "run", params);
    fixture::write_dataset(&job.dataset, [50, 0, 20]);
    job.train();
    let predictions = job.predictions();
    for index in 50..70 {
        let sample = fixture::sample(index, "test");
        let (x_m, y_m) = &predictions[&sample.sample_id];
        let difference =
            fixture::ade_m(&sample, x_m, y_m) - fixture::constant_velocity_ade_m(&sample);
        assert!(difference.abs() < 1e-4, "{difference}");
    }
    let end = &job.events("end")[0];
    assert!(end["validation_loss"].is_null(), "{end}");
    assert_eq!(end["best_step"], 1);
}

#[test]
fn a_killed_run_goes_on_and_ends_with_the_same_bytes() {
    let root = tempfile::tempdir().unwrap();
    let params = r#"{"steps_max": 150, "batch": 64, "validate_every_steps": 30}"#;
    let whole = Job::new(root.path(), "whole", params);
    fixture::write_dataset(&whole.dataset, [500, 60, 60]);
    whole.train();

    let killed = Job::new(root.path(), "killed", params);
    for kills in 1..=2 {
        let mut child = killed
            .command("train")
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_mins(1);
        while killed.events("checkpoint").len() < kills && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    killed.train();
    let starts: Vec<_> = killed
        .events("start")
        .iter()
        .map(|line| line["step"].clone())
        .collect();
    assert_eq!(starts.len(), 3);
    assert_ne!(starts[2], 0, "it went on from a checkpoint: {starts:?}");
    let bytes = |job: &Job| std::fs::read(job.weights()).unwrap();
    assert!(bytes(&whole) == bytes(&killed), "weights differ");
    assert_eq!(whole.predictions(), killed.predictions());
}

/// Settings that make the libraries below libtorch, and the C library, take other kernels: what another CPU does of itself.
const OTHER_CPUS: [&[(&str, &str)]; 4] = [
    &[("MKL_CBWR", "COMPATIBLE")],
    &[("MKL_CBWR", "AVX2"), ("ATEN_CPU_CAPABILITY", "avx2")],
    &[
        ("ATEN_CPU_CAPABILITY", "default"),
        ("ONEDNN_MAX_CPU_ISA", "SSE41"),
    ],
    &[("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX2,-FMA")],
];

#[test]
fn every_cpu_gives_the_same_bytes() {
    let root = tempfile::tempdir().unwrap();
    let params = r#"{"steps_max": 100, "batch": 64}"#;
    let here = Job::new(root.path(), "here", params);
    fixture::write_dataset(&here.dataset, [500, 60, 60]);
    here.train();
    let weights = std::fs::read(here.weights()).unwrap();
    for (index, settings) in OTHER_CPUS.into_iter().enumerate() {
        let there = Job::new(root.path(), &format!("there-{index}"), params);
        let output = there
            .command("train")
            .envs(settings.iter().copied())
            .output();
        let output = output.unwrap();
        assert!(
            output.status.success(),
            "{settings:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let same = std::fs::read(there.weights()).unwrap() == weights;
        assert!(same, "{settings:?}: the weights differ");
        assert_eq!(there.predictions(), here.predictions(), "{settings:?}");
    }
}

#[test]
fn a_job_may_ask_for_the_kernels_of_its_cpu() {
    let root = tempfile::tempdir().unwrap();
    let params = r#"{"steps_max": 100, "batch": 64, "cpu_kernels": "native"}"#;
    let native = Job::new(root.path(), "native", params);
    fixture::write_dataset(&native.dataset, [500, 60, 60]);
    native.train();
    // The last bits may differ from those of the portable kernels; what is learnt does not.
    let loss = |job: &Job| job.events("end")[0]["validation_loss"].as_f64().unwrap();
    let portable = Job::new(
        root.path(),
        "portable",
        r#"{"steps_max": 100, "batch": 64}"#,
    );
    portable.train();
    let (native, portable) = (loss(&native), loss(&portable));
    assert!(
        (native / portable - 1.0).abs() < 0.02,
        "{native} {portable}"
    );
}

#[test]
fn a_run_starts_from_the_weights_of_another() {
    let root = tempfile::tempdir().unwrap();
    let first = Job::new(root.path(), "first", r#"{"steps_max": 60, "batch": 64}"#);
    fixture::write_dataset(&first.dataset, [500, 60, 60]);
    first.train();
    let start = |job: &Job| {
        let started = job
            .command("train")
            .env("DRIVELOOP_START_FROM", first.weights())
            .output();
        started.unwrap()
    };

    // A rate that changes nothing: no step is better than the start, and so the start is what is kept.
    let still = r#"{"steps_max": 2, "learning_rate": 1e-12, "validate_every_steps": 1}"#;
    let still = Job::new(root.path(), "still", still);
    let output = start(&still);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let again = still.predictions();
    for (id, (x_m, y_m)) in first.predictions() {
        let (again_x_m, again_y_m) = &again[&id];
        for (first_m, again_m) in x_m.iter().zip(again_x_m).chain(y_m.iter().zip(again_y_m)) {
            assert!(
                (first_m - again_m).abs() < 1e-4,
                "{id}: {first_m} {again_m}"
            );
        }
    }

    let further = Job::new(root.path(), "further", r#"{"steps_max": 60, "batch": 64}"#);
    assert!(start(&further).status.success());
    let loss = |job: &Job| job.events("end")[0]["validation_loss"].as_f64().unwrap();
    assert!(
        loss(&further) < loss(&first),
        "{} {}",
        loss(&further),
        loss(&first)
    );

    let wide = Job::new(root.path(), "wide", r#"{"hidden": 32}"#);
    let error = String::from_utf8(start(&wide).stderr).unwrap();
    assert!(error.contains("the weights to start from"), "{error}");
}

#[test]
fn bad_input_gets_one_clear_error() {
    let root = tempfile::tempdir().unwrap();
    let job = Job::new(root.path(), "run", "{}");
    assert!(job.train_error().contains("train.arrow"));

    fixture::write_dataset(&job.dataset, [0, 5, 5]);
    assert!(job.train_error().contains("the training split"));

    let path = job.dataset.join("train.arrow");
    std::fs::write(&path, b"torn").unwrap();
    assert!(job.train_error().contains("train.arrow"));

    let mut short = fixture::sample(0, "train");
    short.history.pop();
    fixture::write_samples(&path, &[short]);
    let error = job.train_error();
    assert!(error.contains("expected 120 values, got 119"), "{error}");
    assert!(!job.weights().exists());
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let job = Job::new(root.path(), "run", r#"{"steps_max": 20}"#);
    fixture::write_dataset(&job.dataset, [100, 10, 10]);
    job.train();
    let other = Job {
        params: r#"{"steps_max": 21}"#,
        ..job
    };
    let error = other.train_error();
    assert!(error.contains("hint: remove the file"), "{error}");
}

#[test]
fn the_doctor_computes() {
    let worker = env!("CARGO_BIN_EXE_driveloop-worker");
    let output = Command::new(worker)
        .args(["doctor", "--device", "cpu"])
        .output()
        .unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("device: cpu\n") && text.contains("computes: yes\n"),
        "{text}"
    );
    let wrong = Command::new(worker)
        .args(["doctor", "--device", "abacus"])
        .output()
        .unwrap();
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("cuda:N"));
}
