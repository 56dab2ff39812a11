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
    /// The events that did not concern the ego after all: stationary objects that did not lie in its lane while they were seen
    /// and it would have reached them within 10 s, vehicles that began to cut in and never came into its path, people who
    /// crossed behind it or came into sight beyond its path.
    #[serde(default)]
    pub aside: Vec<TruthEvent>,
    /// What happened of itself in the same traffic, seen or not: a vehicle ahead in the ego's lane braked with 3 m/s² or more,
    /// changed into the ego's lane, or stood. Who finds one of these has found something real.
    #[serde(default)]
    pub natural: Vec<TruthEvent>,
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

/// What is known of a drive.
pub(crate) struct Told<'a> {
    /// What the director caused.
    pub(crate) events: &'a [WorldEvent],
    /// What happened in the ego's lane, caused or not.
    pub(crate) natural: &'a [WorldEvent],
    /// Frames in which an actor was reported.
    pub(crate) sightings: &'a Sightings,
    /// Frames in which an actor was ahead in the ego's lane, or on foot on the way there.
    pub(crate) in_way: &'a Sightings,
    /// Frames in which a vehicle ahead was in the ego's path.
    pub(crate) in_path: &'a Sightings,
    /// The last step.
    pub(crate) last_step: u64,
    /// Steps between two frames.
    pub(crate) frame_steps: u64,
}

/// Makes the truth of what was seen.
pub(crate) fn truth_from_events(
    log_id: &str,
    told: &Told<'_>,
    stamp_of: impl Fn(u64) -> i64,
) -> Truth {
    let event_of = |event: &WorldEvent, start: u64, end: u64| TruthEvent {
        kind: event.kind.as_str().to_owned(),
        track_ids: vec![hex::encode(track_uuid(log_id, event.actor_id))],
        start_ns: stamp_of(start),
        end_ns: stamp_of(end),
        parameters: event
            .parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect(),
    };
    let mut truth = Truth {
        log_id: log_id.to_owned(),
        events: Vec::new(),
        unseen: Vec::new(),
        aside: Vec::new(),
        natural: Vec::new(),
    };
    for event in told.events {
        let span = Span::new(event, told);
        let list = if !span.is_seen(told.frame_steps) {
            &mut truth.unseen
        } else if span.is_in_way {
            &mut truth.events
        } else {
            &mut truth.aside
        };
        list.push(event_of(event, span.start, span.end));
    }
    let of_itself = |event: &&WorldEvent| !told.events.iter().any(|other| is_same(event, other));
    truth.natural = (told.natural.iter().filter(of_itself))
        .map(|event| {
            event_of(
                event,
                event.start_step,
                event.end_step.unwrap_or(told.last_step),
            )
        })
        .collect();
    truth
}

/// Whether both are the same thing of the same actor at the same time.
fn is_same(a: &WorldEvent, b: &WorldEvent) -> bool {
    let starts_before_end =
        |a: &WorldEvent, b: &WorldEvent| b.end_step.is_none_or(|end| a.start_step <= end);
    let is_alike = a.kind == b.kind && a.actor_id == b.actor_id;
    is_alike && starts_before_end(a, b) && starts_before_end(b, a)
}

/// The steps of an event, and the number of frames in which its actor was reported.
struct Span {
    start: u64,
    end: u64,
    frames: usize,
    is_in_way: bool,
}

impl Span {
    fn new(event: &WorldEvent, told: &Told<'_>) -> Self {
        let end = event.end_step.unwrap_or(told.last_step);
        let within = |list: &Sightings| -> Vec<u64> {
            let steps = list.get(&event.actor_id).into_iter().flatten().copied();
            let during = event.start_step..=end;
            steps.filter(|step| during.contains(step)).collect()
        };
        let seen = within(told.sightings);
        let span = Self {
            start: event.start_step,
            end,
            frames: seen.len(),
            is_in_way: true,
        };
        let in_way = within(told.in_way);
        let seen_in_way: Vec<u64> = (seen.iter().copied())
            .filter(|step| in_way.binary_search(step).is_ok())
            .collect();
        let is_in_way = match event.kind {
            // Who comes into sight beyond the ego's path was not seen to cross it.
            EventKind::PedestrianCrossing => seen_in_way.len() >= SEEN_FRAMES_MIN,
            // Who is blocked goes back before it comes into the ego's path.
            EventKind::CutIn => within(told.in_path).len() >= SEEN_FRAMES_MIN,
            EventKind::LeadHardBrake | EventKind::StationaryObject => true,
        };
        let span = Self { is_in_way, ..span };
        match event.kind {
            EventKind::StationaryObject if !seen.is_empty() => {}
            _ => return span,
        }
        // A thing that lies on the road comes into sight; the event begins there, and lasts while the ego is in its lane.
        match (seen_in_way.first(), seen_in_way.last()) {
            (Some(start), Some(end)) if seen_in_way.len() >= SEEN_FRAMES_MIN => Self {
                start: *start,
                end: *end,
                frames: seen_in_way.len(),
                ..span
            },
            _ => Self {
                start: seen[0],
                is_in_way: false,
                ..span
            },
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
        let natural = [
            event(brake, 1, Some(120)),
            event(brake, 9, Some(120)),
            event(EventKind::CutIn, 1, Some(120)),
        ];
        let in_way = Sightings::from([(4, every_fifth(200, 450))]);
        let told = Told {
            events: &events,
            natural: &natural,
            sightings: &sightings,
            in_way: &in_way,
            in_path: &Sightings::new(),
            last_step: 500,
            frame_steps: 5,
        };
        let truth = truth_from_events("d", &told, stamp_of);
        // Ten of twenty frames are enough, nine are not.
        let spans = |events: &[TruthEvent]| {
            events
                .iter()
                .map(|e| (e.start_ns, e.end_ns))
                .collect::<Vec<_>>()
        };
        // The object is seen from step 300 on, and ahead in the ego's lane until 445.
        assert_eq!(spans(&truth.events), [(2000, 4000), (6000, 8900)]);
        assert_eq!(spans(&truth.unseen), [(2000, 4000), (2000, 10_000)]);
        assert_eq!(truth.aside, []);
        let kinds: Vec<_> = truth.natural.iter().map(|e| e.kind.as_str()).collect();
        assert_eq!(
            kinds,
            ["lead_hard_brake", "cut_in"],
            "what was caused is told once"
        );
        let aside = Told {
            in_way: &Sightings::new(),
            ..told
        };
        let truth = truth_from_events("d", &aside, stamp_of);
        assert_eq!(spans(&truth.aside), [(6000, 10_000)]);
        assert_eq!(
            truth.events[0].track_ids[0],
            hex::encode(track_uuid("d", 1))
        );
    }
}
