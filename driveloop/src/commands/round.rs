//! `driveloop round`: the whole loop from one file.

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;

use crate::Exit;
use crate::context::Context;
use crate::render;
use crate::round::{Plan, RoundConfig, RoundOptions, plan, print_summary, run as run_round};
use crate::sheet::Sheet;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run what has not been done: simulate, ingest, mine, synth, remine, dataset, train, evaluate, ota.
    Run(Args),
    /// Say what would run, and why.
    Plan(Args),
}

/// The round.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The round file.
    file: String,
    /// Where the logs are, in place of the file's `source`.
    #[arg(long, value_name = "URI")]
    source: Option<String>,
    /// Local folder for exported datasets, checkpoints and job logs; beside the lake by default.
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
}

pub(crate) async fn run(context: &Context, verb: &Verb) -> Result<Exit> {
    match verb {
        Verb::Run(args) => {
            let options = options(context, args)?;
            let lake = context.lake().await?;
            let stages = run_round(&lake, &options).await?;
            print_summary(context, &lake, &stages).await?;
            let lost = stages
                .iter()
                .filter_map(|stage| stage.done.as_ref())
                .any(|done| done.output.with_loss && done.stage != "ota");
            Ok(if lost { Exit::WithLoss } else { Exit::Done })
        }
        Verb::Plan(args) => {
            let options = options(context, args)?;
            let stages = plan(&context.lake().await?, &options).await?;
            print_plan(context, &stages)?;
            Ok(Exit::Done)
        }
    }
}

fn options(context: &Context, args: &Args) -> Result<RoundOptions> {
    let mut config = RoundConfig::read(&args.file)?;
    if let Some(source) = &args.source {
        config.source = Some(source.clone());
    }
    Ok(RoundOptions {
        config,
        simulated_logs: context.beside_lake("logs").display().to_string(),
        work_dir: args.work.clone().unwrap_or_else(|| context.work_dir()),
    })
}

fn print_plan(context: &Context, stages: &Plan) -> Result<()> {
    let mut sheet = Sheet::new(&["stage", "runs", "why"]);
    for stage in stages {
        sheet.row([
            stage.stage.into(),
            if stage.skipped { "no" } else { "yes" }.into(),
            stage.why.into(),
        ]);
    }
    render::sheet(context.format, sheet)
}
