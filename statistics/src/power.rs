//! How many scenes or drives would decide it.

use statrs::function::beta::beta_reg;

use crate::normal::{normal_quantile, normal_tail};
use crate::score::Discordance;

/// Doublings and halvings of a search for a count.
const STEPS_MAX: u32 = 100;
/// Up to so many discordant scenes the power of the exact test is summed up.
const SUMMED_UP_MAX: f64 = 150.0;

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

/// Independent scenes after which McNemar's exact test shows that a candidate which is worse by the margin `δ` is worse.
/// With few discordant scenes the chance is summed up over their number; with many it is
/// `n = (z_α √ψ + z_β √(ψ − δ²))² / δ²` (Connor 1987, *Biometrics* 43:207), and `1/δ` more because the exact test moves in
/// steps of a scene (Fleiss, Levin and Paik 2003, *Statistical Methods for Rates and Proportions*, 3rd ed., section 13.2).
#[must_use]
pub fn scenes_for_worse(observed: Discordance, target: Target) -> f64 {
    // Scenes that are worse by the margin are discordant.
    let discordant = discordant_share(observed).clamp(target.margin, 1.0);
    let normal = worse(discordant, target) + 1.0 / target.margin;
    if normal * discordant > SUMMED_UP_MAX {
        return normal.ceil();
    }
    summed_up(discordant, normal, target)
        .unwrap_or(normal)
        .ceil()
}

/// Scenes at which the power, summed up over the number of discordant scenes, reaches the target's; `None` where that is
/// far from the normal count.
fn summed_up(discordant: f64, normal: f64, target: Target) -> Option<f64> {
    let share = ((discordant + target.margin) / (2.0 * discordant)).min(1.0);
    let (low, high) = (normal / 8.0, 2.0 * normal);
    // Eight standard deviations above the mean of the largest suite that is looked at.
    let most = high * discordant + 8.0 * (high * discordant).sqrt() + 8.0;
    let mut critical = 0;
    let powers: Vec<f64> = (0..=most as u64)
        .map(|discordant| {
            while binomial_tail(critical, discordant, 0.5) > target.alpha {
                critical += 1;
            }
            binomial_tail(critical, discordant, share)
        })
        .collect();
    let power = |scenes: f64| -> f64 {
        let odds = discordant / (1.0 - discordant.min(1.0 - 1e-9));
        let mut mass = (scenes * (-discordant.min(1.0 - 1e-9)).ln_1p()).exp();
        let mut sum = 0.0;
        for (power, count) in powers.iter().zip(0_u32..) {
            let count = f64::from(count);
            sum += power * mass;
            // The binomial chances one after another; `scenes` need not be a whole number.
            mass *= (scenes - count).max(0.0) / (count + 1.0) * odds;
        }
        sum
    };
    if power(low) > target.power || power(high) < target.power {
        return None;
    }
    let (mut low, mut high) = (low, high);
    while high - low > 0.5 && high - low > 1e-4 * high {
        let middle = f64::midpoint(low, high);
        if power(middle) < target.power {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(high)
}

/// Chance of at least `least` among `count` draws.
fn binomial_tail(least: u64, count: u64, share: f64) -> f64 {
    if least == 0 || share >= 1.0 && least <= count {
        return 1.0;
    }
    if least > count {
        return 0.0;
    }
    beta_reg(least as f64, (count - least + 1) as f64, share)
}

fn worse(discordant: f64, target: Target) -> f64 {
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

/// Drives after which [`DriveBound`](crate::DriveBound) shows that a candidate like the baseline is no worse than the
/// margin: `spread` is the standard deviation of a drive's worsening, `worst` the most that a drive may do. The bound then
/// lies where the sum of a normal variable with deviation `spread / √K` and an exponential one with mean `worst / K` (the
/// worst drive) exceeds it with chance `alpha`.
#[must_use]
pub fn drives_for_bound(spread: f64, worst: f64, target: Target) -> f64 {
    let (_, z_beta) = target.quantiles();
    let decides = |drives: f64| {
        let deviation = spread / drives.sqrt();
        let left = target.margin - z_beta * deviation;
        left > 0.0 && normal_and_exponential_tail(left, deviation, worst / drives) <= target.alpha
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
        assert_eq!(drives_for_bound(0.0, 0.25, target), 93.0);
        // With a spread that outweighs the worst drive, it is the normal count (z + z')² (spread / δ)².
        let many = drives_for_bound(1.0, 0.25, target);
        assert!((many / 78_489.0 - 1.0).abs() < 0.01, "{many}");
        assert_eq!(drives_that_can_reject(0.025), 6.0);
        assert_eq!(drives_that_can_reject(1.0 / 1024.0), 10.0);
    }

    /// A candidate that newly fails 2 of 100 scenes and mends none is found where at least 6 do, which at one test in 40 is
    /// what McNemar's test asks for: `1 - scipy.stats.binom.cdf(5, 394, 0.02)` is 0.8. At a threshold 60 times as strict it
    /// asks for 12: `1 - binom.cdf(11, 737, 0.02)`.
    #[test]
    fn few_discordant_scenes_are_counted_one_by_one() {
        for (alpha, expected) in [(0.025, 394.0), (0.025 / 60.0, 737.0)] {
            let target = Target {
                margin: 0.02,
                alpha,
                power: 0.8,
            };
            let observed = Discordance {
                scenes: 998.0,
                new: 19.0,
                mended: 0.0,
            };
            let scenes = scenes_for_worse(observed, target);
            assert!((scenes / expected - 1.0_f64).abs() < 0.02, "{scenes}");
        }
    }
}
