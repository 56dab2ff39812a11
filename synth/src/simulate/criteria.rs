//! What happens around the ego, by definition: for each kind of event the words and figures of the scenario that looks for it,
//! read from the exact state of the world.
//!
//! Whoever measures cannot tell what lies nearer to a threshold than the errors of its sensors reach. So each definition is
//! read twice: with every threshold tighter by that tolerance, and with every threshold wider.

use super::look::{Class, Look};
use crate::traffic::{EventKind, STEP_S};
use driveloop_schemas::maths::hypot;

/// Steps of a frame of objects (0.1 s): a moment is known to one of them.
const FRAME_STEPS: i64 = 5;
/// Steps around a frame that a definition looks at: 1.05 s, the reach of the scenarios' windows and half a frame.
pub(super) const AROUND_STEPS: u64 = 52;
/// Steps of the means over half a second around a stamp.
const MEAN_STEPS: i64 = 12;

/// `lead_hard_brake`: more than an adaptive cruise control may answer with (ISO 15622: 3.5 m/s²).
const DECEL_MIN_MPS2: f64 = 3.5;
const LEAD_HEADWAY_MAX_S: f64 = 4.0;
const LEAD_GAP_NEAR_M: f64 = 50.0;
const LEAD_SPEED_MIN_MPS: f64 = 2.0;
const LEAD_HEADING_MAX_RAD: f64 = 0.6;
/// `cut_in`: "vehicles change lane and move closely in front of a vehicle in the adjacent lane" (Wang, Yang, Hurwitz, "Analysis
/// of cut-in behavior based on naturalistic driving data", Accident Analysis and Prevention 124, 2019), whose slowest takes
/// 12.4 s: over a lane of 3.5 m, as a quintic, it is at 0.53 m/s halfway.
const CUT_IN_HEADWAY_MAX_S: f64 = 3.0;
const CUT_IN_GAP_NEAR_M: f64 = 25.0;
const CUT_IN_LATERAL_SPEED_MIN_MPS: f64 = 0.5;
const CUT_IN_SPEED_MIN_MPS: f64 = 2.0;
const CUT_IN_HEADING_MAX_RAD: f64 = 0.7;
/// Steps for which it was beside the path before it came in, and the share of the next second for which it stays in.
const OUTSIDE_STEPS: i64 = 25;
const INSIDE_SHARE: f64 = 0.8;
/// A frame more or less, of the ten of that second.
const INSIDE_SHARE_TOLERANCE: f64 = 0.1;
/// `pedestrian_crossing_ahead`.
const WALK_REACH_MAX_S: f64 = 6.0;
const WALK_GAP_NEAR_M: f64 = 65.0;
const WALK_WAIT_GAP_M: f64 = 15.0;
const WALK_ENTRY_MAX_S: f64 = 2.5;
const WALK_LATERAL_SPEED_MIN_MPS: f64 = 0.5;
const WALK_EGO_SPEED_MIN_MPS: f64 = 1.0;
/// `stationary_object_ahead`.
const STILL_REACH_MAX_S: f64 = 10.0;
const STILL_GAP_NEAR_M: f64 = 65.0;
const STILL_SPEED_MAX_MPS: f64 = 0.5;
const STILL_MOVED_MAX_M: f64 = 1.0;
/// Speed of an ego that follows or drives up to something.
const EGO_SPEED_MIN_MPS: f64 = 2.0;

/// How a definition is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// What fulfils it is there, whatever the errors of the sensor are.
    Tight,
    /// What does not fulfil it is not there.
    Wide,
}

/// A frame of an actor with those around it.
pub(super) struct Frame<'a> {
    looks: &'a [Look],
    at: usize,
    reading: Reading,
}

impl<'a> Frame<'a> {
    /// `looks` are of one actor in the order of their steps.
    pub(super) fn new(looks: &'a [Look], at: usize, reading: Reading) -> Self {
        Self { looks, at, reading }
    }

    /// Whether the definition of a kind is fulfilled.
    pub(super) fn fulfils(&self, kind: EventKind) -> bool {
        match kind {
            EventKind::LeadHardBrake => self.lead_brakes(),
            EventKind::CutIn => self.cuts_in(),
            EventKind::PedestrianCrossing => self.crosses(),
            EventKind::StationaryObject => self.stands(),
        }
    }

