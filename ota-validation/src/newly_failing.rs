//! Scenes that the baseline passes and the candidate fails, worst first.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::paired::Paired;
use crate::rules::{Kind, MetricRule, Rules, WhenWorse};
use crate::verdict::{Change, NewlyFailing};

/// The scenes that newly fail a pass/fail metric which blocks. First those that newly fail the most such metrics, then
/// the largest worsening of the rules' `rank_by` metrics, then by key.
pub(crate) fn newly_failing(
    paired: &Paired,
    metric_rules: &BTreeMap<&str, MetricRule>,
    rules: &Rules,
) -> Vec<NewlyFailing> {
    let mut ranked: Vec<(NewlyFailing, Vec<f64>)> = Vec::new();
    for (at, scene) in paired.scenes().iter().enumerate() {
        let mut metrics = Vec::new();
        let mut look_at = Vec::new();
        let mut worsenings = vec![0.0; rules.rank_by.len()];
        for metric in paired.metrics() {
            let Some(rule) = metric_rules.get(metric.name.as_str()) else {
                continue;
            };
            let (Some(candidate), Some(baseline)) = (metric.candidate[at], metric.baseline[at])
            else {
                continue;
            };
            let worsening = rule.worsening(candidate, baseline);
            let blocks = rule.kind == Kind::PassFail && rule.when_worse() == WhenWorse::Block;
            if blocks && rule.fails(candidate) && !rule.fails(baseline) {
                metrics.push(metric.name.clone());
            }
            if let Some(rank) = rules.rank_by.iter().position(|name| *name == metric.name) {
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
        if metrics.is_empty() {
            continue;
        }
        let (key, drive) = (scene.key.clone(), scene.drive.clone());
        let slices = scene.slices.clone();
        ranked.push((
            NewlyFailing {
                key,
                drive,
                slices,
                metrics,
                look_at,
            },
            worsenings,
        ));
    }
    ranked.sort_by(worse_first);
    ranked.into_iter().map(|(scene, _)| scene).collect()
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
