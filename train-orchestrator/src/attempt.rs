//! What an attempt of a job is started with: the contract of `CONTRACT.md`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use crate::error::{Error, Result};
use crate::executor::{Attempt, Member};
use crate::folder::Folder;
use crate::options::{Job, TrainOptions};
use crate::spec::Trainer;
use crate::sweep::MARK;

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
    let command = match &spec.trainer {
        Trainer::Builtin => vec![text(&options.worker), "train".to_owned()],
        Trainer::Command(command) => command.clone(),
    };
    let weights_before: BTreeMap<&str, String> = spec
        .after
        .iter()
        .map(|name| (name.as_str(), text(&folder.weights_before(name))))
        .collect();
    // A GPU that the job names is the only one that it sees, or the first.
    let pinned = spec.pinned_gpu();
    let device = match pinned {
        Some(_) if !options.machine.gpus.is_empty() => "cuda:0".to_owned(),
        _ => spec.device.clone(),
    };
    let others = gpus.iter().filter(|gpu| Some(**gpu) != pinned);
    let visible = options.machine.visible(pinned.iter().chain(others));
    let mut environment = vec![
        (MARK, text(folder.root())),
        ("DRIVELOOP_DATASET_DIR", text(&dataset_dir)),
        ("DRIVELOOP_CHECKPOINT_DIR", text(&folder.checkpoints())),
        (
            "DRIVELOOP_CHECKPOINT_EVERY_STEPS",
            spec.checkpoint_every_steps.to_string(),
        ),
        ("DRIVELOOP_MODEL_OUT", text(&folder.weights())),
        ("DRIVELOOP_PREDICTIONS_OUT", text(&folder.predictions())),
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
        outputs: vec![folder.weights(), folder.predictions()],
        heartbeat_timeout_s: spec.heartbeat_timeout_s,
    })
}

/// The error of a job whose program does not start.
pub(crate) fn cannot_start(job: &Job, options: &TrainOptions, reason: String) -> Error {
    match &job.spec.trainer {
        Trainer::Builtin => cannot_start_worker(&options.worker, reason),
        Trainer::Command(command) => Error::CannotStart {
            program: command.first().cloned().unwrap_or_default(),
            reason,
            hint: HINT_COMMAND,
        },
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
