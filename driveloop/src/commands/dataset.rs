//! `driveloop dataset`: frozen samples.

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;
use driveloop_scenario_mining::dataset::{FreezeOptions, FreezeOutcome, export, freeze};

use crate::Exit;
use crate::context::{Context, run_id};
use crate::render;
use crate::sheet::Sheet;
use crate::words::count;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Choose samples from episodes and background, split by drive, and write them down for good.
    Freeze {
        /// Name: lower-case letters, digits, `-` and `_`.
        name: String,
        /// Scenarios that select samples; all where none is named.
        #[arg(long, value_name = "NAME")]
        scenario: Vec<String>,
        /// A query that selects samples: `log_id`, `track_id` (or a list actors), `stamp_ns` (or `start_ns` and `end_ns`).
        #[arg(long, value_name = "SQL")]
        from: Option<String>,
        /// Time between samples of one actor, seconds.
        #[arg(long, default_value_t = 0.5)]
        stride: f64,
        /// Seed of splits and background.
        #[arg(long, default_value_t = 0)]
        seed: i64,
    },
    /// Write a dataset as the Arrow files that trainers read.
    Export {
        /// The dataset.
        name: String,
        /// Folder to write to.
        #[arg(long)]
        out: PathBuf,
    },
    /// List the datasets.
    List,
}

pub(crate) async fn run(context: &Context, verb: &Verb) -> Result<Exit> {
    let lake = context.existing_lake().await?;
    match verb {
        Verb::Freeze {
            name,
            scenario,
            from,
            stride,
            seed,
        } => {
            let options = FreezeOptions {
                scenarios: scenario.clone(),
                from_sql: from.clone(),
                stride_s: *stride,
                seed: *seed,
                ..FreezeOptions::new(name, run_id("dataset"))
            };
            let report = freeze(&lake, &options).await?;
            let mut sheet = Sheet::new(&["split", "real", "synthetic", "drives"]);
            for (split, count) in &report.splits {
                sheet.row([
                    split.as_str().into(),
                    count.real.into(),
                    count.synthetic.into(),
                    count.hosts.into(),
                ]);
            }
            render::sheet(context.format, sheet)?;
            report.notes.iter().for_each(|note| eprintln!("{note}"));
            let there = if report.outcome == FreezeOutcome::AlreadyThere {
                " (there already)"
            } else {
                ""
            };
            eprintln!(
                "{}: {}, digest {}{there}",
                report.dataset,
                count(report.samples, "sample"),
                report.dataset_digest
            );
        }
        Verb::Export { name, out } => {
            let report = export(&lake, name, out).await?;
            let mut sheet = Sheet::new(&["split", "samples"]);
            for (split, samples) in &report.samples {
                sheet.row([split.as_str().into(), (*samples).into()]);
            }
            render::sheet(context.format, sheet)?;
        }
        Verb::List => {
            let sql = "SELECT dataset, split, source, count(*) AS samples, count(DISTINCT host_log_id) AS drives \
                       FROM sample GROUP BY dataset, split, source ORDER BY dataset, split, source";
            let batches = lake.query(sql).await?;
            render::batches(context.format, &batches)?;
        }
    }
    Ok(Exit::Done)
}
