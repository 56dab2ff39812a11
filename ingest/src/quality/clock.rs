//! The clock of a sensor against that of the recorder.

use driveloop_schemas::Severity;
use driveloop_schemas::time::{NS_PER_S, seconds_between};

use crate::findings::{Findings, Found};

/// A message is logged so soon after it was stamped: perception takes some tenths of a second, and a queue before the disk as much.
const OFFSET_MAX_NS: u64 = NS_PER_S as u64;

/// How far the stamps of a topic are from the times at which its messages were logged. Takes a few words however long the log is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ClockOffset {
    /// Messages that are too far.
    far: usize,
    /// The first and last stamp of these.
    span_ns: Option<(i64, i64)>,
    /// Least and largest time from stamp to log among them.
    offset_ns: Option<(i64, i64)>,
}

impl ClockOffset {
    /// Takes a message.
    pub(crate) fn push(&mut self, stamp_ns: i64, log_time: u64) {
        let log_time_ns = i64::try_from(log_time).unwrap_or(i64::MAX);
        if log_time_ns.abs_diff(stamp_ns) <= OFFSET_MAX_NS {
            return;
        }
        let widen = |range: Option<(i64, i64)>, value: i64| {
            let (low, high) = range.unwrap_or((value, value));
            Some((low.min(value), high.max(value)))
        };
        self.far += 1;
        self.span_ns = widen(self.span_ns, stamp_ns);
        self.offset_ns = widen(self.offset_ns, log_time_ns.saturating_sub(stamp_ns));
    }

    /// Reports messages that are too far: `clock_offset`.
    pub(crate) fn report(&self, findings: &mut Findings, subject: &str) {
        let (Some(span), Some((low, high))) = (self.span_ns, self.offset_ns) else {
            return;
        };
        let found = Found::several("clock_offset", Severity::Warning, subject, span, self.far);
        let [low_s, high_s] = [low, high].map(|offset| seconds_between(0, offset));
        findings.add(found, || {
            format!("expected messages to be logged within a second of their stamps, got {low_s:.3} s to {high_s:.3} s")
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::tests::checks;

    #[test]
    fn a_second_is_near_and_more_is_far() {
        let found = |pairs: &[(i64, i64)]| {
            let mut offset = ClockOffset::default();
            pairs
                .iter()
                .for_each(|(stamp, log)| offset.push(*stamp, u64::try_from(*log).unwrap()));
            let mut findings = Findings::default();
            offset.report(&mut findings, "/t");
            checks(findings)
        };
        assert_eq!(found(&[(0, NS_PER_S), (NS_PER_S, 0), (5, 5)]), []);
        assert_eq!(found(&[(0, NS_PER_S + 1), (5, 5)]), [("clock_offset", 1)]);
        assert_eq!(
            found(&[(NS_PER_S + 1, 0), (i64::MIN, i64::MAX)]),
            [("clock_offset", 2)]
        );
        assert_eq!(found(&[]), []);
    }
}
