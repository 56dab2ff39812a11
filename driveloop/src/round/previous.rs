//! The round that another one comes after.

use anyhow::{Context as _, Result};
use driveloop_lake::{Journal, Lake};

use super::run::{StageDone, journal_name};

/// What a round is told of the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Previous {
    /// Its name.
    pub(crate) round: String,
    /// Its model.
    pub(crate) model: String,
    /// The dataset that the model was evaluated on, and that its searches belong to.
    pub(crate) dataset: String,
}

impl Previous {
    /// Reads the journal of a round that has come to its end.
    pub(crate) async fn read(lake: &Lake, round: &str) -> Result<Self> {
        let entries: Vec<StageDone> = Journal::open(lake, &journal_name(round))
            .await?
            .entries()
            .await?;
        let name = |stage: &str, name: &str| {
            let last = entries.iter().rev().find(|entry| entry.stage == stage);
            last.and_then(|entry| entry.output.names.get(name).cloned())
        };
        let ended = entries.iter().any(|entry| entry.stage == "feedback");
        let found = Option::zip(name("train", "model"), name("dataset", "dataset"));
        let (model, dataset) = found.filter(|_| ended).with_context(|| {
            format!(
                "round `{round}`, which this one comes after, has not come to its end on this lake"
            )
        })?;
        Ok(Self {
            round: round.to_owned(),
            model,
            dataset,
        })
    }
}
