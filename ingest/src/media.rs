//! Images and sweeps on their way into the lake: the one place at which their bytes pass, whatever format they come from.

use driveloop_lake::PackRange;
use driveloop_schemas::time::Day;
use driveloop_schemas::{CameraFrame, LidarSweep, LogId, Severity};

use crate::error::Result;
use crate::findings::{Findings, Found};
use crate::frame::image_header;
use crate::sink::DriveSink;

/// What was done for the privacy of those that a recording shows.
const PRIVACY_STATE: &str = "unprocessed";

/// A recording of a sensor at a stamp.
#[derive(Clone, Copy)]
pub(crate) struct Recording<'a> {
    pub(crate) sensor: &'a str,
    pub(crate) stamp_ns: i64,
    /// Topic or file, for findings.
    pub(crate) subject: &'a str,
    pub(crate) bytes: &'a [u8],
}

/// What a sweep holds, as its format says.
#[derive(Clone, Copy)]
pub(crate) struct Points<'a> {
    pub(crate) encoding: &'a str,
    pub(crate) count: Option<i64>,
}

impl Recording<'_> {
    /// Stores an image, unchanged; its row, and the digest of its bytes. `named` is its encoding where its header says none.
    pub(crate) fn image(
        &self,
        sink: &mut dyn DriveSink,
        findings: &mut Findings,
        named: &str,
    ) -> Result<(CameraFrame, blake3::Hash)> {
        let (range, digest) = self.store(sink)?;
        let header = image_header(self.bytes);
        if header.is_none() {
            let stamp = Some(self.stamp_ns);
            let found = Found::one("unreadable_frame", Severity::Warning, self.subject, stamp);
            findings.add(found, || {
                "expected the header of a JPEG or PNG image, got other bytes".to_owned()
            });
        }
        let frame = CameraFrame {
            log_id: LogId::default(),
            day: Day(0),
            stamp_ns: self.stamp_ns,
            sensor: self.sensor.to_owned(),
            pack: range.pack,
            offset: range.offset,
            length: range.length,
            encoding: header.map_or(named, |header| header.encoding).to_owned(),
            width_px: header.map(|header| header.width_px),
            height_px: header.map(|header| header.height_px),
            digest: digest.to_hex().to_string(),
            privacy_state: PRIVACY_STATE.to_owned(),
            composed: None,
        };
        Ok((frame, digest))
    }

    /// Stores a sweep, unchanged; its row, and the digest of its bytes.
    pub(crate) fn sweep(
        &self,
        sink: &mut dyn DriveSink,
        points: Points<'_>,
    ) -> Result<(LidarSweep, blake3::Hash)> {
        let (range, digest) = self.store(sink)?;
        let sweep = LidarSweep {
            log_id: LogId::default(),
            day: Day(0),
            stamp_ns: self.stamp_ns,
            sensor: self.sensor.to_owned(),
            pack: range.pack,
            offset: range.offset,
            length: range.length,
            encoding: points.encoding.to_owned(),
            points: points.count,
            digest: digest.to_hex().to_string(),
            privacy_state: PRIVACY_STATE.to_owned(),
            composed: None,
        };
        Ok((sweep, digest))
    }

    fn store(&self, sink: &mut dyn DriveSink) -> Result<(PackRange, blake3::Hash)> {
        Ok((
            sink.append(self.sensor, self.bytes)?,
            blake3::hash(self.bytes),
        ))
    }
}
