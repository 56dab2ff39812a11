//! Runs jobs: those that are there already, those that another orchestrator drives, and those that are to be done here.

use std::collections::BTreeSet;
use std::time::Duration;

use driveloop_lake::Lake;

use crate::claim::{Claimant, Tried};
use crate::collect::Collector;
use crate::driver::{Driver, job_failed};
use crate::error::{Error, Result};
use crate::event::EventKind;
use crate::gate::Gate;
use crate::options::{Job, OnEvent, TrainEvent, TrainOptions, TrainReport, WhenBusy};
use crate::plan::Order;
use crate::record::Record;
use crate::schedule::{Entry, Standing};
use crate::slots::SlotLocks;
use crate::spec::JobSpec;
use crate::state::{Phase, Policy, State};
use crate::weights::model;

/// How often it is looked whether another orchestrator is done.
const WAIT_EVERY: Duration = Duration::from_millis(500);
/// Looks at one that is not waited for: somebody may only have looked at the lock.
const LOOKS_BEFORE_REFUSAL: u32 = 3;

/// Runs a job to its end, or completes it where an earlier run of it was cut off, and brings its results into the lake.
///
/// The same specification and dataset are trained once: a second call returns what the lake has. After a failure the job
/// can be run again; it goes on from its last checkpoint with new budgets.
///
/// # Errors
/// [`Error::TooLarge`] when the machine has too few slots, [`Error::JobFailed`] when the budgets of attempts are used up,
/// [`Error::CannotStart`] when trying again would not help, [`Error::Cancelled`] when somebody cancelled it,
/// [`Error::Interrupted`] when this process was asked to end by [`TrainOptions::stop`], [`Error::Busy`] when another orchestrator drives the job and is not waited for; otherwise when specification, files or lake fail.
pub async fn train(
    lake: &Lake,
    job: &Job,
    options: &TrainOptions,
    on_event: OnEvent<'_>,
) -> Result<TrainReport> {
    let mut reports = train_all(lake, std::slice::from_ref(job), options, on_event).await?;
    reports.pop().unwrap_or_else(|| {
        let reason = "expected a job".to_owned();
        Err(Error::Spec { reason })
    })
}

/// Runs jobs as [`train`] does, as many at a time as there are slots, in the order of their dependencies and priorities. What
/// becomes of one job changes nothing for those that do not come after it.
///
/// # Errors
/// Before anything is begun, when a specification is wrong, asks for more than there is, or starts from a model that the lake
/// has not.
pub async fn train_all(
    lake: &Lake,
    jobs: &[Job],
    options: &TrainOptions,
    on_event: OnEvent<'_>,
) -> Result<Vec<Result<TrainReport>>> {
    jobs.iter().try_for_each(|job| job.spec.check())?;
    let order = Order::of(&jobs.iter().map(|job| &job.spec).collect::<Vec<_>>())?;
    let run_ids = run_ids(jobs, &order);
    let mut there = Vec::with_capacity(jobs.len());
    let mut entries = Vec::with_capacity(jobs.len());
    for (place, job) in jobs.iter().enumerate() {
        let collector = collector(lake, job, options, &run_ids[place]);
        let report = collector.already_there().await?;
        let request = match &report {
            Some(_) => None,
            None => Some(options.machine.request(&job.spec)?),
        };
        if report.is_none()
            && let Some(model_id) = &job.spec.start_from
        {
            model(lake, model_id).await?;
        }
        entries.push(Entry {
            priority: job.spec.priority,
            request: request.unwrap_or_default(),
            after: order.after[place].clone(),
            may_make_room: true,
            standing: Standing::Idle,
        });
        there.push(report);
    }
    let _listening = options.stop.listen();
    let slots = SlotLocks::new(&options.work_dir, options.machine.clone())?;
    let names: Vec<&str> = jobs.iter().map(|job| job.spec.name.as_str()).collect();
    let queue = Queue {
        lake,
        options,
        on_event,
        names: &names,
        gate: &Gate::new(slots, entries),
    };
    let runs = jobs
        .iter()
        .zip(there)
        .enumerate()
        .map(|(place, (job, there))| {
            let (queue, run_id) = (&queue, &run_ids[place]);
            async move {
                let report = match there {
                    Some(report) => Ok(report),
                    None => queue.run(place, job, run_id).await,
                };
                let model_id = report.as_ref().ok().map(|report| report.model_id.clone());
                queue.gate.end(place, model_id);
                report
            }
        });
    tokio::select! {
        reports = futures::future::join_all(runs) => Ok(reports),
        Err(error) = queue.gate.serve() => Err(error),
    }
}

