//! `driveloop round`: the whole loop from one file.

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;
use driveloop_lake::Lake;
use driveloop_train_orchestrator::Stop;

use crate::Exit;
use crate::context::Context;
use crate::render;
use crate::round::{
    Plan, Previous, RoundConfig, RoundOptions, history, plan, print_summary, run as run_round,
};
use crate::sheet::Sheet;
use crate::stop::with_signals;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run what has not been done: simulate, ingest, mine, synth, remine, dataset, train, evaluate, ota, feedback.
    Run(Args),
    /// Say what would run, and why.
    Plan(Args),
    /// Compare the rounds of the lake: data, error, verdict, cost.
    History,
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
            let stop = Stop::default();
            with_signals(&stop, run_all(context, args, &stop)).await
        }
        Verb::Plan(args) => {
            let lake = context.lake().await?;
            let options = options(context, &lake, args, &Stop::default()).await?;
            let stages = plan(&lake, &options).await?;
            print_plan(context, &stages)?;
            Ok(Exit::Done)
        }
        Verb::History => {
            let lake = context.existing_lake().await?;
            render::sheet(context.format, history(&lake).await?)?;
            Ok(Exit::Done)
        }
    }
}

async fn run_all(context: &Context, args: &Args, stop: &Stop) -> Result<Exit> {
    let lake = context.lake().await?;
    let options = options(context, &lake, args, stop).await?;
    let stages = run_round(&lake, &options).await?;
    print_summary(context, &lake, &options, &stages).await?;
    let lost = stages
        .iter()
        .filter_map(|stage| stage.done.as_ref())
        .any(|done| done.output.with_loss && done.stage != "ota");
    Ok(if lost { Exit::WithLoss } else { Exit::Done })
}

async fn options(context: &Context, lake: &Lake, args: &Args, stop: &Stop) -> Result<RoundOptions> {
    let mut config = RoundConfig::read(&args.file)?;
    if let Some(source) = &args.source {
        config.source = Some(source.clone());
    }
    let previous = match &config.after {
        Some(round) => Some(Previous::read(lake, round).await?),
        None => None,
    };
    Ok(RoundOptions {
        config,
        previous,
        simulated_logs: context.beside_lake("logs").display().to_string(),
        work_dir: args.work.clone().unwrap_or_else(|| context.work_dir()),
        stop: stop.clone(),
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
