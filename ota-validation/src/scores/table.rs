//! A score file: which column is what, and its rows as scenes.

use std::collections::{BTreeMap, BTreeSet};

use super::ScoreFile;
use super::aggregates::{Places, Role, roles};
use super::records::{self, Limits, Place, Record};
use crate::error::{Error, Result};
use crate::rules::Rules;

/// Largest magnitude of a score: sums over ten million scenes and their squares stay finite and exact enough.
const MAGNITUDE_MAX: f64 = 1e15;

/// Names of columns that name the recorded drive of a scene, the first that there is.
const DRIVE_NAMES: [&str; 13] = [
    "log_id",
    "log_name",
    "log_token",
    "log",
    "logfile",
    "drive_id",
    "drive_name",
    "drive",
    "recording_id",
    "recording_name",
    "recording",
    "rosbag",
    "bag",
];

/// Names of columns that are a written index, besides the empty one.
const INDEX_NAMES: [&str; 3] = ["__index_level_0__", "Unnamed: 0", "index"];

/// One score file, read, before it is said which of its rows are scenes.
pub(crate) struct Draft<'a> {
    pub(crate) file: ScoreFile<'a>,
    pub(crate) records: Vec<Record>,
    pub(crate) blank_rows: u64,
    /// What rows are that may be no scenes, by position.
    pub(crate) roles: BTreeMap<usize, Role>,
    layout: Layout,
}

/// The scenes of one score file.
pub(crate) struct Table<'a> {
    pub(crate) file: ScoreFile<'a>,
    pub(crate) metrics: Vec<String>,
    pub(crate) texts: Vec<String>,
    pub(crate) drive: Option<DriveColumn>,
    pub(crate) rows: BTreeMap<String, ScoreRow>,
}

/// The column that names the drive of a scene.
#[derive(Debug, Clone)]
pub(crate) struct DriveColumn {
    pub(crate) name: String,
    /// Whether the rules name it; its own name gave it away otherwise.
    pub(crate) is_declared: bool,
    at: usize,
}

/// One scene.
pub(crate) struct ScoreRow {
    pub(crate) place: Place,
    pub(crate) is_valid: bool,
    pub(crate) drive: Option<String>,
    pub(crate) slices: Vec<String>,
    pub(crate) values: Vec<Option<f64>>,
}

/// Where a file has what.
struct Layout {
    columns: Vec<String>,
    key: usize,
    valid: Option<usize>,
    drive: Option<DriveColumn>,
    slices: Vec<usize>,
    metrics: Vec<usize>,
    texts: Vec<String>,
}

impl<'a> Draft<'a> {
    /// Reads a file.
    pub(crate) fn read(file: ScoreFile<'a>, key: &str, rules: &Rules) -> Result<Self> {
        let read = records::read(file, Limits::DEFAULT)?;
        let layout = layout(file, read.columns, key, rules)?;
        let is_valid = |record: &Record| {
            let cell = layout.valid.and_then(|at| record.cells.get(at));
            cell.and_then(|cell| truth(cell.trim())).unwrap_or(true)
        };
        let valid: Vec<bool> = read.rows.iter().map(is_valid).collect();
        let passed_over: Vec<usize> = (0..layout.columns.len())
            .filter(|at| {
                let name = &layout.columns[*at];
                *at == layout.key
                    || layout.valid == Some(*at)
                    || layout.drive.as_ref().is_some_and(|drive| drive.at == *at)
                    || layout.slices.contains(at)
                    || is_left_out(name, rules)
            })
            .collect();
        let places = Places {
            key: layout.key,
            passed_over: &passed_over,
            valid: &valid,
        };
        Ok(Self {
            file,
            roles: roles(&read.rows, &places),
            records: read.rows,
            blank_rows: read.blank_rows,
            layout,
        })
    }

    /// The key of a row.
    pub(crate) fn key(&self, at: usize) -> &str {
        self.records[at].key(self.layout.key)
    }

    /// The rows with one of these keys.
    pub(crate) fn rows_with(&self, keys: &BTreeSet<String>) -> Vec<usize> {
        (0..self.records.len())
            .filter(|at| keys.contains(self.key(*at)))
            .collect()
    }

