//! The traffic world: nobody crashes, everything is repeatable, and something happens.

use std::collections::BTreeMap;

use driveloop_synth::traffic::{ActorKind, EgoAction, EventKind, STEP_S, World, WorldConfig};

fn config() -> WorldConfig {
    WorldConfig {
        road_length_m: 1200.0,
        ..WorldConfig::default()
    }
}

#[test]
fn nobody_collides_and_nobody_brakes_beyond_the_tyres() {
    for seed in 0..40 {
        let mut world = World::reset(config(), seed);
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
    let mut world = World::reset(config(), 11);
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
        let mut world = World::reset(config(), seed);
        (0..600).for_each(|_| world.step(EgoAction::Drive));
        (world.actors().to_vec(), world.events().to_vec())
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5).0, run(6).0);
}

#[test]
fn all_kinds_of_events_happen() {
    let mut counts: BTreeMap<EventKind, usize> = BTreeMap::new();
    for seed in 0..30 {
        let mut world = World::reset(config(), seed);
        (0..1500).for_each(|_| world.step(EgoAction::Drive));
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
    let mut world = World::reset(config(), 2);
    for _ in 0..300 {
        world.step(EgoAction::Accelerate { accel_mps2: -4.0 });
    }
    assert!(world.actors()[0].speed_mps.abs() < 1e-9);
}
