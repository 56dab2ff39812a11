//! Who is on the road: the first population, and the traffic that leaves and enters out of the ego's sight.

use std::ops::Range;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::actor::{Actor, ActorKind, Control, Driver, Order, Size, Walk};
use super::idm::IdmParams;
use super::mobil::MobilParams;
use super::scene;
use super::world::World;

/// Where the ego starts.
const EGO_START_S_M: f64 = 180.0;
/// Vehicles enter and leave at least this far from the ego: out of range of its sensors.
const ENTER_M: f64 = 150.0;
/// Vehicles further away than this leave the world.
const LEAVE_M: f64 = 280.0;
/// Room around a vehicle that enters.
const ENTER_ROOM_M: f64 = 45.0;
/// Distance between kerb and people who wait.
const KERB_M: f64 = 1.2;
/// Vehicles of a world at most: a bound on the work of a step.
const VEHICLES_MAX: usize = 70;
/// Time headways: from those of city traffic (Treiber and Kesting, "Traffic Flow Dynamics", 2013, table 11.2: 1 s) to those of
/// the 2000 paper (1.6 s).
const HEADWAY_S: Range<f64> = 0.9..1.6;
/// Accelerations of cars, and of what is heavier: within the 0.8 to 2.5 m/s² of the same book's section 11.3.
const CAR_ACCEL_MPS2: Range<f64> = 1.4..2.2;
const HEAVY_ACCEL_MPS2: f64 = 1.1;
/// Comfortable decelerations, as above.
const COMFORT_DECEL_MPS2: Range<f64> = 1.5..2.5;
/// The ego's box.
const EGO_SIZE: Size = Size {
    length_m: 4.6,
    width_m: 1.85,
    height_m: 1.5,
};

/// Puts the ego, vehicles, cyclists and pedestrians on the road.
pub(crate) fn populate(world: &mut World) {
    let lanes = world.road.lanes();
    let ego_lane = world.rng.random_range(0..lanes);
    let ego_speed = world.rng.random_range(12.5..17.5);
    let ego_id = world.take_actor_id();
    let mut ego = vehicle(
        ego_id,
        ActorKind::Ego,
        ego_lane,
        EGO_START_S_M,
        ego_speed,
        &mut world.rng,
    );
    ego.size = EGO_SIZE;
    if let Some(driver) = ego.driver_mut() {
        (driver.idm.headway_s, driver.idm.accel_mps2) = (1.1, 1.8);
        driver.mobil = Some(MobilParams {
            threshold_mps2: 0.8,
            ..MobilParams::default()
        });
        driver.offset_d_m = 0.0;
    }
    place(world, ego, ego_lane);
    for lane in 0..lanes {
        let near = if lane == ego_lane {
            22.0..38.0
        } else {
            -30.0..25.0
        };
        let first = EGO_START_S_M + world.rng.random_range(near);
        let mut s = first;
        while s < EGO_START_S_M + 240.0 {
            add_vehicle(world, lane, s);
            s += gap(world);
        }
        s = first.min(EGO_START_S_M) - gap(world);
        while s > 15.0 {
            add_vehicle(world, lane, s);
            s -= gap(world);
        }
    }
    add_people(world);
}

fn gap(world: &mut World) -> f64 {
    let spacing = world.config.spacing_m;
    world.rng.random_range(0.65 * spacing..1.7 * spacing)
}

fn add_vehicle(world: &mut World, lane: usize, s_m: f64) {
    let ego = &world.actors[0];
    let (ego_speed, ego_lane) = (ego.speed_mps, ego.driver().map_or(0, |driver| driver.lane));
    let kind = match world.rng.random_range(0.0..1.0) {
        x if x < 0.12 => ActorKind::Truck,
        x if x < 0.17 => ActorKind::Bus,
        x if x < 0.20 && lane == 0 && ego_lane != 0 => ActorKind::Bicycle,
        _ => ActorKind::Car,
    };
    let speed = match kind {
        ActorKind::Bicycle => world.rng.random_range(4.0..6.5),
        ActorKind::Car => ego_speed * world.rng.random_range(0.88..1.15),
        _ => ego_speed * world.rng.random_range(0.85..1.0),
    };
    let actor_id = world.take_actor_id();
    let actor = vehicle(actor_id, kind, lane, s_m, speed, &mut world.rng);
    place(world, actor, lane);
}

