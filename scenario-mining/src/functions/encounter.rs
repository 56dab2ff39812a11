//! Two oriented rectangles, still or moving in straight lines without turning. `None` is "not defined here", a null in SQL.

use driveloop_schemas::geometry::{OrientedBox, segment_distance_m};
use driveloop_schemas::maths::{hypot, sin, sin_cos};

use super::{ANY_FRAME, DrivingFunction, Evaluate, FunctionDoc};

/// Two rectangles and the velocities of their centres.
const TWO_MOVERS: &[&str] = &[
    "x1_m",
    "y1_m",
    "yaw1_rad",
    "length1_m",
    "width1_m",
    "vx1_mps",
    "vy1_mps",
    "x2_m",
    "y2_m",
    "yaw2_rad",
    "length2_m",
    "width2_m",
    "vx2_mps",
    "vy2_mps",
];
/// The same, and how far to look ahead.
const TWO_MOVERS_AND_HORIZON: &[&str] = &[
    "x1_m",
    "y1_m",
    "yaw1_rad",
    "length1_m",
    "width1_m",
    "vx1_mps",
    "vy1_mps",
    "x2_m",
    "y2_m",
    "yaw2_rad",
    "length2_m",
    "width2_m",
    "vx2_mps",
    "vy2_mps",
    "horizon_s",
];
/// Distances this near to the least one count as it: what is level for a while is nearest from its start on.
const LEVEL_M: f64 = 1e-9;
/// Paths that cross at a smaller angle are parallel: the area that they share is longer than any pair of vehicles meets on.
const PARALLEL_RAD: f64 = 0.01;

/// The functions, in the order of the documentation.
pub(super) static FUNCTIONS: &[DrivingFunction] = &[
    DrivingFunction {
        doc: FunctionDoc {
            name: "box_distance_m",
            arguments: &[
                "x1_m",
                "y1_m",
                "yaw1_rad",
                "length1_m",
                "width1_m",
                "x2_m",
                "y2_m",
                "yaw2_rad",
                "length2_m",
                "width2_m",
            ],
            unit: "m",
            frame: ANY_FRAME,
            doc: "Least distance of two oriented rectangles; zero where they overlap.",
            null_when: "a length or width is negative",
            source: "separating axis theorem",
        },
        evaluate: Evaluate::Number(|v| Some(rectangle(&v[..5])?.distance_m(&rectangle(&v[5..])?))),
    },
    DrivingFunction {
        doc: FunctionDoc {
            name: "ttc_boxes_s",
            arguments: TWO_MOVERS,
            unit: "s",
            frame: ANY_FRAME,
            doc: "Time to collision, exact: until two oriented rectangles touch if both keep their velocity and do not turn; zero where they overlap.",
            null_when: "they never touch, or a length or width is negative",
            source: "separating axis theorem over time; Hayward (1972) in two dimensions",
        },
        evaluate: Evaluate::Number(|v| {
            contact_s(&Mover::from_values(&v[..7])?, &Mover::from_values(&v[7..])?)
        }),
    },
    DrivingFunction {
        doc: FunctionDoc {
            name: "dce_boxes_m",
            arguments: TWO_MOVERS_AND_HORIZON,
            unit: "m",
            frame: ANY_FRAME,
            doc: "Distance of closest encounter, exact: the least distance of two oriented rectangles from now to the horizon if both keep their velocity and do not turn; zero where they touch.",
            null_when: "the horizon, a length or a width is negative",
            source: "Eggert, Predictive risk estimation for intelligent ADAS functions (2014)",
        },
        evaluate: Evaluate::Number(|v| closest(v).map(|closest| closest.distance_m)),
    },
    DrivingFunction {
        doc: FunctionDoc {
            name: "ttce_boxes_s",
            arguments: TWO_MOVERS_AND_HORIZON,
            unit: "s",
            frame: ANY_FRAME,
            doc: "Time to closest encounter: the first moment of `dce_boxes_m`; the time to collision where the rectangles touch, zero where they come no nearer than now.",
            null_when: "the horizon, a length or a width is negative",
            source: "Eggert, Predictive risk estimation for intelligent ADAS functions (2014)",
        },
        evaluate: Evaluate::Number(|v| closest(v).map(|closest| closest.time_s)),
    },
    DrivingFunction {
        doc: FunctionDoc {
            name: "pet_boxes_s",
            arguments: TWO_MOVERS,
            unit: "s",
            frame: ANY_FRAME,
            doc: "Post-encroachment time at constant velocities: from when the first rectangle has left the area that both sweep until the second enters it; negative where both are in it at once.",
            null_when: "one stands, their paths cross at less than 0.01 rad, both have left the area, or a length or width is negative",
            source: "Allen, Shin and Cooper, Analysis of traffic conflicts and collisions (1978)",
        },
        evaluate: Evaluate::Number(|v| {
            pet_s(&Mover::from_values(&v[..7])?, &Mover::from_values(&v[7..])?)
        }),
    },
];

