//! The edge of the state machine: does what [`crate::state`] says, and journals what happens.

use std::path::Path;

use driveloop_lake::{Journal, Lake};

use crate::collect::{Collector, Results};
use crate::error::{Error, Result};
use crate::executor::{Attempt, Sight, Watch};
use crate::folder::{Folder, tail};
use crate::metrics::MetricsLine;
use crate::options::{TrainEvent, TrainOptions, TrainReport};
use crate::spec::{JobSpec, Trainer};
use crate::state::{Action, Event, EventKind, Exit, Phase, State};

/// What to do where a program does not start.
const HINT_WORKER: &str =
    "run `make setup`, or set LIBTORCH (to build) or LD_LIBRARY_PATH (to run) to a libtorch 2.11";
const HINT_COMMAND: &str = "is the program of the job's `trainer` installed and on PATH?";

/// Runs a job to its end, or completes it where an earlier run of it was cut off, and brings its results into the lake.
///
/// The same specification and dataset are trained once: a second call returns what the lake has. After a failure the job
/// can be run again; it goes on from its last checkpoint with new budgets.
///
/// # Errors
/// [`Error::JobFailed`] when the budgets of attempts are used up, [`Error::CannotStart`] when trying again would not help,
/// [`Error::Busy`] when the job runs already; otherwise when specification, files or lake fail.
pub async fn train(
    lake: &Lake,
    spec: &JobSpec,
    options: &TrainOptions,
    on_event: &(dyn Fn(&TrainEvent) + Send + Sync),
) -> Result<TrainReport> {
    spec.check()?;
    let run_id = spec.run_id(&options.dataset_digest);
    let collector = Collector {
        lake,
        spec,
        options,
        run_id: &run_id,
    };
    if let Some(report) = collector.already_there().await? {
        return Ok(report);
    }
    let folder = Folder::lock(&options.work_dir, &run_id)?;
    let journal = Journal::open(lake, &format!("train-{run_id}")).await?;
    let events: Vec<Event> = journal.entries().await?;
    let (state, actions) = State::replay(spec.retries, &events)?;
    let last_ns = events.last().map_or(i64::MIN, |event| event.at_ns);
    let mut driver = Driver {
        collector,
        folder,
        journal,
        state,
        watch: None,
        last_ns,
        on_event,
    };
    let first = match driver.state.phase {
        Phase::New | Phase::Failed => driver.submit().await?,
        // The lake has no row of the run, else this would not have been reached: the table was lost. Collect again.
        Phase::Collected => vec![Action::Collect],
        _ => actions,
    };
    driver.drive(first).await
}

struct Driver<'a> {
    collector: Collector<'a>,
    folder: Folder,
    journal: Journal,
    state: State,
    watch: Option<Watch>,
    /// Time of the last entry.
    last_ns: i64,
    on_event: &'a (dyn Fn(&TrainEvent) + Send + Sync),
}

