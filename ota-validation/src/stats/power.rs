//! How many scenes would decide it.

use super::normal_quantile;
use super::score::Discordance;

/// What a count of scenes is computed for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Target {
    /// Largest worsening that is no worsening.
    pub(crate) margin: f64,
    /// One-sided level.
    pub(crate) alpha: f64,
    /// Chance to decide.
    pub(crate) power: f64,
}

/// Independent scenes after which a pass/fail metric is decided with the wanted chance, whichever is true:
///
/// * the candidate is like the baseline, and the score test shows that it is no worse than the margin `δ`:
///   `n = (z_α √v(δ) + z_β √ψ)² / δ²`, where `v(δ)` is the variance that is fitted under "worse by δ" (Nam 1997,
///   *Biometrics* 53:1422);
/// * it is worse by the margin, and McNemar's test shows that:
///   `n = (z_α √ψ + z_β √(ψ − δ²))² / δ²` (Connor 1987, *Biometrics* 43:207).
///
/// `ψ` is the share of discordant scenes, `(discordant + 1) / (scenes + 2)`, since none among few is no proof of none.
pub(crate) fn scenes_for_shares(observed: Discordance, target: Target) -> f64 {
    let discordant = (observed.new + observed.mended + 1.0) / (observed.scenes + 2.0);
    scenes_for_no_worse(discordant, target)
        .max(scenes_for_worse(discordant, target))
        .ceil()
}

fn scenes_for_no_worse(discordant: f64, target: Target) -> f64 {
    let half = discordant / 2.0;
    let even = Discordance {
        scenes: 1.0,
        new: half,
        mended: half,
    };
    let held = even.variance_given(target.margin);
    let (z_alpha, z_beta) = quantiles(target);
    ((z_alpha * held.sqrt() + z_beta * discordant.sqrt()) / target.margin).powi(2)
}

fn scenes_for_worse(discordant: f64, target: Target) -> f64 {
    // Scenes that are worse by the margin are discordant.
    let discordant = discordant.max(target.margin);
    let seen = discordant - target.margin.powi(2);
    let (z_alpha, z_beta) = quantiles(target);
    ((z_alpha * discordant.sqrt() + z_beta * seen.sqrt()) / target.margin).powi(2)
}

fn quantiles(target: Target) -> (f64, f64) {
    (
        normal_quantile(1.0 - target.alpha),
        normal_quantile(target.power),
    )
}

/// Drives among which at least one is bad for the candidate, but for a chance of `alpha`, when it is worse by the margin
/// because `bad_share` of the scenes newly fail in the drives that are bad for it: `(1 − margin / bad_share)ᴷ ≤ alpha`.
/// With fewer, no bad drive may have been met, and nothing in the data says so.
pub(crate) fn drives_to_meet_a_bad_one(bad_share: f64, target: Target) -> f64 {
    let bad_drives = target.margin / bad_share;
    if bad_drives >= 1.0 {
        return 1.0;
    }
    (target.alpha.ln() / (1.0 - bad_drives).ln()).ceil()
}

/// Drives after which a mean is decided: `K (z_α + z_β)² (error / δ)²`, the error being that of the `K` drives at hand.
pub(crate) fn drives_for_mean(drives: f64, error: f64, target: Target) -> f64 {
    let (z_alpha, z_beta) = quantiles(target);
    let z = z_alpha + z_beta;
    (drives * (z * error / target.margin).powi(2)).ceil()
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
        let (worse, no_worse) = (
            scenes_for_worse(0.05, target),
            scenes_for_no_worse(0.05, target),
        );
        assert!((worse - 1309.3).abs() < 0.5, "{worse}");
        assert!((no_worse - 1412.3).abs() < 0.5, "{no_worse}");
    }
}
