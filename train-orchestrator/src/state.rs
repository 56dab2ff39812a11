//! The policy: what a run is, what has happened to it, and what to do next.
//!
//! [`State::after`] takes an event and gives the state after it and the actions that follow. It reads no clock and does no
//! work; the journal of a run is the list of its events, and folding them again gives the state again. The time between
//! two events is booked once, as productive, lost or waiting, so that the ledger sums to the wall time exactly.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::spec::Retries;

/// Something that happened, with the time when it was noticed (nanoseconds, UTC).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at_ns: i64,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// The run was asked for.
    Submitted {
        /// Name of the job.
        name: String,
        /// Digest of the specification.
        spec_digest: String,
        /// Digest of the dataset.
        dataset_digest: String,
    },
    /// An attempt begins, counted from one.
    Started {
        /// The attempt.
        attempt: u32,
    },
    /// The worker has its data and makes steps.
    Stepping {
        /// The step that it goes on from.
        step: u64,
    },
    /// The worker wrote a checkpoint.
    Checkpointed {
        /// Steps that will not be done again.
        step: u64,
    },
    /// The worker is no more.
    Exited {
        /// How it ended.
        exit: Exit,
    },
    /// The weights and predictions are there.
    Succeeded,
    /// The run is given up.
    Failed {
        /// Why.
        reason: String,
    },
    /// The results are in the lake.
    Collected {
        /// The model.
        model_id: String,
    },
}

/// How a worker ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "exit", rename_all = "snake_case")]
pub enum Exit {
    /// With status zero and all its outputs.
    Success,
    /// With another status, or without its outputs: the trainer's fault.
    UserError {
        /// What it did.
        reason: String,
    },
    /// By a signal, or silent for too long: the machine's fault.
    Lost {
        /// What happened to it.
        reason: String,
    },
    /// Its orchestrator was killed, and it with it.
    Orphaned {
        /// The last sign of life.
        last_alive_ns: i64,
    },
    /// Its program does not start here; trying again would not help.
    CannotStart {
        /// What the system says.
        reason: String,
    },
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Nothing happened yet.
    New,
    /// No worker; one is to be started.
    Waiting,
    /// A worker runs.
    Running,
    /// The worker left everything.
    Done,
    /// The budget is used up, or nothing would help.
    GivenUp {
        /// Why.
        reason: String,
    },
    /// Its end is in the journal, its results may not be in the lake.
    Succeeded,
    /// It failed. It may be submitted again.
    Failed,
    /// Its results are in the lake.
    Collected,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Start an attempt after a wait.
    Start {
        /// The attempt, from one.
        attempt: u32,
        /// Seconds to wait first.
        after_s: f64,
    },
    /// Watch the worker until it ends. Where none is there, its orchestrator was killed.
    Watch,
    /// Note that the run succeeded.
    Succeed,
    /// Note that the run failed.
    Fail {
        /// Why.
        reason: String,
    },
    /// Bring the results into the lake.
    Collect,
}

/// Where the time since submission went, in nanoseconds. The three sum to the time of the last event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ledger {
    /// In steps that count towards the result.
    pub productive_ns: i64,
    /// In steps that were done again, and in starts.
    pub lost_ns: i64,
    /// Without a worker.
    pub waiting_ns: i64,
    /// Up to here time is booked.
    booked_until_ns: i64,
}

impl Ledger {
    /// Time from submission to the last event.
    #[must_use]
    pub fn wall_ns(&self) -> i64 {
        self.productive_ns + self.lost_ns + self.waiting_ns
    }

    /// The ledger as if a run without a worker ended now.
    #[must_use]
    pub fn waiting_until(mut self, now_ns: i64) -> Self {
        self.waiting_ns += self.take(now_ns);
        self
    }

    /// Time since the last booking. A clock that goes back gives none.
    fn take(&mut self, until_ns: i64) -> i64 {
        let taken_ns = (until_ns - self.booked_until_ns).max(0);
        self.booked_until_ns += taken_ns;
        taken_ns
    }
}

/// A run: the fold of its events.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The budgets.
    pub retries: Retries,
    /// Where it stands.
    pub phase: Phase,
    /// Attempts begun.
    pub attempts: u32,
    /// Attempts that were the trainer's fault.
    pub user_errors: u32,
    /// Attempts that were the machine's fault.
    pub lost_workers: u32,
    /// Steps of the last checkpoint.
    pub checkpoint_step: u64,
    /// Where the time went.
    pub ledger: Ledger,
}

impl State {
    /// A run to which nothing happened.
    #[must_use]
    pub fn new(retries: Retries) -> Self {
        Self {
            retries,
            phase: Phase::New,
            attempts: 0,
            user_errors: 0,
            lost_workers: 0,
            checkpoint_step: 0,
            ledger: Ledger::default(),
        }
    }

