//! Checks on when the records of a topic come.

use driveloop_schemas::Severity;
use driveloop_schemas::time::{NS_PER_S, seconds_between};

use crate::findings::{Findings, Found};
use crate::paged::Paged;

/// A pause of more than this many median periods is a gap: two lost records in a row, which interpolation no longer hides.
const GAP_PERIODS: i64 = 3;
/// Records over which a rate is taken: enough that jitter of single periods evens out.
const RATE_RECORDS: usize = 10;
/// A rate is too low where so many records take more than this many times the median period each.
const RATE_DROP_PERIODS: i64 = 2;
/// A period is irregular where it differs from the median by more than this part of it.
const JITTER_PART: f64 = 0.5;
/// So many of a hundred periods may be irregular: a scheduler delays some now and then.
const JITTER_PERCENT: usize = 5;
/// Periods below which nothing is said about jitter: one of them would be more than the share.
const JITTER_PERIODS_MIN: usize = 20;
/// Further from the median stamp than any drive is long.
const OUTLIER_NS: i64 = 86_400 * NS_PER_S;
/// A topic may start and stop so much after and before the drive, however fast it is: sensors do not start together.
const COVERAGE_NS: i64 = NS_PER_S;

/// From one stamp to another.
type Span = (i64, i64);

/// Checks the stamps of a topic, in the order in which it was recorded: `time_backwards`, `stamp_outlier`, `gap`, `rate_drop`
/// and `jitter`. Topics of fewer than four stamps have no period.
pub(crate) fn check_stamps(findings: &mut Findings, subject: &str, stamps_ns: Paged<i64>) {
    check_order(findings, subject, &stamps_ns);
    check_periods(findings, subject, &stamps_ns.sorted_by_key(|stamp| *stamp));
}

/// The same but for their order; the stamps ascend.
pub(crate) fn check_periods(findings: &mut Findings, subject: &str, sorted_ns: &Paged<i64>) {
    let store = sorted_ns.store();
    let mut sorted = Paged::new(store);
    for stamp in sorted_ns {
        if sorted.last() != Some(stamp) {
            sorted.push(stamp);
        }
    }
    check_outliers(findings, subject, &sorted);
    let periods = sorted.pairs().map(|(a, b)| b.saturating_sub(a));
    let periods = Paged::collect_in(store, periods);
    let count = periods.len();
    if count < 3 {
        return;
    }
    let Some(median_ns) = periods.selected(count / 2) else {
        return;
    };
    check_gaps(findings, subject, &sorted, median_ns);
    check_rate(findings, subject, &sorted, median_ns);
    check_jitter(findings, subject, &sorted, median_ns);
}

/// Checks that stamps ascend in the order in which they were recorded: `time_backwards`.
pub(crate) fn check_order(findings: &mut Findings, subject: &str, stamps_ns: &Paged<i64>) {
    let mut back = stamps_ns.pairs().filter(|(before, after)| after < before);
    let Some(first) = back.next() else { return };
    let (mut span, mut count) = ((first.1, first.0), 1);
    for (before, after) in back {
        span = (span.0.min(after), span.1.max(before));
        count += 1;
    }
    let found = Found::several("time_backwards", Severity::Warning, subject, span, count);
    let (before, after) = first;
    findings.add(found, || {
        format!("expected ascending stamps, got {after} after {before}")
    });
}

fn check_outliers(findings: &mut Findings, subject: &str, sorted_ns: &Paged<i64>) {
    let Some(median) = sorted_ns.get(sorted_ns.len() / 2) else {
        return;
    };
    let is_far = |stamp: &i64| stamp.abs_diff(median) > OUTLIER_NS as u64;
    let mut far = sorted_ns.iter().filter(is_far);
    if let Some(first) = far.next() {
        let (last, count) = far.fold((first, 1), |(_, count), stamp| (stamp, count + 1));
        let span = (first, last);
        let found = Found::several("stamp_outlier", Severity::Warning, subject, span, count);
        findings.add(found, || {
            format!("expected stamps within a day of {median}, got {first}")
        });
    }
}

fn check_gaps(findings: &mut Findings, subject: &str, sorted_ns: &Paged<i64>, median_ns: i64) {
    let mut gaps = sorted_ns.pairs().filter(|pair| is_gap(*pair, median_ns));
    let Some(first) = gaps.next() else { return };
    let (mut last, mut longest_s, mut count) = (first, seconds_between(first.0, first.1), 1);
    for gap in gaps {
        longest_s = seconds_between(gap.0, gap.1).max(longest_s);
        (last, count) = (gap, count + 1);
    }
    let span = (first.0, last.1);
    let found = Found::several("gap", Severity::Warning, subject, span, count);
    let median_s = seconds_between(0, median_ns);
    findings.add(found, || {
        format!(
            "expected a record about every {median_s:.4} s, got none for up to {longest_s:.3} s"
        )
    });
}

fn is_gap((from, to): (i64, i64), median_ns: i64) -> bool {
    to.saturating_sub(from) / GAP_PERIODS > median_ns
}

