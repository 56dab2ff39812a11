//! The ego as its own sensors know it.

use crate::traffic::World;
use driveloop_schemas::maths::{atan, sin_cos};

/// Distance from the middle of the ego's rear axle to the centre of its box.
pub(crate) const REAR_AXLE_TO_CENTRE_M: f64 = 1.35;
const WHEELBASE_M: f64 = 2.7;

/// The ego at a stamp: `base_link` is the middle of the rear axle on the ground.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EgoReading {
    pub(crate) stamp_ns: i64,
    pub(crate) x_m: f64,
    pub(crate) y_m: f64,
    pub(crate) yaw_rad: f64,
    /// Along and across the heading.
    pub(crate) velocity_mps: [f64; 2],
    pub(crate) accel_mps2: f64,
    pub(crate) yaw_rate_radps: f64,
    pub(crate) steering_rad: f64,
    pub(crate) wheelbase_m: f64,
    /// Where a lane change goes: positive to the left, zero where there is none.
    pub(crate) turn: f64,
}

impl EgoReading {
    /// The ego's state at its rear axle. The box's centre follows the road, so the axle, behind it, moves a little sideways.
    pub(crate) fn new(world: &World, stamp_ns: i64) -> Self {
        let ego = &world.actors()[0];
        let pose = ego.pose(world.road());
        let (sin, cos) = sin_cos(pose.yaw_rad);
        let curvature = ego.yaw_rate_radps / ego.speed_mps.max(1.0);
        Self {
            stamp_ns,
            x_m: pose.x_m - REAR_AXLE_TO_CENTRE_M * cos,
            y_m: pose.y_m - REAR_AXLE_TO_CENTRE_M * sin,
            yaw_rad: pose.yaw_rad,
            velocity_mps: [ego.speed_mps, -REAR_AXLE_TO_CENTRE_M * ego.yaw_rate_radps],
            accel_mps2: ego.accel_mps2,
            yaw_rate_radps: ego.yaw_rate_radps,
            steering_rad: atan(WHEELBASE_M * curvature),
            wheelbase_m: WHEELBASE_M,
            turn: ego.turn(),
        }
    }
}
