//! One metric on one slice: what the numbers say before tests are weighed against one another.

use std::collections::BTreeMap;

use driveloop_statistics::{
    Cluster, Discordance, Target, design_effect, drives_for_mean, drives_to_meet_a_bad_one,
    flip_counts, flip_sums, interval, mcnemar, mean_and_error, scenes_for_no_worse,
    scenes_for_worse,
};

use crate::evidence::seed_from;
use crate::paired::{Paired, PairedMetric};
use crate::rules::{Kind, MetricRule, Rules};
use crate::verdict::{Comparison, Failing, Finding, Needed};

/// A metric on a slice, with its rule.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) paired: &'a Paired,
    pub(crate) metric: &'a PairedMetric,
    pub(crate) rule: &'a MetricRule,
    pub(crate) slice: &'a str,
    pub(crate) members: &'a [usize],
}

/// The scenes of a subject that both have a value for.
struct Pairs {
    /// Position of the scene, candidate, baseline.
    values: Vec<(usize, f64, f64)>,
    unanswered: u64,
}

/// Compares. The adjusted p-value and the finding are filled in when all tests are known.
/// `None` where no scene has a value of both and none is left unanswered.
pub(crate) fn compare(subject: Subject<'_>, rules: &Rules, seed: u64) -> Option<Comparison> {
    let pairs = pairs(subject);
    if pairs.values.is_empty() && pairs.unanswered == 0 {
        return None;
    }
    let clusters = clusters(subject, &pairs);
    let mut comparison = described(subject, &pairs, clusters.len());
    if pairs.values.is_empty() {
        return Some(comparison);
    }
    let seed = |purpose| seed_from(seed, &[&subject.metric.name, subject.slice, purpose]);
    match comparison.failing {
        Some(failing) => shares(&mut comparison, failing, &clusters, rules),
        None => means(&mut comparison, &clusters, rules, seed),
    }
    if comparison.scenes < rules.scenes_min {
        comparison.p_value = None;
        comparison.test = None;
        comparison.no_worse = comparison.margin.map(|_| false);
    }
    Some(comparison)
}

fn pairs(subject: Subject<'_>) -> Pairs {
    let mut pairs = Pairs {
        values: Vec::with_capacity(subject.members.len()),
        unanswered: 0,
    };
    for at in subject.members {
        match (subject.metric.candidate[*at], subject.metric.baseline[*at]) {
            (Some(candidate), Some(baseline)) => pairs.values.push((*at, candidate, baseline)),
            (None, Some(_)) => pairs.unanswered += 1,
            _ => {}
        }
    }
    pairs
}

fn clusters(subject: Subject<'_>, pairs: &Pairs) -> Vec<Cluster> {
    let mut drives: BTreeMap<&str, Cluster> = BTreeMap::new();
    for (at, candidate, baseline) in &pairs.values {
        let rule = subject.rule;
        let worsening = match rule.kind {
            Kind::PassFail => {
                f64::from(u8::from(rule.fails(*candidate)))
                    - f64::from(u8::from(rule.fails(*baseline)))
            }
            Kind::Continuous => rule.worsening(*candidate, *baseline),
        };
        let drive = drives
            .entry(&subject.paired.scenes()[*at].drive)
            .or_insert(Cluster {
                scenes: 0.0,
                sum: 0.0,
            });
        drive.scenes += 1.0;
        drive.sum += worsening;
    }
    drives.into_values().collect()
}

fn described(subject: Subject<'_>, pairs: &Pairs, drives: usize) -> Comparison {
    let Subject { rule, .. } = subject;
    let mean = |pick: fn(&(usize, f64, f64)) -> f64| {
        let scenes = pairs.values.len().max(1);
        pairs.values.iter().map(pick).sum::<f64>() / scenes as f64
    };
    let failing = (rule.kind == Kind::PassFail).then(|| {
        let mut failing = Failing {
            baseline: 0,
            candidate: 0,
            new: 0,
            mended: 0,
        };
        for (_, candidate, baseline) in &pairs.values {
            let (candidate, baseline) = (rule.fails(*candidate), rule.fails(*baseline));
            failing.candidate += u64::from(candidate);
            failing.baseline += u64::from(baseline);
            failing.new += u64::from(candidate && !baseline);
            failing.mended += u64::from(baseline && !candidate);
        }
        failing
    });
    Comparison {
        metric: subject.metric.name.clone(),
        slice: subject.slice.to_owned(),
        kind: rule.kind,
        safety_critical: rule.safety_critical,
        scenes: pairs.values.len() as u64,
        drives: drives as u64,
        unanswered: pairs.unanswered,
        baseline_mean: mean(|value| value.2),
        candidate_mean: mean(|value| value.1),
        failing,
        worsening: 0.0,
        worsening_low: None,
        worsening_high: None,
        design_effect: None,
        test: None,
        p_value: None,
        q_value: None,
        finding: Finding::TooFew,
        margin: rule.margin,
        no_worse: rule.margin.map(|_| false),
        needed: None,
    }
}

