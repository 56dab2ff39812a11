//! The edge of the state machine: does what [`crate::state`] says, and journals what happens.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use crate::alive::{Alive, orphaned};
use crate::attempt::cannot_start;
use crate::claim::Claim;
use crate::collect::{Collector, End, Trained};
use crate::error::{Error, Result};
use crate::event::{EventKind, Exit};
use crate::executor::{Ask, Sight, Watch};
use crate::folder::{fault_of_output, log_name, tail};
use crate::gate::{Gate, Grant};
use crate::gpu::GpuWatch;
use crate::line::MetricsLine;
use crate::metrics::Summary;
use crate::options::{Job, OnEvent, TrainEvent, TrainOptions, TrainReport};
use crate::predict_step::{of_predict_step, predict_log_name};
use crate::record::Record;
use crate::state::{Action, Phase, State};
use crate::sweep::sweep;

/// How often it is looked whether somebody wants the run to end, or took it over, and noted that the worker lives.
pub(crate) const POLL_EVERY: Duration = Duration::from_secs(1);
/// How many of these looks are from one measurement of the CPU time of a running worker to the next: it reads all processes.
const POLLS_PER_MEASUREMENT: u32 = 5;

/// Drives one run that this process has claimed.
pub(crate) struct Driver<'a> {
    pub(crate) job: &'a Job,
    /// Its place in the queue.
    pub(crate) place: usize,
    /// Names of all jobs of the queue.
    pub(crate) names: &'a [&'a str],
    pub(crate) options: &'a TrainOptions,
    pub(crate) collector: Collector<'a>,
    pub(crate) gate: &'a Gate,
    pub(crate) on_event: OnEvent<'a>,
    pub(crate) record: Record,
    pub(crate) claim: Claim,
    pub(crate) running: Option<(Watch, GpuWatch, Grant<'a>)>,
    /// The job that this one came after in vain.
    pub(crate) denied: Option<usize>,
    /// What of the metrics was said to be of no use.
    pub(crate) said_unused: BTreeSet<&'static str>,
}

