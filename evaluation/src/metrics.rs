//! The figures of one prediction.
//!
//! Displacement errors are those of the Argoverse motion forecasting benchmark (Chang et al., "Argoverse: 3D Tracking and
//! Forecasting with Rich Maps", CVPR 2019, section 5.3) for one prediction per actor, and so is the threshold of a miss, 2 m at the
//! end of the horizon, which Argoverse 2 kept (`compute_is_missed_prediction` of its API). Waymo's motion challenge (Ettinger et
//! al., ICCV 2021) has a box along the motion instead, 2 m along and 1 m across at 3 s.
//!
//! A figure is about the prediction, not about the world: where what really happened breaks the same rule, there is none.

use driveloop_schemas::geometry::OrientedBox;
use driveloop_schemas::maths::{atan2, hypot};

use crate::comfort::is_uncomfortable;
use crate::kind::ActorKind;
use crate::truth::{State, Truth};

/// A final displacement error above this is a miss.
pub const MISS_M: f64 = 2.0;
/// A step shorter than this (2 m/s) says nothing about the heading: a parked car that is predicted to drift sideways
/// by a hand's breadth does not turn across the road.
const HEADING_STEP_M: f64 = 0.2;

/// A figure of a prediction; smaller is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Mean distance between prediction and truth over the steps of the horizon, metres.
    Ade,
    /// Distance between prediction and truth at the last step, metres.
    Fde,
    /// 1 where the distance at the last step is above [`MISS_M`].
    Miss,
    /// 1 where the predicted box overlaps, at the same step, the box of another actor that really was there.
    ///
    /// The box has the actor's present size. It points along the predicted motion; over steps of less than 0.2 m it
    /// keeps the last heading, at first the present one. Boxes are seen from above. Not counted are the actor itself,
    /// others that it overlaps already at the present (a rider and the bicycle), and others that its real box overlaps
    /// at that step too: the fault is then in the labels, not in the prediction.
    Collision,
    /// 1 where the predicted centre of a motor vehicle leaves the road, which is the drivable area of the map, or its lanes
    /// where it has none (the off-road rate of the nuScenes prediction challenge; drivable area compliance of Argoverse, turned
    /// round).
    ///
    /// Only for motor vehicles whose real centre is on the road from the present to the end of the horizon, in drives whose map
    /// says where that is.
    OffRoad,
    /// 1 where a motor vehicle that drove as predicted would break a bound of comfort: [`is_uncomfortable`].
    ///
    /// Only for motor vehicles whose real path keeps the bounds.
    Discomfort,
}

impl Metric {
    /// All of them, in the order of [`Scores`].
    pub const ALL: [Self; 6] = [
        Self::Ade,
        Self::Fde,
        Self::Miss,
        Self::Collision,
        Self::OffRoad,
        Self::Discomfort,
    ];

    /// The name in the tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ade => "ade_m",
            Self::Fde => "fde_m",
            Self::Miss => "miss",
            Self::Collision => "collision",
            Self::OffRoad => "off_road",
            Self::Discomfort => "discomfort",
        }
    }
}

/// The figures of one prediction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scores {
    /// See [`Metric::Ade`].
    pub ade_m: f64,
    /// See [`Metric::Fde`].
    pub fde_m: f64,
    /// See [`Metric::Miss`].
    pub miss: bool,
    /// See [`Metric::Collision`].
    pub collision: bool,
    /// See [`Metric::OffRoad`]; `None` where it has no meaning.
    pub off_road: Option<bool>,
    /// See [`Metric::Discomfort`]; `None` where it has no meaning.
    pub discomfort: Option<bool>,
}

impl Scores {
    /// The figure as a number, yes being 1; `None` where it has no meaning for the sample.
    #[must_use]
    pub fn value(&self, metric: Metric) -> Option<f64> {
        let number = |yes: bool| f64::from(u8::from(yes));
        match metric {
            Metric::Ade => Some(self.ade_m),
            Metric::Fde => Some(self.fde_m),
            Metric::Miss => Some(number(self.miss)),
            Metric::Collision => Some(number(self.collision)),
            Metric::OffRoad => self.off_road.map(number),
            Metric::Discomfort => self.discomfort.map(number),
        }
    }
}

/// The figures of a prediction: positions in the map frame, one per step of the truth.
#[must_use]
pub fn score(truth: &Truth<'_>, predicted: &[[f64; 2]]) -> Scores {
    let off_m: Vec<f64> = truth
        .future
        .iter()
        .zip(predicted)
        .map(|(state, p)| hypot(p[0] - state.footprint.x_m, p[1] - state.footprint.y_m))
        .collect();
    let fde_m = off_m.last().copied().unwrap_or(0.0);
    let is_vehicle = truth.present.kind == ActorKind::MotorVehicle;
    Scores {
        ade_m: off_m.iter().sum::<f64>() / off_m.len().max(1) as f64,
        fde_m,
        miss: fde_m > MISS_M,
        collision: collides(truth, predicted),
        off_road: is_vehicle.then(|| off_road(truth, predicted)).flatten(),
        discomfort: is_vehicle.then(|| discomfort(truth, predicted)).flatten(),
    }
}

