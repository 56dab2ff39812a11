//! Checks on what a log recorded. Each is a function over columns that adds to the findings; none drops a record on its own.
//!
//! | check | severity | finds |
//! |---|---|---|
//! | `time_backwards` | warning | stamps that are before the one recorded last |
//! | `stamp_outlier` | warning | stamps far from all others of the topic: a clock that was not set yet |
//! | `gap` | warning | a pause of several periods |
//! | `rate_drop` | warning | records that come at under half their rate, without a gap |
//! | `jitter` | info | periods that differ |
//! | `starts_late`, `stops_early` | warning | a topic that is silent at an end of the drive |
//! | `clock_offset` | warning | stamps far from the time at which they were logged |
//! | `frozen_payload` | warning | images or sweeps that repeat bit by bit |
//! | `frozen_value` | warning | a noisy signal that stands still |
//! | `frozen_pose` | warning | a pose that stands still while the speed says otherwise |
//! | `pose_jump`, `heading_jump` | warning | poses further apart than a car can go or turn |
//! | `size_out_of_range` | warning | actors of impossible extent |
//! | `unknown_can_id` | info | bus frames that no CAN database knows, where there is one |
//! | `no_can_database` | info | a bus that none of the CAN databases is for |
//! | `can_frame_short` | warning | bus frames with fewer bytes than their CAN database says |
//! | `can_name_shared` | info | bus frames whose message has the name of another: the identifier is in the names of their signals |
//! | `dbc_ambiguous` | warning | bus frames of an identifier for which several CAN databases, or one on several buses, would do: not decoded |
//! | `dbc_ambiguous_late` | error | the same, found after signals of the first bus had been written |
//! | `dbc_message_lost`, `dbc_signal_lost` | warning | what a CAN database describes in a way that cannot be read |
//! | `dbc_statement_lost`, `dbc_doubtful` | info | other statements that cannot be read, and those that can in one way alone |
//! | `dbc_unused` | warning | a CAN database for a bus that the drive does not have |
//! | `j1939_incomplete` | warning | messages of several packets of which some are missing: not decoded |
//! | `j1939_senders` | info | parameter groups of a second sender: its address is in the names of their signals |
//! | `integer_beyond_double` | info | whole numbers beyond 2⁵³: `text` has their digits; a warning where it has not |
//! | `signals_left_out` | error | bus frames whose signals are more than `signals_max` allows |
//!
//! `duplicate_stamp`, `value_not_usable`, `stamp_out_of_range` and `no_ego_pose` are records that were dropped.

mod bus;
mod clock;
mod dropped;
mod frozen;
mod poses;
mod size;
mod stamps;

pub(crate) use bus::{BusGap, BusGaps};
pub(crate) use clock::ClockOffset;
pub(crate) use dropped::{
    drop_duplicate, drop_stamp, drop_unusable, drop_without_pose, note_interpolated,
};
pub(crate) use frozen::{FrozenPayloads, FrozenValues};
pub(crate) use poses::{Passed, check_poses};
pub(crate) use size::check_size;
pub(crate) use stamps::{check_coverage, check_order, check_periods, check_stamps};

use crate::ego::EgoTrack;
use crate::findings::Findings;

/// The same as [`check_poses`] for the way of the ego.
pub(crate) fn check_pose_jumps(findings: &mut Findings, subject: &str, track: &EgoTrack) {
    // A speed that was derived from the poses says nothing about them.
    let is_measured = track.is_measured();
    let poses = track.samples(0..track.len());
    let passed = poses.map(|(stamp_ns, sample)| {
        let [x_m, y_m, _] = sample.map_from_ego.translation;
        Passed {
            stamp_ns,
            x_m,
            y_m,
            yaw_rad: sample.map_from_ego.rotation.yaw_rad(),
            speed_mps: sample.speed_mps.filter(|_| is_measured),
        }
    });
    check_poses(findings, subject, passed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use driveloop_schemas::time::Day;

    /// Check and count of each finding.
    pub(super) fn checks(findings: Findings) -> Vec<(&'static str, i64)> {
        let rows = findings.rows("drive", Day(0)).into_iter();
        rows.map(|row| (&*row.check.leak(), row.count)).collect()
    }
}
