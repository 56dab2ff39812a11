//! The shape of a training sample of the motion forecaster: what the exporter writes and the worker reads.
//!
//! Everything is in the frame of the actor at the present stamp: origin at its centre, x along its heading.

use std::path::{Path, PathBuf};

use crate::table::table;

/// Step of past and future, in nanoseconds (10 Hz).
pub const STEP_NS: i64 = 100_000_000;
/// A stamp counts as that of a step where it is at most this far off it.
pub const STEP_TOLERANCE_NS: i64 = 30_000_000;
/// Stamps of the past, the present one included (2 s).
pub const HISTORY_STEPS: usize = 20;
/// Stamps of the future (3 s).
pub const HORIZON_STEPS: usize = 30;
/// Values of a past stamp: x, y, cos and sin of the heading, vx, vy.
pub const HISTORY_CHANNELS: usize = 6;
/// Values of the actor itself: length, width, is the ego (1 or 0), goes on foot, rides on two wheels.
pub const ACTOR_CHANNELS: usize = 5;
/// Neighbours, nearest first; absent ones are zeros.
pub const NEIGHBOURS: usize = 8;
/// Values of a neighbour at the present: present (1) or absent (0), x, y, cos and sin of the heading, vx, vy, length, width, is the ego.
pub const NEIGHBOUR_CHANNELS: usize = 10;
/// Points of the lane centre line ahead, one every [`LANE_POINT_SPACING_M`]; zeros where no lane is near.
pub const LANE_POINTS: usize = 10;
/// Distance between points of the lane.
pub const LANE_POINT_SPACING_M: f64 = 5.0;
/// Values of a lane point: present (1) or absent (0), x, y.
pub const LANE_CHANNELS: usize = 3;

/// The folder of [`ForecastInput`] beside that of a dataset's training files, which alone a trainer is told of.
#[must_use]
pub fn prediction_folder(dataset_dir: &Path) -> PathBuf {
    let mut name = dataset_dir.as_os_str().to_owned();
    name.push(".predict");
    PathBuf::from(name)
}

/// The file of [`ForecastInput`] in the folder of [`prediction_folder`].
#[must_use]
pub fn inputs_file(dataset_dir: &Path) -> PathBuf {
    prediction_folder(dataset_dir)
        .join("inputs")
        .join("inputs.arrow")
}

/// The file of [`ForecastKey`] in the folder of [`prediction_folder`]; who predicts is not told of it.
#[must_use]
pub fn key_file(dataset_dir: &Path) -> PathBuf {
    prediction_folder(dataset_dir).join("key.arrow")
}

table! {
    /// A sample as tensors. Not a table of the lake: Arrow IPC files that are made from one for a training run.
    ForecastSample = "forecast_sample", version 1, key ["sample_id"], partition_by [];
    /// The sample.
    ["-"] sample_id: String,
    /// `train`, `validation` or `test`.
    ["-"] split: String,
    /// Weight in training.
    ["1"] weight: f64,
    /// Position of the actor at the present.
    ["m, map"] anchor_x_m: f64,
    /// Position of the actor at the present.
    ["m, map"] anchor_y_m: f64,
    /// Heading of the actor at the present.
    ["rad, map"] anchor_yaw_rad: f64,
    /// `HISTORY_STEPS` × `HISTORY_CHANNELS`, oldest first.
    ["m, rad, m/s; actor"] history: Vec<f32>,
    /// `ACTOR_CHANNELS`.
    ["m, 1"] actor: Vec<f32>,
    /// `NEIGHBOURS` × `NEIGHBOUR_CHANNELS`.
    ["m, rad, m/s; actor"] neighbours: Vec<f32>,
    /// `LANE_POINTS` × `LANE_CHANNELS`.
    ["m; actor"] lane: Vec<f32>,
    /// `HORIZON_STEPS` × 2 (x, y).
    ["m; actor"] future: Vec<f32>,
}

impl ForecastSample {
    /// The columns of the validation split that a trainer gets: what its loss is made of.
    pub const OF_VALIDATION: [&'static str; 7] = [
        "sample_id",
        "weight",
        "history",
        "actor",
        "neighbours",
        "lane",
        "future",
    ];
}

table! {
    /// What a model is shown of a sample that it is to predict: nothing that lies after the present, and no name that says of which
    /// drive, actor or stamp it is. Not a table of the lake.
    ForecastInput = "forecast_input", version 1, key ["input_id"], partition_by [];
    /// The sample, under a name that only [`ForecastKey`] knows.
    ["-"] input_id: String,
    /// `HISTORY_STEPS` × `HISTORY_CHANNELS`, oldest first.
    ["m, rad, m/s; actor"] history: Vec<f32>,
    /// `ACTOR_CHANNELS`.
    ["m, 1"] actor: Vec<f32>,
    /// `NEIGHBOURS` × `NEIGHBOUR_CHANNELS`.
    ["m, rad, m/s; actor"] neighbours: Vec<f32>,
    /// `LANE_POINTS` × `LANE_CHANNELS`.
    ["m; actor"] lane: Vec<f32>,
}

table! {
    /// Which sample an input is, and where its actor was: what turns a prediction into one of the map. Not a table of the lake.
    ForecastKey = "forecast_key", version 1, key ["input_id"], partition_by [];
    /// The input.
    ["-"] input_id: String,
    /// The sample.
    ["-"] sample_id: String,
    /// Position of the actor at the present.
    ["m, map"] anchor_x_m: f64,
    /// Position of the actor at the present.
    ["m, map"] anchor_y_m: f64,
    /// Heading of the actor at the present.
    ["rad, map"] anchor_yaw_rad: f64,
}

impl ForecastSample {
    /// What a model is shown of the sample under a name, and what the name stands for.
    #[must_use]
    pub fn input(&self, input_id: String) -> (ForecastInput, ForecastKey) {
        let input = ForecastInput {
            input_id: input_id.clone(),
            history: self.history.clone(),
            actor: self.actor.clone(),
            neighbours: self.neighbours.clone(),
            lane: self.lane.clone(),
        };
        let key = ForecastKey {
            input_id,
            sample_id: self.sample_id.clone(),
            anchor_x_m: self.anchor_x_m,
            anchor_y_m: self.anchor_y_m,
            anchor_yaw_rad: self.anchor_yaw_rad,
        };
        (input, key)
    }
}

/// The positions that a constant velocity gives: the baseline, and what the forecaster corrects.
///
/// Takes a velocity in metres per second; returns `HORIZON_STEPS` pairs (x, y) in metres from the present position.
#[must_use]
pub fn constant_velocity(vx_mps: f64, vy_mps: f64) -> Vec<[f64; 2]> {
    let step_s = crate::time::seconds_between(0, STEP_NS);
    (1..=HORIZON_STEPS)
        .map(|k| [vx_mps * step_s * k as f64, vy_mps * step_s * k as f64])
        .collect()
}
