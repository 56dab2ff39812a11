//! The `calibration` table.

use crate::ids::LogId;
use crate::table::table;
use crate::time::Day;

table! {
    /// One sensor of a drive.
    Calibration = "calibration", version 2, key ["log_id", "sensor"], partition_by ["day"];
    /// The drive.
    ["-"] log_id: LogId,
    /// UTC day of the drive's start.
    ["day"] day: Day,
    /// Sensor.
    ["-"] sensor: String,
    /// Position of the sensor, `ego_from_sensor`.
    ["m, ego"] x_m: f64,
    /// Position of the sensor.
    ["m, ego"] y_m: f64,
    /// Position of the sensor.
    ["m, ego"] z_m: f64,
    /// Orientation `ego_from_sensor`, real part.
    ["1, ego"] qw: f64,
    /// Orientation, x part.
    ["1, ego"] qx: f64,
    /// Orientation, y part.
    ["1, ego"] qy: f64,
    /// Orientation, z part.
    ["1, ego"] qz: f64,
    /// Focal length; null for sensors that are no camera.
    ["px"] fx_px: Option<f64>,
    /// Focal length.
    ["px"] fy_px: Option<f64>,
    /// Principal point.
    ["px"] cx_px: Option<f64>,
    /// Principal point.
    ["px"] cy_px: Option<f64>,
    /// Columns of the image.
    ["px"] width_px: Option<i32>,
    /// Rows of the image.
    ["px"] height_px: Option<i32>,
    /// `radial` (Brown-Conrady k1, k2, k3; behind them p1, p2 where those are not zero), `rational` (k1 to k6; behind them p1, p2 likewise), `fisheye` (k1 to k4), another name as the log has it, with its order, or null.
    ["-"] distortion_model: Option<String>,
    /// Coefficients of the distortion model; empty where there is none.
    ["1"] distortion: Vec<f64>,
    /// Whether `synth` composed the drive; null in rows of version 1, where `drive` says it.
    ["-"] composed: Option<bool>,
}
