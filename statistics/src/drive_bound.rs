//! How much worse something may be whose scenes come from drives: a bound that does not rest on the spread of the drives
//! at hand alone.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::cluster::{Cluster, mean_and_error};
use crate::saddlepoint::exponentials_tail;

/// Steps to the end of an interval; some ten are taken.
const STEPS_MAX: u32 = 100;

/// How far above the mean of the drives the worst that a suite may have missed is assumed to lie, in their standard
/// deviations. Chosen: of drives that differ with an exponential tail 0.7 % lie further out, and with twenty of them the
/// bound then keeps its level (`ota-validation/docs/calibration.md`).
pub const WORST_DEVIATIONS: f64 = 4.0;

/// A mean worsening, drive by drive, and the worst that one drive can do.
///
/// A regression may lie in a few drives of many, and the suite may hold none of them, or one: then the spread that is
/// seen says nothing of the spread that there is, and every interval that is made of it alone (normal, t, bootstrap) is
/// too short. The bound of Gaffke (2005, *Mathematical Methods of Statistics* 14:451; Learned-Miller and Thomas 2020,
/// arXiv:1905.06208) adds one drive to those at hand, the worst that there may be, and weighs them all at random
/// (uniformly over the simplex): with `d = x − δ n` for a drive of `n` scenes that is worse by `x` in all, and `d*` for the
/// worst drive,
///
/// `p(δ) = P(Σ E d + E* d* ≥ 0)`, the `E` exponential,
///
/// is the p-value of "worse by `δ` or more". Where each drive is wholly well or as bad as it can be, it is the exact
/// (Clopper–Pearson) bound of the share of bad drives; with many drives that differ it tends to the normal one. No
/// distribution is known for which it fails its level; that there is none is a conjecture. The chance is computed by a
/// saddlepoint approximation, whose error is a few per cent of it.
#[derive(Debug, Clone)]
pub struct DriveBound {
    groups: Vec<Group>,
    scenes: f64,
    sum: f64,
    worst: Option<Worst>,
}

/// Drives that are alike.
#[derive(Debug, Clone, Copy)]
struct Group {
    drive: Cluster,
    count: f64,
}

/// The worst drive that is assumed.
#[derive(Debug, Clone, Copy)]
struct Worst {
    /// Its worsening, mean over its scenes, lies so far above `centre`.
    reach: f64,
    centre: f64,
    /// Its scenes: those of the drive that a scene at hand comes from, on the average.
    scenes: f64,
}

impl Worst {
    fn mean(self, sign: f64) -> f64 {
        sign * self.centre + self.reach
    }
}

impl DriveBound {
    /// Of a failing share. `bad_drive_share` is the largest share of its scenes that may newly fail in a drive; chance
    /// adds to it where a drive has few scenes, and with one scene a drive it is 1.
    #[must_use]
    pub fn of_shares(clusters: &[Cluster], bad_drive_share: f64) -> Self {
        let of_groups = Self::of_groups(clusters);
        let squares: f64 = clusters.iter().map(|cluster| cluster.scenes.powi(2)).sum();
        let per_drive = of_groups.scenes / clusters.len() as f64;
        let worst = Worst {
            reach: worst_share(bad_drive_share, per_drive),
            centre: 0.0,
            scenes: squares / of_groups.scenes,
        };
        Self {
            worst: Some(worst),
            ..of_groups
        }
    }

    /// Of a mean whose values have no known limit: the worst drive lies `WORST_DEVIATIONS` above the mean, or is one more
    /// like the worst at hand where that lies further out.
    #[must_use]
    pub fn of_means(clusters: &[Cluster]) -> Self {
        let of_groups = Self::of_groups(clusters);
        let (mean, error) = mean_and_error(clusters);
        let drives = clusters.len() as f64;
        let deviation = error * drives.sqrt();
        let squares: f64 = clusters.iter().map(|cluster| cluster.scenes.powi(2)).sum();
        let worst = deviation.is_finite().then(|| Worst {
            reach: WORST_DEVIATIONS * deviation,
            centre: mean,
            scenes: squares / of_groups.scenes,
        });
        Self { worst, ..of_groups }
    }

