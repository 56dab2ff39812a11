//! What the release gate could not decide, from the evidence of its last verdict.

use driveloop_lake::{Lake, sql_literal};
use driveloop_schemas::{ReleaseVerdict, Row as _};
use serde::Deserialize;

use crate::error::{Error, Result};

/// A slice that more drives would decide.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Undecided {
    pub(super) metric: String,
    pub(super) slice: String,
    /// Drives that were compared.
    pub(super) drives: i64,
    /// Drives that are missing.
    pub(super) more_drives: i64,
}

/// The part of the evidence that is read here; the gate writes more.
#[derive(Deserialize)]
struct Evidence {
    verdict: Verdict,
}

#[derive(Deserialize)]
struct Verdict {
    reasons: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    shortfall: Option<Undecided>,
}

/// The slices that the last verdict on the model and suite left open, in the order of its reasons.
pub(super) async fn undecided(lake: &Lake, model_id: &str, suite: &str) -> Result<Vec<Undecided>> {
    let filter = format!(
        "candidate_id = {} AND suite = {}",
        sql_literal(model_id),
        sql_literal(suite)
    );
    let verdicts = lake.read::<ReleaseVerdict>(Some(&filter)).await?;
    let history = if verdicts.len() > 1 {
        lake.history(ReleaseVerdict::SPEC.name).await?
    } else {
        Vec::new()
    };
    // Of several verdicts the one of the latest commit.
    let written_at = |verdict: &ReleaseVerdict| {
        let names = |id: &String| id.contains(&verdict.verdict_id);
        let commit = history
            .iter()
            .find(|commit| commit.transactions.iter().any(names));
        commit.map(|commit| commit.version)
    };
    let Some(last) = verdicts.iter().max_by_key(|verdict| written_at(verdict)) else {
        return Ok(Vec::new());
    };
    let bytes = lake.store().get(&last.evidence).await?;
    let evidence: Evidence = serde_json::from_slice(&bytes).map_err(|source| Error::Evidence {
        path: last.evidence.clone(),
        source,
    })?;
    let open = evidence.verdict.reasons.into_iter();
    Ok(open.filter_map(|reason| reason.shortfall).collect())
}
