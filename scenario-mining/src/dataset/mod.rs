//! Datasets of the motion forecaster: samples chosen, split by drive and frozen in `sample`; then exported as tensors.
//!
//! [`freeze`] decides once which actor at which stamp is a sample, and in which split; the decision is a pure function of drives,
//! episodes, options, seed and the splits of the datasets before it: a drive keeps its split. [`export`] turns the rows into the files that a training job reads, and refuses where the tracks
//! are no longer those that the dataset was frozen from. [`describe`] says what it was frozen from.

mod candidates;
mod content;
mod copies;
mod describe;
mod export;
mod features;
mod files;
mod freeze;
mod lanes;
mod memory;
mod near;
mod report;
mod selection;
mod split;
mod tracks;
mod weigh;

pub use describe::{Description, describe};
pub use export::{ExportReport, FORMAT, export};
pub use freeze::{FreezeOptions, freeze};
pub use report::{FreezeOutcome, FreezeReport, SplitCount};
pub use selection::drives_where;
pub use weigh::Balance;

/// The splits, in the order of their fractions.
pub const SPLITS: [&str; 3] = ["train", "validation", "test"];

/// Places in [`SPLITS`].
const TRAIN: usize = 0;
const VALIDATION: usize = 1;
const TEST: usize = 2;
