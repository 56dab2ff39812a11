//! `driveloop mine`: drives to episodes.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use driveloop_scenario_mining::{MineOptions, mine};

use super::scenario::{CatalogueArgs, catalogue};
use crate::Exit;
use crate::context::{Context, run_id};
use crate::render;
use crate::sheet::Sheet;
use crate::words::count;

/// What to find.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Scenarios; all of the catalogue where none is named.
    #[arg(long, value_name = "NAME")]
    scenario: Vec<String>,
    /// A parameter, as `scenario.parameter=value`.
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    catalogue: CatalogueArgs,
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<Exit> {
    let catalogue = catalogue(&args.catalogue)?;
    let params = args.set.iter().map(|set| {
        let (name, value) = set
            .split_once('=')
            .with_context(|| format!("--set {set}: expected NAME=VALUE"))?;
        Ok((name.to_owned(), value.to_owned()))
    });
    let params = params.collect::<Result<BTreeMap<_, _>>>()?;
    let lake = context.existing_lake().await?;
    let options = MineOptions {
        scenarios: args.scenario.clone(),
        params,
        ..MineOptions::new(run_id("mine"))
    };
    let report = mine(&lake, &catalogue, &options).await?;
    let columns = [
        "scenario",
        "episodes",
        "drives",
        "composed_episodes",
        "composed_drives",
        "changed_drives",
    ];
    let mut sheet = Sheet::new(&columns);
    for (name, count) in &report.scenarios {
        sheet.row([
            name.as_str().into(),
            count.episodes.into(),
            count.drives.into(),
            count.composed_episodes.into(),
            count.composed_drives.into(),
            count.changed_drives.into(),
        ]);
    }
    render::sheet(context.format, sheet)?;
    eprintln!(
        "{} searched, {} of them composed; {}",
        count(report.drives, "drive"),
        report.composed_drives,
        count(report.commits, "commit")
    );
    Ok(Exit::Done)
}
