//! Whom to edit: vehicles by their place beside the ego's path.

use driveloop_schemas::maths::hypot;
use driveloop_schemas::pose::wrap_rad;
use driveloop_schemas::{Episode, TrackId};

use crate::compose::grid::{GridTrack, State, path_at, project};
use crate::compose::host::HostScene;

/// Steps between two looks for an actor to edit: half a second.
const LOOK_STEPS: usize = 25;
/// How long before and after an episode an actor to edit is looked for.
const MARGIN_S: f64 = 3.0;

/// Room around a place within which a vehicle passes over it.
const PASSING_ROOM_M: f64 = 0.3;
/// Vehicles whose middle is further away do not.
const PASSING_NEAR_M: f64 = 15.0;
/// Steps between two looks for who passes.
const PASSING_STEPS: usize = 5;

/// A place relative to the ego, on the ego's path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) ahead_m: f64,
    pub(super) left_m: f64,
    /// Angle to the path.
    pub(super) heading_rad: f64,
}

/// The first vehicle, and the step, whose place and speed fit. The actors of the episode come before others.
pub(super) fn find(
    host: &HostScene,
    episode: &Episode,
    fits: impl Fn(Place, f64) -> bool,
) -> Option<(TrackId, usize)> {
    let ego = host.ego();
    let path = ego.path();
    let margin_ns = (MARGIN_S * 1e9) as i64;
    let first = host
        .step_of(episode.start_ns.saturating_sub(margin_ns))
        .max(ego.first + LOOK_STEPS);
    let last = host
        .step_of(episode.end_ns.saturating_add(margin_ns))
        .min(ego.end());
    let mut found: Option<((bool, usize, i64), TrackId, usize)> = None;
    for (track_id, track) in host.vehicles.iter().filter(|(id, _)| **id != host.ego_id) {
        for step in (first..last).step_by(LOOK_STEPS) {
            let Some(place) = place(ego, &path, track, step) else {
                continue;
            };
            if fits(place, track.speed_mps(step)) && ego.speed_mps(step) > 3.0 {
                let is_other = !episode.actors.iter().any(|actor| track_id == actor);
                let key = (is_other, step, (place.ahead_m * 1e3) as i64);
                if found.as_ref().is_none_or(|best| key < best.0) {
                    found = Some((key, track_id.clone(), step));
                }
                break;
            }
        }
    }
    found.map(|(_, track_id, step)| (track_id, step))
}

/// Place of a track relative to the ego on the ego's path.
pub(super) fn place(
    ego: &GridTrack,
    path: &[(f64, State)],
    track: &GridTrack,
    step: usize,
) -> Option<Place> {
    if !ego.contains(step) {
        return None;
    }
    let state = track.state(step)?;
    let (along_m, left_m) = project(path, state.x_m, state.y_m)?;
    Some(Place {
        ahead_m: along_m - ego.driven_m(step),
        left_m,
        heading_rad: wrap_rad(state.yaw_rad - path_at(path, along_m).yaw_rad).abs(),
    })
}

/// Vehicles other than the ego that, as recorded, are on a place before a step.
pub(super) fn passers(host: &HostScene, state: State, size: [f64; 3], before: usize) -> usize {
    let [length_m, width_m, height_m] = size;
    let room_m = 2.0 * PASSING_ROOM_M;
    let place = state.footprint([length_m + room_m, width_m + room_m, height_m]);
    let passes = |track: &GridTrack| {
        let steps = (track.first..track.end().min(before)).step_by(PASSING_STEPS);
        let near =
            |other: &State| hypot(other.x_m - state.x_m, other.y_m - state.y_m) < PASSING_NEAR_M;
        let there = steps.filter_map(|step| track.state(step)).filter(near);
        let mut boxes = there.map(|other| other.footprint(track.size));
        boxes.any(|body| body.overlaps(&place))
    };
    let others = host.vehicles.iter().filter(|(id, _)| **id != host.ego_id);
    others.filter(|(_, track)| passes(track)).count()
}
