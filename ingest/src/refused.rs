//! Records that are not stored, each with its reason.

use driveloop_schemas::Severity;

/// Why a record is not stored.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) check: &'static str,
    pub(crate) severity: Severity,
    pub(crate) reason: String,
}

impl Refused {
    /// A message without a usable value that its table needs.
    pub(crate) fn field(path: &str) -> Self {
        Self::error(
            "message_damaged",
            format!("expected a usable field `{path}`, got none"),
        )
    }

    pub(crate) fn error(check: &'static str, reason: String) -> Self {
        Self {
            check,
            severity: Severity::Error,
            reason,
        }
    }

    pub(crate) fn info(check: &'static str, reason: String) -> Self {
        Self {
            check,
            severity: Severity::Info,
            reason,
        }
    }

    pub(crate) fn duplicate(stamp_ns: i64) -> Self {
        let reason =
            format!("expected one record a stamp, got another at {stamp_ns}; the first was kept");
        Self {
            check: "duplicate_stamp",
            severity: Severity::Warning,
            reason,
        }
    }
}
