//! CPU and GPU time are measured: what was reserved of CPUs has a column of its own. Metrics that cannot be used are counted.

use super::{AddedColumn, DefaultValue, Migration};

pub(super) const STEP: Migration = Migration {
    table: "training_run",
    to: 3,
    added: &[
        AddedColumn {
            name: "cpu_hours_reserved",
            default: DefaultValue::Null,
        },
        AddedColumn {
            name: "gpu_hours_busy",
            default: DefaultValue::Null,
        },
        AddedColumn {
            name: "metrics_unused",
            default: DefaultValue::Null,
        },
    ],
};
