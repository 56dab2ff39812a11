//! One simulated drive as an MCAP file.

use std::collections::BTreeMap;
use std::io::Cursor;

use driveloop_schemas::time::NS_PER_S;
use mcap::records::{MessageHeader, Metadata};
use mcap::{WriteOptions, Writer};
use sha2::{Digest, Sha256};

use super::SimulateOptions;
use super::map::map_json;
use super::messages::{self, EgoReading};
use super::schemas::{full_name, schema_text};
use super::sensor::Sensor;
use super::truth::{Sightings, Truth, truth_from_events};
use crate::error::{Error, Result};
use crate::traffic::{EgoAction, STEP_S, World, WorldConfig};

/// The first drive starts at 2026-01-01T00:00:00Z, each later one an hour after the one before it.
const EPOCH_NS: i64 = 1_767_225_600 * NS_PER_S;
const DRIVE_SPACING_NS: i64 = 3600 * NS_PER_S;
/// Steps between two frames of objects and between two fixes: 10 Hz.
const FRAME_STEPS: u64 = 5;
/// Distance from the middle of the ego's rear axle to the centre of its box.
const REAR_AXLE_TO_CENTRE_M: f64 = 1.35;
const WHEELBASE_M: f64 = 2.7;
/// Origin of the map, and the radius of the sphere that makes coordinates of metres.
const ORIGIN_DEG: [f64; 2] = [48.0, 11.0];
const EARTH_RADIUS_M: f64 = 6_378_137.0;
const FIX_STD_M: f64 = 0.5;
const GRAVITY_MPS2: f64 = 9.806_65;
/// Speed for which the road is long enough, with room to enter and leave.
const ROAD_SPEED_MPS: f64 = 19.0;
const ROAD_ROOM_M: f64 = 550.0;
/// Target size of a chunk before compression.
const CHUNK_BYTES: u64 = 1 << 20;

/// The topics: name, type.
const TOPICS: [(&str, &str); 9] = [
    ("/map", "std_msgs/String"),
    ("/localization/odometry", "nav_msgs/Odometry"),
    ("/tf", "tf2_msgs/TFMessage"),
    ("/sensing/imu", "sensor_msgs/Imu"),
    ("/sensing/gnss", "sensor_msgs/NavSatFix"),
    (
        "/vehicle/status/velocity",
        "autoware_vehicle_msgs/VelocityReport",
    ),
    (
        "/vehicle/status/steering",
        "autoware_vehicle_msgs/SteeringReport",
    ),
    ("/from_can_bus", "can_msgs/Frame"),
    (
        "/perception/objects",
        "autoware_perception_msgs/TrackedObjects",
    ),
];

/// A drive before it is stored.
pub(crate) struct DriveLog {
    pub(crate) log_id: String,
    pub(crate) mcap: Vec<u8>,
    pub(crate) messages: u64,
    pub(crate) truth: Truth,
}

