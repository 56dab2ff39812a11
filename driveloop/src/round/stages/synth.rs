//! Episodes to composed drives.

use anyhow::Result;
use driveloop_synth::compose::{ComposeOptions, compose};

use super::{StageContext, digest_of, digest_of_batches};
use crate::commands::synth::{explain, recipes};
use crate::round::run::Output;
use crate::words::count;

pub(super) async fn inputs(context: &StageContext<'_>) -> Result<String> {
    digest_of(&context.options.config.synth)
}

pub(super) async fn run(context: &StageContext<'_>) -> Result<Output> {
    let config = &context.options.config.synth;
    let options = ComposeOptions {
        recipes: recipes(&config.recipes)?,
        scenarios: config.scenarios.clone(),
        candidates_per_episode: config.candidates_per_episode,
        limit: config.candidates_max,
        seed: config.seed,
        run_id: context.run_id.clone(),
    };
    let report = compose(context.lake, &options).await?;
    explain(&report);
    let items = context
        .lake
        .query("SELECT item_id, state, checks FROM synthetic_item ORDER BY item_id")
        .await?;
    let accepted: usize = report.accepted.values().sum();
    let rejected: usize = report.rejected.values().sum();
    Ok(Output {
        digest: digest_of_batches(&items)?,
        rows: report.rows.values().sum::<usize>() as u64,
        note: format!(
            "{} composed, {} rejected, {} there already",
            count(accepted, "drive"),
            count(rejected, "candidate"),
            report.already_there
        ),
        ..Output::default()
    })
}
