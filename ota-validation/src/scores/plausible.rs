//! Values that no metric can have: beyond 0 to 1 where a scene passes or fails, marks of a value that is missing, and
//! two files in two units.

use std::ops::RangeInclusive;

use super::table::Table;
use super::{shared_metrics, toml_text};
use crate::error::{Error, Result};
use crate::rules::{Direction, Kind, MetricRule, Rules};

/// Scenes with which the units of two files can be compared.
const SCENES_MIN: usize = 10;
/// Share of the scenes whose values have one ratio, where the units differ.
const SAME_RATIO_SHARE: f64 = 0.9;
/// Relative difference up to which ratios are one.
const SAME_RATIO: f64 = 1e-3;
/// Ratio of the medians from which no model is so much better or worse.
const RATIO_MAX: f64 = 50.0;
/// How many times the largest other value a value is that stands for none.
const APART: f64 = 10.0;
/// The same, of a value that does not look like a mark.
const FAR_APART: f64 = 1_000.0;
/// Share of the scenes that pass in one file and fail in the other, from which 1 means one thing in one file and another
/// in the other.
const INVERTED_SHARE: f64 = 0.95;

/// Factors between units: percent, milli, km/h, mph, degrees, minutes, miles, feet, inches and powers of ten.
const FACTORS: [f64; 12] = [
    10.0, 100.0, 1e3, 1e6, 1e9, 3.6, 2.236_936, 57.295_78, 60.0, 1.609_344, 3.280_84, 39.370_08,
];
/// Values that programs write for a value that is missing, besides nines and what is negative among positives.
const MARKS: [f64; 8] = [
    65_535.0,
    32_767.0,
    -32_768.0,
    2_147_483_647.0,
    -2_147_483_648.0,
    4_294_967_295.0,
    1e6,
    1e9,
];

const PASS_FAIL: &str = "a pass/fail value from 0 to 1 (divide a percentage by 100, leave a cell without value empty; in \
                         the file of --columns, a count is `lower_is_better` with a `[range]`, any other number \
                         `continuous`)";
const WITHIN_RANGE: &str = "a value in the range that the file of --columns declares";
const A_VALUE: &str = "a value like the others of the column, and an empty cell where there is none (a `[range]` in \
                       the file of --columns says that it is one)";

/// Refuses what cannot be, with its row and value.
pub(super) fn check(candidate: &Table<'_>, baseline: &Table<'_>, rules: &Rules) -> Result<()> {
    for name in shared_metrics(candidate, baseline) {
        let Some(rule) = rules.metric.get(name) else {
            continue;
        };
        let declared = rules
            .columns
            .range
            .get(name)
            .map(|[low, high]| *low..=*high);
        let is_declared = declared.is_some();
        if let Some((range, expected)) = range(rule, declared) {
            for table in [candidate, baseline] {
                let mut values: Vec<_> = table.values(name).collect();
                values.sort_by_key(|(place, _)| *place);
                let beyond = values.into_iter().find(|(_, value)| !range.contains(value));
                if let Some(cell) = beyond {
                    return Err(table.refused(cell, name, expected));
                }
            }
        } else {
            refuse_marks(name, candidate, baseline)?;
        }
        if !is_declared {
            let pairs = pairs(name, candidate, baseline);
            compare_units(name, rule, &pairs, candidate, baseline)?;
        }
    }
    Ok(())
}

/// The range of a column's values, where there is one.
fn range(
    rule: &MetricRule,
    declared: Option<RangeInclusive<f64>>,
) -> Option<(RangeInclusive<f64>, &'static str)> {
    let has_limit = rule.fails_below.is_some() || rule.fails_above.is_some();
    let is_bounded = rule.kind == Kind::PassFail && !has_limit;
    match (declared, rule.direction) {
        (None, _) | (_, Direction::HigherIsBetter) if is_bounded => Some((0.0..=1.0, PASS_FAIL)),
        (Some(range), _) => Some((range, WITHIN_RANGE)),
        (None, _) => None,
    }
}

