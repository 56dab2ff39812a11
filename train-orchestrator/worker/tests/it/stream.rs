//! Data that does not fit into the window that is shuffled together.

use std::fs::File;
use std::process::Stdio;
use std::time::{Duration, Instant};

use arrow::ipc::writer::FileWriter;
use driveloop_schemas::Row;
use driveloop_schemas::forecast::ForecastSample;

use crate::fixture;
use crate::job::Job;

/// Writes a training split of so many blocks of the same 500 samples.
fn write_long(job: &Job, blocks: usize) {
    let rows: Vec<_> = (0..500)
        .map(|index| fixture::sample(index, "train"))
        .collect();
    let batch = ForecastSample::to_batch(&rows).unwrap();
    let file = File::create(job.dataset.join("train.arrow")).unwrap();
    let mut writer = FileWriter::try_new(file, &batch.schema()).unwrap();
    for _ in 0..blocks {
        writer.write(&batch).unwrap();
    }
    writer.finish().unwrap();
}

/// The memory at its peak of a run over more than an epoch of so many blocks, in megabytes.
fn memory_peak_mb(blocks: usize, params: &'static str) -> f64 {
    let root = tempfile::tempdir().unwrap();
    let job = Job::new(root.path(), "run", params);
    fixture::write_dataset(&job.dataset, [1, 50, 50]);
    write_long(&job, blocks);
    job.train();
    let end = &job.events("end")[0];
    assert!(end["samples_per_s"].as_f64().unwrap() > 0.0, "{end}");
    let wait = end["data_wait"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&wait), "{end}");
    let mut last = job.events("step");
    let last = last.pop().unwrap();
    assert!(
        last["epoch"].as_u64().unwrap() >= 1,
        "all of it was seen: {last}"
    );
    end["memory_peak_mb"].as_f64().unwrap()
}

#[test]
fn memory_is_bounded_by_the_window_not_by_the_file() {
    const FEW: &str = r#"{"steps_max": 20, "batch": 1000, "hidden": 8, "shuffle_samples": 1000}"#;
    const MANY: &str = r#"{"steps_max": 90, "batch": 1000, "hidden": 8, "shuffle_samples": 1000}"#;
    // 1.2 kB a sample: 6 MB and 96 MB.
    let (few_mb, many_mb) = (memory_peak_mb(10, FEW), memory_peak_mb(160, MANY));
    eprintln!("peak memory: {few_mb} MB with 5,000 samples, {many_mb} MB with 80,000");
    assert!(many_mb < few_mb + 40.0, "{few_mb} MB, {many_mb} MB");
}

#[test]
fn a_run_killed_in_the_middle_of_an_epoch_of_many_windows_ends_with_the_same_bytes() {
    let root = tempfile::tempdir().unwrap();
    // 900 samples in blocks of 100 and windows of 200: an epoch has 5 windows and 15 steps, the last of 4 samples.
    let params = r#"{"steps_max": 100, "batch": 64, "hidden": 16, "shuffle_samples": 200}"#;
    let whole = Job::new(root.path(), "whole", params);
    fixture::write_dataset(&whole.dataset, [900, 60, 60]);
    whole.train();

    let killed = Job::new(root.path(), "killed", params);
    let mut child = killed
        .command("train")
        .env("DRIVELOOP_CHECKPOINT_EVERY_STEPS", "7")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while killed.events("checkpoint").is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    killed.train();
    let begun = killed.events("start")[1]["step"].as_u64().unwrap();
    assert!(begun > 0, "it went on from a checkpoint");
    let bytes = |job: &Job| std::fs::read(job.weights()).unwrap();
    assert!(
        bytes(&whole) == bytes(&killed),
        "weights differ after step {begun}"
    );
}

#[test]
fn the_same_checkpoint_with_other_samples_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let job = Job::new(root.path(), "run", r#"{"steps_max": 5}"#);
    fixture::write_dataset(&job.dataset, [100, 10, 10]);
    job.train();
    let manifest = job.dataset.join("manifest.json");
    std::fs::write(&manifest, r#"{"dataset_digest": "another"}"#).unwrap();
    let error = job.train_error();
    assert!(error.contains("other samples"), "{error}");
    std::fs::write(&manifest, "{}").unwrap();
    fixture::write_dataset(&job.dataset, [101, 10, 10]);
    let error = job.train_error();
    assert!(error.contains("other samples"), "{error}");
}

#[test]
fn a_damaged_block_is_told_by_its_file_whenever_it_is_read() {
    let root = tempfile::tempdir().unwrap();
    let job = Job::new(root.path(), "run", r#"{"steps_max": 20}"#);
    fixture::write_dataset(&job.dataset, [100, 10, 10]);
    let mut rows: Vec<_> = (0..300)
        .map(|index| fixture::sample(index, "train"))
        .collect();
    rows[250].lane.push(0.0);
    fixture::write_samples(&job.dataset.join("train.arrow"), &rows);
    let error = job.train_error();
    assert!(
        error.contains("train.arrow") && error.contains("expected 30 values, got 31"),
        "{error}"
    );

    // A length in the footer that points beyond the file.
    fixture::write_dataset(&job.dataset, [300, 10, 10]);
    let path = job.dataset.join("train.arrow");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.drain(1000..3000);
    std::fs::write(&path, bytes).unwrap();
    let error = job.train_error();
    assert!(error.contains("train.arrow"), "{error}");
}

#[test]
fn reduced_precision_learns_too_and_leaves_weights_of_32_bits() {
    let root = tempfile::tempdir().unwrap();
    let params = r#"{"steps_max": 200, "batch": 128, "learning_rate": 0.001, "precision": "bf16"}"#;
    let job = Job::new(root.path(), "run", params);
    fixture::write_dataset(&job.dataset, [1000, 100, 100]);
    job.train();
    let predictions = job.predictions();
    let (mut model_m, mut baseline_m) = (0.0, 0.0);
    for index in 1100..1200 {
        let sample = fixture::sample(index, "test");
        let (x_m, y_m) = &predictions[&sample.sample_id];
        model_m += fixture::ade_m(&sample, x_m, y_m) / 100.0;
        baseline_m += fixture::constant_velocity_ade_m(&sample) / 100.0;
    }
    assert!(
        model_m < 0.6 * baseline_m,
        "model {model_m} m, constant velocity {baseline_m} m"
    );
    // Each of the eight layers has four bytes a weight: the file holds no less than that.
    let weights = job.events("start")[0]["weights"].as_u64().unwrap();
    let bytes = std::fs::metadata(job.weights()).unwrap().len();
    assert!((4 * weights..4 * weights + 4096).contains(&bytes));
}
