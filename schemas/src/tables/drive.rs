//! The `drive` table, and where a drive comes from.

use crate::ids::LogId;
use crate::table::table;
use crate::time::Day;

/// Where a drive comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A vehicle's log.
    Recorded,
    /// A log of the traffic simulator.
    Simulated,
    /// Composed from another drive by `synth`.
    Composed,
}

impl Origin {
    /// The value in the table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Simulated => "simulated",
            Self::Composed => "composed",
        }
    }
}

table! {
    /// One log. Its row is written last: a drive is visible wholly or not at all.
    Drive = "drive", version 1, key ["log_id"], partition_by ["day"];
    /// Identity of the drive, unique in the lake.
    ["-"] log_id: LogId,
    /// UTC day of `start_ns`.
    ["day"] day: Day,
    /// Whether `synth` composed it: such drives are seen only by queries that ask for them (`with_composed.drive`).
    ["-"] composed: bool,
    /// `recorded`, `simulated` or `composed`.
    ["-"] origin: String,
    /// The vehicle, where the log names it.
    ["-"] vehicle_id: Option<String>,
    /// URI of the file or folder that it was read from, for a scene of a dataset with its token behind `#`; for a composed drive, `lake:` and its host's `log_id`.
    ["-"] source_uri: String,
    /// BLAKE3 over the bytes of its files, in the order of their names, in hexadecimal; for a scene of a dataset, over its rows of the
    /// tables too.
    ["-"] source_digest: String,
    /// Bytes of its files.
    ["B"] source_bytes: i64,
    /// Format of the log: `argoverse2-sensor`, `kitti-raw`, `mcap-ros2`, `mdf4`, `nuscenes`, `rosbag1`, `rosbag2`, `composed`.
    ["-"] format: String,
    /// First stamp.
    ["ns, UTC"] start_ns: i64,
    /// Last stamp.
    ["ns, UTC"] end_ns: i64,
    /// The map that it drove on.
    ["-"] map_id: Option<String>,
    /// City or region, where known.
    ["-"] region: Option<String>,
    /// Software of the vehicle, where the log names it.
    ["-"] software_version: Option<String>,
    /// Licence of the data, where known.
    ["-"] licence: Option<String>,
    /// `none` (no media), `unprocessed` or `anonymised`.
    ["-"] privacy_state: String,
    /// Records of the log that were read: rows, messages, files.
    ["1"] records_in: i64,
    /// Records that were dropped, each with a finding.
    ["1"] records_dropped: i64,
}
