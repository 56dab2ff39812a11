//! Episodes to composed drives: what the searches of the round before are short of, or else what the round file says.

use std::collections::BTreeSet;

use anyhow::Result;
use driveloop_lake::{Lake, sql_literal};
use driveloop_scenario_mining::dataset::drives_where;
use driveloop_schemas::Search;
use driveloop_synth::compose::{ComposeOptions, ComposeReport, compose};

use super::{StageContext, digest_of, digest_of_batches};
use crate::commands::synth::{draw, explain, recipes};
use crate::round::previous::Previous;
use crate::round::run::Output;
use crate::words::count;

pub(super) async fn inputs(context: &StageContext<'_>) -> Result<String> {
    let searches = match &context.options.previous {
        Some(previous) => short(context.lake, previous).await?,
        None => Vec::new(),
    };
    let wanted: Vec<_> = searches
        .iter()
        .map(|search| (&search.slice, search.shortfall, &search.recipes))
        .collect();
    let dataset = &context.options.config.dataset;
    digest_of(&(
        &context.options.config.synth,
        (&dataset.test, &dataset.validation),
        wanted,
    ))
}

pub(super) async fn run(context: &StageContext<'_>) -> Result<Output> {
    let reports = match &context.options.previous {
        Some(previous) => compose_short(context, previous).await?,
        None => vec![compose(context.lake, &options(context).await?).await?],
    };
    reports.iter().for_each(explain);
    let items = context
        .lake
        .query("SELECT item_id, state, checks FROM synthetic_item ORDER BY item_id")
        .await?;
    let sum = |of: fn(&ComposeReport) -> usize| reports.iter().map(of).sum::<usize>();
    Ok(Output {
        digest: digest_of_batches(&items)?,
        rows: sum(|report| report.rows.values().sum()) as u64,
        note: format!(
            "{} composed, {} rejected, {} there already",
            count(sum(|report| report.accepted.values().sum()), "drive"),
            count(sum(|report| report.rejected.values().sum()), "candidate"),
            sum(|report| report.already_there)
        ),
        ..Output::default()
    })
}

/// What the round file says.
async fn options(context: &StageContext<'_>) -> Result<ComposeOptions> {
    let config = &context.options.config.synth;
    // What is composed is to be learnt from: nothing is composed from drives that judge or choose.
    let dataset = &context.options.config.dataset;
    let mut held_out = BTreeSet::new();
    for condition in [&dataset.test, &dataset.validation].into_iter().flatten() {
        held_out.extend(drives_where(context.lake, condition).await?);
    }
    Ok(ComposeOptions {
        recipes: recipes(&config.recipes)?,
        scenarios: config.scenarios.clone(),
        draw: draw(&config.draw)?,
        candidates_per_episode: config.candidates_per_episode,
        limit: config.candidates_max,
        hosts_left_out: held_out,
        seed: config.seed,
        run_id: context.run_id.clone(),
    })
}

/// For each search that is short, with its recipes on whatever episodes they fit; as many candidates as are missing times
/// `candidates_per_missing`, since some are rejected.
async fn compose_short(
    context: &StageContext<'_>,
    previous: &Previous,
) -> Result<Vec<ComposeReport>> {
    let config = &context.options.config.synth;
    let options = options(context).await?;
    let mut left = config.candidates_max;
    let mut reports = Vec::new();
    for search in short(context.lake, previous).await? {
        let wanted = (search.shortfall as usize).saturating_mul(config.candidates_per_missing);
        let of_search = ComposeOptions {
            recipes: recipes(&search.recipes)?,
            scenarios: Vec::new(),
            limit: wanted.min(left),
            ..options.clone()
        };
        let report = compose(context.lake, &of_search).await?;
        left -= report.candidates.min(left);
        reports.push(report);
    }
    Ok(reports)
}

/// The searches of a round that composition can fill, most urgent first.
async fn short(lake: &Lake, previous: &Previous) -> Result<Vec<Search>> {
    let filter = format!(
        "model_id = {} AND dataset = {} AND shortfall > 0",
        sql_literal(&previous.model),
        sql_literal(&previous.dataset)
    );
    let mut searches = lake.read::<Search>(Some(&filter)).await?;
    searches.retain(|search| !search.recipes.is_empty());
    searches.sort_by_key(|search| search.rank);
    Ok(searches)
}
