//! Bus logs in MDF 4: the files of a folder whose recording began at one time are one drive. A logger that splits a recording writes
//! the start of the recording into each of its files.

use std::collections::BTreeMap;
use std::sync::Arc;

use driveloop_lake::ObjectEntry;

use super::TopicOptions;
use super::file::numbered;
use super::reader::Reader;
use crate::apart::Apart;
use crate::blob::Blobs;
use crate::container::mdf4::{self, Start};
use crate::decoded::DecodedDrive;
use crate::error::Result;
use crate::limits::Limits;
use crate::sink::DriveSink;
use crate::source::{DriveFiles, LogSource, Name, Parts, has_extension, stem};

/// What the files of the format end in.
const EXTENSION: &str = "mf4";

/// Recordings of bus loggers.
pub(crate) struct Session {
    options: Arc<TopicOptions>,
}

impl Session {
    pub(crate) fn new(options: Arc<TopicOptions>) -> Self {
        Self { options }
    }
}

impl LogSource for Session {
    fn format(&self) -> &'static str {
        "mdf4"
    }

    fn looks_like(&self) -> &'static str {
        "files that end in .mf4"
    }

    /// Takes the files of each folder together. They go by the path of the first: the folder may be that of another drive too.
    fn claim(&self, files: &mut Vec<ObjectEntry>) -> Vec<DriveFiles> {
        let (ours, left): (Vec<_>, Vec<_>) = files
            .drain(..)
            .partition(|file| has_extension(&file.path, EXTENSION));
        *files = left;
        let mut folders: BTreeMap<String, Vec<ObjectEntry>> = BTreeMap::new();
        for file in ours {
            let folder = folder_of(&file.path).to_owned();
            folders.entry(folder).or_default().push(file);
        }
        let drive = |files: Vec<ObjectEntry>| {
            let first = files.first().map(|file| file.path.clone());
            DriveFiles::new(first.unwrap_or_default(), files)
        };
        folders.into_values().map(drive).collect()
    }

    /// A file that does not say when its recording began is one by itself; one that cannot be read is so too, and fails by itself.
    fn parts(&self, claimed: &DriveFiles, blobs: &Blobs, limits: &Limits) -> Result<Option<Parts>> {
        let mut sessions: BTreeMap<(Option<Start>, String), Vec<ObjectEntry>> = BTreeMap::new();
        for file in &claimed.files {
            let start = mdf4::start(blobs, file, limits).ok();
            let start = start.filter(|start| start.start_ns != 0);
            let own = if start.is_some() {
                String::new()
            } else {
                file.path.clone()
            };
            sessions.entry((start, own)).or_default().push(file.clone());
        }
        let drives = sessions.into_values().map(drive_of).collect();
        Ok(Some(Parts {
            format: Arc::new(Self::new(Arc::clone(&self.options))),
            drives,
            unrecognised: Vec::new(),
        }))
    }

    /// The name of the file, or of the folder where there are several, and the start of the digest.
    fn name(
        &self,
        drive: &DriveFiles,
        blobs: &Blobs,
        limits: &Limits,
        source_digest: &str,
    ) -> Result<Name> {
        let name = drive.name(blobs.store());
        let stem = stem(&name, EXTENSION).filter(|_| drive.files.len() == 1);
        let name = numbered(stem.unwrap_or(&name), source_digest, limits);
        Ok(Name::OfPlace(name))
    }

    fn decode(
        &self,
        drive: &DriveFiles,
        blobs: &Blobs,
        limits: &Limits,
        sink: &mut dyn DriveSink,
        apart: Option<&Apart>,
    ) -> Result<DecodedDrive> {
        let assembly = self.options.assembly(limits, sink);
        let mut reader = Reader::new(&self.options, apart, assembly);
        for file in &drive.files {
            mdf4::scan(blobs, file, limits, &mut reader)?;
        }
        Ok(reader.finish())
    }
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The drive of a session: its file, or its folder with the name of the first of its files.
fn drive_of(mut files: Vec<ObjectEntry>) -> DriveFiles {
    files.sort_by_cached_key(|file| order(&file.path));
    let first = files.first().map(|file| file.path.clone());
    let first = first.unwrap_or_default();
    if files.len() == 1 {
        return DriveFiles::new(first, files);
    }
    let name = first.rsplit('/').next().unwrap_or(&first);
    DriveFiles {
        path: folder_of(&first).to_owned(),
        part: Some(name.to_owned()),
        files,
    }
}

/// The order of files by the numbers in their names: `log_2` before `log_10`.
fn order(path: &str) -> (Vec<(String, u64)>, String) {
    let is_digit = |sign: char| sign.is_ascii_digit();
    let (mut parts, mut rest) = (Vec::new(), path);
    while !rest.is_empty() {
        let digits = rest.find(is_digit).unwrap_or(rest.len());
        let (text, behind) = rest.split_at(digits);
        let end = behind.find(|sign| !is_digit(sign)).unwrap_or(behind.len());
        let (number, behind) = behind.split_at(end);
        parts.push((text.to_owned(), number.parse().unwrap_or(u64::MAX)));
        rest = behind;
    }
    (parts, path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str) -> ObjectEntry {
        ObjectEntry {
            path: path.to_owned(),
            size: 1,
            fingerprint: String::new(),
        }
    }

    #[test]
    fn files_are_in_the_order_of_their_numbers() {
        let paths = ["a/log_10.mf4", "a/log_9b.MF4", "a/log_9.mf4"];
        let drive = drive_of(paths.iter().map(|path| entry(path)).collect());
        let files: Vec<_> = drive.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(files, ["a/log_9.mf4", "a/log_9b.MF4", "a/log_10.mf4"]);
        assert_eq!(
            (drive.path.as_str(), drive.part.as_deref()),
            ("a", Some("log_9.mf4"))
        );
        let alone = drive_of(vec![entry("log_9.mf4")]);
        assert_eq!((alone.path.as_str(), alone.part), ("log_9.mf4", None));
    }
}
