//! `driveloop synth`: drives composed from drives, and made again.

use anyhow::{Context as _, Result};
use driveloop_schemas::ItemId;
use driveloop_synth::compose::{
    BOUNDS, ComposeOptions, ComposeReport, Draw, Recipe, Reproduction, compose, reproduce,
};

use crate::Exit;
use crate::context::{Context, run_id};
use crate::render;
use crate::sheet::Sheet;
use crate::words::count;

/// Differences of an item that are told on standard error.
const TOLD_MAX: usize = 5;

/// What to compose, or to make again.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    compose: ComposeArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Make items again from their provenance rows, and compare row by row with what the lake holds; status 3 where
    /// something differs.
    Reproduce {
        /// Items; all of the lake where none is named.
        #[arg(value_name = "ITEM")]
        items: Vec<String>,
    },
    /// The bounds that every composed drive keeps, with their sources.
    Bounds,
}

#[derive(Debug, clap::Args)]
struct ComposeArgs {
    /// Recipes: `lead_brakes_harder`, `neighbour_cuts_in`, `pedestrian_crosses`, `ghost_probe`, `cargo_in_lane`; all where none is named.
    #[arg(long, value_name = "NAME")]
    recipe: Vec<String>,
    /// Scenarios whose episodes are edited; those of all, and each drive as a whole, where none is named.
    #[arg(long, value_name = "NAME")]
    scenario: Vec<String>,
    /// Candidates for each episode and recipe.
    #[arg(long, default_value_t = 2)]
    candidates: usize,
    /// Candidates in all, at most.
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// How parameters are chosen: `grid` points, or `sampled` from their ranges.
    #[arg(long, default_value = "grid")]
    draw: String,
    /// Seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) async fn run(context: &Context, args: &Args) -> Result<Exit> {
    match &args.verb {
        None => composed(context, &args.compose).await,
        Some(Verb::Reproduce { items }) => reproduced(context, items).await,
        Some(Verb::Bounds) => bounds(context),
    }
}

async fn composed(context: &Context, args: &ComposeArgs) -> Result<Exit> {
    let lake = context.existing_lake().await?;
    let options = ComposeOptions {
        recipes: recipes(&args.recipe)?,
        scenarios: args.scenario.clone(),
        draw: draw(&args.draw)?,
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

async fn reproduced(context: &Context, items: &[String]) -> Result<Exit> {
    let lake = context.existing_lake().await?;
    let items: Vec<ItemId> = items.iter().map(|item| item.as_str().into()).collect();
    let mut sheet = Sheet::new(&["item", "recipe", "state", "rows", "differing"]);
    let (mut all, mut differing) = (0, 0);
    reproduce(&lake, &items, |made: Reproduction| {
        all += 1;
        differing += usize::from(!made.differences.is_empty());
        for other in made.differences.iter().take(TOLD_MAX) {
            let (table, key, kind) = (other.table, &other.key, other.kind);
            eprintln!("{}: {table} {key} {kind}", made.item_id);
        }
        sheet.row([
            made.item_id.as_str().into(),
            made.recipe.into(),
            made.state.into(),
            made.rows.into(),
            made.differences.len().into(),
        ]);
    })
    .await?;
    render::sheet(context.format, sheet)?;
    eprintln!(
        "{} made again, {differing} of them differently",
        count(all, "item")
    );
    Ok(if differing == 0 {
        Exit::Done
    } else {
        Exit::WithLoss
    })
}

fn bounds(context: &Context) -> Result<Exit> {
    let mut sheet = Sheet::new(&["check", "bound", "unit", "source"]);
    for bound in &BOUNDS {
        sheet.row([
            bound.check.into(),
            bound.value.into(),
            bound.unit.into(),
            bound.source.into(),
        ]);
    }
    render::sheet(context.format, sheet)?;
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

/// The way of choosing parameters that has this name.
pub(crate) fn draw(name: &str) -> Result<Draw> {
    let known = Draw::ALL.map(Draw::as_str).join(" or ");
    Draw::from_name(name).with_context(|| format!("cannot draw `{name}`: expected {known}"))
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
