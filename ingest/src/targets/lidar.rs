//! Point clouds.

use driveloop_schemas::time::Day;
use driveloop_schemas::{LidarSweep, LogId};

use super::target::{Message, Taken, Target};
use crate::assembly::Assembly;
use crate::encoding::wants::{Integer, MESSAGE, Text, Wants};
use crate::error::Result;
use crate::media::Media;
use crate::refused::Refused;
use crate::stamps::FirstOfStamp;

/// `sensor_msgs/msg/PointCloud2`: the whole message, since its head says what the points are.
pub(super) struct Sweeps {
    width: Option<Integer>,
    height: Option<Integer>,
    frame: Option<Text>,
    media: Media,
    first: FirstOfStamp,
}

impl Sweeps {
    pub(super) fn of(wants: &mut Wants<'_>) -> Self {
        Self {
            width: wants.integer(MESSAGE, "width").ok(),
            height: wants.integer(MESSAGE, "height").ok(),
            frame: wants.text(MESSAGE, "header.frame_id").ok(),
            media: Media::default(),
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
        let stored = self
            .media
            .store(drive.sink, (topic, stamp_ns), message.data)?;
        let size = self.width.zip(self.height);
        let size = size.map(|(w, h)| (message.row.integer(w), message.row.integer(h)));
        drive.out.facts.lidar_sweeps.push(LidarSweep {
            log_id: LogId::default(),
            day: Day(0),
            stamp_ns,
            sensor: topic.to_owned(),
            pack: stored.range.pack,
            offset: stored.range.offset,
            length: stored.range.length,
            encoding: format!("cdr:{}", message.schema),
            points: size.and_then(|(width, height)| width.checked_mul(height)),
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
