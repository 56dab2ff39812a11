//! Events: the director makes something happen around the ego now and then, and records what it did.

use std::collections::BTreeMap;
use std::ops::Range;

use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::actor::{Actor, ActorKind, Control, Order, Walk};
use super::idm::DECEL_MAX_MPS2;
use super::world::{World, WorldConfig};
use super::{pedestrian, scene, spawn};

/// How long a planned event may wait for its occasion.
const PATIENCE_S: f64 = 15.0;
/// Road before a stationary object on which no vehicle starts: whoever comes can stop.
const STOPPING_ROOM_M: f64 = 85.0;
/// How hard a lead brakes: around the 0.6 g (5.9 m/s²) from which the "100-Car Naturalistic Driving Study" (Dingus et al.,
/// 2006) took braking for an event.
const HARD_BRAKE_MPS2: Range<f64> = 4.5..7.5;
/// How long a vehicle that cuts in takes: the shorter half of the lane changes of Toledo and Zohar, "Modeling duration of lane
/// changes", Transportation Research Record 1999 (2007), whose mean is 4.6 s.
const CUT_IN_S: Range<f64> = 3.0..4.2;
/// How fast people cross: from the slow of Knoblauch, Pietrucha, Nitzburg, "Field studies of pedestrian walking speed and
/// start-up time", Transportation Research Record 1538 (1996), with a mean of 1.5 m/s, to those who hurry.
const CROSSING_SPEED_MPS: Range<f64> = 1.2..2.2;
/// Time between the starts of two events.
const CALM_S: f64 = 2.5;

/// What the director can cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// The vehicle ahead of the ego brakes hard.
    LeadHardBrake,
    /// A vehicle of the next lane moves into the gap ahead of the ego.
    CutIn,
    /// A pedestrian crosses ahead of the ego.
    PedestrianCrossing,
    /// A stalled car or a small object lies in the ego's lane.
    StationaryObject,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::LeadHardBrake,
        Self::CutIn,
        Self::PedestrianCrossing,
        Self::StationaryObject,
    ];

    /// The name in a truth file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LeadHardBrake => "lead_hard_brake",
            Self::CutIn => "cut_in",
            Self::PedestrianCrossing => "pedestrian_crossing",
            Self::StationaryObject => "stationary_object",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// One event that the director caused.
#[derive(Debug, Clone, PartialEq)]
pub struct WorldEvent {
    /// What it is.
    pub kind: EventKind,
    /// The actor that does it.
    pub actor_id: u32,
    /// First step.
    pub start_step: u64,
    /// Last step; none while it goes on.
    pub end_step: Option<u64>,
    /// How it was done, with units in the names.
    pub parameters: BTreeMap<&'static str, f64>,
}

/// What is still to come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Director {
    planned: Vec<(EventKind, f64)>,
    calm_until_s: f64,
}

impl Director {
    /// Draws kinds and times: some drives lack one of the four kinds, and none happens more than twice.
    pub(crate) fn plan(config: &WorldConfig, rng: &mut ChaCha8Rng) -> Self {
        let mut kinds = config.events.clone();
        kinds.shuffle(rng);
        kinds.truncate(rng.random_range(3..=4));
        if kinds.is_empty() {
            return Self::default();
        }
        let count = (config.events_per_min * config.duration_s / 60.0).round() as usize;
        let slot_s = config.duration_s / (count as f64 + 0.5);
        let mut planned = Vec::new();
        for index in 0..count {
            let kind = kinds[index % kinds.len()];
            let times = if kind == EventKind::StationaryObject {
                1
            } else {
                2
            };
            if index < times * kinds.len() {
                let at_s = (index as f64 + rng.random_range(0.0..0.6)) * slot_s;
                planned.push((kind, at_s.max(1.5)));
            }
        }
        Self {
            planned,
            calm_until_s: 0.0,
        }
    }
}

impl World {
    /// Ends events that are over and starts planned ones whose occasion has come.
    pub(crate) fn direct(&mut self) {
        self.end_events();
        let now_s = self.time_s();
        let mut planned = std::mem::take(&mut self.director.planned);
        planned.retain(|(_, at_s)| now_s < at_s + PATIENCE_S);
        let mut started = None;
        for (index, (kind, at_s)) in planned.iter().enumerate() {
            let due = *at_s <= now_s && now_s >= self.director.calm_until_s;
            if due && started.is_none() && self.try_start(*kind) {
                started = Some(index);
            }
        }
        if let Some(index) = started {
            planned.remove(index);
            self.director.calm_until_s = now_s + CALM_S;
        }
        self.director.planned = planned;
    }

