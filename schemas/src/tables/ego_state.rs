//! The `ego_state` table.

use crate::ids::LogId;
use crate::table::table;
use crate::time::Day;

table! {
    /// The ego at a stamp.
    EgoState = "ego_state", version 1, key ["log_id", "stamp_ns"], partition_by ["day"];
    /// The drive.
    ["-"] log_id: LogId,
    /// UTC day of the drive's start.
    ["day"] day: Day,
    /// Whether `synth` composed the drive.
    ["-"] composed: bool,
    /// Stamp.
    ["ns, UTC"] stamp_ns: i64,
    /// Position of the ego frame's origin (rear axle).
    ["m, map"] x_m: f64,
    /// Position of the ego frame's origin.
    ["m, map"] y_m: f64,
    /// Position of the ego frame's origin.
    ["m, map"] z_m: f64,
    /// Orientation `map_from_ego`, real part.
    ["1, map"] qw: f64,
    /// Orientation, x part.
    ["1, map"] qx: f64,
    /// Orientation, y part.
    ["1, map"] qy: f64,
    /// Orientation, z part.
    ["1, map"] qz: f64,
    /// Heading in the xy plane.
    ["rad, map"] yaw_rad: f64,
    /// Speed along the heading; negative in reverse.
    ["m/s, ego"] speed_mps: Option<f64>,
    /// Acceleration along the heading: the smoothed rate of the speed.
    ["m/s², ego"] accel_mps2: Option<f64>,
    /// Rate of the heading, counter-clockwise.
    ["rad/s, ego"] yaw_rate_radps: Option<f64>,
    /// `measured` where the log has the speed, `derived` where it was computed from the poses.
    ["-"] kinematics: String,
    /// WGS 84 latitude, where known.
    ["deg"] latitude_deg: Option<f64>,
    /// WGS 84 longitude, where known.
    ["deg"] longitude_deg: Option<f64>,
}
