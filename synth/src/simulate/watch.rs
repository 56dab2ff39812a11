//! What happens around the ego of itself: traffic brakes, changes lanes and stops without being told to.
//!
//! Read from the exact state of the world, not from what the ego's sensors make of it.

use std::collections::BTreeMap;

use super::actor::{Actor, ActorKind, Control, Walk};
use super::events::{EventKind, WorldEvent};
use super::scene;
use super::world::World;

/// Deceleration of a lead from which it is noted: less than hard, so that nothing hard is missing from the list.
const BRAKE_MPS2: f64 = 3.0;
/// Speed below which a vehicle stands.
const STANDING_MPS: f64 = 0.3;
/// Time in which the ego reaches what concerns it, and the distance: beyond the range of its sensors nothing does.
const REACH_S: f64 = 10.0;
const REACH_M: f64 = 110.0;
/// Speed below which the ego reaches nothing.
const EGO_SPEED_MIN_MPS: f64 = 1.0;
/// Steps for which a vehicle that has come into the ego's path counts as coming into it: one second.
const ENTRY_STEPS: u64 = 50;

/// Looks at the world frame by frame, and notes what concerns the ego.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    open: BTreeMap<(EventKind, u32), WorldEvent>,
    closed: Vec<WorldEvent>,
    in_way: BTreeMap<u32, Vec<u64>>,
    in_path: BTreeMap<u32, Vec<u64>>,
    /// When each vehicle ahead was last beside the ego's path.
    beside: BTreeMap<u32, u64>,
}

/// What a [`Watch`] saw.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    /// What happened, by start.
    pub(crate) events: Vec<WorldEvent>,
    /// Frames in which each actor was ahead in the ego's lane, or about to be, within its reach; or on foot on the way across
    /// its path, unless the ego was past before.
    pub(crate) in_way: BTreeMap<u32, Vec<u64>>,
    /// Frames in which the box of each vehicle ahead was in the ego's path, within its reach.
    pub(crate) in_path: BTreeMap<u32, Vec<u64>>,
}

impl Watch {
    /// Takes the next frame.
    pub(crate) fn look(&mut self, world: &World) {
        let step = world.steps();
        let ego = &world.actors[0];
        let lanes = scene::lanes_of(ego, &world.road);
        let mut now: BTreeMap<(EventKind, u32), f64> = BTreeMap::new();
        for actor in &world.actors[1..] {
            let ahead_m = scene::gap_m(ego, actor);
            if is_still_to_cross(actor, ego) {
                if ahead_m > 0.0 {
                    self.in_way.entry(actor.actor_id).or_default().push(step);
                } else {
                    // The ego is past: whoever crosses now does so behind it.
                    self.in_way.remove(&actor.actor_id);
                }
            }
            self.look_at_path(step, actor, ego);
            let is_in_lane =
                (lanes.iter()).any(|lane| scene::takes_lane(actor, *lane, &world.road));
            if ahead_m <= 0.0 || ahead_m > REACH_M || !is_in_lane {
                continue;
            }
            if ego.speed_mps < EGO_SPEED_MIN_MPS || ahead_m > REACH_S * ego.speed_mps {
                continue;
            }
            self.in_way.entry(actor.actor_id).or_default().push(step);
            for (kind, figure) in kinds(actor, ego) {
                now.insert((kind, actor.actor_id), figure);
            }
            if self.has_entered_path(step, actor.actor_id, ego) {
                now.insert((EventKind::CutIn, actor.actor_id), 0.0);
            }
        }
        self.note(step, &now);
    }

    /// Notes whether a vehicle ahead is in the ego's path or beside it.
    fn look_at_path(&mut self, step: u64, actor: &Actor, ego: &Actor) {
        let ahead_m = scene::gap_m(ego, actor);
        let is_ahead = ahead_m > 0.0 && ahead_m <= REACH_M.min(REACH_S * ego.speed_mps);
        if !is_ahead || !matches!(actor.control, Control::Driver(_)) {
            return;
        }
        let apart_m = (actor.d_m - ego.d_m).abs();
        if apart_m < (actor.size.width_m + ego.size.width_m) / 2.0 {
            self.in_path.entry(actor.actor_id).or_default().push(step);
        } else {
            self.beside.insert(actor.actor_id, step);
        }
    }

