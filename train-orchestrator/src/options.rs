//! What a run is given and what it gives.

use std::path::PathBuf;
use std::time::Duration;

use driveloop_lake::Versions;

use crate::clock::Clock;
use crate::event::Event;
use crate::line::MetricsLine;
use crate::machine::{Machine, host};
use crate::spec::JobSpec;
use crate::stop::Stop;

/// A job with the data that it trains on.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// What to train.
    pub spec: JobSpec,
    /// Folder with the exported dataset: `train.arrow` and `validation.arrow`. Beside it lies what is to be predicted:
    /// [`driveloop_schemas::forecast::prediction_folder`].
    pub dataset_dir: PathBuf,
    /// Digest of the dataset.
    pub dataset_digest: String,
}

/// What to do about a job that another orchestrator drives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenBusy {
    /// Wait for its end, and take over where the other one dies.
    Wait,
    /// Refuse.
    Refuse,
}

/// Bounds on what a trainer can leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an output at most: weights and predictions are held in memory while they are brought into the lake.
    pub output_bytes_max: u64,
    /// Bytes of the beginning of a process's log that are kept: what a trainer prints cannot fill the disk.
    pub log_head_bytes: u64,
    /// Bytes of its end that are kept; while the process runs, up to twice as many.
    pub log_tail_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            output_bytes_max: 16 << 30,
            log_head_bytes: 1 << 20,
            log_tail_bytes: 1 << 20,
        }
    }
}

/// Where jobs run.
#[derive(Clone)]
pub struct TrainOptions {
    /// Folder for what a run needs until it ends: checkpoints, logs, metrics. A run has a folder of its own in it.
    /// Orchestrators with the same folder share the slots of the machine.
    pub work_dir: PathBuf,
    /// The `driveloop-worker` program.
    pub worker: PathBuf,
    /// The slots.
    pub machine: Machine,
    /// The machine, for as long as it is up.
    pub host: String,
    /// Table versions that the datasets were read from, for the lineage.
    pub inputs: Versions,
    /// Run that the commits belong to, such as a round; the training run's own id where it is absent.
    pub run_id: Option<String>,
    /// What to do about a job that another orchestrator drives.
    pub when_busy: WhenBusy,
    /// For how long an orchestrator of another machine may be silent before it counts as dead.
    pub lease: Duration,
    /// Bounds on what a trainer can leave.
    pub limits: Limits,
    /// The file that counts the processes which the kernel killed because memory had run out, in a line `oom_kill N`; that of
    /// the control group or of the machine where it is `None`.
    pub memory_events: Option<PathBuf>,
    /// The program of the GPUs' driver, which says what they do while a job has them; nothing is measured without it.
    pub nvidia_smi: Option<String>,
    /// Asks to end: the workers are given their grace for a last checkpoint, and the runs can be resumed.
    pub stop: Stop,
    /// The clocks.
    pub clock: Clock,
}

/// The usual lease: an outage of the lake of two thirds of it is survived.
const LEASE: Duration = Duration::from_mins(1);

impl TrainOptions {
    /// Options for this machine, without lineage, that wait for other orchestrators.
    #[must_use]
    pub fn new(
        work_dir: impl Into<PathBuf>,
        worker: impl Into<PathBuf>,
        machine: Machine,
        clock: Clock,
    ) -> Self {
        Self {
            work_dir: work_dir.into(),
            worker: worker.into(),
            machine,
            host: host(),
            inputs: Versions::new(),
            run_id: None,
            when_busy: WhenBusy::Wait,
            lease: LEASE,
            limits: Limits::default(),
            memory_events: None,
            nvidia_smi: None,
            stop: Stop::default(),
            clock,
        }
    }
}

/// Something to show of a job.
#[derive(Debug, Clone, PartialEq)]
pub enum TrainEvent {
    /// An entry of the journal.
    Journal(Event),
    /// A line of the trainer's metrics.
    Metrics(MetricsLine),
    /// Another orchestrator drives the job, and is waited for.
    Busy {
        /// Who.
        by: String,
    },
    /// Something in the trainer's metrics cannot be used: said once for each name.
    MetricsUnused {
        /// The field, or what is wrong with the line.
        what: String,
        /// The text, cut where it is long.
        text: String,
    },
    /// The job makes room for another one.
    MakesRoom {
        /// The other one.
        room_for: String,
    },
}

/// Who is told what happens, and to which job.
pub type OnEvent<'a> = &'a (dyn Fn(&str, &TrainEvent) + Send + Sync);

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
    /// Predictions of validation and test samples; none where the trainer has no predict step.
    pub predictions: u64,
    /// Time from submission to end, seconds: the sum of the three that follow.
    pub wall_s: f64,
    /// In steps that count.
    pub productive_s: f64,
    /// In steps done again, and in starts.
    pub lost_s: f64,
    /// Without a worker.
    pub waiting_s: f64,
    /// GPU time, hours: GPUs that were occupied, times the time with a worker.
    pub gpu_hours: f64,
    /// Time in which GPUs computed, as NVML sampled it, hours; `None` where nothing was measured.
    pub gpu_hours_busy: Option<f64>,
    /// CPU time that the processes of the trainer used, as the system measured it, hours.
    pub cpu_hours: f64,
    /// CPU time, hours: cores that were occupied, times the time with a worker; `None` where an older version left the row.
    pub cpu_hours_reserved: Option<f64>,
    /// Hours that were occupied times the prices of the specification; `None` where an older version left the row.
    pub cost: Option<f64>,
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
