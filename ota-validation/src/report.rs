//! The report: one HTML file that needs nothing else.

use std::collections::BTreeMap;

use driveloop_statistics::p_equals;
use minijinja::{Environment, Value, context};

use crate::error::{Error, Result};
use crate::evidence::Evidence;
use crate::paired::{ALL, Paired, Units};
use crate::plots::{self, Axis, BarRow, ForestRow};
use crate::reasons::{change_text, count_text, worsening_text};
use crate::rules::Kind;
use crate::scene_view::SceneView;
use crate::update_record::UpdateRecord;
use crate::verdict::{Comparison, Decision, Finding, NewlyFailing, Reason, ReasonKind};

/// The name ends in `.html`, which turns escaping on.
const TEMPLATE: &str = "report.html";
/// Rows of a forest plot; those furthest from zero are kept.
const FOREST_ROWS_MAX: usize = 40;
/// Points of a scatter plot; those furthest from no change are kept.
const SCATTER_POINTS_MAX: usize = 1_000;
/// Newly failing scenes in the report; the evidence holds more.
const SCENES_MAX: usize = 50;

/// The axis of a difference of failing shares.
const SHARES: Axis = Axis {
    title: "change of the failing share, percentage points",
    scale: 100.0,
};
/// The axis of a difference of means.
const MEANS: Axis = Axis {
    title: "worsening of the mean, in the metric's unit",
    scale: 1.0,
};

/// Renders the report.
pub(crate) fn render(
    paired: &Paired,
    views: &BTreeMap<String, SceneView>,
    evidence: &Evidence,
    verdict_id: &str,
    evidence_digest: &str,
) -> Result<String> {
    let verdict = &evidence.verdict;
    let mut environment = Environment::new();
    let failed = |error: minijinja::Error| Error::Render {
        part: "template",
        message: format!("{error:#}"),
    };
    environment
        .add_template(TEMPLATE, include_str!("templates/report.html"))
        .map_err(failed)?;
    let template = environment.get_template(TEMPLATE).map_err(failed)?;
    let rows = |wanted: fn(&Comparison) -> bool| -> Vec<Value> {
        let mut rows: Vec<&Comparison> = verdict.comparisons.iter().filter(|c| wanted(c)).collect();
        // Stable: what got worse first, then what is safety-critical, else as it was.
        rows.sort_by_key(|c| (c.finding != Finding::Worse, !c.safety_critical));
        rows.into_iter().map(table_row).collect()
    };
    let total = rows(|comparison| comparison.slice == ALL);
    let sliced = rows(|comparison| comparison.slice != ALL);
    let shown = verdict.newly_failing.len().min(SCENES_MAX);
    template
        .render(context! {
            decision => verdict.decision.as_str(),
            meaning => meaning(verdict.decision),
            mark => match verdict.decision { Decision::Pass => "✓", Decision::Block => "✕", Decision::Inconclusive => "?" },
            evidence => Value::from_serialize(evidence),
            verdict_id,
            evidence_digest,
            un_r156 => update_record(&evidence.un_r156),
            scenes => count_text(verdict.scenes),
            drives => count_text(verdict.drives),
            independent => paired.units() == Units::ScenesAssumedIndependent,
            interval_percent => format!("{:.0}", 100.0 * (1.0 - 2.0 * evidence.rules.noninferiority_alpha)),
            reasons => verdict.reasons.iter().map(reason).collect::<Vec<_>>(),
            total,
            sliced,
            plots => plots(paired, evidence)?,
            newly_failing => scenes(&verdict.newly_failing[..shown], views)?,
            newly_failing_shown => shown,
            newly_failing_count => count_text(verdict.newly_failing_count),
        })
        .map_err(failed)
}

fn meaning(decision: Decision) -> &'static str {
    match decision {
        Decision::Pass => {
            "Every safety-critical metric was shown to be no worse than its margin, no slice looks worse than that by more \
             than chance, and nothing got significantly worse."
        }
        Decision::Block => {
            "Something that must not get worse did, or a veto holds. The release must not go out."
        }
        Decision::Inconclusive => {
            "Neither that it is safe nor that it is worse was shown. The release does not go out; \
             the reasons say what would decide."
        }
    }
}

