//! What is wrong with a statement: where it stands in the text, in plain words, and what may have been meant.

use std::collections::BTreeSet;
use std::fmt;

use datafusion::common::utils::datafusion_strsim::levenshtein;
use datafusion::common::{Column, Location, SchemaError, Span};
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::Token;

use crate::statement::{Statement, tokens};

/// Columns that an error lists where none is like the one that was asked for.
const COLUMNS_LISTED_MAX: usize = 24;

/// A place in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Line, from one.
    pub line: u64,
    /// Column, from one, in characters.
    pub column: u64,
    /// Characters from there that the fault covers; at least one.
    pub width: u64,
    /// The text of the line.
    pub text: String,
}

/// What is wrong with a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// In plain words.
    pub message: String,
    /// Where in the text it is, when the parser or planner knows.
    pub place: Option<Place>,
    /// What may have been meant.
    pub suggestion: Option<String>,
}

impl fmt::Display for Fault {
    /// What follows the name of the query: `, line 1, column 2: …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, ", line {}, column {}", place.line, place.column)?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(suggestion) = &self.suggestion {
            write!(f, "; {suggestion}")?;
        }
        Ok(())
    }
}

/// Names that a statement could have used.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// Tables, those of other schemas with the schema.
    pub(crate) tables: Vec<String>,
    /// Functions.
    pub(crate) functions: Vec<String>,
}

/// Where the fault lies in the statement, before its place in the script is known.
enum At {
    Span(Span),
    /// The first word like this.
    Word(String),
    Unknown,
}

/// Finds out what an error of the parser or planner says of a statement.
pub(crate) fn fault(statement: &Statement<'_>, error: &DataFusionError, names: &Names) -> Fault {
    let (message, at, suggestion) = understand(error, names);
    let span = error.diagnostic().and_then(|diagnostic| diagnostic.span);
    let at = span.map_or(at, At::Span);
    Fault {
        message,
        place: place(statement, &at),
        suggestion,
    }
}

fn understand(error: &DataFusionError, names: &Names) -> (String, At, Option<String>) {
    match error.find_root() {
        DataFusionError::SQL(parser, _) => {
            let (message, at) = syntax(parser);
            (message, at, None)
        }
        DataFusionError::SchemaError(schema, _) => column(schema),
        DataFusionError::Plan(text) => planning(text, names),
        _ => (plain(&error.strip_backtrace()), At::Unknown, None),
    }
}

/// The parser says the place in its text only.
fn syntax(error: &ParserError) -> (String, At) {
    let text = match error {
        ParserError::ParserError(text) | ParserError::TokenizerError(text) => text.as_str(),
        ParserError::RecursionLimitExceeded => {
            return ("it is nested too deeply".into(), At::Unknown);
        }
    };
    let Some((message, place)) = text.rsplit_once(" at Line: ") else {
        return (text.to_owned(), At::Unknown);
    };
    let numbers = place.split_once(", Column: ").and_then(|(line, column)| {
        Some(Location {
            line: line.parse().ok()?,
            column: column.trim().parse().ok()?,
        })
    });
    let at = numbers.map_or(At::Unknown, |start| At::Span(Span::new(start, start)));
    (
        message
            .replace("Expected: ", "expected ")
            .replace(", found: ", ", got "),
        at,
    )
}

fn column(error: &SchemaError) -> (String, At, Option<String>) {
    match error {
        SchemaError::FieldNotFound {
            field,
            valid_fields,
        } => {
            let message = format!("no column `{}`", field.flat_name());
            let at = At::Word(field.name.clone());
            (
                message,
                at,
                Some(columns_like(field, valid_fields)).filter(|text| !text.is_empty()),
            )
        }
        SchemaError::AmbiguousReference { field } => (
            format!("column `{}` is in more than one table", field.name),
            At::Word(field.name.clone()),
            Some(format!("say of which table: `TABLE.{}`", field.name)),
        ),
        other => (other.to_string(), At::Unknown, None),
    }
}

fn columns_like(field: &Column, valid: &[Column]) -> String {
    let names: BTreeSet<&str> = valid.iter().map(|column| column.name.as_str()).collect();
    if names.contains(field.name.as_str()) {
        // The column is there, under another table than the one that was named.
        let same = valid.iter().filter(|column| column.name == field.name);
        let whole: Vec<_> = same.map(|column| format!("`{}`", short(column))).collect();
        return format!("did you mean {}?", whole.join(" or "));
    }
    if let Some(name) = closest(&field.name, names.iter().copied()) {
        return format!("did you mean `{name}`?");
    }
    let mut listed: Vec<_> = names.iter().take(COLUMNS_LISTED_MAX).copied().collect();
    if names.len() > listed.len() {
        listed.push("…");
    }
    if listed.is_empty() {
        return String::new();
    }
    format!("there are {}", listed.join(", "))
}

