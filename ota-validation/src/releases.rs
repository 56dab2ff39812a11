//! What a candidate has to be no worse than: the last model that passed.
//!
//! A candidate that is compared with whatever model came before it can pass for ever in a chain of small steps down from one that
//! was blocked. So the baseline of a release is the last release, and that of the first release the reference model that the
//! rules name. Against any other baseline there is a verdict, but never `PASS`.

use driveloop_lake::{Commit, Lake, sql_literal};
use driveloop_schemas::{Release, ReleaseVerdict};

use crate::error::{Error, Result};
use crate::rules::Rules;
use crate::validation::Validation;
use crate::verdict::{Decision, Reason, ReasonKind};

/// The model that a candidate has to be compared with: the last release before its own, where it has been released already, else
/// the last one of all; the reference model of the rules where there is none.
///
/// # Errors
/// When the lake cannot be read.
pub async fn release_baseline(lake: &Lake, candidate: &str, rules: &Rules) -> Result<String> {
    let releases = releases(lake).await?;
    let last = last_before(&releases, candidate);
    Ok(last.map_or_else(|| rules.reference.clone(), |last| last.model_id.clone()))
}

/// All releases, the first one first.
async fn releases(lake: &Lake) -> Result<Vec<Release>> {
    let mut releases = lake.read::<Release>(None).await?;
    releases.sort_by_key(|release| release.number);
    Ok(releases)
}

/// The last release before that of the candidate itself, however often it was released.
fn last_before<'a>(releases: &'a [Release], candidate: &str) -> Option<&'a Release> {
    let own = |release: &Release| release.model_id == candidate;
    let before = releases.iter().take_while(|release| !own(release));
    before.last()
}

/// What a baseline is, and what became of it.
#[derive(Debug, Clone, PartialEq)]
enum Standing {
    /// The last release, and its last verdict that was no `PASS`, on whatever suite.
    LastRelease(Release, Option<ReleaseVerdict>),
    /// The reference model of the rules, and nothing was released yet.
    Reference,
    /// Neither.
    Unfit {
        /// What it has to be.
        expected: String,
        /// What speaks most against it of the verdicts on it as a candidate.
        verdict: Option<ReleaseVerdict>,
    },
}

/// What the baseline of a comparison is and what became of it, as a reason of the verdict.
pub(crate) async fn standing(
    lake: &Lake,
    candidate: &str,
    baseline: &str,
    rules: &Rules,
) -> Result<Reason> {
    let releases = releases(lake).await?;
    let filter = format!("candidate_id = {}", sql_literal(baseline));
    let verdict = worst(lake.read(Some(&filter)).await?);
    let standing = match last_before(&releases, candidate) {
        Some(last) if last.model_id == baseline => {
            let verdict = verdict.filter(|verdict| verdict.verdict != Decision::Pass.as_str());
            Standing::LastRelease(last.clone(), verdict)
        }
        None if baseline == rules.reference => Standing::Reference,
        last => Standing::Unfit {
            expected: last.map_or(&rules.reference, |last| &last.model_id).clone(),
            verdict,
        },
    };
    Ok(reason(baseline, &standing))
}

/// Of several verdicts on a model the one that speaks most against it: their order in time is not in the table.
fn worst(verdicts: Vec<ReleaseVerdict>) -> Option<ReleaseVerdict> {
    let severity = |verdict: &ReleaseVerdict| match verdict.verdict.as_str() {
        "BLOCK" => 2,
        "INCONCLUSIVE" => 1,
        _ => 0,
    };
    verdicts
        .into_iter()
        .max_by_key(|verdict| (severity(verdict), verdict.verdict_id.clone()))
}

fn reason(baseline: &str, standing: &Standing) -> Reason {
    let by = |verdict: &ReleaseVerdict| {
        format!(
            "{} by verdict {} on suite {}",
            verdict.verdict, verdict.verdict_id, verdict.suite
        )
    };
    let (kind, became) = match standing {
        Standing::LastRelease(release, verdict) => {
            let (number, verdict_id) = (release.number, &release.verdict_id);
            let passed = format!("release {number}, the last one, PASS by verdict {verdict_id}");
            let also = verdict
                .as_ref()
                .map(|verdict| format!("; but {}", by(verdict)));
            (ReasonKind::Baseline, passed + &also.unwrap_or_default())
        }
        Standing::Reference => (
            ReasonKind::Baseline,
            "the reference model of the rules; no model has been released".to_owned(),
        ),
        Standing::Unfit { expected, verdict } => {
            let became = verdict
                .as_ref()
                .map_or_else(|| "never validated".to_owned(), by);
            (
                ReasonKind::UnfitBaseline,
                format!(
                    "{became}. A release is compared with {expected}, so this comparison lets none pass: evaluate and validate \
                     the candidate against {expected}"
                ),
            )
        }
    };
    let text = format!("the baseline is {baseline}: {became}");
    Reason {
        kind,
        metric: None,
        slice: None,
        text,
        shortfall: None,
    }
}

/// Takes the next number for a model that passed. The number is that after its baseline's, and the transaction of the commit: of two
/// candidates that pass against one baseline, the second has to be compared with the first. A model is released once.
///
/// # Errors
/// [`Error::Superseded`] where another model has the number; otherwise when the lake fails.
pub(crate) async fn release(lake: &Lake, validation: &Validation, commit: &Commit) -> Result<()> {
    let row = validation.row();
    let before = releases(lake).await?;
    let of_baseline = before
        .iter()
        .rev()
        .find(|release| release.model_id == row.baseline_id);
    let number = of_baseline.map_or(1, |baseline| baseline.number + 1);
    let of_number = |releases: Vec<Release>| {
        let mut releases = releases.into_iter();
        releases.find(|release| release.number == number)
    };
    let mut taken = of_number(before);
    if taken.is_none() {
        let release = Release {
            number,
            model_id: row.candidate_id.clone(),
            weights_digest: validation.evidence.candidate.digest.clone(),
            verdict_id: row.verdict_id,
            baseline_id: row.baseline_id,
            suite: row.suite,
            suite_digest: row.suite_digest,
        };
        let commit = commit
            .clone()
            .with_transactions([format!("release/{number}")]);
        match lake.append(std::slice::from_ref(&release), &commit).await {
            // Another validation took the number since: whose it is is looked up below.
            Ok(_) | Err(driveloop_lake::Error::OtherContent { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        taken = of_number(releases(lake).await?);
    }
    match taken {
        Some(taken) if taken.model_id != row.candidate_id => Err(Error::Superseded {
            candidate: row.candidate_id,
            number,
            by: taken.model_id,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(number: i64, model_id: &str) -> Release {
        Release {
            number,
            model_id: model_id.to_owned(),
            weights_digest: None,
            verdict_id: format!("verdict-{number}"),
            baseline_id: String::new(),
            suite: String::new(),
            suite_digest: String::new(),
        }
    }

    #[test]
    fn a_model_is_compared_with_the_release_before_it_whenever_that_is_asked() {
        let releases = [release(1, "a"), release(2, "b"), release(3, "c")];
        let before = |candidate: &str| last_before(&releases, candidate).map(|r| r.number);
        assert_eq!(before("new"), Some(3));
        assert_eq!(before("c"), Some(2));
        assert_eq!(before("b"), Some(1));
        assert_eq!(before("a"), None);
        assert_eq!(last_before(&[], "new"), None);
    }
}
