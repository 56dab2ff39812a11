//! Which rows of two score files are scenes: both files are asked, and whoever gave them where they do not tell.

use std::collections::{BTreeMap, BTreeSet};

use super::aggregates::{Role, Statistic};
use super::table::Draft;
use crate::error::{Error, Result};
use crate::rules::Columns;

/// Rows that are named in an error.
const NAMED_MAX: usize = 20;

/// What was decided of the rows of a file.
#[derive(Debug, Default)]
pub(super) struct Decided {
    /// Aggregates, by position.
    pub(super) aggregates: BTreeSet<usize>,
    /// A sentence for each.
    pub(super) said: BTreeSet<String>,
    /// Scenes that look like a summary.
    pub(super) kept: BTreeSet<String>,
}

/// What a file says of a key.
#[derive(Debug, Clone, Copy)]
enum Word {
    Scene,
    Summary(Role),
}

/// Decides for the candidate's file and for the baseline's.
pub(super) fn decide(
    candidate: &Draft<'_>,
    baseline: &Draft<'_>,
    columns: &Columns,
) -> Result<[Decided; 2]> {
    let files = [candidate, baseline];
    let mut keys: BTreeSet<String> = columns.aggregates.iter().cloned().collect();
    for file in files {
        keys.extend(file.roles.keys().map(|at| file.key(*at).to_owned()));
    }
    let rows = files.map(|file| file.rows_with(&keys));
    let mut words: BTreeMap<&str, Vec<Word>> = BTreeMap::new();
    for (file, rows) in files.into_iter().zip(&rows) {
        for at in rows {
            let role = file.roles.get(at).copied();
            let word = role.map_or(Word::Scene, Word::Summary);
            words.entry(file.key(*at)).or_default().push(word);
        }
    }
    let mut questions = Vec::new();
    let mut verdicts: BTreeMap<&str, Verdict> = BTreeMap::new();
    for (key, words) in words {
        match verdict(key, &words, columns) {
            Some(verdict) => {
                verdicts.insert(key, verdict);
            }
            None => questions.push(key),
        }
    }
    if !questions.is_empty() {
        return Err(question(files, &rows, &questions));
    }
    let decided = |at: usize| {
        let mut decided = Decided::default();
        let file = files[at];
        for row in &rows[at] {
            let key = file.key(*row);
            match verdicts.get(key) {
                Some(Verdict::Aggregate(why)) => {
                    decided.aggregates.insert(*row);
                    // Neither the row's place nor the file's name: they have no influence on a verdict.
                    decided.said.insert(format!("row `{key}`, {why}"));
                }
                Some(Verdict::Kept) => {
                    decided.kept.insert(key.to_owned());
                }
                _ => {}
            }
        }
        decided
    };
    Ok([decided(0), decided(1)])
}

/// What a row is.
enum Verdict {
    Aggregate(&'static str),
    /// A scene, though it looks like a summary: by its numbers, or as somebody said.
    Kept,
    Scene,
}

/// What the words of both files come to; nothing where they do not tell, or contradict one another.
fn verdict(key: &str, words: &[Word], columns: &Columns) -> Option<Verdict> {
    let is_in = |keys: &[String]| keys.iter().any(|other| other == key);
    if is_in(&columns.aggregates) {
        let any_sign = words.iter().any(|word| matches!(word, Word::Summary(_)));
        return Some(Verdict::Aggregate(if any_sign {
            "as the file of --columns calls it an aggregate"
        } else {
            "as the file of --columns calls it an aggregate, though nothing tells it from a scene"
        }));
    }
    if is_in(&columns.scenes) {
        return Some(Verdict::Kept);
    }
    let has = |word: fn(&Word) -> bool| words.iter().any(word);
    let statistic = words.iter().find_map(|word| match word {
        Word::Summary(Role::Aggregate(statistic)) => Some(*statistic),
        _ => None,
    });
    let is_doubted = has(|word| matches!(word, Word::Summary(Role::Doubted)));
    let is_scene = has(|word| matches!(word, Word::Scene | Word::Summary(Role::Scene)));
    match statistic {
        Some(_) if is_scene => None,
        Some(Statistic::Mean) => Some(Verdict::Aggregate("the mean of other rows")),
        Some(Statistic::Sum) => Some(Verdict::Aggregate("the sum of other rows")),
        Some(Statistic::Median) => Some(Verdict::Aggregate("the median of other rows")),
        None if is_doubted => None,
        None if has(|word| matches!(word, Word::Summary(Role::Scene))) => Some(Verdict::Kept),
        None if is_scene => Some(Verdict::Scene),
        None => None,
    }
}

fn question(files: [&Draft<'_>; 2], rows: &[Vec<usize>; 2], keys: &[&str]) -> Error {
    let mut named = Vec::new();
    for (file, rows) in files.into_iter().zip(rows) {
        for at in rows.iter().filter(|at| keys.contains(&file.key(**at))) {
            let place = file.records[*at].place;
            named.push(format!("{} {place} (`{}`)", file.file.name, file.key(*at)));
        }
    }
    let more = named.len().saturating_sub(NAMED_MAX);
    named.truncate(NAMED_MAX);
    let mut rows = named.join(", ");
    if more > 0 {
        rows += &format!(" and {more} more");
    }
    let keys: Vec<String> = keys.iter().map(|key| super::toml_text(key)).collect();
    let keys = keys.join(", ");
    Error::Undeclared {
        subject: rows,
        expected: "a scene, or an aggregate of other rows: key, place and numbers do not tell"
            .to_owned(),
        lines: format!("aggregates = [{keys}]\n# or, where they are scenes:\n# scenes = [{keys}]"),
    }
}
