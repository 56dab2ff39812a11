//! Intervals: the percentile bootstrap, resampling whole drives.
//!
//! Samples of a drive are alike (same road, same weather, the same actor a second later), so that intervals from
//! independent samples would be far too narrow. A resample therefore draws as many drives as there are, with
//! replacement, and takes all samples of each: the cluster bootstrap (Field and Welsh, "Bootstrapping clustered data",
//! JRSS B 69, 2007; Cameron, Gelbach and Miller, "Bootstrap-based improvements for inference with clustered errors",
//! Review of Economics and Statistics 90, 2008). The interval is the 2.5th to the 97.5th percentile of the resampled
//! means (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3).
//! With few drives it is too narrow still: read it as a lower bound of what is not known.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// Fewest drives for an interval: from two, the bootstrap knows three means.
pub const DRIVES_MIN: usize = 3;
/// Ends of the interval.
const PERCENTILES: [f64; 2] = [0.025, 0.975];

/// What a drive adds to the means of a slice.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ClusterSums {
    /// Sum of the model's values.
    pub value: f64,
    /// Sum of the baseline's values.
    pub baseline: f64,
    /// Samples.
    pub samples: u64,
}

/// An interval of a mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The intervals of a slice and metric, from the same resamples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Intervals {
    /// Of the model's mean.
    pub value: Interval,
    /// Of the mean paired difference, model minus baseline.
    pub difference: Interval,
}

/// The state of a random stream of its own for a slice and metric, so that neither their order nor the number of
/// threads changes an interval.
#[must_use]
pub fn stream_from_names(seed: i64, slice: &str, metric: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update((slice.len() as u64).to_le_bytes());
    hash.update(slice);
    hash.update(metric);
    hash.finalize().into()
}

/// The 95 % intervals; `None` where there are fewer than [`DRIVES_MIN`] drives or no resamples.
#[must_use]
pub fn intervals(drives: &[ClusterSums], resamples: usize, stream: [u8; 32]) -> Option<Intervals> {
    let count = u32::try_from(drives.len()).ok()?;
    if drives.len() < DRIVES_MIN || resamples == 0 {
        return None;
    }
    let mut rng = ChaCha8Rng::from_seed(stream);
    let (mut values, mut differences) =
        (Vec::with_capacity(resamples), Vec::with_capacity(resamples));
    for _ in 0..resamples {
        let mut total = ClusterSums::default();
        for _ in 0..count {
            let drive = &drives[rng.random_range(0..count) as usize];
            total.value += drive.value;
            total.baseline += drive.baseline;
            total.samples += drive.samples;
        }
        let samples = total.samples.max(1) as f64;
        values.push(total.value / samples);
        differences.push((total.value - total.baseline) / samples);
    }
    Some(Intervals {
        value: percentiles(values),
        difference: percentiles(differences),
    })
}

fn percentiles(mut values: Vec<f64>) -> Interval {
    values.sort_by(f64::total_cmp);
    let [low, high] = PERCENTILES.map(|p| quantile(&values, p));
    Interval { low, high }
}

/// The quantile of sorted values, linear between neighbours (Hyndman and Fan's type 7, the default of R and `NumPy`).
fn quantile(sorted: &[f64], p: f64) -> f64 {
    let place = p * (sorted.len() - 1) as f64;
    let (below, above) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: [u8; 32] = [7; 32];

    fn drive(value: f64, baseline: f64, samples: u64) -> ClusterSums {
        ClusterSums {
            value,
            baseline,
            samples,
        }
    }

    /// Seven drives of different size. All 7^7 resamples, enumerated with `NumPy` 2 (`itertools.product`, ratio of the
    /// sums, `numpy.percentile(…, [2.5, 97.5])`), give the interval of which ours is a Monte Carlo estimate:
    /// value 0.975 to 1.7, difference -0.00833333 to 0.396. (Ranks 0.2 % apart differ by up to 0.017 there.)
    #[test]
    fn intervals_are_those_of_all_resamples() {
        let value = [3.1, 0.4, 7.9, 2.2, 5.6, 1.3, 9.7];
        let baseline = [2.0, 1.1, 6.0, 2.9, 3.3, 1.0, 8.1];
        let samples = [3, 1, 4, 1, 5, 2, 6];
        let drives: Vec<_> = (0..7)
            .map(|i| drive(value[i], baseline[i], samples[i]))
            .collect();
        let found = intervals(&drives, 200_000, STREAM).unwrap();
        let near =
            |got: f64, want: f64| assert!((got - want).abs() < 0.02, "expected {want}, got {got}");
        near(found.value.low, 0.975);
        near(found.value.high, 1.7);
        near(found.difference.low, -0.008_333_33);
        near(found.difference.high, 0.396);
    }

    /// With many drives of one sample each, the mean is nearly normal: mean ± 1.96 s/√n.
    #[test]
    fn with_many_drives_the_interval_is_that_of_the_normal_distribution() {
        let n = 900;
        let values: Vec<f64> = (0..n)
            .map(|i| f64::from((i * 7919) % n) / f64::from(n))
            .collect();
        let mean = values.iter().sum::<f64>() / f64::from(n);
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / f64::from(n);
        let half = 1.959_964 * (variance / f64::from(n)).sqrt();
        let drives: Vec<_> = values.iter().map(|v| drive(*v, 0.0, 1)).collect();
        let Interval { low, high } = intervals(&drives, 4_000, STREAM).unwrap().value;
        assert!(
            (low - (mean - half)).abs() < 0.05 * half,
            "{low} {}",
            mean - half
        );
        assert!(
            (high - (mean + half)).abs() < 0.05 * half,
            "{high} {}",
            mean + half
        );
    }

    #[test]
    fn two_drives_give_no_interval_and_three_do() {
        let drives = [drive(1.0, 0.0, 1), drive(2.0, 0.0, 1), drive(3.0, 0.0, 1)];
        assert_eq!(intervals(&drives[..2], 100, STREAM), None);
        assert!(intervals(&drives, 100, STREAM).is_some());
    }

    #[test]
    fn equal_models_differ_by_exactly_nothing() {
        let drives = [drive(0.1, 0.1, 1), drive(0.7, 0.7, 3), drive(0.3, 0.3, 2)];
        let found = intervals(&drives, 500, STREAM).unwrap().difference;
        assert_eq!(
            found,
            Interval {
                low: 0.0,
                high: 0.0
            }
        );
    }

    #[test]
    fn each_slice_and_metric_has_a_stream_of_its_own() {
        let streams = [
            stream_from_names(0, "all", "miss"),
            stream_from_names(1, "all", "miss"),
            stream_from_names(0, "all", "fde_m"),
            stream_from_names(0, "allm", "iss"),
        ];
        for (i, a) in streams.iter().enumerate() {
            assert!(streams[i + 1..].iter().all(|b| a != b));
        }
    }

    /// `numpy.percentile([1, 2, 4, 8, 16], [2.5, 97.5])` is `[1.1, 15.2]`.
    #[test]
    fn quantiles_are_those_of_numpy() {
        let found = percentiles(vec![16.0, 1.0, 8.0, 2.0, 4.0]);
        assert!((found.low - 1.1).abs() < 1e-12 && (found.high - 15.2).abs() < 1e-12);
    }
}
