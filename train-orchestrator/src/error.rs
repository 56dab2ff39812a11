//! What can go wrong with a training job, one variant for each decision of the caller.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::state::{EventKind, Phase};

/// A failure of a training job.
#[derive(Debug, Error)]
pub enum Error {
    /// The specification is wrong: mend it.
    #[error("job specification: {reason}")]
    Spec {
        /// What is wrong with it.
        reason: String,
    },
    /// The job asks for more than the machine has: ask for less, or go to a larger machine.
    #[error(
        "job `{job}` asks for {asked}, there are {there}\nhint: lower `resources` or `processes` in the job, or run it on a larger machine"
    )]
    TooLarge {
        /// The job.
        job: String,
        /// What it asks for.
        asked: String,
        /// How much there is of it.
        there: String,
    },
    /// The trainer's program does not start on this machine: install what it needs.
    #[error("cannot start `{program}`: {reason}\nhint: {hint}")]
    CannotStart {
        /// The program.
        program: String,
        /// What the system says.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// The trainer failed as often as the specification admits: read its log.
    #[error("job `{name}` failed after {attempts} {}: {reason}\nlast lines of {log}:\n{tail}", if *attempts == 1 { "attempt" } else { "attempts" }, log = log.display())]
    JobFailed {
        /// The job.
        name: String,
        /// Attempts made.
        attempts: u32,
        /// How the last one ended.
        reason: String,
        /// The log of the last attempt.
        log: PathBuf,
        /// Its last lines.
        tail: String,
    },
    /// The job was cancelled: run it again if it is wanted after all.
    #[error("job `{name}` was cancelled")]
    Cancelled {
        /// The job.
        name: String,
    },
    /// The orchestrator was asked to end: run the job again, it goes on from its last checkpoint.
    #[error(
        "job `{name}` was interrupted by {by}\nhint: the same command goes on from its last checkpoint, at step {step}"
    )]
    Interrupted {
        /// The job.
        name: String,
        /// What asked, such as a signal.
        by: String,
        /// Steps that will not be done again.
        step: u64,
    },
    /// A job that this one comes after left no model: see to that one.
    #[error("job `{name}` comes after `{after}`, which left no model")]
    After {
        /// The job.
        name: String,
        /// The one before it.
        after: String,
    },
    /// Another orchestrator drives the job: wait for it.
    #[error("job `{job}` is driven by {by}")]
    Busy {
        /// The job.
        job: String,
        /// Who drives it.
        by: String,
    },
    /// A file that the trainer wrote is not what the contract asks for: mend the trainer.
    #[error("{}: {reason}", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The lake has no such model or run: look at what it has.
    #[error("no {what} `{name}` in the lake")]
    Unknown {
        /// `model`, or `run that is under way`.
        what: &'static str,
        /// The name that was given.
        name: String,
    },
    /// The weights of a model are not those that its training left: bring them back, or train another model.
    #[error(
        "weights of model `{model_id}`: `{path}` has the SHA-256 {actual}, its training left {expected}\nhint: put the file with the expected digest back, from a copy of the lake; without one, the model is lost: train its job again under another `name`"
    )]
    Weights {
        /// The model.
        model_id: String,
        /// The weights, relative to the lake.
        path: String,
        /// Digest of what the training left.
        expected: String,
        /// Digest of what is there.
        actual: String,
    },
    /// The trainer of a model has no predict step: give it one.
    #[error(
        "nobody predicts with model `{model_id}`: its trainer has no predict step, so that it has no predictions, no evaluation and no verdict\nhint: give the job `trainer = {{ command = [...], predict = [...] }}` (a round: `[train] predict = [...]`) and train it again"
    )]
    NobodyPredicts {
        /// The model.
        model_id: String,
    },
    /// The journal of the run has entries in an order that cannot have happened.
    #[error("journal of the run: `{event:?}` cannot come after `{phase:?}`")]
    JournalOrder {
        /// Phase before the entry.
        phase: Phase,
        /// The entry.
        event: Box<EventKind>,
    },
    /// A file of the work folder cannot be read or written: look at disk and permissions.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The lake failed. A re-run completes what was begun.
    #[error(transparent)]
    Lake(#[from] driveloop_lake::Error),
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Names the file of an input or output error.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn output(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Output {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}
