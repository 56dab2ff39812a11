//! The runs that are under way, seen from outside: by any process, on any machine.

use std::path::PathBuf;
use std::time::Duration;

use driveloop_lake::{Lake, Versions, sql_literal};
use driveloop_schemas::TrainingRun;

use crate::alive::orphaned;
use crate::claim::{Beaten, Silence};
use crate::clock::Clock;
use crate::collect::{Collector, End};
use crate::error::{Error, Result};
use crate::event::{EventKind, Owner};
use crate::folder::{Hold, log_name};
use crate::machine::host;
use crate::metrics::Summary;
use crate::predict_step::{PredictFolder, predict_log_name};
use crate::record::Record;
use crate::spec::{JobSpec, Retries};
use crate::state::{Action, Phase, Policy, State};
use crate::sweep::sweep;

/// An owner of another machine whose last sign of life is older than this is shown as silent, and counts as dead for one who
/// cancels its run and has listened for so long.
const SILENT_AFTER: Duration = Duration::from_secs(90);
/// How often it is looked whether a run that is to end has ended.
const WAIT_EVERY: Duration = Duration::from_millis(200);

/// Whether somebody works on a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driven {
    /// Its orchestrator lives.
    Yes,
    /// Its orchestrator is dead, or was not heard of for too long: `driveloop train` goes on with it.
    No,
}

/// A run as its journal has it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunView {
    /// Identity.
    pub run_id: String,
    /// Name of the job.
    pub name: String,
    /// The specification; `None` where an older version submitted it.
    pub spec: Option<JobSpec>,
    /// Where it stands.
    pub state: State,
    /// Whether somebody works on it.
    pub driven: Driven,
}

impl RunView {
    /// Logs of the processes of an attempt, by rank, on the machine of the owner; of the last attempt where none is named, and of
    /// its predict step where that runs or has failed. Empty where none was begun.
    #[must_use]
    pub fn logs(&self, attempt: Option<u32>) -> Vec<PathBuf> {
        let is_of_predict_step = attempt.is_none()
            && self.state.predict_attempts > 0
            && matches!(
                self.state.phase,
                Phase::Predicting | Phase::GivenUp { .. } | Phase::Failed { .. }
            );
        let attempt = attempt.unwrap_or(self.state.attempts);
        let Some(owner) = self.state.owner.as_ref().filter(|_| attempt > 0) else {
            return Vec::new();
        };
        if is_of_predict_step {
            return vec![PathBuf::from(&owner.folder).join(predict_log_name(&self.state))];
        }
        let processes = self.spec.as_ref().map_or(1, |spec| spec.processes);
        let log = |rank| PathBuf::from(&owner.folder).join(log_name(attempt, rank));
        (0..processes).map(log).collect()
    }
}

/// The runs that are under way, in the order of their names. Runs that left a model are known by their rows alone.
///
/// # Errors
/// When the lake fails.
pub async fn runs_under_way(lake: &Lake, clock: &Clock) -> Result<Vec<RunView>> {
    let rows = lake.read::<TrainingRun>(None).await?;
    let is_there = |run_id: &String| {
        rows.iter()
            .any(|row| row.run_id == *run_id && row.model_id.is_some())
    };
    let mut views = Vec::new();
    for run_id in Record::run_ids(lake).await? {
        if !is_there(&run_id) {
            let view = view(lake, &run_id, clock).await?;
            views.extend(view.filter(|view| view.state.phase.is_live()));
        }
    }
    views.sort_by(|a, b| (&a.name, &a.run_id).cmp(&(&b.name, &b.run_id)));
    Ok(views)
}

/// The run of a name or identity: one that is under way, or else the last one to have been begun.
///
/// # Errors
/// [`Error::Unknown`] where there is none.
pub async fn find_run(lake: &Lake, name: &str, clock: &Clock) -> Result<RunView> {
    let is_meant = |view: &RunView| view.name == name || view.run_id == name;
    let under_way = runs_under_way(lake, clock).await?;
    if let Some(found) = under_way.into_iter().find(is_meant) {
        return Ok(found);
    }
    let name_literal = sql_literal(name);
    let filter = format!("name = {name_literal} OR run_id = {name_literal}");
    let mut last: Option<(i64, RunView)> = None;
    for row in lake.read::<TrainingRun>(Some(&filter)).await? {
        let record = open(lake, &row.run_id, clock).await?;
        let at_ns = record.last_ns;
        if last.as_ref().is_none_or(|(last_ns, _)| *last_ns < at_ns) {
            last = Some((at_ns, seen(record, Driven::No)));
        }
    }
    last.map(|(_, view)| view).ok_or_else(|| Error::Unknown {
        what: "run",
        name: name.to_owned(),
    })
}

