//! Which driver changes lanes, and when.

use std::ops::Range;

use rand::Rng;

use super::actor::{Actor, Control, LaneChange, Order};
use super::mobil::{MobilView, incentive_mps2, is_safe};
use super::scene;
use super::world::{EgoAction, World};

/// Steps between two lane-change decisions of a driver.
const DECISION_STEPS: u64 = 25;
/// Time that a lane change takes: the middle of the durations of Toledo and Zohar, "Modeling duration of lane changes",
/// Transportation Research Record 1999 (2007), whose mean is 4.6 s.
const CHANGE_S: Range<f64> = 4.0..6.0;
/// Distance from where it likes to drive at which a driver steers back.
const OFF_LANE_M: f64 = 0.05;
/// Extra incentive to leave a lane that something stationary blocks.
const BLOCKED_BIAS_MPS2: f64 = 1.5;
/// How far ahead a driver sees that its lane is blocked.
const BLOCKED_LOOK_M: f64 = 90.0;

impl World {
    /// Lets drivers change lanes, each on its turn. An ego that is told what to do decides nothing itself; one that was
    /// steered out of its lane and drives on alone goes back to the nearest.
    pub(crate) fn decide_lane_changes(&mut self, action: EgoAction) {
        let is_told = action != EgoAction::Drive;
        if !matches!(action, EgoAction::Steer { .. }) {
            self.return_to_lane();
        }
        for index in usize::from(is_told)..self.actors.len() {
            let turn = u64::from(self.actors[index].actor_id) * 7 + self.steps;
            if !turn.is_multiple_of(DECISION_STEPS) {
                continue;
            }
            if let Some((lane, length_m)) = self.better_lane(index) {
                self.start_change(index, lane, length_m);
            }
        }
    }

    fn return_to_lane(&mut self) {
        let ego = &self.actors[0];
        let Some(driver) = ego.driver().filter(|driver| driver.change.is_none()) else {
            return;
        };
        let lane = driver.lane;
        let off_m = ego.d_m - self.road.lane_centre_d_m(lane) - driver.offset_d_m;
        if off_m.abs() > OFF_LANE_M || ego.heading_rad != 0.0 {
            let length_m = (ego.speed_mps * 3.0).max(16.0);
            self.start_change(0, lane, length_m);
        }
    }

    /// The lane that pays most, and the length of the change, where one does.
    fn better_lane(&mut self, index: usize) -> Option<(usize, f64)> {
        let me = &self.actors[index];
        let driver = me.driver()?;
        let mobil = driver.mobil?;
        let busy = driver.change.is_some() || driver.cooldown_s > 0.0;
        if busy || driver.order != Order::None {
            return None;
        }
        let lead = scene::leader(&self.actors, me, driver.lane, &self.road);
        let blocked_m = lead
            .filter(|lead| matches!(lead.control, Control::Still))
            .map(|lead| scene::gap_m(me, lead))
            .filter(|gap| *gap < BLOCKED_LOOK_M);
        if blocked_m.is_none() && me.speed_mps < 4.0 {
            return None;
        }
        let bias = if blocked_m.is_some() {
            BLOCKED_BIAS_MPS2
        } else {
            0.0
        };
        let lanes = [driver.lane.checked_add(1), driver.lane.checked_sub(1)];
        let (lane, gain) = lanes
            .into_iter()
            .flatten()
            .filter(|lane| *lane < self.road.lanes())
            .filter_map(|lane| {
                let view = self.change_view(me, lane)?;
                is_safe(&mobil, &view).then(|| (lane, incentive_mps2(&mobil, &view) + bias))
            })
            .max_by(|a, b| a.1.total_cmp(&b.1))?;
        let room_m = lead.map_or(f64::INFINITY, |lead| scene::gap_m(me, lead)) / 0.6;
        let speed_mps = me.speed_mps;
        let time_s = self.rng.random_range(CHANGE_S);
        let shortest_m = (speed_mps * 3.0).max(14.0);
        let length_m = (speed_mps * time_s).min(room_m).max(shortest_m);
        (gain > 0.0 && length_m <= room_m).then_some((lane, length_m))
    }

    /// The accelerations of MOBIL for a change into a lane; none where another body is in the way.
    pub(crate) fn change_view(&self, me: &Actor, lane: usize) -> Option<MobilView> {
        let (actors, road) = (&self.actors, &self.road);
        let old_lane = me.driver()?.lane;
        let (lead, old_lead) = (
            scene::leader(actors, me, lane, road),
            scene::leader(actors, me, old_lane, road),
        );
        let (next, old_next) = (
            scene::follower(actors, me, lane, road),
            scene::follower(actors, me, old_lane, road),
        );
        let free = |gap: f64| gap >= scene::CHANGE_GAP_MIN_M;
        let has_room = lead.is_none_or(|lead| free(scene::gap_m(me, lead)))
            && next.is_none_or(|next| free(scene::gap_m(next, me)));
        let accel = scene::accel_behind_mps2;
        has_room.then(|| MobilView {
            own: [accel(me, old_lead), accel(me, lead)],
            new_follower: next.map_or([0.0; 2], |next| [accel(next, lead), accel(next, Some(me))]),
            old_follower: old_next.map_or([0.0; 2], |next| {
                [accel(next, Some(me)), accel(next, old_lead)]
            }),
        })
    }

