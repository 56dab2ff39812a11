//! The last sign of life of a worker, for whoever finds that its orchestrator was killed.
//!
//! While a worker is watched, a file of its folder says again and again when that was; elsewhere the beat of the owner in the
//! lake says it. What came after is no time of a worker's.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::event::{EventKind, Exit};
use crate::folder::{ALIVE, checkpointed_ns, modified_ns, open_regular};
use crate::metrics::Summary;
use crate::predict_step::PredictFolder;
use crate::state::{Phase, State};

/// Bytes of the file that are read: a trainer may have written anything there.
const BYTES_MAX: u64 = 64 * 1024;
/// How long after the last note a worker can have lived: a note is written each second.
const UNNOTED_MAX_NS: i64 = 2_000_000_000;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Alive {
    pub(crate) attempt: u32,
    #[serde(flatten)]
    pub(crate) at: Moment,
    /// CPU time of the attempt until then, nanoseconds.
    pub(crate) cpu_ns: i64,
    /// Time in which its GPUs computed until then, nanoseconds.
    pub(crate) gpu_ns: Option<i64>,
}

impl Alive {
    /// Writes the file. Without it, less is known after a kill; there is no other harm.
    pub(crate) fn write(&self, path: &Path) {
        let Ok(text) = serde_json::to_vec(self) else {
            return;
        };
        let new = path.with_extension("new");
        let _ = std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, path));
    }

    fn read(path: &Path) -> Option<Self> {
        use std::io::Read as _;
        let (file, _) = open_regular(path).ok()??;
        let mut text = Vec::new();
        file.take(BYTES_MAX).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

/// The end of a worker that nobody saw: it lived until it was last heard of, and what it did until its last checkpoint counts.
/// `folder` is that of its owner, where it is on this machine; `beat` is when the owner last said in the lake that it lives.
pub(crate) fn orphaned(state: &State, folder: Option<&Path>, beat: Option<&Moment>) -> EventKind {
    let of_attempt = |alive: &Alive| alive.attempt == state.attempts;
    let alive = folder.and_then(|folder| Alive::read(&folder.join(ALIVE)).filter(of_attempt));
    let by_beat_ns = beat.map(|beat| state.elapsed_at_sign(beat));
    let mut alive_ns = state.worked_ns().max(by_beat_ns.unwrap_or(i64::MIN));
    let mut kept_until_ns = None;
    if let (Some(folder), Some(alive)) = (folder, &alive) {
        // The times of files are those of one clock within moments, and are compared with each other alone.
        let noted_ns = modified_ns(&folder.join(ALIVE));
        let after_note_ns = |file_ns: Option<i64>| Some(file_ns?.saturating_sub(noted_ns?));
        let is_predicting = state.phase == Phase::Predicting;
        let metrics = if is_predicting {
            PredictFolder::of(folder).metrics()
        } else {
            folder.join("metrics.jsonl")
        };
        let unnoted_ns = after_note_ns(modified_ns(&metrics)).unwrap_or_default();
        let noted_ns = state.elapsed_at_sign(&alive.at);
        let last_ns = noted_ns.saturating_add(unnoted_ns.clamp(0, UNNOTED_MAX_NS));
        alive_ns = alive_ns.max(last_ns).min(state.elapsed_ns);
        let kept_ns = after_note_ns(checkpointed_ns(folder));
        let summary = Summary::read(&metrics).unwrap_or_default();
        if !is_predicting && summary.checkpoint_step > state.checkpoint_step {
            kept_until_ns = kept_ns.map(|ns| {
                let kept_ns = noted_ns.saturating_add(ns);
                kept_ns.clamp(state.worked_ns(), alive_ns)
            });
        }
    }
    EventKind::Exited {
        exit: Exit::Orphaned {
            kept_until_ns,
            last_alive_ns: alive_ns,
        },
        cpu_ns: alive.as_ref().map(|alive| alive.cpu_ns),
        gpu_ns: alive.and_then(|alive| alive.gpu_ns),
    }
}
