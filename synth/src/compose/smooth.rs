//! From samples to a smooth track: a regression in time, and what goes on where a track was out of sight.

use driveloop_schemas::maths::exp;
use driveloop_schemas::pose::wrap_rad;

use super::grid::{Sample, State};

/// Width of the smoothing kernel: a tracker's errors wander slowly, and differences of them must not look like motion.
const SMOOTHING_S: f64 = 0.3;
/// Half window of the kernel.
const WINDOW_S: f64 = 0.9;
/// Time between two samples that is a gap: the track was out of sight.
const GAP_S: f64 = 0.35;

/// Linear between the two samples around a time.
pub(super) fn interpolate(samples: &[Sample], time_s: f64) -> State {
    let after = samples
        .partition_point(|s| s.time_s < time_s)
        .clamp(1, samples.len() - 1);
    let (a, b) = (samples[after - 1], samples[after]);
    let span = b.time_s - a.time_s;
    let t = if span > 0.0 {
        ((time_s - a.time_s) / span).clamp(0.0, 1.0)
    } else {
        0.0
    };
    State::between(a.state, b.state, t)
}

/// Local linear regression, and across a gap the cubic that goes on as it comes: a regression that reaches far into a gap
/// from a few samples on one side of it hops, and a path with a hop cannot be driven.
pub(super) fn smooth(samples: &[Sample], time_s: f64) -> State {
    let after = samples
        .partition_point(|s| s.time_s < time_s)
        .clamp(1, samples.len() - 1);
    let (from_s, to_s) = (samples[after - 1].time_s, samples[after].time_s);
    let is_within = time_s > from_s && time_s < to_s;
    if to_s - from_s > GAP_S && is_within {
        let [from, to] = [from_s, to_s].map(|end_s| regression(samples, end_s));
        return across(from, to, to_s - from_s, (time_s - from_s) / (to_s - from_s));
    }
    regression(samples, time_s).0
}

/// Cubic Hermite between two states with their rates; no rate is more than three times the mean (Fritsch and Carlson,
/// "Monotone piecewise cubic interpolation", SIAM Journal on Numerical Analysis 17, 1980), so that nobody backs up in between.
fn across(from: (State, [f64; 3]), to: (State, [f64; 3]), span_s: f64, u: f64) -> State {
    let (a, b) = (from.0, to.0);
    let ends = [[a.x_m, b.x_m], [a.y_m, b.y_m], [a.z_m, b.z_m]];
    let (rest, square) = (1.0 - u, u * u);
    let [x_m, y_m, z_m] = std::array::from_fn(|i| {
        let mean = ends[i][1] - ends[i][0];
        let rate = |rate: f64| {
            let share = if mean == 0.0 {
                0.0
            } else {
                rate * span_s / mean
            };
            share.clamp(0.0, 3.0) * mean
        };
        (1.0 + 2.0 * u) * rest * rest * ends[i][0]
            + u * rest * rest * rate(from.1[i])
            + square * (3.0 - 2.0 * u) * ends[i][1]
            - square * rest * rate(to.1[i])
    });
    State {
        x_m,
        y_m,
        z_m,
        yaw_rad: State::between(a, b, u).yaw_rad,
    }
}

/// Local linear regression with a Gaussian kernel: unlike a moving average it keeps speeds at the ends. The state, and the
/// rates of its place.
fn regression(samples: &[Sample], time_s: f64) -> (State, [f64; 3]) {
    let low = samples.partition_point(|s| s.time_s < time_s - WINDOW_S);
    let high = samples.partition_point(|s| s.time_s <= time_s + WINDOW_S);
    let near = &samples[low..high];
    let Some(reference) = near.first().map(|s| s.state.yaw_rad) else {
        return (interpolate(samples, time_s), [0.0; 3]);
    };
    let (mut weight, mut time, mut square) = (0.0, 0.0, 0.0);
    let (mut value, mut product) = ([0.0; 4], [0.0; 4]);
    for sample in near {
        let t = sample.time_s - time_s;
        let w = exp(-0.5 * (t / SMOOTHING_S).powi(2));
        let s = sample.state;
        let values = [s.x_m, s.y_m, s.z_m, wrap_rad(s.yaw_rad - reference)];
        (weight, time, square) = (weight + w, time + w * t, square + w * t * t);
        for (index, v) in values.into_iter().enumerate() {
            value[index] += w * v;
            product[index] += w * t * v;
        }
    }
    let spread = weight * square - time * time;
    if spread < 1e-9 {
        return (interpolate(samples, time_s), [0.0; 3]);
    }
    let [x_m, y_m, z_m, yaw] =
        std::array::from_fn(|i| (square * value[i] - time * product[i]) / spread);
    let rates = std::array::from_fn(|i| (weight * product[i] - time * value[i]) / spread);
    let state = State {
        x_m,
        y_m,
        z_m,
        yaw_rad: wrap_rad(yaw + reference),
    };
    (state, rates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_goes_on_through_a_gap() {
        let at = |time_s: f64| (12.0 - time_s) * time_s / 2.0;
        let sample = |time_s: f64| Sample {
            time_s,
            state: State {
                x_m: at(time_s) + 0.1 * (17.0 * time_s).sin(),
                y_m: 0.0,
                z_m: 0.0,
                yaw_rad: 0.0,
            },
        };
        let times = (0..50).map(|i| f64::from(i) * 0.1);
        let seen: Vec<Sample> = times
            .filter(|time_s| !(2.05..4.05).contains(time_s))
            .map(sample)
            .collect();
        let driven: Vec<f64> = (0..245)
            .map(|step| smooth(&seen, f64::from(step) * 0.02).x_m)
            .collect();
        let steps = driven.windows(2).map(|w| w[1] - w[0]);
        let least = steps.fold(f64::INFINITY, f64::min);
        assert!(least > -1e-3, "nobody backs up: {least}");
        let middle = smooth(&seen, 3.05).x_m;
        assert!((middle - at(3.05)).abs() < 0.5, "{middle}");
    }
}
