//! Slices: groups of samples that a person would name, and their figures.

use std::collections::BTreeMap;

use driveloop_schemas::{Sample, SliceMetric};
use rayon::prelude::*;

use crate::compare::Change;
use crate::coverage::Coverage;
use crate::inference::{DriveSums, Inference, correct};
use crate::metrics::{Metric, Scores};
use crate::options::EvaluateOptions;

/// Fewest samples of a slice beside `all`: below it, one odd sample makes the slice look bad.
pub const SLICE_SAMPLES_MIN: usize = 20;
/// The slice of everything that was recorded or simulated.
pub(crate) const ALL: &str = "all";
/// The source of samples of composed drives, in `sample`.
pub(crate) const SYNTHETIC: &str = "synthetic";
/// The source of samples of recorded and simulated drives.
const REAL: &str = "real";
/// Distances from the ego: name, from, below.
pub(crate) const DISTANCES_M: [(&str, f64, f64); 3] = [
    ("0-20m", 0.0, 20.0),
    ("20-50m", 20.0, 50.0),
    ("50m+", 50.0, f64::INFINITY),
];

/// A sample with the figures of those who answered it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The sample.
    pub sample: Sample,
    /// Whether what really happened is known from the present to the end of the horizon.
    pub has_truth: bool,
    /// Figures of the model; `None` where it has no answer, or there is no truth.
    pub model: Option<Scores>,
    /// Figures of the baseline.
    pub baseline: Option<Scores>,
}

impl Scored {
    /// Whether both models have figures.
    pub(crate) fn is_compared(&self) -> bool {
        self.model.is_some() && self.baseline.is_some()
    }

    /// A figure of both models.
    fn pair(&self, metric: Metric) -> Option<(f64, f64)> {
        let value = |scores: &Option<Scores>| scores.as_ref()?.value(metric);
        value(&self.model).zip(value(&self.baseline))
    }
}

/// Whether the sample is of a composed drive.
pub(crate) fn is_composed(sample: &Sample) -> bool {
    sample.source == SYNTHETIC
}

/// The slices that a sample is in: `all`, and `dimension=value` for its scenarios, category and distance.
///
/// A sample of a composed drive is in none of these, but in `source=synthetic` and `composed/scenario=…`: what was made up decides
/// nothing, and is shown apart.
#[must_use]
pub fn slices_of_sample(sample: &Sample) -> Vec<String> {
    let scenarios = sample.scenarios.iter();
    let mut slices: Vec<String> = if is_composed(sample) {
        let scenarios = scenarios.map(|scenario| format!("composed/scenario={scenario}"));
        scenarios.chain([format!("source={SYNTHETIC}")]).collect()
    } else {
        let distance = DISTANCES_M
            .iter()
            .find(|(_, from_m, below_m)| (*from_m..*below_m).contains(&sample.ego_distance_m));
        let scenarios = scenarios.map(|scenario| format!("scenario={scenario}"));
        let others = [ALL.to_owned(), format!("category={}", sample.category)];
        let distance = distance.map(|(name, ..)| format!("distance={name}"));
        scenarios.chain(others).chain(distance).collect()
    };
    slices.sort();
    slices.dedup();
    slices
}

/// The rows of `slice_metric`, by slice and metric: every slice where at least [`SLICE_SAMPLES_MIN`] samples have a figure of the metric
/// for both models, and `all` where one has.
///
/// The mean of a slice counts each sample once; intervals and tests take the recorded drives (`host_log_id`) as their units. The words
/// (`change`) are corrected for all slices and metrics of recorded and simulated drives; those of composed drives among themselves.
#[must_use]
pub fn slice_metrics(scored: &[Scored], options: &EvaluateOptions) -> Vec<SliceMetric> {
    let mut members: BTreeMap<String, Vec<&Scored>> = BTreeMap::new();
    for item in scored {
        for slice in slices_of_sample(&item.sample) {
            members.entry(slice).or_default().push(item);
        }
    }
    let figures: Vec<_> = members
        .iter()
        .flat_map(|(slice, items)| {
            Metric::ALL.map(|metric| (slice.as_str(), items.as_slice(), metric))
        })
        .collect();
    let mut rows: Vec<_> = figures
        .into_par_iter()
        .filter_map(|(slice, items, metric)| slice_metric(slice, items, metric, options))
        .collect();
    for source in [REAL, SYNTHETIC] {
        let mut family: Vec<_> = rows.iter_mut().filter(|row| row.source == source).collect();
        correct(&mut family);
    }
    rows
}

/// A row whose p-values are not corrected yet.
fn slice_metric(
    slice: &str,
    items: &[&Scored],
    metric: Metric,
    options: &EvaluateOptions,
) -> Option<SliceMetric> {
    let drives = sums_by_drive(items, metric);
    let samples: u64 = drives.iter().map(|drive| drive.samples).sum();
    let least = if slice == ALL { 1 } else { SLICE_SAMPLES_MIN };
    if samples < least as u64 {
        return None;
    }
    let mean = |sum: fn(&DriveSums) -> f64| drives.iter().map(sum).sum::<f64>() / samples as f64;
    let (value, baseline_value) = (mean(|drive| drive.value), mean(|drive| drive.baseline));
    let said = Inference::of(&drives, options, slice, metric);
    let coverage = Coverage::of(items.iter().copied());
    let is_composed = items.first().is_some_and(|item| is_composed(&item.sample));
    Some(SliceMetric {
        model_id: options.model_id.clone(),
        dataset: options.dataset.clone(),
        baseline_id: options.baseline_id.clone(),
        slice: slice.into(),
        metric: metric.as_str().into(),
        value,
        low: said.value.map(|(low, _)| low),
        high: said.value.map(|(_, high)| high),
        baseline_value,
        difference: value - baseline_value,
        difference_low: said.difference.map(|(low, _)| low),
        difference_high: said.difference.map(|(_, high)| high),
        samples: samples as i64,
        drives: drives.len() as i64,
        split: options.split.clone(),
        source: if is_composed { SYNTHETIC } else { REAL }.into(),
        split_samples: Some(coverage.samples as i64),
        model_samples: Some(coverage.model as i64),
        baseline_samples: Some(coverage.baseline as i64),
        p_worse: said.p_worse,
        p_better: said.p_better,
        change: Change::TooFewDrives.as_str().into(),
    })
}

/// Whether a metric has a figure depends on what really happened alone, so that all who answered have it or none.
fn sums_by_drive(items: &[&Scored], metric: Metric) -> Vec<DriveSums> {
    let mut drives: BTreeMap<&str, DriveSums> = BTreeMap::new();
    for item in items {
        if let Some((value, baseline)) = item.pair(metric) {
            let sums = drives.entry(&item.sample.host_log_id).or_default();
            sums.value += value;
            sums.baseline += baseline;
            sums.samples += 1;
        }
    }
    drives.into_values().collect()
}
