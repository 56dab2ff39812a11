//! The edge of `compose`: episodes and hosts in, drives and provenance out.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_lake::{Commit, Lake, Versions, digest, sql_literal};
use driveloop_schemas::{
    Drive, EgoState, Episode, ItemId, Lane, LogId, MapArea, ObjectTrack, Row, SyntheticItem,
};

use super::edit::edit;
use super::host::HostScene;
use super::item::{ComposedDrive, composed_drive, item_id, provenance};
use super::recipes::{Parameters, Recipe, candidates};
use crate::error::{Error, Result};

/// Composed drives that share a commit: it bounds the memory, and keeps the tables' logs short.
const BATCH_DRIVES: usize = 16;

/// What to compose.
#[derive(Debug, Clone, PartialEq)]
pub struct ComposeOptions {
    /// The recipes to apply.
    pub recipes: Vec<Recipe>,
    /// The scenarios whose episodes are edited; all where empty.
    pub scenarios: Vec<String>,
    /// Drives whose episodes are not edited, such as those that a model is tested on.
    pub hosts_left_out: BTreeSet<String>,
    /// Candidates of each recipe for each episode, at most.
    pub candidates_per_episode: usize,
    /// Candidates in all, at most.
    pub limit: usize,
    /// Seed of the parameters.
    pub seed: u64,
    /// The run that this belongs to.
    pub run_id: String,
}

impl Default for ComposeOptions {
    fn default() -> Self {
        Self {
            recipes: Recipe::ALL.to_vec(),
            scenarios: Vec::new(),
            hosts_left_out: BTreeSet::new(),
            candidates_per_episode: 2,
            limit: 1000,
            seed: 1,
            run_id: String::new(),
        }
    }
}

/// What was composed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ComposeReport {
    /// Episodes that were looked at.
    pub episodes: usize,
    /// Candidates that were tried now or before.
    pub candidates: usize,
    /// Drives composed now, by recipe.
    pub accepted: BTreeMap<String, usize>,
    /// Candidates rejected now, by recipe and check.
    pub rejected: BTreeMap<String, usize>,
    /// Candidates that the lake had already.
    pub already_there: usize,
    /// Rows written, by table.
    pub rows: BTreeMap<String, usize>,
    /// Hosts without ego rows or ego states, which cannot be edited.
    pub unusable_hosts: Vec<String>,
}

/// Edits the episodes of recorded and simulated drives into composed ones.
///
/// A drive appears at once: its facts first, its provenance next, its `drive` row last. Done again it changes nothing.
///
/// # Errors
/// What the lake says.
pub async fn compose(lake: &Lake, options: &ComposeOptions) -> Result<ComposeReport> {
    let inputs = lake.versions().await?;
    let mut report = ComposeReport::default();
    let mut writer = Writer {
        lake,
        options,
        inputs,
        batch: Batch::default(),
    };
    let mut hosts = hosts_in_turn(lake, options).await?;
    // Each host gets an even share of what the limit leaves. What one has no use for goes to those after it, and then, in
    // another round, to those that had more to try.
    while !hosts.is_empty() && report.candidates < options.limit {
        let mut left = hosts.len();
        let mut unfinished = Vec::new();
        for mut host in std::mem::take(&mut hosts) {
            let share = (options.limit - report.candidates).div_ceil(left);
            left -= 1;
            if share > 0 && compose_host(&mut host, share, &mut writer, &mut report).await? {
                unfinished.push(host);
            }
        }
        hosts = unfinished;
    }
    writer.flush(&mut report).await?;
    Ok(report)
}

/// Makes a composed drive again from its provenance row and its host.
///
/// # Errors
/// [`Error::Provenance`] where the host is gone or has changed, or the candidate was a rejected one.
pub async fn recompose(lake: &Lake, item: &SyntheticItem) -> Result<ComposedDrive> {
    let unfit = |reason: String| Error::Provenance {
        item_id: item.item_id.clone(),
        reason,
    };
    let host = load_host(lake, &item.host_log_id)
        .await?
        .ok_or_else(|| unfit(format!("host `{}` is not in the lake", item.host_log_id)))?;
    let parameters = Parameters::from_json(&item.recipe, &item.parameters)?;
    let again = item_id(
        &host.drive,
        &item.host_episode_id,
        &parameters,
        item.seed as u64,
    )?;
    if again != item.item_id {
        return Err(unfit(
            "the host or the recipe is not the one that it was made from".into(),
        ));
    }
    let candidate = edit(&host, &parameters)
        .map_err(|rejection| unfit(format!("rejected by `{}`", rejection.failed())))?;
    Ok(composed_drive(&host, &item.item_id, candidate))
}

/// The episodes of a drive, and how far it has come.
struct Host {
    log_id: LogId,
    episodes: Vec<Episode>,
    /// Candidates that were tried in the rounds before.
    tried: usize,
}

