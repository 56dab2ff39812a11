//! `driveloop simulate`: logs of a traffic world.

use anyhow::Result;
use driveloop_lake::Store;
use driveloop_synth::simulate::{SimulateOptions, simulate};

use crate::Exit;
use crate::context::Context;
use crate::render;
use crate::sheet::Sheet;

/// What to simulate.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Number of drives.
    #[arg(long, default_value_t = 8)]
    drives: usize,
    /// Length of a drive, seconds.
    #[arg(long, default_value_t = 40.0)]
    seconds: f64,
    /// Seed: the same seed writes the same bytes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Events around the ego per minute.
    #[arg(long, default_value_t = SimulateOptions::default().events_per_min)]
    events_per_min: f64,
    /// Where the logs go: a folder or an object-store URI.
    #[arg(long, value_name = "URI")]
    out: String,
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<Exit> {
    let options = SimulateOptions {
        drives: args.drives,
        seconds: args.seconds,
        seed: args.seed,
        events_per_min: args.events_per_min,
    };
    let report = simulate(&options, &Store::open(&args.out)?).await?;
    let mut sheet = Sheet::new(&["drive", "log", "bytes", "messages", "events"]);
    for drive in report.drives {
        let events: Vec<_> = drive
            .events
            .iter()
            .map(|(kind, count)| format!("{kind} {count}"))
            .collect();
        sheet.row([
            drive.log_id.into(),
            drive.path.into(),
            (drive.bytes as i64).into(),
            (drive.messages as i64).into(),
            events.join(", ").into(),
        ]);
    }
    render::sheet(context.format, sheet)?;
    Ok(Exit::Done)
}
