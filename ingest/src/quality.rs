//! Checks on what a log recorded.

use driveloop_schemas::time::seconds_between;
use driveloop_schemas::{EgoState, Severity};

use crate::findings::{Findings, Found};

/// A pause of more than this many median periods is a gap.
const GAP_PERIODS: i64 = 3;
/// Faster than any car on a road: poses further apart than this are a jump.
const POSE_SPEED_MAX_MPS: f64 = 70.0;
/// Distance that a jump must have besides, so that noise between stamps a moment apart is none.
const POSE_JUMP_MIN_M: f64 = 0.5;
/// Longer, wider or higher than any road user.
const SIZE_MAX_M: f64 = 40.0;

/// Checks the stamps of a topic, in the order in which it was recorded: `time_backwards` and `gap`.
pub(crate) fn check_stamps(findings: &mut Findings, subject: &str, stamps_ns: &[i64]) {
    let back: Vec<_> = stamps_ns
        .windows(2)
        .filter(|pair| pair[1] < pair[0])
        .collect();
    if let (Some(first), Some(last)) = (back.first(), back.last()) {
        let span = (first[1].min(last[1]), first[0].max(last[0]));
        let found = Found::several(
            "time_backwards",
            Severity::Warning,
            subject,
            span,
            back.len(),
        );
        findings.add(found, || {
            format!(
                "expected ascending stamps, got {} after {}",
                first[1], first[0]
            )
        });
    }
    let mut sorted = stamps_ns.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    check_gaps(findings, subject, &sorted);
}

fn check_gaps(findings: &mut Findings, subject: &str, sorted_ns: &[i64]) {
    let mut periods: Vec<i64> = sorted_ns
        .windows(2)
        .map(|pair| pair[1].saturating_sub(pair[0]))
        .collect();
    if periods.len() < 3 {
        return;
    }
    let middle = periods.len() / 2;
    let median = *periods.select_nth_unstable(middle).1;
    let gaps: Vec<_> = sorted_ns
        .windows(2)
        .filter(|pair| pair[1].saturating_sub(pair[0]) / GAP_PERIODS > median)
        .collect();
    if let (Some(first), Some(last)) = (gaps.first(), gaps.last()) {
        let longest = gaps
            .iter()
            .map(|pair| seconds_between(pair[0], pair[1]))
            .fold(0.0, f64::max);
        let found = Found::several(
            "gap",
            Severity::Warning,
            subject,
            (first[0], last[1]),
            gaps.len(),
        );
        let median_s = seconds_between(0, median);
        findings.add(found, || {
            format!(
                "expected a record about every {median_s:.4} s, got none for up to {longest:.3} s"
            )
        });
    }
}

/// Checks that the ego goes from pose to pose no faster than a car can: `pose_jump`. States ascend in time.
pub(crate) fn check_pose_jumps(findings: &mut Findings, subject: &str, states: &[EgoState]) {
    for pair in states.windows(2) {
        let (a, b) = (&pair[0], &pair[1]);
        let distance_m = (b.x_m - a.x_m).hypot(b.y_m - a.y_m);
        let seconds = seconds_between(a.stamp_ns, b.stamp_ns);
        if distance_m > POSE_SPEED_MAX_MPS * seconds + POSE_JUMP_MIN_M {
            let found = Found::several(
                "pose_jump",
                Severity::Warning,
                subject,
                (a.stamp_ns, b.stamp_ns),
                1,
            );
            findings.add(found, || {
                format!("expected at most {POSE_SPEED_MAX_MPS} m/s between poses, got {distance_m:.2} m in {seconds:.4} s")
            });
        }
    }
}

/// Checks the size of an actor: `size_out_of_range`.
pub(crate) fn check_size(findings: &mut Findings, subject: &str, stamp_ns: i64, size_m: [f64; 3]) {
    if size_m
        .iter()
        .any(|extent| !(*extent > 0.0 && *extent <= SIZE_MAX_M))
    {
        let found = Found::one(
            "size_out_of_range",
            Severity::Warning,
            subject,
            Some(stamp_ns),
        );
        let [l, w, h] = size_m;
        findings.add(found, || {
            format!("expected extents in (0, {SIZE_MAX_M}] m, got {l} × {w} × {h}")
        });
    }
}

