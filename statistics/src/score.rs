//! The difference of two paired shares: score interval, and what clustering costs.

use crate::cluster::{Cluster, mean_and_error};
use crate::normal::normal_quantile;

/// With fewer drives that hold a difference, the design effect is taken at its worst instead of being estimated.
const DISCORDANT_DRIVES_MIN: usize = 10;
/// Halvings of the interval: beyond the precision of the numbers.
const HALVINGS: u32 = 100;

/// Discordant scenes among all scenes. Not whole numbers where clustering shrinks them to effective ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Discordance {
    /// Scenes.
    pub scenes: f64,
    /// Scenes that newly fail.
    pub new: f64,
    /// Scenes that are mended.
    pub mended: f64,
}

impl Discordance {
    /// Shrinks to effective counts: so many independent scenes would say as much (Rao and Scott 1992, *Biometrics*
    /// 48:577).
    #[must_use]
    pub fn effective(self, design_effect: f64) -> Self {
        Self {
            scenes: self.scenes / design_effect,
            new: self.new / design_effect,
            mended: self.mended / design_effect,
        }
    }

    /// Tango's score interval of the worsening `(new − mended) / scenes`, each side at level `alpha` (Tango 1998,
    /// *Statistics in Medicine* 17:891). It is defined, and honest, without any discordant scene: its upper end is
    /// then `z² / (n + z²)`, near the "rule of three". That is why a candidate that equals the baseline on enough
    /// scenes can be shown to be no worse than a margin, and one that equals it on few cannot.
    #[must_use]
    pub fn interval(self, alpha: f64) -> (f64, f64) {
        let z = normal_quantile(1.0 - alpha);
        let observed = (self.new - self.mended) / self.scenes;
        let high = bisect(observed, 1.0, |at| self.score(at) > -z);
        let low = bisect(observed, -1.0, |at| self.score(at) < z);
        (low, high)
    }

    /// The score statistic of "the worsening is `at`".
    fn score(self, at: f64) -> f64 {
        let excess = self.new - self.mended - self.scenes * at;
        let variance = self.scenes * self.variance_given(at);
        if variance > 0.0 {
            excess / variance.sqrt()
        } else {
            excess.signum() * f64::INFINITY
        }
    }

    /// Variance of one scene's worsening when its mean is held at `at` and the rest is fitted.
    pub(crate) fn variance_given(self, at: f64) -> f64 {
        let a = 2.0 * self.scenes;
        let b = (a - self.new + self.mended) * at - self.new - self.mended;
        let c = -self.mended * at * (1.0 - at);
        let mended_share = ((b * b - 4.0 * a * c).max(0.0).sqrt() - b) / (2.0 * a);
        2.0 * mended_share + at * (1.0 - at)
    }
}

/// The last point from `inside` towards `outside` where `holds` is still true.
fn bisect(inside: f64, outside: f64, holds: impl Fn(f64) -> bool) -> f64 {
    let (mut inside, mut outside) = (inside, outside);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(inside, outside);
        if holds(middle) {
            inside = middle;
        } else {
            outside = middle;
        }
    }
    inside
}

/// How many scenes of these drives say as much as one independent scene (Kish 1965). Exactly 1 where each drive is one
/// scene. With differences in too few drives to estimate it, the worst case is taken: scenes of a drive are copies of
/// one another, so that only drives count.
#[must_use]
pub fn design_effect(clusters: &[Cluster], discordance: Discordance) -> f64 {
    let scenes = discordance.scenes;
    let worst = clusters.iter().map(|c| c.scenes * c.scenes).sum::<f64>() / scenes;
    let discordant = clusters.iter().filter(|cluster| cluster.sum != 0.0).count();
    if worst <= 1.0 || discordant < DISCORDANT_DRIVES_MIN {
        return worst.max(1.0);
    }
    let (mean, error) = mean_and_error(clusters);
    let independent = ((discordance.new + discordance.mended) / scenes - mean * mean) / scenes;
    let estimated = error * error / independent;
    if estimated.is_finite() {
        estimated.clamp(1.0, worst)
    } else {
        worst
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(new: f64, mended: f64, scenes: f64) -> (f64, f64) {
        Discordance {
            scenes,
            new,
            mended,
        }
        .interval(0.025)
    }

    /// Fagerland, Lydersen and Laake (2014), *Statistics in Medicine* 33:2850, table of intervals for the airway
    /// data (1 and 7 discordant of 21): Tango's interval is −0.517 to −0.026.
    #[test]
    fn the_interval_agrees_with_a_published_one() {
        let (low, high) = interval(1.0, 7.0, 21.0);
        assert!(
            (low + 0.517).abs() < 5e-4 && (high + 0.026).abs() < 5e-4,
            "{low} {high}"
        );
    }

    /// Expectations from an independent program (root finding by `SciPy` 1.17.1).
    #[test]
    fn the_interval_agrees_with_an_independent_program() {
        let (low, high) = interval(218.0, 113.0, 12_146.0);
        assert!((low - 0.005_743_820_632_518_25).abs() < 1e-9, "{low}");
        assert!((high - 0.011_637_166_285_506_6).abs() < 1e-9, "{high}");
    }

    #[test]
    fn no_discordant_scene_is_no_proof_of_none() {
        let z2 = normal_quantile(0.975).powi(2);
        for scenes in [30.0, 300.0, 12_146.0] {
            let (low, high) = interval(0.0, 0.0, scenes);
            assert!((high - z2 / (scenes + z2)).abs() < 1e-9 && (low + high).abs() < 1e-9);
        }
    }

    #[test]
    fn copies_of_scenes_say_nothing_new() {
        // 40 drives of 5 equal scenes each: 12 drives newly fail, 4 are mended.
        let clusters: Vec<Cluster> = (0..40)
            .map(|drive| Cluster {
                scenes: 5.0,
                sum: if drive < 12 {
                    5.0
                } else if drive < 16 {
                    -5.0
                } else {
                    0.0
                },
            })
            .collect();
        let all = Discordance {
            scenes: 200.0,
            new: 60.0,
            mended: 20.0,
        };
        let effect = design_effect(&clusters, all);
        assert!(effect > 4.9 && effect <= 5.0, "{effect}");
        let one_drive = [Cluster {
            scenes: 200.0,
            sum: 0.0,
        }];
        let none = Discordance {
            scenes: 200.0,
            new: 0.0,
            mended: 0.0,
        };
        assert!((design_effect(&one_drive, none) - 200.0).abs() < 1e-12);
    }
}
