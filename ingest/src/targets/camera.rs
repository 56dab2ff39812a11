//! Images.

use super::target::{Message, Taken, Target};
use crate::assembly::Assembly;
use crate::encoding::wants::{Bytes, MESSAGE, Text, Wants};
use crate::error::Result;
use crate::media::Recording;
use crate::quality::FrozenPayloads;
use crate::refused::Refused;
use crate::stamps::FirstOfStamp;

/// `sensor_msgs/msg/CompressedImage`: the image as it is, without the message around it.
pub(super) struct Images {
    data: Bytes,
    format: Option<Text>,
    frame: Option<Text>,
    frozen: FrozenPayloads,
    first: FirstOfStamp,
}

impl Images {
    pub(super) fn of(wants: &mut Wants<'_>) -> Result<Self, String> {
        Ok(Self {
            data: wants.bytes(MESSAGE, "data")?,
            format: wants.text(MESSAGE, "format").ok(),
            frame: wants.text(MESSAGE, "header.frame_id").ok(),
            frozen: FrozenPayloads::default(),
            first: FirstOfStamp::default(),
        })
    }
}

impl Target for Images {
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
            bytes: message.row.bytes(self.data),
        };
        let named = self.format.map_or("unknown", |slot| message.row.text(slot));
        let (frame, digest) = recording.image(drive.sink, &mut drive.out.findings, named)?;
        self.frozen.push(stamp_ns, digest.as_bytes());
        drive.out.facts.camera_frames.push(frame);
        Ok(Ok(()))
    }

    fn finish(self: Box<Self>, topic: &str, drive: &mut Assembly<'_>) {
        self.frozen.report(&mut drive.out.findings, topic);
    }
}
