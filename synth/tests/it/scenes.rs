//! Hosts for the tests: hand-made ones on a straight road, and ones that the traffic world drives.

use driveloop_schemas::time::day_from_stamp_ns;
use driveloop_schemas::{Drive, EgoState, Episode, MapArea, ObjectTrack};
use driveloop_synth::compose::HostScene;
use driveloop_synth::traffic::{Actor, ActorKind, EgoAction, EventKind, World, WorldConfig};

pub(crate) const START_NS: i64 = 1_767_225_600_000_000_000;
const STEP_NS: i64 = 100_000_000;

/// A vehicle that drives straight along x.
#[derive(Clone, Copy)]
pub(crate) struct Car {
    pub(crate) name: &'static str,
    pub(crate) x_m: f64,
    pub(crate) y_m: f64,
    pub(crate) speed_mps: f64,
}

pub(crate) const EGO: Car = Car {
    name: "ego",
    x_m: 0.0,
    y_m: 0.0,
    speed_mps: 12.0,
};
pub(crate) const LEAD: Car = Car {
    name: "lead",
    x_m: 27.0,
    y_m: 0.0,
    speed_mps: 12.0,
};
pub(crate) const BEHIND: Car = Car {
    name: "behind",
    x_m: -18.0,
    y_m: 0.0,
    speed_mps: 12.0,
};
pub(crate) const BESIDE: Car = Car {
    name: "beside",
    x_m: 16.0,
    y_m: 3.5,
    speed_mps: 12.0,
};

pub(crate) fn drive(log_id: &str, end_ns: i64) -> Drive {
    Drive {
        log_id: log_id.into(),
        day: day_from_stamp_ns(START_NS),
        composed: false,
        origin: "recorded".into(),
        vehicle_id: None,
        source_uri: "memory:".into(),
        source_digest: "0".repeat(64),
        source_bytes: 0,
        format: "test".into(),
        start_ns: START_NS,
        end_ns,
        map_id: None,
        region: None,
        software_version: None,
        licence: None,
        privacy_state: "none".into(),
        records_in: 0,
        records_dropped: 0,
    }
}

pub(crate) fn row(log_id: &str, track_id: &str, stamp_ns: i64, category: &str) -> ObjectTrack {
    ObjectTrack {
        log_id: log_id.into(),
        day: day_from_stamp_ns(START_NS),
        composed: false,
        track_id: track_id.into(),
        stamp_ns,
        category: category.into(),
        source_category: category.into(),
        length_m: 4.6,
        width_m: 1.9,
        height_m: 1.5,
        x_m: 0.0,
        y_m: 0.0,
        z_m: 0.0,
        qw: 1.0,
        qx: 0.0,
        qy: 0.0,
        qz: 0.0,
        yaw_rad: 0.0,
        vx_mps: None,
        vy_mps: None,
        ax_mps2: None,
        ay_mps2: None,
        kinematics: "measured".into(),
        accel_kinematics: None,
        ego_x_m: 0.0,
        ego_y_m: 0.0,
        ego_z_m: 0.0,
        ego_yaw_rad: 0.0,
        ego_vx_mps: None,
        ego_vy_mps: None,
        lidar_points: None,
    }
}

pub(crate) fn ego_state(log_id: &str, stamp_ns: i64, place: [f64; 3], speed_mps: f64) -> EgoState {
    let [x_m, y_m, yaw_rad] = place;
    let (qz, qw) = (yaw_rad / 2.0).sin_cos();
    EgoState {
        log_id: log_id.into(),
        day: day_from_stamp_ns(START_NS),
        composed: false,
        stamp_ns,
        x_m,
        y_m,
        z_m: 0.0,
        qw,
        qx: 0.0,
        qy: 0.0,
        qz,
        yaw_rad,
        speed_mps: Some(speed_mps),
        accel_mps2: Some(0.0),
        yaw_rate_radps: Some(0.0),
        kinematics: "measured".into(),
        latitude_deg: None,
        longitude_deg: None,
    }
}

