//! A small ROS 2 log, made here: two seconds, chunk by chunk.

use std::collections::BTreeMap;
use std::io::Cursor;

use mcap::records::{MessageHeader, Metadata};
use mcap::{Compression, WriteOptions, Writer};

use crate::cdr::{Cdr, objects, objects_definition, odometry, odometry_definition, with_header};

pub(crate) const START_NS: i64 = 1_767_225_600_000_000_000;
pub(crate) const MAP: &str = r#"{"lanes":[{"lane_id":"l","lane_type":"VEHICLE","is_intersection":false,"centre":[0,0,50,0],
    "left_boundary":[0,2,50,2],"right_boundary":[0,-2,50,-2],"left_neighbour":null,"right_neighbour":"r","successors":[],"predecessors":[]}],
    "areas":[{"area_id":"c","kind":"pedestrian_crossing","polygon":[0,0,1,0,1,1]},{"area_id":"d","kind":"moon","polygon":[0,0,1,0,1,1]}]}"#;

/// Messages of each topic: odometry at 50 Hz, objects at 10 Hz in two frames, the rest.
pub(crate) const ODOMETRY: usize = 101;
pub(crate) const OBJECTS: usize = 20;

/// How a log is written.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) compression: Option<Compression>,
    pub(crate) has_metadata: bool,
    pub(crate) has_summary: bool,
    /// Bytes of a chunk; none where messages lie in the file itself.
    pub(crate) chunk_bytes: Option<u64>,
    /// Whether the data has a checksum as a whole.
    pub(crate) has_data_checksum: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            compression: Some(Compression::Zstd),
            has_metadata: true,
            has_summary: true,
            chunk_bytes: Some(4096),
            has_data_checksum: true,
        }
    }
}

struct Log {
    writer: Writer<Cursor<Vec<u8>>>,
    sequence: u32,
}

impl Log {
    fn channel(&mut self, topic: &str, schema: &str, text: &str) -> u16 {
        let schema = self
            .writer
            .add_schema(schema, "ros2msg", text.as_bytes())
            .unwrap();
        self.writer
            .add_channel(schema, topic, "cdr", &BTreeMap::new())
            .unwrap()
    }

    fn write(&mut self, channel_id: u16, stamp_ns: i64, data: &[u8]) {
        self.sequence += 1;
        let (sequence, log_time) = (self.sequence, stamp_ns as u64);
        let header = MessageHeader {
            channel_id,
            sequence,
            log_time,
            publish_time: log_time,
        };
        self.writer.write_to_known_channel(&header, data).unwrap();
    }
}

/// The ego drives along x at 10 m/s; a car at 5 m/s on the lane to the left, in the map frame; a pedestrian 10 m ahead, walking left at
/// 1 m/s, in the ego frame.
pub(crate) fn log(shape: Shape) -> Vec<u8> {
    let writer = WriteOptions::new()
        .compression(shape.compression)
        .chunk_size(shape.chunk_bytes)
        .use_chunks(shape.chunk_bytes.is_some())
        .calculate_data_section_crc(shape.has_data_checksum)
        .compression_threads(0)
        .emit_summary_records(shape.has_summary)
        .emit_summary_offsets(shape.has_summary)
        .create(Cursor::new(Vec::new()))
        .unwrap();
    let mut log = Log {
        writer,
        sequence: 0,
    };
    if shape.has_metadata {
        let entries = [
            ("log_id", "drive-1"),
            ("origin", "simulated"),
            ("region", "lab"),
            ("ego_length_m", "5.0"),
        ];
        let metadata = entries
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        log.writer
            .write_metadata(&Metadata {
                name: "driveloop".into(),
                metadata,
            })
            .unwrap();
    }
    let odom = log.channel("/odom", "nav_msgs/msg/Odometry", &odometry_definition());
    let far = log.channel(
        "/objects",
        "autoware_perception_msgs/msg/TrackedObjects",
        &objects_definition(),
    );
    let near = log.channel(
        "/near",
        "autoware_perception_msgs/msg/TrackedObjects",
        &objects_definition(),
    );
    let speed = log.channel(
        "/speed",
        "autoware_vehicle_msgs/msg/VelocityReport",
        &with_header(
            "float32 longitudinal_velocity\nfloat32 lateral_velocity\nfloat32 heading_rate\n",
        ),
    );
    let can = log.channel(
        "/can",
        "can_msgs/msg/Frame",
        &with_header("uint32 id\nuint8 dlc\nuint8[8] data\n"),
    );
    let fix = log.channel(
        "/gnss",
        "sensor_msgs/msg/NavSatFix",
        &with_header("float64 latitude\nfloat64 longitude\n"),
    );
    let text = log.channel("/chatter", "std_msgs/msg/String", "string data\n");
    let map = log.channel("/map", "std_msgs/msg/String", "string data\n");
    let image = log.channel(
        "/cam",
        "sensor_msgs/msg/CompressedImage",
        &with_header("string format\nuint8[] data\n"),
    );
    log.write(
        map,
        START_NS,
        &Cdr::new().with(|w| w.write_string(MAP)).bytes(),
    );
    for k in 0..ODOMETRY as i64 {
        let (stamp, t) = (START_NS + k * 20_000_000, k as f64 * 0.02);
        log.write(odom, stamp, &odometry(stamp, 10.0 * t, 10.0));
        if k % 5 != 0 || k == 100 {
            continue;
        }
        log.write(
            far,
            stamp,
            &objects(stamp, "map", &[(1, 1, 30.0 + 5.0 * t, 3.5, 0.0, 5.0)]),
        );
        log.write(
            near,
            stamp,
            &objects(
                stamp,
                "base_link",
                &[(2, 7, 10.0, 0.0, std::f64::consts::FRAC_PI_2, 1.0)],
            ),
        );
        log.write(
            speed,
            stamp,
            &Cdr::new()
                .header(stamp, "base_link")
                .with(|w| [10.0, 0.0, 0.0].iter().for_each(|v| w.write_f32(*v)))
                .bytes(),
        );
        let frame = Cdr::new().header(stamp, "can0").with(|w| {
            w.write_u32(0x1d0);
            w.write_u8(2);
            (0..8).for_each(|byte| w.write_u8(byte));
        });
        log.write(can, stamp, &frame.bytes());
        log.write(
            text,
            stamp,
            &Cdr::new().with(|w| w.write_string("hello")).bytes(),
        );
    }
    log.write(
        fix,
        START_NS + 3_000_000,
        &Cdr::new()
            .header(START_NS + 3_000_000, "gnss")
            .doubles(&[48.0, 11.0])
            .bytes(),
    );
    let mut picture = Cursor::new(Vec::new());
    image::RgbImage::new(4, 3)
        .write_to(&mut picture, image::ImageFormat::Png)
        .unwrap();
    let picture = Cdr::new().header(START_NS, "cam").with(|w| {
        w.write_string("png");
        w.write_bytes(picture.get_ref());
    });
    log.write(image, START_NS, &picture.bytes());
    log.writer.finish().unwrap();
    log.writer.into_inner().into_inner()
}

/// Offset and whole length of each chunk of the file.
pub(crate) fn chunks(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut at = mcap::MAGIC.len();
    let mut chunks = Vec::new();
    while at + 9 <= bytes.len() - mcap::MAGIC.len() {
        let length = u64::from_le_bytes(bytes[at + 1..at + 9].try_into().unwrap()) as usize + 9;
        if bytes[at] == mcap::records::op::CHUNK {
            chunks.push((at, length));
        }
        at += length;
    }
    chunks
}