impl Driver<'_> {
    /// Does one action after another, until the run is collected, given up or cancelled.
    pub(crate) async fn drive(mut self) -> Result<TrainReport> {
        loop {
            self.claim.beat.check(&self.job.spec.name)?;
            let action = match self.record.state.next() {
                // The lake has no row of the run, else nobody would have come here: the table was lost.
                None if self.record.state.phase == Phase::Collected => self.collect_again(),
                None => return Err(self.failed()),
                Some(action) => action,
            };
            if !matches!(action, Action::Start { .. } | Action::Predict { .. }) {
                self.gate.idle(self.place);
            } else if let Some(by) = self.options.stop.asked() {
                return Err(self.interrupted(by));
            }
            match action {
                Action::Start {
                    attempt,
                    not_before_ns,
                } => self.start(attempt, not_before_ns).await?,
                Action::Predict {
                    attempt,
                    not_before_ns,
                } => self.start_predicting(attempt, not_before_ns).await?,
                Action::Watch | Action::Stop => self.watch().await?,
                Action::Succeed => self.note(EventKind::Succeeded).await.map(drop)?,
                Action::Fail { reason } => self.fail(reason).await?,
                Action::Cancel => {
                    self.record_end(End::Cancelled).await?;
                    self.note(EventKind::Cancelled).await?;
                }
                Action::Collect => match self.collect().await? {
                    Some(report) => return Ok(report),
                    None => self.do_again().await?,
                },
            }
        }
    }

    /// What is to be done for a run that is collected and whose rows the lake has lost.
    fn collect_again(&self) -> Action {
        let state = &self.record.state;
        if !state.lacks_predictions() {
            return Action::Collect;
        }
        Action::Predict {
            attempt: state.predict_attempts + 1,
            not_before_ns: i64::MIN,
        }
    }

    /// Makes again what the work folder has lost: the predictions, or the weights too.
    async fn do_again(&mut self) -> Result<()> {
        let state = &self.record.state;
        if self.job.spec.trainer.predicts() {
            self.start_predicting(state.predict_attempts + 1, i64::MIN)
                .await
        } else {
            self.start(state.attempts + 1, i64::MIN).await
        }
    }

    /// Journals what happened, and shows it. `false` where it cannot happen any more.
    pub(crate) async fn note(&mut self, kind: EventKind) -> Result<bool> {
        let noted = self.record.note(kind).await?;
        let is_noted = noted.is_some();
        if let Some(event) = noted {
            self.show(&TrainEvent::Journal(event));
        }
        Ok(is_noted)
    }

    /// The row is written before the entry: whoever finds the run ended finds the row.
    pub(crate) async fn fail(&mut self, reason: String) -> Result<()> {
        let end = End::Failed {
            reason: reason.clone(),
        };
        self.record_end(end).await?;
        self.note(EventKind::Failed { reason }).await.map(drop)
    }

    async fn record_end(&self, end: End) -> Result<()> {
        let summary = Summary::read(&self.claim.folder.metrics())?;
        let elapsed_ns = self.record.elapsed_ns();
        let state = &self.record.state;
        self.collector
            .record_end(end, state, &summary, elapsed_ns)
            .await
    }

    /// Watches the worker to its end.
    async fn watch(&mut self) -> Result<()> {
        let Some((mut watch, gpus, grant)) = self.running.take() else {
            // The journal says that a worker runs, and this process is the only one that may watch it: both were killed.
            let orphaned = self.orphaned();
            return self.note(orphaned).await.map(drop);
        };
        let mut is_stepping = false;
        let (mut polled_ns, mut polls, mut cpu_ns) = (i64::MIN, 0, 0);
        loop {
            match watch.look().await? {
                Sight::Exited(exit) => {
                    sweep(self.claim.folder.root()).await?;
                    sweep(&self.predict_folder().root).await?;
                    let exit = self.checked(exit)?;
                    let cpu_ns = Some(watch.cpu_ns());
                    drop(grant);
                    let exited = EventKind::Exited {
                        exit,
                        cpu_ns,
                        gpu_ns: gpus.busy_ns(),
                    };
                    return self.note(exited).await.map(drop);
                }
                Sight::Metrics(lines, unused) => {
                    self.say_unused(unused);
                    self.metrics(lines, &mut is_stepping).await?;
                }
                Sight::Nothing => {}
            }
            let now_ns = self.options.clock.monotonic_ns();
            if u128::from(now_ns.abs_diff(polled_ns)) >= POLL_EVERY.as_nanos() {
                polled_ns = now_ns;
                if polls % POLLS_PER_MEASUREMENT == 0 {
                    cpu_ns = watch.cpu_ns();
                }
                polls += 1;
                self.note_alive(cpu_ns, gpus.busy_ns());
                self.claim.beat.check(&self.job.spec.name)?;
                self.record.refresh().await?;
            }
            self.ask_to_end(&mut watch);
        }
    }

    /// Asks the worker to end where somebody wants that.
    fn ask_to_end(&self, watch: &mut Watch) {
        let grace_s = self.job.spec.grace_s;
        if self.record.state.cancel_asked {
            watch.ask_to_end(Ask::Cancelled, grace_s);
        }
        if let Some(by) = self.options.stop.asked() {
            watch.ask_to_end(Ask::Interrupted(by.to_owned()), grace_s);
        }
        if let Some(other) = self.gate.room_for(self.place) {
            let room_for = self.names[other].to_owned();
            let by = format!("made room for job `{room_for}`");
            self.show(&TrainEvent::MakesRoom { room_for });
            watch.ask_to_end(Ask::Preempted(by), grace_s);
        }
    }

    /// For whoever finds that this process was killed.
    fn note_alive(&self, cpu_ns: i64, gpu_ns: Option<i64>) {
        let alive = Alive {
            attempt: self.record.state.attempts,
            at: self.options.clock.moment(),
            cpu_ns,
            gpu_ns,
        };
        alive.write(&self.claim.folder.alive());
    }

    /// Says once of each field that it cannot be used.
    fn say_unused(&mut self, unused: Vec<(&'static str, String)>) {
        for (what, text) in unused {
            if self.said_unused.insert(what) {
                let what = what.to_owned();
                self.show(&TrainEvent::MetricsUnused { what, text });
            }
        }
    }

    pub(crate) fn check_stop(&self) -> Result<()> {
        match self.options.stop.asked() {
            Some(by) => Err(self.interrupted(by)),
            None => Ok(()),
        }
    }

    fn interrupted(&self, by: &str) -> Error {
        Error::Interrupted {
            name: self.job.spec.name.clone(),
            by: by.to_owned(),
            step: self.record.state.checkpoint_step,
        }
    }

    pub(crate) fn busy_folder(&self) -> Error {
        Error::Busy {
            job: self.job.spec.name.clone(),
            by: "another process of this machine, which took its folder when that was removed"
                .to_owned(),
        }
    }

    async fn metrics(&mut self, lines: Vec<MetricsLine>, is_stepping: &mut bool) -> Result<()> {
        if self.record.state.phase == Phase::Predicting {
            return Ok(()); // A sign of life, and no steps.
        }
        if let (false, Some(step)) = (*is_stepping, lines.iter().find_map(|line| line.step)) {
            self.note(EventKind::Stepping { step }).await?;
            *is_stepping = true;
        }
        let mut checkpoints = lines.iter().rev().filter(|line| line.is("checkpoint"));
        let known = self.record.state.checkpoint_step;
        // A file that is read again from its beginning says again what is known.
        let is_new = |step: &u64| *step > known || known == 0;
        if let Some(step) = checkpoints.find_map(|line| line.step).filter(is_new) {
            self.note(EventKind::Checkpointed { step }).await?;
        }
        for line in lines {
            self.show(&TrainEvent::Metrics(line));
        }
        Ok(())
    }

    /// A success with outputs that are not what the contract asks for is none.
    fn checked(&self, exit: Exit) -> Result<Exit> {
        let is_predicting = self.record.state.phase == Phase::Predicting;
        let exit = match exit {
            // What was left running until now may have changed the outputs.
            Exit::Success => match (
                self.fault_of_output(is_predicting),
                self.outputs(is_predicting),
            ) {
                (Some(fault), _) => Exit::UserError {
                    reason: format!("exit status 0, but {fault}"),
                    rank: 0,
                },
                (None, Ok(())) => Exit::Success,
                (None, Err(error @ Error::Output { .. })) => Exit::UserError {
                    reason: error.to_string(),
                    rank: 0,
                },
                (None, Err(error)) => return Err(error),
            },
            exit => exit,
        };
        Ok(if is_predicting {
            of_predict_step(exit)
        } else {
            exit
        })
    }

    /// Whether the outputs of the step are what the contract asks for.
    fn outputs(&self, is_predicting: bool) -> Result<()> {
        let missing = || Error::output(&self.claim.folder.weights(), "no weights");
        let trained = self.trained()?.ok_or_else(missing)?;
        if is_predicting {
            self.predictions(&trained)?;
        }
        Ok(())
    }

    /// What the training left; `None` where it is not there.
    pub(crate) fn trained(&self) -> Result<Option<Trained>> {
        let run_id = self.collector.run_id;
        Trained::read(&self.claim.folder, &self.job.spec, run_id)
    }

    fn show(&self, event: &TrainEvent) {
        (self.on_event)(&self.job.spec.name, event);
    }

    /// The end of a worker that nobody saw.
    fn orphaned(&self) -> EventKind {
        let state = &self.record.state;
        let Some((before, beat)) = &self.claim.before else {
            return orphaned(state, Some(self.claim.folder.root()), None);
        };
        let is_here = before.host == self.options.host;
        let folder = is_here.then_some(Path::new(&before.folder));
        orphaned(state, folder, beat.as_ref())
    }

    /// What is wrong with the output of the step, as far as that is seen without reading it.
    fn fault_of_output(&self, is_predicting: bool) -> Option<String> {
        let path = if is_predicting {
            self.predict_folder().predictions()
        } else {
            self.claim.folder.weights()
        };
        fault_of_output(&path, self.options.limits.output_bytes_max)
    }

    /// Brings the results into the lake; `None` where the work folder has lost them.
    async fn collect(&mut self) -> Result<Option<TrainReport>> {
        if self.fault_of_output(false).is_some() {
            return Ok(None);
        }
        let trained = match self.trained() {
            Ok(None) | Err(Error::Output { .. }) => return Ok(None),
            Ok(Some(trained)) => trained,
            Err(error) => return Err(error),
        };
        let predictions = match self.predictions(&trained) {
            Err(Error::Output { .. }) => return Ok(None),
            predictions => predictions?,
        };
        let elapsed_ns = self.record.elapsed_ns();
        let state = &self.record.state;
        let report = self
            .collector
            .collect(state, &trained, &predictions, elapsed_ns)
            .await?;
        if self.record.state.phase == Phase::Succeeded {
            let model_id = report.model_id.clone();
            self.note(EventKind::Collected { model_id }).await?;
        }
        Ok(Some(report))
    }

    /// The error of a run that ended without a model.
    fn failed(&self) -> Error {
        let name = self.job.spec.name.clone();
        if let Some(after) = self.denied {
            let after = self.names[after].to_owned();
            return Error::After { name, after };
        }
        let state = &self.record.state;
        match &state.phase {
            Phase::Failed { reason } if !is_used_up(state) => {
                cannot_start(self.job, self.options, state, reason.clone())
            }
            Phase::Failed { reason } => job_failed(name, state, reason),
            _ => Error::Cancelled { name },
        }
    }
}

fn is_used_up(state: &State) -> bool {
    let retries = state.policy.retries;
    state.user_errors > retries.user_errors
        || state.lost_workers > retries.lost_workers
        || state.out_of_memory > retries.out_of_memory
        || state.preemptions > retries.preemptions
}

/// The error of a run whose budget is used up, with the end of the log that tells why.
pub(crate) fn job_failed(name: String, state: &State, reason: &str) -> Error {
    let folder = state
        .owner
        .as_ref()
        .map_or("", |owner| owner.folder.as_str());
    let (attempts, log) = match state.predict_attempts {
        0 => (state.attempts, log_name(state.attempts, state.last_rank)),
        attempts => (attempts, predict_log_name(state)),
    };
    let log = std::path::Path::new(folder).join(log);
    Error::JobFailed {
        name,
        attempts,
        reason: reason.to_owned(),
        tail: tail(&log),
        log,
    }
}
