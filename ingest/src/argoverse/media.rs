//! Lidar sweeps and camera images: bytes unchanged, a row each.

use driveloop_schemas::Severity;
use driveloop_schemas::time::Day;
use driveloop_schemas::{CameraFrame, LidarSweep, LogId};

use super::{Log, feather};
use crate::blob::content_digest;
use crate::error::Result;
use crate::findings::Found;
use crate::frame::image_header;
use crate::quality::{check_stamps, drop_stamp};
use crate::sink::DriveSink;

/// A recording, by the name of its file.
pub(super) struct Recording<'a> {
    sensor: &'a str,
    is_lidar: bool,
    stamp: &'a str,
}

/// What a file such as `sensors/cameras/ring_front_center/315966265259836000.jpg` records.
pub(super) fn frame(relative: &str) -> Option<Recording<'_>> {
    let path = relative.strip_prefix("sensors/")?;
    if let Some(stamp) = path
        .strip_prefix("lidar/")
        .and_then(|name| name.strip_suffix(".feather"))
    {
        return Some(Recording {
            sensor: "lidar",
            is_lidar: true,
            stamp,
        });
    }
    let (sensor, name) = path.strip_prefix("cameras/")?.split_once('/')?;
    let stamp = [".jpg", ".jpeg", ".png"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))?;
    Some(Recording {
        sensor,
        is_lidar: false,
        stamp,
    })
}

impl Log<'_> {
    pub(super) fn media(&mut self, sink: &mut dyn DriveSink) -> Result<()> {
        let mut stamps: std::collections::BTreeMap<&str, Vec<i64>> =
            std::collections::BTreeMap::new();
        let drive = self.drive;
        for file in &drive.files {
            let relative = drive.relative(file);
            let Some(recording) = frame(relative) else {
                continue;
            };
            self.out.records_in += 1;
            let Some(stamp_ns) = recording
                .stamp
                .parse::<i64>()
                .ok()
                .filter(|stamp| *stamp >= 0)
            else {
                drop_stamp(&mut self.out.findings, relative, recording.stamp);
                continue;
            };
            stamps.entry(recording.sensor).or_default().push(stamp_ns);
            if recording.is_lidar {
                self.sweep(file, relative, recording.sensor, stamp_ns, sink)?;
            } else {
                self.image(file, relative, recording.sensor, stamp_ns, sink)?;
            }
            self.out.records_used += 1;
        }
        for (sensor, mut stamps) in stamps {
            // Files are listed by name, which is not the order of recording.
            stamps.sort_unstable();
            check_stamps(&mut self.out.findings, sensor, &stamps);
        }
        Ok(())
    }

    fn sweep(
        &mut self,
        file: &driveloop_lake::ObjectEntry,
        relative: &str,
        sensor: &str,
        stamp_ns: i64,
        sink: &mut dyn DriveSink,
    ) -> Result<()> {
        let bytes = self.blobs.whole(file, self.limits.file_bytes_max)?;
        let range = sink.append(sensor, &bytes)?;
        let digest = content_digest(&bytes);
        let points = match feather::count_rows(relative, bytes, self.limits) {
            Ok(rows) => Some(rows as i64),
            Err(error) => {
                let found = Found::one(
                    "unreadable_frame",
                    Severity::Warning,
                    relative,
                    Some(stamp_ns),
                );
                self.out.findings.add(found, || {
                    format!("expected a feather table of points, got {error}")
                });
                None
            }
        };
        self.out.facts.lidar_sweeps.push(LidarSweep {
            log_id: LogId::default(),
            day: Day(0),
            stamp_ns,
            sensor: sensor.to_owned(),
            pack: range.pack,
            offset: range.offset,
            length: range.length,
            encoding: "arrow-ipc".to_owned(),
            points,
            digest,
            privacy_state: "unprocessed".to_owned(),
            composed: None,
        });
        Ok(())
    }

    fn image(
        &mut self,
        file: &driveloop_lake::ObjectEntry,
        relative: &str,
        sensor: &str,
        stamp_ns: i64,
        sink: &mut dyn DriveSink,
    ) -> Result<()> {
        let bytes = self.blobs.whole(file, self.limits.file_bytes_max)?;
        let range = sink.append(sensor, &bytes)?;
        let header = image_header(&bytes);
        if header.is_none() {
            let found = Found::one(
                "unreadable_frame",
                Severity::Warning,
                relative,
                Some(stamp_ns),
            );
            self.out.findings.add(found, || {
                "expected the header of a JPEG or PNG image, got other bytes".to_owned()
            });
        }
        let suffix = if relative.ends_with(".png") {
            "png"
        } else {
            "jpeg"
        };
        self.out.facts.camera_frames.push(CameraFrame {
            log_id: LogId::default(),
            day: Day(0),
            stamp_ns,
            sensor: sensor.to_owned(),
            pack: range.pack,
            offset: range.offset,
            length: range.length,
            encoding: header.map_or(suffix, |header| header.encoding).to_owned(),
            width_px: header.map(|header| header.width_px),
            height_px: header.map(|header| header.height_px),
            digest: content_digest(&bytes),
            privacy_state: "unprocessed".to_owned(),
            composed: None,
        });
        Ok(())
    }
}
