//! Samples say whether their drive was composed.

use super::{AddedColumn, DefaultValue, Migration};

pub(super) const STEP: Migration = Migration {
    table: "sample",
    to: 2,
    added: &[AddedColumn {
        name: "composed",
        default: DefaultValue::Null,
    }],
};
