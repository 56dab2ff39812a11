//! The `signal` table.

use crate::ids::LogId;
use crate::table::table;
use crate::time::Day;

table! {
    /// One decoded value of a bus or topic.
    Signal = "signal", version 2, key ["log_id", "name", "stamp_ns"], partition_by ["day"];
    /// The drive.
    ["-"] log_id: LogId,
    /// UTC day of the drive's start.
    ["day"] day: Day,
    /// Stamp.
    ["ns, UTC"] stamp_ns: i64,
    /// Name: topic and field path (`/imu.angular_velocity.z`); of bus frames topic, message and signal (`/can.Brakes.Pressure`), with
    /// the sender or identifier behind the message where others share its name (`/can.EEC1@0x21.EngSpeed`).
    ["-"] name: String,
    /// Value, where it is a number.
    ["see unit"] value: Option<f64>,
    /// Value, where it is a text; all digits of a whole number beyond 2⁵³, to which `value` is the nearest double.
    ["-"] text: Option<String>,
    /// Unit of the value.
    ["-"] unit: Option<String>,
    /// Topic or bus.
    ["-"] source: String,
    /// Whether `synth` composed the drive; null in rows of version 1, where `drive` says it.
    ["-"] composed: Option<bool>,
}
