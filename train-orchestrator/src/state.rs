//! The policy: what a run is, what has happened to it, and what to do next.
//!
//! [`State::after`] takes an event and gives the state after it; [`State::next`] says what follows. They read no clock and do
//! no work; the journal of a run is the list of its events, and folding them again gives the state again. The time between
//! two events is booked once, as productive, lost or waiting, so that the ledger sums to the wall time exactly. It is the time
//! that passed by the monotonic clock of the machine: a wall clock that is set changes nothing. Between two events of different
//! machines there is the wall clock alone, and that time is a wait.

pub use crate::clock::{Moment, Monotonic};
pub use crate::event::{Event, EventKind, Exit, Owner};
pub use crate::ledger::Ledger;
pub use crate::phase::{Action, Phase};

use crate::error::{Error, Result};
use crate::spec::Retries;

/// The budgets of a run, the seed of its chance, and whether somebody predicts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// The budgets.
    pub retries: Retries,
    /// What the jitter of its waits is made from.
    pub jitter_seed: u64,
    /// Whether the trainer has a predict step.
    pub predicts: bool,
}

/// A run: the fold of its events.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The budgets.
    pub policy: Policy,
    /// Where it stands.
    pub phase: Phase,
    /// Who drives it; `None` before somebody does.
    pub owner: Option<Owner>,
    /// Whether somebody wants it to end.
    pub cancel_asked: bool,
    /// Attempts to train begun.
    pub attempts: u32,
    /// Attempts to predict begun since the last training.
    pub predict_attempts: u32,
    /// Whether one of them left predictions.
    pub is_predicted: bool,
    /// SHA-256 of the weights that they were given, in hexadecimal; `None` before there was one.
    pub weights_digest: Option<String>,
    /// Attempts that were the trainer's fault.
    pub user_errors: u32,
    /// Attempts that were the machine's fault.
    pub lost_workers: u32,
    /// Attempts that ran out of memory.
    pub out_of_memory: u32,
    /// Attempts that made room.
    pub preemptions: u32,
    /// The process of a gang that ended the last attempt.
    pub last_rank: u32,
    /// Before this time no attempt begins, nanoseconds since submission.
    pub not_before_ns: i64,
    /// Steps of the last checkpoint.
    pub checkpoint_step: u64,
    /// Where the time went.
    pub ledger: Ledger,
    /// CPU time of all attempts, as far as it was measured, nanoseconds.
    pub cpu_ns: i64,
    /// Time in which GPUs computed in all attempts, as far as it was measured, nanoseconds; `None` where it was not at all.
    pub gpu_ns: Option<i64>,
    /// Time from submission to the last event, nanoseconds.
    pub elapsed_ns: i64,
    /// The last event.
    last: Moment,
    /// The last event that its owner wrote, and the time since submission. Taking a run over is none.
    worked: (Moment, i64),
    submitted_ns: i64,
}

