//! Recordings of `rosbag2`: a folder with `metadata.yaml` and its parts is one drive.

use std::collections::BTreeMap;
use std::sync::Arc;

use driveloop_lake::ObjectEntry;

use super::TopicOptions;
use super::file::{numbered, said};
use super::reader::Reader;
use crate::apart::Apart;
use crate::blob::Blobs;
use crate::container::rosbag2::{METADATA_BYTES_MAX, METADATA_FILE, Recording, is_part, order};
use crate::container::{Damage, Visitor as _, mcap, sqlite};
use crate::decoded::DecodedDrive;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::ondisk::{OnDisk, is_packed, unpacked_name};
use crate::sink::DriveSink;
use crate::source::{DriveFiles, LogSource, Name, has_extension};

/// Folders with a recording each.
pub(crate) struct Folder {
    options: Arc<TopicOptions>,
}

impl Folder {
    pub(crate) fn new(options: Arc<TopicOptions>) -> Self {
        Self { options }
    }
}

impl LogSource for Folder {
    fn format(&self) -> &'static str {
        "rosbag2"
    }

    fn looks_like(&self) -> &'static str {
        "folders with metadata.yaml and parts that end in .mcap or .db3"
    }

    fn claim(&self, files: &mut Vec<ObjectEntry>) -> Vec<DriveFiles> {
        let folder_of = |path: &str| {
            path.rsplit_once('/')
                .map_or("", |(folder, _)| folder)
                .to_owned()
        };
        let is_metadata = |file: &&ObjectEntry| name_of(&file.path) == METADATA_FILE;
        let mut folders: BTreeMap<String, Vec<ObjectEntry>> = files
            .iter()
            .filter(is_metadata)
            .map(|file| (folder_of(&file.path), Vec::new()))
            .collect();
        let is_ours = |file: &ObjectEntry| is_part(&file.path) || is_metadata(&file);
        for file in files.iter().filter(|file| is_ours(file)) {
            if let Some(parts) = folders.get_mut(&folder_of(&file.path)) {
                parts.push(file.clone());
            }
        }
        folders.retain(|_, parts| parts.iter().any(|file| is_part(&file.path)));
        files.retain(|file| !(is_ours(file) && folders.contains_key(&folder_of(&file.path))));
        let drive = |(path, mut files): (String, Vec<ObjectEntry>)| {
            files.sort_by_key(|file| order(&file.path));
            DriveFiles::new(path, files)
        };
        folders.into_iter().map(drive).collect()
    }

    /// The `log_id` of the first part's metadata record, else the folder's name and the start of the digest.
    fn name(
        &self,
        drive: &DriveFiles,
        blobs: &Blobs,
        limits: &Limits,
        source_digest: &str,
    ) -> Result<Name> {
        let mut parts = drive.files.iter().filter(|file| is_part(&file.path));
        let first = parts
            .next()
            .filter(|file| has_extension(&file.path, "mcap"));
        if let Some(name) = first
            .map(|file| said(blobs, file, limits))
            .transpose()?
            .flatten()
        {
            return Ok(name);
        }
        let folder = drive.name(blobs.store());
        Ok(Name::OfPlace(numbered(&folder, source_digest, limits)))
    }

    fn decode(
        &self,
        drive: &DriveFiles,
        blobs: &Blobs,
        limits: &Limits,
        sink: &mut dyn DriveSink,
        apart: Option<&Apart>,
    ) -> Result<DecodedDrive> {
        let recording = recording(drive, blobs)?;
        let assembly = self.options.assembly(limits, sink);
        let mut reader = Reader::new(&self.options, apart, assembly);
        for file in in_order(drive, &recording, &mut reader) {
            scan(blobs, file, limits, &mut reader)?;
        }
        reader.counted(&drive.path, recording.message_count);
        Ok(reader.finish())
    }
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn recording(drive: &DriveFiles, blobs: &Blobs) -> Result<Recording> {
    let metadata = drive
        .files
        .iter()
        .find(|file| name_of(&file.path) == METADATA_FILE);
    let Some(metadata) = metadata else {
        return Ok(Recording::default());
    };
    let text = blobs.whole(metadata, METADATA_BYTES_MAX)?;
    Recording::parse(&text).map_err(|actual| Error::Format {
        file: metadata.path.clone(),
        expected: "the metadata of rosbag2".to_owned(),
        actual,
    })
}

/// The parts in the order of the metadata. Those that it does not name come last, in the order of their numbers; those that it names
/// and that are not there are reported.
fn in_order<'d>(
    drive: &'d DriveFiles,
    recording: &Recording,
    reader: &mut Reader<'_>,
) -> Vec<&'d ObjectEntry> {
    let mut left: Vec<&ObjectEntry> = drive
        .files
        .iter()
        .filter(|file| is_part(&file.path))
        .collect();
    let mut ordered = Vec::new();
    for part in recording.parts() {
        let is_it = |file: &&ObjectEntry| {
            let name = name_of(&file.path);
            name == part || unpacked_name(name) == unpacked_name(part)
        };
        if let Some(at) = left.iter().position(is_it) {
            ordered.push(left.remove(at));
        } else {
            reader.damage(Damage {
                check: "part_missing",
                offset: 0,
                lost: 0,
                reason: format!("expected the part `{part}` of the recording, got none"),
            });
        }
    }
    ordered.extend(left);
    ordered
}

fn scan(blobs: &Blobs, file: &ObjectEntry, limits: &Limits, reader: &mut Reader<'_>) -> Result<()> {
    let is_mcap = has_extension(unpacked_name(&file.path), "mcap");
    if is_mcap && !is_packed(&file.path) {
        return mcap::scan(blobs, file, limits, reader);
    }
    let on_disk = OnDisk::of(blobs, file, limits)?;
    if !is_mcap {
        return sqlite::scan(on_disk.path(), &file.path, limits, reader);
    }
    let (unpacked, entry) = blobs.of_disk(on_disk.path())?;
    mcap::scan(&unpacked, &entry, limits, reader)
}