    pub(crate) fn start_change(&mut self, index: usize, lane: usize, length_m: f64) {
        let centre_d_m = self.road.lane_centre_d_m(lane);
        let Actor {
            s_m,
            d_m,
            control: Control::Driver(driver),
            ..
        } = &mut self.actors[index]
        else {
            return;
        };
        driver.change = Some(LaneChange {
            from_d_m: *d_m,
            to_d_m: centre_d_m + driver.offset_d_m,
            start_s_m: *s_m,
            length_m,
            to_lane: lane,
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::super::actor::{ActorKind, Driver, Size};
    use super::super::idm::IdmParams;
    use super::super::mobil::MobilParams;
    use super::super::world::WorldConfig;
    use super::*;

    const LENGTH_M: f64 = 4.5;

    /// A car of the 2000 paper whose front bumper is at a place.
    fn car(world: &mut World, lane: usize, front_s_m: f64, speed_mps: f64) -> usize {
        let driver = Driver {
            idm: IdmParams::treiber_2000(),
            mobil: Some(MobilParams::default()),
            lane,
            offset_d_m: 0.0,
            change: None,
            cooldown_s: 0.0,
            order: Order::None,
            mood_rad: 0.0,
        };
        let actor_id = world.take_actor_id();
        world.actors.push(Actor {
            actor_id,
            kind: ActorKind::Car,
            size: Size {
                length_m: LENGTH_M,
                width_m: 1.8,
                height_m: 1.5,
            },
            s_m: front_s_m - LENGTH_M / 2.0,
            d_m: world.road.lane_centre_d_m(lane),
            heading_rad: 0.0,
            speed_mps,
            accel_mps2: 0.0,
            yaw_rate_radps: 0.0,
            control: Control::Driver(driver),
        });
        world.actors.len() - 1
    }

    /// Two lanes. In the right one: a car at 20 m/s, `lead_gap_m` behind one at 15 m/s and 35 m ahead of another at 20 m/s. In
    /// the left one: a car at 25 m/s that would be `gap_m` behind it.
    fn overtaking(lead_gap_m: f64, gap_m: f64) -> (World, usize) {
        let config = WorldConfig {
            lanes: Some(2),
            ..WorldConfig::default()
        };
        let mut world = World::new(config, 1);
        world.actors.clear();
        let me = car(&mut world, 0, 500.0, 20.0);
        car(&mut world, 0, 500.0 + lead_gap_m + LENGTH_M, 15.0);
        car(&mut world, 0, 500.0 - LENGTH_M - 35.0, 20.0);
        car(&mut world, 1, 500.0 - LENGTH_M - gap_m, 25.0);
        (world, me)
    }

    #[test]
    fn the_accelerations_of_a_change_worked_out_by_hand() {
        let (world, me) = overtaking(30.0, 40.0);
        let view = world.change_view(&world.actors[me], 1).unwrap();
        // a (1 − (v/v0)⁴ − (s*/s)²), s* = s0 + v T + v Δv / 2√(ab), with the values of the paper's table.
        let expected = MobilView {
            own: [-4.463_289, 0.635_392],
            new_follower: [0.499_023, -3.937_136],
            old_follower: [-0.053_490, -0.314_624],
        };
        for (actual, expected) in [
            (view.own, expected.own),
            (view.new_follower, expected.new_follower),
            (view.old_follower, expected.old_follower),
        ] {
            for (a, e) in actual.iter().zip(expected) {
                assert!((a - e).abs() < 1e-5, "{actual:?} {expected:?}");
            }
        }
        // Δa + p (Δa_n + Δa_o) − Δa_th, from egoism to altruism.
        for (politeness, incentive) in [(0.0, 4.998_681), (0.5, 2.650_034), (1.0, 0.301_387)] {
            let params = MobilParams {
                politeness,
                ..MobilParams::default()
            };
            assert!((incentive_mps2(&params, &view) - incentive).abs() < 1e-5);
        }
    }

    #[test]
    fn a_driver_overtakes_only_where_the_follower_can_live_with_it() {
        let (mut world, me) = overtaking(45.0, 40.0);
        assert_eq!(world.better_lane(me).map(|(lane, _)| lane), Some(1));
        // One metre less, and the follower would have to brake at 4.17 m/s².
        let (mut world, me) = overtaking(45.0, 39.0);
        assert_eq!(world.better_lane(me), None);
        // Too near to the leader to get past it on a path that a car can drive at this speed.
        let (mut world, me) = overtaking(30.0, 40.0);
        assert_eq!(world.better_lane(me), None);
    }
}
