//! The verbs and the options that all of them take.

use anyhow::Result;
use clap::{Parser, Subcommand};
use tokio::runtime::Handle;

use crate::Exit;
use crate::commands;
use crate::context::{Context, Format};

/// The data closed loop for autonomous driving: logs in, better models out, round after round.
#[derive(Debug, Parser)]
#[command(
    name = "driveloop",
    version,
    propagate_version = true,
    max_term_width = 110
)]
#[command(
    after_help = "Exit status: 0 done; 1 failed; 2 usage; 3 done, but something was dropped, or a gate said no; 130 and 143 ended by SIGINT and SIGTERM."
)]
pub(crate) struct Cli {
    /// The lake: a folder, or an s3://, gs:// or az:// URI.
    #[arg(
        long,
        global = true,
        env = "DRIVELOOP_LAKE",
        default_value = "lake",
        value_name = "URI"
    )]
    lake: String,
    /// How results are written to standard output.
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    format: Format,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write simulated driving logs (ROS 2 MCAP) with a truth file beside each.
    Simulate(commands::simulate::Args),
    /// Read logs into the lake: MCAP files (ROS, protobuf, JSON), rosbag2 folders, ROS 1 bags, bus logs in MDF 4, Argoverse 2 sensor
    /// drives, raw drives of KITTI, segments of comma2k19 and datasets in the nuScenes schema.
    Ingest(commands::ingest::Args),
    /// Query the lake in SQL, with the driving functions.
    Sql(commands::sql::Args),
    /// Find the scenarios of the catalogue: drives to episodes.
    Mine(commands::mine::Args),
    /// Look at the scenario catalogue.
    #[command(subcommand)]
    Scenario(commands::scenario::Verb),
    /// Compose drives from mined episodes.
    Synth(commands::synth::Args),
    /// Freeze and export datasets.
    #[command(subcommand)]
    Dataset(commands::dataset::Verb),
    /// Train models on frozen datasets, from job files.
    Train(commands::train::Args),
    /// End a training run that is under way.
    Cancel(commands::cancel::Args),
    /// Show what the trainer of a run has written.
    Logs(commands::logs::Args),
    /// Evaluate a model against a baseline, per sample and per slice.
    Evaluate(commands::evaluate::Args),
    /// Search for more of what a model failed at, and say what is short.
    Feedback(commands::feedback::Args),
    /// Decide whether a release may go over the air.
    #[command(subcommand)]
    Ota(commands::ota::Verb),
    /// Run the whole loop from one file; resumable.
    #[command(subcommand)]
    Round(commands::round::Verb),
    /// Show the training runs and models of the lake, also those that are under way, and what watches took up.
    Status(commands::status::Args),
    /// Walk from a verdict, model, dataset or drive back to the bytes of the logs, or from a log forward to the verdicts.
    Lineage(commands::lineage::Args),
    /// Look at the lake itself.
    #[command(subcommand)]
    Lake(commands::lake::Verb),
    /// Check this machine: lake, worker, libtorch.
    Doctor,
}

impl Cli {
    /// Runs the verb; statements of SQL run on the threads of `computing`.
    pub(crate) async fn run(self, computing: Handle) -> Result<Exit> {
        let context = Context {
            lake_uri: self.lake,
            format: self.format,
            computing,
        };
        match self.verb {
            Verb::Simulate(args) => commands::simulate::run(&context, &args).await,
            Verb::Ingest(args) => commands::ingest::run(&context, &args).await,
            Verb::Sql(args) => commands::sql::run(&context, &args).await,
            Verb::Mine(args) => commands::mine::run(&context, &args).await,
            Verb::Scenario(verb) => commands::scenario::run(&context, &verb),
            Verb::Synth(args) => commands::synth::run(&context, &args).await,
            Verb::Dataset(verb) => commands::dataset::run(&context, &verb).await,
            Verb::Train(args) => commands::train::run(&context, &args).await,
            Verb::Cancel(args) => commands::cancel::run(&context, &args).await,
            Verb::Logs(args) => commands::logs::run(&context, &args).await,
            Verb::Evaluate(args) => commands::evaluate::run(&context, &args).await,
            Verb::Feedback(args) => commands::feedback::run(&context, &args).await,
            Verb::Ota(verb) => commands::ota::run(&context, &verb).await,
            Verb::Round(verb) => commands::round::run(&context, &verb).await,
            Verb::Status(args) => commands::status::run(&context, &args).await,
            Verb::Lineage(args) => commands::lineage::run(&context, &args).await,
            Verb::Lake(verb) => commands::lake::run(&context, &verb).await,
            Verb::Doctor => commands::doctor::run(&context).await,
        }
    }
}
