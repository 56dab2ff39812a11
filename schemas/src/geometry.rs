//! Oriented rectangles seen from above: corners, overlap and distance.

use crate::maths::{hypot, sin_cos};

/// A rectangle in the plane: an actor's box seen from above.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrientedBox {
    /// Centre, metres.
    pub x_m: f64,
    /// Centre, metres.
    pub y_m: f64,
    /// Heading of the length axis, counter-clockwise from x.
    pub yaw_rad: f64,
    /// Extent along the heading.
    pub length_m: f64,
    /// Extent across the heading.
    pub width_m: f64,
}

impl OrientedBox {
    /// The corners, counter-clockwise from front left.
    #[must_use]
    pub fn corners(&self) -> [[f64; 2]; 4] {
        let (sin, cos) = sin_cos(self.yaw_rad);
        let (l, w) = (self.length_m / 2.0, self.width_m / 2.0);
        [(l, w), (-l, w), (-l, -w), (l, -w)]
            .map(|(a, b)| [self.x_m + a * cos - b * sin, self.y_m + a * sin + b * cos])
    }

    /// Whether the rectangles share a point (separating axis theorem; touching counts).
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let (a, b) = (self.corners(), other.corners());
        let axes = [self.yaw_rad, other.yaw_rad].into_iter().flat_map(|yaw| {
            let (sin, cos) = sin_cos(yaw);
            [[cos, sin], [-sin, cos]]
        });
        axes.into_iter().all(|axis| {
            let (a_min, a_max) = extent(&a, axis);
            let (b_min, b_max) = extent(&b, axis);
            a_min <= b_max && b_min <= a_max
        })
    }

    /// The least distance between points of the rectangles in metres; zero where they overlap.
    #[must_use]
    pub fn distance_m(&self, other: &Self) -> f64 {
        if self.overlaps(other) {
            return 0.0;
        }
        let (a, b) = (self.corners(), other.corners());
        let ab = a.iter().map(|p| boundary_distance(*p, &b));
        let ba = b.iter().map(|p| boundary_distance(*p, &a));
        ab.chain(ba).fold(f64::INFINITY, f64::min)
    }
}

fn extent(corners: &[[f64; 2]; 4], axis: [f64; 2]) -> (f64, f64) {
    corners
        .iter()
        .map(|c| c[0] * axis[0] + c[1] * axis[1])
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), value| {
            (min.min(value), max.max(value))
        })
}

fn boundary_distance(p: [f64; 2], corners: &[[f64; 2]; 4]) -> f64 {
    (0..4)
        .map(|i| segment_distance_m(p, corners[i], corners[(i + 1) % 4]))
        .fold(f64::INFINITY, f64::min)
}

/// The distance from a point to a segment, metres.
#[must_use]
pub fn segment_distance_m(p: [f64; 2], a: [f64; 2], b: [f64; 2]) -> f64 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let squared = dx * dx + dy * dy;
    let along = (p[0] - a[0]) * dx + (p[1] - a[1]) * dy;
    let t = if squared > 0.0 {
        (along / squared).clamp(0.0, 1.0)
    } else {
        0.0
    };
    hypot(p[0] - a[0] - t * dx, p[1] - a[1] - t * dy)
}

/// Whether the point lies in the polygon (even-odd rule); `polygon` is `[x0, y0, x1, y1, …]`, open or closed.
#[must_use]
pub fn polygon_contains(polygon: &[f64], x_m: f64, y_m: f64) -> bool {
    let n = polygon.len() / 2;
    let point = |i: usize| (polygon[2 * i], polygon[2 * i + 1]);
    let mut inside = false;
    for i in 0..n {
        let (a, b) = (point(i), point((i + n - 1) % n));
        let crosses = (a.1 > y_m) != (b.1 > y_m);
        if crosses && x_m < (b.0 - a.0) * (y_m - a.1) / (b.1 - a.1) + a.0 {
            inside = !inside;
        }
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAR: OrientedBox = OrientedBox {
        x_m: 0.0,
        y_m: 0.0,
        yaw_rad: 0.0,
        length_m: 4.0,
        width_m: 2.0,
    };

    #[test]
    fn distance_is_between_the_nearest_points() {
        let ahead = OrientedBox { x_m: 10.0, ..CAR };
        assert!((CAR.distance_m(&ahead) - 6.0).abs() < 1e-12);
        let diagonal = OrientedBox {
            x_m: 7.0,
            y_m: 6.0,
            ..CAR
        };
        assert!((CAR.distance_m(&diagonal) - 5.0).abs() < 1e-12);
        let across = OrientedBox {
            x_m: 5.0,
            yaw_rad: std::f64::consts::FRAC_PI_2,
            ..CAR
        };
        assert!((CAR.distance_m(&across) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn overlap_has_no_distance() {
        let near = OrientedBox { x_m: 3.9, ..CAR };
        assert!(CAR.overlaps(&near));
        assert!(CAR.distance_m(&near).abs() < 1e-12);
        let crossed = OrientedBox {
            yaw_rad: 0.7,
            length_m: 20.0,
            width_m: 0.1,
            ..CAR
        };
        assert!(CAR.overlaps(&crossed));
    }

    #[test]
    fn a_polygon_contains_its_inside() {
        let square = [0.0, 0.0, 4.0, 0.0, 4.0, 4.0, 0.0, 4.0];
        assert!(polygon_contains(&square, 1.0, 3.0));
        assert!(!polygon_contains(&square, 5.0, 3.0));
        assert!(!polygon_contains(&[], 0.0, 0.0));
    }
}