/// Table and column, without catalogue and schema.
fn short(column: &Column) -> String {
    column.relation.as_ref().map_or_else(
        || column.name.clone(),
        |relation| format!("{}.{}", relation.table(), column.name),
    )
}

/// The planner's errors are text. What is not recognised is said as it is.
fn planning(text: &str, names: &Names) -> (String, At, Option<String>) {
    let quoted = |before: &str, after: &str| {
        let rest = text.split_once(before)?.1;
        Some(rest.split_once(after)?.0.to_owned())
    };
    let of_tables = |name: &str| closest(name, names.tables.iter().map(String::as_str));
    let of_functions = |name: &str| closest(name, names.functions.iter().map(String::as_str));
    let ask = |found: Option<&str>| found.map(|name| format!("did you mean `{name}`?"));
    if let Some(name) = quoted("table function '", "' not found") {
        return (format!("no table function `{name}`"), At::Word(name), None);
    }
    if let Some(whole) = quoted("table '", "' not found") {
        let name = whole
            .trim_start_matches("driveloop.")
            .trim_start_matches("public.");
        let last = whole.rsplit('.').next().unwrap_or(&whole).to_owned();
        return (
            format!("no table `{name}`"),
            At::Word(last),
            ask(of_tables(name)),
        );
    }
    if let Some(name) = quoted("Invalid function '", "'") {
        let like = ask(of_functions(&name));
        return (format!("no function `{name}`"), At::Word(name), like);
    }
    if let Some(call) = quoted("the given name and argument types '", "'") {
        let name = call.split('(').next().unwrap_or_default().to_owned();
        let forms = text.split_once("Candidate functions:").map(|(_, forms)| {
            let forms: Vec<_> = forms.split_whitespace().collect();
            format!("there is {}", forms.join(" "))
        });
        return (
            format!("the arguments of `{call}` do not fit"),
            At::Word(name),
            forms,
        );
    }
    (plain(text), At::Unknown, None)
}

/// Without the words that the engine puts before every error.
fn plain(text: &str) -> String {
    let text = text.trim();
    let prefixes = [
        "Error during planning: ",
        "Execution error: ",
        "Schema error: ",
        "SQL error: ",
    ];
    let bare = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix));
    bare.unwrap_or(text).to_owned()
}

/// The name that is most like a word: one that begins with it, or with at most half of its letters changed.
fn closest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let letters = |text: &str| text.chars().count();
    let candidates = names.filter_map(|name| {
        let distance = levenshtein(&word, &name.to_lowercase());
        let begins = letters(&word) > 2 && name.starts_with(&word);
        let is_like = begins || distance * 2 <= letters(&word).max(letters(name));
        // Of two that are as far, the one that begins alike.
        is_like.then_some((!begins, distance, name))
    });
    candidates.min().map(|(_, _, name)| name)
}

fn place(statement: &Statement<'_>, at: &At) -> Option<Place> {
    let (start, width) = match at {
        At::Span(span) => (span.start, width(statement.text, *span)),
        At::Word(word) => word_at(statement.text, word)?,
        At::Unknown => return None,
    };
    let (line, column) = if start.line == 1 {
        (statement.line, statement.column + start.column - 1)
    } else {
        (statement.line + start.line - 1, start.column)
    };
    let text = statement.script.lines().nth(line.checked_sub(1)? as usize);
    Some(Place {
        line,
        column,
        width: width.max(1),
        text: text.unwrap_or_default().to_owned(),
    })
}

/// The characters of a span on its first line. A span of one place is that of the token there.
fn width(text: &str, span: Span) -> u64 {
    if span.start == span.end {
        let (tokens, _) = tokens(text);
        let here = tokens.iter().find(|token| {
            (token.span.start.line, token.span.start.column) == (span.start.line, span.start.column)
        });
        return here
            .filter(|token| token.span.end.line == span.start.line)
            .map_or(1, |token| token.span.end.column - span.start.column);
    }
    if span.start.line == span.end.line {
        return span.end.column.saturating_sub(span.start.column);
    }
    let line = text.lines().nth(span.start.line.saturating_sub(1) as usize);
    let letters = line.map_or(0, |line| line.chars().count() as u64 + 1);
    letters.saturating_sub(span.start.column)
}

/// Where a word first stands as a name, not in a quote or comment.
fn word_at(text: &str, word: &str) -> Option<(Location, u64)> {
    let (tokens, _) = tokens(text);
    let found = tokens.iter().find(
        |token| matches!(&token.token, Token::Word(here) if here.value.eq_ignore_ascii_case(word)),
    )?;
    let start = Location {
        line: found.span.start.line,
        column: found.span.start.column,
    };
    Some((start, found.span.end.column.saturating_sub(start.column)))
}
