//! Score files of any evaluator: CSV in, paired scenes out.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::paired::{Paired, PairedMetric, Scene};
use crate::rules::Rules;

/// Names that mark a row as an aggregate of the others.
const AGGREGATES: [&str; 7] = [
    "average",
    "mean",
    "all",
    "overall",
    "total",
    "aggregate",
    "summary",
];
/// Rows that a last row must equal the mean of before it is taken for their average.
const AVERAGED_MIN: usize = 10;
/// Relative difference up to which a value is the mean.
const MEAN_TOLERANCE: f64 = 1e-9;

/// A score file: a name for messages, and its bytes.
#[derive(Debug, Clone, Copy)]
pub struct ScoreFile<'a> {
    /// Name, for messages and evidence.
    pub name: &'a str,
    /// The CSV text, with a header.
    pub csv: &'a [u8],
}

/// What was read of two score files and does not enter the comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Rows of the candidate that are an aggregate and no scene, by key.
    pub candidate_aggregates: Vec<String>,
    /// Rows of the baseline that are an aggregate and no scene, by key.
    pub baseline_aggregates: Vec<String>,
    /// Scenes that either file calls invalid.
    pub invalid: u64,
    /// Scenes that only the candidate has.
    pub only_candidate: u64,
    /// Scenes that only the baseline has.
    pub only_baseline: u64,
    /// Numeric columns that only one file has, and columns of text.
    pub columns: Vec<String>,
}

/// One score file, read.
struct Table {
    metrics: Vec<String>,
    texts: Vec<String>,
    rows: BTreeMap<String, ScoreRow>,
    aggregates: Vec<String>,
}

struct ScoreRow {
    is_valid: bool,
    drive: Option<String>,
    slices: Vec<String>,
    values: Vec<Option<f64>>,
}

/// A row as it stands in the file.
struct Record {
    line: u64,
    key: String,
    cells: csv::StringRecord,
}

/// Reads and pairs two score files.
///
/// * `key` names the column that identifies a scene. A first column without a name (a written index) is no metric.
/// * A row is an aggregate and no scene when its key is, or starts with and a separator, one of `average`, `mean`,
///   `all`, `overall`, `total`, `aggregate`, `summary` in any case; or when it is the last row of more than ten and
///   each of its numbers is the mean of the rows above, not all of which are equal.
/// * `True` and `False` are 1 and 0. An empty cell is no value: the scene does not count for that metric.
/// * A scene that is missing, invalid or without value on the candidate's side alone counts as unanswered.
///
/// # Errors
/// For a file that is no CSV table or has no column `key`, a cell that holds neither a finite number nor nothing in a
/// column of numbers, and a scene that is there twice.
pub fn pair_scores(
    candidate: ScoreFile<'_>,
    baseline: ScoreFile<'_>,
    key: &str,
    rules: &Rules,
) -> Result<(Paired, LeftOut)> {
    let candidate_table = read(candidate, key, rules)?;
    let baseline_table = read(baseline, key, rules)?;
    let mut left_out = LeftOut {
        candidate_aggregates: candidate_table.aggregates.clone(),
        baseline_aggregates: baseline_table.aggregates.clone(),
        columns: left_out_columns(&candidate_table, &baseline_table),
        ..LeftOut::default()
    };
    let mut scenes = Vec::new();
    let mut both = Vec::new();
    let mut unanswered = Vec::new();
    for (key, base) in &baseline_table.rows {
        let row = candidate_table.rows.get(key);
        left_out.only_baseline += u64::from(row.is_none());
        let row_is_valid = row.is_some_and(|row| row.is_valid);
        left_out.invalid += u64::from(row.is_some() && !(row_is_valid && base.is_valid));
        match row.filter(|row| row.is_valid) {
            Some(row) if base.is_valid => {
                scenes.push(Scene {
                    key: key.clone(),
                    drive: base.drive.clone().unwrap_or_else(|| key.clone()),
                    slices: base.slices.clone(),
                });
                both.push((row, base));
            }
            None if base.is_valid => unanswered.push(key.clone()),
            _ => {}
        }
    }
    let known = |key: &&String| !baseline_table.rows.contains_key(*key);
    left_out.only_candidate = candidate_table.rows.keys().filter(known).count() as u64;
    let mut metrics = Vec::new();
    for (base_at, name) in baseline_table.metrics.iter().enumerate() {
        let Some(at) = candidate_table
            .metrics
            .iter()
            .position(|other| other == name)
        else {
            continue;
        };
        metrics.push(PairedMetric {
            name: name.clone(),
            candidate: both.iter().map(|(row, _)| row.values[at]).collect(),
            baseline: both.iter().map(|(_, base)| base.values[base_at]).collect(),
        });
    }
    if scenes.is_empty() {
        return Err(Error::NoScenes {
            subject: format!("{} and {}", candidate.name, baseline.name),
            expected: format!("they share no valid scene by column `{key}`"),
        });
    }
    Ok((Paired::new(scenes, metrics, unanswered)?, left_out))
}

