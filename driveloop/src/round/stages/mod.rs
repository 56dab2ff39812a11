//! The stages: what each depends on, and what it does. A file each, with `inputs` and `run`.

mod dataset;
mod evaluate;
mod feedback;
mod ingest;
mod mine;
mod ota;
mod remine;
mod simulate;
mod synth;
mod train;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use anyhow::{Context as _, Result};
use driveloop_lake::{Lake, digest};
use driveloop_ota_validation::{Rules, release_baseline};
use serde::Serialize;

use super::run::{Output, RoundOptions};
use crate::commands::ota::read_rules;

/// What a stage is given.
#[derive(Clone)]
pub(crate) struct StageContext<'a> {
    /// The lake.
    pub(crate) lake: &'a Lake,
    /// The round.
    pub(crate) options: &'a RoundOptions,
    /// What the stages before it left.
    pub(crate) outputs: &'a BTreeMap<&'static str, Output>,
    /// Run that its commits belong to: round, stage and the start of its key.
    pub(crate) run_id: String,
}

impl StageContext<'_> {
    /// A name that an earlier stage left.
    fn name(&self, stage: &str, name: &str) -> Result<&str> {
        let found = self
            .outputs
            .get(stage)
            .and_then(|output| output.names.get(name));
        found
            .map(String::as_str)
            .with_context(|| format!("stage `{stage}` left no `{name}`"))
    }

    /// The model that the candidate is compared with: the one that the evaluation named, else the round file's, else the last
    /// release.
    pub(crate) async fn baseline(&self) -> Result<String> {
        if let Ok(named) = self.name("evaluate", "baseline") {
            return Ok(named.to_owned());
        }
        if let Some(chosen) = &self.options.config.ota.baseline {
            return Ok(chosen.clone());
        }
        let candidate = self.name("train", "model").unwrap_or_default();
        Ok(release_baseline(self.lake, candidate, &self.rules()?).await?)
    }

    /// The rules of the gate.
    fn rules(&self) -> Result<Rules> {
        let own = self.options.config.ota.rules.as_deref();
        own.map_or_else(|| Ok(Rules::lake_models()?), read_rules)
    }
}

type Asynchronous<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + 'a>>;

/// A stage of the round.
pub(crate) struct Stage {
    /// Name.
    pub(crate) name: &'static str,
    /// Stages whose output it reads.
    pub(crate) after: &'static [&'static str],
    /// Digest of its parameters, and of what it reads from outside the round.
    pub(crate) inputs: for<'a> fn(&'a StageContext<'a>) -> Asynchronous<'a, String>,
    /// Does it.
    pub(crate) run: for<'a> fn(&'a StageContext<'a>) -> Asynchronous<'a, Output>,
}

/// A stage whose file has its name.
macro_rules! stage {
    ($name:ident after $after:expr) => {
        Stage {
            name: stringify!($name),
            after: &$after,
            inputs: |context| Box::pin($name::inputs(context)),
            run: |context| Box::pin($name::run(context)),
        }
    };
}

/// All stages, in order.
pub(crate) const STAGES: &[Stage] = &[
    stage!(simulate after []),
    stage!(ingest after ["simulate"]),
    stage!(mine after ["ingest"]),
    stage!(synth after ["mine"]),
    stage!(remine after ["synth"]),
    stage!(dataset after ["mine", "remine"]),
    stage!(train after ["dataset"]),
    stage!(evaluate after ["dataset", "train"]),
    stage!(ota after ["dataset", "evaluate"]),
    stage!(feedback after ["ingest", "mine", "dataset", "evaluate", "ota"]),
];

/// Digest of a stage's parameters.
fn digest_of(parameters: &impl Serialize) -> Result<String> {
    Ok(digest([serde_json::to_vec(parameters)?]))
}

/// A text from a batch cell, for digests over query results.
fn digest_of_batches(batches: &[arrow::record_batch::RecordBatch]) -> Result<String> {
    let mut writer = arrow::json::LineDelimitedWriter::new(Vec::new());
    writer.write_batches(&batches.iter().collect::<Vec<_>>())?;
    writer.finish()?;
    Ok(digest([writer.into_inner()]))
}