fn place(world: &mut World, mut actor: Actor, lane: usize) {
    let offset = actor.driver().map_or(0.0, |driver| driver.offset_d_m);
    actor.d_m = world.road.lane_centre_d_m(lane) + offset;
    world.actors.push(actor);
}

fn vehicle(
    actor_id: u32,
    kind: ActorKind,
    lane: usize,
    s_m: f64,
    speed_mps: f64,
    rng: &mut ChaCha8Rng,
) -> Actor {
    let idm = IdmParams {
        headway_s: rng.random_range(HEADWAY_S),
        accel_mps2: if kind == ActorKind::Car {
            rng.random_range(CAR_ACCEL_MPS2)
        } else {
            HEAVY_ACCEL_MPS2
        },
        comfort_decel_mps2: rng.random_range(COMFORT_DECEL_MPS2),
        ..IdmParams::city(speed_mps)
    };
    let mobil = (kind != ActorKind::Bicycle).then(MobilParams::default);
    let driver = Driver {
        idm,
        mobil,
        lane,
        offset_d_m: if kind == ActorKind::Bicycle {
            -0.9
        } else {
            rng.random_range(-0.2..0.2)
        },
        change: None,
        cooldown_s: rng.random_range(0.0..3.0),
        order: Order::None,
        mood_rad: rng.random_range(0.0..std::f64::consts::TAU),
    };
    Actor {
        actor_id,
        kind,
        size: size_of(kind, rng),
        s_m,
        d_m: 0.0,
        heading_rad: 0.0,
        speed_mps,
        accel_mps2: 0.0,
        yaw_rate_radps: 0.0,
        control: Control::Driver(driver),
    }
}

fn size_of(kind: ActorKind, rng: &mut ChaCha8Rng) -> Size {
    let (length, width, height) = match kind {
        ActorKind::Truck => (6.8..9.5, 2.3..2.5, 2.8..3.6),
        ActorKind::Bus => (10.5..12.0, 2.5..2.55, 3.0..3.2),
        ActorKind::Bicycle => (1.7..1.9, 0.55..0.7, 1.6..1.8),
        ActorKind::Pedestrian => (0.4..0.6, 0.5..0.7, 1.5..1.9),
        ActorKind::Obstacle => (0.4..1.0, 0.5..1.1, 0.25..0.8),
        ActorKind::Ego | ActorKind::Car => (4.0..5.0, 1.72..1.95, 1.4..1.8),
    };
    Size {
        length_m: rng.random_range(length),
        width_m: rng.random_range(width),
        height_m: rng.random_range(height),
    }
}

/// People at the crossings, and on the pavements.
fn add_people(world: &mut World) {
    let half = world.road.half_width_m();
    for s_m in world.road.crossings_s_m().to_vec() {
        if s_m < EGO_START_S_M + 30.0 || world.rng.random_range(0.0..1.0) > 0.85 {
            continue;
        }
        let side = if world.rng.random_range(0.0..1.0) < 0.5 {
            1.0
        } else {
            -1.0
        };
        let s_m = s_m + world.rng.random_range(-1.0..1.0);
        let heading = -side * std::f64::consts::FRAC_PI_2;
        still(
            world,
            ActorKind::Pedestrian,
            s_m,
            side * (half + KERB_M),
            heading,
            Walk::Wait,
        );
    }
    for _ in 0..world.rng.random_range(3..8) {
        let side = if world.rng.random_range(0.0..1.0) < 0.5 {
            1.0
        } else {
            -1.0
        };
        let s_m = EGO_START_S_M + world.rng.random_range(10.0..450.0);
        let with_road = world.rng.random_range(0.0..1.0) < 0.5;
        let heading = if with_road { 0.0 } else { std::f64::consts::PI };
        let d_m = side * (half + world.rng.random_range(2.6..4.0));
        let speed = world.rng.random_range(0.9..1.7);
        let walk = Walk::Along { with_road };
        let actor_id = still(world, ActorKind::Pedestrian, s_m, d_m, heading, walk);
        if let Some(actor) = world.actor_mut(actor_id) {
            actor.speed_mps = speed;
        }
    }
}

