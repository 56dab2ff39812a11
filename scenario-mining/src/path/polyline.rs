//! Where a point is relative to a polyline.

use driveloop_schemas::maths::{atan2, hypot};

/// A place relative to a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    /// Arc length from the first point of the line to the foot of the perpendicular; negative before the first point and
    /// more than the length behind the last, where the line goes on straight.
    pub(crate) along_m: f64,
    /// Distance from the line, positive to the left of its direction.
    pub(crate) offset_m: f64,
    /// Direction of the line there, in the frame of its points.
    pub(crate) yaw_rad: f64,
}

/// The segments of a line that have a length: both ends.
fn segments(line: &[f64]) -> impl Iterator<Item = [f64; 4]> + '_ {
    line.windows(4)
        .step_by(2)
        .map(|points| [points[0], points[1], points[2], points[3]])
        .filter(|[x0, y0, x1, y1]| x0 != x1 || y0 != y1)
}

/// The length of a line.
pub(crate) fn length_m(line: &[f64]) -> f64 {
    segments(line)
        .map(|[x0, y0, x1, y1]| hypot(x1 - x0, y1 - y0))
        .sum()
}

/// The place of the nearest point of a line; of points as near as each other, the first counts.
pub(crate) fn place(line: &[f64], x_m: f64, y_m: f64) -> Option<Place> {
    let last = segments(line).count().checked_sub(1)?;
    let mut start_m = 0.0;
    let mut best: Option<(f64, Place)> = None;
    for (index, [x0, y0, x1, y1]) in segments(line).enumerate() {
        let length = hypot(x1 - x0, y1 - y0);
        let (cos, sin) = ((x1 - x0) / length, (y1 - y0) / length);
        let (dx, dy) = (x_m - x0, y_m - y0);
        let (along, offset) = (dx * cos + dy * sin, dy * cos - dx * sin);
        let low = if index == 0 { f64::NEG_INFINITY } else { 0.0 };
        let high = if index == last { f64::INFINITY } else { length };
        let beyond = along - along.clamp(low, high);
        let distance = hypot(offset, beyond);
        if best.is_none_or(|(least, _)| distance < least) {
            // Outside a bend the nearest point is a corner: the whole distance counts, on the side of the segment.
            let place = Place {
                along_m: start_m + along - beyond,
                offset_m: distance.copysign(offset),
                yaw_rad: atan2(sin, cos),
            };
            best = Some((distance, place));
        }
        start_m += length;
    }
    best.map(|(_, place)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &[f64], point: [f64; 2], expected: [f64; 3]) {
        let place = place(line, point[0], point[1]).unwrap();
        let actual = [place.along_m, place.offset_m, place.yaw_rad];
        let is_close = actual
            .iter()
            .zip(expected)
            .all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(is_close, "{point:?}: {actual:?}, not {expected:?}");
    }

    const HALF_PI: f64 = std::f64::consts::FRAC_PI_2;
    /// Ten metres to the east, then ten to the north.
    const CORNER: [f64; 8] = [0.0, 0.0, 10.0, 0.0, 10.0, 0.0, 10.0, 10.0];

    #[test]
    fn a_point_has_a_place_on_each_leg() {
        check(&CORNER, [4.0, 1.0], [4.0, 1.0, 0.0]);
        check(&CORNER, [4.0, -1.0], [4.0, -1.0, 0.0]);
        check(&CORNER, [9.0, 6.0], [16.0, 1.0, HALF_PI]);
        check(&CORNER, [12.0, 6.0], [16.0, -2.0, HALF_PI]);
    }

    #[test]
    fn a_line_goes_on_straight_at_both_ends() {
        check(&CORNER, [-3.0, 0.5], [-3.0, 0.5, 0.0]);
        check(&CORNER, [10.5, 14.0], [24.0, -0.5, HALF_PI]);
    }

    #[test]
    fn outside_a_corner_the_distance_to_it_counts() {
        check(&CORNER, [13.0, -4.0], [10.0, -5.0, 0.0]);
    }

    #[test]
    fn a_line_without_length_has_no_places() {
        assert_eq!(place(&[], 0.0, 0.0), None);
        assert_eq!(place(&[1.0, 1.0, 1.0, 1.0], 0.0, 0.0), None);
        assert_eq!(place(&[1.0, 1.0, 2.0], 0.0, 0.0), None);
        assert!((length_m(&CORNER) - 20.0).abs() < 1e-12);
    }
}
