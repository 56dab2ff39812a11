//! Reading a source's objects, in pieces, on threads that may block.

use bytes::Bytes;
use driveloop_lake::{ObjectEntry, Store};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;

use crate::error::{Error, Result};

/// Bytes that are read at once.
const PIECE_BYTES: u64 = 4 << 20;

/// The objects of a source. Its methods block: they are for `spawn_blocking` threads.
pub(crate) struct Blobs {
    store: Store,
    runtime: Handle,
}

impl Blobs {
    pub(crate) fn new(store: Store, runtime: Handle) -> Self {
        Self { store, runtime }
    }

    /// The store of the objects.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The bytes `[start, end)`, cut at the end of the object as it was listed.
    pub(crate) fn range(&self, file: &ObjectEntry, start: u64, end: u64) -> Result<Bytes> {
        let end = end.min(file.size);
        if start >= end {
            return Ok(Bytes::new());
        }
        let bytes = self
            .runtime
            .block_on(self.store.get_range(&file.path, start..end));
        bytes.map_err(|source| Error::Source {
            file: file.path.clone(),
            source,
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

    /// A reader that goes through the object from an offset.
    pub(crate) fn reader<'a>(&'a self, file: &'a ObjectEntry, offset: u64) -> BlobReader<'a> {
        BlobReader {
            blobs: self,
            file,
            next: offset,
            piece: Bytes::new(),
        }
    }

    /// SHA-256 over the bytes of the files, in the order of their paths, in hexadecimal.
    pub(crate) fn digest(&self, files: &[ObjectEntry]) -> Result<String> {
        let mut hash = Sha256::new();
        for file in files {
            let mut start = 0;
            while start < file.size {
                let piece = self.range(file, start, start + PIECE_BYTES)?;
                if piece.is_empty() {
                    break;
                }
                hash.update(&piece);
                start += piece.len() as u64;
            }
        }
        Ok(hex::encode(hash.finalize()))
    }
}

/// Reads an object in order.
pub(crate) struct BlobReader<'a> {
    blobs: &'a Blobs,
    file: &'a ObjectEntry,
    next: u64,
    piece: Bytes,
}

impl BlobReader<'_> {
    /// Fills as much of the buffer as one piece has; zero at the end.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if self.piece.is_empty() {
            self.piece = self
                .blobs
                .range(self.file, self.next, self.next + PIECE_BYTES)?;
            self.next += self.piece.len() as u64;
        }
        let count = buffer.len().min(self.piece.len());
        buffer[..count].copy_from_slice(&self.piece.split_to(count));
        Ok(count)
    }
}

/// SHA-256 of some bytes, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
