//! How others react to an edit: whoever would drive into what was edited follows it by IDM instead, along its own path.

use std::collections::BTreeMap;

use driveloop_schemas::TrackId;
use driveloop_schemas::maths::{sin, sin_cos};
use driveloop_schemas::pose::wrap_rad;

use super::grid::{GRID_S, GridTrack, State, path_at, project};
use super::host::HostScene;
use super::rows::fade;
use crate::traffic::IdmParams;

/// Hardest braking of a driver who reacts: 0.774 g, as of the competent and careful driver of UN Regulation 157.
const DECEL_MAX_MPS2: f64 = 7.5;
/// How fast a driver changes the acceleration; a little less than the bound of the checks, which is that of the regulation too.
pub(crate) const JERK_MPS3: f64 = 12.0;
/// Time until a driver brakes for what comes into sight: 0.4 s to see the risk and 0.75 s to brake, of the same driver.
pub(crate) const REACTION_S: f64 = 1.15;
/// Acceleration of a driver who catches up.
const CATCH_UP_MPS2: f64 = 1.5;
/// How fast a driver who catches up eases off before the recorded speed falls, where that is in time.
const EASE_MPS3: f64 = 6.0;
/// How far ahead the recorded speeds are looked at: the time in which catching up turns into the hardest braking, 1.5 s.
const EASE_STEPS: usize = 75;
/// Halvings of the range in which an acceleration is looked for.
const HALVINGS: usize = 8;
/// Speeds, and distances driven, that are the same.
const SAME_MPS: f64 = 1e-6;
const SAME_M: f64 = 1e-6;
/// Steps between two looks for a collision.
const LOOK_STEPS: usize = 5;
/// A recorded motion that comes closer than this to an edited one is one that would collide.
const NEAR_M: f64 = 0.5;
/// Lateral room beside a leader.
const SIDE_ROOM_M: f64 = 0.2;
/// Who moves across the path more than this (30°) crosses it.
const CROSSING_SIN_MIN: f64 = 0.5;
/// How long before somebody enters the path a driver yields, once the reaction time is over.
const YIELD_S: f64 = 3.0;
/// A track differs from the recorded one where it is this far behind.
const LAG_MIN_M: f64 = 1e-3;
/// Actors that may react: a bound on the work.
const REACTIONS_MAX: usize = 24;

/// A track that is not as recorded.
#[derive(Debug, Clone)]
pub(crate) struct Mover {
    pub(crate) track: GridTrack,
    /// From which step on others react to it.
    pub(crate) since: usize,
    /// Whether it hides what is behind it.
    pub(crate) hides: bool,
}

/// Tracks that move differently from the recording, or are not in it.
pub(crate) type Changed = BTreeMap<TrackId, Mover>;

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
                let mover = Mover {
                    track,
                    since: start,
                    hides: true,
                };
                changed.insert(track_id.clone(), mover);
            }
            None => stuck.push(track_id.clone()),
        }
    }
}

/// The first step at which a recorded track comes too near to a changed one.
fn first_collision(track: &GridTrack, changed: &Changed, start: usize) -> Option<usize> {
    let [length_m, width_m, height_m] = track.size;
    let size = [length_m + 2.0 * NEAR_M, width_m, height_m];
    (start..track.end()).step_by(LOOK_STEPS).find(|step| {
        let Some(state) = track.state(*step) else {
            return false;
        };
        let body = state.footprint(size);
        changed.values().any(|mover| {
            let other = mover.track.state(*step);
            other.is_some_and(|other| {
                let mut size = mover.track.size;
                if crosses(other.yaw_rad - state.yaw_rad) {
                    size[0] += 2.0 * NEAR_M;
                }
                body.overlaps(&other.footprint(size))
            })
        })
    })
}

/// Whether somebody whose heading differs from the path's by this moves across it.
fn crosses(angle_rad: f64) -> bool {
    sin(angle_rad).abs() > CROSSING_SIN_MIN
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
    let known = changed.values().filter(|mover| mover.since <= step);
    let ahead = known.filter_map(|mover| {
        let other = &mover.track;
        let state = other.state(step)?;
        let (along_m, left_m) = project(path, state.x_m, state.y_m)?;
        let road_yaw_rad = path_at(path, along_m).yaw_rad;
        let (sin, cos) = sin_cos(wrap_rad(state.yaw_rad - road_yaw_rad));
        let [length_m, width_m, _] = other.size;
        let half_along_m = (length_m * cos.abs() + width_m * sin.abs()) / 2.0;
        let half_across_m = (length_m * sin.abs() + width_m * cos.abs()) / 2.0;
        let [vx, vy] = other.velocity_mps(step);
        let (road_sin, road_cos) = sin_cos(road_yaw_rad);
        let along_mps = vx * road_cos + vy * road_sin;
        let left_mps = vy * road_cos - vx * road_sin;
        let reach_m = track.size[1] / 2.0 + half_across_m + SIDE_ROOM_M;
        let comes = crosses(state.yaw_rad - road_yaw_rad)
            && left_m * left_mps < 0.0
            && left_m.abs() - left_mps.abs() * YIELD_S <= reach_m;
        let gap_m = along_m - driven_m - track.size[0] / 2.0 - half_along_m;
        let in_way = left_m.abs() <= reach_m || comes;
        (in_way && along_m > driven_m).then_some((gap_m, along_mps.max(0.0)))
    });
    ahead.min_by(|a, b| a.0.total_cmp(&b.0))
}

