//! The verdict.

use anyhow::Result;
use driveloop_ota_validation::{ValidateOptions, validate_models};

use super::{StageContext, digest_of};
use crate::commands::ota::read_rules;
use crate::round::run::Output;
use crate::words::count;

pub(super) async fn inputs(context: &StageContext<'_>) -> Result<String> {
    let config = &context.options.config.ota;
    let rules = config
        .rules
        .as_deref()
        .map(std::fs::read_to_string)
        .transpose()?;
    digest_of(&(config, context.baseline(), rules))
}

pub(super) async fn run(context: &StageContext<'_>) -> Result<Output> {
    let config = &context.options.config.ota;
    let (model, dataset) = (
        context.name("train", "model")?,
        context.name("dataset", "dataset")?,
    );
    let options = ValidateOptions {
        rules: config.rules.as_deref().map(read_rules).transpose()?,
        seed: config.seed,
        ..ValidateOptions::new(model, context.baseline(), dataset, &context.run_id)
    };
    let validation = validate_models(context.lake, &options).await?;
    let decision = validation.verdict.decision.as_str();
    let names = [
        ("verdict", validation.verdict_id.clone()),
        ("report", validation.report_path()),
        ("decision", decision.to_owned()),
    ];
    Ok(Output {
        digest: validation.evidence_digest.clone(),
        rows: 1,
        with_loss: validation.verdict.exit_status() != 0,
        names: names
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        note: format!(
            "{decision} over {} of {}",
            count(validation.verdict.scenes, "scene"),
            count(validation.verdict.drives, "drive")
        ),
        ..Output::default()
    })
}
