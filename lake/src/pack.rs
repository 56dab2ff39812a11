//! Media packs: the bytes of many frames in one object.

use bytes::Bytes;
use object_store::{MultipartUpload, ObjectStoreExt as _, PutPayload};

use crate::Lake;
use crate::error::{Error, Result};

/// A pack is closed, and the next begun, when it has grown past this.
const PACK_BYTES_MAX: u64 = 256 << 20;
/// Bytes that are sent at once: what a writer holds in memory, and at least the least part size of S3 (5 MiB).
const PART_BYTES: usize = 8 << 20;

/// Where the bytes of one frame are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackRange {
    /// Pack object, relative to the lake.
    pub pack: String,
    /// First byte.
    pub offset: i64,
    /// Bytes.
    pub length: i64,
}

/// Writes the media of one sensor of one drive into packs, in the order given.
///
/// The names of packs follow from drive and sensor, so that a repeated ingest writes the same objects again.
/// A pack is there once it is closed; one that was never finished is not.
pub struct PackWriter {
    lake: Lake,
    folder: String,
    index: u32,
    written: u64,
    buffer: Vec<u8>,
    upload: Option<Box<dyn MultipartUpload>>,
}

impl PackWriter {
    /// A writer for a sensor of a drive.
    #[must_use]
    pub fn new(lake: &Lake, log_id: &str, sensor: &str) -> Self {
        let folder = format!("media/{}/{}", segment(log_id), segment(sensor));
        Self {
            lake: lake.clone(),
            folder,
            index: 0,
            written: 0,
            buffer: Vec::new(),
            upload: None,
        }
    }

    /// Adds the bytes of a frame.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn append(&mut self, bytes: &[u8]) -> Result<PackRange> {
        if self.written >= PACK_BYTES_MAX {
            self.close().await?;
        }
        let range = PackRange {
            pack: self.pack(),
            offset: self.written as i64,
            length: bytes.len() as i64,
        };
        self.buffer.extend_from_slice(bytes);
        self.written += bytes.len() as u64;
        while self.buffer.len() >= PART_BYTES {
            let rest = self.buffer.split_off(PART_BYTES);
            let part = std::mem::replace(&mut self.buffer, rest);
            self.send(part).await?;
        }
        Ok(range)
    }

    /// Closes the last pack. Without it, that pack does not come to be.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn finish(mut self) -> Result<()> {
        self.close().await
    }

    fn pack(&self) -> String {
        format!("{}/{:04}.pack", self.folder, self.index)
    }

    async fn send(&mut self, part: Vec<u8>) -> Result<()> {
        let pack = self.pack();
        let fail = |source| Error::storage("write", pack.clone(), source);
        let store = self.lake.store();
        let upload = match &mut self.upload {
            Some(upload) => upload,
            none => {
                let path = store.path(&pack);
                none.insert(store.inner().put_multipart(&path).await.map_err(fail)?)
            }
        };
        upload.put_part(PutPayload::from(part)).await.map_err(fail)
    }

    async fn close(&mut self) -> Result<()> {
        if self.written == 0 {
            return Ok(());
        }
        let last = std::mem::take(&mut self.buffer);
        let pack = self.pack();
        match self.upload.take() {
            None => self.lake.store().put(&pack, Bytes::from(last)).await?,
            Some(mut upload) => {
                let fail = |source| Error::storage("write", pack.clone(), source);
                if !last.is_empty() {
                    upload
                        .put_part(PutPayload::from(last))
                        .await
                        .map_err(fail)?;
                }
                upload.complete().await.map_err(fail)?;
            }
        }
        self.index += 1;
        self.written = 0;
        Ok(())
    }
}

/// A name as one segment of a path: whatever could leave the folder becomes an underscore.
fn segment(name: &str) -> String {
    let kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let text: String = name
        .chars()
        .map(|c| if kept(c) { c } else { '_' })
        .collect();
    if text.chars().all(|c| c == '.') {
        format!("_{}", text.len())
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn names_stay_in_their_folder() {
        assert_eq!(segment("../../etc"), ".._.._etc");
        assert_eq!(segment(".."), "_2");
        assert_eq!(segment("/lidar/points"), "_lidar_points");
        assert_eq!(segment(""), "_0");
    }
}
