//! The same scenarios in the composed drives.

use anyhow::Result;
use driveloop_scenario_mining::Searched;

use super::StageContext;
use crate::round::run::Output;

pub(super) async fn inputs(context: &StageContext<'_>) -> Result<String> {
    super::mine::inputs(context).await
}

pub(super) async fn run(context: &StageContext<'_>) -> Result<Output> {
    super::mine::search(context, Searched::Composed).await
}
