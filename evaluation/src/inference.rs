//! What the drives of a slice say of its figures: intervals, tests, and the words that are left after correction.
//!
//! Samples of a drive are alike (same road, same weather, the same actor a second later), so that drives are the units. The statistics
//! are those of `driveloop_statistics`, which the release gate uses too: the studentised bootstrap of whole drives for intervals, and
//! the exact test of flipped drives for words.
//!
//! "Worse" and "better" are families of their own, each held to [`SIDE_LEVEL`] by Holm's step-down, which needs no assumption about how
//! the tests depend on one another (slices overlap, metrics go together). The Benjamini–Hochberg procedure would find more, but with
//! many improvements it lets a twentieth of all findings be wrong, and then the chance that some slice is wrongly called worse is far
//! above its level.

use driveloop_schemas::SliceMetric;
pub use driveloop_statistics::DRIVES_MIN;
use driveloop_statistics::{Cluster, Flips, flip_counts, flip_sums, holm, interval};
use sha2::{Digest, Sha256};

use crate::compare::Change;
use crate::metrics::Metric;
use crate::options::EvaluateOptions;

/// Level of each side of a 95 % interval, and of each of the two families of words.
pub(crate) const SIDE_LEVEL: f64 = 0.025;

/// What a drive adds to the means of a slice.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct DriveSums {
    /// Sum of the model's values.
    pub(crate) value: f64,
    /// Sum of the baseline's values.
    pub(crate) baseline: f64,
    /// Samples.
    pub(crate) samples: u64,
}

/// What the drives of a slice say of a metric; nothing where there are fewer than [`DRIVES_MIN`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Inference {
    /// 95 % interval of the model's mean.
    pub(crate) value: Option<(f64, f64)>,
    /// 95 % interval of the mean difference, model minus baseline.
    pub(crate) difference: Option<(f64, f64)>,
    /// One-sided p-value of "the model is no worse", not corrected.
    pub(crate) p_worse: Option<f64>,
    /// One-sided p-value of "the model is no better", not corrected.
    pub(crate) p_better: Option<f64>,
}

impl Inference {
    /// From the sums of each drive.
    pub(crate) fn of(
        drives: &[DriveSums],
        options: &EvaluateOptions,
        slice: &str,
        metric: Metric,
    ) -> Self {
        if drives.len() < DRIVES_MIN {
            return Self::default();
        }
        let seed = seed_of(options.seed, slice, metric);
        let resamples = u32::try_from(options.resamples).unwrap_or(u32::MAX);
        let of_means = |sum: fn(&DriveSums) -> f64| {
            let cluster = |drive: &DriveSums| Cluster {
                scenes: drive.samples as f64,
                sum: sum(drive),
            };
            let clusters: Vec<_> = drives.iter().map(cluster).collect();
            interval(&clusters, SIDE_LEVEL, resamples, seed)
        };
        let difference = |drive: &DriveSums| drive.value - drive.baseline;
        let differences: Vec<f64> = drives.iter().map(difference).collect();
        let flips = flips(&differences);
        Self {
            value: of_means(|drive| drive.value),
            difference: of_means(difference),
            p_worse: Some(flips.above),
            p_better: Some(flips.below),
        }
    }
}

/// The test of flipped drives. The sums of yes-or-no metrics are whole numbers, of which it counts every flip.
fn flips(differences: &[f64]) -> Flips {
    if differences
        .iter()
        .all(|difference| difference.fract() == 0.0)
    {
        let counts: Vec<i64> = differences.iter().map(|sum| *sum as i64).collect();
        flip_counts(&counts)
    } else {
        flip_sums(differences)
    }
}

/// Corrects the p-values of rows that are looked at together, and says what is left of them. Rows of too few drives were not tested,
/// and are in no family.
pub(crate) fn correct(rows: &mut [&mut SliceMetric]) {
    correct_side(rows, |row| &mut row.p_worse);
    correct_side(rows, |row| &mut row.p_better);
    for row in rows {
        let is_shown = |p_value: f64| p_value <= SIDE_LEVEL;
        let change = match (row.p_worse, row.p_better) {
            (Some(worse), _) if is_shown(worse) => Change::Worse,
            (_, Some(better)) if is_shown(better) => Change::Better,
            (Some(_), Some(_)) => Change::Unclear,
            _ => Change::TooFewDrives,
        };
        row.change = change.as_str().into();
    }
}

fn correct_side(rows: &mut [&mut SliceMetric], side: fn(&mut SliceMetric) -> &mut Option<f64>) {
    let tested: Vec<f64> = rows.iter_mut().filter_map(|row| *side(row)).collect();
    let mut corrected = holm(&tested).into_iter();
    for row in rows {
        let p_value = side(row);
        if p_value.is_some() {
            *p_value = corrected.next();
        }
    }
}

/// A seed of its own for a slice and metric, so that neither their order nor the number of threads changes an interval.
fn seed_of(seed: i64, slice: &str, metric: Metric) -> u64 {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update((slice.len() as u64).to_le_bytes());
    hash.update(slice);
    hash.update(metric.as_str());
    let bytes: [u8; 32] = hash.finalize().into();
    let first = bytes.first_chunk::<8>().copied().unwrap_or_default();
    u64::from_le_bytes(first)
}