    /// The scenes: all rows but these.
    pub(crate) fn scenes(self, aggregates: &BTreeSet<usize>, rules: &Rules) -> Result<Table<'a>> {
        let Self {
            file,
            records,
            mut layout,
            ..
        } = self;
        let scenes: Vec<&Record> = records
            .iter()
            .enumerate()
            .filter(|(at, _)| !aggregates.contains(at))
            .map(|(_, record)| record)
            .collect();
        divide_columns(file, &mut layout, &scenes, rules)?;
        let mut rows = BTreeMap::new();
        for record in scenes {
            let row = score_row(file, &layout, record)?;
            let key = record.key(layout.key).to_owned();
            if rows.insert(key.clone(), row).is_some() {
                return Err(twice(file, "scene", key));
            }
        }
        let metrics = layout.metrics.iter().map(|at| layout.columns[*at].clone());
        Ok(Table {
            file,
            metrics: metrics.collect(),
            texts: layout.texts,
            drive: layout.drive,
            rows,
        })
    }
}

impl Table<'_> {
    /// The values of a metric, with the place of each, as far as it is scored.
    pub(crate) fn values(&self, metric: &str) -> impl Iterator<Item = (Place, f64)> {
        let at = self.metrics.iter().position(|name| name == metric);
        let values = move |row: &ScoreRow| Some((row.place, row.values[at?]?));
        self.rows.values().filter_map(values)
    }

    /// Says that a cell does not hold what its column holds.
    pub(crate) fn refused(
        &self,
        (place, value): (Place, f64),
        metric: &str,
        expected: &'static str,
    ) -> Error {
        Error::Cell {
            file: self.file.name.to_owned(),
            place: place.to_string(),
            column: metric.to_owned(),
            expected,
            actual: value.to_string(),
        }
    }
}

fn twice(file: ScoreFile<'_>, what: &'static str, key: String) -> Error {
    let subject = file.name.to_owned();
    Error::Duplicate { subject, what, key }
}

fn layout(file: ScoreFile<'_>, columns: Vec<String>, key: &str, rules: &Rules) -> Result<Layout> {
    let mut met = BTreeSet::new();
    let mut named = columns.iter().filter(|column| !column.is_empty());
    if let Some(column) = named.find(|column| !met.insert(*column)) {
        return Err(twice(file, "column", column.clone()));
    }
    let find = |name: &str| columns.iter().position(|column| column == name);
    let need = |name: &str| {
        find(name).ok_or_else(|| Error::MissingColumn {
            file: file.name.to_owned(),
            column: name.to_owned(),
            actual: columns.join(", "),
        })
    };
    let key = need(key)?;
    let valid = find(&rules.columns.valid);
    let slices: Vec<usize> = rules
        .columns
        .slices
        .iter()
        .map(|slice| need(slice))
        .collect::<Result<_>>()?;
    let drive = match rules.columns.drive.as_str() {
        "" => drive_by_name(&columns, rules).filter(|drive| {
            drive.at != key && valid != Some(drive.at) && !slices.contains(&drive.at)
        }),
        name => Some(DriveColumn {
            name: name.to_owned(),
            is_declared: true,
            at: need(name)?,
        }),
    };
    Ok(Layout {
        columns,
        key,
        valid,
        drive,
        slices,
        metrics: Vec::new(),
        texts: Vec::new(),
    })
}

fn drive_by_name(columns: &[String], rules: &Rules) -> Option<DriveColumn> {
    DRIVE_NAMES.iter().find_map(|name| {
        let at = columns
            .iter()
            .position(|column| column.eq_ignore_ascii_case(name))?;
        let name = columns[at].clone();
        let is_other = rules.columns.ignored.contains(&name) || rules.metric.contains_key(&name);
        (!is_other).then_some(DriveColumn {
            name,
            is_declared: false,
            at,
        })
    })
}

/// Whether a column is an index, or ignored.
fn is_left_out(name: &str, rules: &Rules) -> bool {
    let is_index = name.is_empty() || INDEX_NAMES.contains(&name);
    (is_index && !rules.metric.contains_key(name))
        || rules.columns.ignored.iter().any(|other| other == name)
}

