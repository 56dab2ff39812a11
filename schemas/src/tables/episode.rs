//! The `episode` table.

use crate::ids::{EpisodeId, LogId};
use crate::table::table;
use crate::time::Day;

table! {
    /// A scenario found in a drive.
    Episode = "episode", version 1, key ["log_id", "scenario", "start_ns", "episode_id"], partition_by ["day"];
    /// Identity: digest of scenario, version, drive, interval and actors.
    ["-"] episode_id: EpisodeId,
    /// The drive.
    ["-"] log_id: LogId,
    /// UTC day of the drive's start.
    ["day"] day: Day,
    /// Whether `synth` composed the drive.
    ["-"] composed: bool,
    /// Scenario of the catalogue.
    ["-"] scenario: String,
    /// Version of the scenario.
    ["-"] scenario_version: i32,
    /// First stamp.
    ["ns, UTC"] start_ns: i64,
    /// Last stamp.
    ["ns, UTC"] end_ns: i64,
    /// Tracks that take part, in the order of `roles`.
    ["-"] actors: Vec<String>,
    /// Roles of the tracks, as the scenario names them.
    ["-"] roles: Vec<String>,
    /// Severity score of the scenario, larger is more critical; its unit is in the scenario's header.
    ["see scenario"] score: f64,
    /// Tags of the scenario.
    ["-"] tags: Vec<String>,
    /// Digest of the query and its parameters.
    ["-"] query_digest: String,
}
