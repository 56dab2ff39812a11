//! The Argoverse 2 sensor dataset: a folder a log, tables as feather files, the map as JSON.
//!
//! Cuboids are in the ego frame of their stamp, poses are `city_SE3_egovehicle`. Where the annotations have no row for the ego, one
//! is added at every annotated stamp with the identity pose and the vehicle's extent, as the scenario-mining benchmark does it.

mod annotations;
mod feather;
mod map;
mod media;
mod sensors;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use driveloop_lake::ObjectEntry;
use driveloop_schemas::Severity;

use crate::blob::Blobs;
use crate::decoded::{About, DecodedDrive};
use crate::ego::{EgoSample, EgoStates, EgoTrack};
use crate::error::{Error, Result};
use crate::findings::{Findings, Found};
use crate::limits::Limits;
use crate::paged::Paged;
use crate::quality::{check_pose_jumps, check_stamps, drop_duplicate, drop_stamp, drop_unusable};
use crate::sink::DriveSink;
use crate::source::{DriveFiles, LogSource, Name};

const POSES: &str = "city_SE3_egovehicle.feather";
/// The column of stamps in every table.
const STAMP: &str = "timestamp_ns";
const LICENCE: &str = "CC BY-NC-SA 4.0";

/// The format.
pub(crate) struct Argoverse2;

impl LogSource for Argoverse2 {
    fn format(&self) -> &'static str {
        "argoverse2-sensor"
    }

    fn looks_like(&self) -> &'static str {
        "folders with city_SE3_egovehicle.feather and annotations.feather"
    }

    fn claim(&self, files: &mut Vec<ObjectEntry>) -> Vec<DriveFiles> {
        let folder_of = |path: &str| match path.rsplit_once('/') {
            Some((folder, POSES)) => Some(folder.to_owned()),
            None if path == POSES => Some(String::new()),
            _ => None,
        };
        let mut drives: BTreeMap<String, Vec<ObjectEntry>> = files
            .iter()
            .filter_map(|file| folder_of(&file.path))
            .map(|folder| (folder, Vec::new()))
            .collect();
        let mut left = Vec::new();
        for file in files.drain(..) {
            // The nearest folder above the file that is a log.
            let above = file
                .path
                .match_indices('/')
                .map(|(at, _)| &file.path[..at])
                .rev();
            let log = above
                .chain([""])
                .find(|folder| drives.contains_key(*folder))
                .map(str::to_owned);
            match log.and_then(|log| drives.get_mut(&log)) {
                Some(log) => log.push(file),
                None => left.push(file),
            }
        }
        *files = left;
        drives
            .into_iter()
            .map(|(path, files)| DriveFiles::new(path, files))
            .collect()
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
        _apart: Option<&crate::apart::Apart>,
    ) -> Result<DecodedDrive> {
        let mut out = DecodedDrive {
            about: about(drive),
            ..DecodedDrive::default()
        };
        let mut log = Log {
            drive,
            blobs,
            limits,
            out: &mut out,
        };
        let ego = log.poses()?;
        log.annotations(&ego)?;
        log.calibration()?;
        log.map()?;
        log.media(sink)?;
        log.unread_files();
        Ok(out)
    }
}

/// A log while it is read.
struct Log<'a> {
    drive: &'a DriveFiles,
    blobs: &'a Blobs,
    limits: &'a Limits,
    out: &'a mut DecodedDrive,
}