    /// The state after events, and the actions that follow the last one.
    ///
    /// # Errors
    /// [`Error::JournalOrder`] where an event cannot have come when it came.
    pub fn replay<'a>(
        retries: Retries,
        events: impl IntoIterator<Item = &'a Event>,
    ) -> Result<(Self, Vec<Action>)> {
        let start = (Self::new(retries), Vec::new());
        events
            .into_iter()
            .try_fold(start, |(state, _), event| state.after(event))
    }

    /// The state after an event, and the actions that follow.
    ///
    /// # Errors
    /// [`Error::JournalOrder`] where the event cannot come now.
    pub fn after(mut self, event: &Event) -> Result<(Self, Vec<Action>)> {
        use EventKind as E;
        match (&self.phase, &event.kind) {
            (Phase::New | Phase::Failed, E::Submitted { .. }) => {
                self = Self::new(self.retries);
                self.ledger.booked_until_ns = event.at_ns;
                self.phase = Phase::Waiting;
            }
            // After success: where the outputs were lost, or the lake that they were in.
            (Phase::Waiting | Phase::Succeeded | Phase::Collected, E::Started { attempt }) => {
                self.ledger.waiting_ns += self.ledger.take(event.at_ns);
                self.attempts = *attempt;
                self.phase = Phase::Running;
            }
            (Phase::Running, E::Stepping { .. }) => {
                self.ledger.lost_ns += self.ledger.take(event.at_ns);
            }
            (Phase::Running, E::Checkpointed { step }) => {
                self.ledger.productive_ns += self.ledger.take(event.at_ns);
                self.checkpoint_step = *step;
            }
            (Phase::Running, E::Exited { exit }) => self.exited(exit, event.at_ns),
            (Phase::Done, E::Succeeded) => self.wait(event.at_ns, Phase::Succeeded),
            (Phase::GivenUp { .. }, E::Failed { .. }) => self.wait(event.at_ns, Phase::Failed),
            (Phase::Succeeded, E::Collected { .. }) => self.wait(event.at_ns, Phase::Collected),
            _ => {
                return Err(Error::JournalOrder {
                    phase: self.phase,
                    event: event.kind.clone(),
                });
            }
        }
        let actions = self.next();
        Ok((self, actions))
    }

    fn wait(&mut self, until_ns: i64, phase: Phase) {
        self.ledger.waiting_ns += self.ledger.take(until_ns);
        self.phase = phase;
    }

    fn exited(&mut self, exit: &Exit, at_ns: i64) {
        self.phase = Phase::Waiting;
        match exit {
            Exit::Success => {
                self.ledger.productive_ns += self.ledger.take(at_ns);
                self.phase = Phase::Done;
                return;
            }
            Exit::UserError { reason } => {
                self.user_errors += 1;
                if self.user_errors > self.retries.user_errors {
                    self.phase = Phase::GivenUp {
                        reason: reason.clone(),
                    };
                }
            }
            Exit::Lost { reason } => {
                self.lost_workers += 1;
                if self.lost_workers > self.retries.lost_workers {
                    self.phase = Phase::GivenUp {
                        reason: reason.clone(),
                    };
                }
            }
            Exit::CannotStart { reason } => {
                self.phase = Phase::GivenUp {
                    reason: reason.clone(),
                }
            }
            Exit::Orphaned { last_alive_ns } => {
                self.ledger.lost_ns += self.ledger.take(at_ns.min(*last_alive_ns));
                self.ledger.waiting_ns += self.ledger.take(at_ns);
            }
        }
        self.ledger.lost_ns += self.ledger.take(at_ns);
    }

    fn next(&self) -> Vec<Action> {
        match &self.phase {
            Phase::New | Phase::Failed | Phase::Collected => Vec::new(),
            Phase::Waiting => {
                vec![Action::Start {
                    attempt: self.attempts + 1,
                    after_s: self.backoff_s(),
                }]
            }
            Phase::Running => vec![Action::Watch],
            Phase::Done => vec![Action::Succeed],
            Phase::GivenUp { reason } => vec![Action::Fail {
                reason: reason.clone(),
            }],
            Phase::Succeeded => vec![Action::Collect],
        }
    }

    /// Nothing before the first failure, then doubling up to the bound.
    fn backoff_s(&self) -> f64 {
        let Retries {
            backoff_s,
            backoff_max_s,
            ..
        } = self.retries;
        match self.user_errors + self.lost_workers {
            0 => 0.0,
            failures => (backoff_s * 2_f64.powi(failures as i32 - 1)).min(backoff_max_s),
        }
    }
}
