//! Episodes to a frozen dataset.

use anyhow::Result;
use driveloop_scenario_mining::dataset::{FreezeOptions, freeze};

use super::{StageContext, digest_of};
use crate::round::run::Output;
use crate::words::count;

/// Hexadecimal digits of the stage's key in the name of its dataset.
const NAME_DIGITS: usize = 8;

pub(super) async fn inputs(context: &StageContext<'_>) -> Result<String> {
    digest_of(&context.options.config.dataset)
}

pub(super) async fn run(context: &StageContext<'_>) -> Result<Output> {
    let config = &context.options.config;
    let key = context.run_id.rsplit('/').next().unwrap_or_default();
    let short = key.get(..NAME_DIGITS).unwrap_or(key);
    let name = format!("{}-{short}", config.name.to_lowercase());
    let options = FreezeOptions {
        stride_s: config.dataset.stride_s,
        scenario_weight: config.dataset.scenario_weight,
        seed: config.dataset.seed as i64,
        test_where: config.dataset.test.clone(),
        validation_where: config.dataset.validation.clone(),
        ..FreezeOptions::new(&name, &context.run_id)
    };
    let report = freeze(context.lake, &options).await?;
    let splits: Vec<_> = report
        .splits
        .iter()
        .map(|(split, size)| {
            format!(
                "{split} {} real + {} synthetic of {}",
                size.real,
                size.synthetic,
                count(size.hosts, "drive")
            )
        })
        .collect();
    for note in &report.notes {
        eprintln!("{:>10}: {note}", "dataset");
    }
    Ok(Output {
        digest: report.dataset_digest.clone(),
        rows: report.samples as u64,
        names: [
            ("dataset".to_owned(), name.clone()),
            ("digest".to_owned(), report.dataset_digest),
        ]
        .into(),
        note: format!(
            "{name}: {} ({})",
            count(report.samples, "sample"),
            splits.join("; ")
        ),
        ..Output::default()
    })
}
