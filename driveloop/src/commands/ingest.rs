//! `driveloop ingest`: logs to tables.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Result;
use driveloop_ingest::{DEFAULT_MAPPING, DriveOutcome, DriveReport, IngestReport, ingest};

use super::watch;
use crate::Exit;
use crate::context::{Context, run_id};
use crate::ingest_options::Asked;
use crate::ingest_view::{View, conclude};
use crate::render;
use crate::sheet::Sheet;
use crate::words::count;

/// What to read.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Logs: a folder, a file or an object-store prefix; searched with everything below it.
    #[arg(required_unless_present = "print_mapping")]
    source: Option<String>,
    /// Print the built-in mapping of topics to tables, to start one of your own from, and read nothing.
    #[arg(long)]
    print_mapping: bool,
    /// Drives read at once.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Rules of your own for which topic becomes which table, a TOML file.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// A CAN database (DBC): frames of its messages become rows of `signal`. Can be given more than once.
    ///
    /// TOPIC is the bus that the database is for; `*` in it stands for any text. A database without a topic decodes an identifier only
    /// where no other such database differs on it and one bus alone has it. A path with a `=` in it needs a topic, or `=` alone
    /// before it: `=logs/date=1/a.dbc`.
    #[arg(long, value_name = "[TOPIC=]FILE")]
    dbc: Vec<PathBuf>,
    /// Make a row of `signal` of every number in the topics that the mapping passes over.
    #[arg(long)]
    all_signals: bool,
    /// Read drives anew that changed, and put them in the place of what the lake has of them.
    ///
    /// These are logs whose bytes are others now, drives that were read with another --mapping, --dbc or --all-signals, and drives that
    /// were removed. What was made of the old ones goes with them, as with `lake remove`. Without it such drives stay as they are.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    watch: watch::Args,
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<Exit> {
    if args.print_mapping {
        std::io::stdout().write_all(DEFAULT_MAPPING.as_bytes())?;
        return Ok(Exit::Done);
    }
    let source = args.source.as_deref().unwrap_or_default();
    let lake = context.lake().await?;
    let asked = Asked {
        jobs: args.jobs,
        mapping: args.mapping.as_deref(),
        databases: &args.dbc,
        all_signals: args.all_signals,
        replace: args.replace,
    };
    let options = asked.options(run_id("ingest"))?;
    if args.watch.is_on() {
        watch::run(&lake, source, &args.watch, &options).await?;
        return Ok(Exit::Done);
    }
    let view = View::new(source);
    let report = ingest(&lake, source, &options, &|event| view.show(event)).await?;
    let elapsed = view.finish();
    table(context, &report)?;
    conclude(&report, elapsed);
    anyhow::ensure!(
        report.committed() + report.already_there() > 0,
        "of {} at `{}`, none can be read",
        count(report.drives.len(), "drive"),
        source
    );
    Ok(if report.has_losses() {
        Exit::WithLoss
    } else {
        Exit::Done
    })
}

/// A row for each drive.
fn table(context: &Context, report: &IngestReport) -> Result<()> {
    let columns = [
        "drive",
        "outcome",
        "records_in",
        "records_dropped",
        "findings",
        "object_track",
        "ego_state",
        "bytes",
    ];
    let mut sheet = Sheet::new(&columns);
    for drive in &report.drives {
        let findings: Vec<_> = drive
            .findings
            .iter()
            .map(|(severity, count)| format!("{severity} {count}"))
            .collect();
        let rows = |table: &str| drive.rows.get(table).copied().unwrap_or_default() as i64;
        sheet.row([
            drive.log_id.clone().into(),
            outcome(drive).into(),
            (drive.records_in as i64).into(),
            (drive.records_dropped as i64).into(),
            findings.join(", ").into(),
            rows("object_track").into(),
            rows("ego_state").into(),
            (drive.bytes as i64).into(),
        ]);
    }
    render::sheet(context.format, sheet)
}

fn outcome(drive: &DriveReport) -> &'static str {
    match &drive.outcome {
        DriveOutcome::Committed if !drive.replaced.is_empty() => "replaced",
        DriveOutcome::Committed => "new",
        DriveOutcome::AlreadyThere => "there already",
        DriveOutcome::Failed { .. } => "failed",
    }
}