/// Stretches in which the records come too slowly, though none of their periods is a gap.
fn check_rate(findings: &mut Findings, subject: &str, sorted_ns: &Paged<i64>, median_ns: i64) {
    let slow_ns = median_ns.saturating_mul(RATE_DROP_PERIODS * RATE_RECORDS as i64);
    // The first stretch, the last, and how many there are.
    let mut stretches: Option<(Span, Span, usize)> = None;
    let (mut slow_until, mut after_gap) = (0, 0);
    let earlier = sorted_ns.iter();
    let mut earlier = std::iter::repeat_n(0, RATE_RECORDS - 1).chain(earlier);
    for (end, pair) in (1..).zip(sorted_ns.pairs()) {
        let from = earlier.next();
        if is_gap(pair, median_ns) {
            after_gap = end;
        }
        let start = usize::checked_sub(end, RATE_RECORDS);
        let start = start.filter(|start| *start >= after_gap);
        let Some((start, from)) = start.zip(from) else {
            continue;
        };
        let to = pair.1;
        if to.saturating_sub(from) <= slow_ns {
            continue;
        }
        stretches = Some(match stretches {
            Some((mut first, mut last, count)) if start <= slow_until => {
                last.1 = to;
                if count == 1 {
                    first.1 = to;
                }
                (first, last, count)
            }
            Some((first, _, count)) => (first, (from, to), count + 1),
            None => ((from, to), (from, to), 1),
        });
        slow_until = end;
    }
    let Some((first, last, count)) = stretches else {
        return;
    };
    let span = (first.0, last.1);
    let found = Found::several("rate_drop", Severity::Warning, subject, span, count);
    let median_s = seconds_between(0, median_ns);
    let (from, to) = first;
    findings.add(found, || {
        format!(
            "expected a record about every {median_s:.4} s, got under half of them from {from} to {to}"
        )
    });
}

/// Periods between records that are neither gaps nor near the median.
fn check_jitter(findings: &mut Findings, subject: &str, sorted_ns: &Paged<i64>, median_ns: i64) {
    let (mut all, mut irregular) = (0, 0);
    for pair in sorted_ns.pairs() {
        if !is_gap(pair, median_ns) {
            let period_ns = pair.1.saturating_sub(pair.0);
            all += 1;
            irregular +=
                usize::from(period_ns.abs_diff(median_ns) as f64 > JITTER_PART * median_ns as f64);
        }
    }
    if all < JITTER_PERIODS_MIN || irregular * 100 <= all * JITTER_PERCENT {
        return;
    }
    let (Some(first), Some(last)) = (sorted_ns.first(), sorted_ns.last()) else {
        return;
    };
    let span = (first, last);
    let found = Found::several("jitter", Severity::Info, subject, span, irregular);
    let median_s = seconds_between(0, median_ns);
    findings.add(found, || {
        format!(
            "expected periods about {median_s:.4} s, got {irregular} of {all} that differ by more than half of it"
        )
    });
}

