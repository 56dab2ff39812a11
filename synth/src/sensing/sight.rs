//! Lines of sight among boxes seen from above.

use driveloop_schemas::geometry::OrientedBox;
use driveloop_schemas::maths::{hypot, sin_cos};

/// A box that hides what is behind it, with its heading's sine and cosine worked out once.
pub(crate) struct Occluder {
    index: usize,
    body: OrientedBox,
    sin: f64,
    cos: f64,
    radius_m: f64,
}

impl Occluder {
    pub(crate) fn new(index: usize, body: OrientedBox) -> Self {
        let (sin, cos) = sin_cos(body.yaw_rad);
        let radius_m = hypot(body.length_m, body.width_m) / 2.0;
        Self {
            index,
            body,
            sin,
            cos,
            radius_m,
        }
    }

    /// Whether the segment touches the box.
    fn crosses(&self, a: [f64; 2], b: [f64; 2]) -> bool {
        self.clip(a, b).is_some()
    }

    /// The part of the segment in the box, as shares of its length, by clipping it to the box's two slabs.
    pub(crate) fn clip(&self, a: [f64; 2], b: [f64; 2]) -> Option<[f64; 2]> {
        if self.is_aside(a, b) {
            return None;
        }
        let local = |p: [f64; 2]| {
            let (x, y) = (p[0] - self.body.x_m, p[1] - self.body.y_m);
            [x * self.cos + y * self.sin, y * self.cos - x * self.sin]
        };
        let (a, b) = (local(a), local(b));
        let half = [self.body.length_m / 2.0, self.body.width_m / 2.0];
        let (mut from, mut to) = (0.0_f64, 1.0_f64);
        for axis in 0..2 {
            let step = b[axis] - a[axis];
            if step.abs() < 1e-12 {
                if a[axis].abs() > half[axis] {
                    return None;
                }
                continue;
            }
            let (t, u) = (
                (-half[axis] - a[axis]) / step,
                (half[axis] - a[axis]) / step,
            );
            from = from.max(t.min(u));
            to = to.min(t.max(u));
        }
        (from <= to).then_some([from, to])
    }

    /// Whether the circle around the box is clear of the segment's bounding box: cheap, and true of most.
    fn is_aside(&self, a: [f64; 2], b: [f64; 2]) -> bool {
        let centre = [self.body.x_m, self.body.y_m];
        (0..2).any(|axis| {
            let (low, high) = (a[axis].min(b[axis]), a[axis].max(b[axis]));
            centre[axis] + self.radius_m < low || centre[axis] - self.radius_m > high
        })
    }
}

/// Whether a ray from the eye reaches the middle or a corner of the box without crossing another.
pub(crate) fn is_in_sight(
    eye: [f64; 2],
    index: usize,
    target: &OrientedBox,
    occluders: &[Occluder],
) -> bool {
    let corners = target.corners().into_iter();
    corners.chain([[target.x_m, target.y_m]]).any(|point| {
        occluders
            .iter()
            .all(|other| other.index == index || !other.crosses(eye, point))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall() -> Occluder {
        let body = OrientedBox {
            x_m: 10.0,
            y_m: 0.0,
            yaw_rad: 0.3,
            length_m: 4.0,
            width_m: 2.0,
        };
        Occluder::new(0, body)
    }

    fn car_at(x_m: f64, y_m: f64) -> OrientedBox {
        OrientedBox {
            x_m,
            y_m,
            yaw_rad: 0.0,
            length_m: 4.5,
            width_m: 1.8,
        }
    }

    #[test]
    fn a_box_hides_what_is_behind_it() {
        let wall = wall();
        assert!(wall.crosses([0.0, 0.0], [20.0, 0.0]));
        assert!(!wall.crosses([0.0, 0.0], [20.0, 9.0]));
        assert!(!wall.crosses([0.0, 0.0], [7.0, 0.0]));
    }

    #[test]
    fn a_car_is_seen_while_one_of_its_corners_is() {
        let walls = [wall()];
        let is_seen = |x_m, y_m| is_in_sight([0.0, 0.0], 1, &car_at(x_m, y_m), &walls);
        // Seen from the origin, the wall covers bearings from −0.18 to 0.13 rad: at 25 m, up to 3.3 m to the left.
        assert!(!is_seen(25.0, 0.0));
        assert!(is_seen(25.0, 4.5));
        assert!(is_seen(5.0, 0.0), "before the wall");
        assert!(
            is_in_sight([0.0, 0.0], 0, &walls[0].body, &walls),
            "not hidden by itself"
        );
    }
}
