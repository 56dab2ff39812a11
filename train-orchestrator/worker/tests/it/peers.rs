//! What the `safetensors` library of Python and a forecaster in NumPy make of the weights.

use std::process::Command;

use crate::fixture;
use crate::job::Job;

#[test]
fn others_read_the_weights_and_predict_the_same() {
    let Some(peers) = std::env::var_os("DRIVELOOP_PEERS").filter(|folder| !folder.is_empty())
    else {
        eprintln!("skipped: DRIVELOOP_PEERS names no folder with Python packages");
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let job = Job::new(
        root.path(),
        "run",
        r#"{"steps_max": 60, "learning_rate": 0.001, "hidden": 24}"#,
    );
    fixture::write_dataset(&job.dataset, [500, 40, 70]);
    job.train();
    job.predict(&job.weights());
    let output = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/peers.py"))
        .arg(job.weights())
        .arg(driveloop_schemas::forecast::inputs_file(&job.dataset))
        .arg(job.folder.join("predictions.arrow"))
        .env("PYTHONPATH", peers)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["samples"], 110);
    assert_eq!(answer["dtypes"], serde_json::json!(["float32"]));
    assert_eq!(answer["names"].as_array().unwrap().len(), 16);
    // Sums of 32-bit floats in another order, over paths of up to 50 m.
    assert!(answer["largest_m"].as_f64().unwrap() < 1e-3, "{answer}");
}
