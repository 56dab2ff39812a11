//! What no car and no person does: the bounds that every composed drive keeps, each with its source.
//!
//! Where a source says "chosen", the figure is ours. They hold for the rows that differ from the host's, measured at the stamps of the rows; see [`Checks`](super::Checks).

/// Braking, m/s².
pub(crate) const DECEL_MAX_MPS2: f64 = 8.0;
/// Speeding up, m/s².
pub(crate) const ACCEL_MAX_MPS2: f64 = 4.6;
/// Lateral acceleration, m/s².
pub(crate) const LATERAL_MAX_MPS2: f64 = 4.0;
/// Curvature, 1/m.
pub(crate) const CURVATURE_MAX_PER_M: f64 = 0.2;
/// Change of the longitudinal acceleration over [`JERK_TIME_S`], m/s³.
pub(crate) const JERK_MAX_MPS3: f64 = 12.65;
/// Time over which a jerk is taken: in that the brakes of the driver in UN Regulation 157 come to their full force.
pub(crate) const JERK_TIME_S: f64 = 0.6;
/// Backward motion between two rows, m.
pub(crate) const REVERSE_MAX_M: f64 = 0.1;
/// Speed on foot, m/s.
pub(crate) const WALK_SPEED_MAX_MPS: f64 = 2.5;
/// Acceleration on foot, m/s².
pub(crate) const WALK_ACCEL_MAX_MPS2: f64 = 2.5;
/// Deceleration of what slides on the road, m/s².
pub(crate) const SLIDE_DECEL_MAX_MPS2: f64 = 9.81;
/// Time between two stamps with which differences of rows say something, s.
pub(crate) const FRAME_GAP_MAX_S: f64 = 0.25;

/// A bound, as it is published.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    /// The check that keeps it.
    pub check: &'static str,
    /// Its value.
    pub value: f64,
    /// The unit.
    pub unit: &'static str,
    /// Where it comes from.
    pub source: &'static str,
}

/// The bounds on motion.
pub const BOUNDS: [Bound; 10] = [
    bound(
        "longitudinal_decel_mps2",
        DECEL_MAX_MPS2,
        "m/s²",
        "chosen: what tyres on dry asphalt give, about 0.8 g; more than the 0.774 g to which the competent and careful \
         driver of UN Regulation 157 brakes",
    ),
    bound(
        "longitudinal_accel_mps2",
        ACCEL_MAX_MPS2,
        "m/s²",
        "chosen: from 0 to 100 km/h in 6 s",
    ),
    bound(
        "longitudinal_jerk_mps3",
        JERK_MAX_MPS3,
        "m/s³, over 0.6 s",
        "0.774 g within 0.6 s, as the competent and careful driver of UN Regulation 157 brakes; chosen: that this mean rate is \
         a bound on every change",
    ),
    bound(
        "lateral_accel_mps2",
        LATERAL_MAX_MPS2,
        "m/s²",
        "chosen: half of what the same tyres give, for a driver who keeps the car in hand",
    ),
    bound(
        "curvature_per_m",
        CURVATURE_MAX_PER_M,
        "1/m",
        "chosen: a turning circle of 10 m, as passenger cars have it",
    ),
    bound(
        "reverse_m",
        REVERSE_MAX_M,
        "m",
        "chosen: backward motion between two rows that is an error of the recording, not reversing",
    ),
    bound(
        "walk_speed_mps",
        WALK_SPEED_MAX_MPS,
        "m/s",
        "chosen: a little more than the 8 km/h (2.2 m/s) of somebody who runs",
    ),
    bound(
        "walk_accel_mps2",
        WALK_ACCEL_MAX_MPS2,
        "m/s²",
        "chosen: more than somebody who sets out needs, who is at 2.2 m/s within a second",
    ),
    bound(
        "slide_decel_mps2",
        SLIDE_DECEL_MAX_MPS2,
        "m/s²",
        "chosen: friction of no more than one times the weight",
    ),
    bound(
        "overlaps",
        0.0,
        "pairs of rows",
        "bodies are solid: no two boxes overlap that do not in the host; the conflict of an edit is a small gap",
    ),
];

const fn bound(check: &'static str, value: f64, unit: &'static str, source: &'static str) -> Bound {
    Bound {
        check,
        value,
        unit,
        source,
    }
}
