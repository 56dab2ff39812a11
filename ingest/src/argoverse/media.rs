//! Lidar sweeps and camera images: bytes unchanged, a row each.

use driveloop_schemas::Severity;

use super::{Log, feather};
use crate::error::Result;
use crate::findings::Found;
use crate::media::{self, Points};
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
            check_stamps(&mut self.out.findings, sensor, stamps.into_iter().collect());
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
        let count = match feather::count_rows(relative, bytes.clone(), self.limits) {
            Ok(rows) => Some(rows as i64),
            Err(error) => {
                let stamp = Some(stamp_ns);
                let found = Found::one("unreadable_frame", Severity::Warning, relative, stamp);
                self.out.findings.add(found, || {
                    format!("expected a feather table of points, got {error}")
                });
                None
            }
        };
        let points = Points {
            encoding: "arrow-ipc",
            count,
        };
        let recording = media::Recording {
            sensor,
            stamp_ns,
            subject: relative,
            bytes: &bytes,
        };
        let (sweep, _) = recording.sweep(sink, points)?;
        self.out.facts.lidar_sweeps.push(sweep);
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
        let suffix = if relative.ends_with(".png") {
            "png"
        } else {
            "jpeg"
        };
        let recording = media::Recording {
            sensor,
            stamp_ns,
            subject: relative,
            bytes: &bytes,
        };
        let (frame, _) = recording.image(sink, &mut self.out.findings, suffix)?;
        self.out.facts.camera_frames.push(frame);
        Ok(())
    }
}
