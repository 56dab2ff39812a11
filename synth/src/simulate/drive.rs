//! One simulated drive: the world is stepped, and what the ego knows of it goes into the log.

use std::io::Write;

use driveloop_schemas::maths::cos;
use driveloop_schemas::time::NS_PER_S;
use sha2::{Digest, Sha256};

use super::SimulateOptions;
use super::bus::Bus;
use super::ego::EgoReading;
use super::log::{Log, Topic};
use super::map::map_json;
use super::messages::{self, ImuReading};
use super::spell::Sightings;
use super::truth::{Told, Truth, truth_from_events};
use super::watch::Watch;
use crate::error::Result;
use crate::sensing::Sensor;
use crate::traffic::{EgoAction, STEP_S, World, WorldConfig};

/// The first drive starts at 2026-01-01T00:00:00Z, each later one an hour after the one before it.
const EPOCH_NS: i64 = 1_767_225_600 * NS_PER_S;
const DRIVE_SPACING_NS: i64 = 3600 * NS_PER_S;
/// Steps of the world a second, and so the rate of odometry and vehicle reports.
const STEPS_PER_S: u64 = 50;
const STEP_NS: i64 = NS_PER_S / STEPS_PER_S as i64;
/// Steps between two frames of objects and between two fixes: 10 Hz.
const FRAME_STEPS: u64 = 5;
/// Origin of the map, and the radius of the sphere that makes coordinates of metres.
const ORIGIN_DEG: [f64; 2] = [48.0, 11.0];
const EARTH_RADIUS_M: f64 = 6_378_137.0;
const GRAVITY_MPS2: f64 = 9.806_65;
/// Speed for which the road is long enough, with room to enter and leave.
const ROAD_SPEED_MPS: f64 = 19.0;
const ROAD_ROOM_M: f64 = 550.0;

/// What was written of a drive.
#[derive(Debug)]
pub(crate) struct Written<W> {
    pub(crate) out: W,
    pub(crate) messages: u64,
    pub(crate) truth: Truth,
}

/// The name of a drive.
pub(crate) fn log_id_of(options: &SimulateOptions, index: usize) -> String {
    format!("sim-{}-{index:04}", options.seed)
}

/// Simulates one drive. The bytes depend on the options and the index alone.
pub(crate) fn simulate_drive<W: Write>(
    options: &SimulateOptions,
    index: usize,
    out: W,
) -> Result<Written<W>> {
    let log_id = log_id_of(options, index);
    let config = WorldConfig {
        road_length_m: ROAD_SPEED_MPS * options.seconds + ROAD_ROOM_M,
        events_per_min: options.events_per_min,
        events: options.events.clone(),
        duration_s: options.seconds,
        ..WorldConfig::default()
    };
    let mut world = World::new(config, derived_seed(&log_id, "world"));
    let start_ns = EPOCH_NS + index as i64 * DRIVE_SPACING_NS;
    let mut recorder = Recorder::open(options, &log_id, start_ns, &world, out)?;
    let last_step = (options.seconds / STEP_S).round() as u64;
    for step in 0..=last_step {
        recorder.write_step(&world)?;
        if step < last_step {
            world.step(EgoAction::Drive);
        }
    }
    let fits = recorder.watch.finish();
    let told = Told {
        events: world.events(),
        fits: &fits,
        sightings: &recorder.sightings,
        last_step,
    };
    let truth = truth_from_events(&log_id, &told, |step| start_ns + step as i64 * STEP_NS);
    let (out, messages) = recorder.log.finish()?;
    Ok(Written {
        out,
        messages,
        truth,
    })
}

fn derived_seed(log_id: &str, stream: &str) -> u64 {
    let digest = Sha256::digest(format!("{log_id}/{stream}"));
    digest[..8]
        .iter()
        .fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}

struct Recorder<W: Write> {
    start_ns: i64,
    log: Log<W>,
    sensor: Sensor,
    bus: Bus,
    sightings: Sightings,
    watch: Watch,
}

