//! `driveloop cancel`: ends a training run that is under way.

use anyhow::Result;
use driveloop_train_orchestrator::cancel;

use super::train::clock;
use crate::Exit;
use crate::context::Context;
use crate::render;
use crate::sheet::Sheet;

/// What to cancel.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the job, or identity of the run.
    job: String,
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<Exit> {
    let lake = context.existing_lake().await?;
    let by = format!("driveloop cancel, process {}", std::process::id());
    let run = cancel(&lake, &args.job, &by, &clock()).await?;
    let mut sheet = Sheet::new(&["job", "run", "state"]);
    let state = run.state.phase.word();
    sheet.row([run.name.into(), run.run_id.into(), state.into()]);
    render::sheet(context.format, sheet)?;
    Ok(Exit::Done)
}
