//! Training jobs: a journaled state machine, an executor of processes, and what a run leaves in the lake.
//!
//! A job is a [`JobSpec`]: the built-in trainer (`driveloop-worker`) or any command that keeps the contract of
//! `CONTRACT.md`: it trains, and then a process of its own predicts from the weights that the lake stored. [`train()`] runs it once for a specification and a dataset: the same two give [`Outcome::AlreadyThere`].
//! [`train_all()`] runs several, each when those that it comes after have succeeded and its slots are free.
//! What has happened lies in a journal of the lake, so that a run whose orchestrator or worker was killed goes on from
//! its last checkpoint, and ends in the same rows. One orchestrator at a time drives a run, on whatever machine.
//!
//! * [`state`] is the policy of a run: a pure function of state and event, what to do next, and the ledger of the time.
//! * [`schedule`] is the policy of a machine: a pure function of the jobs and the free slots.
//! * [`train()`] and [`train_all()`] are their edge: processes, files, the lake.
//! * [`runs_under_way`], [`find_run`] and [`cancel`] are for those who look on.
//! * [`predict()`] applies a model of the lake to another dataset; [`check_weights()`] says whether its weights are still those
//!   that its training left, [`check_predicts()`] whether its trainer has a predict step.
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

mod alive;
mod attempt;
mod claim;
mod clock;
mod collect;
mod driver;
mod error;
mod event;
mod executor;
mod exit;
mod folder;
mod gate;
mod gpu;
mod ledger;
mod line;
mod log;
mod machine;
mod metrics;
mod options;
mod params;
mod phase;
mod plan;
mod predict;
mod predict_step;
mod predictions;
mod process;
mod record;
mod runs;
pub mod schedule;
mod slots;
mod spec;
mod start;
pub mod state;
mod stop;
mod sweep;
mod train;
mod trainer;
mod usage;
mod weights;

pub use clock::Clock;
pub use error::{Error, Result};
pub use line::MetricsLine;
pub use machine::{Gpu, Machine};
pub use options::{Job, Limits, OnEvent, Outcome, TrainEvent, TrainOptions, TrainReport, WhenBusy};
pub use plan::specs_from_toml;
pub use predict::{PredictOptions, PredictReport, predict};
pub use runs::{Driven, RunView, cancel, find_run, runs_under_way};
pub use spec::{JobSpec, Price, Resources, Retries};
pub use stop::Stop;
pub use train::{train, train_all};
pub use trainer::Trainer;
pub use weights::{check_predicts, check_weights};
