//! The metrics file: a JSON object a line, appended. It is also the heartbeat: the orchestrator watches it grow.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Serialize;

/// One line of the file.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Line {
    /// The worker has its data and its device, and goes on from `step`.
    Start {
        step: u64,
        device: String,
        train: usize,
        validation: usize,
        inputs: usize,
        weights: u64,
    },
    /// Steps were made; the loss is the mean since the last such line, `data_wait` the share of the time since then in which
    /// the trainer waited for data.
    Step {
        step: u64,
        epoch: u64,
        loss: f64,
        learning_rate: f64,
        samples_per_s: f64,
        data_wait: f64,
    },
    /// The validation split was evaluated: null where it is empty.
    Validation {
        step: u64,
        validation_loss: Option<f64>,
        ade_m: Option<f64>,
        fde_m: Option<f64>,
    },
    /// What comes before `step` will not be done again.
    Checkpoint { step: u64 },
    /// The model that was kept, and the figures of this attempt.
    End {
        step: u64,
        best_step: u64,
        validation_loss: Option<f64>,
        samples_per_s: f64,
        data_wait: f64,
        memory_peak_mb: Option<f64>,
    },
}

/// What time was spent on: samples, and waiting for data. On a GPU, which works on while the trainer waits, the share is an
/// upper bound of that in which the device had nothing to do.
pub(crate) struct Rate {
    started: Instant,
    waited: Duration,
    samples: usize,
}

impl Rate {
    pub(crate) fn start() -> Self {
        Self {
            started: Instant::now(),
            waited: Duration::ZERO,
            samples: 0,
        }
    }

    pub(crate) fn add(&mut self, samples: usize, waited: Duration) {
        self.samples += samples;
        self.waited += waited;
    }

    pub(crate) fn samples_per_s(&self) -> f64 {
        self.samples as f64 / self.elapsed_s()
    }

    pub(crate) fn data_wait(&self) -> f64 {
        self.waited.as_secs_f64() / self.elapsed_s()
    }

    fn elapsed_s(&self) -> f64 {
        self.started.elapsed().as_secs_f64().max(1e-9)
    }
}

/// The most memory that this process held so far, in megabytes; `None` where the system does not say.
pub(crate) fn memory_peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes / 1000.0)
}

/// Appends lines; without a path it does nothing.
pub(crate) struct Metrics(Option<File>);

impl Metrics {
    pub(crate) fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else {
            return Ok(Self(None));
        };
        let file = OpenOptions::new().create(true).append(true).open(path);
        Ok(Self(Some(file.with_context(|| {
            format!("cannot open the metrics file {}", path.display())
        })?)))
    }

    pub(crate) fn write(&mut self, line: &Line) -> anyhow::Result<()> {
        let Some(file) = &mut self.0 else {
            return Ok(());
        };
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        file.write_all(text.as_bytes())
            .context("cannot write to the metrics file")
    }
}
