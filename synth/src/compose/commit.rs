//! The edge of `compose`: episodes and hosts in, drives and provenance out.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_lake::{Lake, digest, sql_literal};
use driveloop_schemas::{
    Drive, EgoState, Episode, EpisodeId, ItemId, Lane, LogId, MapArea, ObjectTrack, SyntheticItem,
};

use super::draw::Draw;
use super::host::HostScene;
use super::recipes::{Parameters, Recipe, candidates};
use super::write::Writer;
use crate::error::Result;

/// What to compose.
#[derive(Debug, Clone, PartialEq)]
pub struct ComposeOptions {
    /// The recipes to apply.
    pub recipes: Vec<Recipe>,
    /// The scenarios whose episodes are edited; where empty, those of all, and each drive as a whole besides.
    pub scenarios: Vec<String>,
    /// Drives whose episodes are not edited, such as those that a model is tested on.
    pub hosts_left_out: BTreeSet<String>,
    /// How parameters are chosen.
    pub draw: Draw,
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
            draw: Draw::default(),
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
    let mut report = ComposeReport::default();
    let mut writer = Writer::new(lake, options).await?;
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
    if options.scenarios.is_empty() {
        for drive in lake.read::<Drive>(Some("composed = false")).await? {
            if !options.hosts_left_out.contains(drive.log_id.as_str()) {
                let whole = whole_drive(&drive);
                hosts.entry(drive.log_id).or_default().push(whole);
            }
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

/// A drive as an occasion: it has room for more than its episodes. It has no name.
fn whole_drive(drive: &Drive) -> Episode {
    Episode {
        episode_id: EpisodeId::default(),
        log_id: drive.log_id.clone(),
        day: drive.day,
        composed: false,
        scenario: String::new(),
        scenario_version: 0,
        start_ns: drive.start_ns,
        end_ns: drive.end_ns,
        actors: Vec::new(),
        roles: Vec::new(),
        score: 0.0,
        tags: Vec::new(),
        query_digest: String::new(),
    }
}

pub(super) async fn load_host(lake: &Lake, log_id: &str) -> Result<Option<HostScene>> {
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
        let mined = host.episodes.iter().filter(|e| !e.episode_id.is_empty());
        report.episodes += mined.count();
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
        writer.flush_if_full(report).await?;
    }
    host.tried = end;
    Ok(end < all.len())
}

/// The first candidate of each episode and recipe, then the second ones: a small share has some of all. What two episodes that
/// overlap have in common is tried once.
fn candidates_in_turn<'a>(
    host: &HostScene,
    episodes: &'a [Episode],
    options: &ComposeOptions,
) -> Vec<(&'a Episode, Parameters)> {
    let count = options.candidates_per_episode;
    let mut all = Vec::new();
    for episode in episodes {
        for recipe in &options.recipes {
            let drawn = candidates(host, episode, *recipe, options.draw, count, options.seed);
            all.extend(
                drawn
                    .into_iter()
                    .enumerate()
                    .map(|(turn, parameters)| (turn, episode, parameters)),
            );
        }
    }
    all.sort_by_key(|(turn, _, _)| *turn);
    let mut unique: Vec<(&Episode, Parameters)> = Vec::new();
    for (_, episode, parameters) in all {
        if !unique.iter().any(|(_, other)| *other == parameters) {
            unique.push((episode, parameters));
        }
    }
    unique
}
