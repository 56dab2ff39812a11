//! A scenario and the header of its file.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use driveloop_schemas::time::NS_PER_S;

use super::placeholder;
use crate::error::{Error, Result};
use crate::fault::Names;
use crate::statement::Statement as Text;

/// How bad it is when the situation turns out badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Ordinary driving.
    Low,
    /// Somebody has to react.
    Medium,
    /// Somebody has to react at once.
    High,
}

impl Severity {
    /// The word in the header.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// The value of a parameter; displayed as an SQL literal.
#[derive(Debug, Clone, PartialEq)]
pub enum ParamValue {
    /// A double, finite.
    Number(f64),
    /// A text.
    Text(String),
    /// True or false.
    Truth(bool),
}

impl fmt::Display for ParamValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value) => write!(f, "({value:?})"), // `{:?}` keeps the point, so that SQL reads a double
            Self::Text(value) => f.write_str(&driveloop_lake::sql_literal(value)),
            Self::Truth(value) => write!(f, "{value}"),
        }
    }
}

impl ParamValue {
    fn parse(text: &str) -> Option<Self> {
        if let Some(inner) = text
            .strip_prefix('\'')
            .and_then(|text| text.strip_suffix('\''))
        {
            return Some(Self::Text(inner.to_owned()));
        }
        match text {
            "true" => Some(Self::Truth(true)),
            "false" => Some(Self::Truth(false)),
            _ => text
                .parse()
                .ok()
                .filter(|value: &f64| value.is_finite())
                .map(Self::Number),
        }
    }

    /// Another value of the same type.
    fn parse_like(&self, text: &str) -> Option<Self> {
        match self {
            Self::Text(_) => Some(Self::Text(text.trim_matches('\'').to_owned())),
            Self::Number(_) | Self::Truth(_) => Self::parse(text)
                .filter(|value| std::mem::discriminant(value) == std::mem::discriminant(self)),
        }
    }

    fn type_name(&self) -> &'static str {
        match self {
            Self::Number(_) => "a finite number",
            Self::Text(_) => "a text",
            Self::Truth(_) => "true or false",
        }
    }
}

/// A parameter of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioParam {
    /// Name, with unit.
    pub name: String,
    /// Value where none is given.
    pub default: ParamValue,
    /// Unit.
    pub unit: String,
    /// Meaning.
    pub doc: String,
}

/// A scenario: its header and its query.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Name.
    pub name: String,
    /// Version.
    pub version: i32,
    /// One sentence.
    pub description: String,
    /// Roles of the actors, which are columns of the query.
    pub roles: Vec<String>,
    /// Episodes shorter than this are dropped.
    pub min_duration_ns: i64,
    /// Rows of the same actors at most this far apart are one episode.
    pub max_gap_ns: i64,
    /// Parameters, in the order of the header.
    pub params: Vec<ScenarioParam>,
    /// What the score is, with unit.
    pub score: String,
    /// How bad it is.
    pub severity: Severity,
    /// Tags.
    pub tags: Vec<String>,
    /// The file's text: header and query.
    pub text: String,
}

/// The header's lines: line number and value, by key.
struct Lines<'a> {
    file: &'a str,
    values: BTreeMap<&'a str, Vec<(usize, &'a str)>>,
    end: usize,
}

const KEYS: [&str; 9] = [
    "scenario",
    "version",
    "description",
    "roles",
    "episodes",
    "param",
    "score",
    "severity",
    "tags",
];

