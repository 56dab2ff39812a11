//! Rows that the cases write.

use driveloop_schemas::time::Day;
use driveloop_schemas::{CameraFrame, Checkpoint, Drive, Episode, Origin, Signal};
use sha2::{Digest as _, Sha256};

use crate::commit::Commit;
use crate::visible::drive_transaction;

/// Of the logs of the drives.
const DIGEST: &str = "0123456789abcdef";

/// The commit of drives, with the transaction ids that ingest gives them.
pub(super) fn commit_of(drives: &[&str]) -> Commit {
    let ids = drives.iter().map(|log_id| transaction(log_id));
    Commit::new("conformance", "run").with_transactions(ids)
}

#[must_use]
pub fn transaction(log_id: &str) -> String {
    drive_transaction(log_id, DIGEST)
}

#[must_use]
pub fn signal(log_id: &str, stamp_ns: i64) -> Signal {
    Signal {
        log_id: log_id.into(),
        day: Day(0),
        stamp_ns,
        name: "speed".into(),
        value: Some(stamp_ns as f64),
        text: None,
        unit: None,
        source: "/odom".into(),
        composed: Some(false),
    }
}

#[must_use]
pub fn drive(log_id: &str) -> Drive {
    Drive {
        log_id: log_id.into(),
        day: Day(0),
        composed: false,
        origin: Origin::Recorded.as_str().into(),
        vehicle_id: None,
        source_uri: format!("/logs/{log_id}"),
        source_digest: DIGEST.into(),
        source_bytes: 1,
        format: "mcap-ros2".into(),
        start_ns: 0,
        end_ns: 1,
        map_id: None,
        region: None,
        software_version: None,
        licence: None,
        privacy_state: "none".into(),
        records_in: 1,
        records_dropped: 0,
    }
}

#[must_use]
pub fn episode(scenario: &str, log_id: &str) -> Episode {
    Episode {
        episode_id: format!("{scenario}/{log_id}").into(),
        log_id: log_id.into(),
        day: Day(0),
        composed: false,
        scenario: scenario.into(),
        scenario_version: 1,
        start_ns: 0,
        end_ns: 1,
        actors: vec!["ego".into()],
        roles: vec![],
        score: 1.0,
        tags: vec![],
        query_digest: String::new(),
    }
}

/// A model with these weights.
pub(super) fn model(model_id: &str, weights: &[u8]) -> Checkpoint {
    Checkpoint {
        model_id: model_id.into(),
        run_id: "run".into(),
        weights: format!("models/{model_id}/model.safetensors"),
        weights_digest: hex::encode(Sha256::digest(weights)),
        weights_bytes: weights.len() as i64,
        step: 1,
        validation_loss: None,
        dataset: "d".into(),
        dataset_digest: DIGEST.into(),
        started_from: None,
        predict: None,
    }
}

#[must_use]
pub fn camera_frame(log_id: &str, range: crate::PackRange) -> CameraFrame {
    CameraFrame {
        log_id: log_id.into(),
        day: Day(0),
        stamp_ns: 0,
        sensor: "/camera".into(),
        pack: range.pack,
        offset: range.offset,
        length: range.length,
        encoding: "jpeg".into(),
        width_px: None,
        height_px: None,
        digest: String::new(),
        privacy_state: "unprocessed".into(),
        composed: Some(false),
    }
}
