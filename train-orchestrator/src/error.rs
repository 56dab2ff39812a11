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
    #[error("job `{name}` failed after {attempts} attempts: {reason}\nlast lines of {log}:\n{tail}", log = log.display())]
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
    /// Another process drives the job in this folder: wait for it.
    #[error("another process runs this job in {}", folder.display())]
    Busy {
        /// The folder of the run.
        folder: PathBuf,
    },
    /// A file that the trainer wrote is not what the contract asks for: mend the trainer.
    #[error("{}: {reason}", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The lake has no such model.
    #[error("no model `{model_id}` in the lake")]
    UnknownModel {
        /// The model.
        model_id: String,
    },
    /// The journal of the run has entries in an order that cannot have happened.
    #[error("journal of the run: `{event:?}` cannot come after `{phase:?}`")]
    JournalOrder {
        /// Phase before the entry.
        phase: Phase,
        /// The entry.
        event: EventKind,
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
