//! How others react to an edit: whoever would drive into what was edited follows it by IDM instead, along its own path.

use std::collections::BTreeMap;

use driveloop_schemas::TrackId;

use super::grid::{GRID_S, GridTrack, State, project};
use super::host::HostScene;
use crate::traffic::IdmParams;

/// Hardest braking of a driver who reacts.
const DECEL_MAX_MPS2: f64 = 7.5;
/// Steps between two looks for a collision.
const LOOK_STEPS: usize = 5;
/// A recorded motion that comes closer than this to an edited one is one that would collide.
const NEAR_M: f64 = 0.5;
/// Lateral room beside a leader.
const SIDE_ROOM_M: f64 = 0.2;
/// Actors that may react: a bound on the work.
const REACTIONS_MAX: usize = 12;

/// Tracks that move differently from the recording.
pub(crate) type Changed = BTreeMap<TrackId, GridTrack>;

/// Lets those react who would collide with what has changed, until nobody would, or who would cannot.
pub(crate) fn react(host: &HostScene, changed: &mut Changed, start: usize) {
    let mut stuck: Vec<TrackId> = Vec::new();
    for _ in 0..REACTIONS_MAX {
        let next = host
            .vehicles
            .iter()
            .filter(|(id, _)| !changed.contains_key(*id) && !stuck.contains(id))
            .filter_map(|(id, track)| Some((first_collision(track, changed, start)?, id)))
            .min();
        let Some((_, track_id)) = next else { return };
        match follow(&host.vehicles[track_id], changed, start) {
            Some(track) => {
                changed.insert(track_id.clone(), track);
            }
            None => stuck.push(track_id.clone()),
        }
    }
}

/// The first step at which a recorded track comes too near to a changed one.
fn first_collision(track: &GridTrack, changed: &Changed, start: usize) -> Option<usize> {
    (start..track.end()).step_by(LOOK_STEPS).find(|step| {
        let Some(state) = track.state(*step) else {
            return false;
        };
        let size = [track.size[0] + 2.0 * NEAR_M, track.size[1]];
        let body = state.footprint(size);
        changed.values().any(|other| {
            other
                .state(*step)
                .is_some_and(|s| body.overlaps(&s.footprint(other.size)))
        })
    })
}

/// The track of a driver who follows what has changed; none where that is never ahead of it on its path.
fn follow(track: &GridTrack, changed: &Changed, start: usize) -> Option<GridTrack> {
    let path = track.path();
    let mut idm: Option<IdmParams> = None;
    let driven = retime(track, start, |step, driven_m, speed_mps| {
        let lead = lead_of(track, &path, changed, step, driven_m)?;
        let idm = idm.get_or_insert_with(|| driver_of(track, lead.0, speed_mps));
        Some(
            idm.accel_at_mps2(speed_mps, Some(lead))
                .max(-DECEL_MAX_MPS2),
        )
    });
    idm.is_some().then(|| from_driven(track, start, &driven))
}

/// A driver who is content with the gap that it has at first.
fn driver_of(track: &GridTrack, gap_m: f64, speed_mps: f64) -> IdmParams {
    let fastest = (track.first..track.end())
        .map(|step| track.speed_mps(step))
        .fold(8.0, f64::max);
    let jam_gap_m = (gap_m / 2.0).clamp(0.5, 2.0);
    IdmParams {
        desired_speed_mps: 1.2 * fastest,
        headway_s: ((gap_m - jam_gap_m) / speed_mps.max(1.0)).clamp(0.4, 1.5),
        jam_gap_m,
        accel_mps2: 1.5,
        comfort_decel_mps2: 3.0,
    }
}

/// Gap and speed of the nearest changed track ahead on the path.
fn lead_of(
    track: &GridTrack,
    path: &[(f64, State)],
    changed: &Changed,
    step: usize,
    driven_m: f64,
) -> Option<(f64, f64)> {
    let ahead = changed.values().filter_map(|other| {
        let state = other.state(step)?;
        let (along_m, left_m) = project(path, state.x_m, state.y_m)?;
        let beside = left_m.abs() > (track.size[1] + other.size[1]) / 2.0 + SIDE_ROOM_M;
        let gap_m = along_m - driven_m - (track.size[0] + other.size[0]) / 2.0;
        (!beside && along_m > driven_m).then(|| (gap_m, other.speed_mps(step)))
    });
    ahead.min_by(|a, b| a.0.total_cmp(&b.0))
}

/// Distances driven from `start` on: as recorded, but slower where `accel` says so; never ahead of the recording.
pub(crate) fn retime(
    track: &GridTrack,
    start: usize,
    mut accel_mps2: impl FnMut(usize, f64, f64) -> Option<f64>,
) -> Vec<f64> {
    let (mut driven, mut speed) = (track.driven_m(start), track.speed_mps(start));
    let mut all = Vec::new();
    for step in start..track.end() {
        all.push(driven);
        let free = if speed < track.speed_mps(step) {
            1.5
        } else {
            0.0
        };
        let accel = accel_mps2(step, driven, speed).unwrap_or(free);
        let keeps_up = track.driven_m(step) - driven < 1e-3 && accel >= 0.0;
        let cap = track.speed_mps(step + 1);
        speed = if keeps_up {
            cap
        } else {
            (speed + accel * GRID_S).clamp(0.0, cap)
        };
        driven = (driven + speed * GRID_S).min(track.driven_m(step + 1));
    }
    all
}

/// The track that drives the recorded path with other distances from `start` on.
pub(crate) fn from_driven(track: &GridTrack, start: usize, driven_m: &[f64]) -> GridTrack {
    let kept = track.states[..start.saturating_sub(track.first)]
        .iter()
        .copied();
    let moved = driven_m.iter().map(|driven| track.at_driven(*driven));
    GridTrack::of(track.first, kept.chain(moved).collect(), track.size)
}