/// Distances driven from `start` on: as recorded, but slower where `accel` says so; never ahead of the recording.
///
/// The acceleration changes no faster than [`JERK_MPS3`], down to a stop: `v = a²/2j` is the speed at which it must begin to
/// fade for both to end together. Who catches up eases off before the recorded speed falls, and not at the moment at which
/// it does.
pub(crate) fn retime(
    track: &GridTrack,
    start: usize,
    mut accel_mps2: impl FnMut(usize, f64, f64) -> Option<f64>,
) -> Vec<f64> {
    let start = start.max(track.first);
    let (mut driven, mut speed) = (track.driven_m(start), track.speed_mps(start));
    let mut accel = (track.speed_mps(start + 1) - speed) / GRID_S;
    let mut all = Vec::new();
    for step in start..track.end() {
        all.push(driven);
        let (cap, there) = (track.speed_mps(step + 1), track.driven_m(step + 1));
        let recorded = (cap - speed) / GRID_S;
        let wanted = accel_mps2(step, driven, speed);
        let before = speed;
        let is_there = track.driven_m(step) - driven < SAME_M;
        if is_there && wanted.is_none_or(|wanted| wanted >= recorded) {
            (speed, driven) = (cap, there);
        } else {
            let limited = Pace { speed, accel }.next_mps2(track, step, wanted);
            speed = (speed + limited * GRID_S).clamp(0.0, cap);
            driven = (driven + speed * GRID_S).min(there);
        }
        accel = (speed - before) / GRID_S;
    }
    all
}

/// How somebody drives at a step.
#[derive(Debug, Clone, Copy)]
struct Pace {
    speed: f64,
    accel: f64,
}

impl Pace {
    /// The acceleration that is nearest to the wanted one without a jerk, now or where the recorded speed falls.
    fn next_mps2(self, track: &GridTrack, step: usize, wanted_mps2: Option<f64>) -> f64 {
        let change = JERK_MPS3 * GRID_S;
        let stop = -stopping_mps2(self.speed);
        let most = wanted_mps2
            .unwrap_or(CATCH_UP_MPS2)
            .clamp(self.accel - change, self.accel + change)
            .max(stop);
        let least = (self.accel - change).max(stop).min(most);
        let eased = [EASE_MPS3, JERK_MPS3]
            .into_iter()
            .find_map(|jerk| self.highest_mps2(track, step, [least, most], jerk));
        // Where the recording itself is harder than that, it is followed.
        eased.unwrap_or(most)
    }

