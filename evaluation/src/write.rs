//! Committing what an evaluation found: only what changed.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_lake::{Commit, Lake, Versions, digest, sql_literal};
use driveloop_schemas::{FailureSlice, Prediction, Row, Sample, SampleMetric, SliceMetric};

use crate::error::Result;
use crate::forecaster::CONSTANT_VELOCITY;
use crate::metrics::{Metric, Scores};
use crate::options::EvaluateOptions;
use crate::slices::Scored;

/// Writes the tables of one evaluation.
pub(crate) struct Writer<'a> {
    lake: &'a Lake,
    options: &'a EvaluateOptions,
    /// Versions of the tables that were read.
    inputs: Versions,
    /// Tables that changed, with their new version.
    pub(crate) committed: BTreeMap<String, i64>,
}

impl<'a> Writer<'a> {
    /// Remembers the versions of the tables that are about to be read.
    pub(crate) async fn new(lake: &'a Lake, options: &'a EvaluateOptions) -> Result<Self> {
        let mut inputs = Versions::new();
        for table in ["sample", "prediction", "object_track", "map_area", "lane"] {
            if let Some(version) = lake.version(table).await? {
                inputs.insert(table.into(), version);
            }
        }
        Ok(Self {
            lake,
            options,
            inputs,
            committed: BTreeMap::new(),
        })
    }

    /// Adds the predictions of the built-in baseline for samples of whole drives: once for each drive of a dataset.
    pub(crate) async fn built_in(
        &mut self,
        samples: &[Sample],
        rows: Vec<Prediction>,
    ) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let id_of = |sample: &Sample| {
            digest([
                CONSTANT_VELOCITY,
                &sample.dataset,
                &sample.dataset_digest,
                &sample.log_id,
            ])
        };
        let ids: BTreeMap<&str, String> = samples
            .chunk_by(|a, b| a.log_id == b.log_id)
            .map(|drive| (drive[0].log_id.as_str(), id_of(&drive[0])))
            .collect();
        let all: Vec<String> = ids.values().cloned().collect();
        let missing: BTreeSet<String> = self
            .lake
            .missing("prediction", &all)
            .await?
            .into_iter()
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let to_write: BTreeSet<&str> = samples
            .iter()
            .filter(|sample| missing.contains(&ids[sample.log_id.as_str()]))
            .map(|sample| sample.sample_id.as_str())
            .collect();
        let rows: Vec<_> = rows
            .into_iter()
            .filter(|row| to_write.contains(row.sample_id.as_str()))
            .collect();
        let outcome = self
            .lake
            .append(&rows, &self.commit(missing.into_iter().collect()))
            .await?;
        if outcome.is_new() {
            self.committed
                .insert("prediction".into(), outcome.version());
        }
        self.inputs.insert("prediction".into(), outcome.version());
        Ok(())
    }

    /// Writes the figures of both models, of the slices, and last the slices to mend.
    pub(crate) async fn tables(
        &mut self,
        scored: &[Scored],
        slices: &[SliceMetric],
        failures: &[FailureSlice],
    ) -> Result<()> {
        let EvaluateOptions {
            model_id,
            baseline_id,
            dataset,
            split,
            ..
        } = self.options;
        let of_model = |id: &str| {
            let [id, dataset, split] = [id, dataset.as_str(), split.as_str()].map(sql_literal);
            format!("model_id = {id} AND dataset = {dataset} AND split = {split}")
        };
        self.replace(
            &of_model(model_id),
            sample_metrics(scored, model_id, |item| item.model.as_ref()),
        )
        .await?;
        if baseline_id != model_id {
            self.replace(
                &of_model(baseline_id),
                sample_metrics(scored, baseline_id, |item| item.baseline.as_ref()),
            )
            .await?;
        }
        let compared = format!(
            "{} AND baseline_id = {}",
            of_model(model_id),
            sql_literal(baseline_id)
        );
        let mut slices = slices.to_vec();
        slices.sort_by(|a, b| (&a.slice, &a.metric).cmp(&(&b.slice, &b.metric)));
        self.replace(&compared, slices).await?;
        let mut failures = failures.to_vec();
        failures.sort_by(|a, b| (&a.slice, &a.metric).cmp(&(&b.slice, &b.metric)));
        self.replace(&of_model(model_id), failures).await
    }

    /// Replaces the rows of the predicate, unless they are the same. `rows` are in the order of the table's key.
    async fn replace<R: Row + PartialEq>(&mut self, predicate: &str, rows: Vec<R>) -> Result<()> {
        let table = R::SPEC.name;
        let found = self.lake.version(table).await?;
        if self.lake.read::<R>(Some(predicate)).await? == rows {
            self.inputs
                .extend(found.map(|version| (table.to_owned(), version)));
            return Ok(());
        }
        // The id names the version that was found: of two runs that write the same at once, one commits,
        // and rows that another evaluation replaced in between can be written again.
        let found = found.map_or_else(String::new, |version| version.to_string());
        let id = digest([self.options.digest().as_str(), table, predicate, &found]);
        let outcome = self
            .lake
            .replace(predicate, &rows, &self.commit(vec![id]))
            .await?;
        self.inputs.insert(table.into(), outcome.version());
        if outcome.is_new() {
            self.committed.insert(table.into(), outcome.version());
        }
        Ok(())
    }

    fn commit(&self, transactions: Vec<String>) -> Commit {
        Commit {
            stage: "evaluation".into(),
            params_digest: self.options.digest(),
            seed: Some(self.options.seed),
            run_id: self.options.run_id.clone(),
            inputs: self.inputs.clone(),
            transactions,
        }
    }
}

/// The rows of `sample_metric` of one of the models, by metric and sample: of all that it answered, whatever the other one did.
fn sample_metrics(
    scored: &[Scored],
    model_id: &str,
    scores: fn(&Scored) -> Option<&Scores>,
) -> Vec<SampleMetric> {
    let row = |item: &Scored, metric: Metric| {
        Some(SampleMetric {
            model_id: model_id.into(),
            dataset: item.sample.dataset.clone(),
            sample_id: item.sample.sample_id.clone(),
            host_log_id: item.sample.host_log_id.clone(),
            metric: metric.as_str().into(),
            value: scores(item)?.value(metric)?,
            split: item.sample.split.clone(),
            source: item.sample.source.clone(),
        })
    };
    let mut rows: Vec<_> = scored
        .iter()
        .flat_map(|item| Metric::ALL.map(|metric| row(item, metric)))
        .flatten()
        .collect();
    rows.sort_by(|a, b| (&a.metric, &a.sample_id).cmp(&(&b.metric, &b.sample_id)));
    rows
}
