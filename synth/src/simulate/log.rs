//! The MCAP file of a drive: its topics, its metadata, its messages.

use std::collections::BTreeMap;
use std::io::Write;

use mcap::records::{MessageHeader, Metadata};
use mcap::write::NoSeek;
use mcap::{WriteOptions, Writer};

use super::ego::REAR_AXLE_TO_CENTRE_M;
use super::messages::{Cdr, encode_into};
use super::schemas::{full_name, schema_text};
use crate::error::{Error, Result};
use crate::traffic::Size;

/// Target size of a chunk before compression: a log is written with no more of it in memory.
const CHUNK_BYTES: u64 = 1 << 20;

/// What a log carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    Map,
    Odometry,
    Transform,
    Imu,
    Fix,
    Velocity,
    Steering,
    Bus,
    Objects,
}

impl Topic {
    const ALL: [Self; 9] = [
        Self::Map,
        Self::Odometry,
        Self::Transform,
        Self::Imu,
        Self::Fix,
        Self::Velocity,
        Self::Steering,
        Self::Bus,
        Self::Objects,
    ];

    fn name_and_type(self) -> (&'static str, &'static str) {
        match self {
            Self::Map => ("/map", "std_msgs/String"),
            Self::Odometry => ("/localization/odometry", "nav_msgs/Odometry"),
            Self::Transform => ("/tf", "tf2_msgs/TFMessage"),
            Self::Imu => ("/sensing/imu", "sensor_msgs/Imu"),
            Self::Fix => ("/sensing/gnss", "sensor_msgs/NavSatFix"),
            Self::Velocity => (
                "/vehicle/status/velocity",
                "autoware_vehicle_msgs/VelocityReport",
            ),
            Self::Steering => (
                "/vehicle/status/steering",
                "autoware_vehicle_msgs/SteeringReport",
            ),
            Self::Bus => ("/from_can_bus", "can_msgs/Frame"),
            Self::Objects => (
                "/perception/objects",
                "autoware_perception_msgs/TrackedObjects",
            ),
        }
    }
}

/// A log that is being written.
pub(crate) struct Log<W: Write> {
    writer: Writer<NoSeek<W>>,
    channels: Vec<u16>,
    sequences: Vec<u32>,
    buffer: Vec<u8>,
    messages: u64,
}

impl<W: Write> Log<W> {
    pub(crate) fn open(log_id: &str, ego: Size, out: W) -> Result<Self> {
        // One compression thread: more of them would make the bytes depend on the machine.
        let mut writer = WriteOptions::new()
            .profile("ros2")
            .library("driveloop")
            .chunk_size(Some(CHUNK_BYTES))
            .compression_threads(0)
            .disable_seeking(true)
            .create(NoSeek::new(out))?;
        writer.write_metadata(&metadata(log_id, ego))?;
        let mut channels = Vec::new();
        let qos = BTreeMap::from([("offered_qos_profiles".to_owned(), String::new())]);
        for topic in Topic::ALL {
            let (topic, name) = topic.name_and_type();
            let text = schema_text(name);
            let schema = writer.add_schema(&full_name(name), "ros2msg", text.as_bytes())?;
            channels.push(writer.add_channel(schema, topic, "cdr", &qos)?);
        }
        Ok(Self {
            writer,
            channels,
            sequences: vec![0; Topic::ALL.len()],
            buffer: Vec::new(),
            messages: 0,
        })
    }

    /// Adds a message; its log time is the stamp, as there is no transport in between.
    pub(crate) fn write(
        &mut self,
        topic: Topic,
        stamp_ns: i64,
        body: impl FnOnce(&mut Cdr<'_>),
    ) -> Result<()> {
        encode_into(&mut self.buffer, body);
        let index = topic as usize;
        let header = MessageHeader {
            channel_id: self.channels[index],
            sequence: self.sequences[index],
            log_time: stamp_ns as u64,
            publish_time: stamp_ns as u64,
        };
        self.sequences[index] += 1;
        self.messages += 1;
        self.writer.write_to_known_channel(&header, &self.buffer)?;
        Ok(())
    }

    /// Ends the log with its summary; gives back what it was written to, and the number of messages.
    pub(crate) fn finish(mut self) -> Result<(W, u64)> {
        self.writer.finish()?;
        Ok((self.writer.into_inner().into_inner(), self.messages))
    }
}

fn metadata(log_id: &str, ego: Size) -> Metadata {
    let entries = [
        ("log_id", log_id.to_owned()),
        ("origin", "simulated".to_owned()),
        ("vehicle_id", "driveloop-sim-1".to_owned()),
        ("map_id", format!("{log_id}-map")),
        ("region", "simulation".to_owned()),
        (
            "software_version",
            concat!("driveloop-synth ", env!("CARGO_PKG_VERSION")).to_owned(),
        ),
        ("licence", "CC0-1.0".to_owned()),
        ("ego_length_m", ego.length_m.to_string()),
        ("ego_width_m", ego.width_m.to_string()),
        ("ego_height_m", ego.height_m.to_string()),
        (
            "ego_rear_axle_to_centre_m",
            REAR_AXLE_TO_CENTRE_M.to_string(),
        ),
    ];
    Metadata {
        name: "driveloop".into(),
        metadata: entries.map(|(key, value)| (key.to_owned(), value)).into(),
    }
}

impl From<mcap::McapError> for Error {
    fn from(source: mcap::McapError) -> Self {
        Self::Mcap {
            source: Box::new(source),
        }
    }
}
