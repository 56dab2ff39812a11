//! Score files of any evaluator: CSV or Parquet in, paired scenes out, and how each file was read.

mod aggregates;
mod directions;
mod format;
mod plausible;
mod reading;
mod records;
mod scenes;
mod table;

use std::collections::BTreeSet;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::paired::{Paired, PairedMetric, Scene, Units};
use crate::rules::Rules;
pub(crate) use reading::Reading;
use scenes::Decided;
use table::{Draft, ScoreRow, Table};

/// A score file: a name for messages, and its bytes.
#[derive(Debug, Clone, Copy)]
pub struct ScoreFile<'a> {
    /// Name, for messages and evidence.
    pub name: &'a str,
    /// CSV text with a header, or Parquet.
    pub bytes: &'a [u8],
}

/// What was read of two score files and does not enter the comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Rows of the candidate that are an aggregate and no scene, by key.
    pub candidate_aggregates: Vec<String>,
    /// Rows of the baseline that are an aggregate and no scene, by key.
    pub baseline_aggregates: Vec<String>,
    /// Rows of both files of which every cell is empty.
    pub blank_rows: u64,
    /// Scenes that either file calls invalid.
    pub invalid: u64,
    /// Scenes that only the candidate has.
    pub only_candidate: u64,
    /// Scenes that only the baseline has.
    pub only_baseline: u64,
    /// Numeric columns that only one file has, and columns of text.
    pub columns: Vec<String>,
}

/// Two score files, read.
pub(crate) struct Scores {
    pub(crate) paired: Paired,
    pub(crate) left_out: LeftOut,
    /// The rules, with one for each metric.
    pub(crate) rules: Rules,
    pub(crate) reading: Reading,
}

/// Reads two score files for a verdict: as [`pair_scores`], and every column has a kind, a direction, and values that it
/// can have.
pub(crate) fn read_scores(
    candidate: ScoreFile<'_>,
    baseline: ScoreFile<'_>,
    key: &str,
    rules: &Rules,
) -> Result<Scores> {
    let scenes = scenes_of(candidate, baseline, key, rules)?;
    let (candidate, baseline) = (&scenes.candidate, &scenes.baseline);
    let (rules, columns) = directions::resolve(candidate, baseline, rules)?;
    plausible::check(candidate, baseline, &rules)?;
    let (paired, left_out) = pair(&scenes, key)?;
    let reading = Reading::new(columns, &scenes, &left_out);
    Ok(Scores {
        paired,
        left_out,
        rules,
        reading,
    })
}

/// Reads and pairs two score files, and asks nothing of the meaning of their columns.
///
/// * `key` names the column that identifies a scene. A column without a name, and one called `index`, `Unnamed: 0` or
///   `__index_level_0__` (a written index), is no metric.
/// * A row is an aggregate and no scene by its numbers, which are the mean or the sum of other rows, and by its place
///   (the end or the beginning) or its key (unlike the others). Where key and place say so and the numbers do not tell,
///   the rules must: `aggregates` or `scenes` of their `[columns]`.
/// * `True` and `False` are 1 and 0. An empty cell, or null, is no value: the scene does not count for that metric.
/// * A scene that is missing, invalid or without value on the candidate's side alone counts as unanswered.
///
/// # Errors
/// For a file that is neither a CSV nor a Parquet table, is beyond all measure (ten million rows, a thousand columns,
/// 2 GiB of cells) or has no column `key`, a cell that holds neither a finite number up to 1e15 nor nothing in a column
/// of numbers, a scene or column that is there twice, and a row that may be a scene or an aggregate.
pub fn pair_scores(
    candidate: ScoreFile<'_>,
    baseline: ScoreFile<'_>,
    key: &str,
    rules: &Rules,
) -> Result<(Paired, LeftOut)> {
    pair(&scenes_of(candidate, baseline, key, rules)?, key)
}

/// The names of the columns of a score file, to choose rules by.
///
/// # Errors
/// For a file that is neither a CSV nor a Parquet table.
pub fn score_columns(file: ScoreFile<'_>) -> Result<Vec<String>> {
    records::columns(file)
}

/// The scenes of both files.
struct Scenes<'a> {
    candidate: Table<'a>,
    baseline: Table<'a>,
    decided: [Decided; 2],
    aggregates: [Vec<String>; 2],
    blank_rows: u64,
}

fn scenes_of<'a>(
    candidate: ScoreFile<'a>,
    baseline: ScoreFile<'a>,
    key: &str,
    rules: &Rules,
) -> Result<Scenes<'a>> {
    let candidate = Draft::read(candidate, key, rules)?;
    let baseline = Draft::read(baseline, key, rules)?;
    let decided = scenes::decide(&candidate, &baseline, &rules.columns)?;
    let keys = |draft: &Draft<'_>, decided: &Decided| -> Vec<String> {
        let rows = decided.aggregates.iter();
        let mut keys: Vec<String> = rows.map(|at| draft.key(*at).to_owned()).collect();
        keys.sort();
        keys
    };
    let aggregates = [keys(&candidate, &decided[0]), keys(&baseline, &decided[1])];
    Ok(Scenes {
        blank_rows: candidate.blank_rows + baseline.blank_rows,
        candidate: candidate.scenes(&decided[0].aggregates, rules)?,
        baseline: baseline.scenes(&decided[1].aggregates, rules)?,
        decided,
        aggregates,
    })
}

