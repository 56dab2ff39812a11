//! The predict step of a run: a process of its own, which is given inputs and the weights that the lake stored.

use std::path::{Path, PathBuf};

use driveloop_schemas::Prediction;

use crate::attempt::{PredictAttempt, granted, predict_attempt};
use crate::collect::Trained;
use crate::driver::Driver;
use crate::error::{Error, Result};
use crate::event::{EventKind, Exit};
use crate::predictions::{Key, read_predictions};
use crate::state::State;
use crate::sweep::sweep;
use crate::trainer::Predictor;

/// What the reason of a failed predict step begins with.
const IN_PREDICT: &str = "predict step: ";

/// The folder of a predict step, in that of its run.
pub(crate) struct PredictFolder {
    pub(crate) root: PathBuf,
}

impl PredictFolder {
    /// The one in the folder of a run.
    pub(crate) fn of(run: &Path) -> Self {
        Self {
            root: run.join("predict"),
        }
    }

    /// Makes it anew, with the weights and nothing else in it.
    pub(crate) fn prepare(&self, weights: &[u8]) -> Result<()> {
        // The trainer had the folder around it, and may have left anything in its place.
        let removed = match std::fs::symlink_metadata(&self.root) {
            Err(_) => Ok(()),
            Ok(found) if found.is_dir() => std::fs::remove_dir_all(&self.root),
            Ok(_) => std::fs::remove_file(&self.root),
        };
        removed.map_err(Error::io(&self.root))?;
        std::fs::create_dir_all(&self.root).map_err(Error::io(&self.root))?;
        let path = self.weights();
        std::fs::write(&path, weights).map_err(Error::io(&path))
    }

    pub(crate) fn weights(&self) -> PathBuf {
        self.root.join("model.safetensors")
    }

    pub(crate) fn predictions(&self) -> PathBuf {
        self.root.join("predictions.arrow")
    }

    pub(crate) fn metrics(&self) -> PathBuf {
        self.root.join("metrics.jsonl")
    }
}

/// The log of a predict step, in the folder of its run.
pub(crate) fn predict_log_name(state: &State) -> String {
    let (attempt, predict) = (state.attempts, state.predict_attempts);
    format!("attempt-{attempt}-predict-{predict}.log")
}

/// The end of a predict step, told from one of a training.
pub(crate) fn of_predict_step(exit: Exit) -> Exit {
    let told = |reason: String| format!("{IN_PREDICT}{reason}");
    match exit {
        Exit::UserError { reason, rank } => Exit::UserError {
            reason: told(reason),
            rank,
        },
        Exit::Lost { reason, rank } => Exit::Lost {
            reason: told(reason),
            rank,
        },
        Exit::OutOfMemory { reason, rank } => Exit::OutOfMemory {
            reason: told(reason),
            rank,
        },
        exit => exit,
    }
}

impl Driver<'_> {
    /// Brings the weights into the lake, and starts a step that predicts with them as they are there. Where the work folder has
    /// lost them, or has something else in their place by now, they are trained again.
    pub(crate) async fn start_predicting(&mut self, number: u32, not_before_ns: i64) -> Result<()> {
        let trained = match self.trained() {
            Ok(Some(trained)) => trained,
            Ok(None) | Err(Error::Output { .. }) => {
                let attempt = self.record.state.attempts + 1;
                return self.start(attempt, i64::MIN).await;
            }
            Err(error) => return Err(error),
        };
        let Some(grant) = self.turn(not_before_ns).await? else {
            return Ok(());
        };
        let weights = self.collector.store_weights(&trained).await?;
        let started = EventKind::PredictStarted {
            attempt: number,
            weights_digest: trained.weights_digest,
        };
        if !self.note(started).await? {
            return Ok(());
        }
        let folder = self.predict_folder();
        sweep(&folder.root).await?;
        folder.prepare(&weights)?;
        let spec = &self.job.spec;
        let (device, visible) = granted(spec, self.options, &grant.gpus);
        let attempt = predict_attempt(PredictAttempt {
            predictor: &Predictor::of(&spec.trainer, spec.params_json()),
            model_id: &trained.model_id,
            worker: &self.options.worker,
            dataset_dir: &self.job.dataset_dir,
            folder: &folder,
            log: (self.claim.folder.root()).join(predict_log_name(&self.record.state)),
            device,
            visible,
            timeout_s: spec.heartbeat_timeout_s,
        })?;
        self.launch(attempt, grant).await
    }

    pub(crate) fn predict_folder(&self) -> PredictFolder {
        PredictFolder::of(self.claim.folder.root())
    }

    /// The predictions that the step left; none where nobody predicts.
    ///
    /// # Errors
    /// [`Error::Output`] where they are not what the contract asks for.
    pub(crate) fn predictions(&self, trained: &Trained) -> Result<Vec<Prediction>> {
        let spec = &self.job.spec;
        if !spec.trainer.predicts() {
            return Ok(Vec::new());
        }
        let path = self.predict_folder().predictions();
        if !path.is_file() {
            return Err(Error::output(&path, "no such file"));
        }
        let state = &self.record.state;
        if state.weights_digest.as_ref() != Some(&trained.weights_digest) {
            let reason = "they were made from other weights than those that are there";
            return Err(Error::output(&path, reason));
        }
        let key = Key::read(&self.job.dataset_dir)?;
        read_predictions(&path, &key, &trained.model_id, &spec.dataset)
    }
}