/// Five values `x, y, yaw, length, width`.
fn rectangle(v: &[f64]) -> Option<OrientedBox> {
    (v[3] >= 0.0 && v[4] >= 0.0).then(|| OrientedBox {
        x_m: v[0],
        y_m: v[1],
        yaw_rad: v[2],
        length_m: v[3],
        width_m: v[4],
    })
}

/// A rectangle that keeps its velocity and does not turn.
struct Mover {
    rectangle: OrientedBox,
    velocity_mps: [f64; 2],
}

impl Mover {
    /// Seven values `x, y, yaw, length, width, vx, vy`.
    fn from_values(v: &[f64]) -> Option<Self> {
        Some(Self {
            rectangle: rectangle(&v[..5])?,
            velocity_mps: [v[5], v[6]],
        })
    }

    fn speed_mps(&self) -> f64 {
        hypot(self.velocity_mps[0], self.velocity_mps[1])
    }

    /// The velocity as another one sees it.
    fn velocity_from(&self, other: &Self) -> [f64; 2] {
        [0, 1].map(|i| self.velocity_mps[i] - other.velocity_mps[i])
    }

    /// Where its centre is from another one's, along an axis.
    fn apart_m(&self, other: &Self, axis: [f64; 2]) -> f64 {
        let (to, from) = (&self.rectangle, &other.rectangle);
        dot([to.x_m - from.x_m, to.y_m - from.y_m], axis)
    }

    /// Half of the length of its shadow on an axis.
    fn half_shadow_m(&self, axis: [f64; 2]) -> f64 {
        let (sin, cos) = sin_cos(self.rectangle.yaw_rad);
        let (length_m, width_m) = (self.rectangle.length_m, self.rectangle.width_m);
        (length_m * dot([cos, sin], axis).abs() + width_m * dot([-sin, cos], axis).abs()) / 2.0
    }
}

fn dot(a: [f64; 2], b: [f64; 2]) -> f64 {
    a[0] * b[0] + a[1] * b[1]
}

/// When the rectangles first touch. On each axis of theirs the shadows overlap in one interval of time, and the rectangles
/// do in the intersection of the four.
fn contact_s(a: &Mover, b: &Mover) -> Option<f64> {
    let velocity_mps = b.velocity_from(a);
    let (mut enter_s, mut leave_s) = (0.0_f64, f64::INFINITY);
    for yaw_rad in [a.rectangle.yaw_rad, b.rectangle.yaw_rad] {
        let (sin, cos) = sin_cos(yaw_rad);
        for axis in [[cos, sin], [-sin, cos]] {
            let apart_m = b.apart_m(a, axis);
            let reach_m = a.half_shadow_m(axis) + b.half_shadow_m(axis);
            let speed_mps = dot(velocity_mps, axis);
            if speed_mps != 0.0 {
                let (from_s, to_s) = passage_s(apart_m, reach_m, speed_mps);
                enter_s = enter_s.max(from_s);
                leave_s = leave_s.min(to_s);
            } else if apart_m.abs() > reach_m {
                return None;
            }
        }
    }
    (enter_s <= leave_s).then_some(enter_s)
}

/// When what is `apart_m` away and moves at `speed_mps` is within `reach_m` of zero: from and to.
fn passage_s(apart_m: f64, reach_m: f64, speed_mps: f64) -> (f64, f64) {
    let (s, t) = (
        (-reach_m - apart_m) / speed_mps,
        (reach_m - apart_m) / speed_mps,
    );
    (s.min(t), s.max(t))
}

