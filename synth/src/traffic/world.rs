//! The world: its configuration, its state, and one step.

use driveloop_schemas::pose::wrap_rad;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::actor::{Actor, Control, Driver, LaneChange, Order};
use super::events::{Director, WorldEvent};
use super::idm::{DECEL_MAX_MPS2, IdmParams};
use super::mobil::{MobilView, incentive_mps2, is_safe};
use super::road::{LANE_WIDTH_M, Road};
use super::{pedestrian, scene, spawn};

/// Length of a step.
pub const STEP_S: f64 = 0.02;

/// Lag of a vehicle's acceleration behind what its driver wants.
const ACCEL_LAG_S: f64 = 0.15;
/// Steps between two lane-change decisions of a driver.
const DECISION_STEPS: u64 = 25;
/// Steps between two looks at who has left and who may enter.
const TRAFFIC_STEPS: u64 = 50;
/// Room that drivers leave before something stationary, over the jam gap, so that they can still steer around it.
const STILL_ROOM_M: f64 = 9.0;
/// Lateral acceleration of a lane change at most: who began one slowly does not speed up on it.
const LATERAL_MPS2: f64 = 2.8;
/// Extra incentive to leave a lane that something stationary blocks.
const BLOCKED_BIAS_MPS2: f64 = 1.5;
/// How far ahead a driver sees that its lane is blocked.
const BLOCKED_LOOK_M: f64 = 90.0;

/// What a world is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct WorldConfig {
    /// Lanes of the carriageway; the seed draws 2 or 3 where none is given.
    pub lanes: Option<usize>,
    /// Length of the road.
    pub road_length_m: f64,
    /// Mean gap between vehicles of a lane at the start.
    pub spacing_m: f64,
    /// Events around the ego per minute.
    pub events_per_min: f64,
    /// Time over which events are planned.
    pub duration_s: f64,
}

impl Default for WorldConfig {
    fn default() -> Self {
        Self {
            lanes: None,
            road_length_m: 1500.0,
            spacing_m: 58.0,
            events_per_min: 15.0,
            duration_s: 30.0,
        }
    }
}

/// What the ego does in a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum EgoAction {
    /// It drives like the others: it follows by IDM, changes lanes by MOBIL, and yields.
    Drive,
    /// It accelerates as it is told, along its lane.
    Accelerate {
        /// Acceleration along the heading.
        accel_mps2: f64,
    },
}

/// A traffic world. The first actor is the ego.
#[derive(Debug, Clone)]
pub struct World {
    pub(crate) config: WorldConfig,
    pub(crate) road: Road,
    pub(crate) rng: ChaCha8Rng,
    pub(crate) steps: u64,
    pub(crate) actors: Vec<Actor>,
    pub(crate) next_actor_id: u32,
    pub(crate) director: Director,
    pub(crate) events: Vec<WorldEvent>,
}

impl World {
    /// The world at time zero.
    #[must_use]
    pub fn reset(config: WorldConfig, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let lanes = config.lanes.unwrap_or_else(|| rng.random_range(2..=3));
        let road = Road::generate(lanes, config.road_length_m, &mut rng);
        let director = Director::plan(&config, &mut rng);
        let mut world = Self {
            config,
            road,
            rng,
            steps: 0,
            actors: Vec::new(),
            next_actor_id: 0,
            director,
            events: Vec::new(),
        };
        spawn::populate(&mut world);
        world.place_stationary();
        world
    }

    /// Moves the world by [`STEP_S`].
    pub fn step(&mut self, action: EgoAction) {
        self.direct();
        if self.steps.is_multiple_of(TRAFFIC_STEPS) {
            spawn::renew(self);
        }
        self.decide_lane_changes();
        let wanted: Vec<f64> = (0..self.actors.len())
            .map(|index| self.wanted_accel_mps2(index, action))
            .collect();
        let blocked: Vec<bool> = self
            .actors
            .iter()
            .map(|a| pedestrian::is_blocked(&self.actors, a))
            .collect();
        for ((actor, wanted), is_blocked) in self.actors.iter_mut().zip(wanted).zip(blocked) {
            let before = actor.pose(&self.road).yaw_rad;
            match actor.control {
                Control::Driver(_) => drive(actor, wanted, &self.road),
                Control::Walker(_) => pedestrian::walk(actor, is_blocked, &self.road),
                Control::Still => {}
            }
            actor.yaw_rate_radps = wrap_rad(actor.pose(&self.road).yaw_rad - before) / STEP_S;
        }
        self.steps += 1;
    }

