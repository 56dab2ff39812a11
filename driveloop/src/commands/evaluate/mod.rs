//! `driveloop evaluate`: a model against a baseline, or two models side by side.

pub(crate) mod predictions;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use driveloop_evaluation::{
    CONSTANT_VELOCITY, Change, Comparison, DRIVES_MIN, EvaluateOptions, Missing, compare,
    difference_by_actor, evaluate,
};
use driveloop_lake::Lake;

use crate::Exit;
use crate::context::{Context, run_id};
use crate::render;
use crate::sheet::Sheet;
use crate::words::count;

/// What to evaluate.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// The model.
    #[arg(required = true)]
    model: Option<String>,
    /// The model that it is compared with.
    #[arg(long, default_value = CONSTANT_VELOCITY)]
    baseline: String,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Two models slice by slice, paired by sample: who is better where. Writes nothing but predictions that are missing.
    Compare {
        /// The model.
        model: String,
        /// The model that it is compared with.
        other: String,
        #[command(flatten)]
        how: How,
    },
}

/// On what, and how sure.
#[derive(Debug, clap::Args)]
struct How {
    /// The dataset whose samples they are evaluated on.
    #[arg(long, required = true)]
    dataset: Option<String>,
    /// The split.
    #[arg(long, default_value = "test")]
    split: String,
    /// Bootstrap resamples.
    #[arg(long, default_value_t = 2000)]
    resamples: usize,
    /// Seed of the bootstrap.
    #[arg(long, default_value_t = 0)]
    seed: i64,
    /// What predicts where predictions are missing: `auto`, `cpu` or `cuda:N`.
    #[arg(long, default_value = "auto")]
    device: String,
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<Exit> {
    let lake = context.existing_lake().await?;
    match &args.verb {
        Some(Verb::Compare { model, other, how }) => {
            run_compare(context, &lake, model, other, how).await
        }
        None => {
            let model = args.model.as_deref().context("give a model")?;
            run_evaluate(context, &lake, model, args).await
        }
    }
}

/// What both verbs ask of the library, with the predictions that it reads in place.
async fn prepared(
    context: &Context,
    lake: &Lake,
    [model, other]: [&str; 2],
    how: &How,
) -> Result<EvaluateOptions> {
    let dataset = how.dataset.as_deref().context("give --dataset")?;
    let options = EvaluateOptions {
        baseline_id: other.to_owned(),
        split: how.split.clone(),
        resamples: how.resamples,
        seed: how.seed,
        ..EvaluateOptions::new(model, dataset, &run_id("evaluate"))
    };
    for model_id in [model, other] {
        let work_dir = context.work_dir();
        let of_run = run_id("predict");
        predictions::make_missing(lake, &work_dir, [model_id, dataset], &how.device, &of_run)
            .await?;
        if let Some(note) = predictions::seen_in_training(lake, model_id, &options).await? {
            eprintln!("{note}");
        }
    }
    Ok(options)
}

async fn run_evaluate(context: &Context, lake: &Lake, model: &str, args: &Args) -> Result<Exit> {
    let options = prepared(context, lake, [model, &args.baseline], &args.how).await?;
    let report = evaluate(lake, &options).await?;
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
    if report.drives < DRIVES_MIN {
        say_by_actor(lake, &options, report.drives).await?;
    }
    for failure in &report.failures {
        eprintln!(
            "{}. {} {} ({}): {}",
            failure.rank, failure.slice, failure.metric, failure.reason, failure.search_sql
        );
    }
    Ok(if say_missing(report.missing) {
        Exit::WithLoss
    } else {
        Exit::Done
    })
}

/// Where there are too few drives for intervals: how much chance there is in the actors of those that there are.
async fn say_by_actor(lake: &Lake, options: &EvaluateOptions, drives: usize) -> Result<()> {
    for metric in ["ade_m", "fde_m"] {
        if let Some(found) = difference_by_actor(lake, options, metric).await? {
            eprintln!(
                "{metric}: difference between {:.3} and {:.3} by the actors of {}; nothing is said of other drives",
                found.low,
                found.high,
                count(drives, "drive")
            );
        }
    }
    Ok(())
}

async fn run_compare(
    context: &Context,
    lake: &Lake,
    model: &str,
    other: &str,
    how: &How,
) -> Result<Exit> {
    let options = prepared(context, lake, [model, other], how).await?;
    let comparison = compare(lake, &options).await?;
    eprintln!("{}", summary(&comparison, model, other));
    say_missing(comparison.missing);
    let columns = [
        "slice",
        "metric",
        "model",
        "other",
        "difference",
        "low",
        "high",
        "change",
        "samples",
        "drives",
    ];
    let mut sheet = Sheet::new(&columns);
    for row in comparison.slices {
        let figures = row.figures;
        sheet.row([
            figures.slice.into(),
            figures.metric.into(),
            figures.value.into(),
            figures.baseline_value.into(),
            figures.difference.into(),
            figures.difference_low.into(),
            figures.difference_high.into(),
            row.change.as_str().into(),
            figures.samples.into(),
            figures.drives.into(),
        ]);
    }
    render::sheet(context.format, sheet)?;
    Ok(Exit::Done)
}

/// Who is better in how many figures, and how many of them chance alone would give.
fn summary(comparison: &Comparison, model: &str, other: &str) -> String {
    let all = comparison.slices.len();
    let number = |change| {
        let rows = comparison.slices.iter();
        rows.filter(|row| row.change == change).count()
    };
    let (better, worse) = (number(Change::Better), number(Change::Worse));
    let drives = count(comparison.drives, "drive");
    if number(Change::NoInterval) == all {
        return format!(
            "{model} against {other}: {drives}, too few for intervals: nothing is said of who is better"
        );
    }
    format!(
        "{model} against {other}: better in {better}, worse in {worse} of {} ({} of {drives}); \
         of two models that are equally good, about {:.0} would be one or the other by chance",
        count(all, "figure"),
        count(comparison.samples, "sample"),
        (0.05 * all as f64).ceil()
    )
}

/// Says what could not be scored; `true` where that is anything.
fn say_missing(missing: Missing) -> bool {
    let lost = missing.model + missing.baseline + missing.truth;
    if lost > 0 {
        eprintln!(
            "not scored: {} without a prediction, {} without one of the baseline, {} without a whole future",
            count(missing.model, "sample"),
            missing.baseline,
            missing.truth
        );
    }
    lost > 0
}
