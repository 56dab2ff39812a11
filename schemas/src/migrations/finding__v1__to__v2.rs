//! Findings say where in the log's file they are.

use super::{AddedColumn, DefaultValue, Migration};

pub(super) const STEP: Migration = Migration {
    table: "finding",
    to: 2,
    added: &[AddedColumn {
        name: "offset_bytes",
        default: DefaultValue::Null,
    }],
};
