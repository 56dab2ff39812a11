//! Backwards: what a thing was made from.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use anyhow::{Result, bail};
use driveloop_lake::{CommitRecord, Lake, sql_literal};
use driveloop_schemas::{
    Checkpoint, Drive, LogId, ReleaseVerdict, Row, Sample, SyntheticItem, TrainingRun,
};

use super::Step;
use crate::words::count;

/// From the subject to the logs; from the last verdict where there is none.
pub(super) async fn walk(lake: &Lake, subject: Option<&str>) -> Result<Vec<Step>> {
    let mut walk = Walk {
        lake,
        steps: Vec::new(),
        histories: BTreeMap::new(),
    };
    let Some(subject) = subject else {
        let last = walk.commits(ReleaseVerdict::SPEC.name).await?.to_vec();
        let verdicts = lake.read::<ReleaseVerdict>(None).await?;
        let mut ids = last.iter().rev().flat_map(|commit| &commit.transactions);
        let named = |id: &String| {
            verdicts
                .iter()
                .find(|verdict| id.contains(&verdict.verdict_id))
        };
        let newest = ids.find_map(named).or(verdicts.last());
        let Some(verdict) = newest else {
            bail!("the lake has no verdict yet: name a model, dataset or drive")
        };
        walk.verdict(verdict).await?;
        return Ok(walk.steps);
    };
    let named = |column: &str| format!("{column} = {}", sql_literal(subject));
    if let Some(verdict) = lake
        .read::<ReleaseVerdict>(Some(&named("verdict_id")))
        .await?
        .first()
    {
        walk.verdict(verdict).await?;
    } else if let Some(model) = lake
        .read::<Checkpoint>(Some(&named("model_id")))
        .await?
        .first()
    {
        walk.model(model, 0).await?;
    } else if !lake
        .read::<Sample>(Some(&named("dataset")))
        .await?
        .is_empty()
    {
        walk.dataset(subject, 0).await?;
    } else if !lake.read::<Drive>(Some(&named("log_id"))).await?.is_empty() {
        walk.drives(&BTreeSet::from([subject.into()]), 0).await?;
    } else {
        bail!("the lake has no verdict, model, dataset or drive `{subject}`");
    }
    Ok(walk.steps)
}

struct Walk<'a> {
    lake: &'a Lake,
    steps: Vec<Step>,
    /// Histories that were read, by table.
    histories: BTreeMap<&'static str, Vec<CommitRecord>>,
}

