//! Sensors that repeat themselves. Both checks take what comes one by one and hold a few words, however long the log is.

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

/// Finds recordings of a sensor that repeat bit by bit: `frozen_payload`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FrozenPayloads {
    last_digest: [u8; 32],
    stretch: Stretch,
    found: Stretches,
}

impl FrozenPayloads {
    /// Takes the next recording.
    pub(crate) fn push(&mut self, stamp_ns: i64, digest: &[u8; 32]) {
        if self.stretch.count > 0 && self.last_digest == *digest {
            self.stretch.grow(stamp_ns);
            return;
        }
        self.end();
        self.last_digest = *digest;
        self.stretch.grow(stamp_ns);
    }

    fn end(&mut self) {
        let stretch = std::mem::take(&mut self.stretch);
        if stretch.count >= FROZEN_PAYLOADS_MIN {
            self.found.add(stretch);
        }
    }

    /// Reports what was found.
    pub(crate) fn report(&self, findings: &mut Findings, subject: &str) {
        let mut all = *self;
        all.end();
        all.found.report(findings, "frozen_payload", subject, |longest| {
            let (count, seconds) = (longest.count, longest.seconds());
            format!("expected recordings that differ, got {count} of the same bytes in {seconds:.3} s")
        });
    }
}

/// Finds stretches in which a signal stands still although it is noisy otherwise: `frozen_value`.
///
/// A value that is no number ends a stretch. At exactly zero a signal may rest: that is the speed of a car that stands, or a pedal
/// that nobody touches.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FrozenValues {
    last_value: f64,
    stretch: Stretch,
    /// Pairs of neighbours outside of still stretches.
    same: usize,
    different: usize,
    found: Stretches,
    /// The value at which it stood still longest.
    still_value: f64,
}

impl FrozenValues {
    /// Takes the next value.
    pub(crate) fn push(&mut self, stamp_ns: i64, value: f64) {
        if self.stretch.count > 0 {
            if self.last_value.to_bits() == value.to_bits() && !value.is_nan() {
                self.stretch.grow(stamp_ns);
                return;
            }
            self.different += 1;
        }
        self.end();
        self.last_value = value;
        self.stretch.grow(stamp_ns);
    }

    fn end(&mut self) {
        let stretch = std::mem::take(&mut self.stretch);
        let is_long = stretch.count >= FROZEN_VALUES_MIN && stretch.ns() >= FROZEN_NS_MIN;
        if !is_long {
            self.same += stretch.count.saturating_sub(1);
        } else if self.last_value != 0.0 && self.found.add(stretch) {
            self.still_value = self.last_value;
        }
    }

    /// Reports what was found, where the signal is noisy.
    pub(crate) fn report(&self, findings: &mut Findings, subject: &str) {
        let mut all = *self;
        all.end();
        let pairs = all.same + all.different;
        if pairs < NOISY_PAIRS_MIN || all.different * 100 < pairs * NOISY_PERCENT {
            return;
        }
        all.found.report(findings, "frozen_value", subject, |longest| {
            let (value, seconds) = (all.still_value, longest.seconds());
            format!("expected values that differ as they do elsewhere, got {value} for {seconds:.3} s")
        });
    }
}

/// Neighbours that are the same.
#[derive(Debug, Clone, Copy, Default)]
struct Stretch {
    first_ns: i64,
    last_ns: i64,
    count: usize,
}

impl Stretch {
    fn grow(&mut self, stamp_ns: i64) {
        if self.count == 0 {
            self.first_ns = stamp_ns;
        }
        self.last_ns = stamp_ns;
        self.count += 1;
    }

    fn ns(&self) -> i64 {
        self.last_ns.saturating_sub(self.first_ns)
    }

    fn seconds(&self) -> f64 {
        seconds_between(self.first_ns, self.last_ns)
    }
}

/// What was found so far.
#[derive(Debug, Clone, Copy, Default)]
struct Stretches {
    /// From the first to the last.
    all: Stretch,
    longest: Stretch,
}

