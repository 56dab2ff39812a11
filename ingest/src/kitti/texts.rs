//! The texts of a KITTI folder: stamps, numbers, and named numbers.

use std::collections::BTreeMap;

use driveloop_schemas::pose::{Pose, Quat};
use driveloop_schemas::time::stamp_ns_from_sec_nanosec;

use crate::ego::checked_pose;

/// How far the columns of a rotation may be from unit length and right angles: the files have seven digits.
const ROTATION_ERROR_MAX: f64 = 1e-3;

/// A stamp such as `2011-09-26 13:02:25.964389445`, taken for UTC, in nanoseconds since 1970.
pub(super) fn stamp_ns(line: &str) -> Option<i64> {
    let (date, time) = line.trim().split_once(' ')?;
    let [year, month, day] = whole(date, '-')?;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, ""));
    let [hour, minute, second] = whole(clock, ':')?;
    let are_digits = fraction.len() <= 9 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let is_date =
        (1970..3000).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    let is_time = hour < 24 && minute < 60 && second < 61;
    if !(are_digits && is_date && is_time) {
        return None;
    }
    let nanosec = format!("{fraction:0<9}").parse().ok()?;
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    stamp_ns_from_sec_nanosec(seconds, nanosec)
}

/// Three whole numbers between signs.
fn whole(text: &str, between: char) -> Option<[i64; 3]> {
    let mut parts = text.split(between).map(|part| {
        let are_digits = part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<i64>().ok().filter(|_| are_digits)
    });
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

/// Days of the Gregorian calendar (Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`).
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Numbers between spaces; none where something is no number.
pub(super) fn numbers(text: &str) -> Option<Vec<f64>> {
    text.split_whitespace()
        .map(|part| part.parse().ok())
        .collect()
}

/// The numbers of a calibration file by name; lines that have none are left out.
pub(super) fn named(text: &str) -> BTreeMap<String, Vec<f64>> {
    let line = |line: &str| {
        let (name, rest) = line.split_once(':')?;
        Some((name.trim().to_owned(), numbers(rest)?))
    };
    text.lines().filter_map(line).collect()
}

/// The transform of nine numbers of a rotation, by rows, and three of a translation.
pub(super) fn transform(rotation: &[f64], translation: &[f64]) -> Option<Pose> {
    let r: [f64; 9] = rotation.try_into().ok()?;
    let translation: [f64; 3] = translation.try_into().ok()?;
    let Quat { w, x, y, z } = quaternion(r)?;
    checked_pose([w, x, y, z], translation)
}

/// The quaternion of a rotation matrix, from its largest part (Shepperd, 1978).
fn quaternion(r: [f64; 9]) -> Option<Quat> {
    let columns = [0, 1, 2].map(|c| [r[c], r[3 + c], r[6 + c]]);
    let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    let is_close = |value: f64, to: f64| (value - to).abs() <= ROTATION_ERROR_MAX;
    let [a, b, c] = columns;
    let cross = [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ];
    let is_rotation = columns
        .iter()
        .all(|column| is_close(dot(*column, *column), 1.0))
        && is_close(dot(a, b), 0.0)
        && is_close(dot(cross, c), 1.0);
    if !is_rotation {
        return None;
    }
    let trace = r[0] + r[4] + r[8];
    let parts = [trace, r[0], r[4], r[8]];
    let largest = (0..4).max_by(|a, b| parts[*a].total_cmp(&parts[*b]))?;
    let quat = match largest {
        0 => [1.0 + trace, r[7] - r[5], r[2] - r[6], r[3] - r[1]],
        1 => [
            r[7] - r[5],
            1.0 + r[0] - r[4] - r[8],
            r[1] + r[3],
            r[2] + r[6],
        ],
        2 => [
            r[2] - r[6],
            r[1] + r[3],
            1.0 - r[0] + r[4] - r[8],
            r[5] + r[7],
        ],
        _ => [
            r[3] - r[1],
            r[2] + r[6],
            r[5] + r[7],
            1.0 - r[0] - r[4] + r[8],
        ],
    };
    let [w, x, y, z] = quat;
    Quat { w, x, y, z }.normalized()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_days_and_nanoseconds() {
        // `date -u -d '2011-09-26 13:02:25' +%s`
        assert_eq!(
            stamp_ns("2011-09-26 13:02:25.964389445\n"),
            Some(1_317_042_145_964_389_445)
        );
        assert_eq!(stamp_ns("1970-01-01 00:00:00"), Some(0));
        assert_eq!(
            stamp_ns("2024-02-29 23:59:59.5"),
            Some(1_709_251_199_500_000_000)
        );
        for bad in [
            "",
            "2011-09-26",
            "2011-13-26 13:02:25",
            "2011-09-26 24:02:25",
            "2011-09-26 13:02:25.1234567890",
            "2011-09-26 13:02:-5",
            "2011-09-26 13:02:25.+5",
            "9999999999999999999-09-26 13:02:25",
            "2999-01-01 00:00:00",
        ] {
            assert_eq!(stamp_ns(bad), None, "{bad}");
        }
    }

    #[test]
    fn rotations_come_back() {
        for angles in [
            [0.1, 0.2, 0.3],
            [3.0, 0.1, -2.0],
            [0.0, 3.1, 0.1],
            [0.1, -0.2, 3.1],
        ] {
            let about = |axis: usize, angle: f64| {
                let (sin, cos) = (angle / 2.0).sin_cos();
                let mut parts = [0.0; 3];
                parts[axis] = sin;
                let [x, y, z] = parts;
                Quat { w: cos, x, y, z }
            };
            let quat = about(2, angles[2])
                .times(about(1, angles[1]))
                .times(about(0, angles[0]));
            let columns =
                [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(|axis| quat.rotate(axis));
            let rows: Vec<f64> = (0..9).map(|k| columns[k % 3][k / 3]).collect();
            let pose = transform(&rows, &[1.0, 2.0, 3.0]).unwrap();
            for axis in [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]] {
                let (a, b) = (pose.rotation.rotate(axis), quat.rotate(axis));
                assert!(
                    a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12),
                    "{angles:?}"
                );
            }
        }
        let mirrored = [-1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
        assert_eq!(transform(&mirrored, &[0.0; 3]), None);
        assert_eq!(transform(&[0.0; 9], &[0.0; 3]), None);
        assert_eq!(transform(&[f64::NAN; 9], &[0.0; 3]), None);
    }
}
