//! A neighbour cuts in.

use driveloop_schemas::Episode;
use driveloop_schemas::maths::{atan2, cos, sin};
use driveloop_schemas::pose::wrap_rad;
use serde::{Deserialize, Serialize};

use super::find::{find, place};
use super::{Parameters, Plan, Refusal, recorded, seconds, steps};
use crate::compose::checks::Check;
use crate::compose::draw::{Axis, Space};
use crate::compose::grid::{GridTrack, State};
use crate::compose::host::HostScene;
use crate::compose::react::{Changed, Mover};

/// How far a gap may be from the wanted one.
const GAP_TOLERANCE_M: f64 = 3.0;
/// How long the gap may be waited for.
const GAP_WAIT_S: f64 = 4.0;
/// Least gap that is asked for.
const GAP_MIN_M: f64 = 3.0;
/// Slowest speed at which a vehicle changes lanes.
const SPEED_MIN_MPS: f64 = 4.0;

/// A neighbour that cuts in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CutsIn {
    /// The neighbour.
    pub track_id: String,
    /// Earliest begin: it begins at the moment, within four seconds, at which its gap ahead of the ego is nearest to `gap_m`.
    pub start_ns: i64,
    /// Gap between the bumpers at the begin.
    pub gap_m: f64,
    /// Time of the lateral move.
    pub duration_s: f64,
}

impl CutsIn {
    pub(super) fn plan(&self, host: &HostScene) -> Result<Plan, Refusal> {
        let begin = host.step_of(self.start_ns);
        let track = recorded(host, &self.track_id, begin)?;
        let (start, checks) = self.moment(host, track, begin);
        Refusal::unless_met(&self.track_id, begin, &checks)?;
        let mover = Mover {
            track: self.move_over(host, track, start),
            since: start,
            hides: true,
        };
        Ok(Plan {
            subject: self.track_id.as_str().into(),
            start,
            begin: start,
            changed: Changed::from([(self.track_id.as_str().into(), mover)]),
            inserted: Vec::new(),
            checks: checks.to_vec(),
        })
    }

    /// When the gap is nearest to the wanted one, and whether the move can be made then.
    fn moment(&self, host: &HostScene, track: &GridTrack, begin: usize) -> (usize, [Check; 3]) {
        let ego = host.ego();
        let path = ego.path();
        let lengths_m = (ego.size[0] + track.size[0]) / 2.0;
        let gap_at =
            |step: usize| place(ego, &path, track, step).map(|place| place.ahead_m - lengths_m);
        let latest = begin + steps(GAP_WAIT_S);
        let best = (begin..latest.min(track.end()))
            .filter_map(|step| Some((step, (gap_at(step)? - self.gap_m).abs())))
            .min_by_key(|(step, off_m)| ((off_m * 10.0).round() as i64, *step));
        let (start, off_m) = best.unwrap_or((begin, f64::MAX));
        let slowest = (start..(start + steps(self.duration_s)).min(track.end()))
            .map(|step| track.speed_mps(step))
            .fold(f64::INFINITY, f64::min);
        let left_s = seconds(track.end().saturating_sub(start));
        let checks = [
            Check::at_most("gap_error_m", off_m, GAP_TOLERANCE_M),
            Check::at_least("speed_mps", slowest, SPEED_MIN_MPS),
            Check::at_least("time_left_s", left_s, self.duration_s + 0.5),
        ];
        (start, checks)
    }

    /// Moves the neighbour sideways by a quintic of time until it drives on the ego's path.
    fn move_over(&self, host: &HostScene, track: &GridTrack, start: usize) -> GridTrack {
        let ego = host.ego();
        let path = ego.path();
        let duration = steps(self.duration_s).max(1);
        let mut states = track.states.clone();
        let mut offset_m = 0.0;
        for step in start..track.end() {
            let at = place(ego, &path, track, step.min(ego.end() - 1));
            offset_m = at.map_or(offset_m, |place| place.left_m);
            let u = ((step - start) as f64 / duration as f64).min(1.0);
            let blend = u.powi(3) * (10.0 - 15.0 * u + 6.0 * u * u);
            let state = &mut states[step - track.first];
            state.x_m += offset_m * blend * sin(state.yaw_rad);
            state.y_m -= offset_m * blend * cos(state.yaw_rad);
        }
        head_along(&mut states, start - track.first, track);
        GridTrack::of(track.first, states, track.size)
    }
}

/// Turns headings from `start` on by the angle between the new motion and the recorded one.
fn head_along(states: &mut [State], start: usize, track: &GridTrack) {
    let course = |states: &[State], i: usize| {
        let (a, b) = (
            states[i.saturating_sub(5)],
            states[(i + 5).min(states.len() - 1)],
        );
        atan2(b.y_m - a.y_m, b.x_m - a.x_m)
    };
    let turned: Vec<f64> = (start..states.len())
        .map(|i| {
            let moves = track.speed_mps(track.first + i) > 2.0;
            let turn = if moves {
                course(states, i) - course(&track.states, i)
            } else {
                0.0
            };
            wrap_rad(track.states[i].yaw_rad + turn)
        })
        .collect();
    for (state, yaw_rad) in states[start..].iter_mut().zip(turned) {
        state.yaw_rad = yaw_rad;
    }
}

/// What can be done to the vehicle in the lane beside the ego's.
pub(super) fn space<'a>(host: &'a HostScene, episode: &Episode) -> Option<Space<'a, Parameters>> {
    let (track_id, step) = find(host, episode, |place, speed| {
        (2.2..5.5).contains(&place.left_m.abs())
            && (6.0..40.0).contains(&place.ahead_m)
            && place.heading_rad < 0.35
            && speed > 4.0
    })?;
    let (ego, track) = (host.ego(), &host.vehicles[&track_id]);
    let ahead_m = place(ego, &ego.path(), track, step).map_or(0.0, |place| place.ahead_m);
    let found_m = ahead_m - (ego.size[0] + track.size[0]) / 2.0;
    Some(Space {
        axes: vec![
            Axis::figure(&[-4.0, -2.0, 0.0, 2.0, 4.0]),
            Axis::figure(&[2.0, 2.5, 3.0, 3.5, 4.0]),
        ],
        build: Box::new(move |point| {
            let gap_m = ((found_m + point[0]) * 10.0).round() / 10.0;
            (gap_m >= GAP_MIN_M).then(|| {
                Parameters::CutsIn(CutsIn {
                    track_id: track_id.to_string(),
                    start_ns: host.stamp_ns(step),
                    gap_m,
                    duration_s: point[1],
                })
            })
        }),
    })
}
