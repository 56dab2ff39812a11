//! Reading a source's objects, in pieces, on threads that may block.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use driveloop_lake::{ObjectEntry, Store};
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;

use crate::error::{Error, Result};
use crate::spool::Spool;

/// Bytes that are asked of a store at once.
const PIECE_BYTES: u64 = 8 << 20;
/// Bytes that are hashed at once: they stay in the processor's cache.
const HASH_BYTES: usize = 256 << 10;

/// Bytes between two reports of how far a file was read.
const REPORT_BYTES: u64 = 4 << 20;

/// Why an object is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    /// For its digest.
    Digest,
    /// For what is in it.
    Decode,
    /// For the drives that it tells of.
    Index,
}

/// How much more was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    pub(crate) pass: Pass,
    pub(crate) bytes: u64,
}

/// The objects of a source. Its methods block: they are for `spawn_blocking` threads.
pub(crate) struct Blobs {
    store: Store,
    runtime: Handle,
    progress: UnboundedSender<Progress>,
    spool: Spool,
}

impl Blobs {
    /// `spool_bytes_max` is that of [`crate::Limits`].
    pub(crate) fn new(
        store: Store,
        runtime: Handle,
        progress: UnboundedSender<Progress>,
        spool_bytes_max: u64,
    ) -> Self {
        Self {
            store,
            runtime,
            progress,
            spool: Spool::new(spool_bytes_max),
        }
    }

    /// The store of the objects.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Where the bytes of an object lie on the local disk, if they do.
    pub(crate) fn local_path(&self, file: &ObjectEntry) -> Option<PathBuf> {
        let local = self.store.local_path(&file.path);
        local.or_else(|| self.spool.path(&file.path))
    }

    /// Forgets what is held of objects that are not read any more.
    pub(crate) fn release(&self, files: &[ObjectEntry]) {
        self.spool.release(files);
    }

    /// The bytes `[start, end)`, cut at the end of the object as it was listed.
    pub(crate) fn range(&self, file: &ObjectEntry, start: u64, end: u64) -> Result<Bytes> {
        let end = end.min(file.size);
        if start >= end {
            return Ok(Bytes::new());
        }
        if let Some(copy) = self.spool.open(&file.path) {
            let piece = piece_of(copy, start, end);
            return piece.map_err(|error| unreadable(file, error));
        }
        let bytes = self
            .runtime
            .block_on(self.store.get_range(&file.path, start..end));
        bytes.map_err(|source| Error::Source {
            file: file.path.clone(),
            source: source.into(),
        })
    }

    /// The whole object, where it is no larger than the limit.
    pub(crate) fn whole(&self, file: &ObjectEntry, file_bytes_max: u64) -> Result<Bytes> {
        if file.size > file_bytes_max {
            return Err(Error::Limit {
                subject: file.path.clone(),
                limit: "file_bytes_max",
                max: file_bytes_max,
                actual: file.size,
            });
        }
        self.range(file, 0, file.size)
    }

    /// A file of the local disk as an object, which counts as read where this one's are.
    pub(crate) fn of_disk(&self, path: &Path) -> Result<(Self, ObjectEntry)> {
        let folder = path.parent().unwrap_or(path).to_string_lossy();
        let store = Store::open(&folder)?;
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let entry = self.runtime.block_on(store.list(&name))?.into_iter().next();
        let entry = entry.ok_or_else(|| Error::SourceMissing {
            uri: path.to_string_lossy().into_owned(),
        })?;
        let blobs = Self {
            store,
            runtime: self.runtime.clone(),
            progress: self.progress.clone(),
            spool: Spool::new(0),
        };
        Ok((blobs, entry))
    }

    /// A reader that goes through the object from its start.
    pub(crate) fn reader<'a>(
        &'a self,
        file: &'a ObjectEntry,
        pass: Pass,
    ) -> Result<BlobReader<'a>> {
        let local = self.store.local_path(&file.path).map(File::open);
        let local = local.transpose().map_err(|error| unreadable(file, error))?;
        let source = match local.or_else(|| self.spool.open(&file.path)) {
            Some(file) => Source::Local(file),
            None => Source::Remote {
                piece: Bytes::new(),
                ahead: None,
            },
        };
        Ok(BlobReader {
            blobs: self,
            file,
            at: 0,
            source,
            pass,
            unreported: 0,
        })
    }

    /// BLAKE3 over the bytes of the files, in the order of their paths, in hexadecimal. What is fetched for it from an object store is kept
    /// until it is released, as far as there is room.
    pub(crate) fn digest(&self, files: &[ObjectEntry]) -> Result<String> {
        let mut hash = blake3::Hasher::new();
        let mut buffer = vec![0; HASH_BYTES];
        for file in files {
            let is_fetched = self.local_path(file).is_none();
            let mut copy = is_fetched.then(|| self.spool.begin(file)).flatten();
            let mut reader = self.reader(file, Pass::Digest)?;
            loop {
                let count = reader.read(&mut buffer)?;
                if count == 0 {
                    break;
                }
                hash.update(&buffer[..count]);
                if let Some(copy) = &mut copy {
                    copy.write(&buffer[..count]);
                }
            }
            if let Some(copy) = copy {
                copy.finish(file);
            }
        }
        Ok(hash.finalize().to_hex().to_string())
    }
}

