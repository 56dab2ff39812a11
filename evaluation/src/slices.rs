//! Slices: groups of samples that a person would name, and their figures.

use std::collections::BTreeMap;

use driveloop_schemas::{Sample, SliceMetric};
use rayon::prelude::*;

use crate::bootstrap::{ClusterSums, intervals, stream_from_names};
use crate::metrics::{Metric, Scores};
use crate::options::EvaluateOptions;

/// Fewest samples of a slice beside `all`: below it, one odd sample makes the slice look bad.
pub const SLICE_SAMPLES_MIN: usize = 20;
/// The slice of everything.
pub(crate) const ALL: &str = "all";
/// Distances from the ego: name, from, below.
pub(crate) const DISTANCES_M: [(&str, f64, f64); 3] = [
    ("0-20m", 0.0, 20.0),
    ("20-50m", 20.0, 50.0),
    ("50m+", 50.0, f64::INFINITY),
];

/// A sample with the figures of both models.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The sample.
    pub sample: Sample,
    /// Figures of the model.
    pub model: Scores,
    /// Figures of the baseline.
    pub baseline: Scores,
}

/// The slices that a sample is in: `all`, and `dimension=value` for its scenarios, category, distance and source.
#[must_use]
pub fn slices_of_sample(sample: &Sample) -> Vec<String> {
    let distance = DISTANCES_M
        .iter()
        .find(|(_, from_m, below_m)| (*from_m..*below_m).contains(&sample.ego_distance_m));
    let mut slices = vec![ALL.to_owned()];
    slices.push(format!("category={}", sample.category));
    slices.extend(distance.map(|(name, ..)| format!("distance={name}")));
    slices.extend(
        sample
            .scenarios
            .iter()
            .map(|scenario| format!("scenario={scenario}")),
    );
    slices.push(format!("source={}", sample.source));
    slices.sort();
    slices.dedup();
    slices
}

/// The rows of `slice_metric`: every slice with at least [`SLICE_SAMPLES_MIN`] samples and `all`, by slice and metric. Where so few
/// samples have a figure of a metric, or none of all, there is no row of it.
///
/// The mean of a slice counts each sample once; intervals resample the recorded drives (`host_log_id`).
#[must_use]
pub fn slice_metrics(scored: &[Scored], options: &EvaluateOptions) -> Vec<SliceMetric> {
    let mut members: BTreeMap<String, Vec<&Scored>> = BTreeMap::new();
    for item in scored {
        for slice in slices_of_sample(&item.sample) {
            members.entry(slice).or_default().push(item);
        }
    }
    members.retain(|slice, items| slice == ALL || items.len() >= SLICE_SAMPLES_MIN);
    let figures: Vec<_> = members
        .iter()
        .flat_map(|(slice, items)| {
            Metric::ALL.map(|metric| (slice.as_str(), items.as_slice(), metric))
        })
        .collect();
    figures
        .into_par_iter()
        .filter_map(|(slice, items, metric)| slice_metric(slice, items, metric, options))
        .collect()
}

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
    let mean = |sum: fn(&ClusterSums) -> f64| drives.iter().map(sum).sum::<f64>() / samples as f64;
    let (value, baseline_value) = (mean(|drive| drive.value), mean(|drive| drive.baseline));
    let stream = stream_from_names(options.seed, slice, metric.as_str());
    let intervals = intervals(&drives, options.resamples, stream);
    Some(SliceMetric {
        model_id: options.model_id.clone(),
        dataset: options.dataset.clone(),
        baseline_id: options.baseline_id.clone(),
        slice: slice.into(),
        metric: metric.as_str().into(),
        value,
        low: intervals.map(|i| i.value.low),
        high: intervals.map(|i| i.value.high),
        baseline_value,
        difference: value - baseline_value,
        difference_low: intervals.map(|i| i.difference.low),
        difference_high: intervals.map(|i| i.difference.high),
        samples: samples as i64,
        drives: drives.len() as i64,
    })
}

/// Whether a metric has a figure depends on what really happened alone, so that both models have it or neither.
fn sums_by_drive(items: &[&Scored], metric: Metric) -> Vec<ClusterSums> {
    let mut drives: BTreeMap<&str, ClusterSums> = BTreeMap::new();
    for item in items {
        let values = item.model.value(metric).zip(item.baseline.value(metric));
        if let Some((value, baseline)) = values {
            let sums = drives.entry(&item.sample.host_log_id).or_default();
            sums.value += value;
            sums.baseline += baseline;
            sums.samples += 1;
        }
    }
    drives.into_values().collect()
}
