//! Who drives ahead of whom: queries over the actors of a step.

use super::actor::{Actor, Control};
use super::road::{LANE_WIDTH_M, Road};
use driveloop_schemas::maths::{cos, sin};

/// How far a body may reach into a lane without taking it.
const LANE_MARGIN_M: f64 = 0.3;
/// Gap that every lane change leaves to both sides at least.
pub(crate) const CHANGE_GAP_MIN_M: f64 = 2.0;

/// Whether the actor takes the lane: its body is in it, or it is moving into it.
pub(crate) fn takes_lane(actor: &Actor, lane: usize, road: &Road) -> bool {
    if matches!(actor.control, Control::Walker(_)) {
        return false;
    }
    let target = actor
        .driver()
        .and_then(|driver| driver.change)
        .map(|change| change.to_lane);
    let off = (actor.d_m - road.lane_centre_d_m(lane)).abs();
    // A long vehicle that stands askew reaches further with its corners. Most drive straight on, and need no sine.
    let askew = if actor.heading_rad == 0.0 {
        0.0
    } else {
        actor.size.length_m / 2.0 * sin(actor.heading_rad).abs()
    };
    let reach = actor.size.width_m / 2.0 + askew;
    target == Some(lane) || off < reach + LANE_WIDTH_M / 2.0 - LANE_MARGIN_M
}

/// The lanes that the actor takes.
pub(crate) fn lanes_of(actor: &Actor, road: &Road) -> Vec<usize> {
    (0..road.lanes())
        .filter(|lane| takes_lane(actor, *lane, road))
        .collect()
}

/// Speed along the road.
pub(crate) fn speed_along_mps(actor: &Actor) -> f64 {
    if actor.heading_rad == 0.0 {
        return actor.speed_mps;
    }
    actor.speed_mps * cos(actor.heading_rad)
}

/// Gap between bumpers, from one actor to another ahead of it.
pub(crate) fn gap_m(behind: &Actor, ahead: &Actor) -> f64 {
    ahead.rear_s_m() - behind.front_s_m()
}

/// The next actor ahead in a lane.
pub(crate) fn leader<'a>(
    actors: &'a [Actor],
    me: &Actor,
    lane: usize,
    road: &Road,
) -> Option<&'a Actor> {
    actors
        .iter()
        .filter(|a| a.actor_id != me.actor_id && a.s_m > me.s_m && takes_lane(a, lane, road))
        .min_by(|a, b| a.s_m.total_cmp(&b.s_m))
}

/// The next driver behind in a lane.
pub(crate) fn follower<'a>(
    actors: &'a [Actor],
    me: &Actor,
    lane: usize,
    road: &Road,
) -> Option<&'a Actor> {
    actors
        .iter()
        .filter(|a| a.actor_id != me.actor_id && a.s_m <= me.s_m && takes_lane(a, lane, road))
        .max_by(|a, b| a.s_m.total_cmp(&b.s_m))
}

/// Acceleration of a driver behind a given leader, or on a free road; zero for an actor that does not drive.
pub(crate) fn accel_behind_mps2(me: &Actor, ahead: Option<&Actor>) -> f64 {
    me.driver().map_or(0.0, |driver| {
        let lead = ahead.map(|lead| (gap_m(me, lead), speed_along_mps(lead)));
        driver.idm.accel_at_mps2(me.speed_mps, lead)
    })
}