fn pair(scenes: &Scenes<'_>, key: &str) -> Result<(Paired, LeftOut)> {
    let Scenes {
        candidate,
        baseline,
        ..
    } = scenes;
    let [candidate_aggregates, baseline_aggregates] = scenes.aggregates.clone();
    let mut left_out = LeftOut {
        candidate_aggregates,
        baseline_aggregates,
        blank_rows: scenes.blank_rows,
        columns: left_out_columns(candidate, baseline),
        ..LeftOut::default()
    };
    let mut paired_scenes = Vec::new();
    let mut both = Vec::new();
    let mut unanswered = Vec::new();
    for (key, base) in &baseline.rows {
        let row = candidate.rows.get(key);
        left_out.only_baseline += u64::from(row.is_none());
        let row_is_valid = row.is_some_and(|row| row.is_valid);
        left_out.invalid += u64::from(row.is_some() && !(row_is_valid && base.is_valid));
        match row.filter(|row| row.is_valid) {
            Some(row) if base.is_valid => {
                paired_scenes.push(Scene {
                    key: key.clone(),
                    drive: drive_of(key, row, base)?,
                    slices: base.slices.clone(),
                });
                both.push((row, base));
            }
            None if base.is_valid => unanswered.push(key.clone()),
            _ => {}
        }
    }
    let is_new = |key: &&String| !baseline.rows.contains_key(*key);
    left_out.only_candidate = candidate.rows.keys().filter(is_new).count() as u64;
    let position =
        |table: &Table<'_>, name: &str| table.metrics.iter().position(|other| other == name);
    let mut metrics = Vec::new();
    for name in shared_metrics(candidate, baseline) {
        if let Some((at, base_at)) = position(candidate, name).zip(position(baseline, name)) {
            metrics.push(PairedMetric {
                name: name.to_owned(),
                candidate: both.iter().map(|(row, _)| row.values[at]).collect(),
                baseline: both.iter().map(|(_, base)| base.values[base_at]).collect(),
            });
        }
    }
    if paired_scenes.is_empty() {
        return Err(Error::NoScenes {
            subject: format!("{} and {}", candidate.file.name, baseline.file.name),
            expected: format!("they share no valid scene by column `{key}`"),
        });
    }
    let units = match (&baseline.drive, &candidate.drive) {
        (Some(_), _) => Units::DrivesByColumn,
        (None, Some(_)) => Units::DrivesByCandidate,
        (None, None) => Units::ScenesAssumedIndependent,
    };
    let paired = Paired::new(paired_scenes, metrics, unanswered)?;
    Ok((paired.with_units(units), left_out))
}

/// The drive of a scene, as the files agree on it: the scene itself where neither names one.
fn drive_of(key: &str, candidate: &ScoreRow, baseline: &ScoreRow) -> Result<String> {
    match (&candidate.drive, &baseline.drive) {
        (Some(candidate), Some(baseline)) if candidate != baseline => Err(Error::DrivesDisagree {
            scene: key.to_owned(),
            candidate: candidate.clone(),
            baseline: baseline.clone(),
        }),
        (candidate, baseline) => {
            let drive = baseline.as_deref().or(candidate.as_deref());
            Ok(drive.unwrap_or(key).to_owned())
        }
    }
}

/// The metrics of both files, in the order of the baseline's columns.
fn shared_metrics<'a>(candidate: &Table<'_>, baseline: &'a Table<'_>) -> Vec<&'a str> {
    let metrics = baseline.metrics.iter().map(String::as_str);
    metrics
        .filter(|name| candidate.metrics.iter().any(|other| other == name))
        .collect()
}

fn left_out_columns(candidate: &Table<'_>, baseline: &Table<'_>) -> Vec<String> {
    let candidate_metrics: BTreeSet<&String> = candidate.metrics.iter().collect();
    let baseline_metrics: BTreeSet<&String> = baseline.metrics.iter().collect();
    let texts = candidate.texts.iter().chain(&baseline.texts);
    let one_sided = candidate_metrics
        .symmetric_difference(&baseline_metrics)
        .copied();
    let columns: BTreeSet<&String> = texts.chain(one_sided).collect();
    columns.into_iter().cloned().collect()
}

/// A text as TOML writes it.
fn toml_text(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(candidate: &str, baseline: &str) -> Result<(Paired, LeftOut)> {
        let file = |name, bytes| ScoreFile { name, bytes };
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
            (
                "token,hit\na,0,5\n",
                "line 2: expected 2 cells as in the header, got 3: numbers have a decimal point",
            ),
            (
                "token,hit\na,\"0,5\"\nb,\"0,25\"\n",
                "line 2, column `hit`: expected a number with a decimal point and without commas, got `0,5`",
            ),
            (
                "token,hit\na,1\nb,\"0,5\"\n",
                "line 3, column `hit`: expected a number with a decimal point",
            ),
            (
                "token,hit\na,40%\nb,100 %\n",
                "line 2, column `hit`: expected a number without `%`",
            ),
            (
                "token,hit\na,1e308\nb,0\n",
                "at most 1e15 in magnitude, or nothing, got `1e308`",
            ),
            (
                "token,hit\na,1\n,0\nb,1\n",
                "line 3 (``): a scene, or an aggregate",
            ),
            ("token;hit\na;0,5\n", "cells separated by `;`"),
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
