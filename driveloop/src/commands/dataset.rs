//! `driveloop dataset`: frozen samples.

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;
use driveloop_scenario_mining::dataset::{
    Balance, Description, FreezeOptions, FreezeOutcome, FreezeReport, describe, export, freeze,
};

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
        /// Scenarios that select samples; all where none is named. Of composed drives, only samples of the named ones are kept.
        #[arg(long, value_name = "NAME")]
        scenario: Vec<String>,
        /// A query that selects samples: `log_id`, `track_id` (or a list actors), `stamp_ns` (or `start_ns` and `end_ns`). It finds
        /// composed drives under `with_composed.` alone, and of those only what it selects is kept.
        #[arg(long, value_name = "SQL")]
        from: Option<String>,
        /// Time between samples of one actor, seconds.
        #[arg(long, default_value_t = 0.5)]
        stride: f64,
        /// Weight of a selected sample; the others weigh 1.
        #[arg(long, default_value_t = 4.0)]
        weight: f64,
        /// Weight of the samples of one scenario, in place of that; can be given several times.
        #[arg(long, value_name = "SCENARIO=WEIGHT", value_parser = weight_of)]
        weight_of: Vec<(String, f64)>,
        /// Weigh so that every scenario and the background count the same in training, however rare.
        #[arg(long, conflicts_with_all = ["weight", "weight_of"])]
        balance: bool,
        /// Share of the samples outside the selection that is kept. Where scenarios or a query select, composed drives have none.
        #[arg(long, default_value_t = 1.0)]
        background: f64,
        /// Samples of a drive count as near-identical within this distance at every step, metres, and all but one are dropped; 0
        /// keeps all.
        #[arg(long, default_value_t = 0.1)]
        near: f64,
        /// Drives that are held out as the test split: a condition on `drive`, such as "region = 'PIT'". Without it a drive keeps the
        /// split that it had in earlier datasets of the lake (test, where it ever had that), and a hash places the others.
        #[arg(long, value_name = "SQL")]
        test: Option<String>,
        /// Drives that models, and what to search for next, are chosen on: a condition on `drive`. They are the validation split,
        /// but for test drives.
        #[arg(long, value_name = "SQL")]
        validation: Option<String>,
        /// Seed of the background, and of the splits of drives that no dataset had before.
        #[arg(long, default_value_t = 0)]
        seed: i64,
    },
    /// Say what a dataset was frozen from: digest, table versions, options.
    Show {
        /// The dataset.
        name: String,
    },
    /// Write a dataset as the Arrow files that trainers read, and beside them those that a predict step reads. What the actors of
    /// the test split did next is in none of them.
    Export {
        /// The dataset.
        name: String,
        /// Folder for the trainer's files; the inputs to predict go to the folder of this name with `.predict` after it.
        #[arg(long)]
        out: PathBuf,
    },
    /// List the datasets.
    List,
}

pub(crate) async fn run(context: &Context, verb: &Verb) -> Result<Exit> {
    let lake = context.existing_lake().await?;
    match verb {
        Verb::Freeze { .. } => show_frozen(context, &freeze(&lake, &options(verb)).await?)?,
        Verb::Show { name } => show(context, &describe(&lake, name).await?)?,
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
                       FROM with_composed.sample GROUP BY dataset, split, source ORDER BY dataset, split, source";
            let batches = lake.query(sql).await?;
            render::batches(context.format, &batches)?;
        }
    }
    Ok(Exit::Done)
}

/// What the flags of `freeze` ask; the defaults for another verb.
fn options(verb: &Verb) -> FreezeOptions {
    let Verb::Freeze {
        name,
        scenario,
        from,
        stride,
        weight,
        weight_of,
        balance,
        background,
        near,
        test,
        validation,
        seed,
    } = verb
    else {
        return FreezeOptions::new("", "");
    };
    FreezeOptions {
        scenarios: scenario.clone(),
        from_sql: from.clone(),
        stride_s: *stride,
        background_fraction: *background,
        scenario_weight: *weight,
        scenario_weights: weight_of.iter().cloned().collect(),
        balance: if *balance {
            Balance::Scenarios
        } else {
            Balance::AsWeighted
        },
        near_identical_m: *near,
        seed: *seed,
        test_where: test.clone(),
        validation_where: validation.clone(),
        ..FreezeOptions::new(name, run_id("dataset"))
    }
}

/// Reads `SCENARIO=WEIGHT`.
fn weight_of(text: &str) -> Result<(String, f64), String> {
    let (scenario, weight) = text
        .split_once('=')
        .ok_or("expected SCENARIO=WEIGHT, such as cut_in=10")?;
    let weight = weight
        .parse()
        .map_err(|_| format!("expected a number after `{scenario}=`, got `{weight}`"))?;
    Ok((scenario.to_owned(), weight))
}

fn show_frozen(context: &Context, report: &FreezeReport) -> Result<()> {
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
        "{}: {}, {} near-identical dropped, digest {}{there}",
        report.dataset,
        count(report.samples, "sample"),
        report.near_identical,
        report.dataset_digest
    );
    Ok(())
}

fn show(context: &Context, description: &Description) -> Result<()> {
    let mut sheet = Sheet::new(&["what", "value"]);
    let mut row = |what: &str, value: String| sheet.row([what.into(), value.into()]);
    row("dataset", description.dataset.clone());
    row("digest", description.dataset_digest.clone());
    row("sample version", description.version.to_string());
    if let Some(frozen_ms) = description.frozen_ms {
        row("frozen, ms since 1970", frozen_ms.to_string());
    }
    row("options", description.params_digest.clone());
    if let Some(seed) = description.seed {
        row("seed", seed.to_string());
    }
    row("run", description.run_id.clone());
    for (table, version) in &description.inputs {
        row(&format!("from {table} version"), version.to_string());
    }
    for log_id in &description.lost_drives {
        row("drive removed since, with its samples", log_id.clone());
    }
    render::sheet(context.format, sheet)
}

#[cfg(test)]
mod tests {
    use super::weight_of;

    #[test]
    fn a_weight_has_a_scenario_and_a_number() {
        assert_eq!(weight_of("cut_in=2.5"), Ok(("cut_in".to_owned(), 2.5)));
        assert!(weight_of("cut_in").unwrap_err().contains("SCENARIO=WEIGHT"));
        assert!(weight_of("cut_in=many").unwrap_err().contains("`many`"));
    }
}
