//! Choosing the samples of a dataset, once.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_lake::{Commit, Lake, Outcome, digest, sql_literal};
use driveloop_schemas::time::NS_PER_S;
use driveloop_schemas::{Drive, ItemId, LogId, Sample, SyntheticItem};

use super::candidates::{Candidate, Edit, Source, samples};
use super::content::digest_of;
use super::copies::Copies;
use super::describe::transaction;
use super::memory::Memory;
use super::near::Seen;
use super::report::{FreezeOutcome, FreezeReport, report};
use super::selection::{EpisodesOfDrive, Selected, drives_where};
use super::split::{SplitRule, check_splits};
use super::tracks::Tracks;
use super::weigh::{Balance, weigh};
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
    /// Share of the candidates outside the selection that are kept. Candidates of composed drives are among them only where neither
    /// `scenarios` nor `from_sql` selects.
    pub background_fraction: f64,
    /// Share of that share for actors that keep within half a metre: most of a street is parked.
    pub still_fraction: f64,
    /// Weight of a selected sample; the others weigh 1.
    pub scenario_weight: f64,
    /// Weights of the samples of some scenarios, by name, in place of `scenario_weight`; of several the largest.
    pub scenario_weights: BTreeMap<String, f64>,
    /// Whether weights are made to even out the scenarios.
    pub balance: Balance,
    /// A candidate is dropped where one of the same drive, or of one composed from it, is in the dataset that is like it: same
    /// category and scenarios, past and future within this distance at every step, and the same neighbours. Zero keeps all.
    pub near_identical_m: f64,
    /// Largest distance of an actor to the ego.
    pub ego_distance_max_m: f64,
    /// Shares of train, validation and test among the recorded drives that no dataset of the lake had before: where a hash of the
    /// drive's name and the seed falls decides, so that it does not matter what else is in the lake. Where a split would be empty,
    /// it gets the drive that is nearest to its share.
    pub splits: [f64; 3],
    /// Drives that are held out, as a condition on `drive`: they are the test split, and the others are train and validation.
    /// Without it a drive keeps the split that it had in earlier datasets of the lake, whatever seed and shares: it tests where it
    /// ever tested, else it trains where it ever trained. What a condition changes of that, the notes of the report name.
    pub test_where: Option<String>,
    /// Drives that models are chosen on, and what to search for: a condition on `drive`. They are the validation split, but for test
    /// drives; without it a share of the drives is drawn.
    pub validation_where: Option<String>,
    /// Seed of the splits of new drives, and of the background.
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
            scenario_weights: BTreeMap::new(),
            balance: Balance::AsWeighted,
            near_identical_m: 0.1,
            ego_distance_max_m: 60.0,
            splits: [0.6, 0.2, 0.2],
            test_where: None,
            validation_where: None,
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
        let mut weights = self
            .scenario_weights
            .values()
            .chain([&self.scenario_weight]);
        if !weights.all(|weight| *weight > 0.0 && weight.is_finite()) {
            return wrong("expected positive scenario weights");
        }
        if !(0.0..=1.0).contains(&self.near_identical_m) {
            return wrong("expected near-identical samples to be within 0 to 1 m");
        }
        Ok(())
    }
}

