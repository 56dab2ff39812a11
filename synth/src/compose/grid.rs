//! A track on a fine, even grid of time: smoothed, with the distance that it has driven.

use driveloop_schemas::geometry::OrientedBox;
use driveloop_schemas::maths::{cos, hypot, sin, sin_cos};
use driveloop_schemas::pose::wrap_rad;

use super::smooth::{interpolate, smooth};

/// Step of the grid.
pub(crate) const GRID_S: f64 = 0.02;
/// Steps to each side over which a speed is taken.
const SPEED_STEPS: usize = 5;
/// Forward motion slower than this is a tracker's error, not driving.
const CREEP_MPS: f64 = 0.1;
/// Distance between the points through which a re-timed track drives: where the recorded one stood, its errors are no bends.
const SPINE_M: f64 = 1.0;
/// Longest track, six hours: a stamp that is years away must not fill the memory with states.
const STEPS_MAX: usize = 6 * 3600 * 50;
/// How far a path is continued past its recorded end.
const EXTENSION_M: usize = 60;

/// A pose on the grid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct State {
    pub(crate) x_m: f64,
    pub(crate) y_m: f64,
    pub(crate) z_m: f64,
    pub(crate) yaw_rad: f64,
}

impl State {
    pub(crate) fn between(a: Self, b: Self, t: f64) -> Self {
        let mix = |a: f64, b: f64| a + (b - a) * t;
        Self {
            x_m: mix(a.x_m, b.x_m),
            y_m: mix(a.y_m, b.y_m),
            z_m: mix(a.z_m, b.z_m),
            yaw_rad: wrap_rad(a.yaw_rad + wrap_rad(b.yaw_rad - a.yaw_rad) * t),
        }
    }

    pub(crate) fn footprint(self, size: [f64; 3]) -> OrientedBox {
        OrientedBox {
            x_m: self.x_m,
            y_m: self.y_m,
            yaw_rad: self.yaw_rad,
            length_m: size[0],
            width_m: size[1],
        }
    }
}

/// A recorded pose with its time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) time_s: f64,
    pub(crate) state: State,
}

/// A track from grid step `first` on.
#[derive(Debug, Clone)]
pub(crate) struct GridTrack {
    pub(crate) first: usize,
    pub(crate) states: Vec<State>,
    /// Distance driven forwards since `first`, at each step.
    driven_m: Vec<f64>,
    /// States at least `SPINE_M` apart, the first and the last among them.
    spine: Vec<usize>,
    /// Length, width and height.
    pub(crate) size: [f64; 3],
}

impl GridTrack {
    /// Puts samples (in order of time) on the grid; none where they are fewer than two.
    pub(crate) fn smoothed(samples: &[Sample], size: [f64; 3]) -> Option<Self> {
        Self::with(samples, size, smooth)
    }

    /// As [`GridTrack::smoothed`], for samples that are dense and exact.
    pub(crate) fn interpolated(samples: &[Sample], size: [f64; 3]) -> Option<Self> {
        Self::with(samples, size, interpolate)
    }

    fn with(samples: &[Sample], size: [f64; 3], at: fn(&[Sample], f64) -> State) -> Option<Self> {
        let (start, end) = (samples.first()?.time_s, samples.last()?.time_s);
        let (first, last) = (
            (start / GRID_S).ceil() as usize,
            (end / GRID_S).floor() as usize,
        );
        if last <= first || last - first > STEPS_MAX {
            return None;
        }
        let states = (first..=last)
            .map(|step| at(samples, step as f64 * GRID_S))
            .collect();
        Some(Self::of(first, states, size))
    }

    pub(crate) fn of(first: usize, states: Vec<State>, size: [f64; 3]) -> Self {
        let mut driven_m = vec![0.0];
        let mut driven = 0.0;
        for pair in states.windows(2) {
            let (dx, dy) = (pair[1].x_m - pair[0].x_m, pair[1].y_m - pair[0].y_m);
            let (sin, cos) = sin_cos(pair[0].yaw_rad);
            driven += if dx * cos + dy * sin > CREEP_MPS * GRID_S {
                hypot(dx, dy)
            } else {
                0.0
            };
            driven_m.push(driven);
        }
        let spine = spine_of(&driven_m);
        Self {
            first,
            states,
            driven_m,
            spine,
            size,
        }
    }

    /// The step after the last.
    pub(crate) fn end(&self) -> usize {
        self.first + self.states.len()
    }

    pub(crate) fn contains(&self, step: usize) -> bool {
        (self.first..self.end()).contains(&step)
    }

    pub(crate) fn state(&self, step: usize) -> Option<State> {
        self.states.get(step.checked_sub(self.first)?).copied()
    }

    /// The state at a time, held at the ends.
    pub(crate) fn at_time(&self, time_s: f64) -> State {
        let at = (time_s / GRID_S - self.first as f64).clamp(0.0, (self.states.len() - 1) as f64);
        let index = (at as usize).min(self.states.len() - 2);
        State::between(
            self.states[index],
            self.states[index + 1],
            at - index as f64,
        )
    }

    /// Distance driven at a step, held at the ends.
    pub(crate) fn driven_m(&self, step: usize) -> f64 {
        self.driven_m[step.saturating_sub(self.first).min(self.driven_m.len() - 1)]
    }

    /// Speed forwards at a step.
    pub(crate) fn speed_mps(&self, step: usize) -> f64 {
        let low = step.saturating_sub(SPEED_STEPS).max(self.first);
        let high = (step + SPEED_STEPS).min(self.end() - 1);
        let time_s = (high.max(low + 1) - low) as f64 * GRID_S;
        (self.driven_m(high) - self.driven_m(low)) / time_s
    }

