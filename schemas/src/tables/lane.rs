//! The `lane` table.

use crate::ids::{LaneId, LogId};
use crate::table::table;
use crate::time::Day;

table! {
    /// One lane segment of a drive's map. Polylines are `[x0, y0, x1, y1, …]` in driving direction.
    Lane = "lane", version 2, key ["log_id", "lane_id"], partition_by ["day"];
    /// The drive whose map it is.
    ["-"] log_id: LogId,
    /// UTC day of the drive's start.
    ["day"] day: Day,
    /// The lane segment, unique in its map.
    ["-"] lane_id: LaneId,
    /// `VEHICLE`, `BIKE`, `BUS`.
    ["-"] lane_type: String,
    /// Whether it lies in an intersection; null where the map does not say.
    ["-"] is_intersection: Option<bool>,
    /// Centre line.
    ["m, map"] centre: Vec<f64>,
    /// Left boundary.
    ["m, map"] left_boundary: Vec<f64>,
    /// Right boundary.
    ["m, map"] right_boundary: Vec<f64>,
    /// Mark of the left boundary, as the map names it.
    ["-"] left_mark: Option<String>,
    /// Mark of the right boundary.
    ["-"] right_mark: Option<String>,
    /// Lane to the left, where there is one.
    ["-"] left_neighbour: Option<String>,
    /// Lane to the right, where there is one.
    ["-"] right_neighbour: Option<String>,
    /// Lanes that it leads into.
    ["-"] successors: Vec<String>,
    /// Lanes that lead into it.
    ["-"] predecessors: Vec<String>,
    /// Whether `synth` composed the drive; null in rows of version 1, where `drive` says it.
    ["-"] composed: Option<bool>,
}
