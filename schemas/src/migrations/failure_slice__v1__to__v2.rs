//! Failures say which split they were found on.

use super::{AddedColumn, DefaultValue, Migration};

pub(super) const STEP: Migration = Migration {
    table: "failure_slice",
    to: 2,
    added: &[AddedColumn {
        name: "split",
        default: DefaultValue::Text("unknown"),
    }],
};
