//! ROS 2 logs in MCAP files: one file a drive.
//!
//! Messages are decoded by the definitions that the file carries, so that a message type of another version is read by its field names;
//! the mapping says which topic becomes which table. A file that is torn or damaged gives what is sound, and findings for the rest.

mod finish;
mod frames;
mod map;
mod mapping;
mod objects;
mod reader;
mod scan;
mod sensors;
mod value;
mod vehicle;

use driveloop_lake::ObjectEntry;

use crate::blob::Blobs;
use crate::decoded::DecodedDrive;
use crate::error::Result;
use crate::limits::Limits;
use crate::media::MediaSink;
use crate::source::{DriveFiles, LogSource};

pub use mapping::DEFAULT_MAPPING;

/// Name of the metadata record that says what a log is.
const METADATA: &str = "driveloop";

/// The format.
pub(crate) struct Ros2Mcap {
    mapping: mapping::Mapping,
}

impl Ros2Mcap {
    /// The format with a mapping of topics to tables, as TOML.
    pub(crate) fn new(mapping: &str) -> Result<Self> {
        Ok(Self {
            mapping: mapping::Mapping::parse(mapping)?,
        })
    }
}

impl LogSource for Ros2Mcap {
    fn format(&self) -> &'static str {
        "mcap-ros2"
    }

    fn looks_like(&self) -> &'static str {
        "files that end in .mcap"
    }

    fn claim(&self, files: &mut Vec<ObjectEntry>) -> Vec<DriveFiles> {
        let (ours, left): (Vec<_>, Vec<_>) = files
            .drain(..)
            .partition(|file| file.path.ends_with(".mcap"));
        *files = left;
        ours.into_iter()
            .map(|file| DriveFiles {
                path: file.path.clone(),
                files: vec![file],
            })
            .collect()
    }

    /// The `log_id` of the metadata record, else the file's name and the start of its digest.
    fn log_id(
        &self,
        drive: &DriveFiles,
        blobs: &Blobs,
        limits: &Limits,
        source_digest: &str,
    ) -> Result<String> {
        let mut metadata = scan::metadata(blobs, &drive.files[0], limits, METADATA)?;
        if let Some(log_id) = metadata
            .remove("log_id")
            .filter(|log_id| !log_id.is_empty())
        {
            return Ok(log_id);
        }
        let name = drive.name(blobs.store());
        let stem = name.strip_suffix(".mcap").unwrap_or(&name);
        Ok(format!("{stem}-{}", &source_digest[..8]))
    }

    fn decode(
        &self,
        drive: &DriveFiles,
        blobs: &Blobs,
        limits: &Limits,
        media: &mut dyn MediaSink,
    ) -> Result<DecodedDrive> {
        let file = &drive.files[0];
        let mut reader = reader::Reader::new(&file.path, &self.mapping, limits, media);
        scan::scan(blobs, file, limits, &mut reader)?;
        Ok(reader.finish())
    }
}