impl Stretches {
    /// Adds one; says whether it is the longest.
    fn add(&mut self, stretch: Stretch) -> bool {
        if self.all.count == 0 {
            self.all = stretch;
        } else {
            self.all.first_ns = self.all.first_ns.min(stretch.first_ns);
            self.all.last_ns = self.all.last_ns.max(stretch.last_ns);
            self.all.count += stretch.count;
        }
        let is_longest = stretch.count > self.longest.count;
        if is_longest {
            self.longest = stretch;
        }
        is_longest
    }

    fn report(
        self,
        findings: &mut Findings,
        check: &'static str,
        subject: &str,
        message: impl FnOnce(Stretch) -> String,
    ) {
        let Stretch {
            first_ns,
            last_ns,
            count,
        } = self.all;
        if count > 0 {
            let span = (first_ns, last_ns);
            let found = Found::several(check, Severity::Warning, subject, span, count);
            findings.add(found, || message(self.longest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::tests::checks;

    #[test]
    fn two_equal_recordings_are_none_frozen_and_three_are() {
        let found = |digests: &[u8]| {
            let (mut frozen, mut findings) = (FrozenPayloads::default(), Findings::default());
            for (stamp, digest) in (0..).zip(digests) {
                frozen.push(stamp, &[*digest; 32]);
            }
            frozen.report(&mut findings, "front");
            checks(findings)
        };
        assert_eq!(found(&[1, 1, 2, 2, 1]), []);
        assert_eq!(found(&[1, 2, 2, 2, 1]), [("frozen_payload", 3)]);
        assert_eq!(found(&[1, 1, 1, 2, 3, 3, 3, 3]), [("frozen_payload", 7)]);
        assert_eq!(found(&[0, 0, 0]), [("frozen_payload", 3)]);
        assert_eq!(found(&[]), []);
    }

    fn frozen(values: &[f64], period_ns: i64) -> Vec<(&'static str, i64)> {
        let (mut frozen, mut findings) = (FrozenValues::default(), Findings::default());
        for (k, value) in (0..).zip(values) {
            frozen.push(k * period_ns, *value);
        }
        frozen.report(&mut findings, "/imu.x");
        checks(findings)
    }

    /// A signal with noise, and in its middle a stretch of one value.
    fn with_still(value: f64, count: usize) -> Vec<f64> {
        let noise = |k: i32| f64::from(k * 37 % 101);
        let start = (1..100).map(noise);
        let still = std::iter::repeat_n(value, count);
        start.chain(still).chain((100..200).map(noise)).collect()
    }

    #[test]
    fn a_noisy_signal_may_stand_still_for_nineteen_values_or_under_a_second() {
        let (fast, slow) = (10_000_000, 100_000_000);
        assert_eq!(frozen(&with_still(0.5, 19), slow), []);
        assert_eq!(frozen(&with_still(0.5, 20), slow), [("frozen_value", 20)]);
        assert_eq!(frozen(&with_still(0.5, 100), fast), []);
        assert_eq!(frozen(&with_still(0.5, 101), fast), [("frozen_value", 101)]);
    }

    #[test]
    fn rest_gaps_and_switches_are_not_frozen() {
        let period = 100_000_000;
        assert_eq!(frozen(&with_still(0.0, 500), period), []);
        assert_eq!(frozen(&with_still(f64::NAN, 500), period), []);
        let mut broken = with_still(0.5, 30);
        broken[114] = f64::NAN;
        assert_eq!(frozen(&broken, period), []);
        // A gear changes seldom: that it stands still says nothing.
        let gears: Vec<_> = (0..500).map(|k| f64::from(k / 50)).collect();
        assert_eq!(frozen(&gears, period), []);
        assert_eq!(frozen(&[1.0; 500], period), []);
        assert_eq!(frozen(&[], period), []);
    }

    #[test]
    fn ninety_of_a_hundred_values_must_differ() {
        // Of the first 200 pairs so many are of equal values; one more differs, where the signal stops.
        let signal = |equal: i32| {
            let steps = (0..=200).map(|k| f64::from(k - (k / 2).min(equal)));
            steps.chain([-1.0; 30]).collect::<Vec<_>>()
        };
        assert_eq!(frozen(&signal(20), 100_000_000), [("frozen_value", 30)]);
        assert_eq!(frozen(&signal(21), 100_000_000), []);
    }
}
