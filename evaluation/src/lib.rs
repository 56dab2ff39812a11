//! Says, scene by scene, what a model does better and worse than a baseline, and what to mend next.
//!
//! [`evaluate`] reads the samples of a frozen dataset, what a model and a baseline predict for them, and what really
//! happened (`object_track`); it writes one row per sample and metric (`sample_metric`), per slice and metric
//! (`slice_metric`, with 95 % intervals by drive), and the slices to mend next (`failure_slice`), each
//! with SQL that finds more of it. [`compare`] scores two models side by side and writes nothing.
//! [`feedback`] runs these searches, and those for what the release gate could not decide, and
//! writes how much each found and how much is missing (`search`): the next round begins there.
//!
//! # Contract
//! * Figures belong to one model: it has a row for each sample that it answered and whose future is known, whatever it is compared
//!   with. Differences are over the samples that both answered. How many of the split's samples each answered is in [`Coverage`]
//!   and in every row of `slice_metric`.
//! * Slices and the words about them are of recorded and simulated drives. Composed drives are in slices of their own
//!   ([`slices_of_sample`]), and no failure is chosen on them.
//! * An interval, and a word such as `worse`, need [`DRIVES_MIN`] drives. Words come from flip tests by drive, corrected by
//!   Holm for all slices and metrics: where nothing differs, an evaluation says `worse` of anything in at most 2.5 % of all cases, and
//!   `better` in as many.
//! * The same lake, options and seed give the same rows, and a second run commits nothing.
//!   A run that was killed between two tables is completed by the next one.
//! * What is in memory: the samples of the split with their figures (at most [`SAMPLES_MAX`]), and the tracks, maps and
//!   predictions of a few windows of drives.
//! * Each split has rows of its own: those of a model, dataset and split are of its last evaluation there.
//! * The test split judges and never chooses: [`feedback`] reads the failures of the validation split.
//!
//! # Not here
//! No verdict (`ota-validation` has the gates), no training, no scenarios: `scenario-mining` finds the episodes; the statistics are
//! those of the crate `statistics`, which the gate uses too.
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

mod comfort;
mod compare;
mod coverage;
mod error;
mod failures;
mod feedback;
mod forecaster;
mod inference;
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

pub use comfort::{Motion, is_uncomfortable, motions};
pub use compare::{Change, Compared, Comparison};
pub use coverage::Coverage;
pub use error::{Error, Result};
pub use failures::{WORST_MAX, failure_slices};
pub use feedback::{FeedbackOptions, FeedbackReport, SEARCHES_MAX, feedback};
pub use forecaster::{CONSTANT_VELOCITY, Forecaster};
pub use inference::DRIVES_MIN;
pub use kind::ActorKind;
pub use metrics::{MISS_M, Metric, Scores, score};
pub use options::{EvaluateOptions, EvaluationReport, RESAMPLES_MAX, SAMPLES_MAX};
pub use road::Road;
pub use run::{compare, evaluate};
pub use scoring::{Tally, score_scene};
pub use slices::{SLICE_SAMPLES_MIN, Scored, slice_metrics, slices_of_sample};
pub use truth::{Moment, Scene, State, Truth};
