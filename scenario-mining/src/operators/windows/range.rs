//! Windows of time that move over one series: each is a pass, however long the window.
//!
//! Stamps ascend, ties included. A value that is NaN is not there.

use std::collections::VecDeque;
use std::ops::Range;

/// The rows whose stamp lies from one to the other nanosecond after a row's own, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from_ns: i64,
    pub(super) to_ns: i64,
}

impl Window {
    /// The window of each row, as a range of rows. Both ends of the ranges ascend.
    fn ranges(self, stamps: &[i64]) -> impl Iterator<Item = Range<usize>> + '_ {
        let (mut start, mut end) = (0, 0);
        stamps.iter().map(move |stamp_ns| {
            let from_ns = stamp_ns.saturating_add(self.from_ns);
            let to_ns = stamp_ns.saturating_add(self.to_ns);
            while stamps
                .get(start)
                .is_some_and(|&stamp_ns| stamp_ns < from_ns)
            {
                start += 1;
            }
            while stamps.get(end).is_some_and(|&stamp_ns| stamp_ns <= to_ns) {
                end += 1;
            }
            start..end.max(start)
        })
    }
}

/// Which of the values of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extreme {
    Least,
    Greatest,
}

/// The least or greatest value of each window.
pub(super) fn extreme(
    stamps: &[i64],
    values: &[f64],
    window: &Window,
    which: Extreme,
    out: &mut Vec<f64>,
) {
    // Rows that can still be the extreme of a window to come: each more extreme than all after it.
    let mut rows: VecDeque<usize> = VecDeque::new();
    let mut taken = 0;
    for range in window.ranges(stamps) {
        while taken < range.end {
            let value = values[taken];
            if !value.is_nan() {
                let is_beaten = |&row: &usize| match which {
                    Extreme::Least => values[row] >= value,
                    Extreme::Greatest => values[row] <= value,
                };
                while rows.back().is_some_and(is_beaten) {
                    rows.pop_back();
                }
                rows.push_back(taken);
            }
            taken += 1;
        }
        while rows.front().is_some_and(|&row| row < range.start) {
            rows.pop_front();
        }
        out.push(rows.front().map_or(f64::NAN, |&row| values[row]));
    }
}

/// The mean of each window.
pub(super) fn mean(stamps: &[i64], values: &[f64], window: &Window, out: &mut Vec<f64>) {
    // Sums are of differences to a value of the series, so that a large offset costs no digits.
    let base = values.iter().copied().find(|value| !value.is_nan());
    let base = base.unwrap_or_default();
    let mut sums = Vec::with_capacity(values.len() + 1);
    let mut sum = (0.0, 0_u32);
    sums.push(sum);
    for value in values {
        if !value.is_nan() {
            sum = (sum.0 + (value - base), sum.1 + 1);
        }
        sums.push(sum);
    }
    out.extend(window.ranges(stamps).map(|range| {
        let (before, until) = (sums[range.start], sums[range.end]);
        match until.1 - before.1 {
            0 => f64::NAN,
            count => base + (until.0 - before.0) / f64::from(count),
        }
    }));
}

/// How many values each window has.
pub(super) fn count(stamps: &[i64], values: &[f64], window: &Window, out: &mut Vec<i64>) {
    let mut counts = Vec::with_capacity(values.len() + 1);
    let mut so_far = 0;
    counts.push(so_far);
    for value in values {
        so_far += i64::from(!value.is_nan());
        counts.push(so_far);
    }
    let ranges = window.ranges(stamps);
    out.extend(ranges.map(|range| counts[range.end] - counts[range.start]));
}

/// The first value of each window.
pub(super) fn first(stamps: &[i64], values: &[f64], window: &Window, out: &mut Vec<f64>) {
    let mut next = 0;
    out.extend(window.ranges(stamps).map(|range| {
        next = next.max(range.start);
        while next < range.end && values[next].is_nan() {
            next += 1;
        }
        if next < range.end {
            values[next]
        } else {
            f64::NAN
        }
    }));
}

/// The last value of each window.
pub(super) fn last(stamps: &[i64], values: &[f64], window: &Window, out: &mut Vec<f64>) {
    let (mut taken, mut found) = (0, None);
    out.extend(window.ranges(stamps).map(|range| {
        let fresh = taken..range.end.max(taken);
        taken = fresh.end;
        if let Some(at) = values[fresh.clone()]
            .iter()
            .rposition(|value| !value.is_nan())
        {
            found = Some(fresh.start + at);
        }
        match found {
            Some(row) if row >= range.start => values[row],
            _ => f64::NAN,
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every function by its definition, and by its pass.
    fn check(stamps: &[i64], values: &[f64], window: Window) {
        let of = |stamp_ns: i64| -> Vec<f64> {
            let rows = stamps.iter().zip(values);
            rows.filter(|(other, value)| {
                (stamp_ns.saturating_add(window.from_ns)..=stamp_ns.saturating_add(window.to_ns))
                    .contains(*other)
                    && !value.is_nan()
            })
            .map(|(_, value)| *value)
            .collect()
        };
        let (mut least, mut greatest, mut means) = (vec![], vec![], vec![]);
        let (mut firsts, mut lasts, mut counts) = (vec![], vec![], vec![]);
        extreme(stamps, values, &window, Extreme::Least, &mut least);
        extreme(stamps, values, &window, Extreme::Greatest, &mut greatest);
        mean(stamps, values, &window, &mut means);
        first(stamps, values, &window, &mut firsts);
        last(stamps, values, &window, &mut lasts);
        count(stamps, values, &window, &mut counts);
        for (row, stamp_ns) in stamps.iter().enumerate() {
            let inside = of(*stamp_ns);
            let expected = [
                inside.iter().copied().reduce(f64::min),
                inside.iter().copied().reduce(f64::max),
                (!inside.is_empty()).then(|| inside.iter().sum::<f64>() / inside.len() as f64),
                inside.first().copied(),
                inside.last().copied(),
            ];
            let actual = [
                least[row],
                greatest[row],
                means[row],
                firsts[row],
                lasts[row],
            ];
            for (expected, actual) in expected.into_iter().zip(actual) {
                let same = match expected {
                    Some(expected) => (expected - actual).abs() < 1e-9,
                    None => actual.is_nan(),
                };
                assert!(same, "{window:?}, row {row}: {expected:?}, {actual}");
            }
            assert_eq!(counts[row], inside.len() as i64);
        }
    }

    #[test]
    fn a_pass_gives_what_the_definition_says() {
        let nan = f64::NAN;
        let stamps = [0, 10, 10, 10, 25, 60, 61, 100, 100, 130];
        let values = [3.0, nan, 1.0, 2.0, 1e6, nan, nan, -4.0, 5.0, nan];
        for (from_ns, to_ns) in [
            (-20, 0),
            (0, 0),
            (-50, -5),
            (5, 50),
            (-1000, 1000),
            (20, 10), // empty
            (i64::MIN, i64::MAX),
        ] {
            check(&stamps, &values, Window { from_ns, to_ns });
        }
        check(
            &[7],
            &[1.5],
            Window {
                from_ns: -1,
                to_ns: 1,
            },
        );
        check(
            &[7],
            &[nan],
            Window {
                from_ns: -1,
                to_ns: 1,
            },
        );
        check(
            &[],
            &[],
            Window {
                from_ns: -1,
                to_ns: 1,
            },
        );
    }
}
