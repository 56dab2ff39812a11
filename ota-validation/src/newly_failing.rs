//! Scenes that the baseline passes and the candidate fails, worst first.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::paired::{Paired, PairedMetric};
use crate::rules::{Kind, MetricRule, Rules, WhenWorse};
use crate::verdict::{Change, NewlyFailing};

/// The scenes that newly fail a pass/fail metric which blocks. First those that newly fail the most such metrics, then
/// the largest worsening of the rules' `rank_by` metrics, then by key.
pub(crate) fn newly_failing(
    paired: &Paired,
    metric_rules: &BTreeMap<&str, MetricRule>,
    rules: &Rules,
) -> Vec<NewlyFailing> {
    let ruled: Vec<(&PairedMetric, &MetricRule)> = paired
        .metrics()
        .iter()
        .filter_map(|metric| Some((metric, metric_rules.get(metric.name.as_str())?)))
        .collect();
    let blocking: Vec<(&PairedMetric, &MetricRule)> = ruled
        .iter()
        .copied()
        .filter(|(_, rule)| rule.kind == Kind::PassFail && rule.when_worse() == WhenWorse::Block)
        .collect();
    let mut ranked: Vec<(NewlyFailing, Vec<f64>)> = Vec::new();
    for (at, scene) in paired.scenes().iter().enumerate() {
        let newly = blocking.iter().filter(|(metric, rule)| {
            let values = metric.candidate[at].zip(metric.baseline[at]);
            values
                .is_some_and(|(candidate, baseline)| rule.fails(candidate) && !rule.fails(baseline))
        });
        let metrics: Vec<String> = newly.map(|(metric, _)| metric.name.clone()).collect();
        if metrics.is_empty() {
            continue;
        }
        let (look_at, worsenings) = changes(at, &ruled, &rules.rank_by);
        let scene = NewlyFailing {
            key: scene.key.clone(),
            drive: scene.drive.clone(),
            slices: scene.slices.clone(),
            metrics,
            look_at,
        };
        ranked.push((scene, worsenings));
    }
    ranked.sort_by(worse_first);
    ranked.into_iter().map(|(scene, _)| scene).collect()
}

/// What got worse in a scene, and the worsenings that order it.
fn changes(
    at: usize,
    ruled: &[(&PairedMetric, &MetricRule)],
    rank_by: &[String],
) -> (Vec<Change>, Vec<f64>) {
    let mut look_at = Vec::new();
    let mut worsenings = vec![0.0; rank_by.len()];
    for (metric, rule) in ruled {
        let Some((candidate, baseline)) = metric.candidate[at].zip(metric.baseline[at]) else {
            continue;
        };
        let worsening = rule.worsening(candidate, baseline);
        if let Some(rank) = rank_by.iter().position(|name| *name == metric.name) {
            worsenings[rank] = worsening;
        }
        if worsening > 0.0 {
            look_at.push(Change {
                metric: metric.name.clone(),
                baseline,
                candidate,
            });
        }
    }
    (look_at, worsenings)
}

fn worse_first(a: &(NewlyFailing, Vec<f64>), b: &(NewlyFailing, Vec<f64>)) -> Ordering {
    let worsenings = || {
        let mut pairs = a.1.iter().zip(&b.1).map(|(a, b)| b.total_cmp(a));
        pairs.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    };
    b.0.metrics
        .len()
        .cmp(&a.0.metrics.len())
        .then_with(worsenings)
        .then_with(|| a.0.key.cmp(&b.0.key))
}
