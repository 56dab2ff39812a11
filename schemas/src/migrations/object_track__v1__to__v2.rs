//! Accelerations say whether they were measured, as velocities do.

use super::{AddedColumn, DefaultValue, Migration};

pub(super) const STEP: Migration = Migration {
    table: "object_track",
    to: 2,
    added: &[AddedColumn {
        name: "accel_kinematics",
        default: DefaultValue::Null,
    }],
};
