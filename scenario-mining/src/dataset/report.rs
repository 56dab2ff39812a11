//! A frozen dataset in numbers.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_schemas::Sample;

use super::freeze::FreezeOptions;

/// Whether the dataset was frozen now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreezeOutcome {
    /// It was.
    Frozen,
    /// The lake has a dataset of this name and content.
    AlreadyThere,
}

/// A dataset, as frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreezeReport {
    /// Name.
    pub dataset: String,
    /// Digest of its samples: names, splits, sources, scenarios and weights.
    pub dataset_digest: String,
    /// Whether it was frozen now.
    pub outcome: FreezeOutcome,
    /// Samples.
    pub samples: usize,
    /// By split.
    pub splits: BTreeMap<String, SplitCount>,
    /// Samples of each scenario.
    pub scenarios: BTreeMap<String, usize>,
    /// Candidates that were dropped because one like them was there: see [`FreezeOptions::near_identical_m`].
    pub near_identical: usize,
    /// What a reader should know: drives passed over, drives that did not keep the split of earlier datasets, empty splits.
    pub notes: Vec<String>,
}

/// One split of a dataset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SplitCount {
    /// Samples of recorded and simulated drives.
    pub real: usize,
    /// Samples of composed drives.
    pub synthetic: usize,
    /// Recorded and simulated drives behind them.
    pub hosts: usize,
}

/// Counts a frozen dataset.
pub(super) fn report(
    options: &FreezeOptions,
    rows: &[Sample],
    dataset_digest: String,
    outcome: FreezeOutcome,
    near_identical: usize,
    notes: Vec<String>,
) -> FreezeReport {
    let mut splits: BTreeMap<String, SplitCount> = super::SPLITS
        .iter()
        .map(|split| ((*split).to_owned(), SplitCount::default()))
        .collect();
    let mut hosts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut scenarios = BTreeMap::new();
    for row in rows {
        let count = splits.entry(row.split.clone()).or_default();
        if row.source == "real" {
            count.real += 1;
        } else {
            count.synthetic += 1;
        }
        hosts
            .entry(&row.split)
            .or_default()
            .insert(&row.host_log_id);
        for scenario in &row.scenarios {
            *scenarios.entry(scenario.clone()).or_default() += 1;
        }
    }
    for (split, count) in &mut splits {
        count.hosts = hosts.get(split.as_str()).map_or(0, BTreeSet::len);
    }
    FreezeReport {
        dataset: options.name.clone(),
        dataset_digest,
        outcome,
        samples: rows.len(),
        splits,
        scenarios,
        near_identical,
        notes,
    }
}
