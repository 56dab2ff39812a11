//! Images.

use driveloop_schemas::time::Day;
use driveloop_schemas::{CameraFrame, LogId, Severity};

use super::target::{Message, Taken, Target};
use crate::assembly::Assembly;
use crate::encoding::wants::{Bytes, MESSAGE, Text, Wants};
use crate::error::Result;
use crate::findings::Found;
use crate::frame::image_header;
use crate::media::Media;
use crate::refused::Refused;
use crate::stamps::FirstOfStamp;

/// `sensor_msgs/msg/CompressedImage`: the image as it is, without the message around it.
pub(super) struct Images {
    data: Bytes,
    format: Option<Text>,
    frame: Option<Text>,
    media: Media,
    first: FirstOfStamp,
}

impl Images {
    pub(super) fn of(wants: &mut Wants<'_>) -> Result<Self, String> {
        Ok(Self {
            data: wants.bytes(MESSAGE, "data")?,
            format: wants.text(MESSAGE, "format").ok(),
            frame: wants.text(MESSAGE, "header.frame_id").ok(),
            media: Media::default(),
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
        let data = message.row.bytes(self.data);
        let stored = self.media.store(drive.sink, (topic, stamp_ns), data)?;
        let header = image_header(data);
        if header.is_none() {
            let found = Found::one("unreadable_frame", Severity::Warning, topic, Some(stamp_ns));
            drive.out.findings.add(found, || {
                "expected the header of a JPEG or PNG image, got other bytes".to_owned()
            });
        }
        let named = self.format.map_or("unknown", |slot| message.row.text(slot));
        drive.out.facts.camera_frames.push(CameraFrame {
            log_id: LogId::default(),
            day: Day(0),
            stamp_ns,
            sensor: topic.to_owned(),
            pack: stored.range.pack,
            offset: stored.range.offset,
            length: stored.range.length,
            encoding: header.map_or(named, |header| header.encoding).to_owned(),
            width_px: header.map(|header| header.width_px),
            height_px: header.map(|header| header.height_px),
            digest: stored.digest,
            privacy_state: stored.privacy_state,
            composed: None,
        });
        Ok(Ok(()))
    }

    fn finish(self: Box<Self>, topic: &str, drive: &mut Assembly<'_>) {
        self.media.frozen.report(&mut drive.out.findings, topic);
    }
}