impl<W: Write> Recorder<W> {
    fn open(
        options: &SimulateOptions,
        log_id: &str,
        start_ns: i64,
        world: &World,
        out: W,
    ) -> Result<Self> {
        let mut log = Log::open(log_id, world.actors()[0].size, out)?;
        let map = map_json(world.road())?;
        log.write(Topic::Map, start_ns, |cdr| messages::string(cdr, &map))?;
        let seed = derived_seed(log_id, "sensor");
        Ok(Self {
            start_ns,
            log,
            sensor: Sensor::new(log_id, options.sensor.clone(), seed),
            bus: Bus::default(),
            sightings: Sightings::new(),
            watch: Watch::new(&options.sensor),
        })
    }

    fn write_step(&mut self, world: &World) -> Result<()> {
        let step = world.steps();
        let stamp_ns = self.start_ns + step as i64 * STEP_NS;
        let ego = EgoReading::new(world, stamp_ns);
        let is_frame = step.is_multiple_of(FRAME_STEPS);
        let log = &mut self.log;
        log.write(Topic::Odometry, stamp_ns, |cdr| {
            messages::odometry(cdr, &ego);
        })?;
        log.write(Topic::Transform, stamp_ns, |cdr| {
            messages::transform(cdr, &ego);
        })?;
        self.write_imu(&ego, stamp_ns)?;
        if is_frame {
            self.write_fix(&ego)?;
        }
        let log = &mut self.log;
        log.write(Topic::Velocity, stamp_ns, |cdr| {
            messages::velocity_report(cdr, &ego);
        })?;
        log.write(Topic::Steering, stamp_ns, |cdr| {
            messages::steering_report(cdr, &ego);
        })?;
        for frame in self.bus.frames(&ego, step, STEPS_PER_S as f64) {
            log.write(Topic::Bus, stamp_ns, |cdr| {
                messages::can_frame(cdr, stamp_ns, &frame);
            })?;
        }
        if is_frame {
            self.write_objects(world, stamp_ns)?;
        }
        self.write_imu(&ego, stamp_ns + STEP_NS / 2)
    }

    fn write_objects(&mut self, world: &World, stamp_ns: i64) -> Result<()> {
        self.watch.look(world);
        let objects = self.sensor.observe(world);
        for object in &objects {
            let steps = self.sightings.entry(object.actor_id).or_default();
            steps.push(world.steps());
        }
        self.log.write(Topic::Objects, stamp_ns, |cdr| {
            messages::tracked_objects(cdr, stamp_ns, &objects);
        })
    }

    fn write_imu(&mut self, ego: &EgoReading, stamp_ns: i64) -> Result<()> {
        let after_s = (stamp_ns - ego.stamp_ns) as f64 / NS_PER_S as f64;
        let config = self.sensor.config();
        let (turn_std_radps, force_std_mps2) = (config.gyro_std_radps, config.accel_std_mps2);
        let across_mps2 = ego.velocity_mps[0] * ego.yaw_rate_radps;
        let mut noisy = |value: f64, std: f64| value + std * self.sensor.normal();
        let reading = ImuReading {
            stamp_ns,
            yaw_rad: ego.yaw_rad + ego.yaw_rate_radps * after_s,
            turn_radps: [0.0, 0.0, ego.yaw_rate_radps].map(|value| noisy(value, turn_std_radps)),
            force_mps2: [ego.accel_mps2, across_mps2, GRAVITY_MPS2]
                .map(|value| noisy(value, force_std_mps2)),
            turn_std_radps,
            force_std_mps2,
        };
        self.log
            .write(Topic::Imu, stamp_ns, |cdr| messages::imu(cdr, &reading))
    }

    fn write_fix(&mut self, ego: &EgoReading) -> Result<()> {
        let std_m = self.sensor.config().fix_std_m;
        let east_m = ego.x_m + std_m * self.sensor.normal();
        let north_m = ego.y_m + std_m * self.sensor.normal();
        let [latitude, longitude] = ORIGIN_DEG;
        let parallel_m = EARTH_RADIUS_M * cos(latitude.to_radians());
        let place_deg = [
            latitude + (north_m / EARTH_RADIUS_M).to_degrees(),
            longitude + (east_m / parallel_m).to_degrees(),
        ];
        self.log.write(Topic::Fix, ego.stamp_ns, |cdr| {
            messages::nav_sat_fix(cdr, ego.stamp_ns, place_deg, std_m * std_m);
        })
    }
}
