//! The traffic world: nobody crashes, everything is repeatable, and something happens.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_synth::traffic::{
    Actor, ActorKind, EgoAction, EventKind, STEP_S, World, WorldConfig,
};

fn config() -> WorldConfig {
    WorldConfig {
        road_length_m: 1200.0,
        ..WorldConfig::default()
    }
}

#[test]
fn nobody_collides_and_nobody_brakes_beyond_the_tyres() {
    for seed in 0..40 {
        let mut world = World::new(config(), seed);
        for _ in 0..1500 {
            world.step(EgoAction::Drive);
            let boxes: Vec<_> = world
                .actors()
                .iter()
                .map(|a| a.footprint(world.road()))
                .collect();
            for (i, a) in world.actors().iter().enumerate() {
                assert!(a.accel_mps2 >= -8.0 - 1e-9 && a.speed_mps >= 0.0);
                for (j, b) in world.actors().iter().enumerate().take(i) {
                    let people = [a.kind, b.kind] == [ActorKind::Pedestrian; 2];
                    let near = (a.s_m - b.s_m).abs() < 20.0;
                    let hit = near && !people && boxes[i].overlaps(&boxes[j]);
                    assert!(
                        !hit,
                        "seed {seed}, {:.2} s: {a:?} and {b:?}",
                        world.time_s()
                    );
                }
            }
        }
    }
}

