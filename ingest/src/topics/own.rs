//! Logs of a format that whoever calls brings along.

use std::collections::BTreeMap;
use std::sync::Arc;

use driveloop_lake::ObjectEntry;

use super::TopicOptions;
use super::file::numbered;
use super::reader::Reader;
use crate::apart::Apart;
use crate::blob::Blobs;
use crate::decoded::DecodedDrive;
use crate::error::{Error, Result};
use crate::format::{FormatError, Log, LogFormat, Messages};
use crate::limits::Limits;
use crate::sink::DriveSink;
use crate::source::{DriveFiles, LogSource, Name};

/// A format that is not of this crate.
pub(crate) struct Own {
    format: Arc<dyn LogFormat>,
    options: Arc<TopicOptions>,
}

impl Own {
    pub(crate) fn new(format: Arc<dyn LogFormat>, options: Arc<TopicOptions>) -> Self {
        Self { format, options }
    }

    /// An error of the format; one of ours that went through it is that.
    fn failed(&self, drive: &DriveFiles, error: FormatError) -> Error {
        match error.downcast::<Error>() {
            Ok(error) => *error,
            Err(source) => Error::Source {
                file: format!("{} ({})", drive.path, self.format.name()),
                source,
            },
        }
    }
}

impl LogSource for Own {
    fn format(&self) -> &'static str {
        self.format.name()
    }

    fn looks_like(&self) -> &'static str {
        self.format.looks_like()
    }

    /// A file that the format names and that was not listed, or that an earlier log of it has, is none of the log's.
    fn claim(&self, files: &mut Vec<ObjectEntry>) -> Vec<DriveFiles> {
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        let logs = self.format.logs(&paths);
        let listed = std::mem::take(files).into_iter();
        let mut listed: BTreeMap<String, ObjectEntry> =
            listed.map(|file| (file.path.clone(), file)).collect();
        let mut drives = Vec::new();
        for log in logs {
            let ours = log.files.iter().filter_map(|path| listed.remove(path));
            let ours: Vec<_> = ours.collect();
            if !ours.is_empty() {
                drives.push(DriveFiles::new(log.path, ours));
            }
        }
        files.extend(listed.into_values());
        drives
    }

    fn name(
        &self,
        drive: &DriveFiles,
        blobs: &Blobs,
        limits: &Limits,
        source_digest: &str,
    ) -> Result<Name> {
        let log = Log::new(&drive.files, blobs, limits);
        let own = self.format.log_id(&log);
        let own = own.map_err(|error| self.failed(drive, error))?;
        let Some(log_id) = own.filter(|log_id| !log_id.is_empty()) else {
            let name = drive.name(blobs.store());
            return Ok(Name::OfPlace(numbered(&name, source_digest, limits)));
        };
        Name::own(log_id, &drive.path, limits)
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
        let mut messages = Messages::new(&mut reader);
        messages.file(&drive.path);
        let log = Log::new(&drive.files, blobs, limits);
        let read = self.format.read(&log, &mut messages);
        read.map_err(|error| self.failed(drive, error))?;
        Ok(reader.finish())
    }
}
