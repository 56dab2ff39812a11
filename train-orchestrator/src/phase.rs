//! Where a run stands, and what can follow.

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Nothing happened yet.
    New,
    /// No worker; one is to be started.
    Waiting,
    /// A worker runs.
    Running,
    /// The worker left its weights.
    Done,
    /// A worker predicts with the weights.
    Predicting,
    /// It left the predictions.
    Predicted,
    /// The budget is used up, or nothing would help.
    GivenUp {
        /// Why.
        reason: String,
    },
    /// Somebody wants it to end, and no worker runs.
    Cancelling,
    /// Its end is in the journal, its results may not be in the lake.
    Succeeded,
    /// It failed. It may be submitted again.
    Failed {
        /// Why.
        reason: String,
    },
    /// It was cancelled. It may be submitted again.
    Cancelled,
    /// Its results are in the lake.
    Collected,
}

impl Phase {
    /// One word for a person.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Predicting => "predicting",
            Self::Done | Self::Predicted | Self::Succeeded => "collecting",
            Self::GivenUp { .. } => "failing",
            Self::Cancelling => "cancelling",
            Self::Failed { .. } => "failed",
            Self::Cancelled => "cancelled",
            Self::Collected => "succeeded",
        }
    }

    /// Whether somebody has still to do something for it.
    #[must_use]
    pub fn is_live(&self) -> bool {
        let ended = matches!(
            self,
            Self::Failed { .. } | Self::Cancelled | Self::Collected
        );
        !ended && *self != Self::New
    }

    /// Whether weights are there, or were: an attempt to predict may follow, or another training where they are lost. What was
    /// asked to end before it predicted is not begun.
    pub(crate) fn may_predict(&self, cancel_asked: bool) -> bool {
        match self {
            Self::Done => !cancel_asked,
            Self::GivenUp { .. } | Self::Predicted | Self::Succeeded | Self::Collected => true,
            _ => false,
        }
    }
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Start an attempt, when its slots are free.
    Start {
        /// The attempt, from one.
        attempt: u32,
        /// Not before this time, nanoseconds since submission.
        not_before_ns: i64,
    },
    /// Start an attempt to predict with the weights, when its slots are free.
    Predict {
        /// The attempt, from one after each training.
        attempt: u32,
        /// Not before this time.
        not_before_ns: i64,
    },
    /// Watch the worker until it ends. Where none is there, its orchestrator was killed.
    Watch,
    /// Have the worker end.
    Stop,
    /// Note that the run succeeded.
    Succeed,
    /// Note that the run failed.
    Fail {
        /// Why.
        reason: String,
    },
    /// Note that the run was cancelled.
    Cancel,
    /// Bring the results into the lake.
    Collect,
}