impl State {
    /// A run to which nothing happened.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            phase: Phase::New,
            owner: None,
            cancel_asked: false,
            attempts: 0,
            predict_attempts: 0,
            is_predicted: false,
            weights_digest: None,
            user_errors: 0,
            lost_workers: 0,
            out_of_memory: 0,
            preemptions: 0,
            last_rank: 0,
            not_before_ns: i64::MIN,
            checkpoint_step: 0,
            ledger: Ledger::default(),
            cpu_ns: 0,
            gpu_ns: None,
            elapsed_ns: 0,
            last: Moment::default(),
            worked: (Moment::default(), 0),
            submitted_ns: 0,
        }
    }

    /// The state after events.
    ///
    /// # Errors
    /// [`Error::JournalOrder`] where an event cannot have come when it came.
    pub fn replay<'a>(policy: Policy, events: impl IntoIterator<Item = &'a Event>) -> Result<Self> {
        events.into_iter().try_fold(Self::new(policy), Self::after)
    }

    /// The state after an event.
    ///
    /// # Errors
    /// [`Error::JournalOrder`] where the event cannot come now.
    pub fn after(mut self, event: &Event) -> Result<Self> {
        use EventKind as E;
        let at_ns = self.elapsed_at(&event.at);
        match (&self.phase, &event.kind) {
            (Phase::New | Phase::Failed { .. } | Phase::Cancelled, E::Submitted { .. }) => {
                return Ok(Self::submitted(self.policy, &event.at));
            }
            // Who takes up a run that is collected finds that the lake lost its rows.
            (phase, E::Adopted { owner }) if phase.is_live() || *phase == Phase::Collected => {
                self.owner = Some(owner.clone());
            }
            (phase, E::CancelAsked { .. }) if phase.is_live() => self.ends(),
            // After success: where the outputs were lost, or the lake that they were in. After giving up: where whoever went
            // on then had larger budgets than whoever reads this.
            (phase, E::Started { attempt })
                if *phase == Phase::Waiting || phase.may_predict(self.cancel_asked) =>
            {
                self.trains(at_ns, *attempt);
            }
            (
                phase,
                E::PredictStarted {
                    attempt,
                    weights_digest,
                },
            ) if phase.may_predict(self.cancel_asked) => {
                self.predicts(at_ns, *attempt, weights_digest);
            }
            (Phase::Running, E::Stepping { step }) => {
                self.ledger.lose(at_ns);
                self.go_on_from(*step);
            }
            (Phase::Running, E::Checkpointed { step }) => {
                self.ledger.produce(at_ns);
                self.checkpoint_step = *step;
            }
            (
                Phase::Running | Phase::Predicting,
                E::Exited {
                    exit,
                    cpu_ns,
                    gpu_ns,
                },
            ) => {
                self.used(*cpu_ns, *gpu_ns);
                self.exited(exit, at_ns, event.at.monotonic.is_none());
            }
            (Phase::Done | Phase::Predicted, E::Succeeded) => self.wait(at_ns, Phase::Succeeded),
            // Also where a job that it comes after failed, or the budgets were smaller.
            (Phase::GivenUp { .. } | Phase::Waiting | Phase::Done, E::Failed { reason }) => {
                let reason = reason.clone();
                self.wait(at_ns, Phase::Failed { reason });
            }
            (Phase::Cancelling, E::Cancelled) => self.wait(at_ns, Phase::Cancelled),
            (Phase::Done, E::Cancelled) if self.cancel_asked => self.wait(at_ns, Phase::Cancelled),
            (Phase::Succeeded, E::Collected { .. }) => self.wait(at_ns, Phase::Collected),
            _ => {
                return Err(Error::JournalOrder {
                    phase: self.phase,
                    event: Box::new(event.kind.clone()),
                });
            }
        }
        self.passed(event, at_ns);
        Ok(self)
    }

    /// Time from submission to a time that is not before the last event, nanoseconds.
    #[must_use]
    pub fn elapsed_at(&self, at: &Moment) -> i64 {
        self.elapsed_ns.saturating_add(at.since(&self.last))
    }

    /// The same for a sign of life of the worker, which may have come before others took the run over.
    pub(crate) fn elapsed_at_sign(&self, at: &Moment) -> i64 {
        let (worked, elapsed_ns) = &self.worked;
        elapsed_ns
            .saturating_add(at.since(worked))
            .min(self.elapsed_ns)
    }

    /// Time from submission to the last event of the owner, nanoseconds.
    pub(crate) fn worked_ns(&self) -> i64 {
        self.worked.1
    }

    /// The ledger at a time: a run without a worker waits until then; that of a worker is booked by what comes of it.
    #[must_use]
    pub fn ledger_at(&self, at: &Moment) -> Ledger {
        match self.phase {
            Phase::Running => self.ledger,
            _ => self.ledger.waiting_until(self.elapsed_at(at)),
        }
    }

    /// A run that was asked for.
    fn submitted(policy: Policy, at: &Moment) -> Self {
        Self {
            phase: Phase::Waiting,
            submitted_ns: at.at_ns,
            last: at.clone(),
            worked: (at.clone(), 0),
            ..Self::new(policy)
        }
    }

    /// Adds what an attempt was measured to have used.
    fn used(&mut self, cpu_ns: Option<i64>, gpu_ns: Option<i64>) {
        self.cpu_ns += cpu_ns.unwrap_or_default();
        let measured = self.gpu_ns.into_iter().chain(gpu_ns);
        self.gpu_ns = measured.reduce(i64::saturating_add);
    }

    fn passed(&mut self, event: &Event, elapsed_ns: i64) {
        if matches!(event.kind, EventKind::CancelAsked { .. }) {
            // Of somebody on any machine, whose clock is none of the owner's: no time is booked up to it.
            return;
        }
        let mut at = event.at.clone();
        if at.monotonic.is_none() {
            // A wall clock that went back is waited for.
            at.at_ns = at.at_ns.max(self.last.at_ns);
        }
        if !matches!(event.kind, EventKind::Adopted { .. }) {
            self.worked = (at.clone(), elapsed_ns);
        }
        self.last = at;
        self.elapsed_ns = elapsed_ns;
    }

    /// What follows; `None` before a run is submitted, and when it has ended.
    #[must_use]
    pub fn next(&self) -> Option<Action> {
        Some(match &self.phase {
            Phase::New | Phase::Failed { .. } | Phase::Cancelled | Phase::Collected => return None,
            Phase::Waiting => Action::Start {
                attempt: self.attempts + 1,
                not_before_ns: self.not_before_ns,
            },
            Phase::Running | Phase::Predicting if self.cancel_asked => Action::Stop,
            Phase::Running | Phase::Predicting => Action::Watch,
            // Without a predict step it has done all: what it had done already is brought home.
            Phase::Done if self.policy.predicts && self.cancel_asked => Action::Cancel,
            Phase::Done | Phase::Succeeded if self.lacks_predictions() => Action::Predict {
                attempt: self.predict_attempts + 1,
                not_before_ns: self.not_before_ns,
            },
            Phase::Done | Phase::Predicted => Action::Succeed,
            Phase::GivenUp { reason } => Action::Fail {
                reason: reason.clone(),
            },
            Phase::Cancelling => Action::Cancel,
            Phase::Succeeded => Action::Collect,
        })
    }

    /// Whether predictions are still to be made. Journals of older versions have no step that makes them.
    #[must_use]
    pub fn lacks_predictions(&self) -> bool {
        self.policy.predicts && !self.is_predicted
    }

    /// Whether the budget admits one more attempt that makes room for another job.
    #[must_use]
    pub fn may_make_room(&self) -> bool {
        self.preemptions < self.policy.retries.preemptions
    }

    /// Where checkpoints are gone, as on another machine, what led to them is done again: it counts as lost after all.
    fn go_on_from(&mut self, step: u64) {
        if step < self.checkpoint_step {
            self.ledger.keep(step as f64 / self.checkpoint_step as f64);
            self.checkpoint_step = step;
        }
    }

    fn wait(&mut self, until_ns: i64, phase: Phase) {
        self.ledger.wait(until_ns);
        self.phase = phase;
    }

    fn ends(&mut self) {
        self.cancel_asked = true;
        if self.phase == Phase::Waiting {
            self.phase = Phase::Cancelling;
        }
    }

    fn trains(&mut self, at_ns: i64, attempt: u32) {
        self.wait(at_ns, Phase::Running);
        self.attempts = attempt;
        self.predict_attempts = 0;
        self.is_predicted = false;
        self.weights_digest = None;
    }

    fn predicts(&mut self, at_ns: i64, attempt: u32, weights_digest: &str) {
        self.wait(at_ns, Phase::Predicting);
        self.predict_attempts = attempt;
        self.is_predicted = false;
        self.weights_digest = Some(weights_digest.to_owned());
    }

    fn exited(&mut self, exit: &Exit, at_ns: i64, is_of_older_version: bool) {
        // Entries of older versions have times of the wall clock.
        let origin_ns = if is_of_older_version {
            self.submitted_ns
        } else {
            0
        };
        let retries = self.policy.retries;
        let was_predicting = self.phase == Phase::Predicting;
        let (again, after) = if was_predicting {
            (Phase::Done, Phase::Predicted)
        } else {
            (Phase::Waiting, Phase::Done)
        };
        self.phase = again;
        match exit {
            Exit::Success => {
                self.ledger.produce(at_ns);
                self.is_predicted = was_predicting;
                self.phase = after;
                return;
            }
            Exit::UserError { reason, rank } => {
                self.user_errors += 1;
                self.last_rank = *rank;
                self.back_off(at_ns);
                self.give_up_if(self.user_errors > retries.user_errors, reason);
            }
            Exit::Lost { reason, rank } => {
                self.lost_workers += 1;
                self.last_rank = *rank;
                self.back_off(at_ns);
                self.give_up_if(self.lost_workers > retries.lost_workers, reason);
            }
            Exit::OutOfMemory { reason, rank } => {
                self.out_of_memory += 1;
                self.last_rank = *rank;
                self.back_off(at_ns);
                self.give_up_if(self.out_of_memory > retries.out_of_memory, reason);
            }
            Exit::Preempted { reason } => {
                self.preemptions += 1;
                self.give_up_if(self.preemptions > retries.preemptions, reason);
            }
            Exit::CannotStart { reason } => self.give_up_if(true, reason),
            Exit::Stopped | Exit::Interrupted { .. } => {}
            Exit::Orphaned {
                kept_until_ns,
                last_alive_ns,
            } => {
                let alive_ns = at_ns.min(last_alive_ns.saturating_sub(origin_ns));
                if let Some(kept_ns) = kept_until_ns {
                    let kept_ns = kept_ns.saturating_sub(origin_ns);
                    self.ledger.produce(alive_ns.min(kept_ns));
                }
                self.ledger.lose(alive_ns);
                self.ledger.wait(at_ns);
            }
        }
        self.ledger.lose(at_ns);
        if self.cancel_asked {
            self.phase = Phase::Cancelling;
        }
    }

    fn give_up_if(&mut self, is_used_up: bool, reason: &str) {
        if is_used_up {
            let reason = reason.to_owned();
            self.phase = Phase::GivenUp { reason };
        }
    }

    /// Doubling with each failure up to the bound, less a share that is left to chance.
    fn back_off(&mut self, at_ns: i64) {
        let Retries {
            backoff_s,
            backoff_max_s,
            jitter,
            ..
        } = self.policy.retries;
        let failures = self.user_errors + self.lost_workers + self.out_of_memory;
        let doublings = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
        let longest_s = (backoff_s * 2_f64.powi(doublings)).min(backoff_max_s);
        let wait_s = longest_s * (1.0 - jitter * unit(self.policy.jitter_seed, failures.into()));
        self.not_before_ns = at_ns.saturating_add((wait_s * 1e9) as i64);
    }
}

/// A number in [0, 1) that looks random: the finaliser of `SplitMix64` (Steele, Lea, Flood, OOPSLA 2014).
fn unit(seed: u64, index: u64) -> f64 {
    let mut x = seed.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^= x >> 31;
    (x >> 11) as f64 / (1_u64 << 53) as f64
}
