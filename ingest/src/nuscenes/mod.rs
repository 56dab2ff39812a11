//! The nuScenes schema: a dataset of tables in JSON, whose scenes are drives. T4 and Lyft datasets have the same tables.
//!
//! Each table is read once for all scenes, as a stream, and joined in memory (`Limits::dataset_bytes_max`). Poses and boxes are in the
//! map frame of the log's location; boxes are at the key frames (2 Hz), and stay there. Of a scene are read: the poses of all its
//! recordings, boxes with their instances and categories, the calibration of its sensors, and the files of its cameras and lidars,
//! key frames and sweeps alike. Attributes and visibility have no column and are left out, with an info finding that counts the boxes
//! which have any; radar sweeps and maps are left out with one too.
//!
//! A scene is named by its name and token. Its digest is over its own rows of the tables, as they are joined, and the bytes of its
//! files: a dataset that is extended by other scenes, or written in another order, leaves it the same; a sensor file that came later, or
//! a corrected box, changes it.

mod categories;
mod dataset;
mod index;
mod json;
mod media;
mod records;
mod scene;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use driveloop_lake::{ObjectEntry, Store};

use crate::apart::Apart;
use crate::blob::Blobs;
use crate::decoded::DecodedDrive;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::sink::DriveSink;
use crate::source::{DriveFiles, LogSource, Name, Parts, short};
use dataset::Dataset;

const FORMAT: &str = "nuscenes";
/// The tables by which a folder is known.
const TABLES: [&str; 3] = ["scene.json", "sample.json", "sample_data.json"];

/// The format: datasets are claimed, and parted into scenes once their tables were read.
pub(crate) struct NuScenes;

/// A dataset whose tables were read.
struct Scenes {
    dataset: Dataset,
    /// The number of each scene, by the path of its drive.
    numbers: BTreeMap<String, u32>,
}

impl LogSource for NuScenes {
    fn format(&self) -> &'static str {
        FORMAT
    }

    fn looks_like(&self) -> &'static str {
        "folders with scene.json, sample.json and sample_data.json"
    }

    /// A folder of tables takes the files below the folder that it lies in. Versions of a dataset that lie side by side share them.
    fn claim(&self, files: &mut Vec<ObjectEntry>) -> Vec<DriveFiles> {
        let folders = folders_of_tables(files);
        let roots: BTreeSet<&str> = folders.iter().map(|folder| root_of(folder)).collect();
        let is_ours = |file: &ObjectEntry| {
            let mut above = file.path.match_indices('/').map(|(at, _)| &file.path[..at]);
            roots.contains("") || above.any(|folder| roots.contains(folder))
        };
        let (ours, left): (Vec<_>, Vec<_>) = files.drain(..).partition(is_ours);
        let drives = folders.iter().map(|folder| {
            let root = root_of(folder);
            let is_below = |file: &&ObjectEntry| {
                let rest = file.path.strip_prefix(root);
                root.is_empty() || rest.is_some_and(|rest| rest.starts_with('/'))
            };
            let files = ours.iter().filter(is_below).cloned().collect();
            DriveFiles::new(folder.clone(), files)
        });
        let drives = drives.collect();
        *files = left;
        drives
    }

    fn parts(&self, claimed: &DriveFiles, blobs: &Blobs, limits: &Limits) -> Result<Option<Parts>> {
        let folder = claimed.path.as_str();
        let indexed = index::index(
            folder,
            root_of(folder),
            claimed.files.clone(),
            blobs,
            limits,
        )?;
        let dataset = indexed.dataset;
        if dataset.scenes.is_empty() {
            let flaw = dataset.flaws.iter().find(|flaw| flaw.table == TABLES[0]);
            let actual = flaw.map_or_else(|| "none".to_owned(), |flaw| flaw.message.clone());
            return Err(Error::Format {
                file: format!("{folder}/{}", TABLES[0]),
                expected: "scenes".to_owned(),
                actual,
            });
        }
        let scenes = dataset.scenes.iter().zip(indexed.files);
        let drives: Vec<_> = scenes
            .map(|(scene, files)| DriveFiles {
                path: folder.to_owned(),
                part: Some(scene.token.clone()),
                files,
            })
            .collect();
        let tokens = dataset.scenes.iter().map(|scene| scene.token.clone());
        let numbers = tokens.zip(0..).collect();
        Ok(Some(Parts {
            format: Arc::new(Scenes { dataset, numbers }),
            drives,
            unrecognised: indexed.unrecognised,
        }))
    }

    fn name(&self, drive: &DriveFiles, _: &Blobs, _: &Limits, _: &str) -> Result<Name> {
        Err(unparted(drive))
    }

    fn decode(
        &self,
        drive: &DriveFiles,
        _: &Blobs,
        _: &Limits,
        _: &mut dyn DriveSink,
        _: Option<&Apart>,
    ) -> Result<DecodedDrive> {
        Err(unparted(drive))
    }
}

