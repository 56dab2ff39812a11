//! Training jobs: a journaled state machine, an executor of processes, and what a run leaves in the lake.
//!
//! A job is a [`JobSpec`]: the built-in trainer (`driveloop-worker`) or any command that keeps the contract of
//! `CONTRACT.md`. [`train()`] runs it once for a specification and a dataset: the same two give [`Outcome::AlreadyThere`].
//! What has happened lies in a journal of the lake, so that a run whose orchestrator or worker was killed goes on from
//! its last checkpoint, and ends in the same rows.
//!
//! * [`state`] is the policy: a pure function of state and event that says what to do next, and the ledger of the time.
//! * [`train()`] is its edge: processes, files, the lake.
//! * [`predict()`] applies a model of the lake to another dataset.
//!
//! Not here: what a model computes (the worker), other executors than processes of this machine, freezing of datasets.
//!
//! ```
//! use driveloop_train_orchestrator::JobSpec;
//!
//! let spec = JobSpec::from_toml(r#"
//!     name = "forecaster"
//!     dataset = "round-1"
//!     seed = 7
//!     [params]
//!     steps_max = 500
//! "#)?;
//! assert_eq!(spec.run_id("digest of the dataset").len(), 16);
//! # Ok::<(), driveloop_train_orchestrator::Error>(())
//! ```

mod collect;
mod error;
mod executor;
mod folder;
mod metrics;
mod options;
mod predict;
mod process;
mod spec;
pub mod state;
mod train;

pub use error::{Error, Result};
pub use metrics::MetricsLine;
pub use options::{Clock, Outcome, TrainEvent, TrainOptions, TrainReport};
pub use predict::{PredictOptions, PredictReport, predict};
pub use spec::{JobSpec, Resources, Retries, Trainer};
pub use train::train;
