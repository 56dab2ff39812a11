//! Logs of one file: MCAP, and bags of ROS 1.

use std::sync::Arc;

use driveloop_lake::ObjectEntry;

use super::reader::Reader;
use super::{METADATA, TopicOptions};
use crate::apart::Apart;
use crate::assembly::Assembly;
use crate::blob::Blobs;
use crate::container::{bag, mcap};
use crate::decoded::DecodedDrive;
use crate::error::Result;
use crate::limits::Limits;
use crate::sink::DriveSink;
use crate::source::{DriveFiles, LogSource, Name, has_extension, stem};

/// The container of a log of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Container {
    Mcap,
    Bag,
}

/// Logs of one file each.
pub(crate) struct File {
    container: Container,
    options: Arc<TopicOptions>,
}

impl File {
    pub(crate) fn mcap(options: Arc<TopicOptions>) -> Self {
        let container = Container::Mcap;
        Self { container, options }
    }

    pub(crate) fn bag(options: Arc<TopicOptions>) -> Self {
        let container = Container::Bag;
        Self { container, options }
    }

    fn extension(&self) -> &'static str {
        match self.container {
            Container::Mcap => "mcap",
            Container::Bag => "bag",
        }
    }
}

impl LogSource for File {
    fn format(&self) -> &'static str {
        match self.container {
            Container::Mcap => "mcap-ros2",
            Container::Bag => "rosbag1",
        }
    }

    fn looks_like(&self) -> &'static str {
        match self.container {
            Container::Mcap => "files that end in .mcap",
            Container::Bag => "files that end in .bag",
        }
    }

    fn claim(&self, files: &mut Vec<ObjectEntry>) -> Vec<DriveFiles> {
        let (ours, left): (Vec<_>, Vec<_>) = files
            .drain(..)
            .partition(|file| has_extension(&file.path, self.extension()));
        *files = left;
        ours.into_iter()
            .map(|file| DriveFiles::new(file.path.clone(), vec![file]))
            .collect()
    }

    /// The `log_id` of the metadata record, else the file's name and the start of its digest.
    fn name(
        &self,
        drive: &DriveFiles,
        blobs: &Blobs,
        limits: &Limits,
        source_digest: &str,
    ) -> Result<Name> {
        let file = &drive.files[0];
        if self.container == Container::Mcap
            && let Some(name) = said(blobs, file, limits)?
        {
            return Ok(name);
        }
        let name = drive.name(blobs.store());
        let stem = stem(&name, self.extension()).unwrap_or(&name);
        Ok(Name::OfPlace(numbered(stem, source_digest, limits)))
    }

    fn decode(
        &self,
        drive: &DriveFiles,
        blobs: &Blobs,
        limits: &Limits,
        sink: &mut dyn DriveSink,
        apart: Option<&Apart>,
    ) -> Result<DecodedDrive> {
        let file = &drive.files[0];
        let assembly = self.options.assembly(limits, sink);
        let mut reader = Reader::new(&self.options, apart, assembly);
        match self.container {
            Container::Mcap => mcap::scan(blobs, file, limits, &mut reader)?,
            Container::Bag => bag::scan(blobs, file, limits, &mut reader)?,
        }
        Ok(reader.finish())
    }
}

impl TopicOptions {
    pub(super) fn assembly<'a>(
        &'a self,
        limits: &'a Limits,
        sink: &'a mut dyn DriveSink,
    ) -> Assembly<'a> {
        let settings = (&self.mapping.frames, &self.buses);
        Assembly::new(limits, settings, sink)
    }
}

/// The name that the log gives itself.
pub(super) fn said(blobs: &Blobs, file: &ObjectEntry, limits: &Limits) -> Result<Option<Name>> {
    let mut metadata = mcap::metadata(blobs, file, limits, METADATA)?;
    let log_id = metadata.remove("log_id");
    let log_id = log_id.filter(|log_id| !log_id.is_empty());
    let name = log_id.map(|log_id| Name::own(log_id, &file.path, limits));
    name.transpose()
}

/// A name with the start of a digest; object stores have names that are longer than any path is made for.
pub(super) fn numbered(stem: &str, source_digest: &str, limits: &Limits) -> String {
    let end = stem.floor_char_boundary(limits.name_bytes_max.saturating_sub(9));
    format!("{}-{}", &stem[..end], &source_digest[..8])
}