/// Simulates one drive. The bytes depend on the options and the index alone.
pub(crate) fn simulate_drive(options: &SimulateOptions, index: usize) -> Result<DriveLog> {
    let log_id = format!("sim-{}-{index:04}", options.seed);
    let config = WorldConfig {
        road_length_m: ROAD_SPEED_MPS * options.seconds + ROAD_ROOM_M,
        events_per_min: options.events_per_min,
        duration_s: options.seconds,
        ..WorldConfig::default()
    };
    let mut world = World::reset(config, derived_seed(&log_id, "world"));
    let start_ns = EPOCH_NS + index as i64 * DRIVE_SPACING_NS;
    let mut log = Log::open(&log_id, start_ns)?;
    log.write_metadata(&world)?;
    log.write(0, start_ns, &messages::string(&map_json(world.road())?))?;
    let last_step = (options.seconds / STEP_S).round() as u64;
    for step in 0..=last_step {
        log.write_step(&world)?;
        if step < last_step {
            world.step(EgoAction::Drive);
        }
    }
    let stamp_of = |step| log.stamp_ns(step);
    let truth = truth_from_events(
        &log_id,
        world.events(),
        &log.sightings,
        last_step,
        FRAME_STEPS,
        stamp_of,
    );
    let messages = log.messages;
    let mcap = log.finish()?;
    Ok(DriveLog {
        log_id,
        mcap,
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

struct Log {
    log_id: String,
    start_ns: i64,
    writer: Writer<Cursor<Vec<u8>>>,
    channels: Vec<u16>,
    sequences: Vec<u32>,
    sensor: Sensor,
    sightings: Sightings,
    messages: u64,
}

impl Log {
    fn open(log_id: &str, start_ns: i64) -> Result<Self> {
        // One compression thread: more of them would make the bytes depend on the machine.
        let mut writer = WriteOptions::new()
            .profile("ros2")
            .library("driveloop")
            .chunk_size(Some(CHUNK_BYTES))
            .compression_threads(0)
            .create(Cursor::new(Vec::new()))?;
        let mut channels = Vec::new();
        let qos = BTreeMap::from([("offered_qos_profiles".to_owned(), String::new())]);
        for (topic, name) in TOPICS {
            let text = schema_text(name);
            let schema = writer.add_schema(&full_name(name), "ros2msg", text.as_bytes())?;
            channels.push(writer.add_channel(schema, topic, "cdr", &qos)?);
        }
        Ok(Self {
            log_id: log_id.to_owned(),
            start_ns,
            writer,
            channels,
            sequences: vec![0; TOPICS.len()],
            sensor: Sensor::new(log_id, derived_seed(log_id, "sensor")),
            sightings: Sightings::new(),
            messages: 0,
        })
    }

    fn write_metadata(&mut self, world: &World) -> Result<()> {
        let size = world.actors()[0].size;
        let entries = [
            ("log_id", self.log_id.clone()),
            ("origin", "simulated".to_owned()),
            ("vehicle_id", "driveloop-sim-1".to_owned()),
            ("map_id", format!("{}-map", self.log_id)),
            ("region", "simulation".to_owned()),
            (
                "software_version",
                concat!("driveloop-synth ", env!("CARGO_PKG_VERSION")).to_owned(),
            ),
            ("licence", "CC0-1.0".to_owned()),
            ("ego_length_m", size.length_m.to_string()),
            ("ego_width_m", size.width_m.to_string()),
            ("ego_height_m", size.height_m.to_string()),
            (
                "ego_rear_axle_to_centre_m",
                REAR_AXLE_TO_CENTRE_M.to_string(),
            ),
        ];
        let metadata = entries.map(|(key, value)| (key.to_owned(), value)).into();
        self.writer.write_metadata(&Metadata {
            name: "driveloop".into(),
            metadata,
        })?;
        Ok(())
    }

    fn stamp_ns(&self, step: u64) -> i64 {
        self.start_ns + (step * (NS_PER_S as u64 / 50)) as i64
    }

    fn write(&mut self, topic: usize, stamp_ns: i64, data: &[u8]) -> Result<()> {
        let time = stamp_ns as u64;
        let header = MessageHeader {
            channel_id: self.channels[topic],
            sequence: self.sequences[topic],
            log_time: time,
            publish_time: time,
        };
        self.sequences[topic] += 1;
        self.messages += 1;
        self.writer.write_to_known_channel(&header, data)?;
        Ok(())
    }

    fn write_step(&mut self, world: &World) -> Result<()> {
        let stamp_ns = self.stamp_ns(world.steps());
        let ego = ego_reading(world, stamp_ns);
        self.write(1, stamp_ns, &messages::odometry(&ego))?;
        self.write(2, stamp_ns, &messages::transform(&ego))?;
        self.write_imu(&ego, stamp_ns)?;
        if world.steps().is_multiple_of(FRAME_STEPS) {
            let fix = self.fix(&ego);
            self.write(4, stamp_ns, &fix)?;
        }
        self.write(5, stamp_ns, &messages::velocity_report(&ego))?;
        self.write(6, stamp_ns, &messages::steering_report(&ego))?;
        self.write(7, stamp_ns, &messages::chassis_frame(&ego, world.steps()))?;
        if world.steps().is_multiple_of(FRAME_STEPS) {
            let objects = self.sensor.observe(world);
            for object in &objects {
                self.sightings
                    .entry(object.actor_id)
                    .or_default()
                    .push(world.steps());
            }
            self.write(8, stamp_ns, &messages::tracked_objects(stamp_ns, &objects))?;
        }
        self.write_imu(&ego, stamp_ns + NS_PER_S / 100)
    }

    fn write_imu(&mut self, ego: &EgoReading, stamp_ns: i64) -> Result<()> {
        let mut noisy = |value: f64, std: f64| value + std * self.sensor.normal();
        let turn = [
            noisy(0.0, 0.002),
            noisy(0.0, 0.002),
            noisy(ego.yaw_rate_radps, 0.002),
        ];
        let across = ego.velocity_mps[0] * ego.yaw_rate_radps;
        let force = [
            noisy(ego.accel_mps2, 0.05),
            noisy(across, 0.05),
            noisy(GRAVITY_MPS2, 0.05),
        ];
        self.write(
            3,
            stamp_ns,
            &messages::imu(stamp_ns, ego.yaw_rad, turn, force),
        )
    }

    fn fix(&mut self, ego: &EgoReading) -> Vec<u8> {
        let east = ego.x_m + FIX_STD_M * self.sensor.normal();
        let north = ego.y_m + FIX_STD_M * self.sensor.normal();
        let [latitude, longitude] = ORIGIN_DEG;
        let parallel = EARTH_RADIUS_M * latitude.to_radians().cos();
        messages::nav_sat_fix(
            ego.stamp_ns,
            latitude + (north / EARTH_RADIUS_M).to_degrees(),
            longitude + (east / parallel).to_degrees(),
            FIX_STD_M * FIX_STD_M,
        )
    }

    fn finish(mut self) -> Result<Vec<u8>> {
        self.writer.finish()?;
        Ok(self.writer.into_inner().into_inner())
    }
}

/// The ego's state at its rear axle. The box's centre follows the road, so the axle, behind it, moves a little sideways.
fn ego_reading(world: &World, stamp_ns: i64) -> EgoReading {
    let ego = &world.actors()[0];
    let pose = ego.pose(world.road());
    let (sin, cos) = pose.yaw_rad.sin_cos();
    let curvature = ego.yaw_rate_radps / ego.speed_mps.max(1.0);
    EgoReading {
        stamp_ns,
        x_m: pose.x_m - REAR_AXLE_TO_CENTRE_M * cos,
        y_m: pose.y_m - REAR_AXLE_TO_CENTRE_M * sin,
        yaw_rad: pose.yaw_rad,
        velocity_mps: [ego.speed_mps, -REAR_AXLE_TO_CENTRE_M * ego.yaw_rate_radps],
        accel_mps2: ego.accel_mps2,
        yaw_rate_radps: ego.yaw_rate_radps,
        steering_rad: (WHEELBASE_M * curvature).atan(),
    }
}

impl From<mcap::McapError> for Error {
    fn from(source: mcap::McapError) -> Self {
        Self::Mcap {
            source: Box::new(source),
        }
    }
}