/// Ten seconds of cars at constant speeds, with a drivable rectangle from `low_y_m` to `high_y_m`.
pub(crate) fn straight(cars: &[Car], low_y_m: f64, high_y_m: f64) -> HostScene {
    let mut rows = Vec::new();
    let mut states = Vec::new();
    for k in 0..=100_i64 {
        let (stamp_ns, time_s) = (START_NS + k * STEP_NS, k as f64 * 0.1);
        let ego_x = EGO.x_m + EGO.speed_mps * time_s;
        for car in cars {
            let category = if car.name == "ego" {
                "EGO_VEHICLE"
            } else {
                "REGULAR_VEHICLE"
            };
            let mut row = row("host", car.name, stamp_ns, category);
            row.x_m = car.x_m + car.speed_mps * time_s;
            row.y_m = car.y_m;
            (row.vx_mps, row.vy_mps) = (Some(car.speed_mps), Some(0.0));
            (row.ego_x_m, row.ego_y_m) = (row.x_m - ego_x, row.y_m);
            rows.push(row);
        }
        for half in 0..2 {
            let shift = f64::from(half) * 0.05;
            let place = [ego_x + EGO.speed_mps * shift, 0.0, 0.0];
            states.push(ego_state(
                "host",
                stamp_ns + i64::from(half) * STEP_NS / 2,
                place,
                12.0,
            ));
        }
    }
    let area = MapArea {
        log_id: "host".into(),
        day: day_from_stamp_ns(START_NS),
        area_id: "road".into(),
        kind: "drivable".into(),
        polygon: vec![
            -60.0, low_y_m, 400.0, low_y_m, 400.0, high_y_m, -60.0, high_y_m,
        ],
        composed: Some(false),
    };
    let end_ns = START_NS + 100 * STEP_NS;
    HostScene::new(drive("host", end_ns), rows, states, Vec::new(), vec![area]).unwrap()
}

pub(crate) fn episode(
    log_id: &str,
    scenario: &str,
    actor: &str,
    from_s: f64,
    to_s: f64,
) -> Episode {
    let stamp = |s: f64| START_NS + (s * 1e9) as i64;
    Episode {
        episode_id: format!("{log_id}-{scenario}-{from_s}").into(),
        log_id: log_id.into(),
        day: day_from_stamp_ns(START_NS),
        composed: false,
        scenario: scenario.into(),
        scenario_version: 1,
        start_ns: stamp(from_s),
        end_ns: stamp(to_s),
        actors: vec![actor.into()],
        roles: vec!["actor".into()],
        score: 1.0,
        tags: Vec::new(),
        query_digest: String::new(),
    }
}

/// Rows of a drive through the traffic world, with a tracker's slow errors, and an episode for each event that fits a recipe.
pub(crate) fn driven(
    log_id: &str,
    seed: u64,
) -> (Drive, Vec<ObjectTrack>, Vec<EgoState>, Vec<Episode>) {
    let mut world = World::new(
        WorldConfig {
            duration_s: 20.0,
            ..WorldConfig::default()
        },
        seed,
    );
    let (mut rows, mut states) = (Vec::new(), Vec::new());
    for step in 0..=1000_i64 {
        let stamp_ns = START_NS + step * STEP_NS / 5;
        let road = world.road();
        let ego = &world.actors()[0];
        let at = ego.pose(road);
        states.push(ego_state(
            log_id,
            stamp_ns,
            [at.x_m, at.y_m, at.yaw_rad],
            ego.speed_mps,
        ));
        if step % 5 == 0 {
            let near = |a: &&Actor| (a.s_m - ego.s_m).abs() < 90.0;
            for actor in world.actors().iter().filter(near) {
                let (category, name) = match actor.kind {
                    ActorKind::Ego => ("EGO_VEHICLE", "ego".to_owned()),
                    ActorKind::Pedestrian => ("PEDESTRIAN", actor.actor_id.to_string()),
                    ActorKind::Truck => ("TRUCK", actor.actor_id.to_string()),
                    _ => ("REGULAR_VEHICLE", actor.actor_id.to_string()),
                };
                let mut row = row(log_id, &name, stamp_ns, category);
                let pose = actor.pose(road);
                let wobble = if name == "ego" { 0.0 } else { 0.05 };
                let slow = step as f64 * 0.01 + f64::from(actor.actor_id);
                (row.x_m, row.y_m) = (
                    pose.x_m + wobble * slow.sin(),
                    pose.y_m + wobble * slow.cos(),
                );
                row.yaw_rad = pose.yaw_rad;
                (row.qz, row.qw) = (pose.yaw_rad / 2.0).sin_cos();
                (row.length_m, row.width_m) = (actor.size.length_m, actor.size.width_m);
                let (sin, cos) = pose.yaw_rad.sin_cos();
                (row.vx_mps, row.vy_mps) =
                    (Some(actor.speed_mps * cos), Some(actor.speed_mps * sin));
                rows.push(row);
            }
        }
        world.step(EgoAction::Drive);
    }
    let episodes = world.events().iter().filter_map(|event| {
        let scenario = match event.kind {
            EventKind::LeadHardBrake => "lead_hard_brake",
            EventKind::CutIn => "cut_in",
            _ => return None,
        };
        let (from, to) = (event.start_step, event.end_step.unwrap_or(1000));
        let actor = event.actor_id.to_string();
        Some(episode(
            log_id,
            scenario,
            &actor,
            from as f64 * 0.02,
            to as f64 * 0.02,
        ))
    });
    let episodes = episodes.collect();
    (
        drive(log_id, START_NS + 200 * STEP_NS),
        rows,
        states,
        episodes,
    )
}