/// Chooses the samples of a dataset and writes them; a dataset never changes afterwards.
///
/// A candidate is a vehicle, a rider, a pedestrian or the ego near enough to the ego, at a stamp with a full past and
/// future, at most one per stride and track. Selected candidates are kept and weigh more; of the others a seeded share is
/// kept. Of composed drives only the edited tracks count, from a second before the edit on, and where scenarios are named or there is
/// a query, only what these select.
///
/// # Errors
/// When the options make no sense, nothing is left, the name belongs to other content, or the lake fails.
pub async fn freeze(lake: &Lake, options: &FreezeOptions) -> Result<FreezeReport> {
    options.check()?;
    let inputs = lake.versions().await?;
    let Candidates {
        rows: mut candidates,
        tracks,
        copies,
        near_identical,
        mut notes,
    } = candidates(lake, options).await?;
    let hosts = candidates.iter().map(|c| c.sample.host_log_id.as_str());
    let rule = split_rule(lake, options, &copies).await?;
    let assignment = rule.assign(&hosts.collect());
    for Candidate { sample, .. } in &mut candidates {
        let split = assignment.splits.get(sample.host_log_id.as_str()).copied();
        sample.split = split.unwrap_or_default().to_owned();
    }
    notes.extend(assignment.notes);
    notes.extend(selects_nothing(options, &candidates));
    weigh(&mut candidates, options);
    let mut rows: Vec<Sample> = candidates.into_iter().map(|c| c.sample).collect();
    rows.sort_by(|a, b| a.sample_id.cmp(&b.sample_id));
    if rows.is_empty() {
        return Err(nothing(options));
    }
    check_splits(&options.name, &rows)?;
    let dataset_digest = digest_of(&rows, &tracks);
    for row in &mut rows {
        row.dataset_digest.clone_from(&dataset_digest);
    }
    let outcome = commit(lake, options, &rows, &dataset_digest, inputs).await?;
    Ok(report(
        options,
        &rows,
        dataset_digest,
        outcome,
        near_identical,
        notes,
    ))
}

/// Why a dataset has no sample.
fn nothing(options: &FreezeOptions) -> Error {
    let reason = if options.from_sql.is_some() || !options.scenarios.is_empty() {
        "nothing that is selected is a sample, and no background is drawn"
    } else {
        "no actor has the past and future of a sample: are there drives, and episodes?"
    };
    Error::Dataset {
        dataset: options.name.clone(),
        reason: reason.into(),
    }
}

/// What was asked for and selects no sample.
fn selects_nothing(options: &FreezeOptions, candidates: &[Candidate]) -> Vec<String> {
    let mut notes = Vec::new();
    if options.from_sql.is_some() && !candidates.iter().any(|candidate| candidate.is_chosen) {
        notes.push("the query selects no sample".to_owned());
    }
    for name in &options.scenarios {
        let mut scenarios = candidates.iter().flat_map(|c| &c.sample.scenarios);
        if !scenarios.any(|scenario| scenario == name) {
            notes.push(format!("no sample is in an episode of {name}"));
        }
    }
    notes
}

/// What decides the split of each drive: the condition, earlier datasets, and the hash.
async fn split_rule(lake: &Lake, options: &FreezeOptions, copies: &Copies) -> Result<SplitRule> {
    // A drive is named by whichever of its names the condition admits.
    let named = async |condition: &Option<String>| -> Result<Option<BTreeSet<String>>> {
        let Some(condition) = condition else {
            return Ok(None);
        };
        let drives = drives_where(lake, condition).await?;
        let hosts = drives.iter().map(|log_id| copies.first(log_id).to_owned());
        Ok(Some(hosts.collect()))
    };
    Ok(SplitRule {
        fractions: options.splits,
        seed: options.seed,
        held_out: named(&options.test_where).await?,
        chosen_on: named(&options.validation_where).await?,
        memory: Memory::read(lake, &options.name, copies).await?,
    })
}

/// What all drives offer.
#[derive(Default)]
struct Candidates {
    rows: Vec<Candidate>,
    /// Digest of the tracks of each drive with a sample.
    tracks: BTreeMap<LogId, String>,
    copies: Copies,
    near_identical: usize,
    notes: Vec<String>,
}