/// The hosts, and in each its episodes, in an order that the seed draws: where the limit is small, it is spent on a sample of
/// all drives and episodes and not on those whose names come first.
async fn hosts_in_turn(lake: &Lake, options: &ComposeOptions) -> Result<Vec<Host>> {
    let mut hosts: BTreeMap<LogId, Vec<Episode>> = BTreeMap::new();
    for episode in lake.read::<Episode>(Some("composed = false")).await? {
        let wanted = options.scenarios.is_empty() || options.scenarios.contains(&episode.scenario);
        if wanted && !options.hosts_left_out.contains(episode.log_id.as_str()) {
            hosts
                .entry(episode.log_id.clone())
                .or_default()
                .push(episode);
        }
    }
    let turn = |name: &str| digest([options.seed.to_string(), name.to_owned()]);
    let mut hosts: Vec<Host> = hosts
        .into_iter()
        .map(|(log_id, mut episodes)| {
            episodes.sort_by_cached_key(|episode| turn(&episode.episode_id));
            Host {
                log_id,
                episodes,
                tried: 0,
            }
        })
        .collect();
    hosts.sort_by_cached_key(|host| turn(&host.log_id));
    Ok(hosts)
}

async fn load_host(lake: &Lake, log_id: &str) -> Result<Option<HostScene>> {
    let filter = format!("log_id = {}", sql_literal(log_id));
    let filter = Some(filter.as_str());
    let Some(drive) = lake.read::<Drive>(filter).await?.pop() else {
        return Ok(None);
    };
    let object_tracks = lake.read::<ObjectTrack>(filter).await?;
    let ego_states = lake.read::<EgoState>(filter).await?;
    let lanes = lake.read::<Lane>(filter).await?;
    let areas = lake.read::<MapArea>(filter).await?;
    Ok(HostScene::new(
        drive,
        object_tracks,
        ego_states,
        lanes,
        areas,
    ))
}

/// The candidates of a host that are finished: rejected ones with their row, accepted ones with their drive.
async fn done_items(lake: &Lake, log_id: &str) -> Result<BTreeSet<ItemId>> {
    let by_host = format!("host_log_id = {}", sql_literal(log_id));
    let source = format!("source_uri = {}", sql_literal(&format!("lake:{log_id}")));
    let items = lake.read::<SyntheticItem>(Some(&by_host)).await?;
    let drives = lake.read::<Drive>(Some(&source)).await?;
    let rejected = items
        .into_iter()
        .filter(|i| i.state == "rejected")
        .map(|i| i.item_id);
    Ok(rejected
        .chain(
            drives
                .into_iter()
                .map(|drive| ItemId::from(drive.log_id.into_string())),
        )
        .collect())
}

/// Tries the host's next candidates, `share` at most; says whether there are more.
async fn compose_host(
    host: &mut Host,
    share: usize,
    writer: &mut Writer<'_>,
    report: &mut ComposeReport,
) -> Result<bool> {
    if host.tried == 0 {
        report.episodes += host.episodes.len();
    }
    let Some(scene) = load_host(writer.lake, &host.log_id).await? else {
        report.unusable_hosts.push(host.log_id.to_string());
        return Ok(false);
    };
    let done = done_items(writer.lake, &host.log_id).await?;
    let all = candidates_in_turn(&scene, &host.episodes, writer.options);
    let end = all.len().min(host.tried + share);
    for (episode, parameters) in &all[host.tried..end] {
        report.candidates += 1;
        writer.try_candidate(&scene, episode, parameters, &done, report)?;
        if writer.batch.drives.len() >= BATCH_DRIVES {
            writer.flush(report).await?;
        }
    }
    host.tried = end;
    Ok(end < all.len())
}

/// The first candidate of each episode and recipe, then the second ones: a small share has some of all.
fn candidates_in_turn<'a>(
    host: &HostScene,
    episodes: &'a [Episode],
    options: &ComposeOptions,
) -> Vec<(&'a Episode, Parameters)> {
    let count = options.candidates_per_episode;
    let mut all = Vec::new();
    for episode in episodes {
        for recipe in &options.recipes {
            let drawn = candidates(host, episode, *recipe, count, options.seed);
            all.extend(
                drawn
                    .into_iter()
                    .enumerate()
                    .map(|(turn, parameters)| (turn, episode, parameters)),
            );
        }
    }
    all.sort_by_key(|(turn, _, _)| *turn);
    all.into_iter()
        .map(|(_, episode, parameters)| (episode, parameters))
        .collect()
}

#[derive(Default)]
struct Batch {
    items: BTreeMap<ItemId, SyntheticItem>,
    drives: Vec<ComposedDrive>,
}

struct Writer<'a> {
    lake: &'a Lake,
    options: &'a ComposeOptions,
    inputs: Versions,
    batch: Batch,
}

impl Writer<'_> {
    /// Edits the host, and puts what comes of it into the batch, where the lake has it not.
    fn try_candidate(
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
        let item = provenance(host, episode, parameters, seed, &outcome)?;
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

    /// Commits the batch, table by table; what a table has already is left out.
    async fn flush(&mut self, report: &mut ComposeReport) -> Result<()> {
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
        let ids: Vec<String> = parts.keys().map(|id| (*id).to_owned()).collect();
        let missing = self.lake.missing(R::SPEC.name, &ids).await?;
        if missing.is_empty() {
            return Ok(());
        }
        let rows: Vec<R> = missing
            .iter()
            .filter_map(|id| parts.get(id.as_str()))
            .flat_map(rows_of)
            .collect();
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
        let parts = [recipes.join(","), options.scenarios.join(","), figures];
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
