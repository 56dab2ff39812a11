//! Errors as a person reads them: what failed, why, and what to do.

use std::fmt::Write as _;
use std::io::ErrorKind;

/// The error and its causes, with a last line `hint:` where one helps.
pub(crate) fn explain(error: &anyhow::Error) -> String {
    let mut text = format!("error: {error}\n");
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Some libraries repeat the cause in their own message.
        if !last.contains(&cause) {
            let _ = writeln!(text, "  because: {}", cause.replace('\n', "\n    "));
        }
        last = cause;
    }
    if let Some(hint) = hint(error) {
        let _ = writeln!(text, "hint: {hint}");
    }
    text
}

/// Whether the reader of standard output went away, as `head` does.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    io_kind(error) == Some(ErrorKind::BrokenPipe)
        || error
            .chain()
            .any(|cause| cause.to_string().contains("Broken pipe"))
}

fn io_kind(error: &anyhow::Error) -> Option<ErrorKind> {
    error
        .chain()
        .find_map(|cause| cause.downcast_ref::<std::io::Error>())
        .map(std::io::Error::kind)
}

fn hint(error: &anyhow::Error) -> Option<String> {
    use driveloop_lake::Error as Lake;
    let lake = error.chain().find_map(|cause| cause.downcast_ref::<Lake>());
    let by_variant = match lake {
        Some(Lake::InvalidUri { .. }) => {
            Some("give a folder, or a URI that begins with file://, s3://, gs:// or az://")
        }
        Some(Lake::Conflict { .. } | Lake::JournalTaken { .. }) => Some(
            "another run works on this lake; wait for it, then run this command again: it goes on where it stopped",
        ),
        _ => None,
    };
    let text = error
        .chain()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n");
    let by_text = || {
        HINTS
            .iter()
            .find(|(sign, _)| sign.iter().any(|sign| text.contains(sign)))
            .map(|(_, hint)| *hint)
    };
    let by_kind = || match io_kind(error)? {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Some(DISK_FULL),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Some(NOT_ALLOWED),
        _ => None,
    };
    by_variant
        .or_else(by_kind)
        .or_else(by_text)
        .map(str::to_owned)
}

const DISK_FULL: &str = "the disk is full: make room and run the command again; it goes on where it stopped, and nothing of the lake is damaged";
const NOT_ALLOWED: &str =
    "the place cannot be written: check its permissions, or choose another one with --lake";

/// Signs in the text of an error, for causes that libraries pass on as text only.
const HINTS: &[(&[&str], &str)] = &[
    (&["No space left on device", "StorageFull"], DISK_FULL),
    (&["Permission denied", "Read-only file system"], NOT_ALLOWED),
    (
        &["there is no lake at"],
        "`driveloop ingest LOGS --lake URI` makes one; --lake or DRIVELOOP_LAKE says where it is",
    ),
    (
        &["there is no driveloop-worker"],
        "`make build` builds the worker, DRIVELOOP_WORKER names another one; `driveloop doctor` says what is missing",
    ),
    (
        &["table '", "Table not found"],
        "`driveloop lake tables` lists the tables; those that hold composed drives too are under `with_composed.`",
    ),
    (
        &["No field named", "Schema error"],
        "`driveloop sql \"DESCRIBE TABLE_NAME\"` lists the columns of a table",
    ),
    (
        &["Invalid function", "No function matches"],
        "`driveloop sql --functions` lists the driving functions",
    ),
];
