//! Whether the numbers of a row are the mean, the sum or the median of other rows.

use std::collections::BTreeSet;

use crate::scores::records::Record;
use crate::scores::table::number;

/// Relative difference up to which two numbers are the same.
const EXACT: f64 = 1e-9;
/// Relative difference of a mean that was computed in single precision.
const SINGLE: f64 = 1e-6;
/// The chance that a single number says nothing better than: one column alone is no proof.
const CHANCE_MIN: f64 = 1e-3;
/// The chance up to which a number says something.
const TELLING: f64 = 0.1;
/// Share of a column that has grades where it is taken for one of grades, before it is known which rows are scenes.
const GRADED_SHARE: f64 = 0.9;
/// Scenes that must all have grades before another value is none of a scene.
const GRADED_MIN: usize = 20;

/// The numeric columns of a file.
pub(super) struct Numbers<'a> {
    records: &'a [Record],
    columns: Vec<Column>,
}

struct Column {
    at: usize,
    /// Not a number where there is no value: half as large as an option of each.
    cells: Vec<f64>,
}

/// What a row may be of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Statistic {
    Mean,
    Sum,
    Median,
}

/// How the numbers of a row agree with a statistic of a set of rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Agreement {
    pub(super) statistic: Statistic,
    matched: usize,
    mismatched: usize,
    telling: usize,
    /// The chance that a scene has these numbers.
    pub(super) chance: f64,
}

impl Agreement {
    /// Whether the row is this statistic, but for a few columns that are computed otherwise, such as a final score.
    pub(super) fn holds(&self) -> bool {
        let whole = self.mismatched == 0 && self.matched > 0;
        whole || (self.telling >= 2 && self.mismatched * 4 <= self.matched)
    }

    /// Whether any of the numbers is one that few scenes have.
    pub(super) fn tells(&self) -> bool {
        self.telling > 0
    }
}

impl<'a> Numbers<'a> {
    /// The numeric columns, without the key, the column of validity, and a written index (0, 1, 2, …).
    pub(super) fn new(records: &'a [Record], passed_over: &[usize]) -> Self {
        let width = records.iter().map(|record| record.cells.len()).max();
        let mut columns = Vec::new();
        for at in (0..width.unwrap_or_default()).filter(|at| !passed_over.contains(at)) {
            let cell = |record: &Record| number(record.cells.get(at)).ok().flatten();
            let cells: Vec<f64> = records
                .iter()
                .map(|record| cell(record).unwrap_or(f64::NAN))
                .collect();
            let is_index = |(row, value): (usize, &f64)| {
                value.is_nan() || *value == row as f64 || *value == row as f64 + 1.0
            };
            let has_number = !cells.iter().all(|value| value.is_nan());
            if has_number && !cells.iter().enumerate().all(is_index) {
                columns.push(Column { at, cells });
            }
        }
        Self { records, columns }
    }

    /// Whether the row has a number at all.
    pub(super) fn has_any(&self, row: usize) -> bool {
        self.columns.iter().any(|column| column.cell(row).is_some())
    }

    /// Rows that have no grades in most of the columns in which nearly all rows have, and in at least two.
    pub(super) fn ungraded(&self) -> Vec<usize> {
        let mut counts = vec![(0_usize, 0_usize); self.records.len()];
        for column in &self.columns {
            let values = || column.cells.iter().filter(|value| !value.is_nan());
            let grades = values().filter(|value| is_grade(**value)).count();
            let all = values().count();
            if all < GRADED_MIN || (grades as f64) < GRADED_SHARE * all as f64 {
                continue;
            }
            for (row, value) in column.cells.iter().enumerate() {
                counts[row].0 += usize::from(!value.is_nan());
                counts[row].1 += usize::from(!value.is_nan() && !is_grade(*value));
            }
        }
        let is_none = |(_, (asked, ungraded)): &(usize, (usize, usize))| {
            *ungraded >= 2 && 2 * ungraded > *asked
        };
        let rows = counts.into_iter().enumerate().filter(is_none);
        rows.map(|(row, _)| row).collect()
    }

    /// Whether the row has the smallest, or the largest, value of the scenes wherever it has one.
    pub(super) fn is_extreme(&self, row: usize, scenes: &[usize]) -> bool {
        let (mut lowest, mut highest) = (true, true);
        for column in &self.columns {
            let Some(value) = column.cell(row) else {
                continue;
            };
            let values = || scenes.iter().filter_map(|at| column.cell(*at));
            lowest &= value == values().fold(f64::INFINITY, f64::min);
            highest &= value == values().fold(f64::NEG_INFINITY, f64::max);
        }
        lowest || highest
    }

    /// The rows of the set that have a number wherever this row has one.
    pub(super) fn filled_alike(&self, row: usize, set: &[usize]) -> Vec<usize> {
        let asked: Vec<&Column> = self
            .columns
            .iter()
            .filter(|column| column.cell(row).is_some())
            .collect();
        let filled = |other: &usize| asked.iter().all(|column| column.cell(*other).is_some());
        set.iter().copied().filter(filled).collect()
    }

    /// The best agreement of the row's numbers with one of the statistics of the set. `scenes` tell how common a value
    /// is.
    pub(super) fn agreement(
        &self,
        row: usize,
        set: &[usize],
        scenes: &[usize],
        statistics: &[Statistic],
    ) -> Option<Agreement> {
        let mut best: Option<Agreement> = None;
        for statistic in statistics.iter().copied() {
            let agreement = self.agreement_with(statistic, row, set, scenes);
            let better = best.is_none_or(|best| agreement.chance < best.chance);
            if agreement.holds() && better {
                best = Some(agreement);
            }
        }
        best
    }

