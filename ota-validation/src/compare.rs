//! One metric on one slice: what the numbers say before tests are weighed against one another.

use driveloop_statistics::{
    Cluster, Discordance, DriveBound, Flips, design_effect, drives_to_meet_a_bad_one, flip_counts,
    flip_sums, interval, mcnemar, mean_and_error, student_interval,
};

use crate::evidence::seed_from;
use crate::paired::{Paired, PairedMetric};
use crate::plan::target;
use crate::rules::{Kind, MetricRule, Rules};
use crate::verdict::{Comparison, Failing, Finding};

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

/// Compares. The adjusted p-value, the finding and the counts are filled in when all tests are known.
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
        None => means(&mut comparison, &clusters, rules, seed("bootstrap")),
    }
    if comparison.scenes < rules.scenes_min {
        (comparison.p_value, comparison.p_worse, comparison.p_better) = (None, None, None);
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

/// The drives, in the order of their names.
fn clusters(subject: Subject<'_>, pairs: &Pairs) -> Vec<Cluster> {
    let rule = subject.rule;
    let worsening = |candidate: f64, baseline: f64| match rule.kind {
        Kind::PassFail => {
            f64::from(u8::from(rule.fails(candidate))) - f64::from(u8::from(rule.fails(baseline)))
        }
        Kind::Continuous => rule.worsening(candidate, baseline),
    };
    let of_drives = pairs.values.iter().map(|(at, candidate, baseline)| {
        let drive = subject.paired.drive_of(*at);
        (drive, worsening(*candidate, *baseline))
    });
    let mut of_drives: Vec<(u32, f64)> = of_drives.collect();
    // Stable: the scenes of a drive stay in the order of their keys, and their sum is the same sum.
    of_drives.sort_by_key(|(drive, _)| *drive);
    of_drives
        .chunk_by(|a, b| a.0 == b.0)
        .map(|scenes| Cluster {
            scenes: scenes.len() as f64,
            sum: scenes.iter().map(|(_, worsening)| worsening).sum(),
        })
        .collect()
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
        worsening_error: None,
        worsening_low: None,
        worsening_high: None,
        bound: None,
        design_effect: None,
        test: None,
        p_value: None,
        p_worse: None,
        p_better: None,
        q_value: None,
        family: None,
        finding: Finding::TooFew,
        margin: rule.margin,
        no_worse: rule.margin.map(|_| false),
        needed: None,
        needed_if_alike: None,
    }
}

/// A pass/fail metric. Independent scenes have Tango's score interval; scenes of drives have the bound that allows for
/// the worst drive, whose upper end decides.
fn shares(comparison: &mut Comparison, failing: Failing, clusters: &[Cluster], rules: &Rules) {
    let alpha = rules.noninferiority_alpha;
    let discordance = Discordance {
        scenes: comparison.scenes as f64,
        new: failing.new as f64,
        mended: failing.mended as f64,
    };
    let independent = comparison.drives == comparison.scenes;
    let (low, high) = if independent {
        discordance.interval(alpha)
    } else {
        DriveBound::of_shares(clusters, rules.bad_drive_share).interval(alpha)
    };
    tested(
        comparison,
        if independent {
            mcnemar(failing.new, failing.mended)
        } else {
            let differences: Vec<i64> = clusters.iter().map(|drive| drive.sum as i64).collect();
            flip_counts(&differences)
        },
    );
    let (_, error) = mean_and_error(clusters);
    comparison.worsening = (discordance.new - discordance.mended) / discordance.scenes;
    comparison.worsening_error = Some(error).filter(|error| error.is_finite());
    comparison.worsening_low = Some(low);
    comparison.worsening_high = Some(high);
    comparison.bound = Some(high);
    comparison.design_effect = Some(design_effect(clusters, discordance));
    if let Some(margin) = comparison.margin {
        let least = drives_to_meet_a_bad_one(rules.bad_drive_share, target(margin, alpha, rules));
        let met = independent || comparison.drives as f64 >= least;
        comparison.no_worse = Some(high < margin && met);
    }
}

/// A continuous metric: the interval is the bootstrap's; what decides is the outermost of its upper end, Student's, and
/// the bound for one more drive, worse than most. Each is too short for some distributions with few drives, and which one
/// cannot be told from few drives.
fn means(comparison: &mut Comparison, clusters: &[Cluster], rules: &Rules, seed: u64) {
    let alpha = rules.noninferiority_alpha;
    let (mean, error) = mean_and_error(clusters);
    let sums: Vec<f64> = clusters.iter().map(|cluster| cluster.sum).collect();
    tested(comparison, flip_sums(&sums));
    comparison.worsening = mean;
    comparison.worsening_error = Some(error).filter(|error| error.is_finite());
    if clusters.len() as u64 >= rules.drives_min {
        let ends = interval(clusters, alpha, rules.resamples, seed);
        comparison.worsening_low = ends.map(|(low, _)| low);
        comparison.worsening_high = ends.map(|(_, high)| high);
        let worst_drive = DriveBound::of_means(clusters).upper(alpha);
        let student = student_interval(clusters, alpha);
        comparison.bound = ends
            .zip(student)
            .map(|((_, bootstrap), (_, student))| bootstrap.max(student).max(worst_drive));
    }
    if let Some(margin) = comparison.margin {
        comparison.no_worse = Some(comparison.bound.is_some_and(|bound| bound < margin));
    }
}

fn tested(comparison: &mut Comparison, flips: Flips) {
    comparison.test = Some(flips.method.as_str());
    comparison.p_value = Some(flips.both);
    comparison.p_worse = Some(flips.above);
    comparison.p_better = Some(flips.below);
}
