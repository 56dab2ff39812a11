//! Model and baseline: on the validation split, which says what to search for next, and on the test split, which judges.

use anyhow::Result;
use driveloop_evaluation::{EvaluateOptions, EvaluationReport, evaluate};
use driveloop_lake::{digest, sql_literal};

use super::{StageContext, digest_of};
use crate::commands::evaluate::coverage_text;
use crate::commands::evaluate::predictions::make_missing;
use crate::round::run::Output;
use crate::words::count;

/// The splits that are evaluated: that which chooses before that which judges.
const SPLITS: [&str; 2] = ["validation", "test"];

pub(super) async fn inputs(context: &StageContext<'_>) -> Result<String> {
    let config = &context.options.config;
    let reference = &context.rules()?.reference;
    digest_of(&(&config.evaluate, &config.ota.baseline, reference, SPLITS))
}

pub(super) async fn run(context: &StageContext<'_>) -> Result<Output> {
    let (model, dataset) = (
        context.name("train", "model")?,
        context.name("dataset", "dataset")?,
    );
    let baseline = context.baseline().await?;
    let previous = context.options.previous.as_ref();
    let previous = previous.map(|previous| previous.model.as_str());
    let previous = previous.filter(|previous| *previous != baseline);
    // Models of earlier rounds have not seen this dataset. A model whose trainer has no predict step ends the round here.
    let work_dir = &context.options.work_dir;
    let device = &context.options.config.train.device;
    for model_id in previous.into_iter().chain([model, baseline.as_str()]) {
        make_missing(
            context.lake,
            work_dir,
            [model_id, dataset],
            device,
            &context.run_id,
        )
        .await?;
    }
    let mut output = Output::default();
    let (mut lines, mut notes) = (Vec::new(), Vec::new());
    for split in SPLITS {
        if !has_samples(context, dataset, split).await? {
            notes.push(format!("{split}: no samples"));
            continue;
        }
        // The round before stands beside the baseline, for information: what was to be mended, then and now.
        if let Some(previous) = previous {
            against(context, model, previous, dataset, split).await?;
        }
        let report = against(context, model, &baseline, dataset, split).await?;
        output.rows += (report.slices.len() + report.failures.len()) as u64;
        output.with_loss |= !report.is_whole();
        notes.push(note(split, &report));
        lines.extend(report.slices.iter().map(|slice| format!("{slice:?}")));
    }
    Ok(Output {
        digest: digest(lines),
        names: [("baseline".to_owned(), baseline)].into(),
        note: notes.join("; "),
        ..output
    })
}

/// The figures of the round's model next to those of another one.
async fn against(
    context: &StageContext<'_>,
    model: &str,
    other: &str,
    dataset: &str,
    split: &str,
) -> Result<EvaluationReport> {
    let config = &context.options.config.evaluate;
    let options = EvaluateOptions {
        baseline_id: other.to_owned(),
        split: split.to_owned(),
        seed: config.seed as i64,
        resamples: config.resamples,
        ..EvaluateOptions::new(model, dataset, &context.run_id)
    };
    Ok(evaluate(context.lake, &options).await?)
}

/// What was scored, and how much there is to mend where it chooses.
fn note(split: &str, report: &EvaluationReport) -> String {
    let mut parts = vec![format!("{split}: {}", count(report.drives, "drive"))];
    if split == SPLITS[0] {
        parts.push(format!("{} to mend", count(report.failures.len(), "slice")));
    }
    parts.push(coverage_text(report.coverage));
    if !report.composed.is_whole() {
        let composed = coverage_text(report.composed);
        parts.push(format!("of composed drives {composed}"));
    }
    parts.join(", ")
}

/// Whether the split has samples of recorded or simulated drives. With few drives there is no validation split.
async fn has_samples(context: &StageContext<'_>, dataset: &str, split: &str) -> Result<bool> {
    let sql = format!(
        "SELECT 1 AS found FROM sample WHERE dataset = {} AND split = {} LIMIT 1",
        sql_literal(dataset),
        sql_literal(split)
    );
    let batches = context.lake.query(&sql).await?;
    Ok(batches.iter().any(|batch| batch.num_rows() > 0))
}
