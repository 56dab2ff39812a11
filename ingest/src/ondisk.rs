//! Files of a source that have to lie on the local disk to be read: packed ones, and those of programs that ask for a path.

use std::fs::File;
use std::io::{BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};

use driveloop_lake::ObjectEntry;
use tempfile::TempDir;

use crate::blob::{AsRead, Blobs, Pass};
use crate::error::{Error, Result};
use crate::limits::Limits;

/// A file on the local disk; a copy is removed with this.
pub(crate) struct OnDisk {
    path: PathBuf,
    _copy: Option<TempDir>,
}

impl OnDisk {
    /// A file of the source; what lies in an object store is copied first, and `.zstd` is unpacked.
    pub(crate) fn of(blobs: &Blobs, file: &ObjectEntry, limits: &Limits) -> Result<Self> {
        let is_packed = is_packed(&file.path);
        if let Some(path) = blobs.local_path(file).filter(|_| !is_packed) {
            return Ok(Self { path, _copy: None });
        }
        let failed = |source: std::io::Error| Error::Source {
            file: file.path.clone(),
            source: source.into(),
        };
        let folder = TempDir::new().map_err(failed)?;
        let name = unpacked_name(file.path.rsplit('/').next().unwrap_or("part"));
        let path = folder.path().join(name);
        let mut to = BufWriter::new(File::create(&path).map_err(failed)?);
        let from = AsRead(blobs.reader(file, Pass::Decode)?);
        let max = limits.unpacked_bytes_max;
        let copied = if is_packed {
            let unpacked = zstd::Decoder::new(from).map_err(failed)?;
            std::io::copy(&mut unpacked.take(max + 1), &mut to)
        } else {
            std::io::copy(&mut from.take(max + 1), &mut to)
        };
        let actual = copied.map_err(failed)?;
        to.flush().map_err(failed)?;
        if actual > max {
            return Err(Error::Limit {
                subject: file.path.clone(),
                limit: "unpacked_bytes_max",
                max,
                actual,
            });
        }
        Ok(Self {
            path,
            _copy: Some(folder),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Whether a file is packed as a whole.
pub(crate) fn is_packed(path: &str) -> bool {
    path.to_lowercase().ends_with(".zstd")
}

/// The name of a file without the ending of its compression.
pub(crate) fn unpacked_name(name: &str) -> &str {
    if is_packed(name) {
        &name[..name.len() - ".zstd".len()]
    } else {
        name
    }
}
