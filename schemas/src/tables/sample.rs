//! The `sample` table.

use crate::ids::{LogId, SampleId, TrackId};
use crate::table::table;
use crate::time::Day;

table! {
    /// One item of a frozen dataset: an actor at a stamp, whose past is the input and whose future is the target.
    Sample = "sample", version 2, key ["dataset", "sample_id"], partition_by ["dataset"];
    /// Name of the dataset; immutable once frozen.
    ["-"] dataset: String,
    /// Digest of what the dataset was frozen from: query, parameters, drives and episodes.
    ["-"] dataset_digest: String,
    /// Identity: `log_id/track_id/stamp_ns`.
    ["-"] sample_id: SampleId,
    /// `train`, `validation` or `test`; all samples of a drive (and of what was composed from it) are in one.
    ["-"] split: String,
    /// `real` or `synthetic`.
    ["-"] source: String,
    /// The drive.
    ["-"] log_id: LogId,
    /// The recorded drive behind it: its own, or the host of a composed one. Splits and intervals cluster by it.
    ["-"] host_log_id: LogId,
    /// UTC day of the drive's start.
    ["day"] day: Day,
    /// The actor.
    ["-"] track_id: TrackId,
    /// The present: the last stamp of the past.
    ["ns, UTC"] stamp_ns: i64,
    /// Category of the actor.
    ["-"] category: String,
    /// Distance of the actor to the ego.
    ["m"] ego_distance_m: f64,
    /// Speed of the actor.
    ["m/s"] speed_mps: f64,
    /// Scenarios whose episodes contain the stamp and the actor, sorted.
    ["-"] scenarios: Vec<String>,
    /// Weight in training.
    ["1"] weight: f64,
    /// Whether `synth` composed the drive; null in rows of version 1, where `source` says it.
    ["-"] composed: Option<bool>,
}
