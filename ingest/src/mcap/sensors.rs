//! Images and point clouds: bytes unchanged, a row each.

use driveloop_schemas::time::Day;
use driveloop_schemas::{CameraFrame, LidarSweep, LogId, Severity};

use super::plan::{CloudSlots, ImageSlots};
use super::reader::{Message, Reader, Refused};
use crate::error::Result;
use crate::findings::Found;
use crate::frame::image_header;

impl Reader<'_> {
    /// `sensor_msgs/msg/CompressedImage`: the image as it is, without the message around it. The outer error is the store's.
    pub(super) fn camera_frame(
        &mut self,
        message: &Message<'_>,
        slots: &ImageSlots,
    ) -> Result<Result<(), Refused>> {
        let (topic, stamp_ns) = (message.topic, message.stamp_ns);
        if !self.is_first(message) {
            return Ok(Err(Refused::duplicate(stamp_ns)));
        }
        self.sensor_frame(message, slots.frame);
        let data = message.row.bytes(slots.data);
        let range = self.sink.append(topic, data)?;
        let header = image_header(data);
        if header.is_none() {
            let found = Found::one("unreadable_frame", Severity::Warning, topic, Some(stamp_ns));
            self.out.findings.add(found, || {
                "expected the header of a JPEG or PNG image, got other bytes".to_owned()
            });
        }
        let digest = blake3::hash(data);
        self.seen[message.at]
            .frozen
            .push(stamp_ns, digest.as_bytes());
        let named = slots
            .format
            .map_or("unknown", |slot| message.row.text(slot));
        self.out.facts.camera_frames.push(CameraFrame {
            log_id: LogId::default(),
            day: Day(0),
            stamp_ns,
            sensor: topic.to_owned(),
            pack: range.pack,
            offset: range.offset,
            length: range.length,
            encoding: header.map_or(named, |header| header.encoding).to_owned(),
            width_px: header.map(|header| header.width_px),
            height_px: header.map(|header| header.height_px),
            digest: digest.to_hex().to_string(),
            privacy_state: "unprocessed".to_owned(),
            composed: None,
        });
        Ok(Ok(()))
    }

    /// `sensor_msgs/msg/PointCloud2`: the whole message, since its head says what the points are. The outer error is the store's.
    pub(super) fn lidar_sweep(
        &mut self,
        message: &Message<'_>,
        slots: &CloudSlots,
    ) -> Result<Result<(), Refused>> {
        let (topic, stamp_ns) = (message.topic, message.stamp_ns);
        if !self.is_first(message) {
            return Ok(Err(Refused::duplicate(stamp_ns)));
        }
        self.sensor_frame(message, slots.frame);
        let range = self.sink.append(topic, message.data)?;
        let digest = blake3::hash(message.data);
        self.seen[message.at]
            .frozen
            .push(stamp_ns, digest.as_bytes());
        let size = slots.width.zip(slots.height);
        let size = size.map(|(w, h)| (message.row.integer(w), message.row.integer(h)));
        self.out.facts.lidar_sweeps.push(LidarSweep {
            log_id: LogId::default(),
            day: Day(0),
            stamp_ns,
            sensor: topic.to_owned(),
            pack: range.pack,
            offset: range.offset,
            length: range.length,
            encoding: format!("cdr:{}", message.schema),
            points: size.and_then(|(width, height)| width.checked_mul(height)),
            digest: digest.to_hex().to_string(),
            privacy_state: "unprocessed".to_owned(),
            composed: None,
        });
        Ok(Ok(()))
    }
}
