//! The world: its configuration, its state, and one step.

use driveloop_schemas::maths::sin;
use driveloop_schemas::pose::wrap_rad;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::actor::{Actor, Control, LaneChange, Order};
use super::events::{Director, EventKind, WorldEvent};
use super::idm::{DECEL_MAX_MPS2, IdmParams};
use super::observation::Observation;
use super::road::{LANE_WIDTH_M, Road};
use super::{motion, pedestrian, scene, spawn};

/// Length of a step.
pub const STEP_S: f64 = 0.02;

/// Largest acceleration that an ego can be told: a sports car's.
const ACCEL_MAX_MPS2: f64 = 5.0;
/// Steps between two looks at who has left and who may enter.
const TRAFFIC_STEPS: u64 = 50;
/// Room that drivers leave before something stationary, over the jam gap, so that they can still steer around it.
const STILL_ROOM_M: f64 = 9.0;
/// Lateral acceleration of a lane change at most: who began one slowly does not speed up on it.
const LATERAL_MPS2: f64 = 2.8;

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
    /// Kinds of event that are caused; traffic of itself may do as much.
    pub events: Vec<EventKind>,
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
            events: EventKind::ALL.to_vec(),
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
    /// It accelerates and steers as it is told; nothing keeps it from leaving the road or from hitting others.
    Steer {
        /// Acceleration along the heading.
        accel_mps2: f64,
        /// Curvature of its path, positive to the left: tan(angle of the wheels) / wheelbase.
        curvature_per_m: f64,
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
    pub fn new(config: WorldConfig, seed: u64) -> Self {
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

    /// Begins anew, with another seed or the same: nothing of what was is left but the configuration.
    pub fn reset(&mut self, seed: u64) -> Observation {
        *self = Self::new(self.config.clone(), seed);
        self.observe()
    }

    /// Moves the world by [`STEP_S`].
    pub fn step(&mut self, action: EgoAction) -> Observation {
        self.direct();
        if self.steps.is_multiple_of(TRAFFIC_STEPS) {
            spawn::renew(self);
        }
        self.decide_lane_changes(action);
        let wanted: Vec<f64> = (0..self.actors.len())
            .map(|index| self.wanted_accel_mps2(index, action))
            .collect();
        let blocked: Vec<bool> = self
            .actors
            .iter()
            .map(|a| pedestrian::is_blocked(&self.actors, a))
            .collect();
        let moves = self.actors.iter_mut().zip(wanted).zip(blocked);
        for (index, ((actor, wanted), is_blocked)) in moves.enumerate() {
            let before = actor.pose(&self.road).yaw_rad;
            match (&actor.control, action) {
                (
                    Control::Driver(_),
                    EgoAction::Steer {
                        curvature_per_m, ..
                    },
                ) if index == 0 => {
                    motion::steer(actor, wanted, curvature_per_m, &self.road);
                }
                (Control::Driver(_), _) => motion::drive(actor, wanted, &self.road),
                (Control::Walker(_), _) => pedestrian::walk(actor, is_blocked, &self.road),
                (Control::Still, _) => {}
            }
            actor.yaw_rate_radps = wrap_rad(actor.pose(&self.road).yaw_rad - before) / STEP_S;
        }
        self.steps += 1;
        self.observe()
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
        if let (0, EgoAction::Accelerate { accel_mps2 } | EgoAction::Steer { accel_mps2, .. }) =
            (index, action)
        {
            return accel_mps2.clamp(-DECEL_MAX_MPS2, ACCEL_MAX_MPS2);
        }
        let mood = 1.0 + 0.08 * sin(0.25 * self.time_s() + driver.mood_rad);
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
}
