//! The metrics file: a JSON object a line, appended. It is also the heartbeat: the orchestrator watches it grow.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

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
        test: usize,
        weights: u64,
    },
    /// Steps were made; the loss is the mean since the last such line.
    Step {
        step: u64,
        epoch: u64,
        loss: f64,
        learning_rate: f64,
        samples_per_s: f64,
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
    /// The model that was kept.
    End {
        step: u64,
        best_step: u64,
        validation_loss: Option<f64>,
    },
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
