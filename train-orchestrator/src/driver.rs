//! The edge of the state machine: does what [`crate::state`] says, and journals what happens.

use std::pin::pin;
use std::time::Duration;

use crate::attempt::{attempt, cannot_start};
use crate::claim::Claim;
use crate::collect::{Collector, End, Trained};
use crate::error::{Error, Result};
use crate::event::{EventKind, Exit};
use crate::executor::{Ask, Sight, Watch};
use crate::folder::{log_name, modified_ns, tail};
use crate::gate::{Admission, Gate, Grant};
use crate::metrics::{MetricsLine, Summary};
use crate::options::{Job, OnEvent, TrainEvent, TrainOptions, TrainReport};
use crate::predict_step::{of_predict_step, predict_log_name};
use crate::record::Record;
use crate::state::{Action, Phase, State};
use crate::sweep::sweep;
use crate::weights::{model, weights_of};

/// How often it is looked whether somebody wants the run to end, or took it over.
const POLL_EVERY: Duration = Duration::from_secs(1);

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
    pub(crate) running: Option<(Watch, Grant<'a>)>,
    /// The job that this one came after in vain.
    pub(crate) denied: Option<usize>,
}

impl<'a> Driver<'a> {
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
    async fn fail(&mut self, reason: String) -> Result<()> {
        let end = End::Failed {
            reason: reason.clone(),
        };
        self.record_end(end).await?;
        self.note(EventKind::Failed { reason }).await.map(drop)
    }

    async fn record_end(&self, end: End) -> Result<()> {
        let device = Summary::read(&self.claim.folder.metrics())?.device;
        let now_ns = (self.options.clock)();
        let state = &self.record.state;
        self.collector.record_end(end, state, device, now_ns).await
    }

