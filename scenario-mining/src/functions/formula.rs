//! The formulas behind the driving functions. `None` is "not defined here", a null in SQL.

use driveloop_schemas::geometry::OrientedBox;
use driveloop_schemas::pose;

/// Bumper-to-bumper gap along x between the one behind and the one in front.
pub(super) fn gap_m(rear_x_m: f64, rear_length_m: f64, front_x_m: f64, front_length_m: f64) -> f64 {
    (front_x_m - front_length_m / 2.0) - (rear_x_m + rear_length_m / 2.0)
}

/// Time in which the one behind covers the gap at its speed.
pub(super) fn time_headway_s(gap_m: f64, rear_speed_mps: f64) -> Option<f64> {
    (gap_m >= 0.0 && rear_speed_mps > 0.0).then(|| gap_m / rear_speed_mps)
}

/// Time until the gap is closed at constant speeds.
pub(super) fn ttc_s(gap_m: f64, closing_speed_mps: f64) -> Option<f64> {
    (gap_m >= 0.0 && closing_speed_mps > 0.0).then(|| gap_m / closing_speed_mps)
}

/// Constant deceleration that ends the closing just at contact.
pub(super) fn drac_mps2(gap_m: f64, closing_speed_mps: f64) -> Option<f64> {
    let closing_mps = closing_speed_mps.max(0.0);
    (gap_m > 0.0).then(|| closing_mps * closing_mps / (2.0 * gap_m))
}

/// Signed distance of a point from the line through a pose, positive to the left.
pub(super) fn lateral_offset_m(
    x_m: f64,
    y_m: f64,
    line_x_m: f64,
    line_y_m: f64,
    line_yaw_rad: f64,
) -> f64 {
    let (sin, cos) = line_yaw_rad.sin_cos();
    (y_m - line_y_m) * cos - (x_m - line_x_m) * sin
}

/// Signed distance of a point from the arc that leaves the origin along x; written so that curvature zero is no special case.
pub(super) fn path_offset_m(x_m: f64, y_m: f64, curvature_per_m: f64) -> f64 {
    let twice = 2.0 * y_m - curvature_per_m * (x_m * x_m + y_m * y_m);
    // Squared ratio of the distance to the arc's centre and its radius, so never below zero but for rounding.
    let ratio = (1.0 - curvature_per_m * twice).max(0.0).sqrt();
    twice / (1.0 + ratio)
}

/// Five values `x, y, yaw, length, width`.
fn box_from_values(v: &[f64]) -> OrientedBox {
    OrientedBox {
        x_m: v[0],
        y_m: v[1],
        yaw_rad: v[2],
        length_m: v[3],
        width_m: v[4],
    }
}

/// Least distance of two oriented rectangles: ten values.
pub(super) fn box_distance_m(v: &[f64]) -> f64 {
    box_from_values(&v[..5]).distance_m(&box_from_values(&v[5..]))
}

/// Time until two oriented rectangles touch at constant velocity, without turning: fourteen values,
/// `x, y, yaw, length, width, vx, vy` of each. Separating axis theorem over time: on each axis the shadows overlap in one
/// interval, and the rectangles do in the intersection of the four.
pub(super) fn ttc_boxes_s(v: &[f64]) -> Option<f64> {
    let (a, b) = (box_from_values(&v[..5]), box_from_values(&v[7..12]));
    let (relative_vx_mps, relative_vy_mps) = (v[12] - v[5], v[13] - v[6]);
    let (mut enter_s, mut leave_s) = (0.0_f64, f64::INFINITY);
    for yaw_rad in [a.yaw_rad, b.yaw_rad] {
        let (sin, cos) = yaw_rad.sin_cos();
        for axis in [[cos, sin], [-sin, cos]] {
            let apart_m = (b.x_m - a.x_m) * axis[0] + (b.y_m - a.y_m) * axis[1];
            let speed_mps = relative_vx_mps * axis[0] + relative_vy_mps * axis[1];
            let reach_m = half_shadow_m(&a, axis) + half_shadow_m(&b, axis);
            if speed_mps == 0.0 {
                if apart_m.abs() > reach_m {
                    return None;
                }
                continue;
            }
            let (s, t) = (
                (-reach_m - apart_m) / speed_mps,
                (reach_m - apart_m) / speed_mps,
            );
            enter_s = enter_s.max(s.min(t));
            leave_s = leave_s.min(s.max(t));
        }
    }
    (enter_s <= leave_s).then_some(enter_s)
}

fn half_shadow_m(rectangle: &OrientedBox, axis: [f64; 2]) -> f64 {
    let (sin, cos) = rectangle.yaw_rad.sin_cos();
    rectangle.length_m / 2.0 * (cos * axis[0] + sin * axis[1]).abs()
        + rectangle.width_m / 2.0 * (cos * axis[1] - sin * axis[0]).abs()
}

/// The angle in (-π, π].
pub(super) fn wrap_rad(angle_rad: f64) -> f64 {
    pose::wrap_rad(angle_rad)
}