/// Refuses a value that stands for none: -1 where all others are positive, 999 where they are small.
fn refuse_marks(name: &str, candidate: &Table<'_>, baseline: &Table<'_>) -> Result<()> {
    let values = || candidate.values(name).chain(baseline.values(name));
    let mut sorted: Vec<f64> = values().map(|(_, value)| value).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.dedup();
    let ends = [sorted.first(), sorted.last()];
    for end in ends.into_iter().flatten() {
        let others: Vec<f64> = sorted
            .iter()
            .copied()
            .filter(|other| other != end)
            .collect();
        if !stands_for_none(*end, &others) {
            continue;
        }
        for table in [candidate, baseline] {
            let cells = table.values(name).filter(|(_, value)| value == end);
            if let Some(cell) = cells.min_by_key(|(place, _)| *place) {
                return Err(table.refused(cell, name, A_VALUE));
            }
        }
    }
    Ok(())
}

/// Whether a value at the end of the others, which are in order, is a mark for a value that is missing.
fn stands_for_none(value: f64, others: &[f64]) -> bool {
    let largest = others
        .iter()
        .fold(0.0_f64, |max, other| max.max(other.abs()));
    let is_only_negative = value < 0.0 && others.first().is_none_or(|other| *other >= 0.0);
    if is_only_negative && (value.abs() == 1.0 || are_nines(value)) {
        return true;
    }
    let looks_like_one = (value.abs() >= 999.0 && are_nines(value)) || MARKS.contains(&value);
    if looks_like_one {
        return value.abs() > APART * largest;
    }
    others.len() >= SCENES_MIN && largest > 0.0 && value.abs() > FAR_APART * largest
}

/// 9, 99, 999 and so on, of either sign.
fn are_nines(value: f64) -> bool {
    let above = value.abs() + 1.0;
    above >= 10.0 && above.log10().fract() == 0.0
}

/// The values of both for each scene.
fn pairs(name: &str, candidate: &Table<'_>, baseline: &Table<'_>) -> Vec<(f64, f64)> {
    let position = |table: &Table<'_>| table.metrics.iter().position(|metric| metric == name);
    let Some((at, base_at)) = position(candidate).zip(position(baseline)) else {
        return Vec::new();
    };
    let of_both = |(key, base): (&String, &super::table::ScoreRow)| {
        let row = candidate.rows.get(key)?;
        Some((row.values[at]?, base.values[base_at]?))
    };
    baseline.rows.iter().filter_map(of_both).collect()
}

fn compare_units(
    name: &str,
    rule: &MetricRule,
    pairs: &[(f64, f64)],
    candidate: &Table<'_>,
    baseline: &Table<'_>,
) -> Result<()> {
    let reason = match rule.kind {
        Kind::Continuous => other_unit(pairs),
        Kind::PassFail => inverted(rule, pairs),
    };
    let Some(reason) = reason else { return Ok(()) };
    let values = pairs.iter().flat_map(|(value, base)| [*value, *base]);
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(f64::NEG_INFINITY, f64::max);
    let (name_text, ends) = (toml_text(name), [low, high].map(|end| format!("{end:?}")));
    Err(Error::Undeclared {
        subject: format!("column `{name}`"),
        expected: format!(
            "one meaning and one unit in both files: {reason} in {} of what {} has on the same scenes; mend the file, \
             or, if both have one unit, declare the range of the column",
            candidate.file.name, baseline.file.name,
        ),
        lines: format!("[range]\n{name_text} = [{}]", ends.join(", ")),
    })
}

