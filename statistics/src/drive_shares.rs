//! How much worse a share may be whose scenes come from drives: a bound that assumes nothing of how a regression is spread
//! over the drives, but for the worst that one drive can do.

use crate::cluster::Cluster;
use crate::saddlepoint::exponentials_tail;

/// Halvings of an interval: to a millionth of a share.
const HALVINGS: u32 = 40;

/// The worsening of a failing share, drive by drive.
///
/// A regression may lie in a few drives of many, and the suite may hold none of them, or one: then the spread that is
/// seen says nothing of the spread that there is, and every interval that is made of it alone (normal, t, bootstrap) is
/// too short. The bound of Gaffke (2005, *Mathematical Methods of Statistics* 14:451; Learned-Miller and Thomas 2020,
/// arXiv:1905.06208) adds one drive to those at hand, the worst that there may be, and weighs them all at random
/// (uniformly over the simplex): with `d = x − δ n` for a drive of `n` scenes of which `x` more fail than before, and `d*`
/// for the worst drive,
///
/// `p(δ) = P(Σ E d + E* d* ≥ 0)`, the `E` exponential,
///
/// is the p-value of "worse by `δ` or more". Where each drive is wholly well or as bad as it can be, it is the exact
/// (Clopper–Pearson) bound of the share of bad drives; with many drives that differ it tends to the normal one. No
/// distribution is known for which it fails its level; that there is none is a conjecture. The chance is computed by a
/// saddlepoint approximation, whose error is a few per cent of it.
#[derive(Debug, Clone)]
pub struct DriveShares<'a> {
    clusters: &'a [Cluster],
    /// Worsening of the worst drive, as a share of its scenes.
    worst_share: f64,
    /// Its scenes: those of the drive that a scene at hand comes from, on the average.
    worst_scenes: f64,
}

impl<'a> DriveShares<'a> {
    /// `bad_drive_share` is the largest share of its scenes that may newly fail in a drive; chance adds to it where a
    /// drive has few scenes, and with one scene a drive it is 1.
    #[must_use]
    pub fn new(clusters: &'a [Cluster], bad_drive_share: f64) -> Self {
        let scenes: f64 = clusters.iter().map(|cluster| cluster.scenes).sum();
        let squares: f64 = clusters.iter().map(|cluster| cluster.scenes.powi(2)).sum();
        let per_drive = scenes / clusters.len() as f64;
        Self {
            clusters,
            worst_share: bad_drive_share + (1.0 - bad_drive_share) / per_drive,
            worst_scenes: squares / scenes,
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

    fn chance(&self, sign: f64, margin: f64) -> f64 {
        let excess = |sum: f64, scenes: f64| sum - margin * scenes;
        let mut values: Vec<f64> = self
            .clusters
            .iter()
            .map(|cluster| excess(sign * cluster.sum, cluster.scenes))
            .collect();
        let assumed = excess(self.worst_share * self.worst_scenes, self.worst_scenes);
        // What was seen is possible.
        let worst = values.iter().copied().fold(assumed, f64::max);
        values.push(worst);
        exponentials_tail(&values)
    }

    /// The least margin that is refused at `alpha`.
    fn bound(&self, sign: f64, alpha: f64) -> f64 {
        let scenes: f64 = self.clusters.iter().map(|cluster| cluster.scenes).sum();
        let sum: f64 = self.clusters.iter().map(|cluster| cluster.sum).sum();
        let (mut inside, mut outside) = (sign * sum / scenes, 1.0);
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(inside, outside);
            if self.chance(sign, middle) > alpha {
                inside = middle;
            } else {
                outside = middle;
            }
        }
        outside
    }
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
            let (_, high) = DriveShares::new(&clusters, 0.25).interval(0.025);
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
        let (low, high) = DriveShares::new(&clusters, 0.25).interval(0.025);
        assert!((high - mean - 1.96 * error).abs() < 0.1 * error, "{high}");
        assert!((mean - low - 1.96 * error).abs() < 0.1 * error, "{low}");
    }

    #[test]
    fn the_p_value_and_the_bound_agree() {
        let clusters = drives(3, 120, 40.0, 0.2);
        let shares = DriveShares::new(&clusters, 0.25);
        let (_, high) = shares.interval(0.025);
        assert!((shares.p_worse_by(high) - 0.025).abs() < 1e-4);
        assert!(shares.p_worse_by(2.0 * high) < 0.025);
    }
}
