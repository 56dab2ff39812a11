//! Tails of sums of independent variables, from their cumulant generating function.
//!
//! The saddlepoint approximation of Lugannani and Rice (1980, *Advances in Applied Probability* 12:475), in the form of
//! Barndorff-Nielsen (1986, *Biometrika* 73:307), which stays between 0 and 1. Its error is relative, a few per cent at
//! most, however far out the tail lies: that is why it may decide where a drawn p-value stops at one over the draws.

use crate::normal::normal_tail;

/// Steps to the saddlepoint; each at least halves what is left.
const STEPS_MAX: u32 = 200;
/// Below this the observed value is at the centre, where the formula is 0 / 0.
const CENTRE: f64 = 1e-4;

/// The chance of at least `at` where the saddlepoint `t` solves `K'(t) = at`; `value` is `K(t)`, `curvature` `K''(t)`.
fn tail_from_saddlepoint(t: f64, at: f64, value: f64, curvature: f64) -> f64 {
    let w = (2.0 * (t * at - value)).max(0.0).sqrt().copysign(t);
    let u = t * curvature.sqrt();
    if w.abs() < CENTRE || u == 0.0 {
        return normal_tail(w);
    }
    normal_tail(w + (u / w).ln() / w)
}

/// The chance that `Σ ±size` is at least `at > 0`, each sign being a fair coin (Robinson 1982, *Journal of the Royal
/// Statistical Society B* 44:91, who applies it to this test). `sizes` are above 0; sums
/// within `slack` of one another are equal, but for rounding.
pub(crate) fn signs_tail(sizes: &[f64], at: f64, slack: f64) -> f64 {
    let total: f64 = sizes.iter().sum();
    if at > total + slack {
        return 0.0;
    }
    if at >= total - 2.0 * slack {
        return 0.5_f64.powi(i32::try_from(sizes.len()).unwrap_or(i32::MAX));
    }
    // The slope is concave, so that Newton's steps from the left never pass the root.
    let mut t = at / sizes.iter().map(|size| size * size).sum::<f64>();
    let (mut slope, mut curvature) = slope_and_curvature(sizes, t);
    for _ in 0..STEPS_MAX {
        let step = (at - slope) / curvature;
        if !step.is_finite() || step <= 1e-10 * t {
            break;
        }
        t += step;
        (slope, curvature) = slope_and_curvature(sizes, t);
    }
    // ln cosh, without overflow.
    let value: f64 = sizes
        .iter()
        .map(|size| t * size + (-2.0 * t * size).exp().ln_1p() - std::f64::consts::LN_2)
        .sum();
    tail_from_saddlepoint(t, at, value, curvature)
}

fn slope_and_curvature(sizes: &[f64], t: f64) -> (f64, f64) {
    let mut sums = (0.0, 0.0);
    for size in sizes {
        let tanh = (t * size).tanh();
        sums.0 += size * tanh;
        sums.1 += size * size * (1.0 - tanh * tanh);
    }
    sums
}

/// The chance that `Σ value · E` is at least 0, the `E` being exponential with mean 1. Each value comes with the number of
/// times that it is there.
pub(crate) fn exponentials_tail(terms: &[(f64, f64)]) -> f64 {
    let most = terms.iter().map(|term| term.0).fold(0.0, f64::max);
    let least = terms.iter().map(|term| term.0).fold(0.0, f64::min);
    if least >= 0.0 {
        return 1.0;
    }
    if most <= 0.0 {
        return 0.0;
    }
    // The slope of the cumulant generating function -Σ ln(1 - t v) rises from -∞ to ∞ between the poles.
    let (mut low, mut high) = (1.0 / least, 1.0 / most);
    let mut t = 0.0;
    let mut curvature = 0.0;
    for _ in 0..STEPS_MAX {
        let mut slope = 0.0;
        curvature = 0.0;
        for (value, count) in terms {
            let term = value / (1.0 - t * value);
            slope += count * term;
            curvature += count * term * term;
        }
        *(if slope > 0.0 { &mut high } else { &mut low }) = t;
        let newton = t - slope / curvature;
        let next = if newton > low && newton < high {
            newton
        } else {
            f64::midpoint(low, high)
        };
        let step = (next - t).abs();
        t = next;
        if step * curvature.sqrt() < 1e-9 {
            break;
        }
    }
    let logs = terms
        .iter()
        .map(|(value, count)| count * (-t * value).ln_1p());
    tail_from_saddlepoint(t, 0.0, -logs.sum::<f64>(), curvature)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the sum of `a` exponentials outweighs that of `b` others is a question of a beta variable:
    /// `scipy.stats.beta.sf(0.5, a, b)`.
    #[test]
    fn sums_of_exponentials_agree_with_the_beta_distribution() {
        for (a, b, expected) in [
            (1_usize, 12_usize, 0.5_f64.powi(12)),
            (3, 20, 6.055_831_909_179_7e-5),
            (10, 30, 5.325_098_197_762_7e-4),
            (40, 60, 0.021_937_646_793_506),
        ] {
            let tail = exponentials_tail(&[(1.0, a as f64), (-1.0, b as f64)]);
            assert!((tail / expected - 1.0).abs() < 0.04, "{a} {b}: {tail:e}");
        }
    }

    #[test]
    fn the_centre_is_a_half() {
        assert!((exponentials_tail(&[(1.0, 1.0), (-1.0, 2.0), (1.0, 1.0)]) - 0.5).abs() < 1e-6);
        assert_eq!(exponentials_tail(&[(-1.0, 1.0), (-2.0, 1.0)]), 0.0);
        assert_eq!(exponentials_tail(&[(1.0, 1.0), (2.0, 1.0)]), 1.0);
    }
}
