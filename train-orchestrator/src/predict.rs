//! A model of the lake applied to another dataset.

use std::path::PathBuf;

use driveloop_lake::{Commit, Lake, Versions, digest};
use driveloop_schemas::{Prediction, Row as _};

use crate::attempt::cannot_start_worker;
use crate::clock::Clock;
use crate::collect::{commit_predictions, model, prediction_transaction, read_predictions};
use crate::error::{Error, Result};
use crate::event::Exit;
use crate::executor::{Attempt, Member, Sight};
use crate::folder::{Folder, tail};
use crate::options::Outcome;

/// What to predict with what.
#[derive(Clone)]
pub struct PredictOptions {
    /// Model of the lake, trained by the built-in trainer.
    pub model_id: String,
    /// Name of the dataset.
    pub dataset: String,
    /// Digest of the dataset.
    pub dataset_digest: String,
    /// Folder with the exported dataset.
    pub dataset_dir: PathBuf,
    /// Folder for what is needed until the end.
    pub work_dir: PathBuf,
    /// The `driveloop-worker` program.
    pub worker: PathBuf,
    /// `auto`, `cpu` or `cuda:N`.
    pub device: String,
    /// Seconds after which a silent worker counts as hung.
    pub timeout_s: f64,
    /// Table versions that the dataset was read from, for the lineage.
    pub inputs: Versions,
    /// Run that the commit belongs to.
    pub run_id: String,
    /// The clock.
    pub clock: Clock,
}

/// Predictions that are in the lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PredictReport {
    /// The model.
    pub model_id: String,
    /// The dataset.
    pub dataset: String,
    /// Rows that were written; none where they were there.
    pub rows: u64,
    /// Whether anything was done.
    pub outcome: Outcome,
}

/// Predicts the validation and test samples of a dataset with a model of the lake, once.
///
/// # Errors
/// [`Error::Unknown`] when the lake has no such model, [`Error::CannotStart`] when the worker does not start,
/// [`Error::JobFailed`] when it fails; otherwise when files or lake fail.
pub async fn predict(lake: &Lake, options: &PredictOptions) -> Result<PredictReport> {
    let PredictOptions {
        model_id,
        dataset,
        dataset_digest,
        ..
    } = options;
    let report = |rows: u64, outcome: Outcome| PredictReport {
        model_id: model_id.clone(),
        dataset: dataset.clone(),
        rows,
        outcome,
    };
    let id = prediction_transaction(model_id, dataset, dataset_digest);
    if lake
        .missing(Prediction::SPEC.name, std::slice::from_ref(&id))
        .await?
        .is_empty()
    {
        return Ok(report(0, Outcome::AlreadyThere));
    }
    let checkpoint = model(lake, model_id).await?;

    let name = format!("predict-{}", &digest([&id])[..16]);
    let token = std::process::id().to_string();
    let folder = Folder::lock(&options.work_dir, &name, &token)?.ok_or_else(|| Error::Busy {
        job: name.clone(),
        by: "another process of this machine".to_owned(),
    })?;
    let weights = lake.store().get(&checkpoint.weights).await?;
    std::fs::write(folder.weights(), &weights).map_err(Error::io(&folder.weights()))?;
    run_worker(options, &folder).await?;

    let rows = read_predictions(&folder.predictions(), model_id, dataset)?;
    let mut commit = Commit::new("predict", options.run_id.as_str())
        .with_inputs(options.inputs.clone())
        .with_transactions([id]);
    commit.params_digest = digest([model_id, dataset, dataset_digest]);
    commit_predictions(lake, &rows, model_id, dataset, &commit).await?;
    Ok(report(rows.len() as u64, Outcome::Trained))
}

async fn run_worker(options: &PredictOptions, folder: &Folder) -> Result<()> {
    let dataset_dir =
        std::fs::canonicalize(&options.dataset_dir).map_err(Error::io(&options.dataset_dir))?;
    let attempt = Attempt {
        command: vec![
            options.worker.to_string_lossy().into_owned(),
            "predict".to_owned(),
        ],
        environment: vec![
            (
                "DRIVELOOP_DATASET_DIR",
                dataset_dir.to_string_lossy().into_owned(),
            ),
            (
                "DRIVELOOP_WEIGHTS",
                folder.weights().to_string_lossy().into_owned(),
            ),
            (
                "DRIVELOOP_PREDICTIONS_OUT",
                folder.predictions().to_string_lossy().into_owned(),
            ),
            ("DRIVELOOP_DEVICE", options.device.clone()),
        ],
        members: vec![Member {
            log: folder.log(1, 0),
            metrics: folder.metrics(),
        }],
        outputs: vec![folder.predictions()],
        heartbeat_timeout_s: options.timeout_s,
    };
    let exit = match attempt.start(options.clock.clone())? {
        Err(exit) => exit,
        Ok(mut watch) => loop {
            if let Sight::Exited(exit) = watch.look().await? {
                break exit;
            }
        },
    };
    let reason = match exit {
        Exit::Success => return Ok(()),
        Exit::CannotStart { reason } => return Err(cannot_start_worker(&options.worker, reason)),
        Exit::UserError { reason, .. }
        | Exit::Lost { reason, .. }
        | Exit::OutOfMemory { reason, .. }
        | Exit::Preempted { reason } => reason,
        Exit::Interrupted { .. } | Exit::Orphaned { .. } | Exit::Stopped => "stopped".to_owned(),
    };
    let log = folder.log(1, 0);
    let name = format!("predict {}", options.model_id);
    Err(Error::JobFailed {
        name,
        attempts: 1,
        reason,
        tail: tail(&log),
        log,
    })
}
