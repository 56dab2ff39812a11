//! `driveloop ingest --watch`: logs that keep landing.

use std::time::Duration;

use anyhow::Result;
use driveloop_ingest::{DriveOutcome, IngestOptions, Look, Watch};
use driveloop_lake::Lake;

use crate::context::now_ns;
use crate::ingest_view::outcome;
use crate::watches::Watched;
use crate::words::count;

/// How to watch.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Go on looking at the source, and take up each log once it is whole; what it did is in `driveloop status`.
    ///
    /// A log is whole when two looks in turn see the same of it, or, with --marker, when that lies beside it. A stopped or killed watch goes
    /// on where it was when it is begun again. It ends by Ctrl-C or SIGTERM.
    #[arg(long)]
    watch: bool,
    /// Seconds between two looks.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, requires = "watch", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    every: u64,
    /// Name of the object that says that a log is whole: in the log's folder, in the folder of its file, or, where the name begins with a
    /// dot, behind the log's own name (`.done` for `drive.mcap.done`).
    #[arg(long, value_name = "NAME", requires = "watch")]
    marker: Option<String>,
}

impl Args {
    pub(crate) fn is_on(&self) -> bool {
        self.watch
    }
}

/// Looks until the process is asked to end.
pub(crate) async fn run(
    lake: &Lake,
    source: &str,
    args: &Args,
    options: &IngestOptions,
) -> Result<()> {
    let mut watch = Watch::new(source, args.marker.clone());
    let mut watched = Watched::of(lake, source).await?;
    watched.every_s = args.every;
    eprintln!("watching {source}: a look every {} s", args.every);
    let mut last = Look::default();
    loop {
        match watch.look(lake, options, &|_| {}).await {
            Ok(look) => {
                tell(source, &look, &last);
                watched.add(&look);
                last = look;
            }
            Err(error) => {
                let error = format!("{:#}", anyhow::Error::from(error));
                eprintln!("this look failed, the next one tries again: {error}");
                watched.error = Some(error);
            }
        }
        watched.looked_ns = now_ns();
        if let Err(error) = watched.write(lake).await {
            eprintln!("what the watch did is not written to the lake: {error:#}");
        }
        tokio::time::sleep(Duration::from_secs(args.every)).await;
    }
}

/// A line for each look that did something or sees something else than the one before, and one for each drive that failed.
fn tell(source: &str, look: &Look, last: &Look) {
    for drive in &look.report.drives {
        if let DriveOutcome::Failed { reason } = &drive.outcome {
            eprintln!("failed: {}: {reason}", drive.log_id);
        }
    }
    if !look.report.drives.is_empty() {
        eprintln!("{}", outcome(&look.report));
    }
    if look.is_empty && !last.is_empty {
        eprintln!("there is nothing at `{source}` yet");
    }
    if let Some(first) = look.waiting.first()
        && look.waiting != last.waiting
    {
        eprintln!(
            "{} not whole yet, `{first}` the first",
            count(look.waiting.len(), "log")
        );
    }
    let (others, before) = (&look.report.unrecognised, &last.report.unrecognised);
    if let Some(first) = others.first()
        && others.len() != before.len()
    {
        eprintln!(
            "{} of no known format, `{first}` the first",
            count(others.len(), "file")
        );
    }
}
