//! Slices say which split they are of, whether their drives were composed, how much of the split was answered, and what the
//! difference says after correction.

use super::{AddedColumn, DefaultValue, Migration};

pub(super) const STEP: Migration = Migration {
    table: "slice_metric",
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
        AddedColumn {
            name: "split_samples",
            default: DefaultValue::Null,
        },
        AddedColumn {
            name: "model_samples",
            default: DefaultValue::Null,
        },
        AddedColumn {
            name: "baseline_samples",
            default: DefaultValue::Null,
        },
        AddedColumn {
            name: "p_worse",
            default: DefaultValue::Null,
        },
        AddedColumn {
            name: "p_better",
            default: DefaultValue::Null,
        },
        AddedColumn {
            name: "change",
            default: DefaultValue::Text("unknown"),
        },
    ],
};
