//! Datasets of the motion forecaster: samples chosen, split by drive and frozen in `sample`; then exported as tensors.
//!
//! [`freeze`] decides once which actor at which stamp is a sample, and in which split; the decision is a pure function of
//! drives, episodes, options and seed. [`export`] turns the rows into the files that a training job reads.

mod candidates;
mod export;
mod features;
mod freeze;
mod lanes;
mod selection;
mod split;
mod tracks;

pub use export::{ExportReport, FORMAT, export};
pub use freeze::{FreezeOptions, FreezeOutcome, FreezeReport, SplitCount, freeze};

/// The splits, in the order of their fractions.
pub const SPLITS: [&str; 3] = ["train", "validation", "test"];
