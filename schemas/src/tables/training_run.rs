//! The `training_run` table.

use crate::table::table;
table! {
    /// A training job that ended.
    TrainingRun = "training_run", version 3, key ["run_id"], partition_by [];
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
    /// GPU time that was reserved: GPUs of the job, times productive and lost time.
    ["h"] gpu_hours: f64,
    /// CPU time that the trainer's processes used, as the system measured it; in rows of older versions, what was reserved.
    ["h"] cpu_hours: f64,
    /// Reserved hours of GPUs and CPUs times the prices of the specification, in its currency; null in rows of older versions.
    ["-"] cost: Option<f64>,
    /// Why it ended without a model; null where it left one, and in rows of older versions.
    ["-"] reason: Option<String>,
    /// CPU time that was reserved: processes of the job, times cores of each, times productive and lost time; null in rows of
    /// older versions.
    ["h"] cpu_hours_reserved: Option<f64>,
    /// GPU time in which kernels ran, as NVML sampled it once a second; null where nothing was measured, and in rows of older
    /// versions.
    ["h"] gpu_hours_busy: Option<f64>,
    /// What of the trainer's metrics could not be used, and how often: fields by name, and lines; null where all could be, and in
    /// rows of older versions.
    ["-"] metrics_unused: Option<String>,
}
