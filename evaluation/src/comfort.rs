//! Whether a path can be driven without discomfort.
//!
//! The bounds are those of nuPlan's `ego_is_comfortable` (Karnchanachari et al., "Towards learning-based planning: the nuPlan
//! benchmark for real-world autonomous driving", ICRA 2024, and the metrics' configuration that comes with it), which were found
//! from what expert drivers do. As there, derivatives come from a Savitzky–Golay filter over 15 points ("Smoothing and
//! differentiation of data by simplified least squares procedures", Analytical Chemistry 36, 1964); a prediction has positions
//! alone, so that it is a cubic over these, and the first and last polynomial at the ends.

use driveloop_schemas::forecast::STEP_NS;
use driveloop_schemas::maths::hypot;
use driveloop_schemas::time::seconds_between;

/// Points of the filter to each side.
const HALF: usize = 7;
/// Sums of t², t⁴ and t⁶ for t = -7 … 7, the moments of the least squares.
const MOMENTS: [f64; 3] = [280.0, 9_352.0, 369_640.0];
/// Points of the filter.
const POINTS: f64 = 15.0;
/// Below this speed a direction of motion, and what is said along and across it, has no meaning.
const SPEED_MIN_MPS: f64 = 2.0;

const LONGITUDINAL_ACCEL_MPS2: [f64; 2] = [-4.05, 2.40];
const LATERAL_ACCEL_MAX_MPS2: f64 = 4.89;
const YAW_RATE_MAX_RADPS: f64 = 0.95;
const YAW_ACCEL_MAX_RADPS2: f64 = 1.93;
const LONGITUDINAL_JERK_MAX_MPS3: f64 = 4.13;
const JERK_MAX_MPS3: f64 = 8.37;

/// The first three derivatives of a path at one of its points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Motion {
    /// Metres per second.
    pub velocity_mps: [f64; 2],
    /// Metres per second squared.
    pub accel_mps2: [f64; 2],
    /// Metres per second cubed.
    pub jerk_mps3: [f64; 2],
}

/// The derivatives at each point of a path with a point every 0.1 s; empty where it has fewer than 15.
#[must_use]
pub fn motions(path: &[[f64; 2]]) -> Vec<Motion> {
    if path.len() <= 2 * HALF {
        return Vec::new();
    }
    let last = path.len() - 1 - HALF;
    (0..path.len())
        .map(|at| {
            let middle = at.clamp(HALF, last);
            let window = &path[middle - HALF..=middle + HALF];
            let t = at as f64 - middle as f64;
            let [x, y] = [0, 1].map(|axis| derivatives(window, axis, t));
            Motion {
                velocity_mps: [x[0], y[0]],
                accel_mps2: [x[1], y[1]],
                jerk_mps3: [x[2], y[2]],
            }
        })
        .collect()
}

/// The derivatives of the cubic of least squares through a window, `t` steps from its middle.
fn derivatives(window: &[[f64; 2]], axis: usize, t: f64) -> [f64; 3] {
    // Map coordinates run to kilometres: sums of them times t³ would lose the millimetres.
    let origin = window[HALF][axis];
    let mut sums = [0.0; 4];
    for (index, point) in window.iter().enumerate() {
        let (step, value) = (index as f64 - HALF as f64, point[axis] - origin);
        for (power, sum) in sums.iter_mut().enumerate() {
            *sum += value * step.powi(power as i32);
        }
    }
    let [s2, s4, s6] = MOMENTS;
    // Even and odd powers are orthogonal over a window that is the same to both sides.
    let b = (POINTS * sums[2] - s2 * sums[0]) / (POINTS * s4 - s2 * s2);
    let odd = s2 * s6 - s4 * s4;
    let a = (s6 * sums[1] - s4 * sums[3]) / odd;
    let c = (s2 * sums[3] - s4 * sums[1]) / odd;
    let step_s = seconds_between(0, STEP_NS);
    [
        (a + 2.0 * b * t + 3.0 * c * t * t) / step_s,
        (2.0 * b + 6.0 * c * t) / step_s.powi(2),
        6.0 * c / step_s.powi(3),
    ]
}

/// Whether a path with a point every 0.1 s breaks a bound anywhere.
#[must_use]
pub fn is_uncomfortable(path: &[[f64; 2]]) -> bool {
    motions(path).iter().any(breaks_a_bound)
}

