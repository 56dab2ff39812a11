//! Whether what was put in still concerns the ego once everybody has reacted: an event that nobody can see, or that waits until the
//! ego stands, is none.

use driveloop_schemas::ObjectTrack;
use driveloop_schemas::maths::{hypot, sin, sin_cos};
use driveloop_schemas::time::seconds_between;

use super::checks::Check;
use super::host::HostScene;
use super::insert::Inserted;
use super::lane_path::{Beside, LanePaths};
use super::measure::frame_gap_s;
use super::rows::{Scene, Seen};

/// Speed of the ego that drives up to something.
const EGO_SPEED_MIN_MPS: f64 = 2.0;
/// Speed of somebody who walks, and of something that lies.
const WALK_SPEED_MIN_MPS: f64 = 0.5;
const REST_SPEED_MAX_MPS: f64 = 0.3;
/// Time at rest from which on something is seen to lie there.
const REST_S: f64 = 0.6;
/// Time since the first sight in which somebody has just appeared.
const FRESH_S: f64 = 1.5;

/// What an inserted actor is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It walks across the ego's path: where the map has lanes, that of an ego that stays in its lane.
    Crosses,
    /// It appears, walking towards the ego's path.
    Appears,
    /// It lies in the ego's path.
    Lies,
    /// It is part of the scene.
    Stands,
}

impl Role {
    /// Time in which the ego, as fast as it is, must reach it, and how long that must last.
    fn bounds_s(self) -> (f64, f64) {
        match self {
            Self::Crosses => (6.0, 0.4),
            Self::Appears => (4.0, 0.2),
            Self::Lies => (7.0, 0.6),
            Self::Stands => (f64::INFINITY, 0.0),
        }
    }
}

/// How long what was inserted is in sight ahead of an ego that drives, and does what it is there for.
pub(crate) fn check(host: &HostScene, scene: &Scene, inserted: &Inserted) -> Check {
    let (reach_s, least_s) = inserted.role.bounds_s();
    let seen = scene
        .inserted
        .iter()
        .filter(|(row, seen)| row.track_id == inserted.track_id && *seen == Seen::Yes);
    let rows: Vec<&ObjectTrack> = seen.map(|(row, _)| row).collect();
    let first_ns = rows.first().map_or(0, |row| row.stamp_ns);
    let rest_ns = rows
        .iter()
        .find(|row| speed_mps(row) < REST_SPEED_MAX_MPS)
        .map_or(i64::MAX, |row| row.stamp_ns);
    let lanes = LanePaths::new(&host.lanes, scene.rows(host, &host.ego_id));
    let does = |ego: &ObjectTrack, row: &ObjectTrack| {
        let beside = lanes.beside(ego, row);
        // Where the map has lanes, what none of them leads to is not in the ego's way.
        let is_apart = beside.is_none() && lanes.has_lane(ego);
        let is_fresh = seconds_between(first_ns, row.stamp_ns) <= FRESH_S;
        match inserted.role {
            Role::Crosses => !is_apart && walks(row, beside),
            Role::Appears => !is_apart && walks(row, beside) && is_fresh,
            Role::Lies => {
                let is_in_way = beside.is_none_or(|beside| beside.clearance_m < 0.0);
                let rests = seconds_between(rest_ns, row.stamp_ns) >= REST_S;
                !is_apart && is_in_way && rests
            }
            Role::Stands => true,
        }
    };
    let concerns = |row: &&&ObjectTrack| {
        let ego = scene.rows(host, &host.ego_id);
        let at = ego.binary_search_by_key(&row.stamp_ns, |ego| ego.stamp_ns);
        at.is_ok_and(|at| {
            let (ego, ego_mps) = (&ego[at], speed_mps(&ego[at]));
            let gap_m = row.ego_x_m - ego.ego_x_m - ego.length_m / 2.0;
            ego_mps >= EGO_SPEED_MIN_MPS
                && gap_m > 0.0
                && gap_m / ego_mps <= reach_s
                && does(ego, row)
        })
    };
    let count = rows.iter().filter(concerns).count();
    Check::at_least("conflict_s", count as f64 * frame_gap_s(host), least_s)
}

fn speed_mps(row: &ObjectTrack) -> f64 {
    let velocity = row.vx_mps.zip(row.vy_mps);
    velocity.map_or(0.0, |(vx, vy)| hypot(vx, vy))
}

/// Towards the ego's path: that along its lane, or straight on where the map has none.
fn walks(row: &ObjectTrack, beside: Option<Beside>) -> bool {
    let Some(beside) = beside else {
        let is_walking = speed_mps(row) >= WALK_SPEED_MIN_MPS;
        return is_walking && row.ego_y_m * sin(row.ego_yaw_rad) < 0.0;
    };
    let (sin, cos) = sin_cos(beside.yaw_rad);
    let velocity = row.vx_mps.zip(row.vy_mps);
    let left_mps = velocity.map_or(0.0, |(vx, vy)| vy * cos - vx * sin);
    left_mps.abs() >= WALK_SPEED_MIN_MPS && beside.left_m * left_mps < 0.0
}
