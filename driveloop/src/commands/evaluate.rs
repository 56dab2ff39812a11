//! `driveloop evaluate`: a model against a baseline.

use anyhow::Result;
use driveloop_evaluation::{CONSTANT_VELOCITY, EvaluateOptions, evaluate};

use crate::Exit;
use crate::context::{Context, run_id};
use crate::render;
use crate::sheet::Sheet;
use crate::words::count;

/// What to evaluate.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The model.
    model: String,
    /// The dataset whose samples it is evaluated on.
    #[arg(long)]
    dataset: String,
    /// The model that it is compared with.
    #[arg(long, default_value = CONSTANT_VELOCITY)]
    baseline: String,
    /// The split.
    #[arg(long, default_value = "test")]
    split: String,
    /// Bootstrap resamples.
    #[arg(long, default_value_t = 2000)]
    resamples: usize,
    /// Seed of the bootstrap.
    #[arg(long, default_value_t = 0)]
    seed: i64,
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<Exit> {
    let lake = context.existing_lake().await?;
    let options = EvaluateOptions {
        baseline_id: args.baseline.clone(),
        split: args.split.clone(),
        resamples: args.resamples,
        seed: args.seed,
        ..EvaluateOptions::new(&args.model, &args.dataset, &run_id("evaluate"))
    };
    let report = evaluate(&lake, &options).await?;
    let columns = [
        "slice",
        "metric",
        "value",
        "baseline",
        "difference",
        "low",
        "high",
        "samples",
        "drives",
    ];
    let mut sheet = Sheet::new(&columns);
    for slice in report.slices {
        sheet.row([
            slice.slice.into(),
            slice.metric.into(),
            slice.value.into(),
            slice.baseline_value.into(),
            slice.difference.into(),
            slice.difference_low.into(),
            slice.difference_high.into(),
            slice.samples.into(),
            slice.drives.into(),
        ]);
    }
    render::sheet(context.format, sheet)?;
    for failure in &report.failures {
        eprintln!(
            "{}. {} {} ({}): {}",
            failure.rank, failure.slice, failure.metric, failure.reason, failure.search_sql
        );
    }
    let missing = report.missing;
    let lost = missing.model + missing.baseline + missing.truth;
    if lost > 0 {
        eprintln!(
            "not scored: {} without a prediction, {} without one of the baseline, {} without a whole future",
            count(missing.model, "sample"),
            missing.baseline,
            missing.truth
        );
    }
    Ok(if lost > 0 { Exit::WithLoss } else { Exit::Done })
}
