//! `driveloop ingest`: logs to tables.

use anyhow::Result;
use driveloop_ingest::{DriveOutcome, IngestEvent, IngestOptions, IngestReport, ingest};

use crate::Exit;
use crate::context::{Context, run_id};
use crate::progress::Progress;
use crate::render;
use crate::sheet::Sheet;

/// What to read.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Logs: a folder, a file or an object-store prefix; searched with everything below it.
    source: String,
    /// Drives read at once.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Rules of your own for which ROS topic becomes which table, a TOML file.
    #[arg(long, value_name = "FILE")]
    mapping: Option<std::path::PathBuf>,
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<Exit> {
    let lake = context.lake().await?;
    let mapping = args
        .mapping
        .as_ref()
        .map(std::fs::read_to_string)
        .transpose()?;
    let options = IngestOptions {
        jobs: args.jobs,
        mapping,
        ..IngestOptions::new(run_id("ingest"))
    };
    let progress = Progress::start("ingest");
    let begun = std::time::Instant::now();
    let report = ingest(&lake, &args.source, &options, &|event| {
        show(&progress, event);
    })
    .await?;
    drop(progress);
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
            outcome(&drive.outcome).into(),
            (drive.records_in as i64).into(),
            (drive.records_dropped as i64).into(),
            findings.join(", ").into(),
            rows("object_track").into(),
            rows("ego_state").into(),
            (drive.bytes as i64).into(),
        ]);
    }
    render::sheet(context.format, sheet)?;
    explain(&report);
    let (seconds, megabytes) = (begun.elapsed().as_secs_f64(), report.bytes as f64 / 1e6);
    eprintln!(
        "{} drives new, {} there already, {} failed; {megabytes:.1} MB in {seconds:.1} s ({:.1} MB/s)",
        report.committed(),
        report.already_there(),
        report.failed(),
        megabytes / seconds
    );
    anyhow::ensure!(
        report.committed() + report.already_there() > 0,
        "none of the {} drives at `{}` can be read",
        report.drives.len(),
        args.source
    );
    Ok(if report.has_losses() {
        Exit::WithLoss
    } else {
        Exit::Done
    })
}

/// Shows an event of an ingest.
pub(crate) fn show(progress: &Progress, event: &IngestEvent) {
    match event {
        IngestEvent::Found {
            drives,
            bytes,
            unrecognised,
        } => {
            progress.total(*drives as u64);
            let others = if *unrecognised > 0 {
                format!(", {unrecognised} other files")
            } else {
                String::new()
            };
            progress.note(&format!(
                "{drives} drives, {:.1} MB{others}",
                *bytes as f64 / 1e6
            ));
        }
        IngestEvent::AlreadyThere { log_id, .. } => {
            progress.done(&format!("{log_id} is there already"));
        }
        IngestEvent::Decoded { log_id, rows, .. } => {
            progress.done(&format!("{log_id}: {rows} rows"));
        }
        IngestEvent::Failed { log_id, .. } => progress.done(&format!("{log_id} failed")),
        IngestEvent::Committed { drives } => progress.say(&format!("{drives} drives committed")),
    }
}

/// Says which drives failed, and why, and what was lost.
pub(crate) fn explain(report: &IngestReport) {
    for drive in &report.drives {
        if let DriveOutcome::Failed { reason } = &drive.outcome {
            eprintln!("failed: {}: {reason}", drive.log_id);
        } else if drive.records_lost > 0 {
            eprintln!(
                "loss: {}: {} of {} records; `SELECT * FROM finding WHERE log_id = '{}' AND dropped > 0` says which",
                drive.log_id, drive.records_lost, drive.records_in, drive.log_id
            );
        }
    }
}

fn outcome(outcome: &DriveOutcome) -> &'static str {
    match outcome {
        DriveOutcome::Committed => "new",
        DriveOutcome::AlreadyThere => "there already",
        DriveOutcome::Failed { .. } => "failed",
    }
}
