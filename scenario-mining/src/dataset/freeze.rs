//! Choosing the samples of a dataset, once.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_lake::{Commit, Lake, Outcome, digest, sql_literal};
use driveloop_schemas::time::NS_PER_S;
use driveloop_schemas::{Drive, ItemId, LogId, Sample, SyntheticItem};

use super::candidates::{Edit, Source, samples};
use super::selection::{EpisodesOfDrive, Selected};
use super::split::split_hosts;
use super::tracks::Tracks;
use crate::error::{Error, Result};

/// A composed drive is worth samples from this long before its edit on.
const BEFORE_EDIT_NS: i64 = NS_PER_S;

/// What a dataset is made from.
#[derive(Debug, Clone)]
pub struct FreezeOptions {
    /// Name of the dataset: lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// Scenarios whose episodes select samples; empty is all.
    pub scenarios: Vec<String>,
    /// A query that selects samples in place of the episodes: it returns `log_id`, `track_id` or a list `actors`, and
    /// `stamp_ns` or `start_ns` and `end_ns`.
    pub from_sql: Option<String>,
    /// Least time between samples of a track.
    pub stride_s: f64,
    /// Share of the candidates outside all episodes that are kept.
    pub background_fraction: f64,
    /// Share of that share for actors that keep within half a metre: most of a street is parked.
    pub still_fraction: f64,
    /// Weight of a selected sample; the others weigh 1.
    pub scenario_weight: f64,
    /// Largest distance of an actor to the ego.
    pub ego_distance_max_m: f64,
    /// Shares of train, validation and test among the recorded drives.
    pub splits: [f64; 3],
    /// Seed of the splits and of the background.
    pub seed: i64,
    /// Run that the commit belongs to.
    pub run_id: String,
    /// Samples that the dataset may have: they are held in memory while it is frozen.
    pub samples_max: usize,
}

impl FreezeOptions {
    /// The defaults.
    #[must_use]
    pub fn new(name: impl Into<String>, run_id: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            scenarios: Vec::new(),
            from_sql: None,
            stride_s: 0.5,
            background_fraction: 1.0,
            still_fraction: 0.1,
            scenario_weight: 4.0,
            ego_distance_max_m: 60.0,
            splits: [0.6, 0.2, 0.2],
            seed: 0,
            run_id: run_id.into(),
            samples_max: 5_000_000,
        }
    }

    pub(super) fn stride_ns(&self) -> i64 {
        (self.stride_s * NS_PER_S as f64).round() as i64
    }

    fn check(&self) -> Result<()> {
        let wrong = |reason: &str| {
            Err(Error::Dataset {
                dataset: self.name.clone(),
                reason: reason.to_owned(),
            })
        };
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        if self.name.is_empty() || !self.name.chars().all(is_plain) {
            return wrong("expected a name of lower-case letters, digits, `-` and `_`");
        }
        if !(0.1..=3600.0).contains(&self.stride_s) {
            return wrong("expected a stride from 0.1 s to an hour");
        }
        let is_share = |value: &f64| (0.0..=1.0).contains(value);
        if ![self.background_fraction, self.still_fraction]
            .iter()
            .all(is_share)
        {
            return wrong("expected background and still fractions from 0 to 1");
        }
        if !self.splits.iter().all(is_share) || self.splits[0] <= 0.0 {
            return wrong("expected split fractions from 0 to 1, that of training above 0");
        }
        if !(self.scenario_weight > 0.0 && self.scenario_weight.is_finite()) {
            return wrong("expected a positive scenario weight");
        }
        Ok(())
    }
}

/// Whether the dataset was frozen now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreezeOutcome {
    /// It was.
    Frozen,
    /// The lake has a dataset of this name and content.
    AlreadyThere,
}

