//! `driveloop feedback`: what failed or was not decided, as searches.

use std::collections::BTreeMap;

use anyhow::Result;
use driveloop_evaluation::{FeedbackOptions, feedback};
use driveloop_synth::compose::Recipe;

use crate::Exit;
use crate::context::{Context, run_id};
use crate::render;
use crate::sheet::Sheet;

/// Whose failures.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The model.
    model: String,
    /// The dataset that it was evaluated on.
    #[arg(long)]
    dataset: String,
    /// The split whose failures are searched for. The test split judges the next model, and so it may not choose what that one learns.
    #[arg(long, default_value = "validation")]
    split: String,
    /// Episodes of a scenario, or drives of another slice, that training should have.
    #[arg(long, default_value_t = 40)]
    wanted: u32,
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<Exit> {
    let lake = context.existing_lake().await?;
    let options = FeedbackOptions {
        split: args.split.clone(),
        wanted: args.wanted,
        recipes: recipes_by_scenario(),
        ..FeedbackOptions::new(&args.model, &args.dataset, &run_id("feedback"))
    };
    let mut sheet = Sheet::new(&[
        "rank",
        "slice",
        "reason",
        "metric",
        "unit",
        "wanted",
        "at_hand",
        "found",
        "shortfall",
        "recipes",
        "search_sql",
    ]);
    let report = feedback(&lake, &options).await?;
    if report.chosen_on == 0 {
        eprintln!("{}", nothing_to_choose_on(&args.split));
    }
    for search in report.searches {
        sheet.row([
            i64::from(search.rank).into(),
            search.slice.into(),
            search.reason.into(),
            search.metric.into(),
            search.unit.into(),
            search.wanted.into(),
            search.at_hand.into(),
            search.found.into(),
            search.shortfall.into(),
            search.recipes.join(", ").into(),
            search.search_sql.into(),
        ]);
    }
    render::sheet(context.format, sheet)?;
    Ok(Exit::Done)
}

/// What to say where no failure could be chosen.
pub(crate) fn nothing_to_choose_on(split: &str) -> String {
    format!("the dataset has no drives in split `{split}` to choose failures on")
}

/// The recipes that compose episodes of each scenario.
pub(crate) fn recipes_by_scenario() -> BTreeMap<String, Vec<String>> {
    let mut recipes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for recipe in Recipe::ALL {
        let of_scenario = recipes.entry(recipe.scenario().to_owned()).or_default();
        of_scenario.push(recipe.as_str().to_owned());
    }
    recipes
}
