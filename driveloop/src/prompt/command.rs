//! What a line of the prompt asks for.

/// A line that begins with a backslash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    /// `\d`: the tables.
    Tables,
    /// `\d table`: its columns.
    Table(&'a str),
    /// `\df`: the driving functions.
    Functions,
    /// `\timing`: begin or cease to say how long a statement took.
    Timing,
    /// `\?`
    Help,
    /// `\q`
    Quit,
    /// Nothing that there is.
    Unknown(&'a str),
}

/// The commands, for help and completion.
pub(crate) const COMMANDS: [(&str, &str); 6] = [
    ("\\d", "list the tables"),
    (
        "\\d TABLE",
        "list the columns of a table, with unit and meaning",
    ),
    ("\\df", "list the driving functions"),
    ("\\timing", "say how long a statement takes, or cease to"),
    ("\\?", "show this"),
    ("\\q", "leave; so does Ctrl-D"),
];

/// The command of a line, when it is one.
pub(crate) fn command(line: &str) -> Option<Command<'_>> {
    let line = line.trim().trim_end_matches(';').trim_end();
    if !line.starts_with('\\') {
        return None;
    }
    let (name, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    Some(match (name, argument.trim()) {
        ("\\d" | "\\dt", "") => Command::Tables,
        ("\\d", table) => Command::Table(table),
        ("\\df", "") => Command::Functions,
        ("\\timing", "") => Command::Timing,
        ("\\?" | "\\h" | "\\help", "") => Command::Help,
        ("\\q" | "\\quit", "") => Command::Quit,
        _ => Command::Unknown(line),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_commands_or_sql() {
        for (line, expected) in [
            ("\\d", Some(Command::Tables)),
            ("  \\d  drive ; ", Some(Command::Table("drive"))),
            ("\\df", Some(Command::Functions)),
            ("\\timing", Some(Command::Timing)),
            ("\\?", Some(Command::Help)),
            ("\\q", Some(Command::Quit)),
            ("\\x 1", Some(Command::Unknown("\\x 1"))),
            ("SELECT '\\d'", None),
            ("", None),
        ] {
            assert_eq!(command(line), expected, "{line}");
        }
    }
}