/// The real path: the present and the future.
fn real_path(truth: &Truth<'_>) -> Vec<[f64; 2]> {
    let states = std::iter::once(truth.present).chain(truth.future.iter().copied());
    states
        .map(|state| [state.footprint.x_m, state.footprint.y_m])
        .collect()
}

fn off_road(truth: &Truth<'_>, predicted: &[[f64; 2]]) -> Option<bool> {
    let on_road = |path: &[[f64; 2]]| path.iter().all(|point| truth.road.contains(*point));
    (truth.road.is_known() && on_road(&real_path(truth))).then(|| !on_road(predicted))
}

fn discomfort(truth: &Truth<'_>, predicted: &[[f64; 2]]) -> Option<bool> {
    let mut path = real_path(truth);
    let is_real_one_uncomfortable = is_uncomfortable(&path);
    path.truncate(1);
    path.extend_from_slice(predicted);
    (!is_real_one_uncomfortable).then(|| is_uncomfortable(&path))
}

fn collides(truth: &Truth<'_>, predicted: &[[f64; 2]]) -> bool {
    let path = predicted_boxes(&truth.present.footprint, predicted);
    truth.others.iter().any(|other| {
        let Some((present, future)) = other.split_first() else {
            return false;
        };
        if present.is_some_and(|present| overlap(&truth.present.footprint, &present)) {
            return false;
        }
        path.iter()
            .zip(&truth.future)
            .zip(future)
            .any(|((predicted, real), other)| {
                other.is_some_and(|other| {
                    overlap(predicted, &other) && !overlap(&real.footprint, &other)
                })
            })
    })
}

/// The box of the actor along the predicted positions.
fn predicted_boxes(present: &OrientedBox, predicted: &[[f64; 2]]) -> Vec<OrientedBox> {
    let mut last = *present;
    predicted
        .iter()
        .map(|&[x_m, y_m]| {
            let (dx_m, dy_m) = (x_m - last.x_m, y_m - last.y_m);
            let moved = hypot(dx_m, dy_m) >= HEADING_STEP_M;
            let yaw_rad = if moved {
                atan2(dy_m, dx_m)
            } else {
                last.yaw_rad
            };
            last = OrientedBox {
                x_m,
                y_m,
                yaw_rad,
                ..last
            };
            last
        })
        .collect()
}

/// Whether the boxes overlap; most pairs are too far apart to need their corners.
fn overlap(a: &OrientedBox, other: &State) -> bool {
    let b = &other.footprint;
    let reach_m = f64::midpoint(hypot(a.length_m, a.width_m), hypot(b.length_m, b.width_m));
    hypot(a.x_m - b.x_m, a.y_m - b.y_m) <= reach_m && a.overlaps(b)
}

#[cfg(test)]
mod tests {
    use driveloop_schemas::forecast::HORIZON_STEPS;

    use driveloop_schemas::MapArea;
    use driveloop_schemas::time::Day;

    use super::*;
    use crate::road::Road;

    fn state(x_m: f64, y_m: f64, yaw_rad: f64) -> State {
        let footprint = OrientedBox {
            x_m,
            y_m,
            yaw_rad,
            length_m: 4.0,
            width_m: 2.0,
        };
        State {
            stamp_ns: 0,
            kind: ActorKind::MotorVehicle,
            footprint,
            velocity_mps: None,
        }
    }

    /// A car that drives along x at 10 m/s from the origin.
    fn straight() -> Vec<Option<State>> {
        (0..=HORIZON_STEPS)
            .map(|k| Some(state(k as f64, 0.0, 0.0)))
            .collect()
    }

    fn scored(
        actor: &[Option<State>],
        others: &[Vec<Option<State>>],
        predicted: &[[f64; 2]],
    ) -> Scores {
        scored_on(&Road::default(), actor, others, predicted)
    }

    fn scored_on(
        road: &Road,
        actor: &[Option<State>],
        others: &[Vec<Option<State>>],
        predicted: &[[f64; 2]],
    ) -> Scores {
        let future = actor[1..].iter().flatten().collect();
        let others = others.iter().map(Vec::as_slice).collect();
        let truth = Truth {
            present: actor[0].as_ref().unwrap(),
            future,
            others,
            road,
        };
        score(&truth, predicted)
    }

    /// A prediction that drifts `drift_m` to the left at every step.
    fn drifting(drift_m: f64) -> Vec<[f64; 2]> {
        (1..=HORIZON_STEPS)
            .map(|k| [k as f64, drift_m * k as f64])
            .collect()
    }

    #[test]
    fn displacement_errors_are_those_computed_by_hand() {
        // Off by 0.1, 0.2, …, 3.0 m: the mean is 0.1 × (30 × 31 / 2) / 30 = 1.55 m, the last 3.0 m.
        let scores = scored(&straight(), &[], &drifting(0.1));
        assert!((scores.ade_m - 1.55).abs() < 1e-12);
        assert!((scores.fde_m - 3.0).abs() < 1e-12);
        assert!(scores.miss && !scores.collision);
    }

