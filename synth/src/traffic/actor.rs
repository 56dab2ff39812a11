//! Actors: what they are, where they are, and what moves them.

use driveloop_schemas::geometry::OrientedBox;
use driveloop_schemas::pose::wrap_rad;

use super::idm::IdmParams;
use super::mobil::MobilParams;
use super::road::{Road, RoadPose};

/// What an actor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorKind {
    /// The ego vehicle.
    Ego,
    /// A passenger car.
    Car,
    /// A lorry.
    Truck,
    /// A bus.
    Bus,
    /// A cyclist.
    Bicycle,
    /// A person on foot.
    Pedestrian,
    /// A small object that lies on the road.
    Obstacle,
}

/// Extents of an actor's box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Size {
    /// Along the heading.
    pub length_m: f64,
    /// Across the heading.
    pub width_m: f64,
    /// Upwards.
    pub height_m: f64,
}

/// One actor of the world at the present step.
#[derive(Debug, Clone, PartialEq)]
pub struct Actor {
    /// Identity, unique in the world.
    pub actor_id: u32,
    /// What it is.
    pub kind: ActorKind,
    /// Its box.
    pub size: Size,
    /// Centre of the box along the road.
    pub s_m: f64,
    /// Centre of the box to the left of the reference line.
    pub d_m: f64,
    /// Heading relative to the road's.
    pub heading_rad: f64,
    /// Speed along the heading.
    pub speed_mps: f64,
    /// Acceleration along the heading.
    pub accel_mps2: f64,
    /// Rate of the heading in the map.
    pub yaw_rate_radps: f64,
    pub(crate) control: Control,
}

/// What moves an actor.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Control {
    Driver(Driver),
    Walker(Walk),
    Still,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Driver {
    pub(crate) idm: IdmParams,
    pub(crate) mobil: Option<MobilParams>,
    pub(crate) lane: usize,
    /// Where in its lane it likes to drive, relative to the centre.
    pub(crate) offset_d_m: f64,
    pub(crate) change: Option<LaneChange>,
    pub(crate) cooldown_s: f64,
    pub(crate) order: Order,
    /// Phase of the slow wave of its desired speed.
    pub(crate) mood_rad: f64,
}

/// What an event asks of a driver.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Order {
    None,
    Brake {
        decel_mps2: f64,
        floor_mps: f64,
        hold_s: f64,
    },
    Pace {
        speed_mps: f64,
        left_s: f64,
    },
}

/// A lane change as a path: quintic in `s`, so that a driver who stops on it does not slide sideways.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LaneChange {
    pub(crate) from_d_m: f64,
    pub(crate) to_d_m: f64,
    pub(crate) start_s_m: f64,
    pub(crate) length_m: f64,
    pub(crate) to_lane: usize,
}

impl LaneChange {
    /// Offset and its slope at a place along the road, and whether the change is over there.
    pub(crate) fn at(&self, s_m: f64) -> (f64, f64, bool) {
        let u = ((s_m - self.start_s_m) / self.length_m).clamp(0.0, 1.0);
        let across = self.to_d_m - self.from_d_m;
        let blend = u.powi(3) * (10.0 - 15.0 * u + 6.0 * u * u);
        let slope = 30.0 * u * u * (1.0 - u).powi(2) / self.length_m;
        (self.from_d_m + across * blend, across * slope, u >= 1.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Walk {
    Wait,
    /// Along the pavement, with the road or against it.
    Along {
        with_road: bool,
    },
    Cross {
        to_d_m: f64,
        speed_mps: f64,
    },
}

impl Actor {
    /// The pose in the map.
    #[must_use]
    pub fn pose(&self, road: &Road) -> RoadPose {
        let pose = road.pose(self.s_m, self.d_m);
        RoadPose {
            yaw_rad: wrap_rad(pose.yaw_rad + self.heading_rad),
            ..pose
        }
    }

    /// The box seen from above, in the map.
    #[must_use]
    pub fn footprint(&self, road: &Road) -> OrientedBox {
        let pose = self.pose(road);
        OrientedBox {
            x_m: pose.x_m,
            y_m: pose.y_m,
            yaw_rad: pose.yaw_rad,
            length_m: self.size.length_m,
            width_m: self.size.width_m,
        }
    }

    pub(crate) fn driver(&self) -> Option<&Driver> {
        if let Control::Driver(driver) = &self.control {
            Some(driver)
        } else {
            None
        }
    }

    pub(crate) fn driver_mut(&mut self) -> Option<&mut Driver> {
        if let Control::Driver(driver) = &mut self.control {
            Some(driver)
        } else {
            None
        }
    }

    /// Where a lane change goes: positive to the left, zero where there is none.
    pub(crate) fn turn(&self) -> f64 {
        let change = self.driver().and_then(|driver| driver.change);
        change.map_or(0.0, |change| (change.to_d_m - change.from_d_m).signum())
    }

    pub(crate) fn front_s_m(&self) -> f64 {
        self.s_m + self.size.length_m / 2.0
    }

    pub(crate) fn rear_s_m(&self) -> f64 {
        self.s_m - self.size.length_m / 2.0
    }
}