/// Ends a run that is under way, and waits until it has ended. Where its orchestrator is dead, the run is ended here.
///
/// # Errors
/// [`Error::Unknown`] where no run of that name or identity is under way.
pub async fn cancel(lake: &Lake, name: &str, by: &str, clock: &Clock) -> Result<RunView> {
    let found = runs_under_way(lake, clock).await?;
    let is_meant = |view: &&RunView| view.name == name || view.run_id == name;
    let Some(found) = found.iter().find(is_meant) else {
        return Err(Error::Unknown {
            what: "unfinished run",
            name: name.to_owned(),
        });
    };
    let mut record = open(lake, &found.run_id, clock).await?;
    let by = by.to_owned();
    record.note(EventKind::CancelAsked { by }).await?;
    let mut silence = Silence::default();
    while record.state.phase.is_live() {
        if is_dead(lake, &record, &mut silence, clock).await? {
            end_without_owner(lake, &mut record).await?;
        } else {
            tokio::time::sleep(WAIT_EVERY).await;
            record.refresh().await?;
        }
    }
    Ok(seen(record, Driven::No))
}

/// Does what the dead orchestrator would have done. A worker that nobody watches any more is dead with it.
async fn end_without_owner(lake: &Lake, record: &mut Record) -> Result<()> {
    match record.state.phase {
        Phase::Running | Phase::Predicting => {
            let owner = record.state.owner.as_ref();
            let folder = owner.filter(|owner| hold_here(owner) == Hold::Free);
            let folder = folder.map(|owner| PathBuf::from(&owner.folder));
            if let Some(folder) = &folder {
                sweep(folder).await?;
                sweep(&PredictFolder::of(folder).root).await?;
            }
            let beat = Beaten::last(lake.store(), &record.run_id).await?;
            let beat = beat.map(|beat| beat.at);
            let end = orphaned(&record.state, folder.as_deref(), beat.as_ref());
            record.note(end).await?;
        }
        _ if record.state.next() == Some(Action::Cancel) => {
            if let Some(spec) = record.spec.clone() {
                let inputs = Versions::new();
                let collector = Collector {
                    lake,
                    spec: &spec,
                    dataset_digest: &record.dataset_digest,
                    run_id: &record.run_id,
                    inputs: &inputs,
                    commit_run_id: &record.run_id,
                };
                collector
                    .record_end(
                        End::Cancelled,
                        &record.state,
                        &Summary::default(),
                        record.elapsed_ns(),
                    )
                    .await?;
            }
            record.note(EventKind::Cancelled).await?;
        }
        _ => {
            // It ended before it was cancelled, and only its results are missing: that is not for this process to do.
            return Err(Error::Busy {
                job: record.name.clone(),
                by: "nobody, and has ended: `driveloop train` brings its results into the lake"
                    .to_owned(),
            });
        }
    }
    Ok(())
}

/// What this machine knows of an owner.
fn hold_here(owner: &Owner) -> Hold {
    if owner.host == host() {
        Hold::of(owner)
    } else {
        Hold::Unknown
    }
}

async fn view(lake: &Lake, run_id: &str, clock: &Clock) -> Result<Option<RunView>> {
    let record = open(lake, run_id, clock).await?;
    if !record.state.phase.is_live() {
        return Ok(None);
    }
    let driven = driven(lake, &record, clock).await?;
    Ok(Some(seen(record, driven)))
}

fn seen(record: Record, driven: Driven) -> RunView {
    RunView {
        run_id: record.run_id,
        name: record.name,
        spec: record.spec.map(|spec| *spec),
        state: record.state,
        driven,
    }
}

/// Opens a journal with the budgets that it was submitted with.
async fn open(lake: &Lake, run_id: &str, clock: &Clock) -> Result<Record> {
    let policy = |retries, predicts| Policy {
        retries,
        jitter_seed: 0,
        predicts,
    };
    let unknown = policy(Retries::default(), false);
    let record = Record::open(lake, run_id, unknown, clock.clone()).await?;
    let submitted = record
        .spec
        .as_ref()
        .map(|spec| policy(spec.retries, spec.trainer.predicts()));
    match submitted {
        Some(submitted) if submitted != unknown => {
            Record::open(lake, run_id, submitted, clock.clone()).await
        }
        _ => Ok(record),
    }
}

/// Whether nobody drives a run any more. Of another machine's owner this is known when it has been silent for long enough, by
/// the clock of this process.
async fn is_dead(
    lake: &Lake,
    record: &Record,
    silence: &mut Silence,
    clock: &Clock,
) -> Result<bool> {
    match record.state.owner.as_ref().map(hold_here) {
        None | Some(Hold::Free) => Ok(true),
        Some(Hold::Held) => Ok(false),
        Some(Hold::Unknown) => {
            let (store, run_id) = (lake.store(), &record.run_id);
            silence.of_run(store, run_id, SILENT_AFTER, clock).await
        }
    }
}

/// Whether somebody works on a run, as far as one look tells. For an owner of another machine that is what the clocks of both say.
async fn driven(lake: &Lake, record: &Record, clock: &Clock) -> Result<Driven> {
    let is_alive = match record.state.owner.as_ref().map(hold_here) {
        None | Some(Hold::Free) => false,
        Some(Hold::Held) => true,
        Some(Hold::Unknown) => {
            let beat = Beaten::last(lake.store(), &record.run_id).await?;
            let silent_ns = beat.map(|beat| clock.moment().since(&beat.at));
            silent_ns.is_some_and(|ns| i128::from(ns) < SILENT_AFTER.as_nanos() as i128)
        }
    };
    Ok(if is_alive { Driven::Yes } else { Driven::No })
}
