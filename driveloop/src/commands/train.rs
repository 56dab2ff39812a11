//! `driveloop train`: datasets to models.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use driveloop_lake::Lake;
use driveloop_scenario_mining::dataset::export;
use driveloop_train_orchestrator::state::{EventKind, Exit as WorkerExit};
use driveloop_train_orchestrator::{
    Clock, Error, Job, JobSpec, Machine, Stop, TrainEvent, TrainOptions, TrainReport, WhenBusy,
    specs_from_toml, train_all,
};

use super::doctor::worker_path;
use crate::context::{Context, now_ns};
use crate::measure::monotonic_ns;
use crate::progress::Progress;
use crate::render;
use crate::sheet::Sheet;
use crate::stop::with_signals;
use crate::{Exit, hint};

/// What to train.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Job files, TOML: name, dataset, and what of the rest is not as usual; or an array `[[job]]` of them.
    #[arg(required = true)]
    jobs: Vec<PathBuf>,
    /// Local folder for exported data, checkpoints and logs; beside the lake by default. Commands with the same folder
    /// share the CPUs and GPUs of the machine.
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
    /// Refuse a job that another orchestrator drives, in place of waiting for its end.
    #[arg(long)]
    no_wait: bool,
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<Exit> {
    let stop = Stop::default();
    with_signals(&stop, train(context, args, &stop)).await
}

async fn train(context: &Context, args: &Args, stop: &Stop) -> Result<Exit> {
    let mut specs = Vec::new();
    for path in &args.jobs {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read job `{}`", path.display()))?;
        let read = specs_from_toml(&text);
        specs.extend(read.with_context(|| format!("job file `{}`", path.display()))?);
    }
    let lake = context.existing_lake().await?;
    let work_dir = args.work.clone().unwrap_or_else(|| context.work_dir());
    let machine = machine();
    // What cannot run here says so before data is exported for it.
    for spec in &specs {
        machine.request(spec)?;
    }
    let jobs = with_datasets(&lake, specs, &work_dir).await?;
    let mut options = TrainOptions::new(work_dir.join("jobs"), worker_path()?, machine, clock());
    options.inputs = lake.versions().await?;
    options.stop = stop.clone();
    options.nvidia_smi = Some(NVIDIA_SMI.to_owned());
    if args.no_wait {
        options.when_busy = WhenBusy::Refuse;
    }
    let progress = Progress::start("train");
    let is_alone = jobs.len() == 1;
    let reports = train_all(&lake, &jobs, &options, &|job, event| {
        show(&progress, if is_alone { "" } else { job }, event);
    })
    .await?;
    drop(progress);
    print(context, &jobs, reports)
}

/// Exports each dataset once.
async fn with_datasets(lake: &Lake, specs: Vec<JobSpec>, work_dir: &Path) -> Result<Vec<Job>> {
    let mut digests = BTreeMap::new();
    let mut jobs = Vec::with_capacity(specs.len());
    for spec in specs {
        let dataset_dir = work_dir.join("datasets").join(&spec.dataset);
        if !digests.contains_key(&spec.dataset) {
            let exported = export(lake, &spec.dataset, &dataset_dir).await?;
            digests.insert(spec.dataset.clone(), exported.dataset_digest);
        }
        jobs.push(Job {
            dataset_digest: digests[&spec.dataset].clone(),
            dataset_dir,
            spec,
        });
    }
    Ok(jobs)
}