fn reason(reason: &Reason) -> Value {
    let label = match reason.kind {
        ReasonKind::Baseline => "Baseline",
        ReasonKind::UnfitBaseline => "No release's baseline",
        ReasonKind::Veto => "Veto",
        ReasonKind::Worse => "Worse",
        ReasonKind::Unanswered => "Unanswered",
        ReasonKind::NotShown => "Not shown",
        ReasonKind::Review => "To be weighed",
        ReasonKind::Assumed => "Assumed",
        ReasonKind::NoWorse => "No worse",
        ReasonKind::Reported => "Worse, reported",
        ReasonKind::Better => "Better",
        ReasonKind::Mean => "Mean",
        ReasonKind::Reading => "Read",
        ReasonKind::Note => "Note",
    };
    let decisive = reason.kind.forces().is_some();
    context! { label, decisive, text => reason.text }
}

fn update_record(record: &UpdateRecord) -> Vec<Value> {
    let fields = record.fields().into_iter();
    fields
        .map(|(name, value)| context! { name => name.replace('_', " "), value })
        .collect()
}

fn finding_text(finding: Finding) -> &'static str {
    match finding {
        Finding::Worse => "■ worse",
        Finding::Better => "○ better",
        Finding::NoDifference => "• no difference seen",
        Finding::TooFew => "too few scenes",
    }
}

fn table_row(comparison: &Comparison) -> Value {
    let interval = comparison
        .worsening_low
        .zip(comparison.worsening_high)
        .map(|(low, high)| {
            let low = worsening_text(comparison, low);
            let high = worsening_text(comparison, high);
            format!("{} to {high}", low.trim_end_matches(" points"))
        });
    let margin = comparison.margin.map(|margin| {
        let verdict = if comparison.no_worse == Some(true) {
            "shown"
        } else {
            "not shown"
        };
        let text = |value: f64| worsening_text(comparison, value);
        let bound = comparison
            .bound
            .map(|bound| format!(" (at most {})", text(bound)));
        let margin = text(margin);
        format!(
            "{}: {verdict}{}",
            margin.trim_start_matches('+'),
            bound.unwrap_or_default()
        )
    });
    let p_text = |p_value: f64| p_equals(p_value).trim_start_matches("= ").to_owned();
    context! {
        metric => comparison.metric,
        slice => comparison.slice,
        critical => comparison.safety_critical,
        worse => comparison.finding == Finding::Worse,
        change => change_text(comparison),
        worsening => worsening_text(comparison, comparison.worsening),
        interval => interval.unwrap_or_else(|| "too few drives".to_owned()),
        p_value => comparison.p_value.map_or_else(|| "–".to_owned(), p_text),
        q_value => comparison.q_value.map_or_else(|| "–".to_owned(), p_text),
        margin => margin.unwrap_or_else(|| "–".to_owned()),
        drives => count_text(comparison.drives),
        finding => finding_text(comparison.finding),
    }
}

fn scenes(scenes: &[NewlyFailing], views: &BTreeMap<String, SceneView>) -> Result<Vec<Value>> {
    let drawn = |scene: &NewlyFailing| {
        let picture = views.get(&scene.key).map(plots::from_above).transpose()?;
        Ok(self::scene(scene, picture))
    };
    scenes.iter().map(drawn).collect()
}

