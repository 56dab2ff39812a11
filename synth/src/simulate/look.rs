//! An actor next to the ego's path, as the exact state of the world has it, and how far a sensor may be from that.

use crate::sensing::SensorConfig;
use driveloop_schemas::maths::{hypot, sin, sin_cos};

/// Errors within this many standard deviations are the sensor's: 19 of 20 are.
const DEVIATIONS: f64 = 2.0;

/// Who is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    MotorVehicle,
    Pedestrian,
    Other,
}

/// An actor next to the ego's path, a strip as wide as the ego along its lane at its present place in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) step: u64,
    pub(super) class: Class,
    /// From bumper to bumper, along the path.
    pub(super) gap_m: f64,
    /// From the middle of the path to the actor's, positive to the left.
    pub(super) offset_m: f64,
    /// Between the actor's box and the path; negative in the path.
    pub(super) clearance_m: f64,
    /// Of the actor, relative to the path.
    pub(super) heading_rad: f64,
    pub(super) speed_mps: f64,
    pub(super) ego_speed_mps: f64,
    pub(super) at_s_m: f64,
    pub(super) at_d_m: f64,
    /// What the sensor may be wrong by.
    pub(super) tolerance: Tolerance,
}

/// Largest errors that are put down to the sensor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tolerance {
    pub(super) position_m: f64,
    pub(super) speed_mps: f64,
    pub(super) yaw_rad: f64,
    /// Of the difference of two means over half a second, 0.6 s apart: a tracker's errors last longer than that.
    pub(super) speed_change_mps: f64,
}

impl Tolerance {
    pub(super) fn new(config: &SensorConfig, distance_m: f64, speed_mps: f64) -> Self {
        let reach = distance_m / config.range_m;
        let is_known = speed_mps <= SensorConfig::STANDING_MPS;
        let speed_std_mps = if is_known {
            0.0
        } else {
            config.speed_std_mps(reach)
        };
        let speed_mps = DEVIATIONS * speed_std_mps;
        let kept = config.error_correlation.powi(6);
        Self {
            position_m: DEVIATIONS * config.position_std_m(reach),
            speed_mps,
            yaw_rad: DEVIATIONS * config.yaw_std_rad,
            speed_change_mps: speed_mps * (2.0 * (1.0 - kept)).sqrt(),
        }
    }
}

impl Look {
    /// Speed across the path, positive to the left.
    pub(super) fn across_mps(&self) -> f64 {
        self.speed_mps * sin(self.heading_rad)
    }

    /// Speed across the path towards its middle.
    pub(super) fn inward_mps(&self) -> f64 {
        -self.across_mps() * self.offset_m.signum()
    }

    pub(super) fn across_tolerance_mps(&self) -> f64 {
        let (sin, cos) = sin_cos(self.heading_rad);
        let by_yaw = self.tolerance.yaw_rad * self.speed_mps * cos;
        hypot(by_yaw, self.tolerance.speed_mps * sin)
    }
}
