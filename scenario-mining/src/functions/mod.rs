//! The driving functions of SQL: what each is, and its registration with the query engine.
//!
//! All take and return doubles. A null, NaN or infinite argument gives null; so does a situation in which the quantity is
//! not defined, such as a time to collision of two that move apart.

mod formula;
mod scalar;

use datafusion::prelude::SessionContext;

/// What a driving function is, for help texts.
#[derive(Debug, Clone, Copy)]
pub struct FunctionDoc {
    /// Name in SQL.
    pub name: &'static str,
    /// Arguments in order, unit in the name; they can also be given by name (`gap_m(rear_x_m => 0.0, …)`).
    pub arguments: &'static [&'static str],
    /// Unit of the result.
    pub unit: &'static str,
    /// The formula in words, and when it is null.
    pub doc: &'static str,
    /// Where the definition comes from.
    pub source: &'static str,
}

/// A function and how to evaluate it on one row.
pub(crate) struct DrivingFunction {
    doc: FunctionDoc,
    evaluate: fn(&[f64]) -> Option<f64>,
}

macro_rules! function {
    ($name:literal ($($argument:literal),+) [$unit:literal] $doc:literal, $source:literal, $evaluate:expr) => {
        DrivingFunction {
            doc: FunctionDoc {
                name: $name,
                arguments: &[$($argument),+],
                unit: $unit,
                doc: $doc,
                source: $source,
            },
            evaluate: $evaluate,
        }
    };
}

/// Every driving function, in the order of the documentation.
static FUNCTIONS: [DrivingFunction; 11] = [
    function!("gap_m" ("rear_x_m", "rear_length_m", "front_x_m", "front_length_m") ["m"]
        "Bumper-to-bumper gap along x: (front_x - front_length/2) - (rear_x + rear_length/2); negative where the two overlap along x.",
        "SAE J2944 (2015), gap",
        |v| Some(formula::gap_m(v[0], v[1], v[2], v[3]))),
    function!("closing_speed_mps" ("rear_speed_mps", "front_speed_mps") ["m/s"]
        "rear_speed - front_speed; positive where the gap shrinks.",
        "SAE J2944 (2015), closing speed",
        |v| Some(v[0] - v[1])),
    function!("time_headway_s" ("gap_m", "rear_speed_mps") ["s"]
        "gap / speed of the one behind, from its front bumper to the rear bumper ahead; null where it stands or the gap is negative.",
        "SAE J2944 (2015), time gap",
        |v| formula::time_headway_s(v[0], v[1])),
    function!("ttc_s" ("gap_m", "closing_speed_mps") ["s"]
        "Time to collision along x: gap / closing speed; null where the gap does not shrink or is negative.",
        "Hayward, Near-miss determination through use of a scale of danger (1972)",
        |v| formula::ttc_s(v[0], v[1])),
    function!("drac_mps2" ("gap_m", "closing_speed_mps") ["m/s²"]
        "Deceleration to avoid the crash: closing speed² / (2 gap); zero where the gap does not shrink, null where there is none.",
        "Cooper and Ferguson, Traffic studies at T-junctions (1976)",
        |v| formula::drac_mps2(v[0], v[1])),
    function!("lateral_offset_m" ("x_m", "y_m", "line_x_m", "line_y_m", "line_yaw_rad") ["m"]
        "Signed distance of a point from the line through a pose, positive to the left.",
        "plane geometry",
        |v| Some(formula::lateral_offset_m(v[0], v[1], v[2], v[3], v[4]))),
    function!("path_offset_m" ("x_m", "y_m", "curvature_per_m") ["m"]
        "Signed distance of a point, seen from the ego, from the arc that the ego drives: positive to the left, curvature = yaw rate / speed, a straight line where it is zero.",
        "plane geometry",
        |v| Some(formula::path_offset_m(v[0], v[1], v[2]))),
    function!("box_distance_m" ("x1_m", "y1_m", "yaw1_rad", "length1_m", "width1_m",
            "x2_m", "y2_m", "yaw2_rad", "length2_m", "width2_m") ["m"]
        "Least distance of two oriented rectangles; zero where they overlap.",
        "separating axis theorem",
        |v| Some(formula::box_distance_m(v))),
    function!("ttc_boxes_s" ("x1_m", "y1_m", "yaw1_rad", "length1_m", "width1_m", "vx1_mps", "vy1_mps",
            "x2_m", "y2_m", "yaw2_rad", "length2_m", "width2_m", "vx2_mps", "vy2_mps") ["s"]
        "Exact time until two oriented rectangles touch if both keep their velocity and do not turn; zero where they overlap, null where they never touch.",
        "separating axis theorem over time",
        formula::ttc_boxes_s),
    function!("wrap_rad" ("angle_rad") ["rad"]
        "The angle in (-π, π].",
        "plane geometry",
        |v| Some(formula::wrap_rad(v[0]))),
    function!("finite" ("value") ["as given"]
        "The value; null where it is NaN or infinite, so that comparisons and means pass over it.",
        "-",
        |v| Some(v[0])),
];

/// The driving functions, for help texts and documentation.
pub fn docs() -> impl Iterator<Item = &'static FunctionDoc> {
    FUNCTIONS.iter().map(|function| &function.doc)
}

/// Makes the driving functions known to a session.
pub(crate) fn register(context: &SessionContext) -> datafusion::error::Result<()> {
    for function in &FUNCTIONS {
        context.register_udf(scalar::udf(function)?);
    }
    Ok(())
}