/// The nearest that two rectangles come.
#[derive(Clone, Copy)]
struct Closest {
    distance_m: f64,
    time_s: f64,
}

/// Fifteen values: two movers and the horizon. While the rectangles are apart, their nearest points are a corner of one and
/// a point of a side of the other, and along a straight path a corner is nearest to a side at the start of the path, at its
/// end, or where it passes an end of the side.
fn closest(v: &[f64]) -> Option<Closest> {
    let (a, mut b) = (Mover::from_values(&v[..7])?, Mover::from_values(&v[7..14])?);
    let horizon_s = v[14];
    if horizon_s < 0.0 {
        return None;
    }
    if let Some(time_s) = contact_s(&a, &b).filter(|time_s| *time_s <= horizon_s) {
        let distance_m = 0.0;
        return Some(Closest { distance_m, time_s });
    }
    // From the first one's centre, so that large coordinates cost no digits.
    b.rectangle.x_m -= a.rectangle.x_m;
    b.rectangle.y_m -= a.rectangle.y_m;
    let a_here = OrientedBox {
        x_m: 0.0,
        y_m: 0.0,
        ..a.rectangle
    };
    let moments: Vec<Closest> = [
        passages(&b.rectangle, &a_here, b.velocity_from(&a), horizon_s),
        passages(&a_here, &b.rectangle, a.velocity_from(&b), horizon_s),
    ]
    .concat();
    let distances = moments.iter().map(|moment| moment.distance_m);
    let least_m = distances.fold(f64::INFINITY, f64::min);
    let level = moments
        .iter()
        .filter(|moment| moment.distance_m <= least_m + LEVEL_M);
    Some(Closest {
        distance_m: least_m,
        time_s: level.map(|moment| moment.time_s).fold(horizon_s, f64::min),
    })
}

/// The moments at which a corner of one rectangle, on its way, can be nearest to a side of a still one.
fn passages(
    moving: &OrientedBox,
    still: &OrientedBox,
    velocity_mps: [f64; 2],
    horizon_s: f64,
) -> Vec<Closest> {
    let sides = still.corners();
    let squared = dot(velocity_mps, velocity_mps);
    let mut moments = Vec::with_capacity(64);
    for corner in moving.corners() {
        for (index, from) in sides.iter().enumerate() {
            let to = sides[(index + 1) % 4];
            let passes = [*from, to].map(|end| {
                let way_m = [end[0] - corner[0], end[1] - corner[1]];
                (dot(way_m, velocity_mps) / squared).clamp(0.0, horizon_s)
            });
            for time_s in [0.0, passes[0], passes[1], horizon_s] {
                let there = [0, 1].map(|i| corner[i] + velocity_mps[i] * time_s);
                let distance_m = segment_distance_m(there, *from, to);
                // Nobody passes anything at no speed.
                if distance_m.is_finite() {
                    moments.push(Closest { distance_m, time_s });
                }
            }
        }
    }
    moments
}

/// The time between the stays of the two in the area that both sweep: who stays there first leaves, then the other enters.
fn pet_s(a: &Mover, b: &Mover) -> Option<f64> {
    let (a_stay, b_stay) = (stay_s(a, b)?, stay_s(b, a)?);
    if a_stay.1 < 0.0 && b_stay.1 < 0.0 {
        return None;
    }
    let (first, second) = if a_stay.0 <= b_stay.0 {
        (a_stay, b_stay)
    } else {
        (b_stay, a_stay)
    };
    Some(second.0 - first.1)
}

