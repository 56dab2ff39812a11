//! The `map_area` table.

use crate::ids::LogId;
use crate::table::table;
use crate::time::Day;

table! {
    /// A drivable area or a crossing of a drive's map.
    MapArea = "map_area", version 2, key ["log_id", "kind", "area_id"], partition_by ["day"];
    /// The drive whose map it is.
    ["-"] log_id: LogId,
    /// UTC day of the drive's start.
    ["day"] day: Day,
    /// The area, unique in its map and kind.
    ["-"] area_id: String,
    /// `drivable` or `pedestrian_crossing`.
    ["-"] kind: String,
    /// Outline `[x0, y0, x1, y1, …]`, open.
    ["m, map"] polygon: Vec<f64>,
    /// Whether `synth` composed the drive; null in rows of version 1, where `drive` says it.
    ["-"] composed: Option<bool>,
}
