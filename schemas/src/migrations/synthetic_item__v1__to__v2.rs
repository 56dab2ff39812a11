//! Provenance names the digest of the host's log.

use super::{AddedColumn, DefaultValue, Migration};

pub(super) const STEP: Migration = Migration {
    table: "synthetic_item",
    to: 2,
    added: &[AddedColumn {
        name: "host_source_digest",
        default: DefaultValue::Null,
    }],
};
