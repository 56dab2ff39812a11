//! What a word that is being typed could become.

use driveloop_scenario_mining::{Vocabulary, statements};

use super::command::COMMANDS;

/// The words of SQL that begin or join the parts of a query. The parser knows many more; nobody completes those.
const KEYWORDS: &[&str] = &[
    "ALL",
    "ANALYZE",
    "AND",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "CROSS",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "ELSE",
    "END",
    "EXCEPT",
    "EXISTS",
    "EXPLAIN",
    "FALSE",
    "FILTER",
    "FIRST",
    "FOLLOWING",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "ILIKE",
    "IN",
    "INNER",
    "INTERSECT",
    "INTERVAL",
    "IS",
    "JOIN",
    "LAST",
    "LEFT",
    "LIKE",
    "LIMIT",
    "NOT",
    "NULL",
    "NULLS",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OVER",
    "PARTITION",
    "PRECEDING",
    "QUALIFY",
    "RANGE",
    "RIGHT",
    "ROWS",
    "SELECT",
    "SHOW",
    "TABLES",
    "THEN",
    "TRUE",
    "UNION",
    "USING",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WITH",
];
/// Words that a table follows.
const BEFORE_TABLE: &[&str] = &["FROM", "JOIN", "DESCRIBE", "TABLE"];

/// Where the word begins that stands before the cursor (a byte of the line), and what it could become.
pub(crate) fn complete(line: &str, cursor: usize, words: &Vocabulary) -> (usize, Vec<String>) {
    let before = line.get(..cursor).unwrap_or(line);
    let start = before
        .char_indices()
        .rev()
        .find(|(_, letter)| !is_name(*letter))
        .map_or(0, |(at, letter)| at + letter.len_utf8());
    let word = &before[start..];
    if line.trim_start().starts_with('\\') {
        return command(before, start, words);
    }
    if is_quoted(&before[..start]) {
        return (start, Vec::new());
    }
    let named = tables_named(statement_at(line, cursor), words);
    if let Some((owner, column)) = word.rsplit_once('.') {
        let columns = columns_of(owner, &named, words);
        return (start + owner.len() + 1, beginning_with(column, columns));
    }
    let previous = before[..start]
        .split_whitespace()
        .next_back()
        .unwrap_or_default();
    if BEFORE_TABLE
        .iter()
        .any(|keyword| previous.eq_ignore_ascii_case(keyword))
    {
        let tables = words.tables.keys().map(String::as_str);
        return (
            start,
            beginning_with(word, tables.chain(["with_composed."])),
        );
    }
    (start, anything(word, &named, words))
}

/// Columns of the tables that the statement names, functions and keywords.
fn anything(word: &str, named: &[(&str, &str)], words: &Vocabulary) -> Vec<String> {
    if word.is_empty() {
        return Vec::new();
    }
    let in_sight = |table: &str| named.is_empty() || named.iter().any(|(_, named)| *named == table);
    let columns = words.tables.iter().filter(|(table, _)| in_sight(table));
    let columns = columns.flat_map(|(_, columns)| columns).map(String::as_str);
    let aliases = named.iter().map(|(alias, _)| *alias);
    let mut found = beginning_with(word, columns.chain(aliases));
    let functions = words.driving_functions.iter().chain(&words.functions);
    let functions = beginning_with(word, functions.map(String::as_str));
    found.extend(functions.into_iter().map(|name| format!("{name}(")));
    let keywords = beginning_with(word, KEYWORDS.iter().copied());
    // Keywords are written as they are typed.
    let is_small = word.chars().all(char::is_lowercase);
    found.extend(keywords.into_iter().map(|keyword| {
        if is_small {
            keyword.to_lowercase()
        } else {
            keyword
        }
    }));
    found
}

fn command(before: &str, start: usize, words: &Vocabulary) -> (usize, Vec<String>) {
    let typed = before.trim_start();
    if let Some(table) = typed.strip_prefix("\\d ") {
        let tables = words.tables.keys().map(String::as_str);
        return (start, beginning_with(table.trim_start(), tables));
    }
    let names = COMMANDS
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !name.contains(' '));
    (before.len() - typed.len(), beginning_with(typed, names))
}

/// In order, each once.
fn beginning_with<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let word = word.to_lowercase();
    let mut found: Vec<_> = names
        .filter(|name| name.to_lowercase().starts_with(&word))
        .map(str::to_owned)
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The statement that the cursor is in.
fn statement_at(line: &str, cursor: usize) -> &str {
    let before = line.get(..cursor).unwrap_or(line).trim_end();
    let begun = statements(before).pop().filter(|last| !last.is_ended);
    let start = before.len() - begun.map_or(0, |begun| begun.text.len());
    statements(&line[start..])
        .first()
        .map_or("", |statement| statement.text)
}

