//! `driveloop evaluate`: a model against a baseline, or two models side by side.

pub(crate) mod predictions;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use driveloop_evaluation::{
    CONSTANT_VELOCITY, Change, Comparison, Coverage, EvaluateOptions, compare, evaluate,
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
        "change",
        "samples",
        "drives",
        "model_samples",
        "baseline_samples",
        "split_samples",
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
            slice.change.into(),
            slice.samples.into(),
            slice.drives.into(),
            slice.model_samples.into(),
            slice.baseline_samples.into(),
            slice.split_samples.into(),
        ]);
    }
    render::sheet(context.format, sheet)?;
    for failure in &report.failures {
        eprintln!(
            "{}. {} {} ({}): {}",
            failure.rank, failure.slice, failure.metric, failure.reason, failure.search_sql
        );
    }
    Ok(say_coverage(
        &options.split,
        report.coverage,
        report.composed,
    ))
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
    let exit = say_coverage(&options.split, comparison.coverage, comparison.composed);
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
    Ok(exit)
}

/// Who is better in how many figures.
fn summary(comparison: &Comparison, model: &str, other: &str) -> String {
    let all = comparison.slices.len();
    let number = |change| {
        let rows = comparison.slices.iter();
        rows.filter(|row| row.change == change).count()
    };
    let drives = count(comparison.drives, "drive");
    let tested = all - number(Change::TooFewDrives);
    if tested == 0 {
        return format!(
            "{model} against {other}: {drives}, too few for intervals: nothing is said of who is better"
        );
    }
    format!(
        "{model} against {other}: better in {}, worse in {} of {} ({} of {drives}), corrected for all of them; \
         of two models that are equally good, one in forty is called worse somewhere",
        number(Change::Better),
        number(Change::Worse),
        count(tested, "figure"),
        count(comparison.coverage.both, "sample"),
    )
}

/// Says how much of the split was scored; with loss where that is not all.
fn say_coverage(split: &str, recorded: Coverage, composed: Coverage) -> Exit {
    eprintln!("split `{split}`: {}", coverage_text(recorded));
    if composed.samples > 0 {
        eprintln!("of composed drives: {}", coverage_text(composed));
    }
    if recorded.is_whole() && composed.is_whole() {
        Exit::Done
    } else {
        Exit::WithLoss
    }
}

/// `330 of 812 samples scored: 482 without an answer of the model`.
pub(crate) fn coverage_text(coverage: Coverage) -> String {
    let scored = format!(
        "{} of {} scored",
        coverage.both,
        count(coverage.samples, "sample")
    );
    let lost = [
        (coverage.unanswered(), "without an answer of the model"),
        (
            coverage.unanswered_by_baseline(),
            "without one of the baseline",
        ),
        (coverage.without_truth, "without a whole future"),
    ];
    let lost = lost.iter().filter(|(number, _)| *number > 0);
    let lost: Vec<_> = lost
        .map(|(number, why)| format!("{number} {why}"))
        .collect();
    if lost.is_empty() {
        scored
    } else {
        format!("{scored}: {}", lost.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_scored_is_said_with_its_cause() {
        let whole = Coverage {
            samples: 812,
            without_truth: 0,
            model: 812,
            baseline: 812,
            both: 812,
        };
        assert_eq!(coverage_text(whole), "812 of 812 samples scored");
        let part = Coverage {
            without_truth: 2,
            model: 330,
            baseline: 810,
            both: 330,
            ..whole
        };
        assert_eq!(
            coverage_text(part),
            "330 of 812 samples scored: 480 without an answer of the model, 2 without a whole future"
        );
    }
}