    fn now(&self) -> &'a Look {
        &self.looks[self.at]
    }

    fn is_at_most(&self, value: f64, limit: f64, tolerance: f64) -> bool {
        match self.reading {
            Reading::Tight => value <= limit - tolerance,
            Reading::Wide => value <= limit + tolerance,
        }
    }

    fn is_at_least(&self, value: f64, limit: f64, tolerance: f64) -> bool {
        self.is_at_most(-value, -limit, tolerance)
    }

    /// The looks from so many steps before or after this one to so many.
    fn within(&self, from: i64, to: i64) -> impl Iterator<Item = &'a Look> {
        let now = self.now().step as i64;
        let steps = now + from..=now + to;
        let is_within = move |look: &&Look| steps.contains(&(look.step as i64));
        self.looks.iter().filter(is_within)
    }

    fn mean(&self, from: i64, to: i64, figure: impl Fn(&Look) -> f64) -> Option<f64> {
        let (sum, count) = (self.within(from, to)).fold((0.0, 0), |(sum, count), look| {
            (sum + figure(look), count + 1)
        });
        (count >= 2).then(|| sum / f64::from(count))
    }

    fn speed_mps(&self) -> f64 {
        let mean = self.mean(-MEAN_STEPS, MEAN_STEPS, |look| look.speed_mps);
        mean.unwrap_or(self.now().speed_mps)
    }

    fn is_ahead_within(&self, gap_max_m: f64) -> bool {
        let Look {
            gap_m, tolerance, ..
        } = *self.now();
        self.is_at_least(gap_m, 0.0, tolerance.position_m)
            && self.is_at_most(gap_m, gap_max_m, tolerance.position_m)
    }

    fn is_in_path(&self) -> bool {
        let look = self.now();
        self.is_at_most(look.clearance_m, 0.0, look.tolerance.position_m)
    }

    fn drives_along(&self, heading_max_rad: f64) -> bool {
        let look = self.now();
        look.class == Class::MotorVehicle
            && self.is_at_most(
                look.heading_rad.abs(),
                heading_max_rad,
                look.tolerance.yaw_rad,
            )
    }

    /// The vehicle ahead in the ego's path brakes hard while the ego follows it.
    fn lead_brakes(&self) -> bool {
        let look = self.now();
        let half_second = |side: i64| {
            let (from, to) = (side * 25, side * 5);
            let (from, to) = (from.min(to), from.max(to));
            let speed_mps = self.mean(from, to, |look| look.speed_mps)?;
            Some((
                speed_mps,
                self.mean(from, to, |look| look.step as f64 * STEP_S)?,
            ))
        };
        let (Some(before), Some(after)) = (half_second(-1), half_second(1)) else {
            return false;
        };
        let apart_s = after.1 - before.1;
        let decel_mps2 = (before.0 - after.0) / apart_s;
        let decel_tolerance_mps2 = look.tolerance.speed_change_mps / apart_s;
        self.is_in_path()
            && self.drives_along(LEAD_HEADING_MAX_RAD)
            && self.is_ahead_within(LEAD_GAP_NEAR_M.max(LEAD_HEADWAY_MAX_S * look.ego_speed_mps))
            && look.ego_speed_mps >= EGO_SPEED_MIN_MPS
            && self.is_at_least(before.0, LEAD_SPEED_MIN_MPS, look.tolerance.speed_mps)
            && self.is_at_least(decel_mps2, DECEL_MIN_MPS2, decel_tolerance_mps2)
    }

    /// A vehicle driving the ego's way moves sideways into the ego's path at a short headway.
    fn cuts_in(&self) -> bool {
        let look = self.now();
        let off_m = look.tolerance.position_m;
        let enters = match self.reading {
            Reading::Tight => self.enters_path(0.0) && self.comes_from_beside_to_inside(off_m),
            Reading::Wide => [-off_m, 0.0, off_m]
                .iter()
                .any(|off| self.enters_path(*off)),
        };
        let gap_max_m = CUT_IN_GAP_NEAR_M.max(CUT_IN_HEADWAY_MAX_S * look.ego_speed_mps);
        let speed_tolerance_mps = look.tolerance.speed_mps;
        enters
            && self.drives_along(CUT_IN_HEADING_MAX_RAD)
            && self.is_ahead_within(gap_max_m)
            && look.ego_speed_mps >= CUT_IN_SPEED_MIN_MPS
            && self.is_at_least(look.speed_mps, CUT_IN_SPEED_MIN_MPS, speed_tolerance_mps)
            && self.is_at_least(
                look.inward_mps(),
                CUT_IN_LATERAL_SPEED_MIN_MPS,
                look.across_tolerance_mps(),
            )
    }

    /// Whether the box is in the path now, was beside it for half a second before, and stays in it for most of the next second;
    /// for who measures its place wrong by `off_m`.
    fn enters_path(&self, off_m: f64) -> bool {
        let is_in = |look: &Look| look.clearance_m + off_m < 0.0;
        let reach = AROUND_STEPS as i64;
        let mut before = self.within(-reach, -1).peekable();
        let Some(first) = before.peek().map(|look| look.step) else {
            return false;
        };
        let beside_steps = (self.now().step - first) as f64;
        let (mut inside, mut count) = (0, 0);
        for look in self.within(0, reach) {
            inside += u32::from(is_in(look));
            count += 1;
        }
        is_in(self.now())
            && !before.any(is_in)
            && self.is_at_least(beside_steps, OUTSIDE_STEPS as f64, FRAME_STEPS as f64)
            && self.is_at_least(
                f64::from(inside) / f64::from(count),
                INSIDE_SHARE,
                INSIDE_SHARE_TOLERANCE,
            )
    }

    /// Whether it is further from the edge of the path than `off_m` before and after.
    fn comes_from_beside_to_inside(&self, off_m: f64) -> bool {
        let reach = AROUND_STEPS as i64;
        self.within(-reach, -1)
            .any(|look| look.clearance_m >= off_m)
            && self.within(0, reach).any(|look| look.clearance_m <= -off_m)
    }

    /// A pedestrian ahead walks across the ego's path, or is about to.
    fn crosses(&self) -> bool {
        let look = self.now();
        let off_mps = look.across_tolerance_mps();
        let across_mps = look.across_mps().abs();
        let is_on_the_way = || {
            let (near_m, fast_mps) = match self.reading {
                Reading::Tight => (
                    look.clearance_m + look.tolerance.position_m,
                    across_mps - off_mps,
                ),
                Reading::Wide => (
                    look.clearance_m - look.tolerance.position_m,
                    across_mps + off_mps,
                ),
            };
            look.inward_mps() > 0.0 && near_m <= WALK_ENTRY_MAX_S * fast_mps
        };
        let reach_m = WALK_GAP_NEAR_M.max(WALK_REACH_MAX_S * look.ego_speed_mps);
        let comes = look.ego_speed_mps >= WALK_EGO_SPEED_MIN_MPS && self.is_ahead_within(reach_m);
        look.class == Class::Pedestrian
            && (self.is_ahead_within(WALK_WAIT_GAP_M) || comes)
            && self.is_at_least(across_mps, WALK_LATERAL_SPEED_MIN_MPS, off_mps)
            && (self.is_in_path() || is_on_the_way())
    }

    /// The ego drives up to something that stands in its path.
    fn stands(&self) -> bool {
        let look = self.now();
        let reach = AROUND_STEPS as i64;
        let extent_m = |figure: fn(&Look) -> f64| {
            let figures = self.within(-reach, reach).map(figure);
            let (low, high) = figures.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
                (low.min(x), high.max(x))
            });
            high - low
        };
        let moved_m = hypot(extent_m(|look| look.at_s_m), extent_m(|look| look.at_d_m));
        let reach_m = STILL_GAP_NEAR_M.max(STILL_REACH_MAX_S * look.ego_speed_mps);
        let off_m = 2.0 * look.tolerance.position_m;
        look.class != Class::Pedestrian
            && self.is_in_path()
            && self.is_ahead_within(reach_m)
            && look.ego_speed_mps >= EGO_SPEED_MIN_MPS
            && self.is_at_most(
                self.speed_mps(),
                STILL_SPEED_MAX_MPS,
                look.tolerance.speed_mps,
            )
            && self.is_at_most(moved_m, STILL_MOVED_MAX_M, off_m)
    }
}

