//! Point clouds.

use super::target::{Message, Taken, Target};
use crate::assembly::Assembly;
use crate::encoding::wants::{Integer, MESSAGE, Text, Wants};
use crate::error::Result;
use crate::media::{Points, Recording};
use crate::quality::FrozenPayloads;
use crate::refused::Refused;
use crate::stamps::FirstOfStamp;

/// `sensor_msgs/msg/PointCloud2`: the whole message, since its head says what the points are.
pub(super) struct Sweeps {
    width: Option<Integer>,
    height: Option<Integer>,
    frame: Option<Text>,
    frozen: FrozenPayloads,
    first: FirstOfStamp,
}

impl Sweeps {
    pub(super) fn of(wants: &mut Wants<'_>) -> Self {
        Self {
            width: wants.integer(MESSAGE, "width").ok(),
            height: wants.integer(MESSAGE, "height").ok(),
            frame: wants.text(MESSAGE, "header.frame_id").ok(),
            frozen: FrozenPayloads::default(),
            first: FirstOfStamp::default(),
        }
    }
}

impl Target for Sweeps {
    fn take(&mut self, message: &Message<'_>, drive: &mut Assembly<'_>) -> Result<Taken> {
        let (topic, stamp_ns) = (message.topic, message.stamp_ns);
        let earlier = || message.earlier_ns.iter().copied();
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
        let size = self.width.zip(self.height);
        let size = size.map(|(w, h)| (message.row.integer(w), message.row.integer(h)));
        let points = Points {
            encoding: &format!("cdr:{}", message.schema),
            count: size.and_then(|(width, height)| width.checked_mul(height)),
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
