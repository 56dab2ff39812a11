//! The `object_track` table.

use crate::ids::{LogId, TrackId};
use crate::table::table;
use crate::time::Day;

/// Category of the ego's own rows.
pub const EGO_CATEGORY: &str = "EGO_VEHICLE";
/// Track id of the ego where its log gives none.
pub const EGO_TRACK_ID: &str = "ego";

table! {
    /// One actor at a stamp; the ego is one too (category `EGO_VEHICLE`).
    ObjectTrack = "object_track", version 2, key ["log_id", "track_id", "stamp_ns"], partition_by ["day"];
    /// The drive.
    ["-"] log_id: LogId,
    /// UTC day of the drive's start.
    ["day"] day: Day,
    /// Whether `synth` composed the drive.
    ["-"] composed: bool,
    /// Identity of the actor within the drive.
    ["-"] track_id: TrackId,
    /// Stamp.
    ["ns, UTC"] stamp_ns: i64,
    /// Category of driveloop: the Argoverse 2 categories (`REGULAR_VEHICLE`, `PEDESTRIAN`, `BICYCLE`, `BOLLARD`, …).
    ["-"] category: String,
    /// Category as the log spells it.
    ["-"] source_category: String,
    /// Extent along the heading.
    ["m"] length_m: f64,
    /// Extent across the heading.
    ["m"] width_m: f64,
    /// Extent upwards.
    ["m"] height_m: f64,
    /// Centre of the box.
    ["m, map"] x_m: f64,
    /// Centre of the box.
    ["m, map"] y_m: f64,
    /// Centre of the box.
    ["m, map"] z_m: f64,
    /// Orientation `map_from_object`, real part.
    ["1, map"] qw: f64,
    /// Orientation, x part.
    ["1, map"] qx: f64,
    /// Orientation, y part.
    ["1, map"] qy: f64,
    /// Orientation, z part.
    ["1, map"] qz: f64,
    /// Heading in the xy plane.
    ["rad, map"] yaw_rad: f64,
    /// Velocity over ground; null for an actor seen once.
    ["m/s, map"] vx_mps: Option<f64>,
    /// Velocity over ground.
    ["m/s, map"] vy_mps: Option<f64>,
    /// Acceleration over ground; null for an actor seen fewer than three times.
    ["m/s², map"] ax_mps2: Option<f64>,
    /// Acceleration over ground.
    ["m/s², map"] ay_mps2: Option<f64>,
    /// `measured` where the log has the velocity, `derived` where it was computed from the positions.
    ["-"] kinematics: String,
    /// `measured` where the log has the acceleration, `derived` where it was computed from the velocity;
    /// null where there is none, and in rows of version 1.
    ["-"] accel_kinematics: Option<String>,
    /// Centre of the box seen from the ego.
    ["m, ego"] ego_x_m: f64,
    /// Centre of the box seen from the ego.
    ["m, ego"] ego_y_m: f64,
    /// Centre of the box seen from the ego.
    ["m, ego"] ego_z_m: f64,
    /// Heading relative to the ego's.
    ["rad, ego"] ego_yaw_rad: f64,
    /// Velocity minus the ego's, in the axes of the ego (the rotation of the frame is not subtracted).
    ["m/s, ego"] ego_vx_mps: Option<f64>,
    /// Velocity minus the ego's, in the axes of the ego.
    ["m/s, ego"] ego_vy_mps: Option<f64>,
    /// Lidar points in the box, where the log counts them.
    ["1"] lidar_points: Option<i32>,
}
