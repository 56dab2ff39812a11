//! Pedestrians: how they walk, and how drivers yield to them.

use super::actor::{Actor, Control, Walk};
use super::road::{CROSSING_WIDTH_M, Road};
use super::world::STEP_S;
use driveloop_schemas::maths::sin;

/// Room that a driver leaves beside a pedestrian.
const SIDE_ROOM_M: f64 = 0.8;
/// Distance of the stop line before the crossing.
const STOP_LINE_M: f64 = 1.0;
/// Time between a driver's clearing the crossing and the pedestrian's reaching its path.
const TIME_ROOM_S: f64 = 1.2;
/// Acceleration of a person who starts to walk.
const WALK_ACCEL_MPS2: f64 = 1.5;

/// Moves a pedestrian by a step.
pub(crate) fn walk(actor: &mut Actor, is_blocked: bool, road: &Road) {
    let Control::Walker(mode) = actor.control else {
        return;
    };
    match mode {
        _ if is_blocked => (actor.speed_mps, actor.accel_mps2) = (0.0, 0.0),
        Walk::Wait => (actor.speed_mps, actor.accel_mps2) = (0.0, 0.0),
        Walk::Along { with_road } => {
            let stretch = 1.0 - road.curvature_per_m(actor.s_m) * actor.d_m;
            let step = actor.speed_mps * STEP_S / stretch;
            actor.s_m += if with_road { step } else { -step };
        }
        Walk::Cross { to_d_m, speed_mps } => {
            let speed = (actor.speed_mps + WALK_ACCEL_MPS2 * STEP_S).min(speed_mps);
            actor.accel_mps2 = (speed - actor.speed_mps) / STEP_S;
            actor.speed_mps = speed;
            let left = to_d_m > actor.d_m;
            actor.heading_rad = if left { 1.0 } else { -1.0 } * std::f64::consts::FRAC_PI_2;
            actor.d_m += if left { speed } else { -speed } * STEP_S;
            if (to_d_m > actor.d_m) != left {
                actor.control = Control::Walker(Walk::Wait);
            }
        }
    }
}

/// Whether a vehicle stands or passes right before a pedestrian who crosses.
pub(crate) fn is_blocked(actors: &[Actor], walker: &Actor) -> bool {
    let Control::Walker(Walk::Cross { to_d_m, .. }) = walker.control else {
        return false;
    };
    let side = if to_d_m > walker.d_m { 1.0 } else { -1.0 };
    actors.iter().any(|body| {
        let askew_m = body.size.length_m / 2.0 * sin(body.heading_rad).abs();
        let half_m = body.size.width_m / 2.0 + askew_m;
        let across_m = (body.d_m - walker.d_m) * side - half_m;
        let is_beside = (body.rear_s_m() - 0.7..body.front_s_m() + 0.7).contains(&walker.s_m);
        let is_vehicle = !matches!(body.control, Control::Walker(_));
        is_vehicle && is_beside && (-1.0..1.8).contains(&across_m)
    })
}

/// Distance from a driver's front to the line at which it must stop for a pedestrian on a crossing; none where it need not.
pub(crate) fn stop_gap_m(actors: &[Actor], me: &Actor, road: &Road) -> Option<f64> {
    actors
        .iter()
        .filter_map(|walker| {
            let Control::Walker(Walk::Cross { to_d_m, speed_mps }) = walker.control else {
                return None;
            };
            conflict_gap_m(me, walker, to_d_m, speed_mps, road)
        })
        .min_by(f64::total_cmp)
}

/// As [`stop_gap_m`], for one pedestrian who walks to `to_d_m`.
pub(crate) fn conflict_gap_m(
    me: &Actor,
    walker: &Actor,
    to_d_m: f64,
    speed_mps: f64,
    road: &Road,
) -> Option<f64> {
    // Whoever is already on the pedestrian's line clears it; the pedestrian waits for that, see `is_blocked`.
    if me.front_s_m() > walker.s_m - 0.5 {
        return None;
    }
    let clear_m = walker.s_m + 1.5 - me.rear_s_m();
    let half = me.size.width_m / 2.0 + SIDE_ROOM_M;
    let target = me
        .driver()
        .and_then(|d| d.change)
        .map_or(me.d_m, |c| c.to_d_m);
    let (low, high) = (me.d_m.min(target) - half, me.d_m.max(target) + half);
    let (enter_m, leave_m) = if to_d_m > walker.d_m {
        (low - walker.d_m, high - walker.d_m)
    } else {
        (walker.d_m - high, walker.d_m - low)
    };
    if leave_m < 0.0 {
        return None;
    }
    let clear_s = clear_m / me.speed_mps.max(0.5);
    let enter_s = enter_m.max(0.0) / speed_mps;
    let stop_m = walker.s_m - CROSSING_WIDTH_M / 2.0 - STOP_LINE_M - me.front_s_m();
    let far = stop_m > 1.5 * road.half_width_m() + 120.0;
    (enter_s <= clear_s + TIME_ROOM_S && !far).then_some(stop_m)
}

/// Whether every driver could stop comfortably, or is past, if this pedestrian started now.
pub(crate) fn may_start(
    actors: &[Actor],
    walker: &Actor,
    to_d_m: f64,
    speed_mps: f64,
    decel_max_mps2: f64,
    road: &Road,
) -> bool {
    actors
        .iter()
        .filter(|a| matches!(a.control, Control::Driver(_)))
        .all(|driver| {
            conflict_gap_m(driver, walker, to_d_m, speed_mps, road).is_none_or(|gap| {
                gap > 2.0 && driver.speed_mps.powi(2) / (2.0 * (gap - 1.9)) <= decel_max_mps2
            })
        })
}
