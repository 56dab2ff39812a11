//! The slices to mend next, most urgent first, each with SQL that finds more of it.

use std::cmp::Ordering;

use driveloop_lake::sql_literal;
use driveloop_schemas::{EGO_CATEGORY, FailureSlice, SliceMetric};

use crate::compare::Change;
use crate::metrics::Metric;
use crate::slices::{ALL, DISTANCES_M, SYNTHETIC};

/// Most rows of reason `worst`: what a round can search for and mend.
pub const WORST_MAX: usize = 5;

/// The rows of `failure_slice` for the figures of one evaluation.
///
/// * `regressed`: the model is worse than the baseline after correction for all slices and metrics; most urgent first by the difference
///   relative to the baseline, discomfort after everything else.
/// * `worst`: the slices whose `fde_m` or `miss` is highest relative to that of `all`, and higher; [`WORST_MAX`] of them.
///
/// Regressions come before the worst slices: what was better before is mended first. Slices of composed drives are passed over: what
/// was made up says nothing of what is to be collected.
#[must_use]
pub fn failure_slices(slices: &[SliceMetric]) -> Vec<FailureSlice> {
    let slices: Vec<&SliceMetric> = slices
        .iter()
        .filter(|row| row.source != SYNTHETIC)
        .collect();
    let mut regressed: Vec<_> = slices
        .iter()
        .filter(|row| Change::of(row) == Some(Change::Worse))
        .map(|row| (relative_difference(row), *row))
        .collect();
    regressed.sort_by(urgency);
    let mut worst: Vec<_> = slices
        .iter()
        .filter(|row| {
            !regressed
                .iter()
                .any(|(_, other)| other.slice == row.slice && other.metric == row.metric)
        })
        .filter_map(|row| Some((ratio_to_all(row, &slices)?, *row)))
        .collect();
    worst.sort_by(urgency);
    worst.truncate(WORST_MAX);
    let regressed = regressed.into_iter().map(|(_, row)| ("regressed", row));
    let worst = worst.into_iter().map(|(_, row)| ("worst", row));
    (1..)
        .zip(regressed.chain(worst))
        .map(|(rank, (reason, row))| failure_slice(row, reason, rank))
        .collect()
}

/// Discomfort last, larger first; where equal, by name.
fn urgency(a: &(f64, &SliceMetric), b: &(f64, &SliceMetric)) -> Ordering {
    let is_last = |row: &SliceMetric| row.metric == Metric::Discomfort.as_str();
    let name = |row: &SliceMetric| (row.slice.clone(), row.metric.clone());
    is_last(a.1)
        .cmp(&is_last(b.1))
        .then_with(|| b.0.total_cmp(&a.0))
        .then_with(|| name(a.1).cmp(&name(b.1)))
}

/// The difference in units of the baseline's value. Where that is next to nothing it counts as 10 cm, or as one sample in a hundred,
/// so that a first failure in a thousand samples does not come before everything.
fn relative_difference(row: &SliceMetric) -> f64 {
    let is_length = row.metric.ends_with("_m");
    let least = if is_length { 0.1 } else { 0.01 };
    row.difference / row.baseline_value.max(least)
}

/// How much worse the slice is than everything; `None` where it is not, or is not ranked.
fn ratio_to_all(row: &SliceMetric, slices: &[&SliceMetric]) -> Option<f64> {
    let ranked = [Metric::Fde.as_str(), Metric::Miss.as_str()].contains(&row.metric.as_str());
    let all = slices
        .iter()
        .find(|other| other.slice == ALL && other.metric == row.metric)?;
    let ratio = row.value / all.value;
    (ranked && row.slice != ALL && ratio > 1.0).then_some(ratio)
}

fn failure_slice(row: &SliceMetric, reason: &str, rank: i32) -> FailureSlice {
    FailureSlice {
        model_id: row.model_id.clone(),
        dataset: row.dataset.clone(),
        slice: row.slice.clone(),
        metric: row.metric.clone(),
        reason: reason.into(),
        value: row.value,
        difference: row.difference,
        samples: row.samples,
        rank,
        scenario: row.slice.strip_prefix("scenario=").map(str::to_owned),
        search_sql: search_sql(&row.slice, &row.dataset),
        split: row.split.clone(),
    }
}

/// SQL that finds more of the slice in drives that the dataset does not have, the best first.
pub(crate) fn search_sql(slice: &str, dataset: &str) -> String {
    let unseen = format!(
        "log_id NOT IN (SELECT log_id FROM with_composed.sample WHERE dataset = {})",
        sql_literal(dataset)
    );
    let tracks = |condition: &str| {
        format!(
            "SELECT log_id, count(DISTINCT track_id) AS tracks, count(*) AS boxes, min(stamp_ns) AS first_ns, \
             max(stamp_ns) AS last_ns FROM object_track WHERE {condition} AND {unseen} \
             GROUP BY log_id ORDER BY tracks DESC, boxes DESC, log_id"
        )
    };
    match slice.split_once('=') {
        Some(("scenario", scenario)) => format!(
            "SELECT * FROM episode WHERE scenario = {} AND {unseen} ORDER BY score DESC, log_id, start_ns, episode_id",
            sql_literal(scenario)
        ),
        Some(("category", category)) => tracks(&format!("category = {}", sql_literal(category))),
        Some(("distance", distance)) => tracks(&distance_condition(distance)),
        Some(("source", "synthetic")) => {
            format!("SELECT * FROM with_composed.drive WHERE composed AND {unseen} ORDER BY log_id")
        }
        _ => format!("SELECT * FROM drive WHERE {unseen} ORDER BY log_id"),
    }
}

