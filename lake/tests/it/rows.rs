//! Rows that the tests write: those of the conformance suite, on another day or composed.

use driveloop_schemas::time::Day;
use driveloop_schemas::{Episode, Signal};

use driveloop_lake::conformance::rows;
pub(crate) use driveloop_lake::conformance::rows::{camera_frame, drive, transaction};

pub(crate) fn signal(log_id: &str, day: i32, stamp_ns: i64) -> Signal {
    Signal {
        day: Day(day),
        ..rows::signal(log_id, stamp_ns)
    }
}

pub(crate) fn episode(scenario: &str, log_id: &str, composed: bool) -> Episode {
    Episode {
        composed,
        ..rows::episode(scenario, log_id)
    }
}