    #[test]
    fn a_miss_is_above_two_metres() {
        let shifted = |dy_m: f64| {
            (1..=HORIZON_STEPS)
                .map(|k| [k as f64, dy_m])
                .collect::<Vec<_>>()
        };
        assert!(!scored(&straight(), &[], &shifted(2.0)).miss);
        assert!(scored(&straight(), &[], &shifted(2.0 + 1e-9)).miss);
    }

    #[test]
    fn a_perfect_prediction_scores_zero_everywhere() {
        let parked = vec![Some(state(15.0, 2.5, 0.0)); HORIZON_STEPS + 1];
        let scores = scored(&straight(), &[parked], &drifting(0.0));
        assert!(
            Metric::ALL
                .into_iter()
                .all(|metric| scores.value(metric).is_none_or(|value| value < 1e-12))
        );
    }

    #[test]
    fn a_predicted_box_that_meets_a_real_one_collides() {
        // Half widths of 1 m each: boxes touch where the centres are 2 m apart across.
        let beside = |y_m| vec![Some(state(30.0, y_m, 0.0)); HORIZON_STEPS + 1];
        let stays = (1..=HORIZON_STEPS)
            .map(|k| [k as f64, 1.0])
            .collect::<Vec<_>>();
        assert!(scored(&straight(), &[beside(2.9)], &stays).collision);
        assert!(!scored(&straight(), &[beside(3.6)], &stays).collision);
        // The other was there, but not at that step.
        let mut gone = beside(2.9);
        gone[20..].fill(None);
        assert!(!scored(&straight(), &[gone], &stays).collision);
    }

    #[test]
    fn what_overlaps_already_is_not_a_collision() {
        let rider = straight();
        assert!(!scored(&straight(), &[rider], &drifting(0.0)).collision);
        // Labels that overlap later, on the real path too.
        let mut passed = vec![None; HORIZON_STEPS + 1];
        passed[20] = Some(state(20.0, 1.0, 0.0));
        assert!(!scored(&straight(), &[passed], &drifting(0.0)).collision);
    }

    #[test]
    fn a_slow_drift_does_not_turn_the_box() {
        let parked = vec![Some(state(0.0, 0.0, 0.0)); HORIZON_STEPS + 1];
        // Two cars side by side, 3.2 m apart: across the road, a box of 4 m would reach over.
        let neighbour = vec![Some(state(0.0, 3.2, 0.0)); HORIZON_STEPS + 1];
        let drift: Vec<_> = (1..=HORIZON_STEPS)
            .map(|k| [0.0, 0.01 * k as f64])
            .collect();
        assert!(!scored(&parked, &[neighbour], &drift).collision);
        let boxes = predicted_boxes(
            &state(0.0, 0.0, 0.5).footprint,
            &[[0.1, 0.0], [0.1, 1.0], [0.1, 1.1]],
        );
        let yaws: Vec<f64> = boxes.iter().map(|b| b.yaw_rad).collect();
        let up = std::f64::consts::FRAC_PI_2;
        assert_eq!(yaws, [0.5, up, up]);
    }

    /// A road along x, 2.5 m to each side.
    fn road() -> Road {
        let area = MapArea {
            log_id: "d".into(),
            day: Day(0),
            area_id: "a".into(),
            kind: "drivable".into(),
            polygon: vec![-5.0, -2.5, 50.0, -2.5, 50.0, 2.5, -5.0, 2.5],
            composed: Some(false),
        };
        Road::from_map(&[area], &[])
    }

    #[test]
    fn off_road_is_where_the_prediction_leaves_what_the_actor_did_not() {
        let off = |actor: &[Option<State>], drift_m| {
            scored_on(&road(), actor, &[], &drifting(drift_m)).off_road
        };
        assert_eq!(off(&straight(), 0.08), Some(false)); // 2.4 m at the end
        assert_eq!(off(&straight(), 0.09), Some(true)); // 2.7 m
        // It left the road itself: there is nothing to learn from a prediction that does not.
        let mut leaves = straight();
        leaves[30] = Some(state(30.0, 2.6, 0.0));
        assert_eq!(off(&leaves, 0.0), None);
        assert_eq!(scored(&straight(), &[], &drifting(0.09)).off_road, None);
        let mut walker = straight();
        for step in walker.iter_mut().flatten() {
            step.kind = ActorKind::Other;
        }
        let scores = scored_on(&road(), &walker, &[], &drifting(0.09));
        assert_eq!((scores.off_road, scores.discomfort), (None, None));
    }

    #[test]
    fn discomfort_is_that_of_the_prediction_alone() {
        let stops: Vec<_> = (1..=HORIZON_STEPS)
            .map(|k| [(k as f64).min(15.0), 0.0])
            .collect();
        let hard = |actor: &[Option<State>]| scored(actor, &[], &stops).discomfort;
        assert_eq!(hard(&straight()), Some(true));
        assert_eq!(
            scored(&straight(), &[], &drifting(0.0)).discomfort,
            Some(false)
        );
        let mut stopped = straight();
        for (k, step) in stopped.iter_mut().enumerate() {
            *step = Some(state((k as f64).min(15.0), 0.0, 0.0));
        }
        assert_eq!(hard(&stopped), None);
    }
}
