//! Mining: the scenarios of the catalogue become episodes.

mod find;
mod merge;
mod scope;

use std::collections::{BTreeMap, BTreeSet};

use driveloop_lake::{Commit, Lake, Versions, digest, sql_literal};
use driveloop_schemas::{Drive, Episode};

pub(crate) use find::find;
pub(crate) use merge::Found;

use crate::catalogue::{Catalogue, Scenario};
use crate::error::{Error, Result};
use crate::session::VIEWS;

/// What to mine.
#[derive(Debug, Clone)]
pub struct MineOptions {
    /// Scenarios; empty is all of the catalogue.
    pub scenarios: Vec<String>,
    /// Values of parameters, by `scenario.parameter`.
    pub params: BTreeMap<String, String>,
    /// Run that the commits belong to.
    pub run_id: String,
    /// Drives that are searched.
    pub searched: Searched,
    /// Bounds.
    pub limits: MineLimits,
}

/// Bounds of mining.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MineLimits {
    /// Drives that one query reads and one commit writes: bounds memory.
    pub drives_per_batch: usize,
    /// Seconds of driving whose `scene` is held in memory: some 100 MB for ten minutes in a crowded street.
    pub held_s_max: f64,
    /// Episodes of one scenario in one batch: a query that matches everything must not fill the lake.
    pub episodes_max: usize,
}

impl Default for MineLimits {
    fn default() -> Self {
        Self {
            // The planner joins larger batches in an order that costs more than in proportion.
            drives_per_batch: 8,
            held_s_max: 1200.0,
            episodes_max: 1_000_000,
        }
    }
}

impl MineOptions {
    /// Everything, composed drives included.
    #[must_use]
    pub fn new(run_id: impl Into<String>) -> Self {
        Self {
            scenarios: Vec::new(),
            params: BTreeMap::new(),
            run_id: run_id.into(),
            searched: Searched::All,
            limits: MineLimits::default(),
        }
    }
}

/// What mining found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MineReport {
    /// Drives that were searched.
    pub drives: usize,
    /// Composed ones among them.
    pub composed_drives: usize,
    /// What each scenario found, by name.
    pub scenarios: BTreeMap<String, ScenarioCount>,
    /// Commits made; none where the lake had these episodes already.
    pub commits: usize,
}

/// What one scenario found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScenarioCount {
    /// Episodes in recorded and simulated drives.
    pub episodes: usize,
    /// Recorded and simulated drives with an episode.
    pub drives: usize,
    /// Episodes in composed drives.
    pub composed_episodes: usize,
    /// Composed drives with an episode.
    pub composed_drives: usize,
    /// Pairs of scenario and drive whose episodes changed in the lake.
    pub changed_drives: usize,
}

/// A scenario with its query as it runs.
struct Search<'a> {
    scenario: &'a Scenario,
    query: String,
    /// Digest of everything but the drive that decides what is found.
    digest: String,
}

/// Drives by what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Searched {
    /// All of them.
    All,
    /// Those that were recorded or simulated.
    Recorded,
    /// Those that were composed.
    Composed,
}

impl Searched {
    fn admits(self, drive: &Drive) -> bool {
        match self {
            Self::All => true,
            Self::Recorded => !drive.composed,
            Self::Composed => drive.composed,
        }
    }
}

/// Runs scenarios over drives and replaces their episodes, per scenario and drive.
///
/// The drives are searched each time and what is found is compared with the lake; only pairs of scenario and drive that
/// differ are committed, a batch of drives at a time. So a repeated run commits nothing, and a run that was killed is
/// completed by the next.
///
/// # Errors
/// When a scenario or parameter does not exist, a query is wrong, a limit is passed, or the lake fails.
pub async fn mine(lake: &Lake, catalogue: &Catalogue, options: &MineOptions) -> Result<MineReport> {
    let searches = searches(catalogue, options)?;
    let mut drives = lake.read::<Drive>(None).await?;
    drives.retain(|drive| options.searched.admits(drive));
    let mut report = MineReport {
        drives: drives.len(),
        composed_drives: drives.iter().filter(|drive| drive.composed).count(),
        ..MineReport::default()
    };
    for batch in drives.chunks(options.limits.drives_per_batch.max(1)) {
        mine_batch(lake, &searches, batch, options, &mut report).await?;
    }
    Ok(report)
}

fn searches<'a>(catalogue: &'a Catalogue, options: &MineOptions) -> Result<Vec<Search<'a>>> {
    let mut given: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
    for (key, value) in &options.params {
        let (scenario, param) = key.split_once('.').ok_or_else(|| Error::Parameter {
            parameter: key.clone(),
            expected: "`scenario.parameter`".into(),
            actual: key.clone(),
        })?;
        catalogue.get(scenario)?;
        given
            .entry(scenario)
            .or_default()
            .insert(param.to_owned(), value.clone());
    }
    let wanted: BTreeSet<&str> = if options.scenarios.is_empty() {
        catalogue
            .iter()
            .map(|scenario| scenario.name.as_str())
            .collect()
    } else {
        options.scenarios.iter().map(String::as_str).collect()
    };
    let search = |name: &str| {
        let scenario = catalogue.get(name)?;
        let query = scenario.query(given.get(name).unwrap_or(&BTreeMap::new()))?;
        let version = scenario.version.to_string();
        let views = VIEWS.iter().map(|view| view.sql);
        let digest = digest([name, &version, &query].into_iter().chain(views));
        Ok(Search {
            scenario,
            query,
            digest,
        })
    };
    wanted.into_iter().map(search).collect()
}

