//! Drives to episodes: the drives that were recorded or simulated.

use anyhow::Result;
use driveloop_lake::Lake;
use driveloop_scenario_mining::{Catalogue, MineOptions, Searched, mine};

use super::{StageContext, digest_of, digest_of_batches};
use crate::round::run::Output;
use crate::words::count;

pub(super) async fn inputs(context: &StageContext<'_>) -> Result<String> {
    let catalogue = catalogue(context)?;
    let texts: Vec<_> = catalogue
        .iter()
        .map(|scenario| scenario.text.clone())
        .collect();
    digest_of(&(&context.options.config.mine.scenarios, texts))
}

pub(super) async fn run(context: &StageContext<'_>) -> Result<Output> {
    search(context, Searched::Recorded).await
}

/// Searches some of the drives.
pub(super) async fn search(context: &StageContext<'_>, searched: Searched) -> Result<Output> {
    let options = MineOptions {
        scenarios: context.options.config.mine.scenarios.clone(),
        searched,
        ..MineOptions::new(&context.run_id)
    };
    let report = mine(context.lake, &catalogue(context)?, &options).await?;
    let found: Vec<_> = report
        .scenarios
        .iter()
        .map(|(name, count)| {
            let episodes = match searched {
                Searched::Composed => count.composed_episodes,
                Searched::Recorded => count.episodes,
                Searched::All => count.episodes + count.composed_episodes,
            };
            (name, episodes)
        })
        .collect();
    let episodes: usize = found.iter().map(|(_, count)| count).sum();
    let list: Vec<_> = found
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    Ok(Output {
        digest: episodes_digest(context.lake, searched == Searched::Composed).await?,
        rows: episodes as u64,
        note: format!("{}: {}", count(episodes, "episode"), list.join(", ")),
        ..Output::default()
    })
}

fn catalogue(context: &StageContext<'_>) -> Result<Catalogue> {
    let catalogue = Catalogue::builtin()?;
    Ok(match &context.options.config.mine.folder {
        Some(folder) => catalogue.with_folder(folder.as_ref())?,
        None => catalogue,
    })
}

async fn episodes_digest(lake: &Lake, composed: bool) -> Result<String> {
    let sql = format!(
        "SELECT episode_id, scenario_version, score, query_digest FROM with_composed.episode WHERE composed = {composed} ORDER BY episode_id"
    );
    digest_of_batches(&lake.query(&sql).await?)
}