/// A dataset, as frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreezeReport {
    /// Name.
    pub dataset: String,
    /// Digest of its samples: names, splits, sources, scenarios and weights.
    pub dataset_digest: String,
    /// Whether it was frozen now.
    pub outcome: FreezeOutcome,
    /// Samples.
    pub samples: usize,
    /// By split.
    pub splits: BTreeMap<String, SplitCount>,
    /// Samples of each scenario.
    pub scenarios: BTreeMap<String, usize>,
    /// What a reader should know: empty splits, drives passed over.
    pub notes: Vec<String>,
}

/// One split of a dataset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SplitCount {
    /// Samples of recorded and simulated drives.
    pub real: usize,
    /// Samples of composed drives.
    pub synthetic: usize,
    /// Recorded and simulated drives behind them.
    pub hosts: usize,
}

/// Chooses the samples of a dataset and writes them; a dataset never changes afterwards.
///
/// A candidate is a vehicle, a rider, a pedestrian or the ego near enough to the ego, at a stamp with a full past and
/// future, at most one per stride and track. Selected candidates are kept and weigh more; of the others a seeded share is
/// kept. Of composed drives only the edited tracks count, from a second before the edit on.
///
/// # Errors
/// When the options make no sense, nothing is left, the name belongs to other content, or the lake fails.
pub async fn freeze(lake: &Lake, options: &FreezeOptions) -> Result<FreezeReport> {
    options.check()?;
    let inputs = lake.versions().await?;
    let mut notes = Vec::new();
    let mut rows = candidates(lake, options, &mut notes).await?;
    let hosts: BTreeSet<&str> = rows.iter().map(|row| row.host_log_id.as_str()).collect();
    let split_of: BTreeMap<LogId, &'static str> = split_hosts(&hosts, options.splits, options.seed)
        .into_iter()
        .map(|(host, split)| (host.into(), split))
        .collect();
    for row in &mut rows {
        row.split = split_of
            .get(&row.host_log_id)
            .copied()
            .unwrap_or_default()
            .to_owned();
    }
    rows.sort_by(|a, b| a.sample_id.cmp(&b.sample_id));
    let dataset_digest = digest_of(&rows);
    for row in &mut rows {
        row.dataset_digest.clone_from(&dataset_digest);
    }
    if rows.is_empty() {
        let reason =
            "no actor has the past and future of a sample: are there drives, and episodes?";
        return Err(Error::Dataset {
            dataset: options.name.clone(),
            reason: reason.into(),
        });
    }
    let outcome = commit(lake, options, &rows, &dataset_digest, inputs).await?;
    Ok(report(options, &rows, dataset_digest, outcome, notes))
}

/// The samples of all drives, read one drive at a time.
async fn candidates(
    lake: &Lake,
    options: &FreezeOptions,
    notes: &mut Vec<String>,
) -> Result<Vec<Sample>> {
    let selected = Selected::query(lake, options.from_sql.as_deref(), options.stride_ns()).await?;
    let items: BTreeMap<ItemId, SyntheticItem> = lake
        .read::<SyntheticItem>(Some("state = 'accepted'"))
        .await?
        .into_iter()
        .map(|item| (item.item_id.clone(), item))
        .collect();
    let mut rows = Vec::new();
    for drive in &lake.read::<Drive>(None).await? {
        let Some(source) = source(drive, &items) else {
            notes.push(format!(
                "composed drive {} has no accepted item: passed over",
                drive.log_id
            ));
            continue;
        };
        let tracks = Tracks::read(lake, &drive.log_id).await?;
        let episodes = EpisodesOfDrive::read(lake, &drive.log_id, &options.scenarios).await?;
        rows.extend(samples(&source, &tracks, &episodes, &selected, options));
        if rows.len() > options.samples_max {
            let what = format!("samples of dataset `{}`", options.name);
            return Err(Error::Limit {
                what,
                max: options.samples_max,
            });
        }
    }
    Ok(rows)
}