#[test]
fn positions_and_speeds_agree() {
    let mut world = World::new(config(), 11);
    for _ in 0..1500 {
        let before: BTreeMap<u32, _> = world
            .actors()
            .iter()
            .map(|a| (a.actor_id, a.pose(world.road())))
            .collect();
        world.step(EgoAction::Drive);
        for actor in world.actors() {
            let Some(old) = before.get(&actor.actor_id) else {
                continue;
            };
            let new = actor.pose(world.road());
            let moved = (new.x_m - old.x_m).hypot(new.y_m - old.y_m) / STEP_S;
            assert!((moved - actor.speed_mps).abs() < 0.15, "{actor:?}: {moved}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_world() {
    let run = |seed| {
        let mut world = World::new(config(), seed);
        for _ in 0..600 {
            world.step(EgoAction::Drive);
        }
        (world.actors().to_vec(), world.events().to_vec())
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5).0, run(6).0);
}

#[test]
fn all_kinds_of_events_happen() {
    let mut counts: BTreeMap<EventKind, usize> = BTreeMap::new();
    for seed in 0..30 {
        let mut world = World::new(config(), seed);
        for _ in 0..1500 {
            world.step(EgoAction::Drive);
        }
        for event in world.events() {
            *counts.entry(event.kind).or_default() += 1;
        }
    }
    assert!(
        EventKind::ALL
            .iter()
            .all(|kind| counts.get(kind).copied() >= Some(5)),
        "{counts:?}"
    );
}

#[test]
fn an_ego_that_is_told_to_brake_stops() {
    let mut world = World::new(config(), 2);
    for _ in 0..300 {
        world.step(EgoAction::Accelerate { accel_mps2: -4.0 });
    }
    assert!(world.actors()[0].speed_mps.abs() < 1e-9);
}

#[test]
fn traffic_without_events_flows_for_ten_minutes() {
    // Long enough for the ego to pass dozens of vehicles that enter and leave.
    for seed in [1, 2, 3] {
        let config = WorldConfig {
            road_length_m: 12_000.0,
            events_per_min: 0.0,
            duration_s: 600.0,
            ..WorldConfig::default()
        };
        let mut world = World::new(config, seed);
        let (mut met, mut least_mps2, mut gaps) = (BTreeSet::new(), 0.0_f64, Vec::new());
        for step in 0..30_000 {
            let seen = world.step(EgoAction::Drive);
            assert_eq!(seen.collision, None, "seed {seed}, {:.2} s", seen.time_s);
            assert!(seen.is_on_road && world.events().is_empty());
            if step % 25 != 0 {
                continue;
            }
            met.extend(seen.others.iter().map(|other| other.actor_id));
            let vehicles = || world.actors().iter().filter(|a| is_vehicle(a.kind));
            least_mps2 = vehicles().map(|a| a.accel_mps2).fold(least_mps2, f64::min);
            gaps.extend(vehicles().filter_map(|a| gap_ahead_m(&world, a)));
        }
        let ego = &world.actors()[0];
        assert!(
            ego.s_m > 5000.0,
            "seed {seed}: the ego got {} m far",
            ego.s_m
        );
        assert!(
            met.len() > 80,
            "seed {seed}: traffic is renewed: {}",
            met.len()
        );
        // Nobody has a reason for an emergency: IDM's comfortable deceleration is 1.5 to 2.5 m/s² here.
        assert!(least_mps2 > -6.0, "seed {seed}: {least_mps2}");
        let least_gap_m = gaps.iter().copied().fold(f64::INFINITY, f64::min);
        assert!(least_gap_m > 1.0, "seed {seed}: {least_gap_m}");
    }
}

fn is_vehicle(kind: ActorKind) -> bool {
    !matches!(kind, ActorKind::Pedestrian | ActorKind::Obstacle)
}

/// Bumper to bumper, to the next vehicle whose body is in the same strip of the road.
fn gap_ahead_m(world: &World, me: &Actor) -> Option<f64> {
    let half = |a: &Actor| a.size.length_m / 2.0;
    let beside = |a: &Actor| (a.d_m - me.d_m).abs() < (a.size.width_m + me.size.width_m) / 2.0;
    let ahead = world
        .actors()
        .iter()
        .filter(|a| a.s_m > me.s_m && beside(a));
    ahead
        .map(|a| a.s_m - me.s_m - half(a) - half(me))
        .min_by(f64::total_cmp)
}

#[test]
fn vehicles_keep_the_bounds_of_vehicles() {
    let mut most = Bounds::default();
    for seed in 0..12 {
        let mut world = World::new(config(), seed);
        let mut last: BTreeMap<u32, f64> = BTreeMap::new();
        for _ in 0..1500 {
            world.step(EgoAction::Drive);
            for actor in world.actors().iter().filter(|a| is_vehicle(a.kind)) {
                let before = last.insert(actor.actor_id, actor.speed_mps);
                most.add(actor, before);
            }
        }
    }
    // 2.2 m/s² is the largest acceleration that a driver has; 1 / 180 m and 2.8 m/s² of a lane change bound the sideways one.
    assert!(most.accel_mps2 < 2.3, "{most:?}");
    assert!(most.lateral_mps2 < 5.0, "{most:?}");
    // Power per mass: a family car's 80 kW on 1500 kg are 53 W/kg.
    assert!(most.power_w_per_kg < 53.0, "{most:?}");
    assert!(most.speed_mps < 28.0, "{most:?}");
    // Speed is the integral of acceleration, so kinetic energy changes by work alone.
    assert!(most.work_error < 1e-9, "{most:?}");
}

#[derive(Debug, Default)]
struct Bounds {
    accel_mps2: f64,
    lateral_mps2: f64,
    power_w_per_kg: f64,
    speed_mps: f64,
    work_error: f64,
}

impl Bounds {
    fn add(&mut self, actor: &Actor, before: Option<f64>) {
        let speed = actor.speed_mps;
        self.accel_mps2 = self.accel_mps2.max(actor.accel_mps2);
        self.lateral_mps2 = self.lateral_mps2.max((speed * actor.yaw_rate_radps).abs());
        self.power_w_per_kg = self.power_w_per_kg.max(speed * actor.accel_mps2);
        self.speed_mps = self.speed_mps.max(speed);
        if let Some(old) = before {
            let gained = (speed * speed - old * old) / 2.0;
            let work = actor.accel_mps2 * (speed + old) / 2.0 * STEP_S;
            self.work_error = self.work_error.max((gained - work).abs());
        }
    }
}
