//! `driveloop ingest`: logs to tables.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use driveloop_ingest::{
    DEFAULT_MAPPING, DatabaseFile, DriveOutcome, DriveReport, IngestOptions, IngestReport, ingest,
};

use crate::Exit;
use crate::context::{Context, run_id};
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
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<Exit> {
    if args.print_mapping {
        std::io::stdout().write_all(DEFAULT_MAPPING.as_bytes())?;
        return Ok(Exit::Done);
    }
    let source = args.source.as_deref().unwrap_or_default();
    let lake = context.lake().await?;
    let options = options(args)?;
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

fn options(args: &Args) -> Result<IngestOptions> {
    let unreadable = |file: &Path| format!("cannot read `{}`", file.display());
    let mapping = args
        .mapping
        .as_deref()
        .map(|file| std::fs::read_to_string(file).with_context(|| unreadable(file)));
    let databases = args.dbc.iter().map(|written| {
        let (topic, file) = bound(written);
        let bytes = std::fs::read(file).with_context(|| match topic {
            None => unreadable(file),
            Some(topic) => format!(
                "cannot read `{}`, the CAN database for the bus `{topic}` (a path with a `=` in it is written `={}`)",
                file.display(),
                written.display()
            ),
        })?;
        Ok(DatabaseFile {
            topic: topic.map(str::to_owned),
            name: file.display().to_string(),
            bytes,
        })
    });
    Ok(IngestOptions {
        jobs: args.jobs,
        mapping: mapping.transpose()?,
        databases: databases.collect::<Result<_>>()?,
        all_signals: args.all_signals,
        replace: args.replace,
        ..IngestOptions::new(run_id("ingest"))
    })
}

/// The topic and the path of a `--dbc`: what stands before the first `=`, and behind it.
fn bound(written: &Path) -> (Option<&str>, &Path) {
    match written.to_str().and_then(|text| text.split_once('=')) {
        None => (None, written),
        Some((topic, file)) => (
            Some(topic).filter(|topic| !topic.is_empty()),
            Path::new(file),
        ),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_written_with_its_bus_or_without() {
        for (written, topic, file) in [
            ("a.dbc", None, "a.dbc"),
            ("/can0=a.dbc", Some("/can0"), "a.dbc"),
            (
                "/can*=logs/date=1/a.dbc",
                Some("/can*"),
                "logs/date=1/a.dbc",
            ),
            ("=logs/date=1/a.dbc", None, "logs/date=1/a.dbc"),
        ] {
            assert_eq!(bound(Path::new(written)), (topic, Path::new(file)));
        }
    }
}
