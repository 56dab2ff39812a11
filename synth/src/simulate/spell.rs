//! From frames in which a definition is fulfilled to spells: what lasts long enough, and whether the ego could see it.

use std::collections::BTreeMap;

use super::criteria::AROUND_STEPS;
use super::watch::{Fit, Fits};
use crate::traffic::EventKind;

/// Frames further apart than this are not of one spell: the 0.55 s of the scenarios.
const GAP_MAX_STEPS: u64 = 27;
/// Steps between two frames: spells are as long as a scenario asks, give or take one.
const FRAME_STEPS: u64 = 5;
/// Frames of each second before and after a moment in which the actor must have been reported: half of them.
const SEEN_FRAMES_MIN: usize = 5;

/// In which frames each actor was reported: steps of the world.
pub(crate) type Sightings = BTreeMap<u32, Vec<u64>>;

/// What a spell is to a reader of the log, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// It is there, and to be seen.
    Seen,
    /// It is there, but its actor was not reported, or not for long enough.
    Unseen,
    /// It is there or not, as one reads it.
    Borderline,
}

/// A while in which an actor fulfils a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spell {
    pub(super) kind: EventKind,
    pub(super) actor_id: u32,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) state: State,
}

/// Steps for which a kind of event must last; none where it is a moment.
fn steps_min(kind: EventKind) -> Option<u64> {
    match kind {
        EventKind::LeadHardBrake | EventKind::PedestrianCrossing => Some(15),
        EventKind::StationaryObject => Some(25),
        EventKind::CutIn => None,
    }
}

/// The spells of all actors, in the order of kind, actor and time.
pub(super) fn spells(fits: &Fits, sightings: &Sightings) -> Vec<Spell> {
    let nowhere = Vec::new();
    let mut spells = Vec::new();
    for ((kind, actor_id), frames) in fits {
        let seen = sightings.get(actor_id).unwrap_or(&nowhere);
        for group in runs(frames, |frame| frame.0) {
            if let Some((state, [start, end])) = state_of(*kind, group, seen) {
                spells.push(Spell {
                    kind: *kind,
                    actor_id: *actor_id,
                    start,
                    end,
                    state,
                });
            }
        }
    }
    spells
}

/// What frames without a gap are, and from when to when; nothing where they are too few however one reads them.
fn state_of(kind: EventKind, frames: &[(u64, Fit)], seen: &[u64]) -> Option<(State, [u64; 2])> {
    let is_seen = |step: &u64| match steps_min(kind) {
        Some(_) => seen.binary_search(step).is_ok(),
        None => is_seen_around(*step, seen),
    };
    let all: Vec<u64> = frames.iter().map(|frame| frame.0).collect();
    let seen: Vec<u64> = all.iter().copied().filter(is_seen).collect();
    let plain: Vec<u64> = (frames.iter())
        .filter(|frame| frame.1 == Fit::Plain)
        .map(|frame| frame.0)
        .collect();
    let seen_plain: Vec<u64> = plain.iter().copied().filter(is_seen).collect();
    let (least, most) = match steps_min(kind) {
        Some(steps) => (steps - FRAME_STEPS, steps + FRAME_STEPS),
        None => (0, 0),
    };
    // Who comes into sight begins there.
    [
        (State::Seen, seen_plain, most, &seen),
        (State::Unseen, plain, most, &all),
        (State::Borderline, all.clone(), least, &all),
    ]
    .into_iter()
    .find(|(_, steps, steps_min, _)| lasts(steps, *steps_min))
    .and_then(|(state, _, _, steps)| Some((state, [*steps.first()?, *steps.last()?])))
}

/// Whether one of the runs of frames is long enough.
fn lasts(steps: &[u64], steps_min: u64) -> bool {
    runs(steps, |step| *step).any(|run| match run {
        [first, .., last] => last - first >= steps_min,
        [_] => steps_min == 0,
        [] => false,
    })
}

