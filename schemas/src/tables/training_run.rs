//! The `training_run` table.

use crate::table::table;
table! {
    /// A training job that ended.
    TrainingRun = "training_run", version 2, key ["run_id"], partition_by [];
    /// Identity: digest of the specification and the dataset.
    ["-"] run_id: String,
    /// Name of the job.
    ["-"] name: String,
    /// Digest of the specification.
    ["-"] spec_digest: String,
    /// Dataset.
    ["-"] dataset: String,
    /// Digest of the dataset.
    ["-"] dataset_digest: String,
    /// Seed.
    ["-"] seed: i64,
    /// `succeeded`, `failed` or `cancelled`.
    ["-"] state: String,
    /// Model that it left; null where it left none.
    ["-"] model_id: Option<String>,
    /// Attempts, the last one included.
    ["1"] attempts: i32,
    /// `cpu` or `cuda:N`.
    ["-"] device: String,
    /// Wall time from submission to end.
    ["s"] wall_s: f64,
    /// Time in steps that count towards the result.
    ["s"] productive_s: f64,
    /// Time in steps that were done again, and in starts.
    ["s"] lost_s: f64,
    /// Time without a worker.
    ["s"] waiting_s: f64,
    /// GPU time.
    ["h"] gpu_hours: f64,
    /// CPU time.
    ["h"] cpu_hours: f64,
    /// Hours times the prices of the specification, in its currency; null in rows of older versions.
    ["-"] cost: Option<f64>,
    /// Why it ended without a model; null where it left one, and in rows of older versions.
    ["-"] reason: Option<String>,
}
