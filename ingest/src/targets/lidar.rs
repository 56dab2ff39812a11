//! Point clouds.

use super::slots::frame;
use super::target::{Message, Taken, Target};
use crate::assembly::Assembly;
use crate::encoding::rows::Row;
use crate::encoding::wants::{Bytes, Integer, MESSAGE, Text, Wants};
use crate::error::Result;
use crate::media::{Points, Recording};
use crate::quality::FrozenPayloads;
use crate::refused::Refused;
use crate::stamps::FirstOfStamp;

/// `sensor_msgs/msg/PointCloud2`, `foxglove.PointCloud`: the whole message, since its head says what the points are. How it numbers the
/// types of their values is its own: `foxglove.PackedElementField` does it otherwise than `sensor_msgs/msg/PointField`.
pub(super) struct Sweeps {
    size: Option<Size>,
    frame: Option<Text>,
    frozen: FrozenPayloads,
    first: FirstOfStamp,
}

/// What says how many points there are.
enum Size {
    /// Columns and rows.
    Grid(Integer, Integer),
    /// Bytes of a point, and those of all.
    Bytes(Integer, Bytes),
}

impl Size {
    fn of(wants: &mut Wants<'_>) -> Option<Self> {
        let width = wants.integer(MESSAGE, "width");
        let height = wants.integer(MESSAGE, "height");
        if let (Ok(width), Ok(height)) = (width, height) {
            return Some(Self::Grid(width, height));
        }
        let point = wants.integer(MESSAGE, "point_stride").ok()?;
        let data = wants.bytes(MESSAGE, "data").ok()?;
        Some(Self::Bytes(point, data))
    }

    fn points(&self, row: &Row<'_>) -> Option<i64> {
        match *self {
            Self::Grid(width, height) => row.integer(width).checked_mul(row.integer(height)),
            Self::Bytes(point, data) => {
                let points = (row.bytes(data).len() as i64).checked_div(row.integer(point));
                points.filter(|points| *points >= 0)
            }
        }
    }
}

impl Sweeps {
    pub(super) fn of(wants: &mut Wants<'_>) -> Self {
        Self {
            size: Size::of(wants),
            frame: frame(wants, MESSAGE).ok(),
            frozen: FrozenPayloads::default(),
            first: FirstOfStamp::default(),
        }
    }
}

impl Target for Sweeps {
    fn bytes(&self) -> usize {
        self.first.bytes()
    }

    fn take(&mut self, message: &Message<'_>, drive: &mut Assembly<'_>) -> Result<Taken> {
        let (topic, stamp_ns) = (message.topic, message.stamp_ns);
        let earlier = || message.earlier_ns.iter();
        if !self.first.is_first(stamp_ns, earlier) {
            return Ok(Err(Refused::duplicate(stamp_ns)));
        }
        let frame = self.frame.map_or("", |slot| message.row.text(slot));
        drive.sensors.record(topic, frame, stamp_ns);
        let recording = Recording {
            sensor: topic,
            stamp_ns,
            subject: topic,
            bytes: message.data,
        };
        let points = Points {
            encoding: &format!("{}:{}", message.encoding, message.schema),
            count: self
                .size
                .as_ref()
                .and_then(|size| size.points(&message.row)),
        };
        let (sweep, digest) = recording.sweep(drive.sink, points)?;
        self.frozen.push(stamp_ns, digest.as_bytes());
        drive.out.facts.lidar_sweeps.push(sweep);
        Ok(Ok(()))
    }

    fn finish(self: Box<Self>, topic: &str, drive: &mut Assembly<'_>) {
        self.frozen.report(&mut drive.out.findings, topic);
    }
}
