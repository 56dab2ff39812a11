//! Simulated logs, where the round asks for them.

use anyhow::Result;
use driveloop_lake::{Store, digest};
use driveloop_synth::simulate::{SimulateOptions, simulate};

use super::{StageContext, digest_of};
use crate::round::run::Output;
use crate::words::count;

pub(super) async fn inputs(context: &StageContext<'_>) -> Result<String> {
    digest_of(&context.options.config.simulate)
}

pub(super) async fn run(context: &StageContext<'_>) -> Result<Output> {
    let Some(config) = &context.options.config.simulate else {
        return Ok(Output {
            note: "recorded logs".into(),
            ..Output::default()
        });
    };
    let options = SimulateOptions {
        drives: config.drives,
        seconds: config.seconds,
        seed: config.seed,
        ..SimulateOptions::default()
    };
    let uri = config
        .out
        .as_ref()
        .unwrap_or(&context.options.simulated_logs);
    let report = simulate(&options, &Store::open(uri)?).await?;
    let logs: Vec<_> = report
        .drives
        .iter()
        .map(|drive| format!("{} {}", drive.path, drive.bytes))
        .collect();
    let messages: u64 = report.drives.iter().map(|drive| drive.messages).sum();
    Ok(Output {
        digest: digest(&logs),
        rows: messages,
        names: [("logs".to_owned(), uri.clone())].into(),
        note: format!(
            "{}, {} in {uri}",
            count(logs.len(), "drive"),
            count(messages, "message")
        ),
        ..Output::default()
    })
}
