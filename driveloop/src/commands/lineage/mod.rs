//! `driveloop lineage`: from a verdict, model, dataset or drive back to the bytes of the logs, and from a log forward to the
//! releases that it touched.

mod back;
mod forward;

use anyhow::Result;
use driveloop_lake::CommitRecord;
use driveloop_schemas::Checkpoint;

use crate::Exit;
use crate::context::Context;
use crate::render;
use crate::sheet::Sheet;

/// What to trace.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A verdict, model, dataset or drive; without one, the last verdict.
    subject: Option<String>,
    /// From a drive (its name, or the digest of its log) to what was composed of it, the datasets with samples of it, the
    /// models that saw them, and the verdicts on these.
    #[arg(long, requires = "subject")]
    forward: bool,
}

/// One step of the walk.
struct Step {
    depth: usize,
    kind: &'static str,
    subject: String,
    digest: String,
    detail: String,
    commit: Option<(String, CommitRecord)>,
}

/// What is said of a model.
fn detail_of(model: &Checkpoint) -> String {
    let start = model.started_from.as_ref();
    let start = start.map_or_else(String::new, |start| format!(", from {start}"));
    format!("{} bytes, step {}{start}", model.weights_bytes, model.step)
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<Exit> {
    let lake = context.existing_lake().await?;
    let subject = args.subject.as_deref();
    let steps = match subject.filter(|_| args.forward) {
        Some(log) => forward::walk(&lake, log).await?,
        None => back::walk(&lake, subject).await?,
    };
    let columns = [
        "step",
        "subject",
        "digest",
        "detail",
        "table_version",
        "stage",
        "tool",
        "run",
        "inputs",
    ];
    let mut sheet = Sheet::new(&columns);
    for step in steps {
        let indent = "  ".repeat(step.depth);
        let (version, commit) = match &step.commit {
            Some((table, commit)) => (Some(format!("{table}@{}", commit.version)), Some(commit)),
            None => (None, None),
        };
        let inputs = commit.map(|commit| {
            commit
                .inputs
                .iter()
                .map(|(t, v)| format!("{t}@{v}"))
                .collect::<Vec<_>>()
                .join(" ")
        });
        sheet.row([
            format!("{indent}{}", step.kind).into(),
            step.subject.into(),
            step.digest.into(),
            step.detail.into(),
            version.into(),
            commit.and_then(|commit| commit.stage.clone()).into(),
            commit.map(|commit| commit.tool_version.clone()).into(),
            commit.map(|commit| commit.run_id.clone()).into(),
            inputs.into(),
        ]);
    }
    render::sheet(context.format, sheet)?;
    Ok(Exit::Done)
}
