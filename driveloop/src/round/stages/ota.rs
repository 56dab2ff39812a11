//! The verdict.

use std::path::Path;

use anyhow::{Context as _, Result};
use driveloop_ota_validation::{UpdateRecord, ValidateOptions, validate_models};
use driveloop_train_orchestrator::check_weights;

use super::{StageContext, digest_of};
use crate::commands::ota::{Signer, put_envelope, read_release};
use crate::round::run::Output;
use crate::words::count;

// Which baseline it is follows from what the evaluation left.
pub(super) async fn inputs(context: &StageContext<'_>) -> Result<String> {
    let config = &context.options.config.ota;
    let mut files = Vec::new();
    for path in [&config.rules, &config.release].into_iter().flatten() {
        let text = std::fs::read_to_string(path);
        files.push(text.with_context(|| format!("cannot read `{path}`"))?);
    }
    digest_of(&(config, files))
}

pub(super) async fn run(context: &StageContext<'_>) -> Result<Output> {
    let config = &context.options.config.ota;
    let (model, dataset) = (
        context.name("train", "model")?,
        context.name("dataset", "dataset")?,
    );
    // What the stage cannot do without is looked at before it computes.
    check_weights(context.lake, model).await?;
    let signer = config.sign.as_ref();
    let signer = signer.map(|key| Signer::read(Path::new(key), config.expires_days));
    let signer = signer.transpose()?;
    let release = config.release.as_ref();
    let options = ValidateOptions {
        update: release.map_or_else(
            || Ok(UpdateRecord::default()),
            |path| read_release(Path::new(path)),
        )?,
        rules: Some(context.rules()?),
        seed: config.seed,
        ..ValidateOptions::new(model, context.baseline().await?, dataset, &context.run_id)
    };
    let validation = validate_models(context.lake, &options).await?;
    let decision = validation.verdict.decision.as_str();
    let mut names = vec![
        ("verdict", validation.verdict_id.clone()),
        ("report", validation.report_path()),
        ("decision", decision.to_owned()),
    ];
    if let Some(signer) = signer {
        let envelope = signer.envelope(&validation)?;
        put_envelope(context.lake, &validation, envelope).await?;
        names.push(("envelope", validation.envelope_path()));
    }
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
