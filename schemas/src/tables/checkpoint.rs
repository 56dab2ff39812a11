//! The `checkpoint` table.

use crate::table::table;
table! {
    /// A model: the weights that a training run left.
    Checkpoint = "checkpoint", version 3, key ["model_id"], partition_by [];
    /// Identity: the name of the job and the start of a digest of run and weights; of the weights alone in rows of older versions.
    ["-"] model_id: String,
    /// Run that left it.
    ["-"] run_id: String,
    /// Weights, relative to the lake, in safetensors.
    ["-"] weights: String,
    /// SHA-256 of the weights, in hexadecimal.
    ["-"] weights_digest: String,
    /// Bytes of the weights.
    ["B"] weights_bytes: i64,
    /// Optimiser steps behind it.
    ["1"] step: i64,
    /// Loss on the validation split; null where the split is empty.
    ["m"] validation_loss: Option<f64>,
    /// Dataset that it was trained on.
    ["-"] dataset: String,
    /// Digest of the dataset.
    ["-"] dataset_digest: String,
    /// Model whose weights the training started from; null where it started anew, and in rows of older versions.
    ["-"] started_from: Option<String>,
    /// Who predicts with it, as JSON: `"builtin"`, `"nobody"`, or an object of `command` and `params`; null in rows of older versions.
    ["-"] predict: Option<String>,
}