/// A record whose stamp an earlier one has already: dropped.
pub(crate) fn drop_duplicate(findings: &mut Findings, subject: &str, stamp_ns: i64) {
    let found = Found::dropped(
        "duplicate_stamp",
        Severity::Warning,
        subject,
        Some(stamp_ns),
    );
    findings.add(found, || {
        format!("expected one record a stamp, got another at {stamp_ns}; the first was kept")
    });
}

/// A record with a number that is infinite or not a number, or an orientation without length: dropped.
pub(crate) fn drop_unusable(
    findings: &mut Findings,
    subject: &str,
    stamp_ns: Option<i64>,
    what: &str,
) {
    let found = Found::dropped("value_not_usable", Severity::Error, subject, stamp_ns);
    findings.add(found, || {
        format!("expected finite numbers and an orientation, got {what}")
    });
}

/// A stamp that 64-bit nanoseconds do not hold, or before the epoch: the record is dropped.
pub(crate) fn drop_stamp(findings: &mut Findings, subject: &str, stamp: &str) {
    let found = Found::dropped("stamp_out_of_range", Severity::Error, subject, None);
    findings.add(found, || {
        format!("expected nanoseconds since 1970 in 63 bits, got {stamp}")
    });
}

/// An actor at a stamp at which nothing says where the ego was: dropped.
pub(crate) fn drop_without_pose(findings: &mut Findings, subject: &str, stamp_ns: i64) {
    let found = Found::dropped("no_ego_pose", Severity::Error, subject, Some(stamp_ns));
    findings.add(found, || {
        format!("expected an ego pose near {stamp_ns}, got none")
    });
}

/// A pose that lies between two of the log's.
pub(crate) fn note_interpolated(findings: &mut Findings, subject: &str, stamp_ns: i64) {
    let found = Found::one("interpolated_pose", Severity::Info, subject, Some(stamp_ns));
    findings.add(found, || {
        format!("expected an ego pose at {stamp_ns}, interpolated between its neighbours")
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use driveloop_schemas::time::Day;

    fn checks(findings: Findings) -> Vec<(String, i64)> {
        findings
            .rows("drive", Day(0))
            .into_iter()
            .map(|row| (row.check, row.count))
            .collect()
    }

    #[test]
    fn three_periods_are_no_gap_and_more_is_one() {
        for (pause, expected) in [(300, 0), (303, 1)] {
            let mut stamps: Vec<i64> = (0..10).map(|k| k * 100).collect();
            stamps.push(900 + pause);
            let mut findings = Findings::default();
            check_stamps(&mut findings, "/t", &stamps);
            assert_eq!(checks(findings).len(), expected, "{pause}");
        }
    }

    #[test]
    fn stamps_that_go_back_are_counted() {
        let mut findings = Findings::default();
        check_stamps(&mut findings, "/t", &[1, 2, 3, 2, 4, 3, 5]);
        assert_eq!(checks(findings), [("time_backwards".to_owned(), 2)]);
        let mut none = Findings::default();
        check_stamps(&mut none, "/t", &[]);
        check_stamps(&mut none, "/t", &[7]);
        assert!(checks(none).is_empty());
    }

    #[test]
    fn sizes_are_checked_at_their_bounds() {
        let mut findings = Findings::default();
        check_size(&mut findings, "car", 0, [SIZE_MAX_M, 2.0, 1.5]);
        assert_eq!(findings.dropped(), 0);
        check_size(&mut findings, "car", 0, [4.0, 0.0, 1.5]);
        check_size(&mut findings, "car", 1, [4.0, f64::NAN, 1.5]);
        check_size(&mut findings, "car", 2, [SIZE_MAX_M + 0.1, 2.0, 1.5]);
        assert_eq!(checks(findings), [("size_out_of_range".to_owned(), 3)]);
    }
}
