//! A dataset to a model.

use anyhow::Result;
use driveloop_lake::digest;
use driveloop_ota_validation::check_suite_unseen;
use driveloop_scenario_mining::dataset::export;
use driveloop_train_orchestrator::{Job, JobSpec, Price, TrainOptions, Trainer, train};

use super::{StageContext, digest_of};
use crate::commands::doctor::worker_path;
use crate::commands::train::{NVIDIA_SMI, clock, machine, say_unpredicted, show};
use crate::progress::Progress;
use crate::round::config::{NOTHING, PREVIOUS, TrainConfig};
use crate::round::run::Output;
use crate::words::count;

pub(super) async fn inputs(context: &StageContext<'_>) -> Result<String> {
    digest_of(&(&context.options.config.train, start_from(context)))
}

/// The model that the training starts from.
fn start_from(context: &StageContext<'_>) -> Option<String> {
    let previous = context.options.previous.as_ref();
    let of_previous = previous.map(|previous| previous.model.clone());
    match context.options.config.train.start_from.as_deref() {
        None | Some(PREVIOUS) => of_previous,
        Some(NOTHING) => None,
        Some(model_id) => Some(model_id.to_owned()),
    }
}

pub(super) async fn run(context: &StageContext<'_>) -> Result<Output> {
    let config = &context.options.config;
    let dataset = context.name("dataset", "dataset")?;
    // Hours of training are not spent on a model that no suite of this round could judge.
    if let Some(start) = start_from(context) {
        check_suite_unseen(context.lake, &start, dataset).await?;
    }
    let dataset_dir = dataset_dir(context, dataset);
    let exported = export(context.lake, dataset, &dataset_dir).await?;
    let mut spec = JobSpec::new(&config.name, dataset);
    spec.seed = config.train.seed;
    spec.device.clone_from(&config.train.device);
    spec.start_from = start_from(context);
    spec.params.clone_from(&config.train.params);
    spec.trainer = trainer(&config.train);
    spec.price = Price {
        per_gpu_hour: config.cost.per_gpu_hour,
        per_cpu_hour: config.cost.per_cpu_hour,
    };
    let work_dir = context.options.work_dir.join("jobs");
    let options = TrainOptions {
        inputs: context.lake.versions().await?,
        run_id: Some(context.run_id.clone()),
        nvidia_smi: Some(NVIDIA_SMI.to_owned()),
        stop: context.options.stop.clone(),
        ..TrainOptions::new(work_dir, worker_path()?, machine(), clock())
    };
    let job = Job {
        spec,
        dataset_dir,
        dataset_digest: exported.dataset_digest,
    };
    let progress = Progress::start("train");
    let report = train(context.lake, &job, &options, &|_, event| {
        show(&progress, "", event);
    })
    .await?;
    drop(progress);
    say_unpredicted(&job, &report.model_id);
    Ok(Output {
        digest: digest([&report.model_id]),
        rows: report.predictions,
        gpu_hours: report.gpu_hours,
        cpu_hours: report.cpu_hours,
        names: [("model".to_owned(), report.model_id.clone())].into(),
        note: format!(
            "{}: {} on {}, {}, goodput {:.0} %",
            report.model_id,
            count(report.step, "step"),
            report.device,
            count(report.attempts, "attempt"),
            100.0 * report.goodput()
        ),
        ..Output::default()
    })
}

fn trainer(config: &TrainConfig) -> Trainer {
    let (command, predict) = (config.command.clone(), config.predict.clone());
    match (command.is_empty(), predict.is_empty()) {
        (true, _) => Trainer::Builtin,
        (false, true) => Trainer::Command(command),
        (false, false) => Trainer::Commands { command, predict },
    }
}

/// Where a dataset is exported to. It can be deleted: it is made again when it is needed.
fn dataset_dir(context: &StageContext<'_>, dataset: &str) -> std::path::PathBuf {
    context.options.work_dir.join("datasets").join(dataset)
}
