//! Logs to tables.

use anyhow::{Context as _, Result};
use driveloop_ingest::{IngestOptions, fingerprint, ingest};

use super::{StageContext, digest_of, digest_of_batches};
use crate::commands::ingest::{explain, show};
use crate::progress::Progress;
use crate::round::run::Output;

pub(super) async fn inputs(context: &StageContext<'_>) -> Result<String> {
    digest_of(&fingerprint(source(context)?).await?)
}

pub(super) async fn run(context: &StageContext<'_>) -> Result<Output> {
    let options = IngestOptions {
        jobs: context.options.config.ingest.jobs,
        ..IngestOptions::new(&context.run_id)
    };
    let progress = Progress::start("ingest");
    let report = ingest(context.lake, source(context)?, &options, &|event| {
        show(&progress, event);
    })
    .await?;
    drop(progress);
    explain(&report);
    anyhow::ensure!(
        report.committed() + report.already_there() > 0,
        "none of the {} drives at `{}` can be read",
        report.drives.len(),
        source(context)?
    );
    let drives = context
        .lake
        .query("SELECT log_id, source_digest FROM drive ORDER BY log_id")
        .await?;
    let rows = report.rows().values().sum();
    Ok(Output {
        digest: digest_of_batches(&drives)?,
        rows,
        with_loss: report.has_losses(),
        note: format!(
            "{} drives new, {} there already, {} failed; {rows} rows",
            report.committed(),
            report.already_there(),
            report.failed()
        ),
        ..Output::default()
    })
}

fn source<'a>(context: &'a StageContext<'_>) -> Result<&'a str> {
    let config = &context.options.config;
    if config.simulate.is_some() {
        return context.name("simulate", "logs");
    }
    config
        .source
        .as_deref()
        .context("the round names no logs: give `source` in its file, or --source")
}
