//! Simulated logs: the same bytes for the same seed, and a file that a reader takes.

use std::collections::BTreeMap;

use driveloop_lake::Store;
use driveloop_synth::simulate::{SimulateOptions, Truth, simulate};

async fn store_with(folder: &std::path::Path, drives: usize) -> Store {
    let store = Store::open(folder.to_str().unwrap()).unwrap();
    let options = SimulateOptions {
        drives,
        seconds: 12.0,
        seed: 3,
        ..SimulateOptions::default()
    };
    let report = simulate(&options, &store).await.unwrap();
    assert_eq!(report.drives.len(), drives);
    store
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bytes_however_many_drives() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (one, three) = (store_with(a.path(), 1).await, store_with(b.path(), 3).await);
    for name in ["sim-3-0000.mcap", "sim-3-0000.truth.json"] {
        assert_eq!(
            one.get(name).await.unwrap(),
            three.get(name).await.unwrap(),
            "{name}"
        );
    }
    assert_ne!(
        three.get("sim-3-0001.mcap").await.unwrap(),
        three.get("sim-3-0002.mcap").await.unwrap()
    );
}

#[tokio::test]
async fn a_log_has_its_topics_at_their_rates() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_with(folder.path(), 2).await;
    let bytes = store.get("sim-3-0001.mcap").await.unwrap();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut last_ns = 0;
    for message in mcap::MessageStream::new(&bytes).unwrap() {
        let message = message.unwrap();
        assert!(message.log_time >= last_ns, "messages lie in order of time");
        last_ns = message.log_time;
        *counts.entry(message.channel.topic.clone()).or_default() += 1;
    }
    let count = |topic: &str| counts.get(topic).copied().unwrap_or(0);
    assert_eq!(count("/localization/odometry"), 601);
    assert_eq!(count("/sensing/imu"), 1202);
    assert_eq!((count("/perception/objects"), count("/map")), (121, 1));
    let summary = mcap::Summary::read(&bytes).unwrap().unwrap();
    assert!(!summary.chunk_indexes.is_empty() && summary.metadata_indexes.len() == 1);
    let truth = store.get("sim-3-0001.truth.json").await.unwrap();
    let truth: Truth = serde_json::from_slice(&truth).unwrap();
    assert_eq!(truth.log_id, "sim-3-0001");
    assert!(
        truth
            .events
            .iter()
            .all(|event| event.start_ns <= event.end_ns)
    );
}

#[tokio::test]
async fn a_length_that_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().to_str().unwrap()).unwrap();
    for seconds in [0.0, -1.0, f64::NAN, 1e9] {
        let options = SimulateOptions {
            seconds,
            ..SimulateOptions::default()
        };
        let error = simulate(&options, &store).await.unwrap_err();
        assert!(error.to_string().contains("seconds"), "{error}");
    }
}
