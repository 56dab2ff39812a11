//! Model and baseline on the test split.

use anyhow::Result;
use driveloop_evaluation::{EvaluateOptions, evaluate};
use driveloop_lake::digest;

use super::{StageContext, digest_of};
use crate::commands::evaluate::predictions::make_missing;
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
    // The baseline is a model of an earlier round, which has not seen this dataset. A model whose trainer has no predict step ends
    // the round here.
    let (work_dir, device) = (&context.options.work_dir, &config.train.device);
    for model_id in [model, baseline] {
        make_missing(
            context.lake,
            work_dir,
            [model_id, dataset],
            device,
            &context.run_id,
        )
        .await?;
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
