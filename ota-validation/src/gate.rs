//! The gate: paired scores and rules in, verdict out.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::compare::{Subject, compare};
use crate::families::find;
use crate::newly_failing::newly_failing;
use crate::paired::{ALL, Paired, Units};
use crate::reasons;
use crate::rules::{Kind, MetricRule, Rules, SliceScope, WhenWorse};
use crate::verdict::{Comparison, Decision, Finding, Reason, ReasonKind, Verdict};
use crate::wanted::wanted;

/// Decides whether the candidate may replace the baseline.
///
/// Each metric is tested on each slice: pass/fail metrics by the exact McNemar test (by sign flips of whole drives
/// where drives hold several scenes), continuous ones by sign flips, drives being the units.
/// The one-sided tests for "worse" of the metrics that can block are a family of their own, whose familywise level is
/// held by Holm's procedure however the tests depend on one another; so are those of the metrics that a person must
/// weigh. What is better is looked for apart from them, and never changes their thresholds.
///
/// * `BLOCK` when a metric whose rule says so got significantly worse on any slice, or a veto holds.
/// * `PASS` when every safety-critical metric was shown to be no worse than its margin, no slice looks worse than that by
///   more than chance, nothing got significantly worse, and no scene of the baseline was left unanswered.
/// * `INCONCLUSIVE` otherwise, with the number of scenes that would decide it.
///
/// Being significantly better is no way round the rules about drives: few drives may all be good ones.
/// `docs/calibration.md` has the measured rates of wrong verdicts.
///
/// Each metric and slice is judged alone: nothing is averaged with anything else, so that no rise hides a fall.
/// A candidate that equals the baseline on every scene has p = 1 everywhere, and passes exactly when the scenes are
/// so many that the upper bound of a regression that none of them shows, `z² / (n + z²)`, lies under the margin.
///
/// The order of rows has no influence, and the same seed gives the same verdict on any number of threads.
#[must_use]
pub fn gate(paired: &Paired, rules: &Rules, seed: u64) -> Verdict {
    let metric_rules = metric_rules(paired, rules);
    let mut comparisons = comparisons(paired, rules, &metric_rules, seed);
    find(&mut comparisons, &metric_rules, rules);
    let mut reasons = Vec::new();
    reasons.extend(vetoes(&comparisons, rules));
    reasons.extend(reasons::unanswered(paired, &comparisons, rules));
    for comparison in &comparisons {
        let when_worse = metric_rules
            .get(comparison.metric.as_str())
            .map(MetricRule::when_worse);
        let when_worse = when_worse.unwrap_or(WhenWorse::Review);
        reasons.extend(significant(comparison, when_worse));
        let unchanged = comparison.finding == Finding::NoDifference && comparison.slice == ALL;
        if unchanged && rules.rank_by.contains(&comparison.metric) {
            reasons.push(reasons::mean(comparison));
        }
        if (comparison.finding, when_worse) != (Finding::Worse, WhenWorse::Block) {
            reasons.extend(margin_reason(comparison, rules));
        }
    }
    match paired.units() {
        Units::DrivesByColumn => {}
        Units::DrivesByCandidate => reasons.push(reasons::drives_by_candidate(paired)),
        Units::ScenesAssumedIndependent => reasons.push(reasons::independence(paired)),
    }
    if !comparisons
        .iter()
        .any(|comparison| comparison.safety_critical)
    {
        reasons.push(reasons::nothing_safety_critical());
    }
    // Stable: within a kind, the order of the comparisons stays.
    reasons.sort_by_key(|reason| reason.kind);
    let forced: Vec<Decision> = reasons
        .iter()
        .filter_map(|reason| reason.kind.forces())
        .collect();
    let decision = if forced.contains(&Decision::Block) {
        Decision::Block
    } else if forced.is_empty() {
        Decision::Pass
    } else {
        Decision::Inconclusive
    };
    let mut newly_failing = newly_failing(paired, &metric_rules, rules);
    let newly_failing_count = newly_failing.len() as u64;
    newly_failing.truncate(Verdict::NEWLY_FAILING_MAX);
    Verdict {
        decision,
        wanted: wanted(&reasons),
        reasons,
        comparisons,
        newly_failing,
        newly_failing_count,
        scenes: paired.scenes().len() as u64,
        drives: paired.drives() as u64,
        unanswered: paired.unanswered().len() as u64,
    }
}