/// Checks that a topic goes on as long as the drive does: `starts_late` and `stops_early`. The stamps ascend; `drive_ns` is the drive's
/// first and last stamp. Topics of fewer than four records are not asked for: maps and calibrations are sent once.
pub(crate) fn check_coverage(
    findings: &mut Findings,
    subject: &str,
    sorted_ns: &Paged<i64>,
    drive_ns: (i64, i64),
) {
    let (Some(first), Some(last)) = (sorted_ns.first(), sorted_ns.last()) else {
        return;
    };
    let count = sorted_ns.len();
    if count < 4 {
        return;
    }
    // Here the mean period does: a topic that pauses is found as one with gaps.
    let period_ns = last.saturating_sub(first) / (count as i64 - 1);
    let silence_ns = COVERAGE_NS.max(period_ns.saturating_mul(GAP_PERIODS));
    for (check, from, to) in [
        ("starts_late", drive_ns.0, first),
        ("stops_early", last, drive_ns.1),
    ] {
        if to.saturating_sub(from) > silence_ns {
            let found = Found::several(check, Severity::Warning, subject, (from, to), 1);
            let silence_s = seconds_between(from, to);
            findings.add(found, || {
                format!(
                    "expected records from start to end of the drive, got none for {silence_s:.3} s"
                )
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::tests::checks;

    fn found(stamps_ns: &[i64]) -> Vec<(&'static str, i64)> {
        let mut findings = Findings::default();
        check_stamps(&mut findings, "/t", stamps_ns.iter().copied().collect());
        checks(findings)
    }

    /// Stamps with these periods, the first at 1000.
    fn stamps(periods: impl IntoIterator<Item = i64>) -> Vec<i64> {
        let mut stamps = vec![1000];
        stamps.extend(periods.into_iter().scan(1000, |at, period| {
            *at += period;
            Some(*at)
        }));
        stamps
    }

    #[test]
    fn three_periods_are_no_gap_and_more_is_one() {
        for (pause, expected) in [(300, vec![]), (303, vec![("gap", 1)])] {
            assert_eq!(
                found(&stamps([[100; 9].as_slice(), &[pause]].concat())),
                expected
            );
        }
    }

    #[test]
    fn a_rate_is_low_where_ten_records_take_more_than_twenty_periods() {
        let slow = |period: i64, records: usize| {
            stamps([vec![100; 50], vec![period; records], vec![100; 50]].concat())
        };
        assert_eq!(found(&slow(200, 10)), [("jitter", 10)]);
        assert_eq!(found(&slow(203, 10)), [("jitter", 10), ("rate_drop", 1)]);
        // Slower for fewer records, or with a gap among them, which says enough.
        assert_eq!(found(&slow(250, 5)), []);
        let gap = [
            vec![100; 50],
            vec![210; 5],
            vec![400],
            vec![210; 5],
            vec![100; 50],
        ];
        assert_eq!(found(&stamps(gap.concat())), [("gap", 1), ("jitter", 10)]);
        let twice = [vec![100; 90], vec![210; 12], vec![100; 90], vec![210; 12]].concat();
        assert_eq!(found(&stamps(twice)), [("jitter", 24), ("rate_drop", 2)]);
    }

    #[test]
    fn five_of_a_hundred_periods_may_differ_by_more_than_half() {
        let periods = |odd: usize, period: i64| {
            let period = |k: usize| {
                if k % 10 == 5 && k / 10 < odd {
                    period
                } else {
                    100
                }
            };
            stamps((0..100).map(period))
        };
        assert_eq!(found(&periods(5, 151)), []);
        assert_eq!(found(&periods(6, 151)), [("jitter", 6)]);
        assert_eq!(found(&periods(6, 150)), []);
        assert_eq!(found(&stamps([100, 30, 170, 100, 40, 160, 100])), []);
    }

    #[test]
    fn when_it_was_changes_nothing() {
        let periods = [
            vec![100; 40],
            vec![210; 12],
            vec![900],
            [130, 40, 170, 60].repeat(9),
        ];
        let drive = stamps(periods.concat());
        let checks = ["gap", "jitter", "rate_drop"];
        assert_eq!(
            found(&drive)
                .iter()
                .map(|(check, _)| *check)
                .collect::<Vec<_>>(),
            checks
        );
        for shift in [-5_000, 1, 1_767_225_600_000_000_000] {
            let shifted: Vec<i64> = drive.iter().map(|stamp| stamp + shift).collect();
            assert_eq!(found(&shifted), found(&drive), "{shift}");
        }
    }

    #[test]
    fn stamps_that_go_back_are_counted() {
        assert_eq!(found(&[1, 2, 3, 2, 4, 3, 5]), [("time_backwards", 2)]);
        assert_eq!(found(&[]), []);
        assert_eq!(found(&[7]), []);
        assert_eq!(found(&[7, 7, 7, 7, 7, 7]), []);
    }

    #[test]
    fn a_stamp_a_day_off_is_an_outlier() {
        let start = 400 * OUTLIER_NS;
        let good: Vec<i64> = (0..9).map(|k| start + k * 100).collect();
        let with = |stamp: i64| found(&[&[stamp], good.as_slice()].concat());
        let middle = start + 400;
        assert_eq!(with(middle - OUTLIER_NS), [("gap", 1)]);
        assert_eq!(
            with(middle - OUTLIER_NS - 101),
            [("gap", 1), ("stamp_outlier", 1)]
        );
        assert_eq!(with(0), [("gap", 1), ("stamp_outlier", 1)]);
        // Differences that 64 bits do not hold.
        assert_eq!(found(&[i64::MIN, 0, i64::MAX])[0].0, "stamp_outlier");
    }

    #[test]
    fn a_topic_may_be_silent_for_a_second_or_three_periods() {
        let coverage = |stamps: &[i64], drive_ns: (i64, i64)| {
            let mut findings = Findings::default();
            let stamps = stamps.iter().copied().collect();
            check_coverage(&mut findings, "/t", &stamps, drive_ns);
            checks(findings)
        };
        let fast: Vec<i64> = (100..200).map(|k| k * NS_PER_S / 10).collect();
        let (first, last) = (10 * NS_PER_S, 19_900_000_000);
        assert_eq!(coverage(&fast, (first - NS_PER_S, last + NS_PER_S)), []);
        assert_eq!(
            coverage(&fast, (first - NS_PER_S - 1, last)),
            [("starts_late", 1)]
        );
        assert_eq!(
            coverage(&fast, (first, last + NS_PER_S + 1)),
            [("stops_early", 1)]
        );
        let slow: Vec<i64> = (0..4).map(|k| k * 5 * NS_PER_S).collect();
        assert_eq!(coverage(&slow, (-15 * NS_PER_S, 30 * NS_PER_S)), []);
        assert_eq!(coverage(&slow[..3], (-90 * NS_PER_S, 30 * NS_PER_S)), []);
        assert_eq!(coverage(&[], (0, 1)), []);
    }
}
