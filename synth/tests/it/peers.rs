//! What programs of others make of a simulated log.

use std::collections::BTreeMap;
use std::process::Command;

use driveloop_synth::simulate::SimulateOptions;
use serde::Deserialize;

use crate::decoded::drives;

#[derive(Debug, Deserialize)]
struct Answer {
    counts: BTreeMap<String, u64>,
    compared: usize,
    differences: Vec<String>,
}

#[tokio::test]
async fn others_decode_every_message_and_know_every_definition() {
    let Some(peers) = std::env::var_os("DRIVELOOP_PEERS") else {
        eprintln!("skipped: DRIVELOOP_PEERS names no folder with Python packages");
        return;
    };
    let drives = drives(&SimulateOptions {
        drives: 2,
        seconds: 10.0,
        ..SimulateOptions::default()
    })
    .await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/peers.py");
    let output = Command::new("python3")
        .arg(script)
        .arg(drives.folder.path())
        .env("PYTHONPATH", peers)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let answer: Answer = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer.differences, Vec::<String>::new());
    assert!(answer.compared >= 25, "{}", answer.compared);
    let messages: u64 = drives
        .report
        .drives
        .iter()
        .map(|drive| drive.messages)
        .sum();
    assert_eq!(answer.counts.values().sum::<u64>(), messages);
    assert_eq!(answer.counts["/sensing/imu"], 2 * 1002);
    assert_eq!(answer.counts["/perception/objects"], 2 * 101);
}