    /// Velocity over ground at a step, whichever way the track points.
    pub(crate) fn velocity_mps(&self, step: usize) -> [f64; 2] {
        let last = self.states.len() - 1;
        let at = step.saturating_sub(self.first).min(last);
        let (low, high) = (at.saturating_sub(SPEED_STEPS), (at + SPEED_STEPS).min(last));
        let time_s = (high.max(low + 1) - low) as f64 * GRID_S;
        let (a, b) = (self.states[low], self.states[high]);
        [(b.x_m - a.x_m) / time_s, (b.y_m - a.y_m) / time_s]
    }

    /// The first step from `from` on at which the track has driven a distance.
    pub(crate) fn step_at_driven(&self, from: usize, driven_m: f64) -> Option<usize> {
        (from.max(self.first)..self.end()).find(|step| self.driven_m(*step) >= driven_m)
    }

    /// The pose where the track had driven a distance, on the line through its spine.
    pub(crate) fn at_driven(&self, driven_m: f64) -> State {
        let after = self.spine.partition_point(|i| self.driven_m[*i] < driven_m);
        let Some(before) = after.checked_sub(1).map(|i| self.spine[i]) else {
            return self.states[0];
        };
        let Some(next) = self.spine.get(after).copied() else {
            return self.states[self.states.len() - 1];
        };
        let step_m = self.driven_m[next] - self.driven_m[before];
        let t = (driven_m - self.driven_m[before]) / step_m;
        State::between(self.states[before], self.states[next], t)
    }

    /// The path: points with the distance driven there, about a metre apart, continued past the end in its last bend.
    pub(crate) fn path(&self) -> Vec<(f64, State)> {
        let total = self.driven_m[self.driven_m.len() - 1];
        let mut path: Vec<(f64, State)> = (0..=total as usize)
            .map(|m| m as f64)
            .map(|m| (m, self.at_driven(m)))
            .collect();
        let end = self.states[self.states.len() - 1];
        let back_m = total.min(10.0);
        let bend = wrap_rad(end.yaw_rad - self.at_driven(total - back_m).yaw_rad);
        let bend_per_m = if back_m > 5.0 { bend / back_m } else { 0.0 };
        let mut state = end;
        for m in 1..=EXTENSION_M {
            state.yaw_rad = wrap_rad(state.yaw_rad + bend_per_m);
            state.x_m += cos(state.yaw_rad);
            state.y_m += sin(state.yaw_rad);
            path.push((total + m as f64, state));
        }
        path
    }
}

fn spine_of(driven_m: &[f64]) -> Vec<usize> {
    let mut spine = vec![0];
    let mut last_m = 0.0;
    for (index, driven) in driven_m.iter().enumerate() {
        if driven - last_m >= SPINE_M {
            spine.push(index);
            last_m = *driven;
        }
    }
    if driven_m.last().is_some_and(|driven| *driven > last_m) {
        spine.push(driven_m.len() - 1);
    }
    spine
}

/// Place of a point beside a path: distance along it and offset to its left; none where it is before the path or past it.
pub(crate) fn project(path: &[(f64, State)], x_m: f64, y_m: f64) -> Option<(f64, f64)> {
    let squared = |s: &State| (s.x_m - x_m).powi(2) + (s.y_m - y_m).powi(2);
    let (driven, nearest) = path
        .iter()
        .min_by(|a, b| squared(&a.1).total_cmp(&squared(&b.1)))?;
    let (sin, cos) = sin_cos(nearest.yaw_rad);
    let (dx, dy) = (x_m - nearest.x_m, y_m - nearest.y_m);
    let along = dx * cos + dy * sin;
    (along.abs() < 2.0).then_some((driven + along, dy * cos - dx * sin))
}

/// The pose on a path at a distance along it, held at the ends.
pub(crate) fn path_at(path: &[(f64, State)], along_m: f64) -> State {
    let after = path
        .partition_point(|(m, _)| *m < along_m)
        .clamp(1, path.len() - 1);
    let (a, b) = (path[after - 1], path[after]);
    let t = ((along_m - a.0) / (b.0 - a.0)).clamp(0.0, 1.0);
    State::between(a.1, b.1, t)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn straight(speed_mps: f64) -> GridTrack {
        let samples: Vec<Sample> = (0..100)
            .map(|i| {
                let time_s = f64::from(i) * 0.1;
                let state = State {
                    x_m: speed_mps * time_s,
                    y_m: 1.0,
                    z_m: 0.0,
                    yaw_rad: 0.0,
                };
                Sample { time_s, state }
            })
            .collect();
        GridTrack::smoothed(&samples, [4.5, 1.9, 1.5]).unwrap()
    }

    #[test]
    fn a_straight_drive_stays_as_it_was() {
        let track = straight(10.0);
        assert!((track.speed_mps(0) - 10.0).abs() < 1e-9);
        assert!((track.speed_mps(300) - 10.0).abs() < 1e-9);
        assert!((track.at_time(3.333).x_m - 33.33).abs() < 1e-9);
        assert!((track.at_driven(50.0).x_m - 50.0).abs() < 1e-9);
    }

    #[test]
    fn a_point_has_its_place_beside_the_path() {
        let path = straight(10.0).path();
        let (along, left) = project(&path, 120.3, 4.5).unwrap();
        assert!((along - 120.3).abs() < 1e-6 && (left - 3.5).abs() < 1e-6);
        assert!(project(&path, -20.0, 0.0).is_none());
    }
}
