//! The truth file: the events that the simulator caused, those that the ego could see apart from the others.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::sensing::track_uuid;
use crate::traffic::{EventKind, WorldEvent};

/// Share of the frames of an event in which its actor must have been reported.
const SEEN_SHARE_MIN: f64 = 0.5;
/// Frames in which its actor must have been reported.
const SEEN_FRAMES_MIN: usize = 5;

/// The truth of a drive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// The drive.
    pub log_id: String,
    /// The events that the ego could see, in the order of their start: a reader of the log can find these.
    pub events: Vec<TruthEvent>,
    /// The events whose actor was out of sight: caused all the same, but nobody can find them in the log.
    pub unseen: Vec<TruthEvent>,
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
    let (mut seen, mut unseen) = (Vec::new(), Vec::new());
    for event in events {
        let span = Span::new(event, sightings.get(&event.actor_id), last_step);
        let truth = TruthEvent {
            kind: event.kind.as_str().to_owned(),
            track_ids: vec![hex::encode(track_uuid(log_id, event.actor_id))],
            start_ns: stamp_of(span.start),
            end_ns: stamp_of(span.end),
            parameters: event
                .parameters
                .iter()
                .map(|(k, v)| ((*k).to_owned(), *v))
                .collect(),
        };
        if span.is_seen(frame_steps) {
            seen.push(truth);
        } else {
            unseen.push(truth);
        }
    }
    Truth {
        log_id: log_id.to_owned(),
        events: seen,
        unseen,
    }
}

/// The steps of an event, and the number of frames in which its actor was reported.
struct Span {
    start: u64,
    end: u64,
    frames: usize,
}

impl Span {
    fn new(event: &WorldEvent, sightings: Option<&Vec<u64>>, last_step: u64) -> Self {
        let end = event.end_step.unwrap_or(last_step);
        let seen: Vec<u64> = sightings
            .into_iter()
            .flatten()
            .copied()
            .filter(|step| (event.start_step..=end).contains(step))
            .collect();
        // A thing that lies on the road comes into sight; the event begins there.
        let is_still = event.kind == EventKind::StationaryObject;
        let start = match seen.first() {
            Some(first) if is_still => *first,
            _ => event.start_step,
        };
        Self {
            start,
            end,
            frames: seen.len(),
        }
    }

    fn is_seen(&self, frame_steps: u64) -> bool {
        let frames = (self.end.saturating_sub(self.start) / frame_steps).max(1);
        self.frames >= SEEN_FRAMES_MIN && self.frames as f64 >= SEEN_SHARE_MIN * frames as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: EventKind, actor_id: u32, end_step: Option<u64>) -> WorldEvent {
        WorldEvent {
            kind,
            actor_id,
            start_step: 100,
            end_step,
            parameters: BTreeMap::new(),
        }
    }

    #[test]
    fn what_nobody_saw_is_told_apart() {
        let brake = EventKind::LeadHardBrake;
        let events = [
            event(brake, 1, Some(200)),
            event(brake, 2, Some(200)),
            event(brake, 3, None),
            event(EventKind::StationaryObject, 4, None),
        ];
        let every_fifth = |from: u64, to: u64| (from..to).step_by(5).collect::<Vec<_>>();
        let sightings = Sightings::from([
            (1, every_fifth(0, 150)),
            (2, every_fifth(0, 145)),
            (4, every_fifth(300, 500)),
        ]);
        let stamp_of = |step: u64| step as i64 * 20;
        let truth = truth_from_events("d", &events, &sightings, 500, 5, stamp_of);
        // Ten of twenty frames are enough, nine are not.
        let spans = |events: &[TruthEvent]| {
            events
                .iter()
                .map(|e| (e.start_ns, e.end_ns))
                .collect::<Vec<_>>()
        };
        assert_eq!(spans(&truth.events), [(2000, 4000), (6000, 10_000)]);
        assert_eq!(spans(&truth.unseen), [(2000, 4000), (2000, 10_000)]);
        assert_eq!(
            truth.events[0].track_ids[0],
            hex::encode(track_uuid("d", 1))
        );
    }
}
