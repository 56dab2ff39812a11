//! Score files of any evaluator: CSV or Parquet in, paired scenes out.

mod aggregates;
mod records;
mod table;

use std::collections::BTreeSet;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::paired::{Paired, PairedMetric, Scene};
use crate::rules::Rules;
use table::{Table, read};

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
    /// Scenes that either file calls invalid.
    pub invalid: u64,
    /// Scenes that only the candidate has.
    pub only_candidate: u64,
    /// Scenes that only the baseline has.
    pub only_baseline: u64,
    /// Numeric columns that only one file has, and columns of text.
    pub columns: Vec<String>,
}

/// Reads and pairs two score files.
///
/// * `key` names the column that identifies a scene. A first column without a name (a written index) is no metric.
/// * A row is an aggregate and no scene when its key is, or starts with and a separator, one of `average`, `mean`,
///   `all`, `overall`, `total`, `aggregate`, `summary` in any case; or when it is the last row of more than ten and
///   each of its numbers is the mean of the rows above, not all of which are equal.
/// * `True` and `False` are 1 and 0. An empty cell, or null, is no value: the scene does not count for that metric.
/// * A scene that is missing, invalid or without value on the candidate's side alone counts as unanswered.
///
/// # Errors
/// For a file that is neither a CSV nor a Parquet table, is beyond all measure (ten million rows, a thousand columns,
/// 2 GiB of cells) or has no column `key`, a cell that holds neither a finite number nor nothing in a column of numbers,
/// and a scene or column that is there twice.
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
/// For a file that is neither a CSV nor a Parquet table.
pub fn score_columns(file: ScoreFile<'_>) -> Result<Vec<String>> {
    records::columns(file)
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