    /// Of the drives at hand alone.
    fn of_groups(clusters: &[Cluster]) -> Self {
        let mut drives = clusters.to_vec();
        drives.sort_unstable_by(|a, b| a.scenes.total_cmp(&b.scenes).then(a.sum.total_cmp(&b.sum)));
        let groups = drives.chunk_by(|a, b| a == b).map(|alike| Group {
            drive: alike[0],
            count: alike.len() as f64,
        });
        Self {
            groups: groups.collect(),
            scenes: clusters.iter().map(|cluster| cluster.scenes).sum(),
            sum: clusters.iter().map(|cluster| cluster.sum).sum(),
            worst: None,
        }
    }

    /// The p-value of "worse by `margin` or more".
    #[must_use]
    pub fn p_worse_by(&self, margin: f64) -> f64 {
        self.chance(1.0, margin)
    }

    /// The interval of the worsening, each side at level `alpha`.
    #[must_use]
    pub fn interval(&self, alpha: f64) -> (f64, f64) {
        (-self.bound(-1.0, alpha), self.bound(1.0, alpha))
    }

    /// The upper end of the interval.
    #[must_use]
    pub fn upper(&self, alpha: f64) -> f64 {
        self.bound(1.0, alpha)
    }

    /// The worst drive, seen or assumed: no mean lies beyond it.
    fn limit(&self, sign: f64) -> f64 {
        let assumed = self
            .worst
            .map_or(f64::NEG_INFINITY, |worst| worst.mean(sign));
        let seen = self
            .groups
            .iter()
            .map(|group| sign * group.drive.sum / group.drive.scenes);
        seen.fold(assumed, f64::max)
    }

    fn chance(&self, sign: f64, margin: f64) -> f64 {
        let excess = |sum: f64, scenes: f64| sum - margin * scenes;
        let mut terms: Vec<(f64, f64)> = self
            .groups
            .iter()
            .map(|group| {
                (
                    excess(sign * group.drive.sum, group.drive.scenes),
                    group.count,
                )
            })
            .collect();
        let assumed = self.worst.map_or(f64::NEG_INFINITY, |worst| {
            excess(worst.mean(sign) * worst.scenes, worst.scenes)
        });
        // What was seen is possible.
        let worst = terms.iter().map(|term| term.0).fold(assumed, f64::max);
        terms.push((worst, 1.0));
        exponentials_tail(&terms)
    }

    /// The least margin that is refused at `alpha`, by the Illinois method (Dowell and Jarratt 1971, *BIT* 11:168) on the
    /// logarithm of the p-value, which falls smoothly.
    fn bound(&self, sign: f64, alpha: f64) -> f64 {
        let excess = |margin: f64| self.chance(sign, margin).ln() - alpha.ln();
        let mean = sign * self.sum / self.scenes;
        let (mut inside, mut outside) = (mean, self.limit(sign));
        let (mut over, mut under) = (excess(inside), excess(outside));
        let mut last = 0;
        for _ in 0..STEPS_MAX {
            if outside - inside <= 1e-7 * (outside - mean) {
                break;
            }
            let crossing = (inside * under - outside * over) / (under - over);
            let middle = if under.is_finite() && crossing > inside && crossing < outside {
                crossing
            } else {
                f64::midpoint(inside, outside)
            };
            let value = excess(middle);
            if value > 0.0 {
                (inside, over) = (middle, value);
                under /= if last > 0 { 2.0 } else { 1.0 };
                last = 1;
            } else {
                (outside, under) = (middle, value);
                over /= if last < 0 { 2.0 } else { 1.0 };
                last = -1;
            }
        }
        outside
    }
}

/// The worst worsening of a drive of so many scenes in which `bad_drive_share` of the scenes are bound to fail.
#[must_use]
pub fn worst_share(bad_drive_share: f64, scenes: f64) -> f64 {
    bad_drive_share + (1.0 - bad_drive_share) / scenes.max(1.0)
}

