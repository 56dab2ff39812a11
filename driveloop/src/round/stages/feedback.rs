//! What failed on the validation split, and what was not decided, to searches for the next round.

use std::collections::BTreeMap;

use anyhow::Result;
use driveloop_evaluation::{FeedbackOptions, feedback};
use driveloop_lake::digest;

use super::{StageContext, digest_of};
use crate::commands::feedback::{nothing_to_choose_on, recipes_by_scenario};
use crate::round::run::Output;
use crate::words::count;

pub(super) async fn inputs(context: &StageContext<'_>) -> Result<String> {
    digest_of(&(&context.options.config.feedback, recipes_by_scenario()))
}

pub(super) async fn run(context: &StageContext<'_>) -> Result<Output> {
    let (model, dataset) = (
        context.name("train", "model")?,
        context.name("dataset", "dataset")?,
    );
    let options = FeedbackOptions {
        wanted: context.options.config.feedback.wanted,
        recipes: recipes_by_scenario(),
        ..FeedbackOptions::new(model, dataset, &context.run_id)
    };
    let report = feedback(context.lake, &options).await?;
    let searches = report.searches;
    let short = searches.iter().filter(|search| search.shortfall > 0);
    Ok(Output {
        digest: digest(searches.iter().map(|search| format!("{search:?}"))),
        rows: searches.len() as u64,
        names: BTreeMap::new(),
        note: format!(
            "{} to search for, {} short of what is wanted{}",
            count(searches.len(), "slice"),
            short.count(),
            if report.chosen_on == 0 {
                format!("; {}", nothing_to_choose_on(&options.split))
            } else {
                String::new()
            }
        ),
        ..Output::default()
    })
}
