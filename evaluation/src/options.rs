//! What an evaluation is asked, and what it answers.

use std::collections::BTreeMap;

use driveloop_schemas::{FailureSlice, SliceMetric};

use crate::coverage::Coverage;
use crate::error::{Error, Result};
use crate::forecaster::CONSTANT_VELOCITY;

/// Most samples of a split: keeps the figures per sample within about a gigabyte of memory.
pub const SAMPLES_MAX: usize = 1_000_000;
/// Most resamples of the bootstrap: stops a typing error from computing for days.
pub const RESAMPLES_MAX: usize = 1_000_000;
/// Fewest resamples: with fewer, the ends of a 95 % interval are noise.
const RESAMPLES_MIN: usize = 100;

/// What to evaluate, and against what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluateOptions {
    /// The model.
    pub model_id: String,
    /// The model that it is compared with; `constant-velocity` is built in.
    pub baseline_id: String,
    /// The frozen dataset.
    pub dataset: String,
    /// Its split: `train`, `validation` or `test`.
    pub split: String,
    /// Seed of the bootstrap.
    pub seed: i64,
    /// Resamples of the bootstrap.
    pub resamples: usize,
    /// The run, for the lineage of the commits.
    pub run_id: String,
}

impl EvaluateOptions {
    /// The model on split `test` against constant velocity, with 2,000 resamples and seed 0.
    #[must_use]
    pub fn new(model_id: &str, dataset: &str, run_id: &str) -> Self {
        Self {
            model_id: model_id.into(),
            baseline_id: CONSTANT_VELOCITY.into(),
            dataset: dataset.into(),
            split: "test".into(),
            seed: 0,
            resamples: 2_000,
            run_id: run_id.into(),
        }
    }

    /// Refuses what makes no sense.
    pub(crate) fn check(&self) -> Result<()> {
        if !(RESAMPLES_MIN..=RESAMPLES_MAX).contains(&self.resamples) {
            return Err(Error::InvalidOption {
                option: "resamples",
                expected: format!("{RESAMPLES_MIN} to {RESAMPLES_MAX}"),
                actual: self.resamples.to_string(),
            });
        }
        let named = [
            ("model_id", &self.model_id),
            ("baseline_id", &self.baseline_id),
            ("dataset", &self.dataset),
        ];
        match named.into_iter().find(|(_, name)| name.is_empty()) {
            None => Ok(()),
            Some((option, _)) => Err(Error::InvalidOption {
                option,
                expected: "a name".into(),
                actual: "nothing".into(),
            }),
        }
    }

    /// Digest of all that the rows depend on, beside the tables.
    pub(crate) fn digest(&self) -> String {
        let (seed, resamples) = (self.seed.to_string(), self.resamples.to_string());
        driveloop_lake::digest([
            "evaluation",
            &self.model_id,
            &self.baseline_id,
            &self.dataset,
            &self.split,
            &seed,
            &resamples,
        ])
    }
}

/// What an evaluation found, and what it committed.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationReport {
    /// The rows of `slice_metric`, by slice (`all` first) and metric.
    pub slices: Vec<SliceMetric>,
    /// The rows of `failure_slice`, most urgent first.
    pub failures: Vec<FailureSlice>,
    /// How much of the split was answered, of recorded and simulated drives.
    pub coverage: Coverage,
    /// The same of composed drives: they are in slices of their own.
    pub composed: Coverage,
    /// Recorded and simulated drives behind the samples that were compared.
    pub drives: usize,
    /// Tables that changed, with their new version; empty when all was there already.
    pub committed: BTreeMap<String, i64>,
}

impl EvaluationReport {
    /// Whether both models were scored on every sample of the split.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.coverage.is_whole() && self.composed.is_whole()
    }
}