impl<'a> Lines<'a> {
    fn parse(file: &'a str, text: &'a str) -> Result<Self> {
        let mut lines = Self {
            file,
            values: BTreeMap::new(),
            end: 1,
        };
        for (number, line) in (1..).zip(text.lines()) {
            lines.end = number;
            let Some(comment) = line
                .trim_end()
                .strip_prefix("--")
                .filter(|rest| !rest.is_empty())
            else {
                break;
            };
            let (key, value) = comment
                .split_once(':')
                .map(|(key, value)| (key.trim(), value.trim()))
                .filter(|(key, value)| KEYS.contains(key) && !value.is_empty())
                .ok_or_else(|| {
                    let expected = format!("`-- KEY: VALUE` with a key of {}", KEYS.join(", "));
                    lines.wrong(number, expected, line)
                })?;
            let values = lines.values.entry(key).or_default();
            values.push((number, value));
            if key != "param" && values.len() > 1 {
                return Err(lines.wrong(number, format!("`{key}` once"), line));
            }
        }
        Ok(lines)
    }

    fn wrong(&self, line: usize, expected: impl Into<String>, actual: &str) -> Error {
        Error::Scenario {
            file: self.file.to_owned(),
            line,
            expected: expected.into(),
            actual: actual.to_owned(),
        }
    }

