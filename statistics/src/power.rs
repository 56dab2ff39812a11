//! How many scenes or drives would decide it.

use crate::normal::{normal_quantile, normal_tail};
use crate::score::Discordance;

/// Doublings and halvings of a search for a count.
const STEPS_MAX: u32 = 100;

/// What a count is computed for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// The worsening that is to be excluded, or to be found.
    pub margin: f64,
    /// One-sided level of the test that decides, after correction for the number of tests.
    pub alpha: f64,
    /// Chance to decide.
    pub power: f64,
}

impl Target {
    fn quantiles(self) -> (f64, f64) {
        (
            normal_quantile(1.0 - self.alpha),
            normal_quantile(self.power),
        )
    }
}

/// The share of discordant scenes that is planned with: `(discordant + 1) / (scenes + 2)`, since none among few is no
/// proof of none.
fn discordant_share(observed: Discordance) -> f64 {
    (observed.new + observed.mended + 1.0) / (observed.scenes + 2.0)
}

/// Independent scenes after which the score test shows that a candidate like the baseline is no worse than the margin
/// `δ`: `n = (z_α √v(δ) + z_β √ψ)² / δ²`, where `ψ` is the share of discordant scenes and `v(δ)` the variance that is
/// fitted under "worse by δ" (Nam 1997, *Biometrics* 53:1422).
#[must_use]
pub fn scenes_for_no_worse(observed: Discordance, target: Target) -> f64 {
    no_worse(discordant_share(observed), target).ceil()
}

fn no_worse(discordant: f64, target: Target) -> f64 {
    let half = discordant / 2.0;
    let even = Discordance {
        scenes: 1.0,
        new: half,
        mended: half,
    };
    let held = even.variance_given(target.margin);
    let (z_alpha, z_beta) = target.quantiles();
    ((z_alpha * held.sqrt() + z_beta * discordant.sqrt()) / target.margin).powi(2)
}

/// Independent scenes after which McNemar's test shows that a candidate which is worse by the margin `δ` is worse:
/// `n = (z_α √ψ + z_β √(ψ − δ²))² / δ²` (Connor 1987, *Biometrics* 43:207), and `1/δ` more because the exact test moves in
/// steps of a scene (Fleiss, Levin and Paik 2003, *Statistical Methods for Rates and Proportions*, 3rd ed., section 13.2).
#[must_use]
pub fn scenes_for_worse(observed: Discordance, target: Target) -> f64 {
    (worse(discordant_share(observed), target) + 1.0 / target.margin).ceil()
}

fn worse(discordant: f64, target: Target) -> f64 {
    // Scenes that are worse by the margin are discordant.
    let discordant = discordant.max(target.margin);
    let seen = discordant - target.margin.powi(2);
    let (z_alpha, z_beta) = target.quantiles();
    ((z_alpha * discordant.sqrt() + z_beta * seen.sqrt()) / target.margin).powi(2)
}

/// Drives among which at least one is bad for the candidate, but for a chance of `alpha`, when it is worse by the margin
/// because `bad_share` of the scenes newly fail in the drives that are bad for it: `(1 − margin / bad_share)ᴷ ≤ alpha`.
/// With fewer, no bad drive may have been met, and nothing in the data says so.
#[must_use]
pub fn drives_to_meet_a_bad_one(bad_share: f64, target: Target) -> f64 {
    let bad_drives = target.margin / bad_share;
    if bad_drives >= 1.0 {
        return 1.0;
    }
    (target.alpha.ln() / (1.0 - bad_drives).ln()).ceil()
}

/// Drives whose sign flips can have a p-value of `alpha` at all: `2⁻ᴷ ≤ alpha`.
#[must_use]
pub fn drives_that_can_reject(alpha: f64) -> f64 {
    (-alpha.log2()).ceil()
}

/// Drives after which a mean is decided: `K (z_α + z_β)² (error / δ)²`, the error being that of the `K` drives at hand,
/// and `z_α² / 2` more because that error is estimated (Guenther 1981, *The American Statistician* 35:243).
#[must_use]
pub fn drives_for_mean(drives: f64, error: f64, target: Target) -> f64 {
    let (z_alpha, z_beta) = target.quantiles();
    let z = z_alpha + z_beta;
    (drives * (z * error / target.margin).powi(2) + z_alpha.powi(2) / 2.0).ceil()
}

