//! The rounds of a lake, beside each other.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use driveloop_lake::{Journal, Lake, sql_literal};
use driveloop_schemas::SliceMetric;

use super::run::{JOURNAL_PREFIX, StageDone, cpu_hours, journal_name};
use crate::sheet::Sheet;

/// Metrics of the whole test split that are shown.
const METRIC: &str = "fde_m";

/// A line a round, the one that ended first first: what it had, what came of it, and what it cost.
pub(crate) async fn history(lake: &Lake) -> Result<Sheet> {
    let mut rounds = Vec::new();
    for round in names(lake).await? {
        let journal = Journal::open(lake, &journal_name(&round)).await?;
        rounds.push((round, journal.entries::<StageDone>().await?));
    }
    rounds.sort_by_key(|(round, entries)| {
        let ended_ns = entries.iter().map(|entry| entry.ended_ns).max();
        (ended_ns, round.clone())
    });
    let mut sheet = Sheet::new(&[
        "round",
        "stages",
        "model",
        "dataset",
        "samples",
        "fde_m",
        "baseline",
        "baseline_fde_m",
        "difference_low_m",
        "difference_high_m",
        "change",
        "to_mend",
        "verdict",
        "seconds",
        "gpu_hours",
        "cpu_hours",
    ]);
    for (round, entries) in rounds {
        let last = last_of_each(&entries);
        let name = |stage: &str, name: &str| {
            let entry = last.get(stage)?;
            entry.output.names.get(name).cloned()
        };
        let (model, dataset) = (name("train", "model"), name("dataset", "dataset"));
        let figures = match (&model, &dataset) {
            (Some(model), Some(dataset)) => {
                let baseline = name("evaluate", "baseline");
                figures(lake, model, dataset, baseline.as_deref()).await?
            }
            _ => None,
        };
        let figure = |of: fn(&SliceMetric) -> Option<f64>| figures.as_ref().and_then(of);
        let sum = |of: fn(&StageDone) -> f64| entries.iter().map(of).sum::<f64>();
        let rows = |stage: &str| last.get(stage).map(|entry| entry.output.rows as i64);
        sheet.row([
            round.into(),
            last.len().into(),
            model.into(),
            dataset.into(),
            rows("dataset").into(),
            figure(|row| Some(row.value)).into(),
            figures.as_ref().map(|row| row.baseline_id.clone()).into(),
            figure(|row| Some(row.baseline_value)).into(),
            figure(|row| row.difference_low).into(),
            figure(|row| row.difference_high).into(),
            figures.as_ref().map(|row| row.change.clone()).into(),
            rows("feedback").into(),
            name("ota", "decision").into(),
            sum(|entry| entry.seconds).into(),
            sum(|entry| entry.output.gpu_hours).into(),
            sum(cpu_hours).into(),
        ]);
    }
    Ok(sheet)
}

/// The rounds that have a journal.
async fn names(lake: &Lake) -> Result<BTreeSet<String>> {
    let objects = lake.store().list("journal").await?;
    let names = objects.iter().filter_map(|object| {
        let journal = object.path.strip_prefix("journal/")?.split('/').next()?;
        journal.strip_prefix(JOURNAL_PREFIX).map(str::to_owned)
    });
    Ok(names.collect())
}

fn last_of_each(entries: &[StageDone]) -> BTreeMap<&str, &StageDone> {
    entries
        .iter()
        .map(|entry| (entry.stage.as_str(), entry))
        .collect()
}

/// The model on the whole test split, next to its baseline, which rounds of older versions did not name.
async fn figures(
    lake: &Lake,
    model: &str,
    dataset: &str,
    baseline: Option<&str>,
) -> Result<Option<SliceMetric>> {
    let filter = format!(
        "model_id = {} AND dataset = {} AND split = 'test' AND slice = 'all' AND metric = '{METRIC}'",
        sql_literal(model),
        sql_literal(dataset)
    );
    let mut rows = lake.read::<SliceMetric>(Some(&filter)).await?;
    rows.retain(|row| baseline.is_none_or(|baseline| row.baseline_id == baseline));
    Ok(rows.pop())
}