    /// The value of a key that must be there, read by `parse`.
    fn one<T>(&self, key: &str, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T> {
        let Some((line, value)) = self.values.get(key).and_then(|values| values.first()) else {
            return Err(self.wrong(
                self.end,
                format!("`-- {key}:` in the header"),
                "no such line",
            ));
        };
        parse(value).ok_or_else(|| self.wrong(*line, expected, value))
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn names(text: &str) -> Option<Vec<String>> {
    let names: Vec<_> = text.split(',').map(|name| name.trim().to_owned()).collect();
    let reserved = ["log_id", "stamp_ns", "start_ns", "end_ns", "score"];
    let good = names
        .iter()
        .all(|name| is_name(name) && !reserved.contains(&name.as_str()));
    let distinct = names
        .iter()
        .collect::<std::collections::BTreeSet<_>>()
        .len()
        == names.len();
    (good && distinct).then_some(names)
}

/// `min_duration = A s, max_gap = B s`, in nanoseconds.
fn durations(text: &str) -> Option<(i64, i64)> {
    let (first, second) = text.split_once(',')?;
    let read = |part: &str, name: &str| {
        let value = part
            .trim()
            .strip_prefix(name)?
            .trim()
            .strip_prefix('=')?
            .trim();
        let seconds: f64 = value.strip_suffix('s')?.trim().parse().ok()?;
        (0.0..=3600.0)
            .contains(&seconds)
            .then(|| (seconds * NS_PER_S as f64).round() as i64)
    };
    Some((read(first, "min_duration")?, read(second, "max_gap")?))
}

/// `name = default unit — meaning`.
fn param(text: &str) -> Option<ScenarioParam> {
    let (definition, doc) = text.split_once(" — ")?;
    let (name, value) = definition.split_once('=')?;
    let (value, unit) = value.trim().rsplit_once(' ')?;
    let param = ScenarioParam {
        name: name.trim().to_owned(),
        default: ParamValue::parse(value.trim())?,
        unit: unit.trim().to_owned(),
        doc: doc.trim().to_owned(),
    };
    is_name(&param.name).then_some(param)
}

impl Scenario {
    /// Reads a scenario from the text of its file.
    pub(super) fn parse(file: &str, text: &str) -> Result<Self> {
        let lines = Lines::parse(file, text)?;
        let stem = Path::new(file)
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        let name_expected = format!("the name of the file, `{stem}`");
        let sentence = |value: &str| Some(value.to_owned());
        let name = lines.one("scenario", &name_expected, |value| {
            (value == stem && is_name(value)).then(|| value.to_owned())
        })?;
        let version = lines.one("version", "a whole number from 1", |value| {
            value.parse().ok().filter(|version: &i32| *version > 0)
        })?;
        let (min_duration_ns, max_gap_ns) =
            lines.one("episodes", "`min_duration = A s, max_gap = B s`", durations)?;
        let severity = lines.one("severity", "`low`, `medium` or `high`", |value| {
            let all = [Severity::Low, Severity::Medium, Severity::High];
            all.into_iter().find(|severity| severity.as_str() == value)
        })?;
        let mut params: Vec<ScenarioParam> = Vec::new();
        for (line, value) in lines.values.get("param").into_iter().flatten() {
            let expected = "`name = default unit — meaning`, each name once";
            let param = param(value)
                .filter(|param| params.iter().all(|other| other.name != param.name))
                .ok_or_else(|| lines.wrong(*line, expected, value))?;
            params.push(param);
        }
        let tags = if lines.values.contains_key("tags") {
            let split = |value: &str| value.split(',').map(|tag| tag.trim().to_owned()).collect();
            lines.one("tags", "words", |value| Some(split(value)))?
        } else {
            Vec::new()
        };
        let scenario = Self {
            version,
            description: lines.one("description", "a sentence", sentence)?,
            roles: lines.one(
                "roles",
                "names of columns, distinct, with commas between",
                names,
            )?,
            min_duration_ns,
            max_gap_ns,
            params,
            score: lines.one("score", "a meaning and a unit", sentence)?,
            severity,
            tags,
            text: text.to_owned(),
            name,
        };
        scenario.check(&lines)?;
        Ok(scenario)
    }

    /// The query must be one, and use the parameters that the header has.
    fn check(&self, lines: &Lines<'_>) -> Result<()> {
        let wrong = |expected: &str, actual: &str| lines.wrong(lines.end, expected, actual);
        let used =
            placeholder::names(&self.text).map_err(|error| wrong("a query", &error.to_string()))?;
        if let Some(name) = used
            .iter()
            .find(|name| self.params.iter().all(|p| p.name != **name))
        {
            return Err(wrong(
                "a `param` line for each `$name` of the query",
                &format!("${name}"),
            ));
        }
        if let Some(param) = self.params.iter().find(|param| !used.contains(&param.name)) {
            return Err(wrong("each parameter in the query", &param.name));
        }
        let statements = DFParser::parse_sql(&self.text).map_err(|source| {
            let subject = format!("scenario `{}`", self.name);
            let text = Text::from(self.text.as_str());
            Error::statement(subject, &text, &Names::default(), source)
        })?;
        let is_query = |statement: &Statement| matches!(statement, Statement::Statement(inner) if matches!(**inner, SqlStatement::Query(_)));
        if statements.len() == 1 && statements.iter().all(is_query) {
            return Ok(());
        }
        Err(wrong(
            "one query after the header",
            &format!("{} statements", statements.len()),
        ))
    }

    /// The query with values for its parameters: those given, by name, and the defaults.
    ///
    /// # Errors
    /// When a parameter does not exist, or a value is of another type than its default.
    pub fn query(&self, given: &BTreeMap<String, String>) -> Result<String> {
        let wrong = |name: &str, expected: String, actual: &str| Error::Parameter {
            parameter: format!("{}.{name}", self.name),
            expected,
            actual: actual.to_owned(),
        };
        for (name, value) in given {
            if self.params.iter().all(|param| param.name != *name) {
                let known: Vec<_> = self
                    .params
                    .iter()
                    .map(|param| param.name.as_str())
                    .collect();
                return Err(wrong(name, format!("one of {}", known.join(", ")), value));
            }
        }
        let mut values = BTreeMap::new();
        for param in &self.params {
            let value = match given.get(&param.name) {
                None => param.default.clone(),
                Some(text) => param
                    .default
                    .parse_like(text)
                    .ok_or_else(|| wrong(&param.name, param.default.type_name().into(), text))?,
            };
            values.insert(param.name.as_str(), value);
        }
        let values = values.iter().map(|(name, value)| (*name, value)).collect();
        placeholder::fill(&self.text, &values).map_err(|error| Error::Scenario {
            file: self.name.clone(),
            line: error.location.line as usize,
            expected: "a query".into(),
            actual: error.message,
        })
    }
}
