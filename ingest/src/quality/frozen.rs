//! Sensors that repeat themselves.

use driveloop_schemas::Severity;
use driveloop_schemas::time::{NS_PER_S, seconds_between};

use crate::findings::{Findings, Found};

/// Recordings in a row that are the same bit by bit. Noise makes two of a working camera or lidar differ; a driver that sends
/// the last one again for one that was lost makes two.
const FROZEN_PAYLOADS_MIN: usize = 3;
/// Values in a row that are the same bit by bit, of a signal that otherwise is never so.
const FROZEN_VALUES_MIN: usize = 20;
/// Time that they must take besides: fast signals are sampled more often than they are measured.
const FROZEN_NS_MIN: i64 = NS_PER_S;
/// A signal is noisy where, outside of its still stretches, so many of a hundred values differ from the one before.
const NOISY_PERCENT: usize = 90;
/// Pairs of values outside of still stretches, below which a signal is not known to be noisy.
const NOISY_PAIRS_MIN: usize = 20;

/// Checks recordings for those that repeat bit by bit: `frozen_payload`. The columns have equal length and ascend in time.
pub(crate) fn check_frozen_payloads<D: AsRef<str>>(
    findings: &mut Findings,
    subject: &str,
    stamps_ns: &[i64],
    digests: &[D],
) {
    let is_same = |a: usize, b: usize| digests[a].as_ref() == digests[b].as_ref();
    for (first, last) in runs(stamps_ns.len().min(digests.len()), is_same) {
        let count = last - first + 1;
        if count < FROZEN_PAYLOADS_MIN {
            continue;
        }
        let span = (stamps_ns[first], stamps_ns[last]);
        let found = Found::several("frozen_payload", Severity::Warning, subject, span, count);
        let seconds = seconds_between(span.0, span.1);
        findings.add(found, || {
            format!(
                "expected recordings that differ, got {count} of the same bytes in {seconds:.3} s"
            )
        });
    }
}

/// Checks a signal for stretches in which it stands still although it is noisy otherwise: `frozen_value`.
/// The columns have equal length and ascend in time; an unknown value, or one that is no number, ends a stretch.
/// At exactly zero a signal may rest: that is the speed of a car that stands, or a pedal that nobody touches.
pub(crate) fn check_frozen_values(
    findings: &mut Findings,
    subject: &str,
    stamps_ns: &[i64],
    values: &[Option<f64>],
) {
    let is_same = |a: usize, b: usize| match (values[a], values[b]) {
        (Some(a), Some(b)) => a.to_bits() == b.to_bits() && !a.is_nan(),
        _ => false,
    };
    let (mut still, mut same, mut different) = (Vec::new(), 0, 0);
    for (first, last) in runs(stamps_ns.len().min(values.len()), is_same) {
        // Between this stretch and the one before lies a pair that differs.
        different += usize::from(first > 0);
        let pairs = last - first;
        let long = pairs >= FROZEN_VALUES_MIN - 1;
        let lasting = stamps_ns[last].saturating_sub(stamps_ns[first]) >= FROZEN_NS_MIN;
        if long && lasting {
            if values[first] != Some(0.0) {
                still.push((first, last));
            }
        } else {
            same += pairs;
        }
    }
    let pairs = same + different;
    if pairs < NOISY_PAIRS_MIN || different * 100 < pairs * NOISY_PERCENT {
        return;
    }
    for (first, last) in still {
        let (span, count) = ((stamps_ns[first], stamps_ns[last]), last - first + 1);
        let found = Found::several("frozen_value", Severity::Warning, subject, span, count);
        let (value, seconds) = (
            values[first].unwrap_or_default(),
            seconds_between(span.0, span.1),
        );
        findings.add(found, || {
            format!(
                "expected values that differ as they do elsewhere, got {value} for {seconds:.3} s"
            )
        });
    }
}