    /// Whether a vehicle is in the path now and was beside it just before, and not because the ego moved over.
    fn has_entered_path(&self, step: u64, actor_id: u32, ego: &Actor) -> bool {
        let is_in = (self.in_path.get(&actor_id)).is_some_and(|steps| steps.last() == Some(&step));
        let was_beside = self.beside.get(&actor_id);
        let keeps_lane = ego.driver().is_some_and(|driver| driver.change.is_none());
        keeps_lane && is_in && was_beside.is_some_and(|then| step - then <= ENTRY_STEPS)
    }

    fn note(&mut self, step: u64, now: &BTreeMap<(EventKind, u32), f64>) {
        let ended = self.open.extract_if(.., |key, _| !now.contains_key(key));
        self.closed.extend(ended.map(|(_, event)| event));
        for ((kind, actor_id), figure) in now {
            let event = self.open.entry((*kind, *actor_id)).or_insert(WorldEvent {
                kind: *kind,
                actor_id: *actor_id,
                start_step: step,
                end_step: None,
                parameters: BTreeMap::new(),
            });
            event.end_step = Some(step);
            if *kind == EventKind::LeadHardBrake {
                let most = event.parameters.entry("decel_mps2").or_insert(0.0);
                *most = most.max(*figure);
            }
        }
    }

    /// What it saw.
    pub(crate) fn finish(mut self) -> Watched {
        self.closed.extend(self.open.into_values());
        self.closed
            .sort_by_key(|event| (event.start_step, event.kind, event.actor_id));
        Watched {
            events: self.closed,
            in_way: self.in_way,
            in_path: self.in_path,
        }
    }
}

/// Whether a pedestrian who crosses is before the ego's path or in it.
fn is_still_to_cross(walker: &Actor, ego: &Actor) -> bool {
    let Control::Walker(Walk::Cross { to_d_m, .. }) = walker.control else {
        return false;
    };
    let side = if to_d_m > walker.d_m { 1.0 } else { -1.0 };
    (walker.d_m - ego.d_m) * side < (walker.size.width_m + ego.size.width_m) / 2.0
}

/// What an actor ahead in the ego's lane does at this moment, with a figure of it.
fn kinds(actor: &Actor, ego: &Actor) -> impl Iterator<Item = (EventKind, f64)> {
    let driver = actor.driver();
    let ego_lane = ego.driver().map(|driver| driver.lane);
    let brakes = driver.is_some() && actor.accel_mps2 <= -BRAKE_MPS2;
    let change = driver.and_then(|driver| driver.change);
    let enters = change.is_some_and(|change| Some(change.to_lane) == ego_lane);
    let is_vehicle = matches!(actor.control, Control::Driver(_) | Control::Still);
    let stands = is_vehicle && actor.kind != ActorKind::Bicycle && actor.speed_mps <= STANDING_MPS;
    [
        brakes.then_some((EventKind::LeadHardBrake, -actor.accel_mps2)),
        enters.then_some((EventKind::CutIn, 0.0)),
        stands.then_some((EventKind::StationaryObject, 0.0)),
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::{EgoAction, WorldConfig};

    #[test]
    fn a_lead_that_is_told_to_brake_is_noted() {
        let config = WorldConfig {
            duration_s: 60.0,
            road_length_m: 2000.0,
            ..WorldConfig::default()
        };
        let mut world = World::new(config, 5);
        let mut watch = Watch::default();
        for step in 0..3000 {
            if step % 5 == 0 {
                watch.look(&world);
            }
            world.step(EgoAction::Drive);
        }
        let Watched {
            events: noted,
            in_way,
            in_path,
        } = watch.finish();
        assert!(!in_way.is_empty() && !in_path.is_empty());
        let brakes = |event: &&WorldEvent| event.kind == EventKind::LeadHardBrake;
        let told: Vec<_> = world.events().iter().filter(brakes).collect();
        assert!(!told.is_empty());
        for event in told {
            let overlaps = |other: &&WorldEvent| {
                other.actor_id == event.actor_id
                    && other.start_step <= event.end_step.unwrap_or(u64::MAX)
                    && other.end_step.is_none_or(|end| end >= event.start_step)
            };
            assert!(
                noted.iter().filter(brakes).any(|e| overlaps(&e)),
                "{event:?}"
            );
        }
        assert!(noted.windows(2).all(|w| w[0].start_step <= w[1].start_step));
    }
}