/// The figures of the definition of a kind, as the scenario calls them.
pub(crate) fn figures(kind: EventKind) -> Vec<(&'static str, f64)> {
    match kind {
        EventKind::LeadHardBrake => vec![
            ("decel_min_mps2", DECEL_MIN_MPS2),
            ("headway_max_s", LEAD_HEADWAY_MAX_S),
            ("gap_near_m", LEAD_GAP_NEAR_M),
            ("lead_speed_min_mps", LEAD_SPEED_MIN_MPS),
            ("ego_speed_min_mps", EGO_SPEED_MIN_MPS),
        ],
        EventKind::CutIn => vec![
            ("headway_max_s", CUT_IN_HEADWAY_MAX_S),
            ("gap_near_m", CUT_IN_GAP_NEAR_M),
            ("lateral_speed_min_mps", CUT_IN_LATERAL_SPEED_MIN_MPS),
            ("speed_min_mps", CUT_IN_SPEED_MIN_MPS),
        ],
        EventKind::PedestrianCrossing => vec![
            ("reach_max_s", WALK_REACH_MAX_S),
            ("gap_near_m", WALK_GAP_NEAR_M),
            ("wait_gap_m", WALK_WAIT_GAP_M),
            ("entry_max_s", WALK_ENTRY_MAX_S),
            ("lateral_speed_min_mps", WALK_LATERAL_SPEED_MIN_MPS),
            ("ego_speed_min_mps", WALK_EGO_SPEED_MIN_MPS),
        ],
        EventKind::StationaryObject => vec![
            ("reach_max_s", STILL_REACH_MAX_S),
            ("gap_near_m", STILL_GAP_NEAR_M),
            ("speed_max_mps", STILL_SPEED_MAX_MPS),
            ("moved_max_m", STILL_MOVED_MAX_M),
            ("ego_speed_min_mps", EGO_SPEED_MIN_MPS),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::look::Tolerance;

    const EGO_MPS: f64 = 15.0;
    const NEVER: [Vec<usize>; 2] = [Vec::new(), Vec::new()];

    fn tolerance(position_m: f64) -> Tolerance {
        Tolerance {
            position_m,
            speed_mps: 0.2,
            yaw_rad: 0.016,
            speed_change_mps: 0.15,
        }
    }

    /// A car of the next lane at each frame of four seconds: beside the path until second 2, then towards its middle for a
    /// second at `inward_mps`, by its own movement or by the ego's.
    fn comes_near(gap_m: f64, inward_mps: f64, by_itself: bool) -> Vec<Look> {
        let look = |frame: u64| {
            let inward_s = (frame as f64 / 10.0 - 2.0).clamp(0.0, 1.0);
            let is_inward = by_itself && inward_s > 0.0 && inward_s < 1.0;
            let offset_m = 2.0 - inward_s * inward_mps;
            Look {
                step: frame * 5,
                class: Class::MotorVehicle,
                gap_m,
                offset_m,
                clearance_m: offset_m - 1.9,
                heading_rad: if is_inward {
                    -(inward_mps / EGO_MPS).asin()
                } else {
                    0.0
                },
                speed_mps: EGO_MPS,
                ego_speed_mps: EGO_MPS,
                at_s_m: 0.0,
                at_d_m: offset_m,
                tolerance: tolerance(0.06),
            }
        };
        (0..40).map(look).collect()
    }

    /// The frames in which a definition is fulfilled, as tightly and as widely read.
    fn frames(kind: EventKind, looks: &[Look]) -> [Vec<usize>; 2] {
        [Reading::Tight, Reading::Wide].map(|reading| {
            let fulfils = |at: &usize| Frame::new(looks, *at, reading).fulfils(kind);
            (0..looks.len()).filter(fulfils).collect()
        })
    }

    #[test]
    fn who_moves_into_the_path_cuts_in_and_who_is_moved_behind_does_not() {
        let cut_in = |gap_m, inward_mps, by_itself| {
            frames(EventKind::CutIn, &comes_near(gap_m, inward_mps, by_itself))
        };
        // 5 cm deep after the first frame, which is less than the sensor may err by.
        let [tight, wide] = cut_in(30.0, 1.5, true);
        assert_eq!(tight, [21]);
        assert_eq!(wide, [21, 22]);
        assert_eq!(cut_in(30.0, 1.5, false), NEVER);
        // A headway of 3 s, give or take what the sensor errs by.
        assert_eq!(cut_in(44.9, 1.5, true)[0], [21]);
        assert_eq!(cut_in(45.02, 1.5, true), [vec![], vec![21, 22]]);
        assert_eq!(cut_in(45.1, 1.5, true), NEVER);
        // Half a metre a second, give or take the heading's error.
        assert_eq!(cut_in(30.0, 0.8, true)[0], [22]);
        assert!(cut_in(30.0, 0.5, true)[0].is_empty() && !cut_in(30.0, 0.5, true)[1].is_empty());
        assert_eq!(cut_in(30.0, 0.2, true), NEVER);
    }

    #[test]
    fn who_was_not_beside_the_path_for_half_a_second_does_not_come_into_it() {
        let looks = comes_near(30.0, 1.5, true);
        assert_eq!(frames(EventKind::CutIn, &looks[19..]), NEVER);
        assert_eq!(frames(EventKind::CutIn, &looks[15..])[0], [6]);
    }

    /// A lead at each frame of two seconds, which brakes from second 1 on while the ego follows it.
    fn brakes(gap_m: f64, decel_mps2: f64, ego_speed_mps: f64) -> Vec<Look> {
        let look = |frame: u64| Look {
            step: frame * 5,
            class: Class::MotorVehicle,
            gap_m,
            offset_m: 0.0,
            clearance_m: -1.8,
            heading_rad: 0.0,
            speed_mps: EGO_MPS - decel_mps2 * (frame as f64 / 10.0 - 1.0).max(0.0),
            ego_speed_mps,
            at_s_m: 0.0,
            at_d_m: 0.0,
            tolerance: tolerance(0.1),
        };
        (0..30).map(look).collect()
    }

    #[test]
    fn a_lead_brakes_hard_for_an_ego_that_follows() {
        let kind = EventKind::LeadHardBrake;
        let is_there = |looks: &[Look]| frames(kind, looks).map(|frames| !frames.is_empty());
        assert_eq!(is_there(&brakes(30.0, 5.0, 15.0)), [true, true]);
        assert_eq!(is_there(&brakes(30.0, 3.6, 15.0)), [false, true]);
        assert_eq!(is_there(&brakes(30.0, 3.1, 15.0)), [false, false]);
        // Four seconds ahead, or 50 m ahead of an ego that is slower; an ego that stands follows nobody.
        assert_eq!(is_there(&brakes(59.8, 5.0, 15.0)), [true, true]);
        assert_eq!(is_there(&brakes(60.2, 5.0, 15.0)), [false, false]);
        assert_eq!(is_there(&brakes(49.8, 5.0, 2.0)), [true, true]);
        assert_eq!(is_there(&brakes(49.8, 5.0, 1.9)), [false, false]);
    }

    #[test]
    fn what_stands_in_the_path_concerns_an_ego_that_comes() {
        let stands = |clearance_m: f64, gap_m: f64, speed_mps: f64| {
            let mut looks = brakes(gap_m, 0.0, 5.0);
            for look in &mut looks {
                (look.clearance_m, look.speed_mps) = (clearance_m, speed_mps);
            }
            frames(EventKind::StationaryObject, &looks).map(|frames| !frames.is_empty())
        };
        assert_eq!(stands(-0.2, 60.0, 0.0), [true, true]);
        assert_eq!(stands(-0.05, 60.0, 0.0), [false, true]);
        assert_eq!(stands(0.15, 60.0, 0.0), [false, false]);
        assert_eq!(stands(-0.2, 65.2, 0.0), [false, false]);
        assert_eq!(stands(-0.2, 60.0, 0.6), [false, true]);
        assert_eq!(stands(-0.2, 60.0, 0.8), [false, false]);
    }

    #[test]
    fn a_pedestrian_crosses_before_an_ego_that_comes() {
        let walks = |clearance_m: f64, gap_m: f64, ego_speed_mps: f64, heading_rad: f64| {
            let mut looks = brakes(gap_m, 0.0, ego_speed_mps);
            for look in &mut looks {
                (look.class, look.speed_mps) = (Class::Pedestrian, 1.5);
                (look.offset_m, look.clearance_m) = (clearance_m + 1.0, clearance_m);
                look.heading_rad = heading_rad;
            }
            frames(EventKind::PedestrianCrossing, &looks).map(|frames| !frames.is_empty())
        };
        let (towards, away) = (-1.57, 1.57);
        assert_eq!(walks(-0.5, 30.0, 5.0, away), [true, true]);
        assert_eq!(walks(1.0, 30.0, 5.0, towards), [true, true]);
        assert_eq!(walks(1.0, 30.0, 5.0, away), [false, false]);
        // 3.75 m are 2.5 s away.
        assert_eq!(walks(3.75, 30.0, 5.0, towards), [false, true]);
        assert_eq!(walks(4.5, 30.0, 5.0, towards), [false, false]);
        // An ego that stands waits for who is near.
        assert_eq!(walks(1.0, 14.8, 0.0, towards), [true, true]);
        assert_eq!(walks(1.0, 15.2, 0.0, towards), [false, false]);
    }
}
