//! Which differences are more than chance among so many tests.
//!
//! Each test belongs to two families: one that looks for worse, by what follows from it, and one that looks for better.
//! A family is corrected for its own tests alone, so that no improvement raises a threshold of what can block.

use std::collections::BTreeMap;

use driveloop_statistics::{benjamini_hochberg, holm};

use crate::paired::ALL;
use crate::plan::plan;
use crate::rules::{MetricRule, Rules, WhenWorse};
use crate::verdict::{Comparison, Family, FamilyKind, Finding};

/// Adjusts the p-values, says what was found, and counts what would decide the rest.
pub(crate) fn find(
    comparisons: &mut [Comparison],
    metric_rules: &BTreeMap<&str, MetricRule>,
    rules: &Rules,
) {
    let kinds: Vec<FamilyKind> = comparisons
        .iter()
        .map(|comparison| kind(metric_rules.get(comparison.metric.as_str())))
        .collect();
    let mut worse: Vec<Option<f64>> = vec![None; comparisons.len()];
    let mut tests = BTreeMap::new();
    for family in [FamilyKind::Block, FamilyKind::Review, FamilyKind::Report] {
        let members: Vec<usize> = (0..comparisons.len())
            .filter(|at| kinds[*at] == family && comparisons[*at].p_worse.is_some())
            .collect();
        let p_values: Vec<f64> = members
            .iter()
            .filter_map(|at| comparisons[*at].p_worse)
            .collect();
        for (at, adjusted) in members.iter().zip(family.adjusted(&p_values)) {
            worse[*at] = Some(adjusted);
        }
        tests.insert(family, members.len() as u64);
    }
    let p_values: Vec<f64> = comparisons.iter().filter_map(|c| c.p_better).collect();
    let mut better = FamilyKind::Better.adjusted(&p_values).into_iter();
    for (at, comparison) in comparisons.iter_mut().enumerate() {
        let better = comparison.p_better.and_then(|_| better.next());
        let tests = |of: FamilyKind| tests.get(&of).copied().unwrap_or(p_values.len() as u64);
        if let Some((worse, better)) = worse[at].zip(better) {
            let (of, q_value, found) = if comparison.worsening < 0.0 {
                (FamilyKind::Better, better, Finding::Better)
            } else {
                (kinds[at], worse, Finding::Worse)
            };
            comparison.q_value = Some(q_value);
            comparison.family = Some(Family {
                of,
                tests: tests(of),
            });
            comparison.finding = if q_value <= of.level(rules) {
                found
            } else {
                Finding::NoDifference
            };
        }
        // A comparison that is too small to be tested will be one test more.
        let tests = tests(kinds[at]) + u64::from(worse[at].is_none());
        if undecided(comparison, rules) {
            plan(comparison, rules.worse_alpha / tests as f64, rules);
        }
        drop_contradicted(comparison);
    }
}

/// Whether a margin is still to be shown, and more scenes may be asked for.
fn undecided(comparison: &Comparison, rules: &Rules) -> bool {
    let looks_worse = comparison.q_value.is_some_and(|q| q <= rules.slice_alpha);
    comparison.no_worse == Some(false) && (comparison.slice == ALL || looks_worse)
}

fn kind(rule: Option<&MetricRule>) -> FamilyKind {
    match rule.map_or(WhenWorse::Review, MetricRule::when_worse) {
        WhenWorse::Block => FamilyKind::Block,
        WhenWorse::Review => FamilyKind::Review,
        WhenWorse::Report => FamilyKind::Report,
    }
}

impl FamilyKind {
    /// Tests of metrics and slices depend on one another in every way, which Holm's procedure admits.
    fn adjusted(self, p_values: &[f64]) -> Vec<f64> {
        match self {
            Self::Block | Self::Review => holm(p_values),
            Self::Report | Self::Better => benjamini_hochberg(p_values),
        }
    }

    fn level(self, rules: &Rules) -> f64 {
        match self {
            Self::Block | Self::Review => rules.worse_alpha,
            Self::Report | Self::Better => rules.fdr,
        }
    }

    /// The procedure, and the tests that it corrects for, in words.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Block => ("Holm", "tests that can block"),
            Self::Review => ("Holm", "tests that call for a review"),
            Self::Report => ("Benjamini–Hochberg", "tests that are only reported"),
            Self::Better => ("Benjamini–Hochberg", "tests for better"),
        }
    }
}

/// An interval by drives allows for a bad drive that was not met, the test of no difference does not: with few drives the
/// first may hold 0 where the second says better or worse. It says nothing then, and is not shown beside the finding.
fn drop_contradicted(comparison: &mut Comparison) {
    let ends = comparison.worsening_low.zip(comparison.worsening_high);
    let contradicted = ends.is_some_and(|(low, high)| match comparison.finding {
        Finding::Worse => low <= 0.0,
        Finding::Better => high >= 0.0,
        Finding::NoDifference | Finding::TooFew => false,
    });
    if contradicted {
        (comparison.worsening_low, comparison.worsening_high) = (None, None);
    }
}