/// Says which of the other columns are metrics. One that holds no number at all is a text, unless a rule names it, or
/// its cells are numbers of another spelling; one bad cell among numbers is an error later.
fn divide_columns(
    file: ScoreFile<'_>,
    layout: &mut Layout,
    scenes: &[&Record],
    rules: &Rules,
) -> Result<()> {
    let drive = layout.drive.as_ref().map(|drive| drive.at);
    for (at, name) in layout.columns.iter().enumerate() {
        let special = at == layout.key || [layout.valid, drive].contains(&Some(at));
        if special || is_left_out(name, rules) || layout.slices.contains(&at) {
            continue;
        }
        let cells = || scenes.iter().map(|record| record.cells.get(at));
        let has_number = cells().any(|cell| number(cell).is_ok_and(|value| value.is_some()));
        if rules.metric.contains_key(name) || has_number {
            layout.metrics.push(at);
            continue;
        }
        let misspelt = |record: &&&Record| {
            let cell = record.cells.get(at).unwrap_or_default().trim();
            other_spelling(cell).is_some()
        };
        if let Some(record) = scenes.iter().find(misspelt) {
            let text = record.cells.get(at).unwrap_or_default().trim();
            return Err(cell_error(file, record, name, expected_number(text), text));
        }
        layout.texts.push(name.clone());
    }
    Ok(())
}

fn cell_error(
    file: ScoreFile<'_>,
    record: &Record,
    column: &str,
    expected: &'static str,
    actual: &str,
) -> Error {
    Error::Cell {
        file: file.name.to_owned(),
        place: record.place.to_string(),
        column: column.to_owned(),
        expected,
        actual: actual.to_owned(),
    }
}

fn score_row(file: ScoreFile<'_>, layout: &Layout, record: &Record) -> Result<ScoreRow> {
    let text = |at: usize| record.cells.get(at).unwrap_or_default().trim();
    let refuse =
        |at: usize, expected| cell_error(file, record, &layout.columns[at], expected, text(at));
    if text(layout.key).is_empty() {
        return Err(refuse(layout.key, "the key of a scene"));
    }
    let is_valid = match layout.valid {
        None => true,
        Some(at) => truth(text(at)).ok_or_else(|| refuse(at, "True or False"))?,
    };
    let mut values = Vec::with_capacity(layout.metrics.len());
    for at in &layout.metrics {
        let value = number(record.cells.get(*at));
        // What an invalid scene scored is of no interest.
        let value = value.map_err(|()| refuse(*at, expected_number(text(*at))));
        let value = if is_valid { value? } else { None };
        if value.is_some_and(|value| value.abs() > MAGNITUDE_MAX) {
            return Err(refuse(
                *at,
                "a number of at most 1e15 in magnitude, or nothing",
            ));
        }
        values.push(value);
    }
    let drive = layout.drive.as_ref().map(|drive| text(drive.at));
    if let (Some(drive), Some("")) = (&layout.drive, drive) {
        let expected =
            "the name of a drive (`ignored` in the file of --columns leaves the column out)";
        return Err(refuse(drive.at, expected));
    }
    let slice = |at: &usize| format!("{}={}", layout.columns[*at], text(*at));
    Ok(ScoreRow {
        place: record.place,
        is_valid,
        drive: drive.map(str::to_owned),
        slices: layout.slices.iter().map(slice).collect(),
        values,
    })
}

/// `True`, `False`, 1 and 0, in any case.
fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "1.0" => Some(true),
        "false" | "0" | "0.0" => Some(false),
        _ => None,
    }
}

/// A number, nothing, or an error.
pub(crate) fn number(cell: Option<&str>) -> Result<Option<f64>, ()> {
    let text = cell.unwrap_or_default().trim();
    match text.to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "true" => Ok(Some(1.0)),
        "false" => Ok(Some(0.0)),
        other => match other.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Some(value)),
            _ => Err(()),
        },
    }
}

/// How a text that is no number here is one elsewhere.
fn other_spelling(text: &str) -> Option<&'static str> {
    let parses = |text: &str| text.trim().parse::<f64>().is_ok_and(f64::is_finite);
    if let Some(number) = text.strip_suffix('%')
        && parses(&number.replace(',', "."))
    {
        return Some("a number without `%`: pass/fail and shares are from 0 to 1");
    }
    let has_comma = text.contains(',');
    (has_comma && (parses(&text.replace(',', ".")) || parses(&text.replace(['.', ','], ""))))
        .then_some("a number with a decimal point and without commas")
}

fn expected_number(text: &str) -> &'static str {
    other_spelling(text).unwrap_or("a finite number, or nothing")
}
