//! What an attempt of a job is started with: the contract of `CONTRACT.md`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use driveloop_schemas::forecast::inputs_file;

use crate::error::{Error, Result};
use crate::executor::{Attempt, Member};
use crate::folder::Folder;
use crate::options::{Job, TrainOptions};
use crate::predict_step::PredictFolder;
use crate::spec::JobSpec;
use crate::state::State;
use crate::sweep::MARK;
use crate::trainer::{Predictor, Trainer};

/// What to do where a program does not start.
const HINT_WORKER: &str =
    "run `make setup`, or set LIBTORCH (to build) or LD_LIBRARY_PATH (to run) to a libtorch 2.11";
const HINT_COMMAND: &str = "is the program of the job's `trainer` installed and on PATH?";

/// An attempt in a folder, with the GPUs that it was granted.
pub(crate) fn attempt(
    job: &Job,
    options: &TrainOptions,
    folder: &Folder,
    number: u32,
    gpus: &BTreeSet<u32>,
) -> Result<Attempt> {
    let spec = &job.spec;
    let dataset_dir =
        std::fs::canonicalize(&job.dataset_dir).map_err(Error::io(&job.dataset_dir))?;
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let command = spec.trainer.training(&options.worker);
    let weights_before: BTreeMap<&str, String> = spec
        .after
        .iter()
        .map(|name| (name.as_str(), text(&folder.weights_before(name))))
        .collect();
    let (device, visible) = granted(spec, options, gpus);
    let mut environment = vec![
        (MARK, text(folder.root())),
        ("DRIVELOOP_DATASET_DIR", text(&dataset_dir)),
        ("DRIVELOOP_CHECKPOINT_DIR", text(&folder.checkpoints())),
        (
            "DRIVELOOP_CHECKPOINT_EVERY_STEPS",
            spec.checkpoint_every_steps.to_string(),
        ),
        ("DRIVELOOP_MODEL_OUT", text(&folder.weights())),
        ("DRIVELOOP_SEED", spec.seed.to_string()),
        ("DRIVELOOP_PARAMS", spec.params_json()),
        ("DRIVELOOP_DEVICE", device),
        ("DRIVELOOP_ATTEMPT", number.to_string()),
        (
            "DRIVELOOP_AFTER",
            serde_json::json!(weights_before).to_string(),
        ),
    ];
    if spec.start_from.is_some() {
        environment.push(("DRIVELOOP_START_FROM", text(&folder.weights_at_start())));
    }
    environment.extend(visible.map(|visible| ("CUDA_VISIBLE_DEVICES", visible)));
    let member = |rank: u32| Member {
        log: folder.log(number, rank),
        metrics: folder.metrics_of(rank),
    };
    Ok(Attempt {
        command,
        environment,
        members: (0..spec.processes).map(member).collect(),
        outputs: vec![folder.weights()],
        heartbeat_timeout_s: spec.heartbeat_timeout_s,
    })
}

/// What a job computes on with the GPUs that it was granted: its device, and `CUDA_VISIBLE_DEVICES`.
pub(crate) fn granted(
    spec: &JobSpec,
    options: &TrainOptions,
    gpus: &BTreeSet<u32>,
) -> (String, Option<String>) {
    // A GPU that the job names is the only one that it sees, or the first.
    let pinned = spec.pinned_gpu();
    let device = match pinned {
        Some(_) if !options.machine.gpus.is_empty() => "cuda:0".to_owned(),
        _ => spec.device.clone(),
    };
    let others = gpus.iter().filter(|gpu| Some(**gpu) != pinned);
    let visible = options.machine.visible(pinned.iter().chain(others));
    (device, visible)
}

/// What a predict step is started with.
pub(crate) struct PredictAttempt<'a> {
    pub(crate) predictor: &'a Predictor,
    pub(crate) model_id: &'a str,
    pub(crate) worker: &'a Path,
    pub(crate) dataset_dir: &'a Path,
    pub(crate) folder: &'a PredictFolder,
    pub(crate) log: PathBuf,
    pub(crate) device: String,
    pub(crate) visible: Option<String>,
    pub(crate) timeout_s: f64,
}

/// An attempt to predict. Of the training it is given nothing but weights and parameters.
///
/// # Errors
/// [`Error::NobodyPredicts`] where nobody does.
pub(crate) fn predict_attempt(of: PredictAttempt<'_>) -> Result<Attempt> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let (command, params) = match of.predictor {
        Predictor::Builtin => (vec![text(of.worker), "predict".to_owned()], "{}"),
        Predictor::Command { command, params } => (command.clone(), params.as_str()),
        Predictor::Nobody => {
            let model_id = of.model_id.to_owned();
            return Err(Error::NobodyPredicts { model_id });
        }
    };
    let inputs = inputs_file(of.dataset_dir);
    let inputs = std::fs::canonicalize(&inputs).map_err(Error::io(&inputs))?;
    let mut environment = vec![
        (MARK, text(&of.folder.root)),
        ("DRIVELOOP_INPUTS", text(&inputs)),
        ("DRIVELOOP_WEIGHTS", text(&of.folder.weights())),
        ("DRIVELOOP_PREDICTIONS_OUT", text(&of.folder.predictions())),
        ("DRIVELOOP_PARAMS", params.to_owned()),
        ("DRIVELOOP_DEVICE", of.device),
    ];
    environment.extend(of.visible.map(|visible| ("CUDA_VISIBLE_DEVICES", visible)));
    let member = Member {
        log: of.log,
        metrics: of.folder.metrics(),
    };
    Ok(Attempt {
        command,
        environment,
        members: vec![member],
        outputs: vec![of.folder.predictions()],
        heartbeat_timeout_s: of.timeout_s,
    })
}

/// The error of a job whose program does not start.
pub(crate) fn cannot_start(
    job: &Job,
    options: &TrainOptions,
    state: &State,
    reason: String,
) -> Error {
    match &job.spec.trainer {
        Trainer::Builtin => cannot_start_worker(&options.worker, reason),
        Trainer::Commands { predict, .. } if state.predict_attempts > 0 => {
            cannot_start_command(predict, reason)
        }
        Trainer::Command(command) | Trainer::Commands { command, .. } => {
            cannot_start_command(command, reason)
        }
    }
}

/// The error of a predict step whose program does not start.
pub(crate) fn cannot_start_predictor(
    predictor: &Predictor,
    worker: &Path,
    reason: String,
) -> Error {
    match predictor {
        Predictor::Command { command, .. } => cannot_start_command(command, reason),
        Predictor::Builtin | Predictor::Nobody => cannot_start_worker(worker, reason),
    }
}

fn cannot_start_command(command: &[String], reason: String) -> Error {
    Error::CannotStart {
        program: command.first().cloned().unwrap_or_default(),
        reason,
        hint: HINT_COMMAND,
    }
}

/// The error of a built-in worker that does not start.
fn cannot_start_worker(worker: &Path, reason: String) -> Error {
    Error::CannotStart {
        program: worker.display().to_string(),
        reason,
        hint: HINT_WORKER,
    }
}