    fn end_events(&mut self) {
        let ego = &self.actors[0];
        let over: Vec<bool> = self
            .events
            .iter()
            .map(|event| {
                let Some(actor) = self.actor(event.actor_id) else {
                    return true;
                };
                match (event.kind, &actor.control) {
                    (EventKind::LeadHardBrake, Control::Driver(driver)) => {
                        !matches!(driver.order, Order::Brake { .. })
                    }
                    (EventKind::CutIn, Control::Driver(driver)) => driver.change.is_none(),
                    (EventKind::PedestrianCrossing, control) => {
                        !matches!(control, Control::Walker(Walk::Cross { .. }))
                    }
                    _ => actor.front_s_m() < ego.rear_s_m(),
                }
            })
            .collect();
        let step = self.steps;
        for (event, over) in self.events.iter_mut().zip(over) {
            if over && event.end_step.is_none() {
                event.end_step = Some(step);
            }
        }
    }

    fn try_start(&mut self, kind: EventKind) -> bool {
        let done = match kind {
            EventKind::LeadHardBrake => self.start_lead_brake(),
            EventKind::CutIn => self.start_cut_in(),
            EventKind::PedestrianCrossing => self.start_crossing(),
            // It lies there from the beginning: see `place_stationary`.
            EventKind::StationaryObject => None,
        };
        if let Some((actor_id, parameters)) = done {
            let parameters = parameters.into_iter().collect();
            let start_step = self.steps;
            self.events.push(WorldEvent {
                kind,
                actor_id,
                start_step,
                end_step: None,
                parameters,
            });
            return true;
        }
        false
    }