impl Walk<'_> {
    async fn verdict(&mut self, verdict: &ReleaseVerdict) -> Result<()> {
        let commit = self
            .commit_of(ReleaseVerdict::SPEC.name, &verdict.verdict_id)
            .await?;
        self.steps.push(Step {
            depth: 0,
            kind: "verdict",
            subject: verdict.verdict_id.clone(),
            digest: verdict.evidence_digest.clone(),
            detail: format!(
                "{}: {} against {}",
                verdict.verdict, verdict.candidate_id, verdict.baseline_id
            ),
            commit,
        });
        for model_id in [&verdict.candidate_id, &verdict.baseline_id] {
            let filter = format!("model_id = {}", sql_literal(model_id));
            if let Some(model) = self.lake.read::<Checkpoint>(Some(&filter)).await?.first() {
                self.model(model, 1).await?;
            }
        }
        let trained_on_suite = self
            .steps
            .iter()
            .any(|s| s.kind == "dataset" && s.subject == verdict.suite);
        if !trained_on_suite {
            self.dataset(&verdict.suite, 1).await?;
        }
        Ok(())
    }

    async fn model(&mut self, model: &Checkpoint, depth: usize) -> Result<()> {
        let same = |step: &Step| step.kind == "model" && step.subject == model.model_id;
        let is_told = self.steps.iter().any(same);
        let commit = self.commit_of(Checkpoint::SPEC.name, &model.run_id).await?;
        self.steps.push(Step {
            depth,
            kind: "model",
            subject: model.model_id.clone(),
            digest: model.weights_digest.clone(),
            detail: super::detail_of(model),
            commit,
        });
        // What a baseline was made from is told where the candidate started from it.
        if is_told {
            return Ok(());
        }
        let filter = format!("run_id = {}", sql_literal(&model.run_id));
        if let Some(run) = self.lake.read::<TrainingRun>(Some(&filter)).await?.first() {
            let commit = self.commit_of(TrainingRun::SPEC.name, &run.run_id).await?;
            self.steps.push(Step {
                depth: depth + 1,
                kind: "training run",
                subject: run.run_id.clone(),
                digest: run.spec_digest.clone(),
                detail: format!(
                    "{}, {}, {:.3} CPU h",
                    run.state,
                    count(run.attempts, "attempt"),
                    run.cpu_hours
                ),
                commit,
            });
        }
        self.dataset(&model.dataset, depth + 1).await?;
        let Some(start) = &model.started_from else {
            return Ok(());
        };
        let filter = format!("model_id = {}", sql_literal(start));
        match self.lake.read::<Checkpoint>(Some(&filter)).await?.first() {
            Some(start) => Box::pin(self.model(start, depth + 1)).await,
            None => Ok(()),
        }
    }

    async fn dataset(&mut self, dataset: &str, depth: usize) -> Result<()> {
        let filter = format!("dataset = {}", sql_literal(dataset));
        let samples = self.lake.read::<Sample>(Some(&filter)).await?;
        let digest = samples
            .first()
            .map(|sample| sample.dataset_digest.clone())
            .unwrap_or_default();
        let commit = self.commit_of(Sample::SPEC.name, dataset).await?;
        let logs: BTreeSet<LogId> = samples.iter().map(|sample| sample.log_id.clone()).collect();
        let lost = self.lake.lost_drives().await?.into_iter();
        let lost = lost.filter(|lost| lost.dataset == dataset);
        let lost = lost.map(|lost| format!("; drive {} was removed since", lost.log_id));
        self.steps.push(Step {
            depth,
            kind: "dataset",
            subject: dataset.to_owned(),
            digest,
            detail: format!(
                "{} of {}{}",
                count(samples.len(), "sample"),
                count(logs.len(), "drive"),
                lost.collect::<String>()
            ),
            commit,
        });
        self.drives(&logs, depth + 1).await
    }

    async fn drives(&mut self, logs: &BTreeSet<LogId>, depth: usize) -> Result<()> {
        let all = self.lake.read::<Drive>(None).await?;
        let composed = self
            .lake
            .read::<SyntheticItem>(Some("state = 'accepted'"))
            .await?;
        let host_of = |log_id: &str| composed.iter().find(|item| item.item_id == log_id);
        for log_id in logs {
            let Some(drive) = all.iter().find(|drive| &drive.log_id == log_id) else {
                continue;
            };
            let commit = self.commit_of(Drive::SPEC.name, log_id).await?;
            let host = host_of(log_id);
            self.steps.push(Step {
                depth,
                kind: if host.is_some() {
                    "composed drive"
                } else {
                    "log"
                },
                subject: log_id.to_string(),
                digest: drive.source_digest.clone(),
                detail: match host {
                    Some(item) => format!(
                        "{} {} of {}",
                        item.recipe, item.parameters, item.host_log_id
                    ),
                    None => format!("{} ({} bytes)", drive.source_uri, drive.source_bytes),
                },
                commit,
            });
        }
        // A host whose own frames are not in the dataset is still where its composed drives come from.
        let hosts: BTreeSet<LogId> = logs
            .iter()
            .filter_map(|log| Some(host_of(log)?.host_log_id.clone()))
            .collect();
        let hosts: BTreeSet<LogId> = hosts.difference(logs).cloned().collect();
        if hosts.is_empty() {
            Ok(())
        } else {
            Box::pin(self.drives(&hosts, depth + 1)).await
        }
    }

    async fn commits(&mut self, table: &'static str) -> Result<&[CommitRecord]> {
        Ok(match self.histories.entry(table) {
            Entry::Occupied(read) => read.into_mut(),
            Entry::Vacant(place) => place.insert(self.lake.history(table).await?),
        })
    }

    /// The last commit of the table whose transactions name the subject.
    async fn commit_of(
        &mut self,
        table: &'static str,
        subject: &str,
    ) -> Result<Option<(String, CommitRecord)>> {
        let names =
            |commit: &&CommitRecord| commit.transactions.iter().any(|id| id.contains(subject));
        let found = self.commits(table).await?.iter().rev().find(names).cloned();
        Ok(found.map(|commit| (table.to_owned(), commit)))
    }
}
