//! Says, scene by scene, what a model does better and worse than a baseline, and what to mend next.
//!
//! [`evaluate`] reads the samples of a frozen dataset, what a model and a baseline predict for them, and what really
//! happened (`object_track`); it writes one row per sample and metric (`sample_metric`), per slice and metric
//! (`slice_metric`, with 95 % intervals that resample whole drives), and the slices to mend next (`failure_slice`), each
//! with SQL that finds more of it. [`compare`] scores two models side by side and writes nothing.
//! [`feedback`] runs these searches, and those for what the release gate could not decide, and
//! writes how much each found and how much is missing (`search`): the next round begins there.
//!
//! # Contract
//! * Model and baseline are scored on the same samples: those with both predictions and a complete future.
//!   The others are counted in [`Missing`], never silently dropped.
//! * The same lake, options and seed give the same rows, and a second run commits nothing.
//!   A run that was killed between two tables is completed by the next one.
//! * What is in memory: the samples of the split with their figures (at most [`SAMPLES_MAX`]), and the tracks, maps and
//!   predictions of a few windows of drives.
//! * The rows of a model in a dataset are those of its last evaluation: another split replaces them.
//!
//! # Not here
//! No verdict (`ota-validation` has the gates), no training, no scenarios: `scenario-mining` finds the episodes.
//!
//! ```no_run
//! use driveloop_evaluation::{EvaluateOptions, evaluate};
//! use driveloop_lake::Lake;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let lake = Lake::open("lake").await?;
//! let report = evaluate(&lake, &EvaluateOptions::new("forecaster-0123456789ab", "round-1", "run-1")).await?;
//! for failure in &report.failures {
//!     eprintln!("{} {}: {}", failure.slice, failure.metric, failure.search_sql);
//! }
//! # Ok(())
//! # }
//! ```

mod actors;
mod bootstrap;
mod comfort;
mod compare;
mod error;
mod failures;
mod feedback;
mod forecaster;
mod kind;
mod metrics;
mod options;
mod road;
mod run;
mod samples;
mod scoring;
mod slices;
mod truth;
mod write;

pub use actors::difference_by_actor;
pub use bootstrap::{ClusterSums, DRIVES_MIN, Interval, Intervals, intervals, stream_from_names};
pub use comfort::{Motion, is_uncomfortable, motions};
pub use compare::{Change, Compared, Comparison};
pub use error::{Error, Result};
pub use failures::{WORST_MAX, failure_slices};
pub use feedback::{FeedbackOptions, SEARCHES_MAX, feedback};
pub use forecaster::{CONSTANT_VELOCITY, Forecaster};
pub use kind::ActorKind;
pub use metrics::{MISS_M, Metric, Scores, score};
pub use options::{EvaluateOptions, EvaluationReport, Missing, RESAMPLES_MAX, SAMPLES_MAX};
pub use road::Road;
pub use run::{compare, evaluate};
pub use scoring::{Tally, score_scene};
pub use slices::{SLICE_SAMPLES_MIN, Scored, slice_metrics, slices_of_sample};
pub use truth::{Moment, Scene, State, Truth};
