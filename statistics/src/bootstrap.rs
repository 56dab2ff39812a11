//! The one bootstrap of the project: the interval of a mean, drives being the units.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::cluster::{Cluster, mean_and_error};

/// Fewest drives for an interval: with fewer, resamples repeat one another, and no bootstrap holds its level.
pub const DRIVES_MIN: usize = 10;
/// A resample whose drives differ by no more than this share of what the drives do tells nothing of their spread: what is left of it is
/// rounding.
const SPREAD_MIN: f64 = 1e-9;

/// The bootstrap-t interval of the mean over the scenes, each side at level `alpha`: whole drives are drawn with
/// replacement, and the distribution of the studentised mean gives the ends (Efron and Tibshirani 1993, *An
/// Introduction to the Bootstrap*, section 12.5; for clusters, Cameron, Gelbach and Miller 2008, *Review of Economics and
/// Statistics* 90:414). Studentising holds its level with fewer drives than percentiles do, and follows a skewed mean.
///
/// `None` with fewer than [`DRIVES_MIN`] drives, and where so few of them differ from the rest that a share of resamples above `alpha`
/// holds none of these: an end may then lie anywhere. Where no drive differs from another the interval is a point.
/// The same clusters, in the same order, and the same seed give the same interval.
#[must_use]
pub fn interval(clusters: &[Cluster], alpha: f64, resamples: u32, seed: u64) -> Option<(f64, f64)> {
    if clusters.len() < DRIVES_MIN {
        return None;
    }
    let (mean, error) = mean_and_error(clusters);
    if error <= f64::EPSILON * mean.abs() {
        return Some((mean, mean));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut drawn = Vec::with_capacity(resamples as usize);
    for _ in 0..resamples {
        let (shift, spread) = draw(clusters, mean, &mut rng);
        if spread > SPREAD_MIN * error {
            drawn.push(shift / spread);
        }
    }
    let unusable = resamples as usize - drawn.len();
    if drawn.is_empty() || unusable as f64 > alpha * f64::from(resamples) {
        return None;
    }
    drawn.sort_unstable_by(f64::total_cmp);
    let low = mean - quantile(&drawn, 1.0 - alpha) * error;
    let high = mean - quantile(&drawn, alpha) * error;
    Some((low, high))
}

/// How far the mean of one resample lies from the observed one, and its standard error; in a single pass over the drawn drives.
fn draw(clusters: &[Cluster], mean: f64, rng: &mut ChaCha8Rng) -> (f64, f64) {
    let count = clusters.len() as u64;
    let (mut n, mut s, mut nn, mut ns, mut ss) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for _ in 0..count {
        // Multiply and shift: the bias is below 2⁻³² × drives, far under the noise of the draws.
        let at = (u64::from(rng.next_u32()) * count) >> 32;
        let Cluster { scenes, sum } = clusters[at as usize];
        // Centred at the observed mean, so that squares do not cancel.
        let sum = sum - mean * scenes;
        n += scenes;
        s += sum;
        nn += scenes * scenes;
        ns += scenes * sum;
        ss += sum * sum;
    }
    let shift = s / n;
    let squares = ss - 2.0 * shift * ns + shift * shift * nn;
    let count = count as f64;
    (shift, (count / (count - 1.0) * squares.max(0.0)).sqrt() / n)
}

/// Quantile of sorted values, between neighbours.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_many_like_drives_is_the_normal_one() {
        let clusters: Vec<Cluster> = (0..400)
            .map(|i| Cluster {
                scenes: 1.0,
                sum: f64::from(i % 20) / 20.0 - 0.475 + 0.1,
            })
            .collect();
        let (mean, error) = mean_and_error(&clusters);
        let (low, high) = interval(&clusters, 0.025, 9_999, 3).unwrap();
        assert!((low - (mean - 1.96 * error)).abs() < 0.1 * error, "{low}");
        assert!((high - (mean + 1.96 * error)).abs() < 0.1 * error, "{high}");
        assert_eq!(interval(&clusters, 0.025, 9_999, 3), Some((low, high)));
    }

    #[test]
    fn without_a_usable_resample_there_is_no_interval() {
        let drive = |drive: u8| Cluster {
            scenes: 1.0,
            sum: f64::from(drive),
        };
        let clusters: Vec<Cluster> = (0..10).map(drive).collect();
        assert_eq!(interval(&clusters, 0.025, 0, 3), None);
    }

    #[test]
    fn nine_drives_have_no_interval_and_ten_do() {
        let clusters: Vec<Cluster> = (0..10)
            .map(|drive| Cluster {
                scenes: 9.0,
                sum: f64::from(drive),
            })
            .collect();
        assert_eq!(interval(&clusters[..9], 0.025, 999, 1), None);
        let (low, high) = interval(&clusters, 0.025, 999, 1).unwrap();
        assert!(low < 0.5 && 0.5 < high);
    }

    /// Two drives of a hundred differ: one resample in seven has neither, and its mean lies many of its own standard errors, which are
    /// rounding, from the observed one.
    #[test]
    fn where_hardly_a_drive_differs_there_is_no_interval() {
        let drive = |drive: usize| Cluster {
            scenes: 29.0 + (drive % 7) as f64,
            sum: if drive < 2 { 1.0 } else { 0.0 },
        };
        let clusters: Vec<Cluster> = (0..100).map(drive).collect();
        assert_eq!(interval(&clusters, 0.025, 1999, 3), None);
        let more = |at: usize| Cluster {
            sum: f64::from(u8::from(at < 12)),
            ..drive(at)
        };
        let clusters: Vec<Cluster> = (0..100).map(more).collect();
        let (low, high) = interval(&clusters, 0.025, 1999, 3).unwrap();
        let (mean, _) = mean_and_error(&clusters);
        assert!(
            0.0 < low && low < mean && mean < high && high < 3.0 * mean,
            "{low} {high}"
        );
    }

    #[test]
    fn drives_that_are_all_alike_give_a_point() {
        let clusters = [Cluster {
            scenes: 3.0,
            sum: 0.0,
        }; 12];
        assert_eq!(interval(&clusters, 0.025, 999, 1), Some((0.0, 0.0)));
    }
}
