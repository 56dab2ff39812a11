//! Images.

use super::slots::frame;
use super::target::{Message, Taken, Target};
use crate::assembly::Assembly;
use crate::encoding::rows::Row;
use crate::encoding::wants::{Bytes, Integer, MESSAGE, Text, Wants};
use crate::error::Result;
use crate::media::{Pixels, Recording};
use crate::quality::FrozenPayloads;
use crate::refused::Refused;
use crate::stamps::FirstOfStamp;

/// `sensor_msgs/msg/CompressedImage`, `foxglove.CompressedImage`, `CompressedVideo` and `RawImage`: the image as it is, without the
/// message around it.
pub(super) struct Images {
    data: Bytes,
    format: Option<Text>,
    pixels: Option<PixelSlots>,
    frame: Option<Text>,
    frozen: FrozenPayloads,
    first: FirstOfStamp,
}

/// What an image of pixels says of them.
struct PixelSlots {
    encoding: Text,
    size: [Integer; 2],
    row_bytes: Integer,
}

impl PixelSlots {
    fn of(wants: &mut Wants<'_>) -> Result<Self, String> {
        Ok(Self {
            encoding: wants.text(MESSAGE, "encoding")?,
            size: [
                wants.integer(MESSAGE, "width")?,
                wants.integer(MESSAGE, "height")?,
            ],
            row_bytes: wants.integer(MESSAGE, "step")?,
        })
    }

    fn of_row<'a>(&self, row: &Row<'a>) -> Pixels<'a> {
        Pixels {
            encoding: row.text(self.encoding),
            size_px: self.size.map(|slot| row.integer(slot)),
            row_bytes: row.integer(self.row_bytes),
        }
    }
}

impl Images {
    pub(super) fn of(wants: &mut Wants<'_>) -> Result<Self, String> {
        Ok(Self {
            data: wants.bytes(MESSAGE, "data")?,
            format: wants.text(MESSAGE, "format").ok(),
            pixels: PixelSlots::of(wants).ok(),
            frame: frame(wants, MESSAGE).ok(),
            frozen: FrozenPayloads::default(),
            first: FirstOfStamp::default(),
        })
    }
}

impl Target for Images {
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
            bytes: message.row.bytes(self.data),
        };
        let findings = &mut drive.out.findings;
        let (frame, digest) = if let Some(pixels) = &self.pixels {
            recording.pixels(drive.sink, findings, &pixels.of_row(&message.row))?
        } else {
            let named = self.format.map_or("unknown", |slot| message.row.text(slot));
            recording.image(drive.sink, findings, named)?
        };
        self.frozen.push(stamp_ns, digest.as_bytes());
        drive.out.facts.camera_frames.push(frame);
        Ok(Ok(()))
    }

    fn finish(self: Box<Self>, topic: &str, drive: &mut Assembly<'_>) {
        self.frozen.report(&mut drive.out.findings, topic);
    }
}