    /// Waits for its time and its slots; `None` where the run is cancelled meanwhile, or cannot go on.
    pub(crate) async fn turn(&mut self, not_before_ns: i64) -> Result<Option<Grant<'a>>> {
        loop {
            let left_ns = not_before_ns.saturating_sub((self.options.clock)());
            let Ok(left_ns @ 1..) = u64::try_from(left_ns) else {
                break;
            };
            self.gate.idle(self.place);
            tokio::time::sleep(Duration::from_nanos(left_ns).min(POLL_EVERY)).await;
            self.record.refresh().await?;
            if self.record.state.next() == Some(Action::Cancel) {
                return Ok(None);
            }
        }
        match self.admission().await? {
            Some(Admission::Granted(grant)) => Ok(Some(grant)),
            Some(Admission::Denied(after)) => {
                self.denied = Some(after);
                let after = self.names[after];
                let reason = format!("job `{after}`, which it comes after, left no model");
                self.fail(reason).await.map(|()| None)
            }
            None => Ok(None),
        }
    }

    /// Starts an attempt when it is its turn. Does nothing where the run is cancelled meanwhile.
    pub(crate) async fn start(&mut self, number: u32, not_before_ns: i64) -> Result<()> {
        let Some(grant) = self.turn(not_before_ns).await? else {
            return Ok(());
        };
        if !self.note(EventKind::Started { attempt: number }).await? {
            return Ok(());
        }
        sweep(self.claim.folder.root()).await?;
        self.fetch_weights().await?;
        let attempt = attempt(
            self.job,
            self.options,
            &self.claim.folder,
            number,
            &grant.gpus,
        )?;
        match attempt.start(self.options.clock.clone())? {
            Ok(watch) => self.running = Some((watch, grant)),
            Err(exit) => self.note(EventKind::Exited { exit }).await.map(drop)?,
        }
        Ok(())
    }

    /// Waits for slots; `None` where the run is cancelled meanwhile.
    async fn admission(&mut self) -> Result<Option<Admission<'a>>> {
        let gate = self.gate;
        let mut asking = pin!(gate.ask(self.place, self.record.state.may_make_room()));
        loop {
            tokio::select! {
                admission = &mut asking => return Ok(Some(admission)),
                () = tokio::time::sleep(POLL_EVERY) => {}
            }
            self.claim.beat.check(&self.job.spec.name)?;
            self.record.refresh().await?;
            if self.record.state.next() == Some(Action::Cancel) {
                return Ok(None);
            }
        }
    }

    /// Brings the weights of the model that this job starts from, and of the jobs before it, into its folder.
    async fn fetch_weights(&self) -> Result<()> {
        let folder = &self.claim.folder;
        let start = self.job.spec.start_from.clone();
        let start = start.map(|model_id| (folder.weights_at_start(), model_id));
        let before = self.gate.models_before(self.place).into_iter();
        let before = before
            .map(|(earlier, model_id)| (folder.weights_before(self.names[earlier]), model_id));
        for (path, model_id) in start.into_iter().chain(before) {
            let lake = self.collector.lake;
            let weights = weights_of(lake, &model(lake, &model_id).await?).await?;
            let parent = path.parent().unwrap_or(&path);
            std::fs::create_dir_all(parent).map_err(Error::io(parent))?;
            std::fs::write(&path, weights).map_err(Error::io(&path))?;
        }
        Ok(())
    }

    /// Watches the worker to its end.
    async fn watch(&mut self) -> Result<()> {
        let Some((mut watch, grant)) = self.running.take() else {
            // The journal says that a worker runs, and this process is the only one that may watch it: both were killed.
            let orphaned = self.orphaned()?;
            return self.note(orphaned).await.map(drop);
        };
        let mut is_stepping = false;
        let mut polled_ns = (self.options.clock)();
        loop {
            match watch.look().await? {
                Sight::Exited(exit) => {
                    sweep(self.claim.folder.root()).await?;
                    sweep(&self.predict_folder().root).await?;
                    let exit = self.checked(exit)?;
                    drop(grant);
                    return self.note(EventKind::Exited { exit }).await.map(drop);
                }
                Sight::Metrics(lines) => self.metrics(lines, &mut is_stepping).await?,
                Sight::Nothing => {}
            }
            let now_ns = (self.options.clock)();
            if u128::from(now_ns.abs_diff(polled_ns)) >= POLL_EVERY.as_nanos() {
                polled_ns = now_ns;
                self.claim.beat.check(&self.job.spec.name)?;
                self.record.refresh().await?;
            }
            let grace_s = self.job.spec.grace_s;
            if self.record.state.cancel_asked {
                watch.ask_to_end(Ask::Cancelled, grace_s);
            }
            if let Some(other) = self.gate.room_for(self.place) {
                let room_for = self.names[other].to_owned();
                let by = format!("made room for job `{room_for}`");
                self.show(&TrainEvent::MakesRoom { room_for });
                watch.ask_to_end(Ask::Preempted(by), grace_s);
            }
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
        if let Some(step) = checkpoints.find_map(|line| line.step) {
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
            Exit::Success => match self.outputs(is_predicting) {
                Ok(()) => Exit::Success,
                Err(error @ Error::Output { .. }) => Exit::UserError {
                    reason: error.to_string(),
                    rank: 0,
                },
                Err(error) => return Err(error),
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

    /// The end of a worker that nobody saw: it lived until its metrics were last written, and what it did until its last
    /// checkpoint counts.
    fn orphaned(&self) -> Result<EventKind> {
        let folder = &self.claim.folder;
        let state = &self.record.state;
        if state.phase == Phase::Predicting {
            let metrics = self.predict_folder().metrics();
            let last_alive_ns = modified_ns(&metrics).unwrap_or(i64::MIN);
            let exit = Exit::Orphaned {
                kept_until_ns: None,
                last_alive_ns: last_alive_ns.max(self.record.last_ns),
            };
            return Ok(EventKind::Exited { exit });
        }
        let metrics = folder.metrics();
        let last_alive_ns = modified_ns(&metrics)
            .unwrap_or(i64::MIN)
            .max(self.record.last_ns);
        let has_new = Summary::read(&metrics)?.checkpoint_step > state.checkpoint_step;
        let kept_until_ns = has_new.then(|| folder.checkpointed_ns()).flatten();
        let exit = Exit::Orphaned {
            kept_until_ns,
            last_alive_ns,
        };
        Ok(EventKind::Exited { exit })
    }

    /// Brings the results into the lake; `None` where the work folder has lost them.
    async fn collect(&mut self) -> Result<Option<TrainReport>> {
        let trained = match self.trained() {
            Ok(None) | Err(Error::Output { .. }) => return Ok(None),
            Ok(Some(trained)) => trained,
            Err(error) => return Err(error),
        };
        let predictions = match self.predictions(&trained) {
            Err(Error::Output { .. }) => return Ok(None),
            predictions => predictions?,
        };
        let now_ns = (self.options.clock)();
        let state = &self.record.state;
        let report = self
            .collector
            .collect(state, &trained, &predictions, now_ns)
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