/// The samples of all drives, read one drive at a time; those of one host follow each other, so that what is like another one is found
/// with the samples of one host in memory.
async fn candidates(lake: &Lake, options: &FreezeOptions) -> Result<Candidates> {
    let selected = Selected::query(lake, options.from_sql.as_deref(), options.stride_ns()).await?;
    let items: BTreeMap<ItemId, SyntheticItem> = lake
        .read::<SyntheticItem>(Some("state = 'accepted'"))
        .await?
        .into_iter()
        .map(|item| (item.item_id.clone(), item))
        .collect();
    let drives = lake.read::<Drive>(None).await?;
    let mut found = Candidates {
        copies: Copies::of(lake, &drives).await?,
        ..Candidates::default()
    };
    let copies = found.copies.clone();
    let sources = sources(&drives, &items, &copies, &mut found.notes);
    let mut seen = Seen::new("", options.near_identical_m);
    for source in &sources {
        if seen.host_log_id() != source.host_log_id {
            found.near_identical += seen.dropped();
            seen = Seen::new(source.host_log_id, options.near_identical_m);
        }
        let log_id = &source.drive.log_id;
        let tracks = Tracks::read(lake, log_id).await?;
        let episodes = EpisodesOfDrive::read(lake, log_id, &options.scenarios).await?;
        let mut rows = samples(source, &tracks, &episodes, &selected, options);
        rows.retain(|row| seen.is_new(&row.sample, &tracks));
        if !rows.is_empty() {
            found.tracks.insert(log_id.clone(), tracks.digest());
        }
        found.rows.extend(rows);
        if found.rows.len() > options.samples_max {
            let what = format!("samples of dataset `{}`", options.name);
            return Err(Error::Limit {
                what,
                max: options.samples_max,
            });
        }
    }
    found.near_identical += seen.dropped();
    Ok(found)
}

/// The drives with what they are to the dataset: by host, what was recorded before what was composed.
fn sources<'a>(
    drives: &'a [Drive],
    items: &'a BTreeMap<ItemId, SyntheticItem>,
    copies: &'a Copies,
    notes: &mut Vec<String>,
) -> Vec<Source<'a>> {
    let mut sources = Vec::new();
    for drive in drives {
        let Some(mut source) = source(drive, items) else {
            notes.push(format!(
                "composed drive {} has no accepted item: passed over",
                drive.log_id
            ));
            continue;
        };
        // Two drives of one recording are one, whatever their names: in two splits they would be known by heart.
        if source.edit.is_none() {
            notes.extend(copies.note(source.host_log_id));
        }
        source.host_log_id = copies.first(source.host_log_id);
        sources.push(source);
    }
    sources.sort_by_key(|source| {
        (
            source.host_log_id,
            source.drive.composed,
            source.drive.log_id.as_str(),
        )
    });
    sources
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
        .with_transactions([transaction(&options.name)]);
    commit.params_digest = digest([format!(
        "{:?}",
        FreezeOptions {
            run_id: String::new(),
            ..options.clone()
        }
    )]);
    commit.seed = Some(options.seed);
    match lake.append(rows, &commit).await {
        Ok(Outcome::Committed { .. }) => Ok(FreezeOutcome::Frozen),
        Ok(Outcome::AlreadyThere { .. }) | Err(driveloop_lake::Error::OtherContent { .. }) => {
            Ok(compare(lake, &options.name, dataset_digest)
                .await?
                .unwrap_or(FreezeOutcome::AlreadyThere))
        }
        Err(error) => Err(error.into()),
    }
}

/// `None` where there is no dataset of the name.
async fn compare(lake: &Lake, name: &str, dataset_digest: &str) -> Result<Option<FreezeOutcome>> {
    let sql = format!(
        "SELECT DISTINCT dataset_digest AS d FROM with_composed.sample WHERE dataset = {}",
        sql_literal(name)
    );
    let batches = lake.query(&sql).await?;
    let frozen = batches.iter().find(|batch| batch.num_rows() > 0);
    let Some(frozen) = frozen else {
        let lost = lake.lost_drives().await?;
        if !lost.iter().any(|lost| lost.dataset == name) {
            return Ok(None);
        }
        return Err(Error::Dataset {
            dataset: name.to_owned(),
            reason: "there was one of this name, and all of its drives were removed: choose another name".into(),
        });
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
