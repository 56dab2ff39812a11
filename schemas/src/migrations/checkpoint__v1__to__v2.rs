//! A model says which other one its training started from.

use super::{AddedColumn, DefaultValue, Migration};

pub(super) const STEP: Migration = Migration {
    table: "checkpoint",
    to: 2,
    added: &[AddedColumn {
        name: "started_from",
        default: DefaultValue::Null,
    }],
};
