//! The `synthetic_item` table.

use crate::ids::{EpisodeId, ItemId, LogId};
use crate::table::table;
use crate::time::Day;

table! {
    /// Provenance of a composed drive, or of a candidate that was rejected.
    SyntheticItem = "synthetic_item", version 2, key ["item_id"], partition_by ["day"];
    /// Identity: digest of host, episode, recipe, parameters and seed; also the `log_id` of the composed drive.
    ["-"] item_id: ItemId,
    /// UTC day of the host's start.
    ["day"] day: Day,
    /// Drive that it was composed from.
    ["-"] host_log_id: LogId,
    /// Digest of that drive's log, as its row in `drive` has it; null in rows of version 1.
    ["-"] host_source_digest: Option<String>,
    /// Episode that was edited; empty where the whole drive was the occasion.
    ["-"] host_episode_id: EpisodeId,
    /// Recipe, such as `lead_brakes_harder`.
    ["-"] recipe: String,
    /// Version of the recipe.
    ["-"] recipe_version: i32,
    /// Parameters of the recipe, a JSON object with units in its names.
    ["-"] parameters: String,
    /// Seed of the candidate.
    ["-"] seed: i64,
    /// Tracks that were inserted or move differently.
    ["-"] edited_tracks: Vec<String>,
    /// First stamp from which recorded tracks may differ from the host's, and inserted ones move or are seen.
    ["ns, UTC"] edit_start_ns: i64,
    /// `accepted` or `rejected`.
    ["-"] state: String,
    /// The checks and their figures, a JSON object; for a rejected candidate, the one that failed.
    ["-"] checks: String,
}
