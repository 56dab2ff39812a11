//! Raw drives of the KITTI dataset, synchronised and rectified: a folder `…_sync` a drive, beside the calibration of its day.
//!
//! The ego is where the GPS/IMU unit is (`oxts`); the map has its origin at the first pose, x to the east, y to the north. Images are
//! rectified, and so is their calibration. Of the folder are read: poses with the unit's speed and turn rate, images, sweeps,
//! calibration. Tracklets and whatever else lies there are counted in findings.
//!
//! A. Geiger et al., "Vision meets Robotics: The KITTI Dataset", IJRR 2013; formulas are those of its development kit.

mod media;
mod oxts;
mod sensors;
mod texts;

use std::collections::BTreeSet;

use driveloop_lake::ObjectEntry;
use driveloop_schemas::Severity;

use crate::apart::Apart;
use crate::blob::Blobs;
use crate::decoded::{About, DecodedDrive};
use crate::error::{Error, Result};
use crate::findings::Found;
use crate::limits::Limits;
use crate::sink::DriveSink;
use crate::source::{DriveFiles, LogSource, Name};

/// The file by which a drive is known, below its folder.
const POSE_STAMPS: &str = "oxts/timestamps.txt";
/// Bytes of a file of stamps, numbers or calibration: stops files that are none. An hour at 10 Hz has 1.1 MB of stamps.
const TEXT_BYTES_MAX: u64 = 64 << 20;
/// Stamps of a sensor: stops files that do not end.
const STAMPS_MAX: usize = 1_000_000;
/// What drives end in whose images are rectified.
const SYNCHRONISED: &str = "_sync";
const LICENCE: &str = "CC BY-NC-SA 3.0";

/// The format.
pub(crate) struct Kitti;

impl LogSource for Kitti {
    fn format(&self) -> &'static str {
        "kitti-raw"
    }

    fn looks_like(&self) -> &'static str {
        "folders that end in _sync, with oxts/timestamps.txt"
    }

    /// A drive takes what lies below its folder; the calibration files beside the folder belong to all drives there.
    fn claim(&self, files: &mut Vec<ObjectEntry>) -> Vec<DriveFiles> {
        let drive_of = |path: &str| {
            // The source itself may be the drive: its name is not in the path.
            if path == POSE_STAMPS {
                return Some(String::new());
            }
            let folder = path.strip_suffix(POSE_STAMPS)?.strip_suffix('/')?;
            folder.ends_with(SYNCHRONISED).then(|| folder.to_owned())
        };
        let folders: BTreeSet<String> = files
            .iter()
            .filter_map(|file| drive_of(&file.path))
            .collect();
        let days: BTreeSet<&str> = folders.iter().map(|folder| above(folder)).collect();
        let is_calibration = |file: &ObjectEntry| {
            sensors::is_calibration(&file.path) && days.contains(above(&file.path))
        };
        let is_below = |file: &ObjectEntry, folder: &str| {
            let rest = file.path.strip_prefix(folder);
            folder.is_empty() || rest.is_some_and(|rest| rest.starts_with('/'))
        };
        let drives = folders.iter().map(|folder| {
            let is_ours = |file: &&ObjectEntry| {
                is_below(file, folder)
                    || (is_calibration(file) && above(&file.path) == above(folder))
            };
            DriveFiles::new(
                folder.clone(),
                files.iter().filter(is_ours).cloned().collect(),
            )
        });
        let drives: Vec<DriveFiles> = drives.collect();
        files.retain(|file| {
            let mut folders_above = file.path.match_indices('/').map(|(at, _)| &file.path[..at]);
            let is_ours =
                folders.contains("") || folders_above.any(|folder| folders.contains(folder));
            !(is_ours || is_calibration(file))
        });
        drives
    }

    fn name(&self, drive: &DriveFiles, blobs: &Blobs, _: &Limits, _: &str) -> Result<Name> {
        Ok(Name::Own(drive.name(blobs.store())))
    }

    fn decode(
        &self,
        drive: &DriveFiles,
        blobs: &Blobs,
        limits: &Limits,
        sink: &mut dyn DriveSink,
        _: Option<&Apart>,
    ) -> Result<DecodedDrive> {
        let mut out = DecodedDrive {
            about: About {
                licence: Some(LICENCE.to_owned()),
                ..About::default()
            },
            ..DecodedDrive::default()
        };
        let mut log = Log {
            drive,
            blobs,
            limits,
            out: &mut out,
        };
        log.say_assumptions();
        log.poses()?;
        log.calibration()?;
        log.media(sink)?;
        log.unread_files();
        Ok(out)
    }
}

