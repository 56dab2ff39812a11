//! What is composed, batch by batch, into the lake.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_lake::{Commit, Lake, Versions, digest};
use driveloop_schemas::{Episode, ItemId, Row, SyntheticItem};

use super::commit::{ComposeOptions, ComposeReport};
use super::edit::edit;
use super::host::HostScene;
use super::item::{ComposedDrive, composed_drive, item_id, provenance};
use super::recipes::Parameters;
use crate::error::Result;

/// Composed drives that share a commit: it bounds the memory, and keeps the tables' logs short.
const BATCH_DRIVES: usize = 16;

#[derive(Default)]
pub(super) struct Batch {
    items: BTreeMap<ItemId, SyntheticItem>,
    drives: Vec<ComposedDrive>,
}

pub(super) struct Writer<'a> {
    pub(super) lake: &'a Lake,
    pub(super) options: &'a ComposeOptions,
    inputs: Versions,
    batch: Batch,
}

impl<'a> Writer<'a> {
    /// A writer with nothing to write yet.
    pub(super) async fn new(lake: &'a Lake, options: &'a ComposeOptions) -> Result<Self> {
        Ok(Self {
            lake,
            options,
            inputs: lake.versions().await?,
            batch: Batch::default(),
        })
    }

    /// Edits the host, and puts what comes of it into the batch, where the lake has it not.
    pub(super) fn try_candidate(
        &mut self,
        host: &HostScene,
        episode: &Episode,
        parameters: &Parameters,
        done: &BTreeSet<ItemId>,
        report: &mut ComposeReport,
    ) -> Result<()> {
        let (seed, recipe) = (self.options.seed, parameters.recipe().as_str());
        let id = item_id(&host.drive, &episode.episode_id, parameters, seed)?;
        if done.contains(&id) || self.batch.items.contains_key(&id) {
            report.already_there += 1;
            return Ok(());
        }
        let outcome = edit(host, parameters);
        let item = provenance(host, &episode.episode_id, parameters, seed, &outcome)?;
        self.batch.items.insert(id.clone(), item);
        match outcome {
            Ok(candidate) => {
                *report.accepted.entry(recipe.to_owned()).or_default() += 1;
                self.batch.drives.push(composed_drive(host, &id, candidate));
            }
            Err(rejection) => {
                let key = format!("{recipe}: {}", rejection.failed());
                *report.rejected.entry(key).or_default() += 1;
            }
        }
        Ok(())
    }

    /// Commits the batch where it is large enough.
    pub(super) async fn flush_if_full(&mut self, report: &mut ComposeReport) -> Result<()> {
        if self.batch.drives.len() >= BATCH_DRIVES {
            self.flush(report).await?;
        }
        Ok(())
    }

    /// Commits the batch, table by table; what a table has already is left out.
    pub(super) async fn flush(&mut self, report: &mut ComposeReport) -> Result<()> {
        let Batch { items, drives } = std::mem::take(&mut self.batch);
        if items.is_empty() {
            return Ok(());
        }
        let by_id: BTreeMap<&str, &ComposedDrive> = drives
            .iter()
            .map(|d| (d.drive.log_id.as_str(), d))
            .collect();
        self.write(&by_id, |d| d.object_tracks.clone(), report)
            .await?;
        self.write(&by_id, |d| d.ego_states.clone(), report).await?;
        self.write(&by_id, |d| d.lanes.clone(), report).await?;
        self.write(&by_id, |d| d.areas.clone(), report).await?;
        let by_item: BTreeMap<&str, &SyntheticItem> =
            items.iter().map(|(id, item)| (id.as_str(), item)).collect();
        self.write(&by_item, |item| vec![(*item).clone()], report)
            .await?;
        self.write(&by_id, |d| vec![d.drive.clone()], report).await
    }

    async fn write<T, R: Row>(
        &self,
        parts: &BTreeMap<&str, T>,
        rows_of: impl Fn(&T) -> Vec<R>,
        report: &mut ComposeReport,
    ) -> Result<()> {
        let names: Vec<String> = parts.keys().map(|id| (*id).to_owned()).collect();
        // What was removed with its host, and is composed of it again, has another transaction.
        let ids = self.lake.next_lives(&names).await?;
        let missing = self.lake.missing(R::SPEC.name, &ids).await?;
        if missing.is_empty() {
            return Ok(());
        }
        let parts = ids.iter().zip(parts.values());
        let lacking = parts.filter(|(id, _)| missing.contains(id));
        let rows: Vec<R> = lacking.flat_map(|(_, part)| rows_of(part)).collect();
        *report.rows.entry(R::SPEC.name.to_owned()).or_default() += rows.len();
        self.lake.append(&rows, &self.commit_of(missing)).await?;
        Ok(())
    }

    fn commit_of(&self, transactions: Vec<String>) -> Commit {
        let options = self.options;
        let recipes: Vec<&str> = options
            .recipes
            .iter()
            .map(|recipe| recipe.as_str())
            .collect();
        let figures = format!("{} {}", options.candidates_per_episode, options.limit);
        let parts = [
            recipes.join(","),
            options.scenarios.join(","),
            figures,
            options.draw.as_str().to_owned(),
        ];
        Commit {
            stage: "synth".to_owned(),
            params_digest: digest(parts),
            seed: Some(options.seed as i64),
            run_id: options.run_id.clone(),
            inputs: self.inputs.clone(),
            transactions,
        }
    }
}