fn source<'a>(drive: &'a Drive, items: &'a BTreeMap<ItemId, SyntheticItem>) -> Option<Source<'a>> {
    if !drive.composed {
        return Some(Source {
            drive,
            host_log_id: &drive.log_id,
            edit: None,
        });
    }
    let item = items.get(drive.log_id.as_str())?;
    let from_ns = item.edit_start_ns.saturating_sub(BEFORE_EDIT_NS);
    let edit = Some(Edit {
        from_ns,
        tracks: &item.edited_tracks,
    });
    Some(Source {
        drive,
        host_log_id: &item.host_log_id,
        edit,
    })
}

fn digest_of(rows: &[Sample]) -> String {
    digest(rows.iter().map(|row| {
        let scenarios = row.scenarios.join(",");
        digest([
            row.sample_id.as_str(),
            &row.host_log_id,
            &row.split,
            &row.source,
            &scenarios,
            &row.weight.to_string(),
        ])
    }))
}

/// Commits under an id that only the name decides: of two that freeze a name at once, one wins and the other compares.
async fn commit(
    lake: &Lake,
    options: &FreezeOptions,
    rows: &[Sample],
    dataset_digest: &str,
    inputs: driveloop_lake::Versions,
) -> Result<FreezeOutcome> {
    if let Some(outcome) = compare(lake, &options.name, dataset_digest).await? {
        return Ok(outcome);
    }
    let mut commit = Commit::new("dataset", &options.run_id)
        .with_inputs(inputs)
        .with_transactions([format!("dataset/{}", options.name)]);
    commit.params_digest = digest([format!(
        "{:?}",
        FreezeOptions {
            run_id: String::new(),
            ..options.clone()
        }
    )]);
    commit.seed = Some(options.seed);
    match lake.append(rows, &commit).await? {
        Outcome::Committed { .. } => Ok(FreezeOutcome::Frozen),
        Outcome::AlreadyThere { .. } => Ok(compare(lake, &options.name, dataset_digest)
            .await?
            .unwrap_or(FreezeOutcome::AlreadyThere)),
    }
}

/// `None` where there is no dataset of the name.
async fn compare(lake: &Lake, name: &str, dataset_digest: &str) -> Result<Option<FreezeOutcome>> {
    let sql = format!(
        "SELECT DISTINCT dataset_digest AS d FROM sample WHERE dataset = {}",
        sql_literal(name)
    );
    let batches = lake.query(&sql).await?;
    let frozen = batches.iter().find(|batch| batch.num_rows() > 0);
    let Some(frozen) = frozen else {
        return Ok(None);
    };
    let frozen =
        arrow::util::display::array_value_to_string(frozen.column(0), 0).unwrap_or_default();
    if frozen == dataset_digest {
        return Ok(Some(FreezeOutcome::AlreadyThere));
    }
    Err(Error::Frozen {
        dataset: name.to_owned(),
        frozen,
        actual: dataset_digest.to_owned(),
    })
}

fn report(
    options: &FreezeOptions,
    rows: &[Sample],
    dataset_digest: String,
    outcome: FreezeOutcome,
    mut notes: Vec<String>,
) -> FreezeReport {
    let mut splits: BTreeMap<String, SplitCount> = super::SPLITS
        .iter()
        .map(|split| ((*split).to_owned(), SplitCount::default()))
        .collect();
    let mut hosts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut scenarios = BTreeMap::new();
    for row in rows {
        let count = splits.entry(row.split.clone()).or_default();
        if row.source == "real" {
            count.real += 1;
        } else {
            count.synthetic += 1;
        }
        hosts
            .entry(&row.split)
            .or_default()
            .insert(&row.host_log_id);
        for scenario in &row.scenarios {
            *scenarios.entry(scenario.clone()).or_default() += 1;
        }
    }
    for (split, count) in &mut splits {
        count.hosts = hosts.get(split.as_str()).map_or(0, BTreeSet::len);
        if count.hosts == 0 {
            notes.push(format!("{split} is empty: there are too few drives"));
        }
    }
    FreezeReport {
        dataset: options.name.clone(),
        dataset_digest,
        outcome,
        samples: rows.len(),
        splits,
        scenarios,
        notes,
    }
}