impl<'a> Log<'a> {
    fn file(&self, relative: &str) -> Option<&'a ObjectEntry> {
        self.drive
            .files
            .iter()
            .find(|file| self.drive.relative(file) == relative)
    }

    fn poses(&mut self) -> Result<Arc<EgoTrack>> {
        let file = self.file(POSES).ok_or_else(|| Error::Format {
            file: self.drive.path.clone(),
            expected: POSES.to_owned(),
            actual: "no such file".to_owned(),
        })?;
        let wanted: Vec<_> = [STAMP].into_iter().chain(feather::POSE).collect();
        let table = feather::read(self.blobs, file, &wanted, self.limits)?;
        let stamps = self.stamps(&table, POSES)?;
        let poses = table.poses()?;
        self.out.records_in += stamps.len() as u64;
        let (mut samples, mut seen) = (Paged::default(), BTreeSet::new());
        for (stamp_ns, pose) in stamps.iter().copied().zip(poses) {
            let findings = &mut self.out.findings;
            let Some(stamp_ns) = usable_stamp(findings, POSES, stamp_ns) else {
                continue;
            };
            let Some(map_from_ego) = pose else {
                drop_unusable(findings, POSES, Some(stamp_ns), "others");
                continue;
            };
            if !seen.insert(stamp_ns) {
                drop_duplicate(findings, POSES, stamp_ns);
                continue;
            }
            let sample = EgoSample {
                map_from_ego,
                speed_mps: None,
                yaw_rate_radps: None,
            };
            samples.push((stamp_ns, sample));
            self.out.records_used += 1;
        }
        let stamps = stamps.into_iter().flatten();
        check_stamps(&mut self.out.findings, POSES, stamps.collect());
        let track = Arc::new(EgoTrack::new(samples));
        self.out.facts.ego_states = EgoStates::of(&track);
        check_pose_jumps(&mut self.out.findings, POSES, &track);
        Ok(track)
    }

    /// The stamps of a table; where they were rounded, a finding says so.
    fn stamps(&mut self, table: &feather::Table, name: &str) -> Result<Vec<Option<i64>>> {
        let stamps = table.stamps(STAMP)?;
        if stamps.are_rounded {
            let found = Found::one("rounded_stamp", Severity::Warning, name, None);
            self.out.findings.add(found, || {
                format!(
                    "expected `{STAMP}` as integers, got floats, which hold a multiple of 64 ns"
                )
            });
        }
        Ok(stamps.values)
    }

    /// Files of the log that nothing reads: the ground height raster, and whatever was put beside the log.
    fn unread_files(&mut self) {
        for file in &self.drive.files {
            let relative = self.drive.relative(file);
            if is_read(relative) {
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

/// A stamp since 1970; a record that has none is dropped.
fn usable_stamp(findings: &mut Findings, name: &str, stamp_ns: Option<i64>) -> Option<i64> {
    let usable = stamp_ns.filter(|stamp_ns| *stamp_ns >= 0);
    if usable.is_none() {
        let text = stamp_ns.map_or_else(|| "none".to_owned(), |stamp_ns| stamp_ns.to_string());
        drop_stamp(findings, name, &text);
    }
    usable
}

fn is_read(relative: &str) -> bool {
    relative == POSES
        || annotations::FILES.contains(&relative)
        || sensors::FILES.contains(&relative)
        || map::is_map(relative)
        || media::frame(relative).is_some()
}

/// City and map from the name of the map, such as `log_map_archive_<log>____PIT_city_57819.json`.
fn about(drive: &DriveFiles) -> About {
    let map = drive
        .files
        .iter()
        .map(|file| drive.relative(file))
        .find(|path| map::is_map(path));
    let name = map
        .and_then(|path| path.strip_suffix(".json"))
        .and_then(|path| path.rsplit_once("____"));
    let map_id = name.map(|(_, map_id)| map_id.to_owned());
    let region = map_id
        .as_deref()
        .and_then(|map| map.split('_').next())
        .map(str::to_owned);
    About {
        map_id,
        region,
        licence: Some(LICENCE.to_owned()),
        ..About::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(paths: &[&str]) -> Vec<ObjectEntry> {
        let entry = |path: &&str| ObjectEntry {
            path: (*path).to_owned(),
            size: 1,
            fingerprint: String::new(),
        };
        paths.iter().map(entry).collect()
    }

    #[test]
    fn a_folder_with_poses_is_a_log_and_takes_what_is_below() {
        let mut listing = files(&[
            "val/a/annotations.feather",
            "val/a/city_SE3_egovehicle.feather",
            "val/a/map/log_map_archive_a____PIT_city_1.json",
            "val/b/city_SE3_egovehicle.feather",
            "val/readme.md",
            "x.mcap",
        ]);
        let drives = Argoverse2.claim(&mut listing);
        assert_eq!(
            drives
                .iter()
                .map(|d| (d.path.as_str(), d.files.len()))
                .collect::<Vec<_>>(),
            [("val/a", 3), ("val/b", 1)]
        );
        assert_eq!(
            listing.iter().map(|f| f.path.as_str()).collect::<Vec<_>>(),
            ["val/readme.md", "x.mcap"]
        );
        let about = about(&drives[0]);
        assert_eq!(
            (about.map_id.as_deref(), about.region.as_deref()),
            (Some("PIT_city_1"), Some("PIT"))
        );
    }

    #[test]
    fn the_source_itself_may_be_the_log() {
        let mut listing = files(&["city_SE3_egovehicle.feather", "sensors/lidar/5.feather"]);
        let drives = Argoverse2.claim(&mut listing);
        assert_eq!((drives[0].path.as_str(), drives[0].files.len()), ("", 2));
        assert!(listing.is_empty());
    }
}
