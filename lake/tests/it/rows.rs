//! Rows that the tests write.

use driveloop_schemas::time::Day;
use driveloop_schemas::{Drive, Episode, Origin, Signal};

pub(crate) fn signal(log_id: &str, day: i32, stamp_ns: i64) -> Signal {
    Signal {
        log_id: log_id.into(),
        day: Day(day),
        stamp_ns,
        name: "speed".into(),
        value: Some(stamp_ns as f64),
        text: None,
        unit: None,
        source: "/odom".into(),
    }
}

pub(crate) fn drive(log_id: &str) -> Drive {
    Drive {
        log_id: log_id.into(),
        day: Day(0),
        composed: false,
        origin: Origin::Recorded.as_str().into(),
        vehicle_id: None,
        source_uri: format!("/logs/{log_id}"),
        source_digest: "0123456789abcdef".into(),
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

pub(crate) fn episode(scenario: &str, log_id: &str, composed: bool) -> Episode {
    Episode {
        episode_id: format!("{scenario}/{log_id}"),
        log_id: log_id.into(),
        day: Day(0),
        composed,
        scenario: scenario.into(),
        scenario_version: 1,
        start_ns: 0,
        end_ns: 1,
        actors: vec!["ego".into(), "a".into()],
        roles: vec![],
        score: 1.0,
        tags: vec!["x".into()],
        query_digest: String::new(),
    }
}
