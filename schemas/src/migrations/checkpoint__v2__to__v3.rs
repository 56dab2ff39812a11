//! A model says who predicts with it.

use super::{AddedColumn, DefaultValue, Migration};

pub(super) const STEP: Migration = Migration {
    table: "checkpoint",
    to: 3,
    added: &[AddedColumn {
        name: "predict",
        default: DefaultValue::Null,
    }],
};
