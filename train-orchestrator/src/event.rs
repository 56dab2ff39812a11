//! The entries of a run's journal.

use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::spec::JobSpec;

/// Something that happened, with the time when it was noticed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    #[serde(flatten)]
    pub at: Moment,
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
        /// The specification, for those who only look on; absent in journals of older versions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        spec: Option<Box<JobSpec>>,
    },
    /// An orchestrator drives it from now on; one that did before notices that it no longer may.
    Adopted {
        /// Who.
        owner: Owner,
    },
    /// Somebody wants it to end.
    CancelAsked {
        /// Who, for a person.
        by: String,
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
    /// The weights are in the lake, and an attempt to predict with them begins, counted from one after each training.
    PredictStarted {
        /// The attempt.
        attempt: u32,
        /// SHA-256 of the weights, in hexadecimal.
        weights_digest: String,
    },
    /// The worker is no more: the one that trained, or the one that predicted.
    Exited {
        /// How it ended.
        exit: Exit,
        /// CPU time of all its processes, nanoseconds; `None` where nobody measured it, as in journals of older versions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cpu_ns: Option<i64>,
        /// Time in which its GPUs computed, as NVML sampled it, nanoseconds; `None` where nobody measured it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gpu_ns: Option<i64>,
    },
    /// The weights are there, and the predictions where somebody predicts.
    Succeeded,
    /// The run is given up.
    Failed {
        /// Why.
        reason: String,
    },
    /// The run was ended because somebody wanted it.
    Cancelled,
    /// The results are in the lake.
    Collected {
        /// The model.
        model_id: String,
    },
}

/// An orchestrator: one process on one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The machine, for as long as it is up: whoever has the same text can see whether the process lives.
    pub host: String,
    /// The process, for a person.
    pub process: u32,
    /// Folder of the run on that machine.
    pub folder: String,
    /// Unlike that of any other owner.
    pub token: String,
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let machine = self.host.split('/').next().unwrap_or_default();
        write!(f, "process {} on {machine}", self.process)
    }
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
        /// Which process of a gang.
        #[serde(default)]
        rank: u32,
    },
    /// By a signal, or silent for too long: the machine's fault.
    Lost {
        /// What happened to it.
        reason: String,
        /// Which process of a gang.
        #[serde(default)]
        rank: u32,
    },
    /// Killed while the kernel counted a process that it killed because memory had run out.
    OutOfMemory {
        /// What is known of it.
        reason: String,
        /// Which process of a gang.
        #[serde(default)]
        rank: u32,
    },
    /// It was asked to end, to make room or because the machine is taken away.
    Preempted {
        /// By whom.
        reason: String,
    },
    /// It was asked to end because the run is cancelled.
    Stopped,
    /// It was asked to end because its orchestrator was: nobody's fault, and no budget counts it.
    Interrupted {
        /// What asked the orchestrator, such as a signal.
        by: String,
    },
    /// Its orchestrator was killed, and it with it. Both times are nanoseconds since submission; in entries without a monotonic
    /// time, which older versions wrote, they are UTC.
    Orphaned {
        /// The last checkpoint that nobody noted; `None` where there is none.
        #[serde(default)]
        kept_until_ns: Option<i64>,
        /// The last sign of life.
        last_alive_ns: i64,
    },
    /// Its program does not start here; trying again would not help.
    CannotStart {
        /// What the system says.
        reason: String,
    },
}
