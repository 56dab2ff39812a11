//! `driveloop lake optimize | vacuum | check`.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use driveloop_lake::{CheckDepth, Commit, VacuumMode};
use driveloop_schemas::TABLES;

use crate::Exit;
use crate::context::{Context, now_ns, run_id};
use crate::render;
use crate::sheet::{Cell, Sheet};

/// What to optimize.
#[derive(Debug, Args)]
pub(crate) struct OptimizeArgs {
    /// The tables; all of them where none is named.
    tables: Vec<String>,
}

/// What to delete.
#[derive(Debug, Args)]
pub(crate) struct VacuumArgs {
    /// Keep what is younger than this, and what was read by a version younger than this. Shorter than an ingest takes, it deletes
    /// what the ingest is about to commit.
    #[arg(long, default_value_t = 168, value_name = "HOURS")]
    retention_hours: u64,
    /// Delete what is found; without it, it is only named.
    #[arg(long)]
    delete: bool,
}

/// How closely to look.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Read every byte of data files and packs, and compare it with the digest of its commit: finds what is altered.
    #[arg(long)]
    bytes: bool,
}

pub(crate) async fn optimize(context: &Context, args: &OptimizeArgs) -> Result<()> {
    let known = |name: &String| TABLES.iter().any(|spec| spec.name == name);
    if let Some(unknown) = args.tables.iter().find(|name| !known(name)) {
        anyhow::bail!("Table not found: `{unknown}`");
    }
    let lake = context.existing_lake().await?;
    let commit = Commit::new("optimize", run_id("optimize"));
    let columns = [
        "table",
        "partitions",
        "left",
        "files_before",
        "files_after",
        "rows",
    ];
    let mut sheet = Sheet::new(&columns);
    for spec in TABLES {
        if !args.tables.is_empty() && !args.tables.iter().any(|name| name == spec.name) {
            continue;
        }
        let done = lake.optimize(spec.name, &commit).await?;
        if done.partitions + done.partitions_left > 0 {
            sheet.row([
                spec.name.into(),
                done.partitions.into(),
                done.partitions_left.into(),
                done.files_before.into(),
                done.files_after.into(),
                (done.rows as i64).into(),
            ]);
        }
    }
    render::sheet(context.format, sheet)
}

pub(crate) async fn vacuum(context: &Context, args: &VacuumArgs) -> Result<()> {
    let lake = context.existing_lake().await?;
    let mode = if args.delete {
        VacuumMode::Delete
    } else {
        VacuumMode::DryRun
    };
    let retention = Duration::from_hours(args.retention_hours);
    let found = lake.vacuum(retention, now_ns(), mode).await?;
    let mut sheet = Sheet::new(&["path", "bytes"]);
    let mut bytes = 0;
    for object in &found {
        sheet.row([object.path.as_str().into(), (object.size as i64).into()]);
        bytes += object.size;
    }
    render::sheet(context.format, sheet)?;
    let done = match mode {
        VacuumMode::Delete => "deleted",
        VacuumMode::DryRun => "to be deleted with --delete",
    };
    eprintln!("{} objects of {bytes} bytes {done}", found.len());
    Ok(())
}

pub(crate) async fn check(context: &Context, args: &CheckArgs) -> Result<Exit> {
    let lake = context.existing_lake().await?;
    let depth = if args.bytes {
        CheckDepth::Bytes
    } else {
        CheckDepth::Footers
    };
    let report = lake.check(depth).await?;
    let columns = [
        "table",
        "version",
        "files",
        "bytes",
        "rows",
        "unreferenced",
        "unfinished_drives",
        "unverified",
        "problems",
    ];
    let mut sheet = Sheet::new(&columns);
    for table in &report.tables {
        let problems = report.problems.iter();
        let problems = problems.filter(|problem| problem.table == table.table);
        sheet.row([
            table.table.as_str().into(),
            table.version.into(),
            table.files.into(),
            (table.bytes as i64).into(),
            (table.rows as i64).into(),
            table.unreferenced.into(),
            table.unfinished_drives.into(),
            unverified(table.unverified, depth),
            problems.count().into(),
        ]);
    }
    render::sheet(context.format, sheet)?;
    for problem in &report.problems {
        let detail = if problem.detail.is_empty() {
            String::new()
        } else {
            format!(": {}", problem.detail)
        };
        eprintln!(
            "{}: {}: {}{detail}",
            problem.table, problem.wrong, problem.subject
        );
    }
    let unverified: usize = report.tables.iter().map(|table| table.unverified).sum();
    if unverified > 0 {
        eprintln!(
            "{unverified} files and packs were committed without a digest: nothing is known of their bytes"
        );
    }
    Ok(if report.problems.is_empty() {
        Exit::Done
    } else {
        Exit::WithLoss
    })
}

/// Files and packs without a digest, where bytes were looked at.
fn unverified(number: usize, depth: CheckDepth) -> Cell {
    match depth {
        CheckDepth::Bytes => number.into(),
        CheckDepth::Footers => None::<i64>.into(),
    }
}
