//! How score files were read, in sentences: the first lines of what a user sees.

use std::collections::BTreeSet;

use super::{LeftOut, Scenes};
use crate::reasons::count_text;

/// Names of columns, scenes or rows that one sentence lists.
const LISTED_MAX: usize = 20;

/// How two score files were read, in sentences.
pub(crate) struct Reading {
    /// A sentence a metric.
    pub(crate) columns: Vec<String>,
    /// Which column names the drives.
    pub(crate) drives: String,
    /// What was left out, and what was kept though it looks otherwise.
    pub(crate) rows: Vec<String>,
}

impl Reading {
    pub(super) fn new(columns: Vec<String>, scenes: &Scenes<'_>, left_out: &LeftOut) -> Self {
        Self {
            columns,
            drives: drives(scenes),
            rows: rows(scenes, left_out),
        }
    }

    /// All sentences: the columns, the drives, the rows.
    pub(crate) fn sentences(&self) -> Vec<String> {
        let columns = self.columns.iter().chain(std::iter::once(&self.drives));
        columns.chain(&self.rows).cloned().collect()
    }
}

fn drives(scenes: &Scenes<'_>) -> String {
    let drive = scenes.baseline.drive.as_ref();
    match drive.or(scenes.candidate.drive.as_ref()) {
        Some(drive) if drive.is_declared => format!("drives: column {} (declared)", drive.name),
        Some(drive) => format!("drives: column {} (found by its name)", drive.name),
        None => "drives: no column names the drive or log of a scene, so scenes count as independent of one another \
                 (`drive = \"COLUMN\"` in the file of --columns names one)"
            .to_owned(),
    }
}

fn rows(scenes: &Scenes<'_>, left_out: &LeftOut) -> Vec<String> {
    let mut sentences = Vec::new();
    for (whose, decided) in ["candidate", "baseline"].iter().zip(&scenes.decided) {
        let said = listed(decided.said.iter());
        if !said.is_empty() {
            sentences.push(format!(
                "left out of the {whose}'s file, as no scene: {said}"
            ));
        }
    }
    let kept: BTreeSet<&String> = scenes
        .decided
        .iter()
        .flat_map(|decided| &decided.kept)
        .collect();
    if !kept.is_empty() {
        sentences.push(format!(
            "kept as scenes, though they look like a summary, by their numbers or by the file of --columns: {}",
            listed(kept.into_iter())
        ));
    }
    for (count, what) in [
        (left_out.blank_rows, "rows without any value"),
        (left_out.invalid, "scenes that a file calls invalid"),
        (
            left_out.only_candidate,
            "scenes that only the candidate has",
        ),
        (left_out.only_baseline, "scenes that only the baseline has"),
    ] {
        if count > 0 {
            sentences.push(format!("left out: {} {what}", count_text(count)));
        }
    }
    if !left_out.columns.is_empty() {
        sentences.push(format!(
            "left out, as no numbers of both files: columns {}",
            listed(left_out.columns.iter())
        ));
    }
    sentences
}

fn listed<'a>(names: impl ExactSizeIterator<Item = &'a String>) -> String {
    let more = names.len().saturating_sub(LISTED_MAX);
    let first: Vec<&str> = names.take(LISTED_MAX).map(String::as_str).collect();
    let mut text = first.join("; ");
    if more > 0 {
        text += &format!("; and {} more", count_text(more as u64));
    }
    text
}