/// How the units of two files differ, where they do.
fn other_unit(pairs: &[(f64, f64)]) -> Option<String> {
    let within_one = |value: &(f64, f64)| value.0.abs() <= 1.0 && value.1.abs() <= 1.0;
    let nonzero = pairs.iter().filter(|(a, b)| *a != 0.0 && *b != 0.0);
    let ratios: Vec<f64> = nonzero.map(|(value, base)| value / base).collect();
    if ratios.len() >= SCENES_MIN {
        for factor in FACTORS {
            for factor in [factor, 1.0 / factor] {
                let same = ratios
                    .iter()
                    .filter(|ratio| (**ratio / factor - 1.0).abs() <= SAME_RATIO);
                if same.count() as f64 >= SAME_RATIO_SHARE * ratios.len() as f64 {
                    return Some(format!("each value is {factor:.4} times the value"));
                }
            }
        }
    }
    // Two shares differ as much as they like.
    if pairs.iter().all(within_one) {
        return None;
    }
    let median = |pick: fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = pairs
            .iter()
            .map(|pair| pick(pair).abs())
            .filter(|value| *value > 0.0)
            .collect();
        values.sort_unstable_by(f64::total_cmp);
        (values.len() >= SCENES_MIN).then(|| values[values.len() / 2])
    };
    let (median, base) = (median(|pair| pair.0)?, median(|pair| pair.1)?);
    let ratio = median / base;
    (ratio >= RATIO_MAX || ratio <= 1.0 / RATIO_MAX)
        .then(|| format!("the median is {median} and so {ratio:.4} times the median"))
}

/// Says that the candidate passes nearly all that the baseline fails and the other way round, where that looks like a
/// far better candidate.
fn inverted(rule: &MetricRule, pairs: &[(f64, f64)]) -> Option<String> {
    let fails = |value: f64| rule.fails(value);
    let differ = pairs.iter().filter(|(a, b)| fails(*a) != fails(*b)).count();
    let mended = pairs
        .iter()
        .filter(|(a, b)| !fails(*a) && fails(*b))
        .count();
    let differs = differ as f64 >= INVERTED_SHARE * pairs.len() as f64;
    (pairs.len() >= SCENES_MIN && differs && 2 * mended > differ)
        .then(|| "nearly every outcome is the opposite".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_missing_values_stand_apart_from_values() {
        let speeds: Vec<f64> = (0..40).map(f64::from).collect();
        for mark in [-1.0, -99.0, -999.0, 999.0, 9_999.0, 65_535.0, 1e6, 1e7] {
            assert!(stands_for_none(mark, &speeds), "{mark}");
        }
        for value in [-0.5, -2.0, 40.0, 99.0, 390.0, 12_345.0] {
            assert!(!stands_for_none(value, &speeds), "{value}");
        }
        let around_zero: Vec<f64> = (-20..20).map(f64::from).collect();
        assert!(!stands_for_none(-21.0, &around_zero));
        assert!(stands_for_none(-999.0, &around_zero));
        // A large value among large ones, and a column of one mark.
        assert!(!stands_for_none(999.0, &[400.0, 800.0]));
        assert!(stands_for_none(-1.0, &[]));
    }

    #[test]
    fn units_differ_by_a_factor_or_by_orders_of_magnitude() {
        let pairs = |factor: f64| -> Vec<(f64, f64)> {
            (1..60)
                .map(|at| (factor * f64::from(at), f64::from(at)))
                .collect()
        };
        for factor in [100.0, 0.01, 3.6, 57.2958, 1e-3] {
            assert!(other_unit(&pairs(factor)).is_some(), "{factor}");
        }
        for factor in [1.0, 0.9, 1.3, 2.0, 30.0] {
            assert!(other_unit(&pairs(factor)).is_none(), "{factor}");
        }
        let noisy = |scale: f64| -> Vec<(f64, f64)> {
            (1..60)
                .map(|at| (scale * f64::from(at % 7 + 1), f64::from(at)))
                .collect()
        };
        assert!(other_unit(&noisy(1.0)).is_none());
        assert!(other_unit(&noisy(1_000.0)).is_some());
        // A candidate that stands still has little progress, and is a share as well.
        let still: Vec<(f64, f64)> = (1..60)
            .map(|at| (1e-4 * f64::from(at % 3 + 1), 0.9))
            .collect();
        assert!(other_unit(&still).is_none());
    }
}
