//! Model and baseline on the test split.

use anyhow::Result;
use driveloop_evaluation::{CONSTANT_VELOCITY, EvaluateOptions, evaluate};
use driveloop_lake::digest;
use driveloop_scenario_mining::dataset::export;
use driveloop_train_orchestrator::{PredictOptions, predict};

use super::train::dataset_dir;
use super::{StageContext, digest_of};
use crate::commands::doctor::worker_path;
use crate::commands::train::clock;
use crate::round::run::Output;
use crate::words::count;

pub(super) async fn inputs(context: &StageContext<'_>) -> Result<String> {
    digest_of(&(&context.options.config.evaluate, context.baseline()))
}

pub(super) async fn run(context: &StageContext<'_>) -> Result<Output> {
    let config = &context.options.config;
    let (model, dataset) = (
        context.name("train", "model")?,
        context.name("dataset", "dataset")?,
    );
    let baseline = context.baseline();
    if baseline != CONSTANT_VELOCITY {
        predict_baseline(context, baseline, dataset).await?;
    }
    let options = EvaluateOptions {
        baseline_id: baseline.to_owned(),
        seed: config.evaluate.seed as i64,
        resamples: config.evaluate.resamples,
        ..EvaluateOptions::new(model, dataset, &context.run_id)
    };
    let report = evaluate(context.lake, &options).await?;
    let rows = report.slices.len() + report.failures.len();
    let lines: Vec<_> = report.slices.iter().map(|s| format!("{s:?}")).collect();
    Ok(Output {
        digest: digest(lines),
        rows: rows as u64,
        note: format!(
            "{} of {}, {} to mend",
            count(report.samples, "sample"),
            count(report.drives, "drive"),
            count(report.failures.len(), "slice")
        ),
        ..Output::default()
    })
}

/// The baseline is a model of an earlier round: it has not seen this dataset.
async fn predict_baseline(context: &StageContext<'_>, model_id: &str, dataset: &str) -> Result<()> {
    let dataset_dir = dataset_dir(context, dataset);
    let exported = export(context.lake, dataset, &dataset_dir).await?;
    let options = PredictOptions {
        model_id: model_id.to_owned(),
        dataset: dataset.to_owned(),
        dataset_digest: exported.dataset_digest,
        dataset_dir,
        work_dir: context.options.work_dir.join("jobs"),
        worker: worker_path()?,
        device: context.options.config.train.device.clone(),
        timeout_s: 3600.0,
        inputs: context.lake.versions().await?,
        run_id: context.run_id.clone(),
        clock: clock(),
    };
    predict(context.lake, &options).await?;
    Ok(())
}
