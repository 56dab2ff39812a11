//! What a step gives back: the world as it is, for whoever drives the ego.

use driveloop_schemas::geometry::OrientedBox;
use driveloop_schemas::maths::sin_cos;

use super::actor::{Actor, ActorKind, Size};
use super::road::Road;
use super::world::World;

/// Road before its end at which a drive is over.
const END_ROOM_M: f64 = 30.0;
/// Bodies further away along the road than this do not touch.
const TOUCH_M: f64 = 20.0;

/// The world at a step, exact and whole. What the ego's sensors would make of it says [`Sensor`](crate::sensing::Sensor).
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Time since the reset.
    pub time_s: f64,
    /// The ego.
    pub ego: Body,
    /// All others.
    pub others: Vec<Body>,
    /// The first of the others whose box overlaps the ego's.
    pub collision: Option<u32>,
    /// Whether the ego's box lies on the carriageway.
    pub is_on_road: bool,
    /// Whether the time or the road is at its end.
    pub is_over: bool,
}

/// An actor in the map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Body {
    /// Identity, unique in the world.
    pub actor_id: u32,
    /// What it is.
    pub kind: ActorKind,
    /// Its box.
    pub size: Size,
    /// Centre of the box.
    pub x_m: f64,
    /// Centre of the box.
    pub y_m: f64,
    /// Heading.
    pub yaw_rad: f64,
    /// Speed along the heading.
    pub speed_mps: f64,
    /// Acceleration along the heading.
    pub accel_mps2: f64,
    /// Rate of the heading.
    pub yaw_rate_radps: f64,
}

impl Body {
    fn new(actor: &Actor, road: &Road) -> Self {
        let pose = actor.pose(road);
        Self {
            actor_id: actor.actor_id,
            kind: actor.kind,
            size: actor.size,
            x_m: pose.x_m,
            y_m: pose.y_m,
            yaw_rad: pose.yaw_rad,
            speed_mps: actor.speed_mps,
            accel_mps2: actor.accel_mps2,
            yaw_rate_radps: actor.yaw_rate_radps,
        }
    }

    /// The box seen from above.
    #[must_use]
    pub fn footprint(&self) -> OrientedBox {
        OrientedBox {
            x_m: self.x_m,
            y_m: self.y_m,
            yaw_rad: self.yaw_rad,
            length_m: self.size.length_m,
            width_m: self.size.width_m,
        }
    }
}

impl World {
    /// The world as it is now.
    #[must_use]
    pub fn observe(&self) -> Observation {
        let body = |actor| Body::new(actor, &self.road);
        let (ego, others) = (&self.actors[0], &self.actors[1..]);
        let at = body(ego);
        let touches = |other: &&Actor| {
            (other.s_m - ego.s_m).abs() < TOUCH_M
                && other.footprint(&self.road).overlaps(&at.footprint())
        };
        let (sin, cos) = sin_cos(ego.heading_rad);
        let reach_m = (ego.size.length_m * sin.abs() + ego.size.width_m * cos.abs()) / 2.0;
        Observation {
            time_s: self.time_s(),
            ego: at,
            collision: others.iter().find(touches).map(|other| other.actor_id),
            others: others.iter().map(body).collect(),
            is_on_road: ego.d_m.abs() + reach_m <= self.road.half_width_m(),
            is_over: self.time_s() >= self.config.duration_s
                || ego.s_m > self.road.length_m() - END_ROOM_M,
        }
    }
}