/// Drives after which [`DriveShares`](crate::DriveShares) shows that a candidate like the baseline is no worse than the
/// margin: `spread` is the standard deviation of a drive's worsening, `bad_share` the worst that a drive may do. The bound
/// then lies where the sum of a normal variable with deviation `spread / √K` and an exponential one with mean
/// `bad_share / K` (the worst drive) exceeds it with chance `alpha`.
#[must_use]
pub fn drives_for_shares(spread: f64, bad_share: f64, target: Target) -> f64 {
    let (_, z_beta) = target.quantiles();
    let decides = |drives: f64| {
        let deviation = spread / drives.sqrt();
        let left = target.margin - z_beta * deviation;
        left > 0.0
            && normal_and_exponential_tail(left, deviation, bad_share / drives) <= target.alpha
    };
    let mut high = 2.0;
    for _ in 0..STEPS_MAX {
        if decides(high) {
            break;
        }
        high *= 2.0;
    }
    let mut low = high / 2.0;
    while high - low > 0.5 && high - low > 1e-6 * high {
        let middle = f64::midpoint(low, high);
        if decides(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high.ceil()
}

/// Chance that the sum of a normal variable with mean 0 and an exponential one exceeds `at`.
fn normal_and_exponential_tail(at: f64, deviation: f64, mean: f64) -> f64 {
    if deviation <= 1e-12 * mean {
        return (-at / mean).exp();
    }
    let rate = deviation / mean;
    let z = at / deviation;
    let exponential = (rate * (rate / 2.0 - z)).exp() * normal_tail(rate - z);
    normal_tail(z)
        + if exponential.is_finite() {
            exponential
        } else {
            0.0
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With all scenes of a bad drive failing it is the rule of three, 3.69 / margin at 2.5 %.
    #[test]
    fn a_bad_drive_is_met_among_many() {
        let target = Target {
            margin: 0.01,
            alpha: 0.025,
            power: 0.8,
        };
        assert_eq!(drives_to_meet_a_bad_one(1.0, target), 368.0);
        assert_eq!(drives_to_meet_a_bad_one(0.25, target), 91.0);
        assert_eq!(drives_to_meet_a_bad_one(0.01, target), 1.0);
    }

    /// By hand, at a discordant share of 0.05, a margin of 0.02, two-sided 5 % and power 90 %:
    /// Connor (1.959964 · √0.05 + 1.281552 · √0.0496)² / 0.0004 = 1309.3;
    /// Nam, with a fitted variance of 0.056303, (1.959964 · √0.056303 + 1.281552 · √0.05)² / 0.0004 = 1412.3.
    #[test]
    fn counts_agree_with_a_hand_calculation() {
        let target = Target {
            margin: 0.02,
            alpha: 0.025,
            power: 0.9,
        };
        let (connor, nam) = (worse(0.05, target), no_worse(0.05, target));
        assert!((connor - 1309.3).abs() < 0.5, "{connor}");
        assert!((nam - 1412.3).abs() < 0.5, "{nam}");
    }

    /// Without any spread, the count is the rule of three for bad drives, ln(α) / (δ / share) to first order.
    #[test]
    fn drives_that_do_not_differ_need_the_rule_of_three() {
        let target = Target {
            margin: 0.01,
            alpha: 0.025,
            power: 0.8,
        };
        assert_eq!(drives_for_shares(0.0, 0.25, target), 93.0);
        // With a spread that outweighs the worst drive, it is the normal count (z + z')² (spread / δ)².
        let many = drives_for_shares(1.0, 0.25, target);
        assert!((many / 78_489.0 - 1.0).abs() < 0.01, "{many}");
        assert_eq!(drives_that_can_reject(0.025), 6.0);
        assert_eq!(drives_that_can_reject(1.0 / 1024.0), 10.0);
    }
}