/// The rule of each metric that there is.
pub(crate) fn metric_rules<'a>(paired: &'a Paired, rules: &Rules) -> BTreeMap<&'a str, MetricRule> {
    let metrics = paired.metrics().iter();
    metrics
        .map(|metric| {
            let values = metric
                .candidate
                .iter()
                .chain(&metric.baseline)
                .filter_map(|value| *value);
            (metric.name.as_str(), rules.rule_for(&metric.name, values))
        })
        .collect()
}

fn comparisons(
    paired: &Paired,
    rules: &Rules,
    metric_rules: &BTreeMap<&str, MetricRule>,
    seed: u64,
) -> Vec<Comparison> {
    let slices = paired.slices();
    let mut subjects = Vec::new();
    for (slice, members) in &slices {
        for metric in paired.metrics() {
            if let Some(rule) = metric_rules.get(metric.name.as_str()) {
                subjects.push(Subject {
                    paired,
                    metric,
                    rule,
                    slice,
                    members,
                });
            }
        }
    }
    subjects
        .into_par_iter()
        .filter_map(|subject| compare(subject, rules, seed))
        .collect()
}

fn significant(comparison: &Comparison, when_worse: WhenWorse) -> Option<Reason> {
    let kind = match (comparison.finding, when_worse) {
        (Finding::Worse, WhenWorse::Block) => ReasonKind::Worse,
        (Finding::Worse, WhenWorse::Review) => ReasonKind::Review,
        (Finding::Worse, WhenWorse::Report) => ReasonKind::Reported,
        (Finding::Better, _) => ReasonKind::Better,
        _ => return None,
    };
    Some(reasons::significant(comparison, kind))
}

/// What a safety-critical metric's margin says on this slice, where the rules ask.
fn margin_reason(comparison: &Comparison, rules: &Rules) -> Option<Reason> {
    let margin = comparison.margin.filter(|_| comparison.safety_critical)?;
    let total = comparison.slice == ALL;
    let by_chance = comparison.q_value.is_none_or(|q| q > rules.slice_alpha);
    let asked = match rules.slice_scope {
        SliceScope::Total => total,
        SliceScope::Observed => total || (comparison.worsening > margin && !by_chance),
    };
    match comparison.no_worse {
        Some(true) if total => Some(reasons::no_worse(comparison, margin)),
        Some(false) if asked => Some(reasons::not_shown(comparison, margin, rules)),
        _ => None,
    }
}

fn vetoes(comparisons: &[Comparison], rules: &Rules) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for veto in &rules.veto {
        let compared = comparisons
            .iter()
            .find(|c| c.metric == veto.metric && c.slice == veto.slice && c.kind == Kind::PassFail);
        let Some((comparison, failing)) = compared.and_then(|c| Some((c, c.failing?))) else {
            reasons.push(reasons::veto_without_data(veto));
            continue;
        };
        let share = failing.candidate as f64 / comparison.scenes.max(1) as f64;
        if let Some(max) = veto.newly_failing_max.filter(|max| failing.new > *max) {
            reasons.push(reasons::veto(
                veto,
                format!("{} scenes newly fail, {max} may", failing.new),
            ));
        }
        if let Some(max) = veto.failing_share_max.filter(|max| share > *max) {
            let (share, max) = (100.0 * share, 100.0 * max);
            reasons.push(reasons::veto(
                veto,
                format!("{share:.2} % of scenes fail, {max:.2} % may"),
            ));
        }
    }
    reasons
}