/// The folder of a path.
fn above(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A drive while it is read.
struct Log<'a> {
    drive: &'a DriveFiles,
    blobs: &'a Blobs,
    limits: &'a Limits,
    out: &'a mut DecodedDrive,
}

impl<'a> Log<'a> {
    fn file(&self, relative: &str) -> Option<&'a ObjectEntry> {
        let mut files = self.drive.files.iter();
        files.find(|file| self.drive.relative(file) == relative)
    }

    /// A file of text.
    fn text(&self, file: &ObjectEntry) -> Result<String> {
        let bytes = self
            .blobs
            .whole(file, TEXT_BYTES_MAX.min(self.limits.file_bytes_max))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The stamps of a sensor's records, by their number; none for a line that is no stamp.
    fn stamps(&self, relative: &str) -> Result<Option<Vec<Option<i64>>>> {
        let Some(file) = self.file(relative) else {
            return Ok(None);
        };
        let text = self.text(file)?;
        let stamps: Vec<_> = text
            .lines()
            .take(STAMPS_MAX + 1)
            .map(texts::stamp_ns)
            .collect();
        if stamps.len() > STAMPS_MAX {
            return Err(Error::Format {
                file: file.path.clone(),
                expected: format!("at most {STAMPS_MAX} stamps"),
                actual: "more".to_owned(),
            });
        }
        Ok(Some(stamps))
    }

    fn say_assumptions(&mut self) {
        for (check, reason) in [
            (
                "local_time",
                "expected stamps in UTC, got those of a clock whose zone the files do not say: they are taken for UTC",
            ),
            (
                "assumed_ego_frame",
                "expected poses of the rear axle, got those of the GPS/IMU unit: the ego frame is that of the unit",
            ),
        ] {
            let found = Found::one(check, Severity::Info, POSE_STAMPS, None);
            self.out.findings.add(found, || reason.to_owned());
        }
    }

    /// Files that nothing reads.
    fn unread_files(&mut self) {
        for file in &self.drive.files {
            let relative = self.drive.relative(file);
            let is_read = oxts::is_read(relative)
                || media::is_read(relative)
                || sensors::is_calibration(&file.path);
            if is_read {
                continue;
            }
            self.out.records_in += 1;
            let found = Found::dropped("unmapped_file", Severity::Info, relative, None);
            self.out.findings.add(found, || {
                "the file is no part of what is read of this format".to_owned()
            });
        }
    }
}

/// The number of a record, by the name of its file: ten digits and an ending.
fn number_of(name: &str, endings: &[&str]) -> Option<usize> {
    let stem = endings
        .iter()
        .find_map(|ending| name.strip_suffix(ending))?;
    let are_digits = stem.len() == 10 && stem.bytes().all(|byte| byte.is_ascii_digit());
    stem.parse().ok().filter(|_| are_digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drives_of_a_day_share_its_calibration() {
        let entry = |path: &str| ObjectEntry {
            path: path.to_owned(),
            size: 1,
            fingerprint: String::new(),
        };
        let mut listing: Vec<_> = [
            "2011_09_26/2011_09_26_drive_0001_sync/oxts/data/0000000000.txt",
            "2011_09_26/2011_09_26_drive_0001_sync/oxts/timestamps.txt",
            "2011_09_26/2011_09_26_drive_0002_sync/oxts/timestamps.txt",
            "2011_09_26/2011_09_26_drive_0003_extract/oxts/timestamps.txt",
            "2011_09_26/calib_velo_to_cam.txt",
            "2011_09_26/readme.txt",
            "other/calib_velo_to_cam.txt",
        ]
        .iter()
        .map(|path| entry(path))
        .collect();
        let drives = Kitti.claim(&mut listing);
        let drives: Vec<_> = drives
            .iter()
            .map(|drive| (drive.path.as_str(), drive.files.len()))
            .collect();
        assert_eq!(
            drives,
            [
                ("2011_09_26/2011_09_26_drive_0001_sync", 3),
                ("2011_09_26/2011_09_26_drive_0002_sync", 2)
            ]
        );
        assert_eq!(listing.len(), 3, "{listing:?}");
        let names = [
            "0000000012.png",
            "12.png",
            "00000000x2.png",
            "0000000012.gif",
        ];
        assert_eq!(
            names.map(|name| number_of(name, &[".png"])),
            [Some(12), None, None, None]
        );
    }
}
