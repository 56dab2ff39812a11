//! The `prediction` table.

use crate::ids::SampleId;
use crate::table::table;
table! {
    /// What a model expects of a sample: the centre of the actor at each step of the horizon.
    Prediction = "prediction", version 1, key ["model_id", "dataset", "sample_id"], partition_by ["model_id"];
    /// Model, or a baseline such as `constant-velocity`.
    ["-"] model_id: String,
    /// Dataset of the sample.
    ["-"] dataset: String,
    /// The sample.
    ["-"] sample_id: SampleId,
    /// Positions, a step of 0.1 s each, the first one step after the sample's stamp.
    ["m, map"] x_m: Vec<f64>,
    /// Positions.
    ["m, map"] y_m: Vec<f64>,
}