fn runs<T>(items: &[T], step: impl Fn(&T) -> u64) -> impl Iterator<Item = &[T]> {
    items.chunk_by(move |a, b| step(b) - step(a) <= GAP_MAX_STEPS)
}

/// Whether an actor was reported in half of the frames of the second before a step, and of the second from it on.
fn is_seen_around(step: u64, seen: &[u64]) -> bool {
    let count = |from: u64, to: u64| {
        let before = |limit: u64| seen.partition_point(|seen| *seen < limit);
        before(to) - before(from)
    };
    let from = step.saturating_sub(AROUND_STEPS);
    count(from, step) >= SEEN_FRAMES_MIN && count(step, step + AROUND_STEPS + 1) >= SEEN_FRAMES_MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_fifth(from: u64, to: u64) -> Vec<u64> {
        (from..to).step_by(5).collect()
    }

    fn of(kind: EventKind, frames: &[(u64, Fit)], seen: Vec<u64>) -> Vec<(State, u64, u64)> {
        let fits = Fits::from([((kind, 7), frames.to_vec())]);
        let found = spells(&fits, &Sightings::from([(7, seen)]));
        found.iter().map(|s| (s.state, s.start, s.end)).collect()
    }

    fn plain(steps: Vec<u64>) -> Vec<(u64, Fit)> {
        steps.into_iter().map(|step| (step, Fit::Plain)).collect()
    }

    #[test]
    fn a_spell_is_seen_where_it_is_reported_for_long_enough() {
        let stands = EventKind::StationaryObject;
        let frames = plain(every_fifth(100, 200));
        assert_eq!(
            of(stands, &frames, every_fifth(140, 400)),
            [(State::Seen, 140, 195)]
        );
        // Half a second and one frame: 30 steps.
        assert_eq!(
            of(stands, &frames, every_fifth(165, 400)),
            [(State::Seen, 165, 195)]
        );
        assert_eq!(
            of(stands, &frames, every_fifth(170, 400)),
            [(State::Unseen, 100, 195)]
        );
        assert_eq!(of(stands, &frames, Vec::new()), [(State::Unseen, 100, 195)]);
    }

    #[test]
    fn a_spell_as_short_as_a_frame_more_or_less_is_borderline() {
        let (stands, seen) = (EventKind::StationaryObject, every_fifth(0, 400));
        let lasts = |to: u64| of(stands, &plain(every_fifth(100, to)), seen.clone());
        assert_eq!(lasts(131), [(State::Seen, 100, 130)]);
        assert_eq!(lasts(130), [(State::Borderline, 100, 125)]);
        assert_eq!(lasts(121), [(State::Borderline, 100, 120)]);
        assert_eq!(lasts(120), []);
    }

    #[test]
    fn a_frame_beyond_all_doubt_makes_a_moment() {
        let (enters, seen) = (EventKind::CutIn, every_fifth(0, 400));
        let frames = [(100, Fit::Borderline), (105, Fit::Plain)];
        assert_eq!(of(enters, &frames, seen.clone()), [(State::Seen, 100, 105)]);
        assert_eq!(
            of(enters, &frames[..1], seen),
            [(State::Borderline, 100, 100)]
        );
        // Reported in four of the ten frames before it, and in all after it.
        assert_eq!(
            of(enters, &frames, every_fifth(85, 400)),
            [(State::Unseen, 100, 105)]
        );
    }

    #[test]
    fn a_pause_ends_a_spell() {
        let brakes = EventKind::LeadHardBrake;
        let frames = |pause: u64| {
            plain([every_fifth(100, 126), every_fifth(125 + pause, 160 + pause)].concat())
        };
        let seen = every_fifth(0, 400);
        assert_eq!(of(brakes, &frames(25), seen.clone()).len(), 1);
        assert_eq!(of(brakes, &frames(30), seen).len(), 2);
    }
}
