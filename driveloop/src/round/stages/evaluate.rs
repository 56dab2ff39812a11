//! Model and baseline on the test split.

use anyhow::Result;
use driveloop_evaluation::{CONSTANT_VELOCITY, EvaluateOptions, EvaluationReport, evaluate};
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
    let config = &context.options.config;
    digest_of(&(
        &config.evaluate,
        &config.ota.baseline,
        &context.rules()?.reference,
    ))
}

pub(super) async fn run(context: &StageContext<'_>) -> Result<Output> {
    let config = &context.options.config;
    let (model, dataset) = (
        context.name("train", "model")?,
        context.name("dataset", "dataset")?,
    );
    let baseline = context.baseline().await?;
    let previous = context.options.previous.as_ref();
    let previous = previous.map(|previous| previous.model.as_str());
    // The round before stands beside the baseline, for information: what was to be mended, then and now.
    if let Some(previous) = previous.filter(|previous| *previous != baseline) {
        against(context, model, previous, dataset).await?;
    }
    let report = against(context, model, &baseline, dataset).await?;
    let rows = report.slices.len() + report.failures.len();
    let lines: Vec<_> = report.slices.iter().map(|s| format!("{s:?}")).collect();
    Ok(Output {
        digest: digest(lines),
        rows: rows as u64,
        names: [("baseline".to_owned(), baseline)].into(),
        note: format!(
            "{} of {}, {} to mend",
            count(report.samples, "sample"),
            count(report.drives, "drive"),
            count(report.failures.len(), "slice")
        ),
        ..Output::default()
    })
}

/// The figures of the round's model next to those of another one.
async fn against(
    context: &StageContext<'_>,
    model: &str,
    other: &str,
    dataset: &str,
) -> Result<EvaluationReport> {
    let config = &context.options.config.evaluate;
    if other != CONSTANT_VELOCITY {
        predict_other(context, other, dataset).await?;
    }
    let options = EvaluateOptions {
        baseline_id: other.to_owned(),
        seed: config.seed as i64,
        resamples: config.resamples,
        ..EvaluateOptions::new(model, dataset, &context.run_id)
    };
    Ok(evaluate(context.lake, &options).await?)
}

/// A model of an earlier round has not seen this dataset.
async fn predict_other(context: &StageContext<'_>, model_id: &str, dataset: &str) -> Result<()> {
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
