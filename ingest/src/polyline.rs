//! Lines and outlines of maps, as `[x0, y0, x1, y1, …]`.

use driveloop_schemas::maths::hypot;

/// Points of a centre line that is derived from two boundaries, at least.
const MIDDLE_POINTS_MIN: usize = 10;

/// The line half way between two boundaries: the mean of both, resampled at equal parts of their lengths.
/// `None` where a boundary has fewer than two points.
pub(crate) fn middle(left: &[f64], right: &[f64]) -> Option<Vec<f64>> {
    let count = MIDDLE_POINTS_MIN.max(left.len() / 2).max(right.len() / 2);
    let (left, right) = (resampled(left, count)?, resampled(right, count)?);
    Some(
        left.iter()
            .zip(&right)
            .map(|(a, b)| f64::midpoint(*a, *b))
            .collect(),
    )
}

/// The line with `count` points at equal distances along it, its ends among them.
fn resampled(line: &[f64], count: usize) -> Option<Vec<f64>> {
    if line.len() < 4 || !line.iter().all(|value| value.is_finite()) {
        return None;
    }
    let points: Vec<[f64; 2]> = line
        .chunks_exact(2)
        .map(|point| [point[0], point[1]])
        .collect();
    let mut along = vec![0.0];
    for pair in points.windows(2) {
        let step = hypot(pair[1][0] - pair[0][0], pair[1][1] - pair[0][1]);
        along.push(along[along.len() - 1] + step);
    }
    let length = along[along.len() - 1];
    let mut result = Vec::with_capacity(count * 2);
    let mut segment = 0;
    for k in 0..count {
        let target = length * k as f64 / (count - 1) as f64;
        while segment + 2 < points.len() && along[segment + 1] < target {
            segment += 1;
        }
        let (a, b) = (points[segment], points[segment + 1]);
        let step = along[segment + 1] - along[segment];
        let part = if step > 0.0 {
            ((target - along[segment]) / step).clamp(0.0, 1.0)
        } else {
            0.0
        };
        result.extend([a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part]);
    }
    Some(result)
}

/// The outline between two edges, whichever way each runs.
pub(crate) fn between_edges(first: &[f64], second: &[f64]) -> Option<Vec<f64>> {
    if first.len() < 4 || second.len() < 4 {
        return None;
    }
    let end = |line: &[f64]| [line[line.len() - 2], line[line.len() - 1]];
    let start = |line: &[f64]| [line[0], line[1]];
    let distance = |a: [f64; 2], b: [f64; 2]| hypot(a[0] - b[0], a[1] - b[1]);
    let alike = distance(start(first), start(second)) + distance(end(first), end(second));
    let against = distance(start(first), end(second)) + distance(end(first), start(second));
    let mut outline = first.to_vec();
    if alike <= against {
        outline.extend(second.chunks_exact(2).rev().flatten());
    } else {
        outline.extend(second);
    }
    Some(outline)
}

/// The outline without a last point that repeats the first; `None` where it has no area to enclose.
pub(crate) fn open_polygon(mut polygon: Vec<f64>) -> Option<Vec<f64>> {
    let n = polygon.len();
    if n >= 4 && polygon[..2] == polygon[n - 2..] {
        polygon.truncate(n - 2);
    }
    let sound = polygon.len() >= 6
        && polygon.len().is_multiple_of(2)
        && polygon.iter().all(|value| value.is_finite());
    sound.then_some(polygon)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_two_lines_is_between_them() {
        let centre = middle(&[0.0, 2.0, 4.0, 2.0, 10.0, 2.0], &[0.0, -2.0, 10.0, -2.0]).unwrap();
        assert_eq!(centre.len(), 20);
        assert_eq!((centre[0], centre[18]), (0.0, 10.0));
        assert!(centre.chunks(2).all(|point| point[1].abs() < 1e-12));
        assert!(middle(&[0.0, 0.0], &[0.0, 1.0, 1.0, 1.0]).is_none());
        assert!(middle(&[0.0, f64::NAN, 1.0, 1.0], &[0.0, 1.0, 1.0, 1.0]).is_none());
    }

    #[test]
    fn edges_enclose_an_area_whichever_way_they_run() {
        let first = [0.0, 0.0, 4.0, 0.0];
        let expected = vec![0.0, 0.0, 4.0, 0.0, 4.0, 2.0, 0.0, 2.0];
        assert_eq!(
            between_edges(&first, &[0.0, 2.0, 4.0, 2.0]).unwrap(),
            expected
        );
        assert_eq!(
            between_edges(&first, &[4.0, 2.0, 0.0, 2.0]).unwrap(),
            expected
        );
    }

    #[test]
    fn polygons_are_open() {
        let triangle = vec![0.0, 0.0, 1.0, 0.0, 0.0, 1.0];
        let mut closed = triangle.clone();
        closed.extend([0.0, 0.0]);
        assert_eq!(open_polygon(closed).unwrap(), triangle);
        assert!(open_polygon(vec![0.0, 0.0, 1.0, 0.0]).is_none());
    }
}