/// Reads an object in order. One on the local disk is read into the caller's buffer; of any other, the next piece is on its way
/// while the last one is used.
pub(crate) struct BlobReader<'a> {
    blobs: &'a Blobs,
    file: &'a ObjectEntry,
    at: u64,
    source: Source,
    pass: Pass,
    unreported: u64,
}

enum Source {
    Local(File),
    Remote { piece: Bytes, ahead: Option<Ahead> },
}

/// A piece that was asked for, and where it begins.
struct Ahead {
    start: u64,
    piece: JoinHandle<driveloop_lake::Result<Bytes>>,
}

impl BlobReader<'_> {
    /// Fills as much of the buffer as can be had at once; zero at the end, which is where the listing says that it is.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let left = self.file.size.saturating_sub(self.at);
        let wanted = buffer
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let buffer = &mut buffer[..wanted];
        let count = match &mut self.source {
            Source::Local(open) => open
                .read(buffer)
                .map_err(|error| unreadable(self.file, error))?,
            Source::Remote { piece, ahead } => {
                if piece.is_empty() {
                    *piece = next_piece(self.blobs, self.file, self.at, ahead)?;
                }
                let count = wanted.min(piece.len());
                buffer[..count].copy_from_slice(&piece.split_to(count));
                count
            }
        };
        self.at += count as u64;
        self.unreported += count as u64;
        if self.unreported >= REPORT_BYTES {
            self.report();
        }
        Ok(count)
    }

    fn report(&mut self) {
        let bytes = std::mem::take(&mut self.unreported);
        let pass = self.pass;
        // Nobody may be listening any more.
        let _ = self.blobs.progress.send(Progress { pass, bytes });
    }

    /// Goes on at another offset.
    pub(crate) fn seek(&mut self, offset: u64) -> Result<()> {
        match &mut self.source {
            Source::Local(open) => {
                let sought = open.seek(SeekFrom::Start(offset));
                sought.map_err(|error| unreadable(self.file, error))?;
            }
            Source::Remote { piece, .. } => {
                let end = self.at + piece.len() as u64;
                // What is in the piece already need not be asked for again.
                *piece = if (self.at..end).contains(&offset) {
                    piece.slice((offset - self.at) as usize..)
                } else {
                    Bytes::new()
                };
            }
        }
        self.at = offset;
        Ok(())
    }
}

/// An object as a reader of the standard library.
pub(crate) struct AsRead<'a>(pub(crate) BlobReader<'a>);

impl std::io::Read for AsRead<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.read(buffer).map_err(std::io::Error::other)
    }
}

impl Drop for BlobReader<'_> {
    fn drop(&mut self) {
        self.report();
    }
}

fn next_piece(
    blobs: &Blobs,
    file: &ObjectEntry,
    start: u64,
    ahead: &mut Option<Ahead>,
) -> Result<Bytes> {
    let failed = |source: driveloop_lake::Error| Error::Source {
        file: file.path.clone(),
        source: source.into(),
    };
    let piece = match ahead.take().filter(|ahead| ahead.start == start) {
        Some(ahead) => {
            let joined = blobs.runtime.block_on(ahead.piece);
            joined
                .map_err(|error| Error::Decoder {
                    log_id: file.path.clone(),
                    reason: error.to_string(),
                })?
                .map_err(failed)?
        }
        None => blobs.range(file, start, start + PIECE_BYTES)?,
    };
    let next = start + piece.len() as u64;
    if !piece.is_empty() && next < file.size {
        let (store, path) = (blobs.store.clone(), file.path.clone());
        let end = (next + PIECE_BYTES).min(file.size);
        let task = async move { store.get_range(&path, next..end).await };
        *ahead = Some(Ahead {
            start: next,
            piece: blobs.runtime.spawn(task),
        });
    }
    Ok(piece)
}

fn piece_of(mut file: File, start: u64, end: u64) -> std::io::Result<Bytes> {
    file.seek(SeekFrom::Start(start))?;
    let mut piece = vec![0; (end - start) as usize];
    file.read_exact(&mut piece)?;
    Ok(piece.into())
}

fn unreadable(file: &ObjectEntry, error: std::io::Error) -> Error {
    Error::Source {
        file: file.path.clone(),
        source: error.into(),
    }
}
