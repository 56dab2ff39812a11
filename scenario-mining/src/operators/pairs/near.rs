//! Which rows of a stamp are near each other.

use std::ops::Range;

use arrow::buffer::BooleanBuffer;

use crate::operators::drives::Drives;

/// Stamps that come out of order before stamps are sorted instead of put where they belong one by one.
const MISPLACED_MAX: usize = 1000;

/// Rows as the search sees them.
pub(super) struct Places {
    pub(super) stamps: Vec<i64>,
    pub(super) x_m: Vec<f64>,
    pub(super) y_m: Vec<f64>,
    pub(super) is_first: BooleanBuffer,
    pub(super) is_other: BooleanBuffer,
}

/// Pairs of rows.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Pairs {
    pub(super) first: Vec<u32>,
    pub(super) other: Vec<u32>,
    pub(super) distance_m: Vec<f64>,
}

/// The search: stamp by stamp, it stops where it has enough, and goes on from there.
pub(super) struct Near {
    places: Places,
    /// The number of the series of each row: rows of one are no pair.
    series: Vec<u32>,
    distance_max_m: f64,
    /// Rows that can be in a pair, by drive, then stamp.
    order: Vec<u32>,
    /// The rows of each stamp in `order`.
    stamps: std::vec::IntoIter<Range<usize>>,
    /// The stamp at work: those that can be first, from the last to the first, and the others by x.
    firsts: Vec<u32>,
    others: Vec<u32>,
}

impl Near {
    pub(super) fn new(places: Places, drives: &Drives, distance_max_m: f64) -> Self {
        let mut series = vec![0; places.stamps.len()];
        for (number, rows) in (0..).zip(&drives.series) {
            series[rows.clone()].fill(number);
        }
        let (mut order, mut stamps) = (Vec::new(), Vec::new());
        for drive in &drives.drives {
            by_stamp(&places, drive, &mut order, &mut stamps);
        }
        Self {
            places,
            series,
            distance_max_m,
            order,
            stamps: stamps.into_iter(),
            firsts: Vec::new(),
            others: Vec::new(),
        }
    }

    /// The next pairs, about so many; `None` after the last.
    pub(super) fn next(&mut self, enough: usize) -> Option<Pairs> {
        let mut pairs = Pairs::default();
        while pairs.first.len() < enough {
            match self.firsts.pop() {
                Some(first) => self.partners(first, &mut pairs),
                None => match self.stamps.next() {
                    Some(rows) => self.begin(rows),
                    None => break,
                },
            }
        }
        (!pairs.first.is_empty()).then_some(pairs)
    }

    fn begin(&mut self, rows: Range<usize>) {
        let rows = &self.order[rows];
        let places = &self.places;
        let is = |role: &BooleanBuffer, row: u32| role.value(row as usize);
        self.firsts
            .extend(rows.iter().rev().filter(|&&row| is(&places.is_first, row)));
        self.others.clear();
        self.others
            .extend(rows.iter().filter(|&&row| is(&places.is_other, row)));
        if self.firsts.is_empty() {
            return;
        }
        let x_m = &places.x_m;
        self.others
            .sort_by(|&a, &b| x_m[a as usize].total_cmp(&x_m[b as usize]));
    }

    fn partners(&self, first: u32, pairs: &mut Pairs) {
        let Places { x_m, y_m, .. } = &self.places;
        let at = first as usize;
        let (x, y, max) = (x_m[at], y_m[at], self.distance_max_m);
        let begin = self
            .others
            .partition_point(|&other| x_m[other as usize] < x - max);
        for &other in &self.others[begin..] {
            let dx = x_m[other as usize] - x;
            if dx > max {
                break;
            }
            let dy = y_m[other as usize] - y;
            let square = dx * dx + dy * dy;
            if square <= max * max && self.series[at] != self.series[other as usize] {
                pairs.first.push(first);
                pairs.other.push(other);
                pairs.distance_m.push(square.sqrt());
            }
        }
    }
}

/// Adds the rows of a drive that have a place and a role, by stamp.
fn by_stamp(
    places: &Places,
    drive: &Range<usize>,
    order: &mut Vec<u32>,
    groups: &mut Vec<Range<usize>>,
) {
    let counts = |&row: &usize| {
        let has_role = places.is_first.value(row) || places.is_other.value(row);
        has_role && !places.x_m[row].is_nan() && !places.y_m[row].is_nan()
    };
    let rows: Vec<usize> = drive.clone().filter(counts).collect();
    let stamps: Vec<i64> = rows.iter().map(|&row| places.stamps[row]).collect();
    let distinct = distinct(&stamps);
    // Most often the stamp of a row follows that of the row before.
    let mut next = 0;
    let numbers: Vec<usize> = stamps
        .iter()
        .map(|stamp| {
            let number = match distinct.get(next) {
                Some(same) if same == stamp => next,
                _ => distinct.partition_point(|other| other < stamp),
            };
            next = number + 1;
            number
        })
        .collect();
    let mut ends = vec![0; distinct.len() + 1];
    for number in &numbers {
        ends[number + 1] += 1;
    }
    for index in 1..ends.len() {
        ends[index] += ends[index - 1];
    }
    let base = order.len();
    groups.extend(ends.windows(2).map(|pair| base + pair[0]..base + pair[1]));
    order.resize(base + rows.len(), 0);
    for (row, number) in rows.iter().zip(numbers) {
        order[base + ends[number]] = *row as u32;
        ends[number] += 1;
    }
}

/// The different stamps, in order.
fn distinct(stamps: &[i64]) -> Vec<i64> {
    let mut found: Vec<i64> = Vec::new();
    let (mut next, mut misplaced) = (0, 0);
    for stamp in stamps {
        if found.get(next) == Some(stamp) {
            next += 1;
            continue;
        }
        match found.binary_search(stamp) {
            Ok(at) => next = at + 1,
            Err(at) => {
                misplaced += usize::from(at < found.len());
                if misplaced > MISPLACED_MAX {
                    let mut all = stamps.to_vec();
                    all.sort_unstable();
                    all.dedup();
                    return all;
                }
                found.insert(at, *stamp);
                next = at + 1;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_found_whatever_their_order() {
        for stamps in [
            vec![],
            vec![5],
            vec![1, 2, 3, 1, 2, 3, 2, 4],
            (0..5000).rev().collect(),
            (0..5000).map(|n| n * 7919 % 5000).collect(),
        ] {
            let mut expected = stamps.clone();
            expected.sort_unstable();
            expected.dedup();
            assert_eq!(distinct(&stamps), expected);
        }
    }
}