async fn mine_batch(
    lake: &Lake,
    searches: &[Search<'_>],
    drives: &[Drive],
    options: &MineOptions,
    report: &mut MineReport,
) -> Result<()> {
    let inputs = lake.versions().await?;
    let context = scope::session(lake, drives, options.limits.held_s_max).await?;
    let by_log: BTreeMap<&str, &Drive> = drives
        .iter()
        .map(|drive| (drive.log_id.as_str(), drive))
        .collect();
    let mut changed = Vec::new();
    let mut predicates = Vec::new();
    for search in searches {
        let found = find(
            &context,
            search.scenario,
            &search.query,
            options.limits.episodes_max,
        );
        let episodes = episodes_by_drive(search, &by_log, found.await?);
        let stored = stored_by_drive(lake, search, &by_log).await?;
        let count = report
            .scenarios
            .entry(search.scenario.name.clone())
            .or_default();
        count.add(&episodes, &by_log);
        let differs: Vec<&str> = by_log
            .keys()
            .filter(|log_id| episodes.get(*log_id) != stored.get(*log_id))
            .copied()
            .collect();
        count.changed_drives += differs.len();
        if !differs.is_empty() {
            predicates.push(predicate(&search.scenario.name, differs.iter().copied()));
            changed.extend(
                episodes
                    .into_iter()
                    .filter(|(log, _)| differs.contains(log))
                    .flat_map(|(_, rows)| rows),
            );
        }
    }
    if !predicates.is_empty() {
        let predicate = predicates.join(" OR ");
        commit_changes(lake, searches, options, inputs, &predicate, &changed).await?;
        report.commits += 1;
    }
    Ok(())
}

/// Puts the episodes of changed pairs of scenario and drive in the place of those that the predicate admits.
async fn commit_changes(
    lake: &Lake,
    searches: &[Search<'_>],
    options: &MineOptions,
    inputs: Versions,
    predicate: &str,
    changed: &[Episode],
) -> Result<()> {
    // The version makes the id one of this change alone: the same change may come again after another.
    let version = inputs.get("episode").copied().unwrap_or(-1).to_string();
    let digests: Vec<&str> = searches
        .iter()
        .map(|search| search.digest.as_str())
        .collect();
    let ids: Vec<&str> = changed
        .iter()
        .map(|episode| episode.episode_id.as_str())
        .collect();
    let id = digest([
        "mine",
        &version,
        predicate,
        &digest(&digests),
        &digest(&ids),
    ]);
    let mut commit = Commit::new("mine", &options.run_id)
        .with_inputs(inputs)
        .with_transactions([id]);
    commit.params_digest = digest(&digests);
    lake.replace(predicate, changed, &commit).await?;
    Ok(())
}

impl ScenarioCount {
    fn add(&mut self, episodes: &BTreeMap<&str, Vec<Episode>>, drives: &BTreeMap<&str, &Drive>) {
        for (log_id, rows) in episodes {
            if drives.get(log_id).is_some_and(|drive| drive.composed) {
                self.composed_episodes += rows.len();
                self.composed_drives += 1;
            } else {
                self.episodes += rows.len();
                self.drives += 1;
            }
        }
    }
}

fn predicate<'a>(scenario: &str, log_ids: impl Iterator<Item = &'a str>) -> String {
    let logs: Vec<_> = log_ids.map(sql_literal).collect();
    format!(
        "(scenario = {} AND log_id IN ({}))",
        sql_literal(scenario),
        logs.join(", ")
    )
}

/// The rows of the table, by drive, ordered by its key.
fn episodes_by_drive<'a>(
    search: &Search<'_>,
    drives: &BTreeMap<&'a str, &Drive>,
    found: Vec<Found>,
) -> BTreeMap<&'a str, Vec<Episode>> {
    let mut episodes: BTreeMap<&str, Vec<Episode>> = BTreeMap::new();
    for found in found {
        // A query can invent drives; only those that were asked for count.
        let Some((log_id, drive)) = drives.get_key_value(found.log_id.as_str()) else {
            continue;
        };
        episodes
            .entry(log_id)
            .or_default()
            .push(episode(search, drive, found));
    }
    for rows in episodes.values_mut() {
        rows.sort_by(|a, b| (a.start_ns, &a.episode_id).cmp(&(b.start_ns, &b.episode_id)));
    }
    episodes
}

async fn stored_by_drive<'a>(
    lake: &Lake,
    search: &Search<'_>,
    drives: &BTreeMap<&'a str, &Drive>,
) -> Result<BTreeMap<&'a str, Vec<Episode>>> {
    let filter = predicate(&search.scenario.name, drives.keys().copied());
    let mut stored: BTreeMap<&str, Vec<Episode>> = BTreeMap::new();
    for row in lake.read::<Episode>(Some(&filter)).await? {
        if let Some((log_id, _)) = drives.get_key_value(row.log_id.as_str()) {
            stored.entry(log_id).or_default().push(row);
        }
    }
    Ok(stored)
}

fn episode(search: &Search<'_>, drive: &Drive, found: Found) -> Episode {
    let scenario = search.scenario;
    let numbers =
        [i64::from(scenario.version), found.start_ns, found.end_ns].map(|n| n.to_string());
    let parts = [scenario.name.as_str(), drive.log_id.as_str()].into_iter();
    let parts = parts.chain(numbers.iter().map(String::as_str));
    Episode {
        episode_id: digest(parts.chain(found.actors.iter().map(String::as_str))).into(),
        log_id: found.log_id.into(),
        day: drive.day,
        composed: drive.composed,
        scenario: scenario.name.clone(),
        scenario_version: scenario.version,
        start_ns: found.start_ns,
        end_ns: found.end_ns,
        actors: found.actors,
        roles: scenario.roles.clone(),
        score: found.score,
        tags: scenario.tags.clone(),
        query_digest: search.digest.clone(),
    }
}