    /// Time since the reset.
    #[must_use]
    pub fn time_s(&self) -> f64 {
        self.steps as f64 * STEP_S
    }

    /// Steps since the reset.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The road.
    #[must_use]
    pub fn road(&self) -> &Road {
        &self.road
    }

    /// All actors, the ego first.
    #[must_use]
    pub fn actors(&self) -> &[Actor] {
        &self.actors
    }

    /// The events that have been caused so far, in the order of their start.
    #[must_use]
    pub fn events(&self) -> &[WorldEvent] {
        &self.events
    }

    pub(crate) fn take_actor_id(&mut self) -> u32 {
        self.next_actor_id += 1;
        self.next_actor_id - 1
    }

    pub(crate) fn actor_mut(&mut self, actor_id: u32) -> Option<&mut Actor> {
        self.actors
            .iter_mut()
            .find(|actor| actor.actor_id == actor_id)
    }

    pub(crate) fn actor(&self, actor_id: u32) -> Option<&Actor> {
        self.actors.iter().find(|actor| actor.actor_id == actor_id)
    }

    fn wanted_accel_mps2(&self, index: usize, action: EgoAction) -> f64 {
        let me = &self.actors[index];
        let Control::Driver(driver) = &me.control else {
            return 0.0;
        };
        if let (0, EgoAction::Accelerate { accel_mps2 }) = (index, action) {
            return accel_mps2;
        }
        let mood = 1.0 + 0.08 * (0.25 * self.time_s() + driver.mood_rad).sin();
        let desired = match driver.order {
            Order::Pace { speed_mps, .. } => speed_mps.max(1.0),
            _ => driver.idm.desired_speed_mps * mood,
        };
        // A quintic of `length_m` over a lane's width bends by 5.77 · width / length² at most.
        let bend = |change: LaneChange| 5.77 * LANE_WIDTH_M / change.length_m.powi(2);
        let steady = driver
            .change
            .map_or(f64::INFINITY, |c| (LATERAL_MPS2 / bend(c)).sqrt());
        let idm = IdmParams {
            desired_speed_mps: desired.min(steady),
            ..driver.idm
        };
        let leaders = scene::lanes_of(me, &self.road)
            .into_iter()
            .filter_map(|lane| {
                let lead = scene::leader(&self.actors, me, lane, &self.road)?;
                let is_still = matches!(lead.control, Control::Still);
                // A change was begun with room to leave the lane before what blocks it.
                if is_still && driver.change.is_some_and(|change| change.to_lane != lane) {
                    return None;
                }
                let room_m = if is_still { STILL_ROOM_M } else { 0.0 };
                Some((
                    scene::gap_m(me, lead) - room_m,
                    scene::speed_along_mps(lead),
                ))
            });
        let stop = pedestrian::stop_gap_m(&self.actors, me, &self.road).map(|gap| (gap, 0.0));
        let followed = leaders
            .chain(stop)
            .map(|lead| idm.accel_at_mps2(me.speed_mps, Some(lead)))
            .fold(idm.accel_at_mps2(me.speed_mps, None), f64::min);
        match driver.order {
            Order::Brake {
                decel_mps2,
                floor_mps,
                ..
            } if me.speed_mps > floor_mps => followed.min(-decel_mps2),
            Order::Brake { .. } => followed.min(0.0),
            _ => followed,
        }
    }

    fn decide_lane_changes(&mut self) {
        for index in 0..self.actors.len() {
            let turn = u64::from(self.actors[index].actor_id) * 7 + self.steps;
            if !turn.is_multiple_of(DECISION_STEPS) {
                continue;
            }
            if let Some((lane, length_m)) = self.better_lane(index) {
                self.start_change(index, lane, length_m);
            }
        }
    }

