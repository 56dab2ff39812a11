//! The world as a library: whoever drives the ego gets back what there is, and can do what a car can.

use driveloop_schemas::pose::wrap_rad;
use driveloop_synth::sensing::{Sensor, SensorConfig};
use driveloop_synth::traffic::{EgoAction, Observation, STEP_S, World, WorldConfig};

fn world(seed: u64) -> World {
    let config = WorldConfig {
        events_per_min: 0.0,
        duration_s: 20.0,
        ..WorldConfig::default()
    };
    World::new(config, seed)
}

#[test]
fn a_reset_forgets_what_was() {
    let mut used = world(3);
    (0..200).for_each(|_| {
        used.step(EgoAction::Steer {
            accel_mps2: 1.0,
            curvature_per_m: 0.01,
        });
    });
    let first = used.reset(9);
    assert_eq!(first, world(9).observe());
    let (mut a, mut b) = (used, world(9));
    for _ in 0..300 {
        assert_eq!(a.step(EgoAction::Drive), b.step(EgoAction::Drive));
    }
}

#[test]
fn an_action_depends_on_nothing_but_the_state() {
    let mut a = world(4);
    (0..100).for_each(|_| {
        a.step(EgoAction::Drive);
    });
    let mut b = a.clone();
    let steer = EgoAction::Steer {
        accel_mps2: -1.0,
        curvature_per_m: -0.002,
    };
    assert_eq!(a.step(steer), b.step(steer));
}

/// Curvature and speed of a path, from positions alone.
fn path_of(places: &[Observation]) -> (f64, f64) {
    let course =
        |a: &Observation, b: &Observation| (b.ego.y_m - a.ego.y_m).atan2(b.ego.x_m - a.ego.x_m);
    let length =
        |a: &Observation, b: &Observation| (b.ego.x_m - a.ego.x_m).hypot(b.ego.y_m - a.ego.y_m);
    let last = places.len() - 1;
    let turn = wrap_rad(course(&places[last - 1], &places[last]) - course(&places[0], &places[1]));
    let driven: f64 = places.windows(2).map(|w| length(&w[0], &w[1])).sum();
    (
        turn / (driven - length(&places[0], &places[1])),
        driven / (last as f64 * STEP_S),
    )
}

#[test]
fn a_steered_ego_drives_the_circle_that_it_is_told() {
    for curvature_per_m in [-0.02, 0.005, 0.02] {
        let mut world = world(5);
        let action = EgoAction::Steer {
            accel_mps2: 0.0,
            curvature_per_m,
        };
        let places: Vec<_> = (0..100).map(|_| world.step(action)).collect();
        let (curvature, speed_mps) = path_of(&places);
        assert!(
            (curvature / curvature_per_m - 1.0).abs() < 0.05,
            "{curvature} {curvature_per_m}"
        );
        assert!((speed_mps - places[50].ego.speed_mps).abs() < 0.3);
        let turned = wrap_rad(places[99].ego.yaw_rad - places[0].ego.yaw_rad);
        let expected = curvature_per_m * speed_mps * 99.0 * STEP_S;
        assert!((turned - expected).abs() < 0.02, "{turned} {expected}");
    }
}

#[test]
fn what_a_car_cannot_do_is_not_done() {
    for wild in [f64::MAX, f64::MIN, f64::INFINITY, f64::NAN] {
        let mut world = world(6);
        let mut last = world.observe();
        for _ in 0..100 {
            let next = world.step(EgoAction::Steer {
                accel_mps2: wild,
                curvature_per_m: wild,
            });
            let ego = &next.ego;
            assert!(ego.x_m.is_finite() && ego.y_m.is_finite() && ego.speed_mps >= 0.0);
            assert!((-8.0 - 1e-9..=5.0 + 1e-9).contains(&ego.accel_mps2));
            let lateral_mps2 = ego.yaw_rate_radps * ego.speed_mps;
            assert!(lateral_mps2.abs() < 8.0 + 0.5, "{lateral_mps2}");
            assert!((next.time_s - last.time_s - STEP_S).abs() < 1e-9);
            last = next;
        }
    }
}