fn still(
    world: &mut World,
    kind: ActorKind,
    s_m: f64,
    d_m: f64,
    heading_rad: f64,
    walk: Walk,
) -> u32 {
    let actor_id = world.take_actor_id();
    let size = size_of(kind, &mut world.rng);
    world.actors.push(Actor {
        actor_id,
        kind,
        size,
        s_m,
        d_m,
        heading_rad,
        speed_mps: 0.0,
        accel_mps2: 0.0,
        yaw_rate_radps: 0.0,
        control: Control::Walker(walk),
    });
    actor_id
}

/// Puts a stalled car or a small object on the road; returns who it is.
pub(crate) fn add_stationary(world: &mut World, kind: ActorKind, s_m: f64, d_m: f64) -> u32 {
    let actor_id = still(world, kind, s_m, d_m, 0.0, Walk::Wait);
    if let Some(actor) = world.actor_mut(actor_id) {
        actor.control = Control::Still;
    }
    actor_id
}

/// Takes vehicles that are far away out of the world and lets new ones in.
pub(crate) fn renew(world: &mut World) {
    let ego = &world.actors[0];
    let (ego_s, ego_speed) = (ego.s_m, ego.speed_mps);
    let end = world.road.length_m() - 10.0;
    world.actors.retain(|actor| {
        let is_left_behind = ego_s - actor.s_m > LEAVE_M;
        let is_gone = is_left_behind || actor.s_m - ego_s > LEAVE_M || actor.s_m > end;
        match actor.control {
            Control::Driver(_) => actor.kind == ActorKind::Ego || !is_gone,
            // Those further ahead wait there for the ego.
            Control::Walker(_) | Control::Still => !is_left_behind,
        }
    });
    for lane in 0..world.road.lanes() {
        let vehicles = world.actors.iter().filter(|a| a.driver().is_some());
        if vehicles.count() >= VEHICLES_MAX {
            return;
        }
        let ahead = ego_s + ENTER_M + world.rng.random_range(20.0..60.0);
        if ahead < end - 30.0 {
            enter(world, lane, ahead, 0.95);
        }
        let behind = ego_s - ENTER_M;
        if behind > 15.0 && ego_speed > 6.0 {
            enter(world, lane, behind, 1.15);
        }
    }
}

/// Lets a vehicle in where there is room, at a speed that its leader and follower can live with.
fn enter(world: &mut World, lane: usize, s_m: f64, pace: f64) {
    let in_way = |actor: &&Actor| scene::takes_lane(actor, lane, &world.road);
    let free = !world
        .actors
        .iter()
        .filter(in_way)
        .any(|a| (a.s_m - s_m).abs() < ENTER_ROOM_M);
    if !free || world.rng.random_range(0.0..1.0) < 0.5 {
        return;
    }
    let wish = world.actors[0]
        .driver()
        .map_or(12.0, |driver| driver.idm.desired_speed_mps);
    let near = |actor: &&Actor| (actor.s_m - s_m).abs() < 120.0;
    let slowest = world
        .actors
        .iter()
        .filter(in_way)
        .filter(near)
        .map(|a| a.speed_mps);
    let speed = slowest.fold(wish * pace, f64::min);
    let kind = if world.rng.random_range(0.0..1.0) < 0.12 {
        ActorKind::Truck
    } else {
        ActorKind::Car
    };
    let actor_id = world.take_actor_id();
    let mut actor = vehicle(actor_id, kind, lane, s_m, wish * pace, &mut world.rng);
    actor.speed_mps = speed;
    place(world, actor, lane);
}