    fn start_lead_brake(&mut self) -> Option<(u32, Vec<(&'static str, f64)>)> {
        let ego = &self.actors[0];
        let driver = ego.driver()?;
        let lead = scene::leader(&self.actors, ego, driver.lane, &self.road)?;
        let gap_m = scene::gap_m(ego, lead);
        let free = lead
            .driver()
            .is_some_and(|d| d.order == Order::None && d.change.is_none());
        let speed = lead.speed_mps;
        let near = gap_m > 0.55 * ego.speed_mps && gap_m < 48.0;
        if !free || !near || speed < 7.0 || driver.change.is_some() || lead.accel_mps2 < -1.0 {
            return None;
        }
        let actor_id = lead.actor_id;
        let decel_mps2 = self.rng.random_range(HARD_BRAKE_MPS2).min(DECEL_MAX_MPS2);
        let floor_mps = speed * self.rng.random_range(0.0..0.4);
        let hold_s = self.rng.random_range(0.3..2.0);
        let order = Order::Brake {
            decel_mps2,
            floor_mps,
            hold_s,
        };
        self.actor_mut(actor_id)?.driver_mut()?.order = order;
        let start = [("decel_mps2", decel_mps2), ("start_speed_mps", speed)];
        Some((
            actor_id,
            [
                start,
                [("floor_speed_mps", floor_mps), ("start_gap_m", gap_m)],
            ]
            .concat(),
        ))
    }

    fn start_cut_in(&mut self) -> Option<(u32, Vec<(&'static str, f64)>)> {
        let ego = &self.actors[0];
        let ego_lane = ego.driver()?.lane;
        let (ego_s, ego_speed) = (ego.s_m, ego.speed_mps);
        if ego_speed < 6.0 || ego.driver()?.change.is_some() {
            return None;
        }
        let candidate = self
            .actors
            .iter()
            .filter(|actor| actor.kind == ActorKind::Car)
            .filter(|actor| {
                actor
                    .driver()
                    .is_some_and(|d| d.lane.abs_diff(ego_lane) == 1)
            })
            .filter(|actor| actor.driver().is_some_and(|d| d.change.is_none()))
            .filter(|actor| (-30.0..45.0).contains(&(actor.s_m - ego_s)))
            .min_by(|a, b| {
                (a.s_m - ego_s - 14.0)
                    .abs()
                    .total_cmp(&(b.s_m - ego_s - 14.0).abs())
            })?;
        let (actor_id, speed) = (candidate.actor_id, candidate.speed_mps);
        let gap_m = scene::gap_m(ego, candidate);
        let wanted_m = 3.0 + 0.25 * ego_speed;
        let ready = (wanted_m - 1.0..wanted_m + 12.0).contains(&gap_m) && speed > ego_speed - 1.5;
        if ready && self.has_room_for(candidate, ego_lane) {
            let time_s = self.rng.random_range(CUT_IN_S);
            let length_m = (speed * time_s).max(16.0);
            let index = self
                .actors
                .iter()
                .position(|actor| actor.actor_id == actor_id)?;
            self.start_change(index, ego_lane, length_m);
            self.actors[index].driver_mut()?.order = Order::None;
            let figures = [
                ("duration_s", time_s),
                ("start_gap_m", gap_m),
                ("speed_mps", speed),
            ];
            return Some((actor_id, figures.to_vec()));
        }
        // Not there yet: the driver goes where it could cut in.
        let off = ego_s + 5.0 + wanted_m + 3.0 - candidate.s_m;
        let speed_mps = ego_speed + (0.35 * off).clamp(-4.0, 4.0);
        self.actor_mut(actor_id)?.driver_mut()?.order = Order::Pace {
            speed_mps,
            left_s: 0.2,
        };
        None
    }

    /// Whether the cut-in is hard but not a crash: the ego need not brake beyond 6 m/s², the other beyond 4.5.
    fn has_room_for(&self, candidate: &Actor, ego_lane: usize) -> bool {
        let next = scene::follower(&self.actors, candidate, ego_lane, &self.road);
        next.is_some_and(|next| next.kind == ActorKind::Ego)
            && self
                .change_view(candidate, ego_lane)
                .is_some_and(|view| view.new_follower[1] > -6.0 && view.own[1] > -4.5)
    }

    fn start_crossing(&mut self) -> Option<(u32, Vec<(&'static str, f64)>)> {
        let ego = &self.actors[0];
        let stop_m = ego.speed_mps.powi(2) / (2.0 * 2.8);
        let range = stop_m + 8.0..stop_m + 40.0;
        // Nobody turns round at the far kerb and crosses again.
        let has_crossed = |actor: &Actor| {
            let of_actor = |event: &WorldEvent| event.actor_id == actor.actor_id;
            self.events.iter().any(of_actor)
        };
        let walker = self.actors.iter().find(|actor| {
            matches!(actor.control, Control::Walker(Walk::Wait))
                && !has_crossed(actor)
                && range.contains(&(actor.s_m - ego.front_s_m()))
                && actor.d_m.abs() > self.road.half_width_m()
        })?;
        let (actor_id, to_d_m) = (walker.actor_id, -walker.d_m);
        let distance_m = walker.s_m - ego.front_s_m();
        let walker = walker.clone();
        let speed_mps = self.rng.random_range(CROSSING_SPEED_MPS);
        if !pedestrian::may_start(&self.actors, &walker, to_d_m, speed_mps, 4.0, &self.road) {
            return None;
        }
        self.actor_mut(actor_id)?.control = Control::Walker(Walk::Cross { to_d_m, speed_mps });
        Some((
            actor_id,
            vec![("speed_mps", speed_mps), ("start_distance_m", distance_m)],
        ))
    }

    /// Puts a stalled car or a small object into the ego's lane, out of sight, and keeps the lane before it free.
    pub(crate) fn place_stationary(&mut self) {
        let planned = self.director.planned.len();
        self.director
            .planned
            .retain(|(kind, _)| *kind != EventKind::StationaryObject);
        let ego = &self.actors[0];
        let Some(lane) = ego.driver().map(|driver| driver.lane) else {
            return;
        };
        if self.director.planned.len() == planned {
            return;
        }
        let centre_d_m = self.road.lane_centre_d_m(lane);
        let distance_m = self.rng.random_range(125.0..200.0);
        let mut s_m = ego.s_m + distance_m;
        while self
            .road
            .crossings_s_m()
            .iter()
            .any(|c| (c - s_m).abs() < 15.0)
        {
            s_m += 5.0;
        }
        let road = &self.road;
        self.actors.retain(|actor| {
            let is_near = (s_m - STOPPING_ROOM_M..s_m + 15.0).contains(&actor.s_m);
            actor.kind == ActorKind::Ego || !is_near || !scene::takes_lane(actor, lane, road)
        });
        let is_car = self.rng.random_range(0.0..1.0) < 0.6;
        let kind = if is_car {
            ActorKind::Car
        } else {
            ActorKind::Obstacle
        };
        let aside = self.rng.random_range(-0.4..0.4);
        let actor_id = spawn::add_stationary(self, kind, s_m, centre_d_m + aside);
        self.events.push(WorldEvent {
            kind: EventKind::StationaryObject,
            actor_id,
            start_step: 0,
            end_step: None,
            parameters: BTreeMap::from([("start_distance_m", distance_m), ("offset_m", aside)]),
        });
    }
}
