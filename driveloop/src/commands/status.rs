//! `driveloop status`: training runs and models, and watches of sources.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;

use anyhow::Result;
use driveloop_lake::Lake;
use driveloop_schemas::{Checkpoint, TrainingRun};
use driveloop_train_orchestrator::state::Ledger;
use driveloop_train_orchestrator::{Driven, RunView, runs_under_way};

use super::train::clock;
use crate::Exit;
use crate::context::{Context, Format, now_ns};
use crate::render;
use crate::sheet::{Cell, Sheet};
use crate::watches::Watched;

/// How often runs that are followed are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

const COLUMNS: [&str; 18] = [
    "job",
    "state",
    "run",
    "model",
    "dataset",
    "attempts",
    "step",
    "validation_loss_m",
    "device",
    "wall_s",
    "productive_s",
    "lost_s",
    "waiting_s",
    "gpu_hours",
    "cpu_hours",
    "cpu_hours_reserved",
    "cost",
    "reason",
];

/// What to show.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show the runs that are under way, a line for each change, until none is.
    #[arg(long)]
    follow: bool,
    /// Show what watches of sources (`ingest --watch`) did, in place of training runs.
    #[arg(long, conflicts_with = "follow")]
    ingest: bool,
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<Exit> {
    let lake = context.existing_lake().await?;
    if args.follow {
        follow(context, &lake).await?;
        return Ok(Exit::Done);
    }
    let watches = Watched::all(&lake).await?;
    if args.ingest {
        render::sheet(context.format, sheet_of(&watches))?;
        return Ok(Exit::Done);
    }
    for watched in &watches {
        eprintln!("watch of {}", watched.line(now_ns()));
    }
    let mut sheet = Sheet::new(&COLUMNS);
    let under_way = runs_under_way(&lake, &clock()).await?;
    let models = lake.read::<Checkpoint>(None).await?;
    for run in lake.read::<TrainingRun>(None).await? {
        // A run that failed and was begun again is shown as it is now.
        if !under_way.iter().any(|view| view.run_id == run.run_id) {
            ended(&mut sheet, run, &models);
        }
    }
    for view in &under_way {
        sheet.row(live(view));
    }
    render::sheet(context.format, sheet)?;
    Ok(Exit::Done)
}

/// A row for each watch, and one for each drive that it could not take up.
fn sheet_of(watches: &[Watched]) -> Sheet {
    let columns = [
        "source",
        "looked_s_ago",
        "looks",
        "taken",
        "waiting",
        "failed",
        "place",
        "reason",
    ];
    let mut sheet = Sheet::new(&columns);
    for watched in watches {
        let ago_s = (now_ns() - watched.looked_ns) / 1_000_000_000;
        let row = |place: Option<&str>, reason: Option<&str>| {
            [
                watched.source.clone().into(),
                ago_s.into(),
                (watched.looks as i64).into(),
                (watched.taken as i64).into(),
                (watched.waiting as i64).into(),
                watched.failed.len().into(),
                place.into(),
                reason.into(),
            ]
        };
        sheet.row(row(None, watched.error.as_deref()));
        for failed in &watched.failed {
            sheet.row(row(Some(&failed.place), Some(&failed.reason)));
        }
    }
    sheet
}

fn ended(sheet: &mut Sheet, run: TrainingRun, models: &[Checkpoint]) {
    let model = models.iter().find(|model| model.run_id == run.run_id);
    sheet.row([
        run.name.into(),
        run.state.into(),
        run.run_id.into(),
        run.model_id.into(),
        run.dataset.into(),
        i64::from(run.attempts).into(),
        model.map(|model| model.step).into(),
        model.and_then(|model| model.validation_loss).into(),
        run.device.into(),
        run.wall_s.into(),
        run.productive_s.into(),
        run.lost_s.into(),
        run.waiting_s.into(),
        run.gpu_hours.into(),
        run.cpu_hours.into(),
        run.cpu_hours_reserved.into(),
        run.cost.into(),
        run.reason.into(),
    ]);
}

/// A run that is under way: what its journal says, which is up to the last entry.
fn live(view: &RunView) -> [Cell; 18] {
    let state = &view.state;
    let ledger = ledger(view);
    let seconds = |ns: i64| Cell::from(ns as f64 / 1e9);
    let spec = view.spec.as_ref();
    [
        view.name.clone().into(),
        word(view).into(),
        view.run_id.clone().into(),
        Cell::Empty,
        spec.map(|spec| spec.dataset.clone()).into(),
        i64::from(state.attempts).into(),
        (state.checkpoint_step as i64).into(),
        Cell::Empty,
        spec.map(|spec| spec.device.clone()).into(),
        seconds(ledger.wall_ns()),
        seconds(ledger.productive_ns),
        seconds(ledger.lost_ns),
        seconds(ledger.waiting_ns),
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
    ]
}

/// The bookings up to now, where a run has no worker; those of a worker are booked by what comes of them.
fn ledger(view: &RunView) -> Ledger {
    view.state.ledger_at(&clock().moment())
}

/// Where the run stands; one that nobody drives goes on with `driveloop train`.
fn word(view: &RunView) -> String {
    let word = view.state.phase.word();
    match view.driven {
        Driven::Yes => word.to_owned(),
        Driven::No => format!("interrupted ({word})"),
    }
}

/// A line for each run that has changed, until no run is driven. Those that nobody drives are shown once.
async fn follow(context: &Context, lake: &Lake) -> Result<()> {
    let mut shown: BTreeMap<String, String> = BTreeMap::new();
    loop {
        let views = runs_under_way(lake, &clock()).await?;
        let mut left = std::mem::take(&mut shown);
        for view in &views {
            let line = line(context, view);
            if left.remove(&view.run_id).as_ref() != Some(&line) {
                writeln!(std::io::stdout(), "{line}")?;
            }
            shown.insert(view.run_id.clone(), line);
        }
        for run_id in left.keys() {
            let filter = format!("run_id = {}", driveloop_lake::sql_literal(run_id));
            if let Some(run) = lake.read::<TrainingRun>(Some(&filter)).await?.pop() {
                writeln!(std::io::stdout(), "{}", end_line(context, &run))?;
            }
        }
        if views.iter().all(|view| view.driven == Driven::No) {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn line(context: &Context, view: &RunView) -> String {
    let state = &view.state;
    if context.format == Format::Json {
        let line = serde_json::json!({
            "job": view.name, "run": view.run_id, "state": word(view),
            "attempts": state.attempts, "step": state.checkpoint_step,
        });
        return line.to_string();
    }
    let (name, word) = (&view.name, word(view));
    format!(
        "{name}: {word}, attempt {}, checkpoint at step {}",
        state.attempts, state.checkpoint_step
    )
}

fn end_line(context: &Context, run: &TrainingRun) -> String {
    if context.format == Format::Json {
        let line = serde_json::json!({
            "job": run.name, "run": run.run_id, "state": run.state,
            "attempts": run.attempts, "model": run.model_id, "reason": run.reason,
        });
        return line.to_string();
    }
    let what = run.model_id.as_ref().or(run.reason.as_ref());
    let what = what.map_or_else(String::new, |what| format!(": {what}"));
    format!("{}: {}{what}", run.name, run.state)
}
