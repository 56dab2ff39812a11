//! The `lidar_sweep` table.

use crate::ids::LogId;
use crate::table::table;
use crate::time::Day;

table! {
    /// One lidar sweep: a byte range of a media pack.
    LidarSweep = "lidar_sweep", version 2, key ["log_id", "sensor", "stamp_ns"], partition_by ["day"];
    /// The drive.
    ["-"] log_id: LogId,
    /// UTC day of the drive's start.
    ["day"] day: Day,
    /// Stamp.
    ["ns, UTC"] stamp_ns: i64,
    /// Sensor, as `calibration` names it.
    ["-"] sensor: String,
    /// Pack object, relative to the lake.
    ["-"] pack: String,
    /// First byte in the pack.
    ["B"] offset: i64,
    /// Bytes in the pack.
    ["B"] length: i64,
    /// Encoding of the bytes, unchanged from the log: `arrow-ipc` (Argoverse 2 feather), `cdr:sensor_msgs/msg/PointCloud2` and `protobuf:foxglove.PointCloud` (the whole message, by its encoding and type), `bin:float32x5` (nuScenes `.pcd.bin`: x, y, z, intensity, ring), `bin:float32x4` (KITTI `.bin`: x, y, z, reflectance), `pcd`.
    ["-"] encoding: String,
    /// Points; null where the header could not be read.
    ["1"] points: Option<i64>,
    /// BLAKE3 of the bytes, in hexadecimal.
    ["-"] digest: String,
    /// `unprocessed` or `anonymised`.
    ["-"] privacy_state: String,
    /// Whether `synth` composed the drive; null in rows of version 1, where `drive` says it.
    ["-"] composed: Option<bool>,
}