    /// The highest acceleration of a range from which a jerk keeps the speed below the recorded one; none where there is none.
    fn highest_mps2(
        self,
        track: &GridTrack,
        step: usize,
        [mut low, mut high]: [f64; 2],
        jerk_mps3: f64,
    ) -> Option<f64> {
        let fits = |accel: f64| Self { accel, ..self }.eases_off(track, step, jerk_mps3);
        if fits(high) {
            return Some(high);
        }
        if !fits(low) {
            return None;
        }
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(low, high);
            if fits(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        Some(low)
    }

    /// Whether the speed stays below the recorded one when the acceleration falls from now on, down to the hardest braking.
    fn eases_off(self, track: &GridTrack, step: usize, jerk_mps3: f64) -> bool {
        let Self {
            mut speed,
            mut accel,
        } = self;
        // What comes after the end of the recording stops nobody.
        for ahead in step + 1..track.end().min(step + 1 + EASE_STEPS) {
            speed += accel * GRID_S;
            if speed > track.speed_mps(ahead).max(0.0) + SAME_MPS {
                return false;
            }
            if speed <= 0.0 {
                return true;
            }
            let hardest = DECEL_MAX_MPS2.min(stopping_mps2(speed));
            accel = (accel - jerk_mps3 * GRID_S).max(-hardest);
        }
        true
    }
}

/// The deceleration `b` from which a smooth stop is still possible at a speed: after a step, `v − b·dt = b²/2j`.
pub(crate) fn stopping_mps2(speed_mps: f64) -> f64 {
    let steps = GRID_S * GRID_S + 2.0 * speed_mps.max(0.0) / JERK_MPS3;
    JERK_MPS3 * (steps.sqrt() - GRID_S)
}

/// The track that drives the recorded path with other distances from `start` on. Up to where these differ it is the recorded
/// one; from there on it drives the line through the spine, and what lies between the two there fades.
pub(crate) fn from_driven(track: &GridTrack, start: usize, driven_m: &[f64]) -> GridTrack {
    let start = start.max(track.first);
    let lags = |k: &usize| track.driven_m(start + k) - driven_m[*k] > LAG_MIN_M;
    let Some(first) = (0..driven_m.len()).find(lags) else {
        return track.clone();
    };
    let seam = start + first - track.first;
    let on_line = track.at_driven(track.driven_m(start + first));
    let there = track.states[seam];
    let moved = driven_m[first..].iter().enumerate().map(|(k, driven)| {
        let keep = fade(k as f64 * GRID_S);
        let state = track.at_driven(*driven);
        State {
            x_m: state.x_m + keep * (there.x_m - on_line.x_m),
            y_m: state.y_m + keep * (there.y_m - on_line.y_m),
            z_m: state.z_m + keep * (there.z_m - on_line.z_m),
            yaw_rad: wrap_rad(state.yaw_rad + keep * wrap_rad(there.yaw_rad - on_line.yaw_rad)),
        }
    });
    let kept = track.states[..seam].iter().copied();
    GridTrack::of(track.first, kept.chain(moved).collect(), track.size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::grid::Sample;

    #[test]
    fn braking_begins_and_ends_smoothly() {
        let samples: Vec<Sample> = (0..100)
            .map(|i| {
                let time_s = f64::from(i) * 0.1;
                let state = State {
                    x_m: 12.0 * time_s,
                    y_m: 0.0,
                    z_m: 0.0,
                    yaw_rad: 0.0,
                };
                Sample { time_s, state }
            })
            .collect();
        let track = GridTrack::smoothed(&samples, [4.5, 1.9, 1.5]).unwrap();
        let driven = retime(&track, 100, |_, _, _| Some(-7.0));
        let accel: Vec<f64> = driven
            .windows(3)
            .map(|w| (w[2] - 2.0 * w[1] + w[0]) / (GRID_S * GRID_S))
            .collect();
        let least = accel.iter().copied().fold(0.0, f64::min);
        assert!((least + 7.0).abs() < 0.01, "{least}");
        let jerk = accel
            .windows(6)
            .map(|w| ((w[5] - w[0]) / (5.0 * GRID_S)).abs());
        let most = jerk.fold(0.0, f64::max);
        assert!(most < 1.05 * JERK_MPS3, "{most}");
        assert!(
            driven[driven.len() - 1] - driven[driven.len() - 2] < 1e-9,
            "it stands"
        );
    }

    /// Who lost speed and catches up meets a recording that brakes hard, and follows it without a jerk.
    #[test]
    fn who_catches_up_eases_off_before_the_recording_brakes() {
        let speed = |time_s: f64| 12.0 - 5.0 * (time_s - 6.0).clamp(0.0, 2.0);
        let mut x_m = 0.0;
        let states = (0..500).map(|step| {
            x_m += speed(f64::from(step) * GRID_S) * GRID_S;
            State {
                x_m,
                y_m: 0.0,
                z_m: 0.0,
                yaw_rad: 0.0,
            }
        });
        let track = GridTrack::of(0, states.collect(), [4.5, 1.9, 1.5]);
        let driven = retime(&track, 100, |step, _, _| (step < 200).then_some(-4.0));
        let accel: Vec<f64> = driven
            .windows(3)
            .map(|w| (w[2] - 2.0 * w[1] + w[0]) / (GRID_S * GRID_S))
            .collect();
        let caught_up = accel.iter().copied().fold(0.0, f64::max);
        assert!((caught_up - CATCH_UP_MPS2).abs() < 0.01, "{caught_up}");
        let jerk = accel
            .windows(6)
            .map(|w| ((w[5] - w[0]) / (5.0 * GRID_S)).abs());
        let most = jerk.fold(0.0, f64::max);
        assert!(most < 1.05 * JERK_MPS3, "{most}");
        let ahead = driven.iter().enumerate();
        let ahead = ahead.map(|(k, driven)| driven - track.driven_m(100 + k));
        assert!(ahead.fold(f64::MIN, f64::max) < 1e-9, "never ahead");
        let last_mps = (driven[399] - driven[398]) / GRID_S;
        assert!((last_mps - 2.0).abs() < 0.01, "{last_mps}");
    }
}