/// The names of the columns of a score file, to choose rules by.
///
/// # Errors
/// For a file that is no CSV table.
pub fn score_columns(file: ScoreFile<'_>) -> Result<Vec<String>> {
    let mut reader = csv::Reader::from_reader(file.csv);
    let headers = reader.headers().map_err(|source| csv_error(file, source))?;
    Ok(headers
        .iter()
        .map(|header| header.trim().to_owned())
        .collect())
}

fn csv_error(file: ScoreFile<'_>, source: csv::Error) -> Error {
    Error::Csv {
        file: file.name.to_owned(),
        source,
    }
}

fn left_out_columns(candidate: &Table, baseline: &Table) -> Vec<String> {
    let candidate_metrics: BTreeSet<&String> = candidate.metrics.iter().collect();
    let baseline_metrics: BTreeSet<&String> = baseline.metrics.iter().collect();
    let texts = candidate.texts.iter().chain(&baseline.texts);
    let one_sided = candidate_metrics
        .symmetric_difference(&baseline_metrics)
        .copied();
    let columns: BTreeSet<&String> = texts.chain(one_sided).collect();
    columns.into_iter().cloned().collect()
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

fn read(file: ScoreFile<'_>, key: &str, rules: &Rules) -> Result<Table> {
    let mut layout = layout(file, key, rules)?;
    let mut records = records(file, layout.key)?;
    let aggregates = take_aggregates(&mut records);
    divide_columns(&mut layout, &records, rules);
    let mut rows = BTreeMap::new();
    for record in records {
        let row = score_row(file, &layout, &record)?;
        let key = record.key;
        if rows.insert(key.clone(), row).is_some() {
            let subject = file.name.to_owned();
            return Err(Error::DuplicateScene { subject, key });
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

fn layout(file: ScoreFile<'_>, key: &str, rules: &Rules) -> Result<Layout> {
    let columns = score_columns(file)?;
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
        if special || layout.slices.contains(&at) || name.is_empty() {
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
        line: record.line,
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
    let slice = |at: &usize| format!("{}={}", layout.columns[*at], text(*at));
    Ok(ScoreRow {
        is_valid,
        drive: layout.drive.map(|at| text(at).to_owned()),
        slices: layout.slices.iter().map(slice).collect(),
        values,
    })
}

fn records(file: ScoreFile<'_>, key_at: usize) -> Result<Vec<Record>> {
    let mut reader = csv::Reader::from_reader(file.csv);
    let mut records = Vec::new();
    for cells in reader.records() {
        let cells = cells.map_err(|source| csv_error(file, source))?;
        let line = cells.position().map_or(0, csv::Position::line);
        let key = cells.get(key_at).unwrap_or_default().trim().to_owned();
        records.push(Record { line, key, cells });
    }
    Ok(records)
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
fn number(cell: Option<&str>) -> Result<Option<f64>, ()> {
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

fn take_aggregates(records: &mut Vec<Record>) -> Vec<String> {
    let mut keys = Vec::new();
    records.retain(|record| {
        let aggregate = is_aggregate_name(&record.key);
        if aggregate {
            keys.push(record.key.clone());
        }
        !aggregate
    });
    if records.len() > AVERAGED_MIN
        && let Some((last, above)) = records.split_last()
        && is_mean_of(last, above)
    {
        keys.push(last.key.clone());
        records.pop();
    }
    keys
}

fn is_aggregate_name(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    AGGREGATES.iter().any(|name| {
        key.strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', '-', ' ']))
    })
}

/// Whether each number of the row is the mean of its column above. Columns that hold anything but numbers, and a
/// written index (0, 1, 2, …), are passed over; at least one column must vary, or every row would be the mean.
fn is_mean_of(last: &Record, above: &[Record]) -> bool {
    let mut varies = false;
    for at in 0..last.cells.len() {
        let Ok(Some(value)) = number(last.cells.get(at)) else {
            continue;
        };
        let cells: Result<Vec<Option<f64>>, ()> = above
            .iter()
            .map(|record| number(record.cells.get(at)))
            .collect();
        let Ok(cells) = cells else { continue };
        let index = |(row, cell): (usize, &Option<f64>)| *cell == Some(row as f64);
        if cells.iter().enumerate().all(index) {
            continue;
        }
        let numbers: Vec<f64> = cells.into_iter().flatten().collect();
        let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
        // Not a number is not near.
        let is_near = (value - mean).abs() <= MEAN_TOLERANCE * mean.abs().max(1.0);
        if !is_near {
            return false;
        }
        varies |= numbers
            .windows(2)
            .any(|pair| pair[0].total_cmp(&pair[1]).is_ne());
    }
    varies
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(candidate: &str, baseline: &str) -> Result<(Paired, LeftOut)> {
        let file = |name, csv| ScoreFile { name, csv };
        pair_scores(
            file("candidate.csv", candidate.as_bytes()),
            file("baseline.csv", baseline.as_bytes()),
            "token",
            &Rules::default(),
        )
    }

    #[test]
    fn only_scenes_are_scenes() {
        let baseline = ",token,valid,hit\n0,a,True,1.0\n1,b,True,0.0\n2,c,True,\n3,d,False,nan\n4,average_all_frames,True,0.5\n";
        let candidate =
            ",token,valid,hit\n0,b,True,1.0\n1,a,True,1.0\n2,c,True,1.0\n3,e,True,0.0\n";
        let (paired, left_out) = pair(candidate, baseline).unwrap();
        let keys: Vec<&str> = paired
            .scenes()
            .iter()
            .map(|scene| scene.key.as_str())
            .collect();
        assert_eq!(keys, ["a", "b", "c"]);
        assert_eq!(paired.metrics()[0].baseline, [Some(1.0), Some(0.0), None]);
        assert_eq!(left_out.baseline_aggregates, ["average_all_frames"]);
        assert_eq!((left_out.only_candidate, left_out.only_baseline), (1, 1));
        assert!(
            paired.unanswered().is_empty(),
            "the baseline does not answer `d` either"
        );
    }

    #[test]
    fn an_average_without_a_telling_name_is_found_by_its_numbers() {
        let mut csv = "token,index,hit\n".to_owned();
        for row in 0..12 {
            csv += &format!("scene-{row},{row},{}\n", row % 2);
        }
        let same = pair(&csv, &csv).unwrap();
        assert_eq!(same.1.candidate_aggregates.len(), 0);
        let averaged = format!("{csv}last,12,0.5\n");
        let (paired, left_out) = pair(&averaged, &csv).unwrap();
        assert_eq!(
            (paired.scenes().len(), left_out.candidate_aggregates),
            (12, vec!["last".to_owned()])
        );
        let constant: String = (0..12)
            .map(|row| format!("s{row},1.0\n"))
            .collect::<String>();
        let constant = format!("token,hit\n{constant}");
        assert_eq!(pair(&constant, &constant).unwrap().0.scenes().len(), 12);
    }

    #[test]
    fn bad_files_are_refused_with_row_and_column() {
        let good = "token,hit\na,1\nb,0\n";
        let cases = [
            (
                "token,hit\na,1\nb,oops\n",
                "line 3, column `hit`: expected a finite number, or nothing, got `oops`",
            ),
            ("token,hit\na,NaN\nb,1\n", "line 2, column `hit`"),
            ("token,hit\na,1\na,0\n", "scene `a` is there twice"),
            ("scene,hit\na,1\n", "column `token` is missing"),
            ("token,hit\na,1,2\n", "candidate.csv: CSV error"),
            ("token,hit\nx,1\n", "they share no valid scene"),
            ("token,valid,hit\na,maybe,1\n", "expected True or False"),
        ];
        for (csv, expected) in cases {
            let error = pair(csv, good).unwrap_err().to_string();
            assert!(error.contains(expected), "{csv}: {error}");
        }
    }

    #[test]
    fn a_scene_that_the_candidate_calls_invalid_is_unanswered() {
        let good = "token,valid,hit\na,True,1\nb,True,0\n";
        let hiding = "token,valid,hit\na,True,1\nb,False,0\n";
        let (paired, left_out) = pair(hiding, good).unwrap();
        assert_eq!(
            (paired.unanswered(), left_out.invalid),
            (["b".to_owned()].as_slice(), 1)
        );
    }
}
