//! Offsets, sideways speeds and directions. `None` is "not defined here", a null in SQL.

use driveloop_schemas::maths::{atan2, sin_cos};
use driveloop_schemas::pose::wrap_rad;

use super::{ANY_FRAME, DrivingFunction, Evaluate, FunctionDoc};

/// The functions, in the order of the documentation.
pub(super) static FUNCTIONS: &[DrivingFunction] = &[
    DrivingFunction {
        doc: FunctionDoc {
            name: "lateral_offset_m",
            arguments: &["x_m", "y_m", "line_x_m", "line_y_m", "line_yaw_rad"],
            unit: "m",
            frame: ANY_FRAME,
            doc: "Signed distance of a point from the straight line through a pose, positive to its left. Along a lane, `lane_place` gives it.",
            null_when: "-",
            source: "plane geometry",
        },
        evaluate: Evaluate::Number(|v| Some(across(v[0] - v[2], v[1] - v[3], v[4]))),
    },
    DrivingFunction {
        doc: FunctionDoc {
            name: "lateral_speed_mps",
            arguments: &["vx_mps", "vy_mps", "line_yaw_rad"],
            unit: "m/s",
            frame: ANY_FRAME,
            doc: "Speed across a line: the part of a velocity to the left of the line's direction, vy cos(yaw) - vx sin(yaw). Across a lane, with the yaw of `lane_place`.",
            null_when: "-",
            source: "plane geometry",
        },
        evaluate: Evaluate::Number(|v| Some(across(v[0], v[1], v[2]))),
    },
    DrivingFunction {
        doc: FunctionDoc {
            name: "path_offset_m",
            arguments: &["x_m", "y_m", "curvature_per_m"],
            unit: "m",
            frame: "ego: x forward, y left",
            doc: "Signed distance of a point from the arc that the ego drives: positive to the left, curvature = yaw rate / speed, a straight line where it is zero.",
            null_when: "-",
            source: "plane geometry",
        },
        evaluate: Evaluate::Number(|v| Some(path_offset_m(v[0], v[1], v[2]))),
    },
    DrivingFunction {
        doc: FunctionDoc {
            name: "path_lateral_speed_mps",
            arguments: &["x_m", "y_m", "vx_mps", "vy_mps", "curvature_per_m"],
            unit: "m/s",
            frame: "ego: x forward, y left; the velocity over ground",
            doc: "Speed across the arc that the ego drives, at the point of it that is nearest: the rate of `path_offset_m`, positive to the left.",
            null_when: "the point is the centre of the arc",
            source: "plane geometry",
        },
        evaluate: Evaluate::Number(path_lateral_speed_mps),
    },
    DrivingFunction {
        doc: FunctionDoc {
            name: "heading_difference_rad",
            arguments: &["yaw_rad", "other_yaw_rad"],
            unit: "rad",
            frame: ANY_FRAME,
            doc: "The turn that takes the first heading to the second, in (-π, π], positive to the left: 0 is the same way, ±π the opposite one.",
            null_when: "-",
            source: "plane geometry",
        },
        evaluate: Evaluate::Number(|v| Some(wrap_rad(v[1] - v[0]))),
    },
    DrivingFunction {
        doc: FunctionDoc {
            name: "relative_direction",
            arguments: &[
                "x_m",
                "y_m",
                "yaw_rad",
                "length_m",
                "width_m",
                "other_x_m",
                "other_y_m",
            ],
            unit: "-",
            frame: ANY_FRAME,
            doc: "Where a point, such as the centre of another actor, is seen from a box: `ahead`, `behind`, `left` or `right`, by the side of the box that it is farthest beyond; ahead and behind win from a corner on.",
            null_when: "the point is in the box, or the length or the width is negative",
            source: "plane geometry, bounded by the diagonals that leave the corners",
        },
        evaluate: Evaluate::Text(relative_direction),
    },
    DrivingFunction {
        doc: FunctionDoc {
            name: "wrap_rad",
            arguments: &["angle_rad"],
            unit: "rad",
            frame: "-",
            doc: "The angle in (-π, π].",
            null_when: "-",
            source: "plane geometry",
        },
        evaluate: Evaluate::Number(|v| Some(wrap_rad(v[0]))),
    },
    DrivingFunction {
        doc: FunctionDoc {
            name: "finite",
            arguments: &["value"],
            unit: "as given",
            frame: "-",
            doc: "The value, so that comparisons and means pass over one that is NaN or infinite.",
            null_when: "-",
            source: "-",
        },
        evaluate: Evaluate::Number(|v| Some(v[0])),
    },
];

/// The part of a vector to the left of a direction.
fn across(x: f64, y: f64, yaw_rad: f64) -> f64 {
    let (sin, cos) = sin_cos(yaw_rad);
    y * cos - x * sin
}

/// Signed distance of a point from the arc that leaves the origin along x; written so that curvature zero is no special case.
fn path_offset_m(x_m: f64, y_m: f64, curvature_per_m: f64) -> f64 {
    let twice = 2.0 * y_m - curvature_per_m * (x_m * x_m + y_m * y_m);
    // Squared ratio of the distance to the arc's centre and its radius, so never below zero but for rounding.
    let ratio = (1.0 - curvature_per_m * twice).max(0.0).sqrt();
    twice / (1.0 + ratio)
}

/// Five values `x, y, vx, vy, curvature`: the arc's centre is at `(0, 1/curvature)`, its direction nearest to a point is
/// square to the way from there to the centre.
fn path_lateral_speed_mps(v: &[f64]) -> Option<f64> {
    let (along, beside) = (v[4] * v[0], 1.0 - v[4] * v[1]);
    (along != 0.0 || beside != 0.0).then(|| across(v[2], v[3], atan2(along, beside)))
}

/// Seven values: pose and extents of the box, and the point.
fn relative_direction(v: &[f64]) -> Option<&'static str> {
    let (length_m, width_m) = (v[3], v[4]);
    let (dx, dy) = (v[5] - v[0], v[6] - v[1]);
    let (sin, cos) = sin_cos(v[2]);
    let (forward_m, left_m) = (dx * cos + dy * sin, dy * cos - dx * sin);
    let (beyond_end_m, beyond_side_m) = (
        forward_m.abs() - length_m / 2.0,
        left_m.abs() - width_m / 2.0,
    );
    if length_m < 0.0 || width_m < 0.0 || beyond_end_m.max(beyond_side_m) <= 0.0 {
        return None;
    }
    Some(if beyond_end_m >= beyond_side_m {
        if forward_m > 0.0 { "ahead" } else { "behind" }
    } else if left_m > 0.0 {
        "left"
    } else {
        "right"
    })
}
