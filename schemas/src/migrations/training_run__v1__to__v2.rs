//! Runs say what they cost, and why they failed.

use super::{AddedColumn, DefaultValue, Migration};

pub(super) const STEP: Migration = Migration {
    table: "training_run",
    to: 2,
    added: &[
        AddedColumn {
            name: "cost",
            default: DefaultValue::Null,
        },
        AddedColumn {
            name: "reason",
            default: DefaultValue::Null,
        },
    ],
};
