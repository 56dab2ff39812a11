//! The edit itself: pure, from a host and parameters to a candidate or a reason why not.

use std::collections::BTreeMap;

use driveloop_schemas::{EgoState, ObjectTrack};

use super::checks::{Check, Checks};
use super::grid::{GRID_S, GridTrack, State};
use super::host::HostScene;
use super::react::{Changed, from_driven, react, retime};
use super::recipes::{CutsIn, LeadBrakes, Parameters, place};
use super::{checks, rows};

/// Time in which a braking driver's foot comes down.
const BRAKE_RAMP_S: f64 = 0.4;
/// How far a gap may be from the wanted one.
const GAP_TOLERANCE_M: f64 = 3.0;
/// How long the gap may be waited for.
const GAP_WAIT_S: f64 = 4.0;
/// Slowest speed at which a vehicle changes lanes.
const CUT_IN_SPEED_MIN_MPS: f64 = 4.0;
/// Time that must be left of the drive after the begin of an edit.
const REST_S: f64 = 2.0;

/// An edit that passed its checks.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The tracks that move differently: the edited one first, then who reacted.
    pub edited_tracks: Vec<String>,
    /// First stamp that differs.
    pub edit_start_ns: i64,
    /// All object rows, with the host's identity.
    pub object_tracks: Vec<ObjectTrack>,
    /// All ego states, with the host's identity.
    pub ego_states: Vec<EgoState>,
    /// The checks and their figures.
    pub checks: Checks,
}

/// Why a candidate was not taken: the checks up to the first that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejection {
    /// The tracks that would have moved differently.
    pub edited_tracks: Vec<String>,
    /// First stamp that would have differed.
    pub edit_start_ns: i64,
    /// The checks; the last one failed.
    pub checks: Checks,
}

impl Rejection {
    /// Name of the check that failed.
    #[must_use]
    pub fn failed(&self) -> &str {
        self.checks.failed().map_or("", |check| check.name.as_str())
    }
}

/// Edits a host.
///
/// # Errors
/// The rejection: the edit cannot be made, or its result breaks a check.
pub fn edit(host: &HostScene, parameters: &Parameters) -> Result<Candidate, Rejection> {
    let (track_id, begin_ns) = match parameters {
        Parameters::LeadBrakes(p) => (p.track_id.as_str(), p.start_ns),
        Parameters::CutsIn(p) => (p.track_id.as_str(), p.start_ns),
    };
    let reject = |check: Check| Rejection {
        edited_tracks: vec![track_id.to_owned()],
        edit_start_ns: begin_ns,
        checks: Checks(vec![check]),
    };
    let begin = host.step_of(begin_ns);
    let rest_steps = (REST_S / GRID_S) as usize;
    let Some(track) = host.vehicles.get(track_id).filter(|t| t.contains(begin)) else {
        return Err(reject(Check::at_least("track_present", 0.0, 1.0)));
    };
    let rest_s = track.end().saturating_sub(begin) as f64 * GRID_S;
    if track.end() < begin + rest_steps {
        return Err(reject(Check::at_least("time_left_s", rest_s, REST_S)));
    }
    let (start, edited) = match parameters {
        Parameters::LeadBrakes(p) => (begin, brake(track, begin, p)),
        Parameters::CutsIn(p) => cut_in(host, track, begin, p).map_err(reject)?,
    };
    let mut changed = Changed::from([(track_id.into(), edited)]);
    react(host, &mut changed, start);
    finish(host, track_id, start, &changed)
}

fn finish(
    host: &HostScene,
    track_id: &str,
    start: usize,
    changed: &Changed,
) -> Result<Candidate, Rejection> {
    let mut edited_tracks = vec![track_id.to_owned()];
    let others = changed.keys().filter(|id| **id != *track_id);
    edited_tracks.extend(others.map(ToString::to_string));
    let starts: BTreeMap<&str, usize> = changed
        .iter()
        .filter_map(|(id, track)| Some((id.as_str(), first_change(host, id, track, start)?)))
        .collect();
    let edit_start_ns = host.stamp_ns(starts.values().copied().min().unwrap_or(start));
    if starts.is_empty() {
        let checks = Checks(vec![Check::at_least("moved_m", 0.0, rows::CHANGE_M)]);
        return Err(Rejection {
            edited_tracks,
            edit_start_ns,
            checks,
        });
    }
    let scene = rows::rebuild(host, changed, &starts);
    let checks = checks::check(host, &scene, &starts);
    if checks.failed().is_some() {
        return Err(Rejection {
            edited_tracks,
            edit_start_ns,
            checks,
        });
    }
    Ok(Candidate {
        edited_tracks,
        edit_start_ns,
        object_tracks: scene.object_tracks,
        ego_states: scene.ego_states,
        checks,
    })
}

