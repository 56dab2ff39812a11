//! Figures say which split their sample is in, and whether its drive was composed.

use super::{AddedColumn, DefaultValue, Migration};

pub(super) const STEP: Migration = Migration {
    table: "sample_metric",
    to: 2,
    added: &[
        AddedColumn {
            name: "split",
            default: DefaultValue::Text("unknown"),
        },
        AddedColumn {
            name: "source",
            default: DefaultValue::Text("unknown"),
        },
    ],
};
