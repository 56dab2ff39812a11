//! `driveloop simulate`: logs of a traffic world.

use std::time::Instant;

use anyhow::{Context as _, Result};
use driveloop_lake::Store;
use driveloop_synth::simulate::{SimulateOptions, SimulateReport, SimulatedDrive, simulate_with};
use driveloop_synth::traffic::EventKind;

use crate::Exit;
use crate::context::Context;
use crate::progress::{Bars, Unit};
use crate::render;
use crate::sheet::Sheet;
use crate::words::{bytes, count};

/// Lines of progress where there is no terminal.
const LINES_MAX: usize = 20;

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
    /// Kinds of event that are caused, with commas between; all where none is named.
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    events: Vec<String>,
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
        events: event_kinds(&args.events)?,
        ..SimulateOptions::default()
    };
    let report = simulate_shown(&options, &Store::open(&args.out)?).await?;
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

/// The kinds of these names; all for no name.
pub(crate) fn event_kinds(names: &[String]) -> Result<Vec<EventKind>> {
    if names.is_empty() {
        return Ok(EventKind::ALL.to_vec());
    }
    let kind = |name: &String| {
        EventKind::from_name(name).with_context(|| {
            let known = EventKind::ALL.map(EventKind::as_str).join(", ");
            format!("no event `{name}`; there are {known}")
        })
    };
    names.iter().map(kind).collect()
}

/// Simulates with a bar on a terminal, and with a line now and then elsewhere; ends with the throughput.
async fn simulate_shown(options: &SimulateOptions, store: &Store) -> Result<SimulateReport> {
    let begun = Instant::now();
    let bars = Bars::new();
    let progress = bars.start("simulate", Unit::Items);
    progress.total(options.drives as u64);
    let lines_every = (options.drives / LINES_MAX).max(1) as u64;
    let stored = |drive: &SimulatedDrive| {
        progress.advance(1);
        progress.beside(&drive.path);
        if bars.is_plain() && progress.done().is_multiple_of(lines_every) {
            progress.say(&format!(
                "{} of {}",
                progress.done(),
                count(options.drives, "drive")
            ));
        }
    };
    let report = simulate_with(options, store, stored).await?;
    drop(progress);
    let total = |figure: fn(&SimulatedDrive) -> u64| report.drives.iter().map(figure).sum::<u64>();
    let elapsed_s = begun.elapsed().as_secs_f64();
    bars.note(&format!(
        "{}, {}, {} in {elapsed_s:.1} s: {:.0} drives/s, in {}",
        count(report.drives.len(), "drive"),
        count(total(|drive| drive.messages), "message"),
        bytes(total(|drive| drive.bytes)),
        report.drives.len() as f64 / elapsed_s.max(1e-3),
        store.uri(),
    ));
    Ok(report)
}