/// The first step at which a changed track is elsewhere than the recorded one.
fn first_change(host: &HostScene, id: &str, track: &GridTrack, start: usize) -> Option<usize> {
    let recorded = host.vehicles.get(id)?;
    (start.max(track.first)..track.end()).find(|step| {
        let (Some(a), Some(b)) = (track.state(*step), recorded.state(*step)) else {
            return false;
        };
        (a.x_m - b.x_m).hypot(a.y_m - b.y_m) > rows::CHANGE_M
    })
}

fn brake(track: &GridTrack, begin: usize, parameters: &LeadBrakes) -> GridTrack {
    let floor = track.speed_mps(begin) * parameters.floor_speed_share;
    let hold_steps = (parameters.hold_s / GRID_S) as usize;
    let mut reached: Option<usize> = None;
    let driven = retime(track, begin, |step, _, speed| {
        if speed <= floor + 1e-6 {
            reached.get_or_insert(step);
        }
        match reached {
            Some(at) if step > at + hold_steps => None,
            Some(_) => Some(0.0),
            None => {
                let ramp = ((step - begin + 1) as f64 * GRID_S / BRAKE_RAMP_S).min(1.0);
                Some((-parameters.decel_mps2 * ramp).max((floor - speed) / GRID_S))
            }
        }
    });
    from_driven(track, begin, &driven)
}

/// Moves the neighbour sideways by a quintic of time until it drives on the ego's path.
fn cut_in(
    host: &HostScene,
    track: &GridTrack,
    begin: usize,
    parameters: &CutsIn,
) -> Result<(usize, GridTrack), Check> {
    let ego = host.ego();
    let path = ego.path();
    let lengths = (ego.size[0] + track.size[0]) / 2.0;
    let gap_at = |step: usize| place(ego, &path, track, step).map(|p| p[0] - lengths);
    let latest = begin + (GAP_WAIT_S / GRID_S) as usize;
    let best = (begin..latest.min(track.end()))
        .filter_map(|step| Some((step, (gap_at(step)? - parameters.gap_m).abs())))
        .min_by_key(|(step, off_m)| ((off_m * 10.0).round() as i64, *step));
    let (start, off_m) = best.unwrap_or((begin, f64::MAX));
    let close = Check::at_most("gap_error_m", off_m, GAP_TOLERANCE_M);
    let duration = (parameters.duration_s / GRID_S) as usize;
    let slowest = (start..(start + duration).min(track.end()))
        .map(|step| track.speed_mps(step))
        .fold(f64::INFINITY, f64::min);
    let fast = Check::at_least("speed_mps", slowest, CUT_IN_SPEED_MIN_MPS);
    let left_s = track.end().saturating_sub(start) as f64 * GRID_S;
    let time = Check::at_least("time_left_s", left_s, parameters.duration_s + 0.5);
    for check in [close, fast, time] {
        if !check.is_met() {
            return Err(check);
        }
    }
    let mut states = track.states.clone();
    let mut offset = 0.0;
    for step in start..track.end() {
        let at = place(ego, &path, track, step.min(ego.end() - 1));
        offset = at.map_or(offset, |place| place[1]);
        let u = ((step - start) as f64 / duration as f64).min(1.0);
        let blend = u.powi(3) * (10.0 - 15.0 * u + 6.0 * u * u);
        let state = &mut states[step - track.first];
        state.x_m += offset * blend * state.yaw_rad.sin();
        state.y_m -= offset * blend * state.yaw_rad.cos();
    }
    head_along(&mut states, start - track.first, track.first, track);
    Ok((start, GridTrack::of(track.first, states, track.size)))
}

/// Turns headings from `start` on by the angle between the new motion and the recorded one.
fn head_along(states: &mut [State], start: usize, first: usize, track: &GridTrack) {
    let course = |states: &[State], i: usize| {
        let (a, b) = (
            states[i.saturating_sub(5)],
            states[(i + 5).min(states.len() - 1)],
        );
        (b.y_m - a.y_m).atan2(b.x_m - a.x_m)
    };
    let turned: Vec<f64> = (start..states.len())
        .map(|i| {
            let moves = track.speed_mps(first + i) > 2.0;
            let turn = if moves {
                course(states, i) - course(&track.states, i)
            } else {
                0.0
            };
            driveloop_schemas::pose::wrap_rad(track.states[i].yaw_rad + turn)
        })
        .collect();
    for (state, yaw_rad) in states[start..].iter_mut().zip(turned) {
        state.yaw_rad = yaw_rad;
    }
}
