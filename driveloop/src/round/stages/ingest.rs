//! Logs to tables.

use anyhow::Result;
use driveloop_ingest::{IngestOptions, fingerprint, ingest};

use super::{StageContext, digest_of, digest_of_batches};
use crate::ingest_options::Asked;
use crate::ingest_view::{View, conclude, outcome};
use crate::round::config::Changed;
use crate::round::run::Output;
use crate::words::count;

pub(super) async fn inputs(context: &StageContext<'_>) -> Result<String> {
    match source(context)? {
        Some(source) => {
            let (logs, options) = (fingerprint(source).await?, options(context)?);
            match (options.version(), options.replace) {
                (None, false) => digest_of(&logs),
                read_with => digest_of(&(logs, read_with)),
            }
        }
        None => drives_digest(context).await,
    }
}

pub(super) async fn run(context: &StageContext<'_>) -> Result<Output> {
    let Some(source) = source(context)? else {
        return Ok(Output {
            digest: drives_digest(context).await?,
            note: "the drives that the lake has".into(),
            ..Output::default()
        });
    };
    let options = options(context)?;
    let view = View::new(source);
    let report = ingest(context.lake, source, &options, &|event| {
        view.show(event);
    })
    .await?;
    conclude(&report, view.finish());
    anyhow::ensure!(
        report.committed() + report.already_there() > 0,
        "of {} at `{}`, none can be read",
        count(report.drives.len(), "drive"),
        source
    );
    let rows: u64 = report.rows().values().sum();
    Ok(Output {
        digest: drives_digest(context).await?,
        rows,
        with_loss: report.has_losses(),
        note: format!("{}; {}", outcome(&report), count(rows, "row")),
        ..Output::default()
    })
}

fn options(context: &StageContext<'_>) -> Result<IngestOptions> {
    let config = &context.options.config.ingest;
    let asked = Asked {
        jobs: config.jobs,
        mapping: config.mapping.as_deref(),
        databases: &config.dbc,
        all_signals: config.all_signals,
        replace: config.changed == Changed::Replace,
    };
    asked.options(context.run_id.clone())
}

/// The drives of the lake.
async fn drives_digest(context: &StageContext<'_>) -> Result<String> {
    let sql = "SELECT log_id, source_digest FROM drive ORDER BY log_id";
    digest_of_batches(&context.lake.query(sql).await?)
}

/// Where the logs are; nowhere for a round after another that names none.
fn source<'a>(context: &'a StageContext<'_>) -> Result<Option<&'a str>> {
    let config = &context.options.config;
    if !config.simulate.is_empty() {
        return context.name("simulate", "logs").map(Some);
    }
    let source = config.source.as_deref();
    anyhow::ensure!(
        source.is_some() || config.after.is_some(),
        "the round names no logs: give `source` in its file, or --source"
    );
    Ok(source)
}
