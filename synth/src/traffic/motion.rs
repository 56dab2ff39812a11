//! How a vehicle moves in a step.

use driveloop_schemas::maths::{atan, cos, sin};
use driveloop_schemas::pose::wrap_rad;

use super::actor::{Actor, Control, Driver, Order};
use super::idm::DECEL_MAX_MPS2;
use super::road::Road;
use super::world::STEP_S;

/// Lag of a vehicle's acceleration behind what its driver wants.
const ACCEL_LAG_S: f64 = 0.15;

/// Tightest turn of the ego: a turning circle of 10 m, as passenger cars have it.
const CURVATURE_MAX_PER_M: f64 = 0.2;
/// Lateral acceleration that tyres give at most.
const LATERAL_MAX_MPS2: f64 = 8.0;
/// Least stretch of the road's coordinates: the ego may leave the road, but not reach the centre of its bends.
const STRETCH_MIN: f64 = 0.1;

/// Moves a driver by a step towards the acceleration that it wants.
pub(crate) fn drive(actor: &mut Actor, wanted_mps2: f64, road: &Road) {
    accelerate(actor, wanted_mps2);
    let speed = actor.speed_mps;
    let Control::Driver(driver) = &mut actor.control else {
        return;
    };
    let stretch = 1.0 - road.curvature_per_m(actor.s_m) * actor.d_m;
    actor.s_m += speed * cos(actor.heading_rad) * STEP_S / stretch;
    if let Some(change) = driver.change {
        let (d_m, slope, is_over) = change.at(actor.s_m);
        actor.d_m = d_m;
        actor.heading_rad = atan(slope / stretch);
        if is_over {
            (driver.lane, driver.change, driver.cooldown_s) = (change.to_lane, None, 5.0);
            actor.heading_rad = 0.0;
        }
    }
    driver.cooldown_s -= STEP_S;
    driver.tick_order(speed);
}

/// Moves the ego by a step as it is steered: without slip, in the coordinates of the road.
///
/// With the heading `θ` relative to the road's, the road's curvature `κ` and the path's `k`:
/// `s' = v cos θ / (1 − κ d)`, `d' = v sin θ`, `θ' = v k − κ s'` (Werling et al., "Optimal trajectory generation for dynamic
/// street scenarios in a Frenét frame", ICRA 2010, section III).
pub(crate) fn steer(actor: &mut Actor, wanted_mps2: f64, curvature_per_m: f64, road: &Road) {
    accelerate(actor, wanted_mps2);
    let speed = actor.speed_mps;
    let most = CURVATURE_MAX_PER_M.min(LATERAL_MAX_MPS2 / speed.powi(2).max(1e-9));
    // `max` and `min` make a bound of what is not a number.
    let curvature = curvature_per_m.max(-most).min(most);
    let bend = road.curvature_per_m(actor.s_m);
    let stretch = (1.0 - bend * actor.d_m).max(STRETCH_MIN);
    let along_mps = speed * cos(actor.heading_rad) / stretch;
    actor.s_m += along_mps * STEP_S;
    actor.d_m += speed * sin(actor.heading_rad) * STEP_S;
    actor.heading_rad =
        wrap_rad(actor.heading_rad + (speed * curvature - bend * along_mps) * STEP_S);
    let d_m = actor.d_m;
    if let Some(driver) = actor.driver_mut() {
        (driver.change, driver.order) = (None, Order::None);
        driver.lane = road.nearest_lane(d_m);
    }
}

/// Changes the speed; the acceleration lags behind what is wanted, and no vehicle drives backwards. Where it is not a number
/// that is wanted, the vehicle brakes.
fn accelerate(actor: &mut Actor, wanted_mps2: f64) {
    let lagged =
        actor.accel_mps2 + (wanted_mps2 - actor.accel_mps2) * STEP_S / (ACCEL_LAG_S + STEP_S);
    let speed = (actor.speed_mps + lagged.max(-DECEL_MAX_MPS2) * STEP_S).max(0.0);
    actor.accel_mps2 = (speed - actor.speed_mps) / STEP_S;
    actor.speed_mps = speed;
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