/// Student's interval of a mean, each side at level `alpha`, with `K − 1` degrees of freedom for `K` drives (Bester,
/// Conley and Hansen 2011, *Journal of Econometrics* 165:137; Cameron and Miller 2015, *Journal of Human Resources* 50:317,
/// section VI). `None` for one drive.
#[must_use]
pub fn student_interval(clusters: &[Cluster], alpha: f64) -> Option<(f64, f64)> {
    let freedom = clusters
        .len()
        .checked_sub(1)
        .filter(|freedom| *freedom > 0)?;
    let student = StudentsT::new(0.0, 1.0, freedom as f64).ok()?;
    let (mean, error) = mean_and_error(clusters);
    let reach = student.inverse_cdf(1.0 - alpha) * error;
    Some((mean - reach, mean + reach))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drives(bad: usize, of: usize, scenes: f64, share: f64) -> Vec<Cluster> {
        let sum = |at| if at < bad { share * scenes } else { 0.0 };
        (0..of)
            .map(|at| Cluster {
                scenes,
                sum: sum(at),
            })
            .collect()
    }

    /// `scipy.stats.beta.ppf(0.975, b + 1, K − b)`, the upper Clopper–Pearson bound of `b` bad drives of `K`, times the
    /// share that fails in them.
    #[test]
    fn the_bound_of_bad_drives_is_the_exact_one() {
        for (bad, of, expected) in [
            (0, 91, 0.039_726_5),
            (1, 100, 0.054_459_4),
            (4, 100, 0.099_257_2),
            (10, 50, 0.337_183_1),
        ] {
            // So many scenes a drive that chance adds nothing to the worst share.
            let clusters = drives(bad, of, 1e9, 0.25);
            let (_, high) = DriveBound::of_shares(&clusters, 0.25).interval(0.025);
            assert!(
                (high / (0.25 * expected) - 1.0).abs() < 0.01,
                "{bad} of {of}: {high}"
            );
        }
    }

    #[test]
    fn many_drives_that_differ_have_the_normal_bound() {
        let clusters: Vec<Cluster> = (0..4_000)
            .map(|at| Cluster {
                scenes: 50.0,
                sum: f64::from(at * 7919 % 9 - 4),
            })
            .collect();
        let (mean, error) = crate::mean_and_error(&clusters);
        let (low, high) = DriveBound::of_shares(&clusters, 0.25).interval(0.025);
        assert!((high - mean - 1.96 * error).abs() < 0.1 * error, "{high}");
        assert!((mean - low - 1.96 * error).abs() < 0.1 * error, "{low}");
    }

    #[test]
    fn the_p_value_and_the_bound_agree() {
        let clusters = drives(3, 120, 40.0, 0.2);
        let shares = DriveBound::of_shares(&clusters, 0.25);
        let (_, high) = shares.interval(0.025);
        assert!((shares.p_worse_by(high) - 0.025).abs() < 1e-4);
        assert!(shares.p_worse_by(2.0 * high) < 0.025);
    }

    /// `scipy.stats.t.interval(0.95, 7, 5, sqrt(32 / 56))`: 3.21251 to 6.78749.
    #[test]
    fn students_interval_is_that_of_another_program() {
        let clusters =
            [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0].map(|sum| Cluster { scenes: 1.0, sum });
        let (low, high) = student_interval(&clusters, 0.025).unwrap();
        assert!((low - 3.212_512_1).abs() < 1e-6, "{low}");
        assert!((high - 6.787_487_9).abs() < 1e-6, "{high}");
        assert_eq!(student_interval(&clusters[..1], 0.025), None);
    }

    /// With few drives the bound lies beyond Student's where one stands out.
    #[test]
    fn a_mean_with_one_bad_drive_has_a_wider_bound() {
        let clusters: Vec<Cluster> = (0..20)
            .map(|at| Cluster {
                scenes: 10.0,
                sum: if at == 0 { 50.0 } else { 0.0 },
            })
            .collect();
        let (_, student) = student_interval(&clusters, 0.025).unwrap();
        let (low, high) = DriveBound::of_means(&clusters).interval(0.025);
        // scipy.stats.beta.ppf(0.975, 2, 19), times the 5 of the bad drive, which is the worst there is.
        assert!((high / (5.0 * 0.248_732_8) - 1.0).abs() < 0.01, "{high}");
        assert!(high > student);
        // numpy, two million draws of weights uniform over the simplex of 21: one of 5, one of the 0.25 − 4 · 1.118 that is
        // assumed.
        assert!((low / -0.570_7 - 1.0).abs() < 0.02, "{low}");
    }

    /// Drives that hardly differ: the worst is assumed four deviations off.
    #[test]
    fn a_mean_without_a_bad_drive_allows_for_one() {
        let clusters: Vec<Cluster> = (0..20)
            .map(|at| Cluster {
                scenes: 10.0,
                sum: if at % 2 == 0 { 10.0 } else { -10.0 },
            })
            .collect();
        let (low, high) = DriveBound::of_means(&clusters).interval(0.025);
        assert!((high / 0.793_4 - 1.0).abs() < 0.02, "{high}");
        assert!((high + low).abs() < 1e-6);
    }
}
