//! Images and point clouds: bytes unchanged, a row each.

use bytes::Bytes;
use driveloop_schemas::time::Day;
use driveloop_schemas::{CameraFrame, LidarSweep, Severity};

use super::reader::{Message, Reader, Refused};
use crate::blob::sha256;
use crate::error::Result;
use crate::findings::Found;
use crate::frame::image_header;

impl Reader<'_> {
    /// `sensor_msgs/msg/CompressedImage`: the image as it is, without the message around it. The outer error is the store's.
    pub(super) fn camera_frame(
        &mut self,
        message: &Message<'_, '_>,
    ) -> Result<Result<(), Refused>> {
        let (topic, stamp_ns) = (message.topic, message.stamp_ns);
        let Some(data) = message.value.bytes_at("data") else {
            return Ok(Err(Refused::field("data")));
        };
        if !self.is_first(topic, stamp_ns) {
            return Ok(Err(Refused::duplicate(stamp_ns)));
        }
        let range = self.media.append(topic, &Bytes::copy_from_slice(data))?;
        let header = image_header(data);
        if header.is_none() {
            let found = Found::one("unreadable_frame", Severity::Warning, topic, Some(stamp_ns));
            self.out.findings.add(found, || {
                "expected the header of a JPEG or PNG image, got other bytes".to_owned()
            });
        }
        let named = message.value.text_at("format").unwrap_or("unknown");
        self.out.camera_frames.push(CameraFrame {
            log_id: String::new(),
            day: Day(0),
            stamp_ns,
            sensor: topic.to_owned(),
            pack: range.pack,
            offset: range.offset,
            length: range.length,
            encoding: header.map_or(named, |header| header.encoding).to_owned(),
            width_px: header.map(|header| header.width_px),
            height_px: header.map(|header| header.height_px),
            digest: sha256(data),
            privacy_state: "unprocessed".to_owned(),
        });
        Ok(Ok(()))
    }

    /// `sensor_msgs/msg/PointCloud2`: the whole message, since its head says what the points are. The outer error is the store's.
    pub(super) fn lidar_sweep(&mut self, message: &Message<'_, '_>) -> Result<Result<(), Refused>> {
        let (topic, stamp_ns) = (message.topic, message.stamp_ns);
        if !self.is_first(topic, stamp_ns) {
            return Ok(Err(Refused::duplicate(stamp_ns)));
        }
        let range = self
            .media
            .append(topic, &Bytes::copy_from_slice(message.data))?;
        let count = |path: &str| message.value.integer_at(path);
        self.out.lidar_sweeps.push(LidarSweep {
            log_id: String::new(),
            day: Day(0),
            stamp_ns,
            sensor: topic.to_owned(),
            pack: range.pack,
            offset: range.offset,
            length: range.length,
            encoding: format!("cdr:{}", message.schema),
            points: count("width")
                .zip(count("height"))
                .and_then(|(width, height)| width.checked_mul(height)),
            digest: sha256(message.data),
            privacy_state: "unprocessed".to_owned(),
        });
        Ok(Ok(()))
    }
}