/// Prints the models. Of several jobs, each that left none has its error before the last one.
fn print(
    context: &Context,
    jobs: &[Job],
    reports: Vec<Result<TrainReport, Error>>,
) -> Result<Exit> {
    let columns = [
        "model",
        "job",
        "run",
        "state",
        "attempts",
        "device",
        "step",
        "validation_loss_m",
        "wall_s",
        "goodput",
        "gpu_hours",
        "cpu_hours",
        "cpu_hours_reserved",
        "cost",
    ];
    let mut sheet = Sheet::new(&columns);
    let mut errors = Vec::new();
    for (job, report) in jobs.iter().zip(reports) {
        let report = match report {
            Ok(report) => report,
            Err(error) => {
                errors.push(anyhow::Error::from(error));
                continue;
            }
        };
        let goodput = report.goodput();
        say_unpredicted(job, &report.model_id);
        sheet.row([
            report.model_id.into(),
            job.spec.name.clone().into(),
            report.run_id.into(),
            report.state.into(),
            i64::from(report.attempts).into(),
            report.device.into(),
            (report.step as i64).into(),
            report.validation_loss.into(),
            report.wall_s.into(),
            goodput.into(),
            report.gpu_hours.into(),
            report.cpu_hours.into(),
            report.cpu_hours_reserved.into(),
            report.cost.into(),
        ]);
    }
    if errors.len() < jobs.len() {
        render::sheet(context.format, sheet)?;
    }
    let Some(last) = errors.pop() else {
        return Ok(Exit::Done);
    };
    for error in &errors {
        eprint!("{}", hint::explain(error));
    }
    Err(last)
}

/// Says of a model with which nobody predicts what it cannot have.
pub(crate) fn say_unpredicted(job: &Job, model_id: &str) {
    if !job.spec.trainer.predicts() {
        eprintln!(
            "{model_id}: the trainer has no predict step, so that the model has the figures of its training, and no predictions, no \
             evaluation and no verdict; `trainer = {{ command = [...], predict = [...] }}` gives it one"
        );
    }
}

/// The system's clocks.
pub(crate) fn clock() -> Clock {
    Clock::new(now_ns, monotonic_ns)
}

/// The program of the GPUs' driver.
pub(crate) const NVIDIA_SMI: &str = "nvidia-smi";

/// The slots of this machine.
pub(crate) fn machine() -> Machine {
    Machine::find(
        NVIDIA_SMI,
        std::env::var("CUDA_VISIBLE_DEVICES").ok().as_deref(),
    )
}

/// Shows an event of a run; of one among several with the name of its job.
pub(crate) fn show(progress: &Progress, job: &str, event: &TrainEvent) {
    let line = match event {
        TrainEvent::Journal(event) => line_of(&event.kind),
        TrainEvent::Metrics(line) => match (line.step, line.validation_loss) {
            (Some(step), Some(loss)) => Some(format!("step {step}: validation loss {loss:.3} m")),
            _ => None,
        },
        TrainEvent::MetricsUnused { what, text } => Some(format!(
            "its metrics: {what} cannot be used, and is counted from now on: {text}"
        )),
        TrainEvent::Busy { by } => Some(format!("waits: {by} drives this job")),
        TrainEvent::MakesRoom { room_for } => Some(format!("makes room for job {room_for}")),
    };
    match line {
        Some(line) if job.is_empty() => progress.say(&line),
        Some(line) => progress.say(&format!("{job}: {line}")),
        None => {}
    }
}

/// What is worth a line; how a failed run ended is in its error.
fn line_of(kind: &EventKind) -> Option<String> {
    Some(match kind {
        EventKind::Started { attempt } => format!("attempt {attempt}"),
        EventKind::PredictStarted { attempt: 1, .. } => {
            "predicts with the stored weights".to_owned()
        }
        EventKind::PredictStarted { attempt, .. } => format!("predicts, attempt {attempt}"),
        EventKind::Checkpointed { step } => format!("checkpoint at step {step}"),
        EventKind::Exited { exit, .. } => match exit {
            WorkerExit::Success => "the worker is done".to_owned(),
            WorkerExit::Orphaned { .. } => "goes on where an orchestrator was killed".to_owned(),
            WorkerExit::Stopped | WorkerExit::Interrupted { .. } => {
                "the worker was stopped".to_owned()
            }
            WorkerExit::UserError { reason, .. }
            | WorkerExit::Lost { reason, .. }
            | WorkerExit::OutOfMemory { reason, .. }
            | WorkerExit::Preempted { reason }
            | WorkerExit::CannotStart { reason } => {
                format!("the worker ended before its time: {reason}")
            }
        },
        EventKind::Collected { model_id, .. } => format!("model {model_id}"),
        _ => return None,
    })
}