impl Driver<'_> {
    /// Does one action after another, until the run is collected or given up.
    async fn drive(mut self, mut actions: Vec<Action>) -> Result<TrainReport> {
        let mut failure = String::new();
        loop {
            let Some(action) = actions.pop() else {
                return Err(self.failed(failure));
            };
            actions = match action {
                Action::Start { attempt, after_s } => self.start(attempt, after_s).await?,
                Action::Watch => self.watch().await?,
                Action::Succeed => self.note(EventKind::Succeeded).await?,
                Action::Fail { reason } => {
                    failure.clone_from(&reason);
                    let actions = self.note(EventKind::Failed { reason }).await?;
                    self.collector
                        .record_failure(&self.state, &self.folder)
                        .await?;
                    actions
                }
                Action::Collect => match self.collect().await? {
                    Some(report) => return Ok(report),
                    None => vec![Action::Start {
                        attempt: self.state.attempts + 1,
                        after_s: 0.0,
                    }],
                },
            };
        }
    }

    async fn submit(&mut self) -> Result<Vec<Action>> {
        let Collector { spec, options, .. } = self.collector;
        let (name, spec_digest) = (spec.name.clone(), spec.digest());
        let dataset_digest = options.dataset_digest.clone();
        self.note(EventKind::Submitted {
            name,
            spec_digest,
            dataset_digest,
        })
        .await
    }

    /// Journals what happened; what follows from it may only be done after that.
    async fn note(&mut self, kind: EventKind) -> Result<Vec<Action>> {
        self.last_ns = self.last_ns.max((self.collector.options.clock)());
        let event = Event {
            at_ns: self.last_ns,
            kind,
        };
        let (state, actions) = self.state.clone().after(&event)?;
        self.journal.append(&event).await?;
        self.state = state;
        (self.on_event)(&TrainEvent::Journal(event));
        Ok(actions)
    }

    async fn start(&mut self, attempt: u32, after_s: f64) -> Result<Vec<Action>> {
        tokio::time::sleep(std::time::Duration::from_secs_f64(after_s)).await;
        let actions = self.note(EventKind::Started { attempt }).await?;
        let started = self
            .attempt(attempt)?
            .start(self.collector.options.clock.clone())?;
        match started {
            Ok(watch) => {
                self.watch = Some(watch);
                Ok(actions)
            }
            Err(exit) => self.note(EventKind::Exited { exit }).await,
        }
    }

    /// Watches the worker to its end.
    async fn watch(&mut self) -> Result<Vec<Action>> {
        let Some(mut watch) = self.watch.take() else {
            // The journal says that a worker runs, and the lock that nobody else watches it: both were killed.
            let last_alive_ns = self.last_sign_of_life_ns();
            return self
                .note(EventKind::Exited {
                    exit: Exit::Orphaned { last_alive_ns },
                })
                .await;
        };
        let mut is_stepping = false;
        loop {
            let lines = match watch.next().await? {
                Sight::Exited(exit) => {
                    let exit = self.checked(exit)?;
                    return self.note(EventKind::Exited { exit }).await;
                }
                Sight::Metrics(lines) => lines,
            };
            if let (false, Some(step)) = (is_stepping, lines.iter().find_map(|line| line.step)) {
                self.note(EventKind::Stepping { step }).await?;
                is_stepping = true;
            }
            let mut checkpoints = lines.iter().rev().filter(|line| line.is("checkpoint"));
            if let Some(step) = checkpoints.find_map(|line| line.step) {
                self.note(EventKind::Checkpointed { step }).await?;
            }
            self.show(lines);
        }
    }

    /// A success with outputs that are not what the contract asks for is none.
    fn checked(&self, exit: Exit) -> Result<Exit> {
        if exit != Exit::Success {
            return Ok(exit);
        }
        match Results::read(&self.folder, self.collector.spec) {
            Ok(_) => Ok(Exit::Success),
            Err(error @ Error::Output { .. }) => Ok(Exit::UserError {
                reason: error.to_string(),
            }),
            Err(error) => Err(error),
        }
    }

    fn show(&self, lines: Vec<MetricsLine>) {
        for line in lines {
            (self.on_event)(&TrainEvent::Metrics(line));
        }
    }

    /// When the metrics file was last written, but not before the last entry of the journal.
    fn last_sign_of_life_ns(&self) -> i64 {
        let modified =
            std::fs::metadata(self.folder.metrics()).and_then(|metadata| metadata.modified());
        let since_epoch = modified
            .ok()
            .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let modified_ns = since_epoch.and_then(|time| i64::try_from(time.as_nanos()).ok());
        modified_ns.unwrap_or(i64::MIN).max(self.last_ns)
    }

    /// Brings the results into the lake; `None` where the work folder has lost them.
    async fn collect(&mut self) -> Result<Option<TrainReport>> {
        if !self.folder.weights().is_file() || !self.folder.predictions().is_file() {
            return Ok(None);
        }
        let results = match Results::read(&self.folder, self.collector.spec) {
            Err(Error::Output { .. }) => return Ok(None),
            results => results?,
        };
        let report = self.collector.collect(&self.state, &results).await?;
        if self.state.phase == Phase::Succeeded {
            self.note(EventKind::Collected {
                model_id: report.model_id.clone(),
            })
            .await?;
        }
        Ok(Some(report))
    }

    fn attempt(&self, attempt: u32) -> Result<Attempt> {
        let Collector { spec, options, .. } = self.collector;
        let dataset_dir =
            std::fs::canonicalize(&options.dataset_dir).map_err(Error::io(&options.dataset_dir))?;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let folder = &self.folder;
        let command = match &spec.trainer {
            Trainer::Builtin => vec![text(&options.worker), "train".to_owned()],
            Trainer::Command(command) => command.clone(),
        };
        let environment = vec![
            ("DRIVELOOP_JOB_DIR", text(folder.root())),
            ("DRIVELOOP_DATASET_DIR", text(&dataset_dir)),
            ("DRIVELOOP_CHECKPOINT_DIR", text(&folder.checkpoints())),
            (
                "DRIVELOOP_CHECKPOINT_EVERY_STEPS",
                spec.checkpoint_every_steps.to_string(),
            ),
            ("DRIVELOOP_METRICS", text(&folder.metrics())),
            ("DRIVELOOP_MODEL_OUT", text(&folder.weights())),
            ("DRIVELOOP_PREDICTIONS_OUT", text(&folder.predictions())),
            ("DRIVELOOP_SEED", spec.seed.to_string()),
            ("DRIVELOOP_PARAMS", spec.params_json()),
            ("DRIVELOOP_DEVICE", spec.device.clone()),
            ("DRIVELOOP_ATTEMPT", attempt.to_string()),
        ];
        Ok(Attempt {
            command,
            environment,
            log: folder.log(attempt),
            metrics: folder.metrics(),
            outputs: vec![folder.weights(), folder.predictions()],
            heartbeat_timeout_s: spec.heartbeat_timeout_s,
        })
    }

    fn failed(&self, reason: String) -> Error {
        let Collector { spec, options, .. } = self.collector;
        let log = self.folder.log(self.state.attempts);
        let budgets = self.state.user_errors > self.state.retries.user_errors
            || self.state.lost_workers > self.state.retries.lost_workers;
        if budgets {
            let (name, attempts, tail) = (spec.name.clone(), self.state.attempts, tail(&log));
            return Error::JobFailed {
                name,
                attempts,
                reason,
                log,
                tail,
            };
        }
        match &spec.trainer {
            Trainer::Builtin => cannot_start_worker(&options.worker, reason),
            Trainer::Command(command) => {
                let program = command.first().cloned().unwrap_or_default();
                Error::CannotStart {
                    program,
                    reason,
                    hint: HINT_COMMAND,
                }
            }
        }
    }
}

/// The error of a built-in worker that does not start.
pub(crate) fn cannot_start_worker(worker: &Path, reason: String) -> Error {
    Error::CannotStart {
        program: worker.display().to_string(),
        reason,
        hint: HINT_WORKER,
    }
}
