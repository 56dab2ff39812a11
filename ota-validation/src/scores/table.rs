//! One score file: its columns told apart, its rows as scenes.

use std::collections::{BTreeMap, BTreeSet};

use super::ScoreFile;
use super::aggregates::take_aggregates;
use super::records::{self, Limits, Record};
use crate::error::{Error, Result};
use crate::rules::Rules;

/// One score file, read.
pub(crate) struct Table {
    pub(crate) metrics: Vec<String>,
    pub(crate) texts: Vec<String>,
    pub(crate) rows: BTreeMap<String, ScoreRow>,
    pub(crate) aggregates: Vec<String>,
}

/// One scene.
pub(crate) struct ScoreRow {
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
    drive: Option<usize>,
    slices: Vec<usize>,
    metrics: Vec<usize>,
    texts: Vec<String>,
}

pub(crate) fn read(file: ScoreFile<'_>, key: &str, rules: &Rules) -> Result<Table> {
    let read = records::read(file, Limits::DEFAULT)?;
    let (columns, mut records) = (read.columns, read.rows);
    let mut layout = layout(file, columns, key, rules)?;
    let aggregates = take_aggregates(&mut records, layout.key);
    divide_columns(&mut layout, &records, rules);
    let mut rows = BTreeMap::new();
    for record in records {
        let row = score_row(file, &layout, &record)?;
        let key = record.key(layout.key).to_owned();
        if rows.insert(key.clone(), row).is_some() {
            return Err(twice(file, "scene", key));
        }
    }
    let metrics = layout
        .metrics
        .iter()
        .map(|at| layout.columns[*at].clone())
        .collect();
    Ok(Table {
        metrics,
        texts: layout.texts,
        rows,
        aggregates,
    })
}

fn twice(file: ScoreFile<'_>, what: &'static str, key: String) -> Error {
    let subject = file.name.to_owned();
    Error::Duplicate { subject, what, key }
}

fn layout(file: ScoreFile<'_>, columns: Vec<String>, key: &str, rules: &Rules) -> Result<Layout> {
    let mut seen = BTreeSet::new();
    let mut named = columns.iter().filter(|column| !column.is_empty());
    if let Some(column) = named.find(|column| !seen.insert(*column)) {
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
    let drive = match rules.columns.drive.as_str() {
        "" => None,
        drive => Some(need(drive)?),
    };
    let slices = rules
        .columns
        .slices
        .iter()
        .map(|slice| need(slice))
        .collect::<Result<_>>()?;
    let (metrics, texts) = (Vec::new(), Vec::new());
    Ok(Layout {
        columns,
        key,
        valid,
        drive,
        slices,
        metrics,
        texts,
    })
}

/// Says which of the other columns are metrics. One that holds no number at all is a text, unless a rule names it;
/// one bad cell among numbers is an error later.
fn divide_columns(layout: &mut Layout, records: &[Record], rules: &Rules) {
    let has_number = |at: usize| {
        let mut cells = records.iter().map(|record| number(record.cells.get(at)));
        cells.any(|cell| cell.is_ok_and(|value| value.is_some()))
    };
    for (at, name) in layout.columns.iter().enumerate() {
        let special = at == layout.key || [layout.valid, layout.drive].contains(&Some(at));
        let ignored = name.is_empty() || rules.columns.ignored.contains(name);
        if special || ignored || layout.slices.contains(&at) {
            continue;
        }
        if rules.metric.contains_key(name) || has_number(at) {
            layout.metrics.push(at);
        } else {
            layout.texts.push(name.clone());
        }
    }
}

fn score_row(file: ScoreFile<'_>, layout: &Layout, record: &Record) -> Result<ScoreRow> {
    let text = |at: usize| record.cells.get(at).unwrap_or_default().trim();
    let refuse = |at: usize, expected| Error::Cell {
        file: file.name.to_owned(),
        place: record.place.to_string(),
        column: layout.columns[at].clone(),
        expected,
        actual: text(at).to_owned(),
    };
    let is_valid = match layout.valid {
        None => true,
        Some(at) => truth(text(at)).ok_or_else(|| refuse(at, "True or False"))?,
    };
    let mut values = Vec::with_capacity(layout.metrics.len());
    for at in &layout.metrics {
        let value = number(record.cells.get(*at));
        let value = value.map_err(|()| refuse(*at, "a finite number, or nothing"));
        // What an invalid scene scored is of no interest.
        values.push(if is_valid { value? } else { None });
    }
    let drive = layout.drive.map(|at| (at, text(at)));
    if let Some((at, "")) = drive {
        return Err(refuse(at, "the name of a drive"));
    }
    let slice = |at: &usize| format!("{}={}", layout.columns[*at], text(*at));
    Ok(ScoreRow {
        is_valid,
        drive: drive.map(|(_, drive)| drive.to_owned()),
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
