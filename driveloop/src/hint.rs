//! Errors as a person reads them: what failed, why, and what to do.

use std::fmt::Write as _;
use std::io::ErrorKind;

use driveloop_scenario_mining::{Error as Mining, Place};

/// The error and its causes, with the place in the query where it is known, and a last line `hint:` where one helps.
pub(crate) fn explain(error: &anyhow::Error) -> String {
    let mut text = format!("error: {error}\n");
    let mut last = error.to_string();
    let place = error.chain().find_map(place);
    if let Some(place) = place {
        excerpt(&mut text, place);
    }
    // The words of the query engine say the same again.
    let is_of_query = error
        .downcast_ref::<Mining>()
        .is_some_and(|error| matches!(error, Mining::Query { .. }));
    for cause in error.chain().skip(1).filter(|_| !is_of_query) {
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

/// Where in a query the fault is.
fn place<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a Place> {
    match cause.downcast_ref::<Mining>()? {
        Mining::Query { fault, .. } => fault.place.as_ref(),
        _ => None,
    }
}

/// The line of the query with carets below the fault.
fn excerpt(text: &mut String, place: &Place) {
    let number = place.line.to_string();
    let margin = " ".repeat(number.len());
    // Tabs stay tabs, so that the carets stand where the terminal puts the fault.
    let before = place
        .text
        .chars()
        .take(place.column.saturating_sub(1) as usize);
    let before: String = before
        .map(|letter| if letter == '\t' { '\t' } else { ' ' })
        .collect();
    let carets = "^".repeat(place.width as usize);
    let _ = writeln!(text, " {margin} |\n {number} | {}", place.text);
    let _ = writeln!(text, " {margin} | {before}{carets}");
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
    let lake = error.chain().find_map(|cause| {
        let mining = cause.downcast_ref::<Mining>();
        cause.downcast_ref::<Lake>().or(match mining {
            Some(Mining::Lake(lake)) => Some(lake),
            _ => None,
        })
    });
    let by_variant = match lake {
        Some(Lake::InvalidUri { .. }) => {
            Some("give a folder, or a URI that begins with file://, s3://, gs:// or az://")
        }
        Some(Lake::NoVersion { .. }) => Some(
            "`driveloop lake history TABLE` lists the versions of a table; a time sees all tables as they were by then",
        ),
        Some(Lake::OtherContent { .. }) => Some(
            "what was committed first stays: the same inputs have given other rows, or the name was used for something else; give the new \
             rows a name of their own",
        ),
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
        &["no table `", "Table not found"],
        "`driveloop lake tables` lists the tables; those that hold composed drives too are under `with_composed.`",
    ),
    (
        &["was not evaluated on split `"],
        "`driveloop evaluate MODEL --dataset DATASET --split validation` does; what to search for is chosen on the validation split, so that \
         the test split only judges",
    ),
    (
        &["no column `"],
        "`driveloop sql \"DESCRIBE TABLE_NAME\"` lists the columns of a table",
    ),
    (
        &["no function `", "do not fit"],
        "`driveloop sql --functions` lists the driving functions",
    ),
    (
        &["expected a query, EXPLAIN"],
        "sql only reads; stages such as `ingest` and `mine` write the tables",
    ),
    (
        &["MiB of memory that the query holds"],
        "--memory MIB admits more; with --spill FOLDER, sorts, joins and aggregations go on on disk",
    ),
    (
        &["MiB that the query spills"],
        "--spill-max MIB admits more, --memory MIB makes it spill less",
    ),
    (
        &["its time limit"],
        "--timeout SECONDS gives it more; a filter on log_id or day reads fewer files",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carets_stand_below_the_fault() {
        let place = Place {
            line: 12,
            column: 4,
            width: 5,
            text: "\té driev".to_owned(),
        };
        let mut text = String::new();
        excerpt(&mut text, &place);
        assert_eq!(text, "    |\n 12 | \té driev\n    | \t  ^^^^^\n");
    }
}