fn scene(scene: &NewlyFailing, picture: Option<String>) -> Value {
    let number = |value: f64| {
        let text = format!("{value:.3}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    let changes: Vec<String> = scene
        .look_at
        .iter()
        .map(|change| {
            format!(
                "{} {} → {}",
                change.metric,
                number(change.baseline),
                number(change.candidate)
            )
        })
        .collect();
    context! {
        key => scene.key,
        drive => (scene.drive != scene.key).then_some(&scene.drive),
        slices => scene.slices.join(", "),
        metrics => scene.metrics.join(", "),
        changes => changes.join("; "),
        picture,
    }
}

fn plots(paired: &Paired, evidence: &Evidence) -> Result<Vec<Value>> {
    let comparisons = &evidence.verdict.comparisons;
    let mut plots = Vec::new();
    let mut push = |title: String, caption: &str, svg: String| {
        plots.push(context! { title, caption, svg });
    };
    let key = "Line: interval, not corrected for the number of tests. Filled square: significantly worse. Open circle: significantly better. \
               Dot: no difference seen. Dashed tick: margin.";
    let shares = |c: &&Comparison| c.kind == Kind::PassFail && c.scenes > 0;
    let total: Vec<&Comparison> = comparisons
        .iter()
        .filter(shares)
        .filter(|c| c.slice == ALL)
        .collect();
    if !total.is_empty() {
        let rows = forest_rows(&total, |c| c.metric.clone());
        push(
            "Failing scenes, all scenes".to_owned(),
            key,
            plots::forest(&rows, SHARES)?,
        );
        let bars: Vec<BarRow> = total.iter().filter_map(|c| bar(c)).collect();
        let caption = "Scenes on which the two disagree. Only these carry information.";
        push(
            "Newly failing and mended scenes".to_owned(),
            caption,
            plots::discordant_bars(&bars)?,
        );
    }
    let mut sliced: BTreeMap<&str, Vec<&Comparison>> = BTreeMap::new();
    for comparison in comparisons {
        if comparison.worsening_high.is_some() && comparison.p_value.is_some() {
            sliced
                .entry(&comparison.metric)
                .or_default()
                .push(comparison);
        }
    }
    // Without slices a pass/fail metric is in the first plot already.
    sliced.retain(|_, list| list.len() > 1 || list.iter().any(|c| c.kind == Kind::Continuous));
    for (metric, comparisons) in sliced {
        let rows = forest_rows(&comparisons, |c| c.slice.clone());
        let by_slice = if comparisons.len() > 1 {
            " by slice"
        } else {
            ""
        };
        let shares = comparisons.iter().any(|c| c.kind == Kind::PassFail);
        let axis = if shares { SHARES } else { MEANS };
        push(
            format!("{metric}{by_slice}"),
            key,
            plots::forest(&rows, axis)?,
        );
    }
    for metric in evidence.rules.rank_by.iter().take(1) {
        if let Some(points) = scatter_points(paired, metric) {
            let caption = "One ring per scene, baseline against candidate; on the line nothing changed. \
                           Where there are many scenes, those that changed the most are shown.";
            push(
                format!("{metric}, before and after"),
                caption,
                plots::scatter(&points, metric)?,
            );
        }
    }
    Ok(plots)
}

fn bar(comparison: &Comparison) -> Option<BarRow> {
    let failing = comparison.failing?;
    Some(BarRow {
        label: comparison.metric.clone(),
        new: failing.new,
        mended: failing.mended,
    })
}

fn forest_rows(
    comparisons: &[&Comparison],
    label: impl Fn(&Comparison) -> String,
) -> Vec<ForestRow> {
    let mut kept: Vec<(usize, &Comparison)> = comparisons.iter().copied().enumerate().collect();
    kept.sort_by(|a, b| b.1.worsening.abs().total_cmp(&a.1.worsening.abs()));
    kept.truncate(FOREST_ROWS_MAX);
    kept.sort_by_key(|(at, _)| *at);
    let rows = kept.into_iter().filter_map(|(_, comparison)| {
        let (low, high) = comparison.worsening_low.zip(comparison.worsening_high)?;
        let word = match comparison.finding {
            Finding::Worse => "WORSE ",
            Finding::Better => "better ",
            Finding::NoDifference | Finding::TooFew => "",
        };
        Some(ForestRow {
            label: label(comparison),
            low,
            middle: comparison.worsening,
            high,
            margin: comparison.margin,
            finding: comparison.finding,
            text: format!("{word}{}", worsening_text(comparison, comparison.worsening)),
        })
    });
    rows.collect()
}

fn scatter_points(paired: &Paired, metric: &str) -> Option<Vec<(f64, f64)>> {
    let metric = paired
        .metrics()
        .iter()
        .find(|candidate| candidate.name == metric)?;
    let pairs = metric.baseline.iter().zip(&metric.candidate);
    let mut points: Vec<(f64, f64)> = pairs.filter_map(|(x, y)| x.zip(*y)).collect();
    points.sort_by(|a, b| (b.0 - b.1).abs().total_cmp(&(a.0 - a.1).abs()));
    points.truncate(SCATTER_POINTS_MAX);
    (!points.is_empty()).then_some(points)
}