fn breaks_a_bound(motion: &Motion) -> bool {
    let Motion {
        velocity_mps: v,
        accel_mps2: a,
        jerk_mps3: j,
    } = motion;
    if hypot(j[0], j[1]) > JERK_MAX_MPS3 {
        return true;
    }
    let speed_mps = hypot(v[0], v[1]);
    if speed_mps < SPEED_MIN_MPS {
        return false;
    }
    let along = |w: &[f64; 2]| (v[0] * w[0] + v[1] * w[1]) / speed_mps;
    let across = |w: &[f64; 2]| (v[0] * w[1] - v[1] * w[0]) / speed_mps;
    let yaw_rate_radps = across(a) / speed_mps;
    let yaw_accel_radps2 = (across(j) - 2.0 * yaw_rate_radps * along(a)) / speed_mps;
    let [brake, gas] = LONGITUDINAL_ACCEL_MPS2;
    !(brake..=gas).contains(&along(a))
        || across(a).abs() > LATERAL_ACCEL_MAX_MPS2
        || yaw_rate_radps.abs() > YAW_RATE_MAX_RADPS
        || yaw_accel_radps2.abs() > YAW_ACCEL_MAX_RADPS2
        || along(j).abs() > LONGITUDINAL_JERK_MAX_MPS3
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path of 3 s along x from a position in the map, its place a function of time.
    fn path(x_m: impl Fn(f64) -> f64) -> Vec<[f64; 2]> {
        (0..=30)
            .map(|k| [4_000.0 + x_m(f64::from(k) / 10.0), -9_000.0])
            .collect()
    }

    /// A cubic is its own least squares, at the ends too.
    #[test]
    fn derivatives_of_a_cubic_are_exact() {
        let found = motions(&path(|t| 12.0 * t - 1.5 * t * t + 0.4 * t * t * t));
        assert_eq!(found.len(), 31);
        for (k, motion) in found.iter().enumerate() {
            let t = k as f64 / 10.0;
            let expected = [12.0 - 3.0 * t + 1.2 * t * t, -3.0 + 2.4 * t, 2.4];
            let actual = [
                motion.velocity_mps[0],
                motion.accel_mps2[0],
                motion.jerk_mps3[0],
            ];
            for (actual, expected) in actual.iter().zip(expected) {
                assert!(
                    (actual - expected).abs() < 1e-6,
                    "{k}: {actual}, {expected}"
                );
            }
            assert!(motion.accel_mps2[1].abs() < 1e-9);
        }
        assert!(motions(&[[0.0, 0.0]; 14]).is_empty());
    }

    #[test]
    fn braking_and_accelerating_have_bounds_of_their_own() {
        let steady = |accel: f64| path(move |t| 15.0 * t + accel * t * t / 2.0);
        assert!(!is_uncomfortable(&steady(-4.0)));
        assert!(is_uncomfortable(&steady(-4.1)));
        assert!(!is_uncomfortable(&steady(2.35)));
        assert!(is_uncomfortable(&steady(2.45)));
    }

    #[test]
    fn a_turn_is_uncomfortable_by_its_lateral_acceleration() {
        // Speed and radius: v²/r across, v/r turned.
        let turn = |speed: f64, radius: f64| -> Vec<[f64; 2]> {
            let angle = |k: i32| speed / radius * f64::from(k) / 10.0;
            (0..=30)
                .map(|k| [radius * angle(k).sin(), radius * (1.0 - angle(k).cos())])
                .collect()
        };
        assert!(!is_uncomfortable(&turn(10.0, 25.0))); // 4 m/s², 0.4 rad/s
        assert!(is_uncomfortable(&turn(10.0, 19.0))); // 5.3 m/s²
        assert!(is_uncomfortable(&turn(4.0, 3.5))); // 4.6 m/s², but 1.1 rad/s
    }

    #[test]
    fn what_stands_or_jitters_a_little_is_comfortable() {
        assert!(!is_uncomfortable(&path(|_| 0.0)));
        assert!(!is_uncomfortable(&path(|t| 0.02 * (t * 31.0).sin())));
        let jump = path(|t| if t < 1.0 { 0.0 } else { 1.0 });
        assert!(is_uncomfortable(&jump));
    }
}