/// From when to when one is in the strip that the other sweeps: its own strip has no end, so that is its stay in the area
/// that both have in common.
fn stay_s(one: &Mover, other: &Mover) -> Option<(f64, f64)> {
    let other_mps = other.speed_mps();
    let across = [-other.velocity_mps[1], other.velocity_mps[0]].map(|v| v / other_mps);
    let speed_mps = dot(one.velocity_mps, across);
    let crosses = speed_mps.abs() > one.speed_mps() * sin(PARALLEL_RAD);
    let reach_m = one.half_shadow_m(across) + other.half_shadow_m(across);
    crosses.then(|| passage_s(one.apart_m(other, across), reach_m, speed_mps))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A car of 4 m by 2 m.
    fn car(x_m: f64, y_m: f64, vx_mps: f64, vy_mps: f64) -> [f64; 7] {
        [x_m, y_m, 0.0, 4.0, 2.0, vx_mps, vy_mps]
    }

    fn closest_of(a: [f64; 7], b: [f64; 7], horizon_s: f64) -> Option<(f64, f64)> {
        let values = [&a[..], &b[..], &[horizon_s]].concat();
        closest(&values).map(|closest| (closest.distance_m, closest.time_s))
    }

    #[test]
    fn the_horizon_ends_the_approach() {
        let (a, b) = (car(0.0, 0.0, 0.0, 0.0), car(24.0, 0.0, -5.0, 0.0));
        assert_eq!(closest_of(a, b, 2.0), Some((10.0, 2.0)));
        assert_eq!(closest_of(a, b, 20.0), Some((0.0, 4.0)));
        assert_eq!(closest_of(a, b, 0.0), Some((20.0, 0.0)));
        assert_eq!(closest_of(a, b, -1.0), None);
    }

    #[test]
    fn level_for_a_while_is_nearest_from_its_start_on() {
        let (a, b) = (car(0.0, 0.0, 0.0, 0.0), car(24.0, 5.0, -5.0, 0.0));
        assert_eq!(closest_of(a, b, 20.0), Some((3.0, 4.0)));
        let far = 1e7;
        let (a, b) = (
            car(far, far, 0.0, 0.0),
            car(far + 24.0, far + 5.0, -5.0, 0.0),
        );
        assert_eq!(closest_of(a, b, 20.0), Some((3.0, 4.0)));
    }

    #[test]
    fn the_least_distance_is_that_of_a_fine_search() {
        for turn in 0..40 {
            let angle = f64::from(turn) * 0.37;
            let a = [
                0.0,
                0.0,
                angle,
                4.8,
                1.9,
                9.0 * angle.cos(),
                9.0 * angle.sin(),
            ];
            let b = [
                30.0,
                6.0 * (angle * 2.0).sin(),
                -2.0 * angle,
                4.6,
                1.8,
                -7.0,
                angle.cos(),
            ];
            let (distance_m, time_s) = closest_of(a, b, 6.0).unwrap();
            let at = |v: &[f64; 7], t: f64| {
                let [x, y, yaw, length, width, vx, vy] = *v;
                rectangle(&[x + vx * t, y + vy * t, yaw, length, width]).unwrap()
            };
            let fine = (0..=6000)
                .map(|step| f64::from(step) / 1000.0)
                .map(|t| at(&a, t).distance_m(&at(&b, t)))
                .fold(f64::INFINITY, f64::min);
            assert!(
                distance_m <= fine + 1e-9 && fine - distance_m < 0.02,
                "{turn}: {distance_m}, {fine}"
            );
            let then = at(&a, time_s).distance_m(&at(&b, time_s));
            assert!(
                (then - distance_m).abs() < 1e-6,
                "{turn}: {then}, {distance_m}"
            );
        }
    }

    #[test]
    fn encroachment_needs_paths_that_cross() {
        let pet = |a: [f64; 7], b: [f64; 7]| {
            pet_s(
                &Mover::from_values(&a).unwrap(),
                &Mover::from_values(&b).unwrap(),
            )
        };
        // The area is 2 m wide and 4 m long: one leaves it after 2.4 s, the other enters it after 4 s.
        let (east, north) = (car(-20.0, 0.0, 10.0, 0.0), car(0.0, -22.0, 0.0, 5.0));
        assert_eq!(pet(east, north), Some(4.0 - 2.4));
        assert_eq!(pet(north, east), pet(east, north));
        // It has left already, the other comes: that is what the measure is about.
        let gone = car(10.0, 0.0, 10.0, 0.0);
        assert_eq!(pet(gone, north), Some(4.0 + 0.6));
        assert_eq!(pet(gone, car(0.0, 22.0, 0.0, 5.0)), None);
        assert_eq!(pet(east, car(0.0, -22.0, 0.0, 0.0)), None);
        assert_eq!(pet(east, car(40.0, 0.1, -10.0, 0.05)), None);
    }
}
