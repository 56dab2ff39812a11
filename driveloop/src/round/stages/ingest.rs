//! Logs to tables.

use anyhow::{Context as _, Result};
use driveloop_ingest::{IngestOptions, fingerprint, ingest};

use super::{StageContext, digest_of, digest_of_batches};
use crate::ingest_view::{View, conclude, outcome};
use crate::round::run::Output;
use crate::words::count;

pub(super) async fn inputs(context: &StageContext<'_>) -> Result<String> {
    digest_of(&fingerprint(source(context)?).await?)
}

pub(super) async fn run(context: &StageContext<'_>) -> Result<Output> {
    let options = IngestOptions {
        jobs: context.options.config.ingest.jobs,
        ..IngestOptions::new(&context.run_id)
    };
    let view = View::new(source(context)?);
    let report = ingest(context.lake, source(context)?, &options, &|event| {
        view.show(event);
    })
    .await?;
    conclude(&report, view.finish());
    anyhow::ensure!(
        report.committed() + report.already_there() > 0,
        "of {} at `{}`, none can be read",
        count(report.drives.len(), "drive"),
        source(context)?
    );
    let drives = context
        .lake
        .query("SELECT log_id, source_digest FROM drive ORDER BY log_id")
        .await?;
    let rows: u64 = report.rows().values().sum();
    Ok(Output {
        digest: digest_of_batches(&drives)?,
        rows,
        with_loss: report.has_losses(),
        note: format!("{}; {}", outcome(&report), count(rows, "row")),
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
