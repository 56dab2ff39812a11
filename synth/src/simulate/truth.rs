//! The truth file: the events that the simulator caused and the ego could see.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::sensor::track_uuid;
use crate::traffic::WorldEvent;

/// Share of the frames of an event in which its actor must have been reported.
const SEEN_SHARE_MIN: f64 = 0.5;
/// Frames in which its actor must have been reported.
const SEEN_FRAMES_MIN: usize = 5;

/// The truth of a drive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// The drive.
    pub log_id: String,
    /// The events, in the order of their start.
    pub events: Vec<TruthEvent>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TruthEvent {
    /// `lead_hard_brake`, `cut_in`, `pedestrian_crossing` or `stationary_object`.
    pub kind: String,
    /// The actors, as a reader of the log sees them: the track's UUID in hexadecimal without hyphens.
    pub track_ids: Vec<String>,
    /// First stamp.
    pub start_ns: i64,
    /// Last stamp.
    pub end_ns: i64,
    /// How it was done, with units in the names.
    pub parameters: BTreeMap<String, f64>,
}

/// In which frames each actor was reported: steps of the world.
pub(crate) type Sightings = BTreeMap<u32, Vec<u64>>;

/// Makes the truth of what was seen. `frame_steps` is the number of steps between two frames.
pub(crate) fn truth_from_events(
    log_id: &str,
    events: &[WorldEvent],
    sightings: &Sightings,
    last_step: u64,
    frame_steps: u64,
    stamp_of: impl Fn(u64) -> i64,
) -> Truth {
    let events = events.iter().filter_map(|event| {
        let end = event.end_step.unwrap_or(last_step);
        let steps = sightings.get(&event.actor_id)?;
        let seen: Vec<u64> = steps
            .iter()
            .copied()
            .filter(|s| (event.start_step..=end).contains(s))
            .collect();
        // A thing that lies on the road comes into sight; the event begins there.
        let is_still = event.kind == crate::traffic::EventKind::StationaryObject;
        let start = if is_still {
            *seen.first()?
        } else {
            event.start_step
        };
        let frames = (end.saturating_sub(start) / frame_steps).max(1);
        let is_seen =
            seen.len() >= SEEN_FRAMES_MIN && seen.len() as f64 >= SEEN_SHARE_MIN * frames as f64;
        is_seen.then(|| TruthEvent {
            kind: event.kind.as_str().to_owned(),
            track_ids: vec![hex::encode(track_uuid(log_id, event.actor_id))],
            start_ns: stamp_of(start),
            end_ns: stamp_of(end),
            parameters: event
                .parameters
                .iter()
                .map(|(k, v)| ((*k).to_owned(), *v))
                .collect(),
        })
    });
    Truth {
        log_id: log_id.to_owned(),
        events: events.collect(),
    }
}