/// The first and last index of each stretch in which neighbours are the same.
fn runs(
    count: usize,
    is_same: impl Fn(usize, usize) -> bool,
) -> impl Iterator<Item = (usize, usize)> {
    let mut first = 0;
    (0..count).filter_map(move |at| {
        if at + 1 < count && is_same(at, at + 1) {
            return None;
        }
        let run = (first, at);
        first = at + 1;
        Some(run)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::tests::checks;

    fn stamps(count: usize, period_ns: i64) -> Vec<i64> {
        (0..count as i64).map(|k| k * period_ns).collect()
    }

    #[test]
    fn two_equal_recordings_are_none_frozen_and_three_are() {
        let found = |digests: &[&str]| {
            let mut findings = Findings::default();
            let stamps = stamps(digests.len(), 100);
            check_frozen_payloads(&mut findings, "front", &stamps, digests);
            checks(findings)
        };
        assert_eq!(found(&["a", "a", "b", "b", "a"]), []);
        assert_eq!(found(&["a", "b", "b", "b", "a"]), [("frozen_payload", 3)]);
        assert_eq!(
            found(&["a", "a", "a", "b", "c", "c", "c", "c"]),
            [("frozen_payload", 7)]
        );
        assert_eq!(found(&[]), []);
    }

    fn frozen(values: &[Option<f64>], period_ns: i64) -> Vec<(&'static str, i64)> {
        let mut findings = Findings::default();
        let stamps = stamps(values.len(), period_ns);
        check_frozen_values(&mut findings, "/imu.x", &stamps, values);
        checks(findings)
    }

    /// A signal with noise, and in its middle a stretch of one value.
    fn with_still(value: Option<f64>, count: usize) -> Vec<Option<f64>> {
        let noise = |k: i32| Some(f64::from(k * 37 % 101));
        let start = (0..100).map(noise);
        start
            .chain(std::iter::repeat_n(value, count))
            .chain((100..200).map(noise))
            .collect()
    }

    #[test]
    fn a_noisy_signal_may_stand_still_for_nineteen_values_or_under_a_second() {
        let (fast, slow) = (10_000_000, 100_000_000);
        assert_eq!(frozen(&with_still(Some(0.5), 19), slow), []);
        assert_eq!(
            frozen(&with_still(Some(0.5), 20), slow),
            [("frozen_value", 20)]
        );
        assert_eq!(frozen(&with_still(Some(0.5), 100), fast), []);
        assert_eq!(
            frozen(&with_still(Some(0.5), 101), fast),
            [("frozen_value", 101)]
        );
    }

    #[test]
    fn rest_gaps_and_switches_are_not_frozen() {
        let period = 100_000_000;
        assert_eq!(frozen(&with_still(Some(0.0), 500), period), []);
        assert_eq!(frozen(&with_still(None, 500), period), []);
        assert_eq!(frozen(&with_still(Some(f64::NAN), 500), period), []);
        let mut broken = with_still(Some(0.5), 30);
        broken[115] = None;
        assert_eq!(frozen(&broken, period), []);
        // A gear changes seldom: that it stands still says nothing.
        let gears: Vec<_> = (0..500).map(|k| Some(f64::from(k / 50))).collect();
        assert_eq!(frozen(&gears, period), []);
        assert_eq!(frozen(&[Some(1.0); 500], period), []);
        assert_eq!(frozen(&[], period), []);
    }

    #[test]
    fn ninety_of_a_hundred_values_must_differ() {
        // Of each hundred pairs, so many are of equal values.
        let signal = |equal: usize| {
            let mut value = 0.0;
            let mut values = Vec::new();
            for k in 0..=200 {
                value += f64::from(u8::from(k % 100 >= equal * 2 || k % 2 == 0));
                values.push(Some(value));
            }
            values.extend([Some(-1.0); 30]);
            values
        };
        assert_eq!(frozen(&signal(10), 100_000_000), [("frozen_value", 30)]);
        assert_eq!(frozen(&signal(11), 100_000_000), []);
    }
}
