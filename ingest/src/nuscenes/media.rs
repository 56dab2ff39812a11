//! Images and lidar sweeps of a scene: bytes unchanged, a row each.

use std::collections::BTreeMap;

use driveloop_lake::ObjectEntry;
use driveloop_schemas::Severity;

use super::dataset::{Dataset, Modality, Recording};
use crate::blob::Blobs;
use crate::decoded::DecodedDrive;
use crate::error::Result;
use crate::findings::Found;
use crate::limits::Limits;
use crate::media::{self, Points};
use crate::quality::{check_stamps, drop_duplicate, drop_stamp};
use crate::sink::DriveSink;
use crate::source::DriveFiles;

/// Bytes of a point: x, y, z, intensity and ring as 32-bit floats, in the sensor's frame.
const POINT_BYTES: usize = 20;

/// What the sensors of a scene recorded.
pub(super) struct Media<'a> {
    pub(super) dataset: &'a Dataset,
    /// By channel and stamp.
    pub(super) recordings: &'a [Recording],
    pub(super) drive: &'a DriveFiles,
    pub(super) blobs: &'a Blobs,
    pub(super) limits: &'a Limits,
}

impl Media<'_> {
    pub(super) fn read(&self, out: &mut DecodedDrive, sink: &mut dyn DriveSink) -> Result<()> {
        let mut stamps: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        for recording in self.recordings {
            let sensor = &self.dataset.sensors[recording.sensor as usize];
            let channel = sensor.channel.as_str();
            out.records_in += 1;
            if sensor.modality == Modality::Other {
                let found = Found::dropped("unmapped_sensor", Severity::Info, channel, None);
                out.findings.add(found, || {
                    "recordings of this kind of sensor have no place in the tables".to_owned()
                });
                continue;
            }
            let Some(stamp_ns) = recording.stamp_ns else {
                drop_stamp(&mut out.findings, channel, "another");
                continue;
            };
            let stamps = stamps.entry(channel).or_default();
            if stamps.last() == Some(&stamp_ns) {
                drop_duplicate(&mut out.findings, channel, stamp_ns);
                continue;
            }
            stamps.push(stamp_ns);
            let file = recording
                .file
                .and_then(|file| self.drive.files.get(file as usize));
            let Some(file) = file else {
                let stamp = Some(stamp_ns);
                let found = Found::dropped("missing_file", Severity::Warning, channel, stamp);
                out.findings.add(found, || {
                    format!("expected the file of the recording at {stamp_ns}, got none")
                });
                continue;
            };
            if sensor.modality == Modality::Lidar {
                self.sweep(file, channel, stamp_ns, out, sink)?;
            } else {
                self.image(file, channel, stamp_ns, out, sink)?;
            }
            out.records_used += 1;
        }
        for (channel, stamps) in stamps {
            check_stamps(&mut out.findings, channel, stamps.into_iter().collect());
        }
        Ok(())
    }

    fn sweep(
        &self,
        file: &ObjectEntry,
        sensor: &str,
        stamp_ns: i64,
        out: &mut DecodedDrive,
        sink: &mut dyn DriveSink,
    ) -> Result<()> {
        let bytes = self.blobs.whole(file, self.limits.file_bytes_max)?;
        // A real PCD file begins with a comment or its version; what nuScenes calls `.pcd.bin` is points alone.
        let is_pcd = [&b"# .PCD"[..], b"VERSION"]
            .iter()
            .any(|head| bytes.starts_with(head));
        let is_whole = bytes.len().is_multiple_of(POINT_BYTES);
        let encoding = if is_pcd { "pcd" } else { "bin:float32x5" };
        let points = (!is_pcd && is_whole).then(|| (bytes.len() / POINT_BYTES) as i64);
        if points.is_none() {
            let (subject, stamp) = (file.path.as_str(), Some(stamp_ns));
            let found = Found::one("unreadable_frame", Severity::Warning, subject, stamp);
            out.findings.add(found, || {
                let kind = if is_pcd {
                    "a PCD file"
                } else {
                    "a part of a point"
                };
                format!("expected points of five 32-bit floats, got {kind}")
            });
        }
        let recording = media::Recording {
            sensor,
            stamp_ns,
            subject: &file.path,
            bytes: &bytes,
        };
        let count = points;
        let (sweep, _) = recording.sweep(sink, Points { encoding, count })?;
        out.facts.lidar_sweeps.push(sweep);
        Ok(())
    }

    fn image(
        &self,
        file: &ObjectEntry,
        sensor: &str,
        stamp_ns: i64,
        out: &mut DecodedDrive,
        sink: &mut dyn DriveSink,
    ) -> Result<()> {
        let bytes = self.blobs.whole(file, self.limits.file_bytes_max)?;
        let is_png = file.path.ends_with(".png");
        let by_name = if is_png { "png" } else { "jpeg" };
        let recording = media::Recording {
            sensor,
            stamp_ns,
            subject: &file.path,
            bytes: &bytes,
        };
        let (frame, _) = recording.image(sink, &mut out.findings, by_name)?;
        out.facts.camera_frames.push(frame);
        Ok(())
    }
}
