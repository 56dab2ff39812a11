//! What a run is given and what it gives.

use std::path::PathBuf;
use std::sync::Arc;

use driveloop_lake::Versions;

use crate::metrics::MetricsLine;
use crate::state::Event;

/// The present time, nanoseconds since the Unix epoch, UTC.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Where a job runs.
#[derive(Clone)]
pub struct TrainOptions {
    /// Folder for what a run needs until it ends: checkpoints, logs, metrics. A run has a folder of its own in it.
    pub work_dir: PathBuf,
    /// The `driveloop-worker` program.
    pub worker: PathBuf,
    /// Folder with the exported dataset: `train.arrow`, `validation.arrow`, `test.arrow`.
    pub dataset_dir: PathBuf,
    /// Digest of the dataset.
    pub dataset_digest: String,
    /// Table versions that the dataset was read from, for the lineage.
    pub inputs: Versions,
    /// Run that the commits belong to, such as a round; the training run's own id where it is absent.
    pub run_id: Option<String>,
    /// Price of a GPU for an hour, in the caller's currency.
    pub price_per_gpu_hour: f64,
    /// Price of a CPU core for an hour.
    pub price_per_cpu_hour: f64,
    /// The clock.
    pub clock: Clock,
}

impl TrainOptions {
    /// Options without lineage and prices.
    #[must_use]
    pub fn new(
        work_dir: impl Into<PathBuf>,
        worker: impl Into<PathBuf>,
        dataset_dir: impl Into<PathBuf>,
        dataset_digest: impl Into<String>,
        clock: Clock,
    ) -> Self {
        Self {
            work_dir: work_dir.into(),
            worker: worker.into(),
            dataset_dir: dataset_dir.into(),
            dataset_digest: dataset_digest.into(),
            inputs: Versions::new(),
            run_id: None,
            price_per_gpu_hour: 0.0,
            price_per_cpu_hour: 0.0,
            clock,
        }
    }
}

/// Something to show of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum TrainEvent {
    /// An entry of the journal.
    Journal(Event),
    /// A line of the trainer's metrics.
    Metrics(MetricsLine),
}

/// Whether a run had to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The lake had its results.
    AlreadyThere,
    /// It was made, or completed, now.
    Trained,
}

/// A run that succeeded.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainReport {
    /// Identity of the run.
    pub run_id: String,
    /// The model that it left.
    pub model_id: String,
    /// `succeeded`.
    pub state: String,
    /// Attempts, the last one included.
    pub attempts: u32,
    /// `cpu` or `cuda:N`.
    pub device: String,
    /// Steps behind the model.
    pub step: u64,
    /// Loss on the validation split, metres; `None` where that is empty.
    pub validation_loss: Option<f64>,
    /// Predictions of validation and test samples.
    pub predictions: u64,
    /// Time from submission to end, seconds: the sum of the three that follow.
    pub wall_s: f64,
    /// In steps that count.
    pub productive_s: f64,
    /// In steps done again, and in starts.
    pub lost_s: f64,
    /// Without a worker.
    pub waiting_s: f64,
    /// GPU time, hours.
    pub gpu_hours: f64,
    /// CPU time, hours: cores that were occupied, times the time.
    pub cpu_hours: f64,
    /// Hours times prices.
    pub cost: f64,
    /// Whether anything was done.
    pub outcome: Outcome,
}

impl TrainReport {
    /// Productive time by wall time.
    #[must_use]
    pub fn goodput(&self) -> f64 {
        if self.wall_s > 0.0 {
            self.productive_s / self.wall_s
        } else {
            1.0
        }
    }
}
