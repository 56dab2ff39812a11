//! The truth file: what happened around the ego by the definitions of [`criteria`](super::criteria), what of it the simulator
//! caused, and what of it the ego could see.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::criteria::{AROUND_STEPS, figures};
use super::spell::{Sightings, Spell, State, spells};
use super::watch::Fits;
use crate::sensing::track_uuid;
use crate::traffic::{EventKind, WorldEvent};

/// The truth of a drive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// The drive.
    pub log_id: String,
    /// What a kind of event is: the thresholds of its definition, as the scenario that looks for it calls them.
    #[serde(default)]
    pub definitions: BTreeMap<String, BTreeMap<String, f64>>,
    /// The events that the simulator caused and the ego could see, in the order of their start: a reader of the log can find
    /// these.
    pub events: Vec<TruthEvent>,
    /// What happened of itself in the same traffic and the ego could see: a reader of the log can find these too.
    #[serde(default)]
    pub natural: Vec<TruthEvent>,
    /// What happened, caused or of itself, while its actor was out of sight: nobody can find it in the log.
    pub unseen: Vec<TruthEvent>,
    /// What happened or did not, as one reads it: a figure lies as near to its threshold as the sensor's errors reach (two
    /// standard deviations at that distance, or one frame). Neither who finds it is wrong, nor who does not.
    #[serde(default)]
    pub borderline: Vec<TruthEvent>,
    /// What the simulator caused and what did not become an event by the definition: objects that never lay in the path of an
    /// ego that drove up to them, vehicles that braked far ahead or before an ego that stood, those that wanted to cut in and
    /// did not come into its path, people who crossed behind it. Who finds it is wrong.
    #[serde(default)]
    pub aside: Vec<TruthEvent>,
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

/// What is known of a drive.
pub(crate) struct Told<'a> {
    /// What the director caused.
    pub(crate) events: &'a [WorldEvent],
    /// Frames in which definitions were fulfilled.
    pub(crate) fits: &'a Fits,
    /// Frames in which an actor was reported.
    pub(crate) sightings: &'a Sightings,
    /// The last step.
    pub(crate) last_step: u64,
}

/// Makes the truth of what happened.
pub(crate) fn truth_from_events(
    log_id: &str,
    told: &Told<'_>,
    stamp_of: impl Fn(u64) -> i64,
) -> Truth {
    let mut truth = Truth::empty(log_id);
    let spells = spells(told.fits, told.sightings);
    let mut listed: Vec<Span> = Vec::new();
    for event in told.events {
        let (state, span) = outcome(event, &spells, told.last_step);
        let list = match state {
            Some(State::Seen) => &mut truth.events,
            Some(State::Unseen) => &mut truth.unseen,
            Some(State::Borderline) => &mut truth.borderline,
            None => &mut truth.aside,
        };
        list.push(span.tell(log_id, &event.parameters, &stamp_of));
        if state.is_some() {
            listed.push(span);
        }
    }
    for spell in &spells {
        let span = Span::of_spell(spell, told.last_step);
        if listed.iter().any(|other| other.meets(&span)) {
            continue;
        }
        let list = match spell.state {
            State::Seen => &mut truth.natural,
            State::Unseen => &mut truth.unseen,
            State::Borderline => &mut truth.borderline,
        };
        list.push(span.tell(log_id, &BTreeMap::new(), &stamp_of));
    }
    for list in [&mut truth.unseen, &mut truth.borderline, &mut truth.natural] {
        list.sort_by_key(|event| event.start_ns);
    }
    truth
}

/// What became of something that the director caused: the best of the spells that it led to, and when that was.
fn outcome(event: &WorldEvent, spells: &[Spell], last_step: u64) -> (Option<State>, Span) {
    let span = Span::of_event(event, last_step);
    let led_to: Vec<&Spell> = (spells.iter())
        .filter(|spell| Span::of_spell(spell, last_step).meets(&span))
        .collect();
    let state = led_to.iter().map(|spell| spell.state).min();
    let of_state = led_to.iter().filter(|spell| Some(spell.state) == state);
    // What lies on the road is there from the beginning: the event is when the ego drives up to it.
    let is_thing = event.kind == EventKind::StationaryObject;
    let met = of_state.fold(None, |met: Option<Span>, spell| {
        let next = Span::of_spell(spell, last_step);
        Some(met.map_or(next, |met| met.up_to(&next)))
    });
    (state, met.filter(|_| is_thing).unwrap_or(span))
}

/// When which kind of event is an actor's.
#[derive(Debug, Clone, Copy)]
struct Span {
    kind: EventKind,
    actor_id: u32,
    start: u64,
    end: u64,
}

impl Span {
    fn of_event(event: &WorldEvent, last_step: u64) -> Self {
        Self {
            kind: event.kind,
            actor_id: event.actor_id,
            start: event.start_step,
            end: event.end_step.unwrap_or(last_step),
        }
    }