/// The tables that a statement names, each as `(alias, table)`; one without an alias is its own.
fn tables_named<'a>(statement: &'a str, words: &Vocabulary) -> Vec<(&'a str, &'a str)> {
    let all: Vec<&str> = statement
        .split(|letter| !is_name(letter))
        .filter(|word| !word.is_empty())
        .collect();
    let is_keyword = |word: &str| {
        let mut keywords = KEYWORDS.iter();
        keywords.any(|keyword| keyword.eq_ignore_ascii_case(word))
    };
    let mut named = Vec::new();
    for (at, word) in all.iter().enumerate() {
        let table = word.rsplit('.').next().unwrap_or(word);
        if !words.tables.contains_key(table) {
            continue;
        }
        let mut after = all[at + 1..]
            .iter()
            .filter(|word| !word.eq_ignore_ascii_case("as"));
        let alias = after
            .next()
            .filter(|word| !is_keyword(word) && !word.contains('.'));
        named.push((alias.copied().unwrap_or(table), table));
    }
    named
}

fn columns_of<'a>(
    owner: &str,
    named: &[(&str, &str)],
    words: &'a Vocabulary,
) -> impl Iterator<Item = &'a str> {
    let table = named
        .iter()
        .find(|(alias, _)| *alias == owner)
        .map(|(_, table)| *table);
    let table = table
        .unwrap_or_else(|| owner.rsplit('.').next().unwrap_or(owner))
        .to_owned();
    let is_schema = owner == "with_composed";
    let columns = words.tables.get(&table).into_iter().flatten();
    let tables = words.tables.keys().filter(move |_| is_schema);
    columns.chain(tables).map(String::as_str)
}

fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '.'
}

/// Whether a text ends within quotes.
fn is_quoted(text: &str) -> bool {
    text.matches('\'').count() % 2 == 1 || text.matches('"').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Vocabulary {
        let table = |name: &str, columns: &[&str]| {
            (
                name.to_owned(),
                columns.iter().map(|&column| column.to_owned()).collect(),
            )
        };
        Vocabulary {
            tables: [
                table("drive", &["log_id", "day", "start_ns"]),
                table("ego_state", &["log_id", "stamp_ns", "speed_mps"]),
                table("episode", &["log_id", "scenario", "start_ns"]),
            ]
            .into(),
            driving_functions: vec!["gap_m".to_owned(), "ttc_s".to_owned()],
            functions: vec!["count".to_owned(), "sum".to_owned()],
        }
    }

    /// The line with `|` for the cursor: where the word begins, and what it could become.
    #[track_caller]
    fn check(line: &str, expected: (usize, &[&str])) {
        let cursor = line.find('|').unwrap();
        let line = line.replace('|', "");
        let (start, found) = complete(&line, cursor, &words());
        assert_eq!(
            (start, &*found),
            (
                expected.0,
                &*expected
                    .1
                    .iter()
                    .map(|&word| word.to_owned())
                    .collect::<Vec<_>>()
            ),
            "{line}"
        );
    }

    #[test]
    fn tables_follow_from_and_join() {
        check(
            "SELECT * FROM |",
            (14, &["drive", "ego_state", "episode", "with_composed."]),
        );
        check("SELECT * FROM e|", (14, &["ego_state", "episode"]));
        check(
            "select * from drive join e|",
            (25, &["ego_state", "episode"]),
        );
        check("SELECT * FROM with_composed.dr|", (28, &["drive"]));
    }

    #[test]
    fn columns_are_those_of_the_tables_named() {
        check("SELECT st| FROM drive", (7, &["start_ns"]));
        check("SELECT st| FROM ego_state", (7, &["stamp_ns"]));
        check("SELECT st|", (7, &["stamp_ns", "start_ns"]));
        check(
            "SELECT 1 FROM drive; SELECT sta| FROM ego_state",
            (28, &["stamp_ns"]),
        );
    }

    #[test]
    fn an_alias_stands_for_its_table() {
        check(
            "SELECT e.s| FROM ego_state AS e",
            (9, &["speed_mps", "stamp_ns"]),
        );
        check(
            "SELECT e.s| FROM episode e WHERE",
            (9, &["scenario", "start_ns"]),
        );
        check(
            "SELECT drive.| FROM drive WHERE",
            (13, &["day", "log_id", "start_ns"]),
        );
        check("SELECT x.| FROM drive", (9, &[]));
    }

    #[test]
    fn functions_open_their_bracket_and_keywords_keep_their_case() {
        check("SELECT tt|", (7, &["ttc_s("]));
        check("SELECT su|", (7, &["sum("]));
        check("SEL|", (0, &["SELECT"]));
        check("sel|", (0, &["select"]));
        check("SELECT |", (7, &[]));
    }

    #[test]
    fn quotes_are_left_alone() {
        check("SELECT * FROM drive WHERE log_id = 'lo|", (36, &[]));
        check(
            "SELECT * FROM drive WHERE log_id = 'lo' AND da|",
            (44, &["day"]),
        );
    }

    #[test]
    fn commands_are_completed() {
        check("\\t|", (0, &["\\timing"]));
        check("\\d dr|", (3, &["drive"]));
    }
}
