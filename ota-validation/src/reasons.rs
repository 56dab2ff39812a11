//! Reasons in words and numbers.

use crate::paired::{ALL, Paired};
use crate::rules::{Rules, Veto};
use crate::verdict::{Comparison, Reason, ReasonKind, Shortfall};

/// A p-value as people write it: `8.2e-9`, `0.57`.
pub(crate) fn p_text(p_value: f64) -> String {
    if p_value < 1e-3 {
        format!("{p_value:.1e}")
    } else {
        format!("{p_value:.2}")
    }
}

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
    let test = comparison.test.unwrap_or("not tested");
    let p_value = comparison.p_value.map(p_text).unwrap_or_default();
    let q_value = comparison.q_value.map(p_text).unwrap_or_default();
    let change = change_text(comparison);
    let text = format!(
        "{metric} ({critical}{slice}) is {word}: {change}; {test} p = {p_value}, adjusted for all tests {q_value}"
    );
    about(comparison, kind, text)
}

pub(crate) fn no_worse(comparison: &Comparison, margin: f64) -> Reason {
    let shown = match comparison.worsening_high {
        Some(high) if high < margin => {
            format!("worsening at most {}", worsening_text(comparison, high))
        }
        _ => "it is significantly better".to_owned(),
    };
    let text = format!(
        "{} ({}) is no worse than its margin: {}; {shown}, margin {}",
        comparison.metric,
        on_slice(&comparison.slice),
        change_text(comparison),
        margin_text(comparison, margin),
    );
    about(comparison, ReasonKind::NoWorse, text)
}

pub(crate) fn not_shown(comparison: &Comparison, margin: f64, rules: &Rules) -> Reason {
    let bound = if let Some(high) = comparison.worsening_high.filter(|high| *high >= margin) {
        format!("it may be worse by {}", worsening_text(comparison, high))
    } else if comparison.worsening_high.is_some() {
        let drives = count_text(comparison.drives);
        format!(
            "its interval ends below, but a drive that is bad for it may not be among {drives} drives"
        )
    } else {
        let (drives, min) = (comparison.drives, rules.drives_min);
        format!("{drives} drives give no interval, {min} would")
    };
    let shortfall = shortfall(comparison);
    let more = shortfall.as_ref().map_or_else(String::new, |shortfall| {
        let (scenes, drives) = (
            count_text(shortfall.more_scenes),
            count_text(shortfall.more_drives),
        );
        let power = 100.0 * rules.power;
        let drives = if comparison.drives == comparison.scenes {
            String::new()
        } else {
            format!(" from about {drives} more drives")
        };
        format!("; about {scenes} more scenes{drives} would decide it with {power:.0} % chance")
    });
    let clustered = if comparison.drives < comparison.scenes {
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
    } else {
        String::new()
    };
    let text = format!(
        "{} (safety-critical, {}) is not shown to be no worse than its margin of {}: {}; {bound}{more}.{clustered}",
        comparison.metric,
        on_slice(&comparison.slice),
        margin_text(comparison, margin),
        change_text(comparison),
    );
    Reason {
        shortfall,
        ..about(comparison, ReasonKind::NotShown, text)
    }
}

/// What is missing until the needed scenes are there. Where the plan is met and the metric still is not decided, the
/// truth lies near the margin: as many scenes again are asked for.
fn shortfall(comparison: &Comparison) -> Option<Shortfall> {
    let needed = comparison.needed?;
    let more = |needed: u64, have: u64| if needed > have { needed - have } else { have };
    Some(Shortfall {
        metric: comparison.metric.clone(),
        slice: comparison.slice.clone(),
        scenes: comparison.scenes,
        more_scenes: more(needed.scenes, comparison.scenes),
        drives: comparison.drives,
        more_drives: more(needed.drives, comparison.drives),
    })
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
