//! The `camera_frame` table.

use crate::ids::LogId;
use crate::table::table;
use crate::time::Day;

table! {
    /// One camera image: a byte range of a media pack.
    CameraFrame = "camera_frame", version 2, key ["log_id", "sensor", "stamp_ns"], partition_by ["day"];
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
    /// Encoding of the bytes, unchanged from the log: `jpeg`, `png`; of raw pixels as the log names it (`rgb8`; a row of pixels takes `length` / `height_px` bytes); of a frame of a video its codec (`h264`): it takes those before it to decode.
    ["-"] encoding: String,
    /// Columns of the image; null where its header could not be read.
    ["px"] width_px: Option<i32>,
    /// Rows of the image.
    ["px"] height_px: Option<i32>,
    /// BLAKE3 of the bytes, in hexadecimal.
    ["-"] digest: String,
    /// `unprocessed` or `anonymised`.
    ["-"] privacy_state: String,
    /// Whether `synth` composed the drive; null in rows of version 1, where `drive` says it.
    ["-"] composed: Option<bool>,
}