    fn agreement_with(
        &self,
        statistic: Statistic,
        row: usize,
        set: &[usize],
        scenes: &[usize],
    ) -> Agreement {
        let mut agreement = Agreement {
            statistic,
            matched: 0,
            mismatched: 0,
            telling: 0,
            chance: 1.0,
        };
        for column in &self.columns {
            let Some(value) = column.cell(row) else {
                continue;
            };
            let values: Vec<f64> = set.iter().filter_map(|at| column.cell(*at)).collect();
            let Some(expected) = statistic_of(statistic, values) else {
                continue;
            };
            let text = self.records[row].cells.get(column.at).unwrap_or_default();
            let Some(resolution) = resolution(value, expected, text) else {
                agreement.mismatched += 1;
                continue;
            };
            agreement.matched += 1;
            let chance = column.chance(value, resolution, scenes);
            agreement.chance *= chance;
            agreement.telling += usize::from(chance <= TELLING);
        }
        agreement
    }

    /// What the numbers of a row look like beside the grades of a pass/fail column of the scenes.
    pub(super) fn grades(&self, row: usize, scenes: &[usize]) -> Grades {
        let (mut graded, mut ungraded) = (false, false);
        for column in &self.columns {
            let Some(value) = column.cell(row) else {
                continue;
            };
            let values = || scenes.iter().filter_map(|at| column.cell(*at));
            let varies = values().zip(values().skip(1)).any(|(a, b)| a != b);
            if !values().all(is_grade) || !varies {
                continue;
            }
            graded |= is_grade(value);
            ungraded |= !is_grade(value) && values().count() >= GRADED_MIN;
        }
        match (graded, ungraded) {
            (_, true) => Grades::NoScene,
            (true, false) => Grades::Scene,
            (false, false) => Grades::Unknown,
        }
    }

    /// Whether the rows together have the sums of the scenes, as a row a category has that sums its category up.
    pub(super) fn sum_up(&self, rows: &BTreeSet<usize>, scenes: &[usize]) -> bool {
        let mut telling = false;
        for column in &self.columns {
            let sum = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>();
            let of_rows = sum(&mut rows.iter().filter_map(|at| column.cell(*at)));
            let of_scenes = sum(&mut scenes.iter().filter_map(|at| column.cell(*at)));
            if scenes.iter().all(|at| column.cell(*at).is_none()) {
                continue;
            }
            if (of_rows - of_scenes).abs() > SINGLE * of_scenes.abs().max(1.0) {
                return false;
            }
            telling |= of_scenes != 0.0;
        }
        telling
    }
}

/// A scene passes, passes by half, or fails.
pub(crate) fn is_grade(value: f64) -> bool {
    [0.0, 0.5, 1.0].contains(&value)
}

/// What the grades of a row say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grades {
    /// Where scenes have 0, 0.5 or 1, the row has such a value too.
    Scene,
    /// The row has another value there.
    NoScene,
    /// There is no such column.
    Unknown,
}

impl Column {
    fn cell(&self, row: usize) -> Option<f64> {
        let value = self.cells[row];
        (!value.is_nan()).then_some(value)
    }

    /// The chance that a scene has this value, to the resolution in which it is written.
    fn chance(&self, value: f64, resolution: f64, scenes: &[usize]) -> f64 {
        let values: Vec<f64> = scenes.iter().filter_map(|at| self.cell(*at)).collect();
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if high <= low {
            return 1.0;
        }
        let same = values
            .iter()
            .filter(|other| (**other - value).abs() <= EXACT * value.abs().max(1.0))
            .count();
        // One scene that fails is as many as the sum of another one; that tells nothing.
        if same > 0 && values.iter().copied().all(is_grade) {
            return 1.0;
        }
        let share = same as f64 / values.len() as f64;
        share.max(resolution / (high - low)).clamp(CHANCE_MIN, 1.0)
    }
}

fn statistic_of(statistic: Statistic, mut values: Vec<f64>) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let count = values.len();
    let sum: f64 = values.iter().sum();
    Some(match statistic {
        Statistic::Mean => sum / count as f64,
        Statistic::Sum => sum,
        Statistic::Median => {
            values.sort_unstable_by(f64::total_cmp);
            (values[(count - 1) / 2] + values[count / 2]) / 2.0
        }
    })
}

/// To what resolution the value is the expected one: 0 where it is exactly, nothing where it is not, else that of the
/// digits in which it is written.
fn resolution(value: f64, expected: f64, text: &str) -> Option<f64> {
    let difference = (value - expected).abs();
    if difference <= EXACT * expected.abs().max(1.0) {
        return Some(0.0);
    }
    let step = step(text);
    if difference <= 0.5 * step * (1.0 + SINGLE) {
        return Some(step);
    }
    let single = SINGLE * expected.abs();
    (difference <= single).then_some(single)
}

/// The value of the last digit that is written: 0.01 for `0.85`.
fn step(text: &str) -> f64 {
    let text = text.trim();
    if text.contains(['e', 'E']) {
        return 0.0;
    }
    let decimals = text
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len());
    10_f64.powi(-(decimals as i32))
}
