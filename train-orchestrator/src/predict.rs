//! A model of the lake applied to another dataset.

use std::path::PathBuf;

use driveloop_lake::{Commit, Lake, Versions, digest};
use driveloop_schemas::{Prediction, Row as _};

use crate::attempt::{PredictAttempt, cannot_start_predictor, predict_attempt};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::event::Exit;
use crate::executor::Sight;
use crate::folder::{Folder, tail};
use crate::options::Outcome;
use crate::predict_step::PredictFolder;
use crate::predictions::{Key, commit as commit_predictions, read_predictions, transaction};
use crate::sweep::sweep;
use crate::trainer::Predictor;
use crate::weights::{model, weights_of};

/// What to predict with what.
#[derive(Clone)]
pub struct PredictOptions {
    /// Model of the lake.
    pub model_id: String,
    /// Name of the dataset.
    pub dataset: String,
    /// Digest of the dataset.
    pub dataset_digest: String,
    /// Folder with the exported dataset; beside it lies what is to be predicted.
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

/// Predicts the validation and test samples of a dataset with a model of the lake, once, by the predict step of its trainer.
///
/// # Errors
/// [`Error::Unknown`] when the lake has no such model, [`Error::NobodyPredicts`] when its trainer has no predict step,
/// [`Error::Weights`] when its weights are not those that the training left, [`Error::CannotStart`] when the program does not
/// start, [`Error::JobFailed`] when it fails or leaves out a sample; otherwise when files or lake fail.
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
    let id = transaction(model_id, dataset, dataset_digest);
    if lake
        .missing(Prediction::SPEC.name, std::slice::from_ref(&id))
        .await?
        .is_empty()
    {
        return Ok(report(0, Outcome::AlreadyThere));
    }
    let checkpoint = model(lake, model_id).await?;
    let predictor = Predictor::from_text(checkpoint.predict.as_deref());
    let predictor = predictor.map_err(|source| driveloop_lake::Error::Encoding {
        path: format!("predict of model {model_id}"),
        source,
    })?;
    let weights = weights_of(lake, &checkpoint).await?;
    let name = format!("predict-{}", &digest([&id])[..16]);
    let token = std::process::id().to_string();
    let run = Folder::lock(&options.work_dir, &name, &token)?.ok_or_else(|| Error::Busy {
        job: name.clone(),
        by: "another process of this machine".to_owned(),
    })?;
    let folder = PredictFolder::of(run.root());
    sweep(&folder.root).await?;
    folder.prepare(&weights)?;
    let stepped = run_step(options, &predictor, &run, &folder).await;
    sweep(&folder.root).await?;
    stepped?;

    let key = Key::read(&options.dataset_dir)?;
    let rows = match read_predictions(&folder.predictions(), &key, model_id, dataset) {
        Err(error @ Error::Output { .. }) => {
            return Err(failed(model_id, error.to_string(), run.log(1, 0)));
        }
        rows => rows?,
    };
    let mut commit = Commit::new("predict", options.run_id.as_str())
        .with_inputs(options.inputs.clone())
        .with_transactions([id]);
    commit.params_digest = digest([model_id, dataset, dataset_digest]);
    commit_predictions(lake, &rows, model_id, dataset, &commit).await?;
    Ok(report(rows.len() as u64, Outcome::Trained))
}

async fn run_step(
    options: &PredictOptions,
    predictor: &Predictor,
    run: &Folder,
    folder: &PredictFolder,
) -> Result<()> {
    let log = run.log(1, 0);
    let attempt = predict_attempt(PredictAttempt {
        predictor,
        model_id: &options.model_id,
        worker: &options.worker,
        dataset_dir: &options.dataset_dir,
        folder,
        log: log.clone(),
        device: options.device.clone(),
        visible: None,
        timeout_s: options.timeout_s,
    })?;
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
        Exit::CannotStart { reason } => {
            return Err(cannot_start_predictor(predictor, &options.worker, reason));
        }
        Exit::UserError { reason, .. }
        | Exit::Lost { reason, .. }
        | Exit::OutOfMemory { reason, .. }
        | Exit::Preempted { reason } => reason,
        Exit::Interrupted { .. } | Exit::Orphaned { .. } | Exit::Stopped => "stopped".to_owned(),
    };
    Err(failed(&options.model_id, reason, log))
}

fn failed(model_id: &str, reason: String, log: PathBuf) -> Error {
    Error::JobFailed {
        name: format!("predict {model_id}"),
        attempts: 1,
        reason,
        tail: tail(&log),
        log,
    }
}
