//! ROS 2 logs in MCAP files: one file a drive.
//!
//! Messages are decoded by the definitions that the file carries, so that a message type of another version is read by its field names;
//! the mapping says which topic becomes which table. A file that is torn or damaged gives what is sound, and findings for the rest.

mod calibration;
mod cdr;
mod chunk;
mod contents;
mod declarations;
mod definition;
mod finish;
mod idl;
mod input;
mod map;
mod mapping;
mod objects;
mod plan;
mod program;
mod reader;
mod records;
mod scan;
mod sensors;
mod summary;
mod vehicle;
mod walk;
mod wants;

use driveloop_lake::ObjectEntry;

use crate::blob::Blobs;
use crate::dbc::Buses;
use crate::decoded::DecodedDrive;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::sink::DriveSink;
use crate::source::{DriveFiles, LogSource};

pub use mapping::DEFAULT_MAPPING;

/// Name of the metadata record that says what a log is.
const METADATA: &str = "driveloop";

/// How topics become tables.
pub(crate) struct McapOptions {
    mapping: mapping::Mapping,
    /// CAN databases by which bus frames become signals.
    buses: Buses,
}

/// The format.
pub(crate) struct Ros2Mcap {
    options: McapOptions,
}

impl Ros2Mcap {
    /// The format with a mapping of topics to tables, as TOML; with `all_signals`, the numbers of what it does not map become signals.
    pub(crate) fn new(mapping: &str, buses: Buses, all_signals: bool) -> Result<Self> {
        let mut mapping = mapping::Mapping::parse(mapping)?;
        if all_signals {
            mapping = mapping.with_all_signals();
        }
        Ok(Self {
            options: McapOptions { mapping, buses },
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
        let file = &drive.files[0];
        let mut metadata = scan::metadata(blobs, file, limits, METADATA)?;
        let log_id = metadata
            .remove("log_id")
            .filter(|log_id| !log_id.is_empty());
        let (max, actual) = (
            limits.name_bytes_max,
            log_id.as_ref().map_or(0, String::len),
        );
        if actual > max {
            return Err(Error::Limit {
                subject: file.path.clone(),
                limit: "name_bytes_max",
                max: max as u64,
                actual: actual as u64,
            });
        }
        if let Some(log_id) = log_id {
            return Ok(log_id);
        }
        let name = drive.name(blobs.store());
        let stem = name.strip_suffix(".mcap").unwrap_or(&name);
        // Room for the digest; object stores have names that are longer than any path is made for.
        let end = stem.floor_char_boundary(limits.name_bytes_max.saturating_sub(9));
        Ok(format!("{}-{}", &stem[..end], &source_digest[..8]))
    }

    fn decode(
        &self,
        drive: &DriveFiles,
        blobs: &Blobs,
        limits: &Limits,
        sink: &mut dyn DriveSink,
    ) -> Result<DecodedDrive> {
        let file = &drive.files[0];
        let mut reader = reader::Reader::new(&file.path, &self.options, limits, sink);
        scan::scan(blobs, file, limits, &mut reader)?;
        Ok(reader.finish())
    }
}
