//! One file of rows, written under a temporary name.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use arrow::ipc::writer::FileWriter;
use arrow::record_batch::RecordBatch;
use driveloop_schemas::Row;

use crate::error::{Error, Result};

/// Rows of a batch in the files.
const BATCH_ROWS: usize = 1024;

/// An Arrow file that is being written.
pub(super) struct FileOfRows<R> {
    path: PathBuf,
    partial: PathBuf,
    columns: Option<&'static [&'static str]>,
    writer: Option<FileWriter<BufWriter<File>>>,
    pending: Vec<R>,
}

/// A file that is whole and in place.
pub(super) struct Written {
    pub(super) bytes: u64,
}

impl<R: Row> FileOfRows<R> {
    /// A file of some columns of the rows, of all of them where none is named.
    pub(super) fn new(path: PathBuf, columns: Option<&'static [&'static str]>) -> Self {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        Self {
            path,
            partial: PathBuf::from(partial),
            columns,
            writer: None,
            pending: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, row: R) -> Result<()> {
        self.pending.push(row);
        if self.pending.len() < BATCH_ROWS {
            Ok(())
        } else {
            self.flush()
        }
    }

    fn flush(&mut self) -> Result<()> {
        let batch = R::to_batch(&self.pending)?;
        self.pending.clear();
        let fail = |source| Error::file("write", &self.partial, source);
        let batch = project(&batch, self.columns).map_err(fail)?;
        let mut writer = if let Some(writer) = self.writer.take() {
            writer
        } else {
            FileWriter::try_new(BufWriter::new(create(&self.partial)?), &batch.schema())
                .map_err(fail)?
        };
        if batch.num_rows() > 0 {
            writer.write(&batch).map_err(fail)?;
        }
        self.writer = Some(writer);
        Ok(())
    }

    /// The file, whole and in place; one without rows has a schema and no batch.
    pub(super) fn finish(mut self) -> Result<Written> {
        self.flush()?;
        let fail = |source| Error::file("write", &self.partial, source);
        if let Some(mut writer) = self.writer.take() {
            writer.finish().map_err(fail)?;
            let buffer = writer.into_inner().map_err(fail)?;
            let file = buffer
                .into_inner()
                .map_err(|error| Error::file("write", &self.partial, error.into_error()))?;
            file.sync_all()
                .map_err(|source| Error::file("write", &self.partial, source))?;
        }
        let fail = |source| Error::file("rename", &self.partial, source);
        std::fs::rename(&self.partial, &self.path).map_err(fail)?;
        let bytes = std::fs::metadata(&self.path).map_err(fail)?.len();
        Ok(Written { bytes })
    }
}

fn project(
    batch: &RecordBatch,
    columns: Option<&[&str]>,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    let Some(columns) = columns else {
        return Ok(batch.clone());
    };
    let schema = batch.schema();
    let places = columns.iter().map(|name| schema.index_of(name));
    batch.project(&places.collect::<Result<Vec<_>, _>>()?)
}

fn create(path: &Path) -> Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|source| Error::file("create", folder, source))?;
    }
    File::create(path).map_err(|source| Error::file("create", path, source))
}
