//! `driveloop synth`: drives composed from drives.

use anyhow::{Context as _, Result};
use driveloop_synth::compose::{ComposeOptions, ComposeReport, Recipe, compose};

use crate::Exit;
use crate::context::{Context, run_id};
use crate::render;
use crate::sheet::Sheet;
use crate::words::count;

/// What to compose.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Recipes; all where none is named.
    #[arg(long, value_name = "NAME")]
    recipe: Vec<String>,
    /// Scenarios whose episodes are edited; those that fit the recipes where none is named.
    #[arg(long, value_name = "NAME")]
    scenario: Vec<String>,
    /// Candidates for each episode and recipe.
    #[arg(long, default_value_t = 2)]
    candidates: usize,
    /// Candidates in all, at most.
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<Exit> {
    let lake = context.existing_lake().await?;
    let options = ComposeOptions {
        recipes: recipes(&args.recipe)?,
        scenarios: args.scenario.clone(),
        candidates_per_episode: args.candidates,
        limit: args.limit,
        seed: args.seed,
        run_id: run_id("synth"),
        ..ComposeOptions::default()
    };
    let report = compose(&lake, &options).await?;
    let mut sheet = Sheet::new(&["outcome", "candidates"]);
    for (recipe, count) in &report.accepted {
        sheet.row([format!("accepted: {recipe}").into(), (*count).into()]);
    }
    for (check, count) in &report.rejected {
        sheet.row([format!("rejected: {check}").into(), (*count).into()]);
    }
    sheet.row(["there already".into(), report.already_there.into()]);
    render::sheet(context.format, sheet)?;
    explain(&report);
    Ok(Exit::Done)
}

/// The recipes of these names; all where there are none.
pub(crate) fn recipes(names: &[String]) -> Result<Vec<Recipe>> {
    if names.is_empty() {
        return Ok(Recipe::ALL.to_vec());
    }
    let known = Recipe::ALL.map(Recipe::as_str).join(", ");
    let recipe = |name: &String| {
        Recipe::from_name(name)
            .with_context(|| format!("there is no recipe `{name}`: expected one of {known}"))
    };
    names.iter().map(recipe).collect()
}

/// Says which hosts could not be edited.
pub(crate) fn explain(report: &ComposeReport) {
    eprintln!(
        "{} from {}",
        count(report.candidates, "candidate"),
        count(report.episodes, "episode")
    );
    for host in &report.unusable_hosts {
        eprintln!("not edited: {host} has no rows of the ego");
    }
}