    fn of_spell(spell: &Spell, last_step: u64) -> Self {
        // Coming into the path is a moment: what happens is what surrounds it.
        let around = if spell.kind == EventKind::CutIn {
            AROUND_STEPS
        } else {
            0
        };
        Self {
            kind: spell.kind,
            actor_id: spell.actor_id,
            start: spell.start.saturating_sub(around),
            end: (spell.end + around).min(last_step),
        }
    }

    fn meets(&self, other: &Self) -> bool {
        let is_alike = self.kind == other.kind && self.actor_id == other.actor_id;
        is_alike && self.start <= other.end && other.start <= self.end
    }

    fn up_to(&self, other: &Self) -> Self {
        Self {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
            ..*self
        }
    }

    fn tell(
        &self,
        log_id: &str,
        parameters: &BTreeMap<&'static str, f64>,
        stamp_of: impl Fn(u64) -> i64,
    ) -> TruthEvent {
        TruthEvent {
            kind: self.kind.as_str().to_owned(),
            track_ids: vec![hex::encode(track_uuid(log_id, self.actor_id))],
            start_ns: stamp_of(self.start),
            end_ns: stamp_of(self.end),
            parameters: (parameters.iter())
                .map(|(name, value)| ((*name).to_owned(), *value))
                .collect(),
        }
    }
}

impl Truth {
    fn empty(log_id: &str) -> Self {
        let definition = |kind: EventKind| {
            let figures = figures(kind).into_iter();
            let named = figures.map(|(name, value)| (name.to_owned(), value));
            (kind.as_str().to_owned(), named.collect())
        };
        Self {
            log_id: log_id.to_owned(),
            definitions: EventKind::ALL.into_iter().map(definition).collect(),
            events: Vec::new(),
            natural: Vec::new(),
            unseen: Vec::new(),
            borderline: Vec::new(),
            aside: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::watch::Fit;
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

    fn every_fifth(from: u64, to: u64) -> Vec<u64> {
        (from..to).step_by(5).collect()
    }

    fn frames(from: u64, to: u64, fit: Fit) -> Vec<(u64, Fit)> {
        let steps = every_fifth(from, to).into_iter();
        steps.map(|step| (step, fit)).collect()
    }

    fn spans(events: &[TruthEvent]) -> Vec<(&str, i64, i64)> {
        let span = |event: &TruthEvent| (event.start_ns, event.end_ns);
        (events.iter())
            .map(|event| (event.kind.as_str(), span(event).0, span(event).1))
            .collect()
    }

    #[test]
    fn each_list_has_what_is_said_of_it() {
        let (brake, thing, cut_in) = (
            EventKind::LeadHardBrake,
            EventKind::StationaryObject,
            EventKind::CutIn,
        );
        let caused = [
            event(brake, 1, Some(200)),
            event(brake, 2, Some(200)),
            event(brake, 3, None),
            event(thing, 4, None),
            event(cut_in, 5, Some(300)),
        ];
        let fits = Fits::from([
            ((brake, 1), frames(110, 190, Fit::Plain)),
            ((brake, 2), frames(110, 190, Fit::Plain)),
            ((brake, 3), frames(110, 190, Fit::Borderline)),
            ((thing, 4), frames(200, 400, Fit::Plain)),
            // It did not come into the path; another did of itself, and the lead of before brakes once more.
            ((cut_in, 6), vec![(250, Fit::Plain)]),
            ((brake, 6), frames(300, 400, Fit::Plain)),
        ]);
        let all = every_fifth(0, 500);
        let sightings = Sightings::from([
            (1, all.clone()),
            (3, all.clone()),
            (4, every_fifth(300, 500)),
            (6, all),
        ]);
        let told = Told {
            events: &caused,
            fits: &fits,
            sightings: &sightings,
            last_step: 500,
        };
        let truth = truth_from_events("d", &told, |step| step as i64);
        assert_eq!(
            spans(&truth.events),
            [
                ("lead_hard_brake", 100, 200),
                ("stationary_object", 300, 395)
            ],
            "an object is an event while it is seen and the ego drives up to it"
        );
        assert_eq!(spans(&truth.unseen), [("lead_hard_brake", 100, 200)]);
        assert_eq!(spans(&truth.borderline), [("lead_hard_brake", 100, 500)]);
        assert_eq!(spans(&truth.aside), [("cut_in", 100, 300)]);
        assert_eq!(
            spans(&truth.natural),
            [("cut_in", 198, 302), ("lead_hard_brake", 300, 395)],
            "a moment is told with a second on each side"
        );
        let track_id = |event: &TruthEvent| event.track_ids[0].clone();
        assert_eq!(track_id(&truth.events[0]), hex::encode(track_uuid("d", 1)));
    }
}