fn distance_condition(distance: &str) -> String {
    let squared = "ego_x_m * ego_x_m + ego_y_m * ego_y_m";
    let (from_m, below_m) = DISTANCES_M
        .iter()
        .find(|(name, ..)| *name == distance)
        .map_or((0.0, f64::INFINITY), |(_, from_m, below_m)| {
            (*from_m, *below_m)
        });
    let mut condition = format!(
        "category <> {} AND {squared} >= {:.1}",
        sql_literal(EGO_CATEGORY),
        from_m * from_m
    );
    if below_m.is_finite() {
        let below = format!(" AND {squared} < {:.1}", below_m * below_m);
        condition.push_str(&below);
    }
    condition
}

#[cfg(test)]
mod tests {
    use super::*;
    use Change::{Better, TooFewDrives, Unclear, Worse};

    fn row(slice: &str, metric: Metric, value: f64, baseline: f64, change: Change) -> SliceMetric {
        SliceMetric {
            model_id: "m".into(),
            dataset: "d".into(),
            baseline_id: "b".into(),
            slice: slice.into(),
            metric: metric.as_str().into(),
            value,
            low: None,
            high: None,
            baseline_value: baseline,
            difference: value - baseline,
            difference_low: None,
            difference_high: None,
            samples: 50,
            drives: 3,
            split: "validation".into(),
            source: "real".into(),
            split_samples: Some(50),
            model_samples: Some(50),
            baseline_samples: Some(50),
            p_worse: None,
            p_better: None,
            change: change.as_str().into(),
        }
    }

    fn ranked(rows: &[SliceMetric]) -> Vec<(i32, String, String)> {
        failure_slices(rows)
            .into_iter()
            .map(|f| (f.rank, f.slice, f.reason))
            .collect()
    }

    #[test]
    fn a_regression_is_what_is_worse_after_correction() {
        let mut composed = row("composed/scenario=cut_in", Metric::Ade, 9.0, 1.0, Worse);
        composed.source = SYNTHETIC.into();
        let rows = [
            row(ALL, Metric::Ade, 1.0, 1.0, Unclear),
            row("category=BUS", Metric::Ade, 1.2, 1.0, Unclear),
            row("category=PEDESTRIAN", Metric::Ade, 1.1, 1.0, Worse),
            row("scenario=cut_in", Metric::Ade, 1.5, 1.0, Worse),
            row("distance=0-20m", Metric::Ade, 9.0, 1.0, TooFewDrives),
            row("distance=50m+", Metric::Ade, 0.1, 1.0, Better),
            composed,
        ];
        let regressed = |rank, slice: &str| (rank, slice.to_owned(), "regressed".to_owned());
        assert_eq!(
            ranked(&rows),
            [
                regressed(1, "scenario=cut_in"),
                regressed(2, "category=PEDESTRIAN")
            ]
        );
        let failures = failure_slices(&rows);
        assert_eq!(failures[0].scenario.as_deref(), Some("cut_in"));
        assert_eq!(failures[1].scenario, None);
        assert_eq!(failures[0].split, "validation");
    }

    #[test]
    fn the_worst_are_ranked_relative_to_everything() {
        let none = TooFewDrives;
        let mut composed = row("composed/scenario=cut_in", Metric::Fde, 9.0, 2.0, none);
        composed.source = SYNTHETIC.into();
        let mut rows = vec![
            row(ALL, Metric::Fde, 2.0, 2.0, none),
            row(ALL, Metric::Miss, 0.1, 0.1, none),
            row("category=BUS", Metric::Fde, 3.0, 2.0, none), // 1.5 times
            row("category=BUS", Metric::Miss, 0.3, 0.1, none), // 3 times
            row("category=DOG", Metric::Fde, 2.0, 2.0, none), // as all
            row("category=DOG", Metric::Collision, 1.0, 1.0, none), // not ranked
            composed,
        ];
        let worst = |rank, slice: &str| (rank, slice.to_owned(), "worst".to_owned());
        assert_eq!(
            ranked(&rows),
            [worst(1, "category=BUS"), worst(2, "category=BUS")]
        );
        assert_eq!(failure_slices(&rows)[0].metric, "miss");
        rows.extend((0..9).map(|i| row(&format!("scenario=s{i}"), Metric::Fde, 5.0, 2.0, none)));
        assert_eq!(ranked(&rows).len(), WORST_MAX);
    }

    #[test]
    fn a_regression_from_nothing_is_urgent_where_it_is_large() {
        let first = |collision: f64| {
            let rows = [
                row("category=BUS", Metric::Ade, 9.0, 1.0, Worse),
                row("category=CAT", Metric::Discomfort, 1.0, 0.0, Worse),
                row("category=DOG", Metric::Collision, collision, 0.0, Worse),
            ];
            let ranked = ranked(&rows);
            assert_eq!(ranked[2].1, "category=CAT", "discomfort comes last");
            ranked[0].1.clone()
        };
        assert_eq!(first(0.1), "category=DOG");
        assert_eq!(first(0.02), "category=BUS");
    }
}