#[test]
fn leaving_the_road_and_hitting_others_is_told() {
    let mut world = world(7);
    let away = EgoAction::Steer {
        accel_mps2: 0.0,
        curvature_per_m: 0.03,
    };
    let off = (0..150)
        .map(|_| world.step(away))
        .position(|seen| !seen.is_on_road);
    assert!(off.is_some_and(|step| step > 20), "{off:?}");

    // Full throttle in one's lane ends at the leader's bumper.
    let hit = (0..20).find_map(|seed| {
        let mut world = self::world(seed);
        let fast = EgoAction::Accelerate { accel_mps2: 5.0 };
        let seen = (0..500)
            .map(|_| world.step(fast))
            .find(|seen| seen.collision.is_some())?;
        let other = seen
            .others
            .iter()
            .find(|o| Some(o.actor_id) == seen.collision)?;
        Some(other.footprint().overlaps(&seen.ego.footprint()))
    });
    assert_eq!(hit, Some(true));
}

#[test]
fn an_ego_that_was_steered_away_finds_back_to_a_lane() {
    let mut world = world(8);
    for step in 0..100 {
        let side = if step < 50 { 0.004 } else { -0.004 };
        world.step(EgoAction::Steer {
            accel_mps2: 0.0,
            curvature_per_m: side,
        });
    }
    (0..600).for_each(|_| {
        world.step(EgoAction::Drive);
    });
    let ego = &world.actors()[0];
    let lane = world.road().nearest_lane(ego.d_m);
    let off_m = ego.d_m - world.road().lane_centre_d_m(lane);
    assert!(off_m.abs() < 1.8 && ego.heading_rad.abs() < 0.1, "{ego:?}");
    assert!(world.observe().is_on_road);
}

#[test]
fn perfect_sensors_see_the_truth() {
    let world = world(10);
    let seen = world.observe();
    let config = SensorConfig::perfect();
    let range_m = config.range_m;
    let mut found = Sensor::new("d", config, 1).observe(&world);
    let mut expected: Vec<_> = seen
        .others
        .iter()
        .filter(|o| (o.x_m - seen.ego.x_m).hypot(o.y_m - seen.ego.y_m) <= range_m)
        .collect();
    found.sort_by_key(|object| object.actor_id);
    expected.sort_by_key(|body| body.actor_id);
    assert_eq!(found.len(), expected.len());
    for (object, body) in found.iter().zip(expected) {
        assert_eq!(
            (
                object.actor_id,
                object.x_m,
                object.y_m,
                object.velocity_mps[0]
            ),
            (body.actor_id, body.x_m, body.y_m, body.speed_mps)
        );
    }
}

#[test]
fn errors_and_dropouts_have_the_figures_of_the_configuration() {
    let config = SensorConfig {
        occluder_height_min_m: f64::INFINITY,
        miss_share_near: 0.1,
        miss_share_far: 0.1,
        miss_frames_mean: 3.0,
        position_std_near_m: 0.2,
        position_std_far_m: 0.2,
        ..SensorConfig::default()
    };
    let (mut possible, mut missed, mut bursts) = (0.0, 0.0, 0.0);
    let (mut squares, mut count) = (0.0, 0.0);
    for seed in 0..30 {
        let world = world(seed);
        let at = world.observe();
        let near: Vec<_> = at
            .others
            .iter()
            .filter(|o| (o.x_m - at.ego.x_m).hypot(o.y_m - at.ego.y_m) <= 100.0)
            .collect();
        let mut sensor = Sensor::new("d", config.clone(), seed);
        let mut was_missed = vec![false; near.len()];
        for _ in 0..300 {
            let found = sensor.observe(&world);
            for (body, was_missed) in near.iter().zip(&mut was_missed) {
                possible += 1.0;
                let object = found.iter().find(|o| o.actor_id == body.actor_id);
                if let Some(object) = object {
                    squares += (object.x_m - body.x_m).powi(2);
                    count += 1.0;
                }
                missed += f64::from(u8::from(object.is_none()));
                bursts += f64::from(u8::from(object.is_none() && !*was_missed));
                *was_missed = object.is_none();
            }
        }
    }
    let share = missed / possible;
    let burst = missed / bursts;
    let std_m = (squares / count).sqrt();
    assert!((share - 0.1).abs() < 0.01, "{share}");
    assert!((burst - 3.0).abs() < 0.2, "{burst}");
    assert!((std_m - 0.2).abs() < 0.02, "{std_m}");
}
