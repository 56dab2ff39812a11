//! Simulated logs: the same bytes for the same seed, and a file that a reader takes.

use std::collections::BTreeMap;

use driveloop_lake::Store;
use driveloop_synth::simulate::{SimulateOptions, Truth, simulate, simulate_with};

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
    // Three frames at 50 Hz and one at 10 Hz.
    assert_eq!(count("/from_can_bus"), 3 * 601 + 121);
    assert_eq!((count("/tf"), count("/sensing/gnss")), (601, 121));
    for topic in ["/vehicle/status/velocity", "/vehicle/status/steering"] {
        assert_eq!(count(topic), 601);
    }
    let summary = mcap::Summary::read(&bytes).unwrap().unwrap();
    assert!(!summary.chunk_indexes.is_empty() && summary.metadata_indexes.len() == 1);
    for chunk in &summary.chunk_indexes {
        assert_eq!(chunk.compression, "zstd");
        assert!(chunk.message_index_length > 0 && chunk.uncompressed_size < 2 << 20);
    }
    let statistics = summary.stats.unwrap();
    let all: usize = counts.values().sum();
    assert_eq!(
        (statistics.message_count, statistics.channel_count),
        (all as u64, 9)
    );
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
    let options = SimulateOptions {
        drives: 200_000,
        ..SimulateOptions::default()
    };
    let error = simulate(&options, &store).await.unwrap_err();
    assert!(error.to_string().contains("drives"), "{error}");
}

#[tokio::test]
async fn a_run_that_is_cut_off_leaves_whole_logs_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().to_str().unwrap()).unwrap();
    let options = SimulateOptions {
        drives: 400,
        seconds: 6.0,
        ..SimulateOptions::default()
    };
    let limit = std::time::Duration::from_millis(700);
    let cut = tokio::time::timeout(limit, simulate(&options, &store)).await;
    assert!(cut.is_err(), "it was not done yet");
    // What was on its way to the disk arrives.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let mut logs = 0;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let bytes = store.get(&name).await.unwrap();
        if let Some(log_id) = name.strip_suffix(".mcap") {
            let summary = mcap::Summary::read(&bytes).unwrap().unwrap();
            assert_eq!(summary.stats.unwrap().message_count, 2893, "{name}");
            assert!(store.exists(&format!("{log_id}.truth.json")).await.unwrap());
            logs += 1;
        } else {
            let known = name.ends_with(".truth.json") || name == "simulated.dbc";
            assert!(known, "{name} was left");
        }
    }
    assert!(logs > 0, "some were done");
}

#[tokio::test]
async fn a_store_that_cannot_be_written_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let store = Store::open(file.to_str().unwrap()).unwrap();
    let error = simulate(&SimulateOptions::default(), &store)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("file"), "{error}");
}

#[tokio::test]
async fn drives_are_told_of_in_order_when_they_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().to_str().unwrap()).unwrap();
    let options = SimulateOptions {
        drives: 7,
        seconds: 1.0,
        ..SimulateOptions::default()
    };
    let mut told = Vec::new();
    let report = simulate_with(&options, &store, |drive| {
        assert!(folder.path().join(&drive.path).is_file());
        told.push(drive.log_id.clone());
    });
    let report = report.await.unwrap();
    let expected: Vec<_> = (0..7).map(|index| format!("sim-1-000{index}")).collect();
    assert_eq!(told, expected);
    assert_eq!(report.drives.len(), 7);
}