impl Scenes {
    fn number(&self, drive: &DriveFiles) -> Result<u32> {
        let token = drive.part.as_ref();
        let number = token.and_then(|token| self.numbers.get(token).copied());
        number.ok_or_else(|| unparted(drive))
    }
}

impl LogSource for Scenes {
    fn format(&self) -> &'static str {
        FORMAT
    }

    fn looks_like(&self) -> &'static str {
        NuScenes.looks_like()
    }

    fn claim(&self, _: &mut Vec<ObjectEntry>) -> Vec<DriveFiles> {
        Vec::new()
    }

    fn source_digest(&self, drive: &DriveFiles, blobs: &Blobs) -> Result<String> {
        let scene = self.number(drive)?;
        let files = blobs.digest(&drive.files)?;
        Ok(self.dataset.digest_with_files(scene, &files))
    }

    /// The tables are read already.
    fn listing(&self, drive: &DriveFiles, store: &Store) -> Result<String> {
        let (scene, files) = (self.number(drive)?, drive.listing(store));
        Ok(short(&self.dataset.digest_with_files(scene, &files)))
    }

    /// The name of the scene, and its token: names are unique within a dataset alone.
    fn name(&self, drive: &DriveFiles, _: &Blobs, limits: &Limits, _: &str) -> Result<Name> {
        let scene = &self.dataset.scenes[self.number(drive)? as usize];
        let log_id = match scene.name.as_str() {
            "" => scene.token.clone(),
            name => format!("{name}-{}", scene.token),
        };
        Name::own(log_id, &drive.path, limits)
    }

    fn decode(
        &self,
        drive: &DriveFiles,
        blobs: &Blobs,
        limits: &Limits,
        sink: &mut dyn DriveSink,
        _: Option<&Apart>,
    ) -> Result<DecodedDrive> {
        let number = self.number(drive)?;
        scene::decode(&self.dataset, number, drive, blobs, limits, sink)
    }
}

fn unparted(drive: &DriveFiles) -> Error {
    Error::Format {
        file: drive.path.clone(),
        expected: "a scene of the dataset".to_owned(),
        actual: "another path".to_owned(),
    }
}

/// The folders that have all of [`TABLES`].
fn folders_of_tables(files: &[ObjectEntry]) -> Vec<String> {
    let mut tables: BTreeMap<&str, usize> = BTreeMap::new();
    for file in files {
        let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        if TABLES.contains(&name) {
            *tables.entry(folder).or_default() += 1;
        }
    }
    let whole = tables
        .into_iter()
        .filter(|(_, count)| *count == TABLES.len());
    whole.map(|(folder, _)| folder.to_owned()).collect()
}

/// The folder of the dataset, which the names of media start from: that above the tables.
fn root_of(folder: &str) -> &str {
    folder.rsplit_once('/').map_or("", |(root, _)| root)
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
    fn a_dataset_takes_what_lies_beside_its_tables() {
        let mut listing = files(&[
            "a.mcap",
            "nu/samples/CAM/1.jpg",
            "nu/v1.0-mini/sample.json",
            "nu/v1.0-mini/sample_data.json",
            "nu/v1.0-mini/scene.json",
            "t4/annotation/sample.json",
            "t4/annotation/scene.json",
        ]);
        let drives = NuScenes.claim(&mut listing);
        let drives: Vec<_> = drives
            .iter()
            .map(|drive| (drive.path.as_str(), drive.files.len()))
            .collect();
        assert_eq!(drives, [("nu/v1.0-mini", 4)]);
        let left: Vec<_> = listing.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(
            left,
            [
                "a.mcap",
                "t4/annotation/sample.json",
                "t4/annotation/scene.json"
            ]
        );
    }

    #[test]
    fn the_source_itself_may_be_the_folder_of_tables() {
        let mut listing = files(&["sample.json", "sample_data.json", "scene.json"]);
        let drives = NuScenes.claim(&mut listing);
        assert_eq!((drives[0].path.as_str(), drives[0].files.len()), ("", 3));
        assert_eq!(root_of("a/b/c"), "a/b");
    }
}
