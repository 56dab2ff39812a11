//! Checks on the way of the ego.

use driveloop_schemas::Severity;
use driveloop_schemas::maths::hypot;
use driveloop_schemas::pose::wrap_rad;
use driveloop_schemas::time::seconds_between;

use crate::findings::{Findings, Found};

/// Faster than any car on a road: poses further apart than this are a jump.
const SPEED_MAX_MPS: f64 = 70.0;
/// Distance that a jump must have besides, so that noise between stamps a moment apart is none; and distance that the speed must
/// have made of a pose that stands still.
const DISTANCE_MIN_M: f64 = 0.5;
/// Faster than a car turns: the lateral acceleration would be that of a racing car (2 g) already at 7 m/s.
const YAW_RATE_MAX_RADPS: f64 = 3.0;
/// Angle that a jump must have besides; noise of a heading without motion stays below it.
const YAW_MIN_RAD: f64 = 0.35;

/// A pose of the ego.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passed {
    pub(crate) stamp_ns: i64,
    /// In the map.
    pub(crate) x_m: f64,
    pub(crate) y_m: f64,
    pub(crate) yaw_rad: f64,
    /// Measured speed; it must not be derived from the poses.
    pub(crate) speed_mps: Option<f64>,
}

/// Checks that the ego goes and turns from pose to pose no faster than a car can, and goes where its speed says so:
/// `pose_jump`, `heading_jump`, `frozen_pose`. The poses ascend in time.
pub(crate) fn check_poses(
    findings: &mut Findings,
    subject: &str,
    poses: impl IntoIterator<Item = Passed>,
) {
    let mut still: Option<Still> = None;
    let mut poses = poses.into_iter();
    let Some(mut from) = poses.next() else { return };
    for to in poses {
        let span = (from.stamp_ns, to.stamp_ns);
        let seconds = seconds_between(span.0, span.1);
        let distance_m = hypot(to.x_m - from.x_m, to.y_m - from.y_m);
        if distance_m > SPEED_MAX_MPS * seconds + DISTANCE_MIN_M {
            let found = Found::several("pose_jump", Severity::Warning, subject, span, 1);
            findings.add(found, || {
                format!("expected at most {SPEED_MAX_MPS} m/s between poses, got {distance_m:.2} m in {seconds:.4} s")
            });
        }
        let turn_rad = wrap_rad(to.yaw_rad - from.yaw_rad).abs();
        if turn_rad > YAW_RATE_MAX_RADPS * seconds + YAW_MIN_RAD {
            let found = Found::several("heading_jump", Severity::Warning, subject, span, 1);
            findings.add(found, || {
                format!("expected at most {YAW_RATE_MAX_RADPS} rad/s between poses, got {turn_rad:.2} rad in {seconds:.4} s")
            });
        }
        // Of two poses that are the same bit by bit, the speed at both says how far the ego went.
        let speeds = from.speed_mps.zip(to.speed_mps);
        match speeds.filter(|_| distance_m == 0.0) {
            Some((a, b)) => {
                let went_m = a.abs().min(b.abs()) * seconds;
                let still = still.get_or_insert(Still::from(span.0));
                (still.end_ns, still.poses) = (span.1, still.poses + 1);
                still.went_m += went_m;
            }
            None => Still::report(still.take(), findings, subject),
        }
        from = to;
    }
    Still::report(still, findings, subject);
}

/// A stretch of poses that are the same.
struct Still {
    start_ns: i64,
    end_ns: i64,
    poses: usize,
    /// Distance by the speed.
    went_m: f64,
}

impl Still {
    fn from(start_ns: i64) -> Self {
        Self {
            start_ns,
            end_ns: start_ns,
            poses: 0,
            went_m: 0.0,
        }
    }

    fn report(still: Option<Self>, findings: &mut Findings, subject: &str) {
        let Some(still) = still.filter(|still| still.went_m > DISTANCE_MIN_M) else {
            return;
        };
        let (span, count) = ((still.start_ns, still.end_ns), still.poses);
        let found = Found::several("frozen_pose", Severity::Warning, subject, span, count);
        let (metres, seconds) = (still.went_m, seconds_between(span.0, span.1));
        findings.add(found, || {
            format!("expected the pose to move by about {metres:.1} m, as the speed says, got the same for {seconds:.3} s")
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality::tests::checks;

    /// Checks poses at 10 Hz: x, heading, speed.
    fn found(poses: &[(f64, f64, Option<f64>)]) -> Vec<(&'static str, i64)> {
        let passed =
            |(stamp_ns, (x_m, yaw_rad, speed_mps)): (i64, &(f64, f64, Option<f64>))| Passed {
                stamp_ns,
                x_m: *x_m,
                y_m: 0.0,
                yaw_rad: *yaw_rad,
                speed_mps: *speed_mps,
            };
        let stamps = (0..).step_by(100_000_000);
        let mut findings = Findings::default();
        check_poses(&mut findings, "/odom", stamps.zip(poses).map(passed));
        checks(findings)
    }

    #[test]
    fn seven_and_a_half_metres_in_a_tenth_of_a_second_are_no_jump_and_more_is_one() {
        assert_eq!(found(&[(0.0, 0.0, None), (7.49, 0.0, None)]), []);
        assert_eq!(
            found(&[(0.0, 0.0, None), (7.51, 0.0, None)]),
            [("pose_jump", 1)]
        );
        assert_eq!(
            found(&[(0.0, 0.0, None), (9.0, 0.0, None), (0.0, 0.0, None)]),
            [("pose_jump", 2)]
        );
        assert_eq!(found(&[]), []);
    }

    #[test]
    fn headings_jump_the_short_way_round() {
        let turn = |from: f64, to: f64| found(&[(0.0, from, None), (0.1, to, None)]);
        assert_eq!(turn(0.0, 0.64), []);
        assert_eq!(turn(0.0, 0.66), [("heading_jump", 1)]);
        assert_eq!(turn(3.1, -3.1), []);
        assert_eq!(turn(1.5, -1.5), [("heading_jump", 1)]);
    }

    #[test]
    fn left_and_right_are_the_same() {
        let way: Vec<_> = (0..40)
            .map(|k| (f64::from(k) * 8.0, (f64::from(k) * 0.9).sin(), Some(80.0)))
            .collect();
        let mirrored: Vec<_> = way
            .iter()
            .map(|(x, yaw, speed)| (*x, -yaw, *speed))
            .collect();
        assert_eq!(found(&way).len(), 2);
        assert_eq!(found(&mirrored), found(&way));
    }

    #[test]
    fn a_pose_stands_still_where_the_speed_makes_more_than_half_a_metre() {
        let poses = |count: usize, speed: f64| vec![(5.0, 0.0, Some(speed)); count];
        assert_eq!(found(&poses(6, 1.0)), []);
        assert_eq!(found(&poses(7, 1.0)), [("frozen_pose", 6)]);
        assert_eq!(found(&poses(7, -1.0)), [("frozen_pose", 6)]);
        assert_eq!(found(&poses(100, 0.0)), []);
        // The way of a car that comes to a stop, and one whose speed is not known for a moment.
        let mut stop = vec![(0.0, 0.0, Some(8.0)), (0.8, 0.0, Some(8.0))];
        stop.append(&mut poses(50, 0.0));
        assert_eq!(found(&stop), []);
        let mut unknown = poses(8, 1.0);
        unknown[4].2 = None;
        assert_eq!(found(&unknown), []);
    }
}
