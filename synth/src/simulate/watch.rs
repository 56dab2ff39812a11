//! Looks at the world frame by frame, and notes what happens around the ego by the definitions of [`criteria`](super::criteria).
//!
//! Read from the exact state of the world, not from what the ego's sensors make of it: what the director caused, and what
//! traffic does of itself.

use driveloop_schemas::maths::{hypot, sin_cos};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use super::criteria::{AROUND_STEPS, Frame, Reading};
use super::look::{Class, Look, Tolerance};
use crate::sensing::SensorConfig;
use crate::traffic::{Actor, ActorKind, EventKind, Road, World};

/// Distances along the ego's path between which others concern it: those beside it, and those as far as its sensors reach.
const GAPS_M: Range<f64> = -15.0..115.0;

/// How well a definition is fulfilled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// Beyond what a sensor may be wrong by.
    Plain,
    /// So nearly, or so nearly not, that a sensor may tell the contrary.
    Borderline,
}

/// The frames in which an actor fulfils a definition, in the order of their steps.
pub(super) type Fits = BTreeMap<(EventKind, u32), Vec<(u64, Fit)>>;

/// Looks at the world.
#[derive(Debug)]
pub(super) struct Watch {
    sensor: SensorConfig,
    windows: BTreeMap<u32, Window>,
    fits: Fits,
}

/// The last looks at an actor: those around the next frame to judge.
#[derive(Debug, Default)]
struct Window {
    looks: VecDeque<Look>,
    /// Looks that are judged, of those held.
    judged: usize,
}

impl Watch {
    pub(super) fn new(sensor: &SensorConfig) -> Self {
        Self {
            sensor: sensor.clone(),
            windows: BTreeMap::new(),
            fits: Fits::new(),
        }
    }

    /// Takes the next frame.
    pub(super) fn look(&mut self, world: &World) {
        let step = world.steps();
        let (ego, others) = (&world.actors()[0], &world.actors()[1..]);
        for actor in others {
            if let Some(look) = look_at(actor, ego, world.road(), step, &self.sensor) {
                let window = self.windows.entry(actor.actor_id).or_default();
                window.looks.push_back(look);
            }
        }
        for (actor_id, window) in &mut self.windows {
            window.judge(*actor_id, step.saturating_sub(AROUND_STEPS), &mut self.fits);
        }
        self.windows.retain(|_, window| !window.looks.is_empty());
    }

    /// What it saw.
    pub(super) fn finish(mut self) -> Fits {
        for (actor_id, window) in &mut self.windows {
            window.judge(*actor_id, u64::MAX, &mut self.fits);
        }
        self.fits
    }
}

impl Window {
    /// Judges the frames before a step, and lets go of those that no later one looks at.
    fn judge(&mut self, actor_id: u32, before_step: u64, fits: &mut Fits) {
        let looks = self.looks.make_contiguous();
        while let Some(look) = looks.get(self.judged)
            && look.step < before_step
        {
            for kind in EventKind::ALL {
                let fulfils = |reading| Frame::new(looks, self.judged, reading).fulfils(kind);
                if fulfils(Reading::Wide) {
                    let is_plain = fulfils(Reading::Tight);
                    let fit = if is_plain {
                        Fit::Plain
                    } else {
                        Fit::Borderline
                    };
                    let steps = fits.entry((kind, actor_id)).or_default();
                    steps.push((look.step, fit));
                }
            }
            self.judged += 1;
        }
        let needed = before_step.saturating_sub(AROUND_STEPS);
        while self.judged > 0 && self.looks.front().is_some_and(|look| look.step < needed) {
            self.looks.pop_front();
            self.judged -= 1;
        }
    }
}

/// An actor from the ego, unless it is too far away to concern it.
fn look_at(
    actor: &Actor,
    ego: &Actor,
    road: &Road,
    step: u64,
    sensor: &SensorConfig,
) -> Option<Look> {
    let (sin, cos) = sin_cos(actor.heading_rad);
    let (length_m, width_m) = (actor.size.length_m, actor.size.width_m);
    let half_along_m = (length_m * cos.abs() + width_m * sin.abs()) / 2.0;
    let half_across_m = (length_m * sin.abs() + width_m * cos.abs()) / 2.0;
    let along_m = road.along_m(ego.s_m, actor.s_m, ego.d_m);
    let gap_m = along_m - half_along_m - ego.size.length_m / 2.0;
    let offset_m = actor.d_m - ego.d_m;
    GAPS_M.contains(&gap_m).then(|| Look {
        step,
        class: match actor.kind {
            ActorKind::Car | ActorKind::Truck | ActorKind::Bus => Class::MotorVehicle,
            ActorKind::Pedestrian => Class::Pedestrian,
            ActorKind::Ego | ActorKind::Bicycle | ActorKind::Obstacle => Class::Other,
        },
        gap_m,
        offset_m,
        clearance_m: offset_m.abs() - half_across_m - ego.size.width_m / 2.0,
        heading_rad: actor.heading_rad,
        speed_mps: actor.speed_mps,
        ego_speed_mps: ego.speed_mps,
        at_s_m: actor.s_m,
        at_d_m: actor.d_m,
        tolerance: Tolerance::new(sensor, hypot(along_m, offset_m), actor.speed_mps),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::{EgoAction, WorldConfig};

    #[test]
    fn what_is_caused_is_noted() {
        let config = WorldConfig {
            duration_s: 60.0,
            road_length_m: 2000.0,
            ..WorldConfig::default()
        };
        let (mut noted, mut caused) = (0, 0);
        for seed in 5..13 {
            let mut world = World::new(config.clone(), seed);
            let mut watch = Watch::new(&SensorConfig::default());
            for step in 0..3000 {
                if step % 5 == 0 {
                    watch.look(&world);
                }
                world.step(EgoAction::Drive);
            }
            assert!(watch.windows.values().all(|window| window.looks.len() < 40));
            let fits = watch.finish();
            assert!(
                fits.values()
                    .all(|steps| steps.windows(2).all(|w| w[0].0 < w[1].0))
            );
            for event in world.events() {
                let during = event.start_step..=event.end_step.unwrap_or(u64::MAX);
                let steps = fits.get(&(event.kind, event.actor_id));
                let is_plain =
                    |(step, fit): &(u64, Fit)| during.contains(step) && *fit == Fit::Plain;
                noted += usize::from(steps.is_some_and(|steps| steps.iter().any(is_plain)));
                caused += 1;
            }
        }
        // Some lie where the ego never comes, some brake far ahead of it.
        assert!(
            caused > 30 && noted * 10 >= caused * 8,
            "{noted} of {caused}"
        );
    }
}
