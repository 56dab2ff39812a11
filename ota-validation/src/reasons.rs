//! Reasons in words and numbers.

use driveloop_statistics::p_equals;

use crate::paired::{ALL, Paired};
use crate::rules::{Rules, Veto};
use crate::verdict::{Assumed, Comparison, Finding, Needed, Reason, ReasonKind, Shortfall};

/// A count with thousands separated: `12,146`.
pub(crate) fn count_text(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A worsening in the unit that people read: percentage points of a share, else the metric's own unit.
pub(crate) fn worsening_text(comparison: &Comparison, worsening: f64) -> String {
    match comparison.failing {
        Some(_) => format!("{:+.2} points", 100.0 * worsening),
        None => format!("{worsening:+.4}"),
    }
}

fn margin_text(comparison: &Comparison, margin: f64) -> String {
    match comparison.failing {
        Some(_) => format!("{} points", 100.0 * margin),
        None => margin.to_string(),
    }
}

fn on_slice(slice: &str) -> String {
    if slice == ALL {
        "all scenes".to_owned()
    } else {
        format!("slice {slice}")
    }
}

fn about(comparison: &Comparison, kind: ReasonKind, text: String) -> Reason {
    Reason {
        kind,
        metric: Some(comparison.metric.clone()),
        slice: Some(comparison.slice.clone()),
        text,
        shortfall: None,
    }
}

/// Before and after, in numbers.
pub(crate) fn change_text(comparison: &Comparison) -> String {
    let scenes = count_text(comparison.scenes);
    match comparison.failing {
        Some(failing) => format!(
            "failing scenes {} → {} of {scenes} ({} new, {} mended)",
            count_text(failing.baseline),
            count_text(failing.candidate),
            count_text(failing.new),
            count_text(failing.mended),
        ),
        None => format!(
            "mean {:.4} → {:.4} over {scenes} scenes",
            comparison.baseline_mean, comparison.candidate_mean
        ),
    }
}

pub(crate) fn significant(comparison: &Comparison, kind: ReasonKind) -> Reason {
    let (metric, slice) = (&comparison.metric, on_slice(&comparison.slice));
    let word = match kind {
        ReasonKind::Better => "significantly better",
        ReasonKind::Review => "significantly worse, to be weighed by a person",
        _ => "significantly worse",
    };
    let critical = if comparison.safety_critical {
        "safety-critical, "
    } else {
        ""
    };
    let change = change_text(comparison);
    let test = test_text(comparison);
    let text = format!("{metric} ({critical}{slice}) is {word}: {change}; {test}");
    about(comparison, kind, text)
}

/// The test with its p-values: two-sided, one-sided, and adjusted for the family of tests.
fn test_text(comparison: &Comparison) -> String {
    let test = comparison.test.unwrap_or("not tested");
    let p_text = |p_value: Option<f64>| p_value.map(p_equals).unwrap_or_default();
    let one_sided = if comparison.worsening < 0.0 {
        comparison.p_better
    } else {
        comparison.p_worse
    };
    let adjusted = comparison.family.map(|family| {
        let (procedure, tests) = family.of.words();
        format!(
            ", adjusted for {} {tests} ({procedure}) p {}",
            count_text(family.tests),
            p_text(comparison.q_value)
        )
    });
    format!(
        "{test} p {}, one-sided p {}{}",
        p_text(comparison.p_value),
        p_text(one_sided),
        adjusted.unwrap_or_default()
    )
}

pub(crate) fn no_worse(comparison: &Comparison, margin: f64) -> Reason {
    let bound = comparison.bound.unwrap_or(margin);
    let text = format!(
        "{} ({}) is no worse than its margin: {}; worsening at most {}, margin {}",
        comparison.metric,
        on_slice(&comparison.slice),
        change_text(comparison),
        worsening_text(comparison, bound),
        margin_text(comparison, margin),
    );
    about(comparison, ReasonKind::NoWorse, text)
}

pub(crate) fn not_shown(comparison: &Comparison, margin: f64, rules: &Rules) -> Reason {
    let text = format!(
        "{} (safety-critical, {}) is not shown to be no worse than its margin of {}: {}; {}; {}.{}",
        comparison.metric,
        on_slice(&comparison.slice),
        margin_text(comparison, margin),
        change_text(comparison),
        bound_text(comparison, margin, rules),
        more_text(comparison, rules),
        clustered_text(comparison),
    );
    Reason {
        shortfall: shortfall(comparison),
        ..about(comparison, ReasonKind::NotShown, text)
    }
}

/// How far the numbers at hand reach.
fn bound_text(comparison: &Comparison, margin: f64, rules: &Rules) -> String {
    let drives = count_text(comparison.drives);
    let Some(bound) = comparison.bound else {
        let min = rules.drives_min;
        return format!("{drives} drives give no interval, {min} would");
    };
    if comparison.slice != ALL {
        return format!("it looks worse there: {}", test_text(comparison));
    }
    let reach = worsening_text(comparison, bound);
    if bound < margin {
        format!(
            "its worsening ends at {reach}, but a drive that is bad for it may not be among {drives} drives"
        )
    } else if comparison.finding == Finding::Better {
        format!(
            "it is significantly better, but with a drive that is bad for it and not among these {drives} it may be worse \
             by {reach}"
        )
    } else {
        format!("it may be worse by {reach}")
    }
}

fn clustered_text(comparison: &Comparison) -> String {
    if comparison.drives == comparison.scenes {
        return String::new();
    }
    format!(
        " Scenes of one drive are not independent: {} scenes come from {} {}.",
        count_text(comparison.scenes),
        count_text(comparison.drives),
        if comparison.drives == 1 {
            "drive"
        } else {
            "drives"
        },
    )
}

/// What more data would do, and what the counts take for the truth.
fn more_text(comparison: &Comparison, rules: &Rules) -> String {
    let power = format!("{:.0} %", 100.0 * rules.power);
    let count = |needed: Option<Needed>| {
        let Some(needed) = needed else {
            return format!("more than {} scenes", count_text(Needed::COUNT_MAX));
        };
        let scenes = count_text(further(needed.scenes, comparison.scenes));
        let drives = count_text(further(needed.drives, comparison.drives));
        if comparison.drives == comparison.scenes {
            format!("about {scenes} more scenes")
        } else {
            format!("about {scenes} more scenes from about {drives} more drives")
        }
    };
    let decide = count(comparison.needed);
    let seen = comparison
        .needed
        .is_some_and(|needed| needed.assumes == Assumed::SeenEffect);
    if seen || comparison.needed.is_none() && comparison.needed_if_alike != comparison.needed {
        let alike = count(comparison.needed_if_alike);
        return format!(
            "it looks worse: {decide} would show that with {power} chance if it is as bad as it looks, and {alike} that it \
             is no worse if there is in truth no difference"
        );
    }
    format!("{decide} would decide it with {power} chance")
}

/// What is missing until the needed scenes are there. Where the plan is met and the metric still is not decided, the
/// truth lies near the margin: as many scenes again are asked for.
fn shortfall(comparison: &Comparison) -> Option<Shortfall> {
    let needed = comparison.needed?;
    Some(Shortfall {
        metric: comparison.metric.clone(),
        slice: comparison.slice.clone(),
        scenes: comparison.scenes,
        more_scenes: further(needed.scenes, comparison.scenes),
        drives: comparison.drives,
        more_drives: further(needed.drives, comparison.drives),
    })
}

fn further(needed: u64, have: u64) -> u64 {
    if needed > have { needed - have } else { have }
}

/// What nobody said of the scenes, and what follows.
pub(crate) fn independence(paired: &Paired) -> Reason {
    let scenes = count_text(paired.scenes().len() as u64);
    Reason {
        kind: ReasonKind::Assumed,
        metric: None,
        slice: None,
        text: format!(
            "the p-values and intervals assume that the {scenes} scenes are independent, because no column says which \
             drive or log a scene is of. Where several scenes come from one log the p-values are too small: name the \
             column of the drive or log (`drive` under `[columns]` of the rules, or in the file for `--columns`)"
        ),
        shortfall: None,
    }
}

/// What only the candidate's file says of the scenes.
pub(crate) fn drives_by_candidate(paired: &Paired) -> Reason {
    let drives = count_text(paired.drives() as u64);
    Reason {
        kind: ReasonKind::Assumed,
        metric: None,
        slice: None,
        text: format!(
            "the p-values and intervals assume the {drives} drives that the candidate's file names: the baseline's has no such column, \
             so that nothing shows that scenes of different drives there are independent"
        ),
        shortfall: None,
    }
}

/// Scenes and metrics that the candidate leaves out, and safety-critical metrics that nobody scored.
pub(crate) fn unanswered(
    paired: &Paired,
    comparisons: &[Comparison],
    rules: &Rules,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut push = |metric: Option<&str>, text: String| {
        let kind = ReasonKind::Unanswered;
        let (metric, slice) = (metric.map(str::to_owned), None);
        reasons.push(Reason {
            kind,
            metric,
            slice,
            text,
            shortfall: None,
        });
    };
    let percent = 100.0 * rules.unanswered_share_max;
    let missing = paired.unanswered();
    let asked = paired.scenes().len() + missing.len();
    if missing.len() as f64 > rules.unanswered_share_max * asked as f64 {
        push(
            None,
            format!(
                "the candidate leaves {} of the baseline's {} scenes unanswered ({percent} % may be), \
                 for example {}: score it on them",
                count_text(missing.len() as u64),
                count_text(asked as u64),
                missing.first().map_or("", String::as_str),
            ),
        );
    }
    for comparison in comparisons
        .iter()
        .filter(|c| c.slice == ALL && c.safety_critical)
    {
        let asked = comparison.scenes + comparison.unanswered;
        if comparison.unanswered as f64 > rules.unanswered_share_max * asked as f64 {
            push(
                Some(&comparison.metric),
                format!(
                    "{} (safety-critical) has no value of the candidate on {} of {} scenes ({percent} % may lack one)",
                    comparison.metric,
                    count_text(comparison.unanswered),
                    count_text(asked),
                ),
            );
        }
    }
    for (metric, _) in rules.metric.iter().filter(|(_, rule)| rule.safety_critical) {
        if !comparisons
            .iter()
            .any(|comparison| comparison.metric == *metric)
        {
            push(
                Some(metric),
                format!("{metric} is safety-critical by the rules, and was not scored"),
            );
        }
    }
    reasons
}

/// The mean of a metric, for orientation.
pub(crate) fn mean(comparison: &Comparison) -> Reason {
    let text = format!(
        "{} (all scenes) shows no significant difference: {}",
        comparison.metric,
        change_text(comparison)
    );
    about(comparison, ReasonKind::Mean, text)
}

pub(crate) fn nothing_safety_critical() -> Reason {
    Reason {
        kind: ReasonKind::NotShown,
        metric: None,
        slice: None,
        text: "no metric that was scored is safety-critical by the rules, so nothing shows that the candidate is \
               safe: name one in a rules file (`safety_critical = true` and a `margin`)"
            .to_owned(),
        shortfall: None,
    }
}

pub(crate) fn veto(veto: &Veto, limit: String) -> Reason {
    Reason {
        kind: ReasonKind::Veto,
        metric: Some(veto.metric.clone()),
        slice: Some(veto.slice.clone()),
        text: format!(
            "veto on {} ({}): {limit}",
            veto.metric,
            on_slice(&veto.slice)
        ),
        shortfall: None,
    }
}

pub(crate) fn veto_without_data(veto: &Veto) -> Reason {
    Reason {
        kind: ReasonKind::Unanswered,
        metric: Some(veto.metric.clone()),
        slice: Some(veto.slice.clone()),
        text: format!(
            "the veto on {} ({}) cannot be judged: no scene was scored",
            veto.metric,
            on_slice(&veto.slice)
        ),
        shortfall: None,
    }
}
