//! Forwards: what a log went into.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use driveloop_lake::{Lake, sql_literal};
use driveloop_schemas::{Checkpoint, Drive, ReleaseVerdict, Sample, SyntheticItem};

use super::Step;
use crate::words::count;

/// From a drive, or the digest of its log, to the verdicts.
pub(super) async fn walk(lake: &Lake, log: &str) -> Result<Vec<Step>> {
    let literal = sql_literal(log);
    let named = format!("log_id = {literal} OR source_digest = {literal}");
    let drives = lake.read::<Drive>(Some(&named)).await?;
    let drive = drives
        .first()
        .with_context(|| format!("the lake has no drive, and no log of the digest, `{log}`"))?;
    let mut steps = vec![step(
        0,
        "log",
        &drive.log_id,
        &drive.source_digest,
        format!("{} ({} bytes)", drive.source_uri, drive.source_bytes),
    )];
    let by_host = format!("host_log_id = {}", sql_literal(&drive.log_id));
    let accepted = format!("{by_host} AND state = 'accepted'");
    for item in lake.read::<SyntheticItem>(Some(&accepted)).await? {
        let detail = format!("{} {}", item.recipe, item.parameters);
        steps.push(step(1, "composed drive", &item.item_id, "", detail));
    }
    let mut datasets: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
    for sample in lake.read::<Sample>(Some(&by_host)).await? {
        datasets
            .entry(sample.dataset.clone())
            .or_default()
            .push(sample);
    }
    for (dataset, samples) in datasets {
        dataset_steps(lake, &dataset, &samples, &mut steps).await?;
    }
    Ok(steps)
}

/// A dataset with samples of the drive, the models that were trained on it, and the verdicts on these and by it.
async fn dataset_steps(
    lake: &Lake,
    dataset: &str,
    samples: &[Sample],
    steps: &mut Vec<Step>,
) -> Result<()> {
    let splits: BTreeSet<&str> = samples.iter().map(|sample| sample.split.as_str()).collect();
    let splits = splits.into_iter().collect::<Vec<_>>().join(", ");
    let digest = samples.first().map_or("", |sample| &sample.dataset_digest);
    let detail = format!("{} of it, {splits}", count(samples.len(), "sample"));
    steps.push(step(1, "dataset", dataset, digest, detail));
    let models = models_of(lake, dataset).await?;
    for model in &models {
        let (name, digest) = (&model.model_id, &model.weights_digest);
        steps.push(step(2, "model", name, digest, super::detail_of(model)));
    }
    let verdicts = lake.read::<ReleaseVerdict>(None).await?;
    let touches = |verdict: &&ReleaseVerdict| {
        let of_model = |model: &Checkpoint| {
            verdict.candidate_id == model.model_id || verdict.baseline_id == model.model_id
        };
        verdict.suite == dataset || models.iter().any(of_model)
    };
    for verdict in verdicts.iter().filter(touches) {
        let detail = format!(
            "{}: {} against {} on {}",
            verdict.verdict, verdict.candidate_id, verdict.baseline_id, verdict.suite
        );
        steps.push(step(
            2,
            "verdict",
            &verdict.verdict_id,
            &verdict.evidence_digest,
            detail,
        ));
    }
    Ok(())
}

/// The models that were trained on a dataset, and those that started from one of these, and so on.
async fn models_of(lake: &Lake, dataset: &str) -> Result<Vec<Checkpoint>> {
    let (mut found, mut others): (Vec<_>, Vec<_>) = lake
        .read::<Checkpoint>(None)
        .await?
        .into_iter()
        .partition(|model| model.dataset == dataset);
    loop {
        let (next, left): (Vec<_>, Vec<_>) = others.into_iter().partition(|model| {
            let start = model.started_from.as_ref();
            start.is_some_and(|start| found.iter().any(|model| model.model_id == *start))
        });
        if next.is_empty() {
            return Ok(found);
        }
        found.extend(next);
        others = left;
    }
}

fn step(depth: usize, kind: &'static str, subject: &str, digest: &str, detail: String) -> Step {
    Step {
        depth,
        kind,
        subject: subject.to_owned(),
        digest: digest.to_owned(),
        detail,
        commit: None,
    }
}
