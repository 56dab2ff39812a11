//! Simulated logs, where the round asks for them.

use anyhow::Result;
use driveloop_lake::{Store, digest};
use driveloop_synth::simulate::{SimulateOptions, simulate};

use super::{StageContext, digest_of};
use crate::commands::simulate::event_kinds;
use crate::round::config::FleetConfig;
use crate::round::run::Output;
use crate::words::count;

pub(super) async fn inputs(context: &StageContext<'_>) -> Result<String> {
    digest_of(&context.options.config.simulate)
}

pub(super) async fn run(context: &StageContext<'_>) -> Result<Output> {
    let config = &context.options.config;
    if config.simulate.is_empty() {
        return Ok(Output {
            note: "recorded logs".into(),
            ..Output::default()
        });
    }
    let uri = config
        .source
        .as_ref()
        .unwrap_or(&context.options.simulated_logs);
    let store = Store::open(uri)?;
    let mut drives = Vec::new();
    for fleet in &config.simulate {
        drives.extend(simulate(&options(fleet)?, &store).await?.drives);
    }
    let messages: u64 = drives.iter().map(|drive| drive.messages).sum();
    let logs = drives
        .iter()
        .map(|drive| format!("{} {}", drive.path, drive.bytes));
    Ok(Output {
        digest: digest(logs),
        rows: messages,
        names: [("logs".to_owned(), uri.clone())].into(),
        note: format!(
            "{}, {} in {uri}",
            count(drives.len(), "drive"),
            count(messages, "message")
        ),
        ..Output::default()
    })
}

fn options(fleet: &FleetConfig) -> Result<SimulateOptions> {
    let default = SimulateOptions::default();
    Ok(SimulateOptions {
        drives: fleet.drives,
        seconds: fleet.seconds,
        seed: fleet.seed,
        events_per_min: fleet.events_per_min.unwrap_or(default.events_per_min),
        events: event_kinds(&fleet.events)?,
        ..default
    })
}
