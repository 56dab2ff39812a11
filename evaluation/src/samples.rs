//! The samples of a split, and how they are taken drive by drive.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_lake::{Lake, sql_literal};
use driveloop_schemas::Sample;

use crate::error::{Error, Result};
use crate::options::{EvaluateOptions, SAMPLES_MAX};

/// Samples whose predictions are read at once (whole drives, so more for a very long one): with fewer, the table is
/// read too often; with more, it takes too much memory.
const SAMPLES_PER_READ: usize = 16_384;

/// The samples of the split, by drive and time.
pub(crate) async fn read_samples(lake: &Lake, options: &EvaluateOptions) -> Result<Vec<Sample>> {
    let (dataset, split) = (options.dataset.clone(), options.split.clone());
    let of_dataset = format!("dataset = {}", sql_literal(&dataset));
    let of_split = format!("{of_dataset} AND split = {}", sql_literal(&split));
    let mut samples = lake.read::<Sample>(Some(&of_split)).await?;
    if samples.is_empty() {
        let present = splits(&lake.read::<Sample>(Some(&of_dataset)).await?);
        return Err(Error::EmptySplit {
            dataset,
            split,
            present,
        });
    }
    if samples.len() > SAMPLES_MAX {
        let (max, actual) = (SAMPLES_MAX, samples.len());
        return Err(Error::TooManySamples {
            dataset,
            split,
            max,
            actual,
        });
    }
    let digests: BTreeSet<&str> = samples.iter().map(|s| s.dataset_digest.as_str()).collect();
    if digests.len() > 1 {
        let actual = digests.into_iter().collect::<Vec<_>>().join(", ");
        return Err(Error::MixedDataset { dataset, actual });
    }
    samples.sort_by(|a, b| {
        (&a.log_id, a.stamp_ns, &a.sample_id).cmp(&(&b.log_id, b.stamp_ns, &b.sample_id))
    });
    Ok(samples)
}

/// The splits of a dataset and their number of samples, for a person.
fn splits(samples: &[Sample]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for sample in samples {
        *counts.entry(&sample.split).or_default() += 1;
    }
    if counts.is_empty() {
        return "none at all".into();
    }
    let named = counts
        .iter()
        .map(|(split, count)| format!("{split} ({count})"));
    named.collect::<Vec<_>>().join(", ")
}

/// Cuts samples into runs of whole drives, each of at least [`SAMPLES_PER_READ`] samples but for the last.
pub(crate) fn batches_of_drives(samples: &[Sample]) -> Vec<&[Sample]> {
    let mut batches = Vec::new();
    let (mut start, mut end) = (0, 0);
    for drive in samples.chunk_by(|a, b| a.log_id == b.log_id) {
        end += drive.len();
        if end - start >= SAMPLES_PER_READ {
            batches.push(&samples[start..end]);
            start = end;
        }
    }
    if start < end {
        batches.push(&samples[start..end]);
    }
    batches
}
