//! Quantities of two that follow each other along x. `None` is "not defined here", a null in SQL.

use super::{DrivingFunction, Evaluate, FunctionDoc};

/// Along the ego's axis, its lane or its path: whichever the caller measures along.
const ALONG: &str = "any axis, one for all arguments";

/// The functions, in the order of the documentation.
pub(super) static FUNCTIONS: &[DrivingFunction] = &[
    DrivingFunction {
        doc: FunctionDoc {
            name: "gap_m",
            arguments: &["rear_x_m", "rear_length_m", "front_x_m", "front_length_m"],
            unit: "m",
            frame: ALONG,
            doc: "Bumper-to-bumper gap along x: (front_x - front_length/2) - (rear_x + rear_length/2); negative where the two overlap along x.",
            null_when: "-",
            source: "SAE J2944 (2015), distance gap",
        },
        evaluate: Evaluate::Number(|v| Some(gap_m(v[0], v[1], v[2], v[3]))),
    },
    DrivingFunction {
        doc: FunctionDoc {
            name: "closing_speed_mps",
            arguments: &["rear_speed_mps", "front_speed_mps"],
            unit: "m/s",
            frame: ALONG,
            doc: "rear_speed - front_speed; positive where the gap shrinks.",
            null_when: "-",
            source: "SAE J2944 (2015), closing speed",
        },
        evaluate: Evaluate::Number(|v| Some(v[0] - v[1])),
    },
    DrivingFunction {
        doc: FunctionDoc {
            name: "time_headway_s",
            arguments: &["gap_m", "rear_speed_mps"],
            unit: "s",
            frame: ALONG,
            doc: "Time headway as a gap: gap / speed of the one behind, from its front bumper to the rear bumper ahead.",
            null_when: "the one behind stands, or the gap is negative",
            source: "SAE J2944 (2015), time gap",
        },
        evaluate: Evaluate::Number(|v| time_s(v[0], v[1])),
    },
    DrivingFunction {
        doc: FunctionDoc {
            name: "time_headway_front_s",
            arguments: &["gap_m", "front_length_m", "rear_speed_mps"],
            unit: "s",
            frame: ALONG,
            doc: "Time headway from front bumper to front bumper: (gap + length of the one ahead) / speed of the one behind.",
            null_when: "the one behind stands, or its front is past that of the one ahead",
            source: "SAE J2944 (2015), time headway; Highway Capacity Manual (2016), headway",
        },
        evaluate: Evaluate::Number(|v| time_s(v[0] + v[1], v[2])),
    },
    DrivingFunction {
        doc: FunctionDoc {
            name: "ttc_s",
            arguments: &["gap_m", "closing_speed_mps"],
            unit: "s",
            frame: ALONG,
            doc: "Time to collision along x at constant speeds: gap / closing speed.",
            null_when: "the gap does not shrink, or is negative",
            source: "Hayward, Near-miss determination through use of a scale of danger (1972)",
        },
        evaluate: Evaluate::Number(|v| time_s(v[0], v[1])),
    },
    DrivingFunction {
        doc: FunctionDoc {
            name: "drac_mps2",
            arguments: &["gap_m", "closing_speed_mps"],
            unit: "m/s²",
            frame: ALONG,
            doc: "Deceleration to avoid the crash, with which the closing ends just at contact: closing speed² / (2 gap); zero where the gap does not shrink.",
            null_when: "there is no gap",
            source: "Cooper and Ferguson, Traffic studies at T-junctions (1976)",
        },
        evaluate: Evaluate::Number(|v| drac_mps2(v[0], v[1])),
    },
];

fn gap_m(rear_x_m: f64, rear_length_m: f64, front_x_m: f64, front_length_m: f64) -> f64 {
    (front_x_m - front_length_m / 2.0) - (rear_x_m + rear_length_m / 2.0)
}

/// Time in which a distance is covered.
fn time_s(distance_m: f64, speed_mps: f64) -> Option<f64> {
    (distance_m >= 0.0 && speed_mps > 0.0).then(|| distance_m / speed_mps)
}

fn drac_mps2(gap_m: f64, closing_speed_mps: f64) -> Option<f64> {
    let closing_mps = closing_speed_mps.max(0.0);
    (gap_m > 0.0).then(|| closing_mps * closing_mps / (2.0 * gap_m))
}
