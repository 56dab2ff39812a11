//! Writing an object as its bytes come.

use std::sync::Arc;

use bytes::Bytes;
use object_store::buffered::BufWriter;
use tokio::io::AsyncWriteExt as _;

use crate::error::{Error, Result};
use crate::store::Store;

/// Bytes that are kept before an upload in parts begins, and the size of a part: smaller objects are one request.
const PART_BYTES: usize = 8 << 20;
/// Parts on their way at once: with the size of a part this bounds the memory of a writer.
const PARTS_MAX: usize = 2;

/// An object that is being written. Nothing of it is visible before [`StoreWriter::finish`], and then all of it.
///
/// One that is dropped leaves nothing on a local disk; parts that were sent to a cloud store stay until the bucket's rule for
/// unfinished uploads removes them, or [`StoreWriter::abort`] does.
#[derive(Debug)]
pub struct StoreWriter {
    name: String,
    inner: BufWriter,
}

impl Store {
    /// Writes an object of any length as it comes, in place of one that is there.
    #[must_use]
    pub fn writer(&self, path: &str) -> StoreWriter {
        let inner = BufWriter::with_capacity(Arc::clone(self.inner()), self.path(path), PART_BYTES);
        StoreWriter {
            name: self.name(path),
            inner: inner.with_max_concurrency(PARTS_MAX),
        }
    }
}

impl StoreWriter {
    /// Adds bytes at the end.
    ///
    /// # Errors
    /// When the store fails; the object is then as it was.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let put = self.inner.put(bytes).await;
        put.map_err(|source| Error::storage("write", self.name.clone(), source))
    }

    /// Makes the object visible.
    ///
    /// # Errors
    /// When the store fails; the object is then as it was.
    pub async fn finish(mut self) -> Result<()> {
        let shutdown = self.inner.shutdown().await;
        shutdown.map_err(|source| Error::storage("write", self.name, source))
    }

    /// Gives up, and removes what was sent.
    ///
    /// # Errors
    /// When the store fails; the object is as it was all the same.
    pub async fn abort(mut self) -> Result<()> {
        let abort = self.inner.abort().await;
        abort.map_err(|source| Error::storage("abort writing", self.name, source))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::*;

    #[tokio::test]
    async fn an_object_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().to_str().unwrap()).unwrap();
        let piece = Bytes::from(vec![7; 3 << 20]);
        let mut writer = store.writer("a/log");
        for _ in 0..7 {
            writer.write(piece.clone()).await.unwrap();
            assert!(store.list("").await.unwrap().is_empty());
        }
        writer.finish().await.unwrap();
        assert_eq!(store.get("a/log").await.unwrap(), vec![7; 21 << 20]);

        for is_aborted in [true, false] {
            let mut writer = store.writer("a/log");
            for _ in 0..4 {
                writer.write(piece.slice(1..)).await.unwrap();
            }
            if is_aborted {
                writer.abort().await.unwrap();
            }
        }
        assert_eq!(store.get("a/log").await.unwrap().len(), 21 << 20);
        let files = std::fs::read_dir(folder.path().join("a")).unwrap().count();
        assert_eq!(files, 1, "what was given up leaves nothing behind");
    }
}