/// The identities of the runs. That of one that comes after others is a function of theirs.
fn run_ids(jobs: &[Job], order: &Order) -> Vec<String> {
    let mut run_ids = vec![String::new(); jobs.len()];
    for place in &order.sorted {
        let job = &jobs[*place];
        let before: Vec<&str> = order.after[*place]
            .iter()
            .map(|earlier| run_ids[*earlier].as_str())
            .collect();
        run_ids[*place] = job.spec.run_id_after(&job.dataset_digest, &before);
    }
    run_ids
}

fn collector<'a>(
    lake: &'a Lake,
    job: &'a Job,
    options: &'a TrainOptions,
    run_id: &'a str,
) -> Collector<'a> {
    Collector {
        lake,
        spec: &job.spec,
        dataset_digest: &job.dataset_digest,
        run_id,
        inputs: &options.inputs,
        commit_run_id: options.run_id.as_deref().unwrap_or(run_id),
    }
}

/// The budgets of a job, and the seed of its chance: jobs that differ in nothing but the seed do not wait alike.
pub(crate) fn policy(spec: &JobSpec, run_id: &str) -> Policy {
    Policy {
        retries: spec.retries,
        jitter_seed: u64::from_str_radix(run_id, 16).unwrap_or_default(),
        predicts: spec.trainer.predicts(),
    }
}

/// The jobs of one call.
struct Queue<'a> {
    lake: &'a Lake,
    options: &'a TrainOptions,
    on_event: OnEvent<'a>,
    names: &'a [&'a str],
    gate: &'a Gate,
}

impl<'a> Queue<'a> {
    /// Claims a run and drives it; waits where another orchestrator does.
    async fn run(&self, place: usize, job: &'a Job, run_id: &'a str) -> Result<TrainReport> {
        let Queue { lake, options, .. } = *self;
        let clock = options.clock.clone();
        let collector = collector(lake, job, options, run_id);
        let submission = EventKind::Submitted {
            name: job.spec.name.clone(),
            spec_digest: job.spec.digest(),
            dataset_digest: job.dataset_digest.clone(),
            spec: Some(Box::new(job.spec.clone())),
        };
        let mut record = Record::open(lake, run_id, policy(&job.spec, run_id), clock).await?;
        let mut claimant = Claimant::new(lake, options, run_id);
        let (mut waits, mut was_live) = (0, false);
        loop {
            match claimant.try_once(&mut record, &submission).await? {
                Tried::Ours(claim) => {
                    let driver = Driver {
                        job,
                        place,
                        names: self.names,
                        options,
                        collector,
                        gate: self.gate,
                        on_event: self.on_event,
                        record,
                        claim,
                        running: None,
                        denied: None,
                        said_unused: BTreeSet::new(),
                    };
                    return driver.drive().await;
                }
                Tried::Again => {}
                Tried::Busy(by) => {
                    waits += 1;
                    self.gate.idle(place);
                    if let Some(by) = options.stop.asked() {
                        return Err(Error::Interrupted {
                            name: job.spec.name.clone(),
                            by: by.to_owned(),
                            step: record.state.checkpoint_step,
                        });
                    }
                    self.busy(job, by, waits)?;
                    tokio::time::sleep(WAIT_EVERY).await;
                }
            }
            record.refresh().await?;
            was_live |= waits > 0 && record.state.phase.is_live();
            if was_live && let Some(end) = ended(&job.spec.name, &record.state) {
                return end;
            }
            if was_live
                && record.state.phase == Phase::Collected
                && let Some(report) = collector.already_there().await?
            {
                return Ok(report);
            }
        }
    }

    /// Says once that another orchestrator is waited for; an error where it is not to be.
    fn busy(&self, job: &Job, by: String, waits: u32) -> Result<()> {
        let name = job.spec.name.as_str();
        match self.options.when_busy {
            WhenBusy::Refuse if waits >= LOOKS_BEFORE_REFUSAL => Err(Error::Busy {
                job: name.to_owned(),
                by,
            }),
            WhenBusy::Wait if waits == 1 => {
                (self.on_event)(name, &TrainEvent::Busy { by });
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// The failure of a run that was waited for: it is not run again, as its budget is used up.
fn ended(name: &str, state: &State) -> Option<Result<TrainReport>> {
    match &state.phase {
        Phase::Failed { reason } => Some(Err(job_failed(name.to_owned(), state, reason))),
        Phase::Cancelled => Some(Err(Error::Cancelled {
            name: name.to_owned(),
        })),
        _ => None,
    }
}
