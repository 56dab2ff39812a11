//! `driveloop train`: a dataset to a model.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use driveloop_scenario_mining::dataset::export;
use driveloop_train_orchestrator::state::{EventKind, Exit as WorkerExit};
use driveloop_train_orchestrator::{Clock, JobSpec, TrainEvent, TrainOptions, train};

use super::doctor::worker_path;
use crate::Exit;
use crate::context::{Context, now_ns};
use crate::progress::Progress;
use crate::render;
use crate::sheet::Sheet;

/// What to train.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The job, a TOML file: name, dataset, and what of the rest is not as usual.
    job: PathBuf,
    /// Local folder for exported data, checkpoints and logs; beside the lake by default.
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
    /// Price of a GPU hour.
    #[arg(long, default_value_t = 0.0)]
    per_gpu_hour: f64,
    /// Price of a CPU hour.
    #[arg(long, default_value_t = 0.0)]
    per_cpu_hour: f64,
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<Exit> {
    let text = std::fs::read_to_string(&args.job)
        .with_context(|| format!("cannot read job `{}`", args.job.display()))?;
    let spec = JobSpec::from_toml(&text)?;
    let lake = context.existing_lake().await?;
    let work_dir = args.work.clone().unwrap_or_else(|| context.work_dir());
    let dataset_dir = work_dir.join("datasets").join(&spec.dataset);
    let exported = export(&lake, &spec.dataset, &dataset_dir).await?;
    let options = TrainOptions {
        inputs: lake.versions().await?,
        price_per_gpu_hour: args.per_gpu_hour,
        price_per_cpu_hour: args.per_cpu_hour,
        ..TrainOptions::new(
            work_dir.join("jobs"),
            worker_path()?,
            dataset_dir,
            exported.dataset_digest,
            clock(),
        )
    };
    let progress = Progress::start("train");
    let report = train(&lake, &spec, &options, &|event| show(&progress, event)).await?;
    drop(progress);
    let columns = [
        "model",
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
        "cost",
    ];
    let mut sheet = Sheet::new(&columns);
    let goodput = report.goodput();
    sheet.row([
        report.model_id.into(),
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
        report.cost.into(),
    ]);
    render::sheet(context.format, sheet)?;
    Ok(Exit::Done)
}

/// The system's clock.
pub(crate) fn clock() -> Clock {
    Arc::new(now_ns)
}

/// Shows an event of a run.
pub(crate) fn show(progress: &Progress, event: &TrainEvent) {
    match event {
        TrainEvent::Journal(event) => {
            if let Some(line) = line_of(&event.kind) {
                progress.say(&line);
            }
        }
        TrainEvent::Metrics(line) => {
            if let (Some(step), Some(loss)) = (line.step, line.validation_loss) {
                progress.say(&format!("step {step}: validation loss {loss:.3} m"));
            }
        }
    }
}

/// What is worth a line; how a failed run ended is in its error.
fn line_of(kind: &EventKind) -> Option<String> {
    Some(match kind {
        EventKind::Started { attempt } => format!("attempt {attempt}"),
        EventKind::Checkpointed { step } => format!("checkpoint at step {step}"),
        EventKind::Exited {
            exit: WorkerExit::Success,
        } => "the worker is done".to_owned(),
        EventKind::Exited { .. } => "the worker ended before its time".to_owned(),
        EventKind::Collected { model_id, .. } => format!("model {model_id}"),
        _ => return None,
    })
}