fn target(margin: f64, rules: &Rules) -> Target {
    Target {
        margin,
        alpha: rules.noninferiority_alpha,
        power: rules.power,
    }
}

fn shares(comparison: &mut Comparison, failing: Failing, clusters: &[Cluster], rules: &Rules) {
    let scenes = comparison.scenes as f64;
    let (new, mended) = (failing.new as f64, failing.mended as f64);
    let discordance = Discordance {
        scenes,
        new,
        mended,
    };
    let effect = design_effect(clusters, discordance);
    let effective = discordance.effective(effect);
    let (low, high) = effective.interval(rules.noninferiority_alpha);
    let flips = if comparison.drives == comparison.scenes {
        mcnemar(failing.new, failing.mended)
    } else {
        let differences: Vec<i64> = clusters.iter().map(|cluster| cluster.sum as i64).collect();
        flip_counts(&differences)
    };
    comparison.worsening = (new - mended) / scenes;
    comparison.worsening_low = Some(low);
    comparison.worsening_high = Some(high);
    comparison.design_effect = Some(effect);
    comparison.test = Some(flips.method.as_str());
    comparison.p_value = Some(flips.both);
    if let Some(margin) = comparison.margin {
        let target = target(margin, rules);
        let independent = comparison.drives == comparison.scenes;
        let drives_min = if independent {
            0.0
        } else {
            drives_to_meet_a_bad_one(rules.bad_drive_share, target)
        };
        let met = comparison.drives as f64 >= drives_min;
        comparison.no_worse = Some(high < margin && met);
        // The share of discordant scenes needs no independence; only their number does.
        let needed = scenes_for_no_worse(discordance, target)
            .max(scenes_for_worse(discordance, target))
            * effect;
        let needed = needed.ceil().max(rules.scenes_min as f64);
        let per_drive = scenes / comparison.drives as f64;
        let drives = (needed / per_drive).ceil().max(drives_min);
        comparison.needed = Some(Needed {
            scenes: needed.max((drives_min * per_drive).ceil()) as u64,
            drives: drives as u64,
        });
    }
}

fn means(
    comparison: &mut Comparison,
    clusters: &[Cluster],
    rules: &Rules,
    seed: impl Fn(&'static str) -> u64,
) {
    let (mean, error) = mean_and_error(clusters);
    comparison.worsening = mean;
    let sums: Vec<f64> = clusters.iter().map(|cluster| cluster.sum).collect();
    let flips = flip_sums(&sums);
    comparison.test = Some(flips.method.as_str());
    comparison.p_value = Some(flips.both);
    let enough = clusters.len() as u64 >= rules.drives_min;
    if enough {
        let alpha = rules.noninferiority_alpha;
        let interval = interval(clusters, alpha, rules.resamples, seed("bootstrap"));
        comparison.worsening_low = interval.map(|(low, _)| low);
        comparison.worsening_high = interval.map(|(_, high)| high);
    }
    if let Some(margin) = comparison.margin {
        comparison.no_worse = Some(comparison.worsening_high.is_some_and(|high| high < margin));
        let drives = comparison.drives as f64;
        let needed = drives_for_mean(drives, error, target(margin, rules));
        // One drive has no error to plan with: the smallest number that has one.
        let needed = needed.max(rules.drives_min as f64);
        let scenes = (needed * comparison.scenes as f64 / drives).ceil();
        comparison.needed = Some(Needed {
            scenes: scenes as u64,
            drives: needed as u64,
        });
    }
}
