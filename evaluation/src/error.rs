//! What can go wrong in an evaluation.

use driveloop_schemas::SampleId;
use thiserror::Error;

/// An evaluation that did not come to its end.
#[derive(Debug, Error)]
pub enum Error {
    /// The lake could not be read or written.
    #[error(transparent)]
    Lake(#[from] driveloop_lake::Error),
    /// An option that makes no sense.
    #[error("option `{option}`: expected {expected}, got {actual}")]
    InvalidOption {
        /// The option.
        option: &'static str,
        /// What it admits.
        expected: String,
        /// What it was.
        actual: String,
    },
    /// The dataset has nothing in the split.
    #[error("dataset `{dataset}` has no samples in split `{split}`; it has {present}")]
    EmptySplit {
        /// The dataset.
        dataset: String,
        /// The split that was asked for.
        split: String,
        /// The splits that it has, with their number of samples.
        present: String,
    },
    /// One name, but samples of more than one frozen dataset.
    #[error("dataset `{dataset}`: expected one digest, got {actual}")]
    MixedDataset {
        /// The dataset.
        dataset: String,
        /// The digests.
        actual: String,
    },
    /// More samples than an evaluation holds in memory.
    #[error("dataset `{dataset}`, split `{split}`: expected at most {max} samples, got {actual}")]
    TooManySamples {
        /// The dataset.
        dataset: String,
        /// The split.
        split: String,
        /// The limit.
        max: usize,
        /// The samples.
        actual: usize,
    },
    /// The model has a prediction for no sample of the split.
    #[error("model `{model_id}` has no predictions for split `{split}` of dataset `{dataset}`")]
    NoPredictions {
        /// The model, or the baseline.
        model_id: String,
        /// The dataset.
        dataset: String,
        /// The split.
        split: String,
    },
    /// The model has no figures of the split that something is to be chosen on.
    #[error(
        "model `{model_id}` was not evaluated on split `{split}` of dataset `{dataset}`{before}"
    )]
    NotEvaluated {
        /// The model.
        model_id: String,
        /// The dataset.
        dataset: String,
        /// The split.
        split: String,
        /// What else there is of the model and dataset; empty where there is nothing.
        before: &'static str,
    },
    /// No sample has a complete future and both predictions.
    #[error(
        "dataset `{dataset}`: no sample could be scored ({truth} without a complete future in `object_track`, \
         {model} without a prediction of the model, {baseline} without one of the baseline)"
    )]
    NothingScored {
        /// The dataset.
        dataset: String,
        /// Samples without a complete future.
        truth: usize,
        /// Samples without a prediction of the model.
        model: usize,
        /// Samples without a prediction of the baseline.
        baseline: usize,
    },
    /// A prediction of another length than the horizon.
    #[error(
        "prediction of `{model_id}` for sample `{sample_id}`: expected {expected} positions, got {actual}"
    )]
    PredictionShape {
        /// The model.
        model_id: String,
        /// The sample.
        sample_id: SampleId,
        /// Steps of the horizon.
        expected: usize,
        /// Positions of the row.
        actual: usize,
    },
    /// The evidence of a verdict is not what the release gate writes.
    #[error("evidence `{path}` cannot be read")]
    Evidence {
        /// The file, relative to the lake.
        path: String,
        /// The cause.
        source: serde_json::Error,
    },
    /// A computation stopped before its end: the runtime is going down.
    #[error("the evaluation was stopped")]
    Stopped {
        /// The cause.
        #[from]
        source: tokio::task::JoinError,
    },
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