    /// The lane that pays most, and the length of the change, where one does.
    fn better_lane(&mut self, index: usize) -> Option<(usize, f64)> {
        let me = &self.actors[index];
        let driver = me.driver()?;
        let mobil = driver.mobil?;
        let busy = driver.change.is_some() || driver.cooldown_s > 0.0;
        if busy || driver.order != Order::None {
            return None;
        }
        let lead = scene::leader(&self.actors, me, driver.lane, &self.road);
        let blocked_m = lead
            .filter(|lead| matches!(lead.control, Control::Still))
            .map(|lead| scene::gap_m(me, lead))
            .filter(|gap| *gap < BLOCKED_LOOK_M);
        if blocked_m.is_none() && me.speed_mps < 4.0 {
            return None;
        }
        let bias = if blocked_m.is_some() {
            BLOCKED_BIAS_MPS2
        } else {
            0.0
        };
        let lanes = [driver.lane.checked_add(1), driver.lane.checked_sub(1)];
        let (lane, gain) = lanes
            .into_iter()
            .flatten()
            .filter(|lane| *lane < self.road.lanes())
            .filter_map(|lane| {
                let view = self.change_view(me, lane)?;
                is_safe(&mobil, &view).then(|| (lane, incentive_mps2(&mobil, &view) + bias))
            })
            .max_by(|a, b| a.1.total_cmp(&b.1))?;
        let room_m = lead.map_or(f64::INFINITY, |lead| scene::gap_m(me, lead)) / 0.6;
        let speed_mps = me.speed_mps;
        let time_s = self.rng.random_range(4.0..6.0);
        let shortest_m = (speed_mps * 3.0).max(14.0);
        let length_m = (speed_mps * time_s).min(room_m).max(shortest_m);
        (gain > 0.0 && length_m <= room_m).then_some((lane, length_m))
    }

    /// The accelerations of MOBIL for a change into a lane; none where another body is in the way.
    pub(crate) fn change_view(&self, me: &Actor, lane: usize) -> Option<MobilView> {
        let (actors, road) = (&self.actors, &self.road);
        let old_lane = me.driver()?.lane;
        let (lead, old_lead) = (
            scene::leader(actors, me, lane, road),
            scene::leader(actors, me, old_lane, road),
        );
        let (next, old_next) = (
            scene::follower(actors, me, lane, road),
            scene::follower(actors, me, old_lane, road),
        );
        let free = |gap: f64| gap >= scene::CHANGE_GAP_MIN_M;
        let has_room = lead.is_none_or(|lead| free(scene::gap_m(me, lead)))
            && next.is_none_or(|next| free(scene::gap_m(next, me)));
        let accel = scene::accel_behind_mps2;
        has_room.then(|| MobilView {
            own: [accel(me, old_lead), accel(me, lead)],
            new_follower: next.map_or([0.0; 2], |next| [accel(next, lead), accel(next, Some(me))]),
            old_follower: old_next.map_or([0.0; 2], |next| {
                [accel(next, Some(me)), accel(next, old_lead)]
            }),
        })
    }

    pub(crate) fn start_change(&mut self, index: usize, lane: usize, length_m: f64) {
        let centre_d_m = self.road.lane_centre_d_m(lane);
        let Actor {
            s_m,
            d_m,
            control: Control::Driver(driver),
            ..
        } = &mut self.actors[index]
        else {
            return;
        };
        driver.change = Some(LaneChange {
            from_d_m: *d_m,
            to_d_m: centre_d_m + driver.offset_d_m,
            start_s_m: *s_m,
            length_m,
            to_lane: lane,
        });
    }
}

/// Moves a driver by a step towards the acceleration that it wants.
fn drive(actor: &mut Actor, wanted_mps2: f64, road: &Road) {
    let Control::Driver(driver) = &mut actor.control else {
        return;
    };
    let lagged =
        actor.accel_mps2 + (wanted_mps2 - actor.accel_mps2) * STEP_S / (ACCEL_LAG_S + STEP_S);
    let speed = (actor.speed_mps + lagged.max(-DECEL_MAX_MPS2) * STEP_S).max(0.0);
    actor.accel_mps2 = (speed - actor.speed_mps) / STEP_S;
    actor.speed_mps = speed;
    let stretch = 1.0 - road.curvature_per_m(actor.s_m) * actor.d_m;
    actor.s_m += speed * actor.heading_rad.cos() * STEP_S / stretch;
    if let Some(change) = driver.change {
        let (d_m, slope, is_over) = change.at(actor.s_m);
        actor.d_m = d_m;
        actor.heading_rad = (slope / stretch).atan();
        if is_over {
            (driver.lane, driver.change, driver.cooldown_s) = (change.to_lane, None, 5.0);
            actor.heading_rad = 0.0;
        }
    }
    driver.cooldown_s -= STEP_S;
    driver.tick_order(speed);
}

impl Driver {
    /// Lets orders run out: one to brake is held for a while after its floor is reached.
    fn tick_order(&mut self, speed_mps: f64) {
        let left_s = match &mut self.order {
            Order::Brake {
                floor_mps, hold_s, ..
            } if speed_mps <= *floor_mps => hold_s,
            Order::Pace { left_s, .. } => left_s,
            _ => return,
        };
        *left_s -= STEP_S;
        if *left_s <= 0.0 {
            self.order = Order::None;
        }
    }
}
