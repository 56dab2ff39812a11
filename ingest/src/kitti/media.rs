//! Images and lidar sweeps: bytes unchanged, a row each. The stamp of a file is the line of its number.

use std::collections::BTreeSet;

use driveloop_lake::ObjectEntry;
use driveloop_schemas::Severity;

use super::{Log, number_of};
use crate::error::Result;
use crate::findings::Found;
use crate::media::{Points, Recording};
use crate::quality::{check_stamps, drop_duplicate, drop_stamp};
use crate::sink::DriveSink;

/// The folders of the sensors, by which those are named: two grey cameras, two of colour, the lidar.
pub(super) const CAMERAS: [&str; 4] = ["image_00", "image_01", "image_02", "image_03"];
pub(super) const LIDAR: &str = "velodyne_points";
/// Files of stamps. Those of the start and the end of a sweep are not read.
const STAMPS: [&str; 3] = [
    "timestamps.txt",
    "timestamps_start.txt",
    "timestamps_end.txt",
];
/// Bytes of a point: x, y, z and reflectance as 32-bit floats, in the sensor's frame.
const POINT_BYTES: usize = 16;

/// The number of a record of a sensor.
fn number(sensor: &str, relative: &str) -> Option<usize> {
    let name = relative.strip_prefix(sensor)?.strip_prefix("/data/")?;
    let endings: &[&str] = if sensor == LIDAR {
        &[".bin"]
    } else {
        &[".png", ".jpg"]
    };
    number_of(name, endings)
}

fn sensors() -> impl Iterator<Item = &'static str> {
    CAMERAS.into_iter().chain([LIDAR])
}

/// Whether a file is read here.
pub(super) fn is_read(relative: &str) -> bool {
    sensors().any(|sensor| {
        let rest = relative
            .strip_prefix(sensor)
            .and_then(|rest| rest.strip_prefix('/'));
        number(sensor, relative).is_some() || rest.is_some_and(|rest| STAMPS.contains(&rest))
    })
}

impl Log<'_> {
    pub(super) fn media(&mut self, sink: &mut dyn DriveSink) -> Result<()> {
        for sensor in sensors() {
            self.sensor(sensor, sink)?;
        }
        Ok(())
    }

    fn sensor(&mut self, sensor: &'static str, sink: &mut dyn DriveSink) -> Result<()> {
        let stamps = self.stamps(&format!("{sensor}/{}", STAMPS[0]))?;
        let stamps = stamps.unwrap_or_default();
        let drive = self.drive;
        let (mut in_order, mut met) = (Vec::new(), BTreeSet::new());
        let mut files = vec![false; stamps.len()];
        for file in &drive.files {
            let Some(number) = number(sensor, drive.relative(file)) else {
                continue;
            };
            self.out.records_in += 1;
            if let Some(file) = files.get_mut(number) {
                *file = true;
            }
            let Some(stamp_ns) = stamps.get(number).copied().flatten() else {
                drop_stamp(
                    &mut self.out.findings,
                    sensor,
                    &format!("none for record {number}"),
                );
                continue;
            };
            if !met.insert(stamp_ns) {
                drop_duplicate(&mut self.out.findings, sensor, stamp_ns);
                continue;
            }
            in_order.push(stamp_ns);
            self.record(sensor, stamp_ns, file, sink)?;
            self.out.records_used += 1;
        }
        check_stamps(
            &mut self.out.findings,
            sensor,
            in_order.into_iter().collect(),
        );
        if files.contains(&true) {
            self.missing(sensor, &stamps, &files);
        }
        Ok(())
    }

    /// Stamps without a file, of a sensor that has some.
    fn missing(&mut self, sensor: &str, stamps: &[Option<i64>], files: &[bool]) {
        let missing = stamps.iter().zip(files).filter(|(_, is_there)| !**is_there);
        for (stamp_ns, _) in missing {
            self.out.records_in += 1;
            let found = Found::dropped("missing_file", Severity::Warning, sensor, *stamp_ns);
            self.out.findings.add(found, || {
                format!("expected the file of the recording at {stamp_ns:?}, got none")
            });
        }
    }

    fn record(
        &mut self,
        sensor: &str,
        stamp_ns: i64,
        file: &ObjectEntry,
        sink: &mut dyn DriveSink,
    ) -> Result<()> {
        let bytes = self.blobs.whole(file, self.limits.file_bytes_max)?;
        let relative = self.drive.relative(file);
        let recording = Recording {
            sensor,
            stamp_ns,
            subject: relative,
            bytes: &bytes,
        };
        if sensor != LIDAR {
            let named = if relative.ends_with(".png") {
                "png"
            } else {
                "jpeg"
            };
            let (frame, _) = recording.image(sink, &mut self.out.findings, named)?;
            self.out.facts.camera_frames.push(frame);
            return Ok(());
        }
        let is_whole = bytes.len().is_multiple_of(POINT_BYTES);
        let count = is_whole.then(|| (bytes.len() / POINT_BYTES) as i64);
        if !is_whole {
            let found = Found::one(
                "unreadable_frame",
                Severity::Warning,
                relative,
                Some(stamp_ns),
            );
            self.out.findings.add(found, || {
                "expected points of four 32-bit floats, got a part of a point".to_owned()
            });
        }
        let encoding = "bin:float32x4";
        let (sweep, _) = recording.sweep(sink, Points { encoding, count })?;
        self.out.facts.lidar_sweeps.push(sweep);
        Ok(())
    }
}
