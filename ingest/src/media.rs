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

/// Encodings of frames of a video: none of them has a header that says the size of the image.
const VIDEO_ENCODINGS: [&str; 4] = ["h264", "h265", "vp9", "av1"];

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

/// What a format says of an image of pixels.
#[derive(Clone, Copy)]
pub(crate) struct Pixels<'a> {
    pub(crate) encoding: &'a str,
    /// Columns and rows.
    pub(crate) size_px: [i64; 2],
    pub(crate) row_bytes: i64,
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
        if header.is_none() && !VIDEO_ENCODINGS.contains(&named) {
            let stamp = Some(self.stamp_ns);
            let found = Found::one("unreadable_frame", Severity::Warning, self.subject, stamp);
            findings.add(found, || {
                "expected the header of a JPEG or PNG image, got other bytes".to_owned()
            });
        }
        let encoding = header.map_or(named, |header| header.encoding);
        let size_px = header.map(|header| [header.width_px, header.height_px]);
        Ok((self.frame(range, digest, encoding, size_px), digest))
    }

    /// Stores the pixels of an image, unchanged; its row, and the digest of its bytes.
    pub(crate) fn pixels(
        &self,
        sink: &mut dyn DriveSink,
        findings: &mut Findings,
        pixels: &Pixels<'_>,
    ) -> Result<(CameraFrame, blake3::Hash)> {
        let (range, digest) = self.store(sink)?;
        let [width, height] = pixels.size_px;
        let rows_bytes = pixels.row_bytes.checked_mul(height);
        let is_there = |bytes: i64| (1..=self.bytes.len() as i64).contains(&bytes);
        let is_whole = width > 0 && height > 0 && rows_bytes.is_some_and(is_there);
        if !is_whole {
            let stamp = Some(self.stamp_ns);
            let found = Found::one("unreadable_frame", Severity::Warning, self.subject, stamp);
            findings.add(found, || {
                format!(
                    "expected {height} rows of {width} pixels, of {} bytes each, got {} bytes",
                    pixels.row_bytes,
                    self.bytes.len()
                )
            });
        }
        let side = |side: i64| i32::try_from(side).ok().filter(|_| is_whole);
        let size_px = side(width).zip(side(height)).map(<[i32; 2]>::from);
        Ok((self.frame(range, digest, pixels.encoding, size_px), digest))
    }

    fn frame(
        &self,
        range: PackRange,
        digest: blake3::Hash,
        encoding: &str,
        size_px: Option<[i32; 2]>,
    ) -> CameraFrame {
        CameraFrame {
            log_id: LogId::default(),
            day: Day(0),
            stamp_ns: self.stamp_ns,
            sensor: self.sensor.to_owned(),
            pack: range.pack,
            offset: range.offset,
            length: range.length,
            encoding: encoding.to_owned(),
            width_px: size_px.map(|[width, _]| width),
            height_px: size_px.map(|[_, height]| height),
            digest: digest.to_hex().to_string(),
            privacy_state: PRIVACY_STATE.to_owned(),
            composed: None,
        }
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
