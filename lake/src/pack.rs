//! Media packs: the bytes of many frames in one object.

use bytes::Bytes;
use object_store::{MultipartUpload, PutPayload};

use crate::Lake;
use crate::digest::digest;
use crate::error::{Error, Result};

/// A pack is closed, and the next begun, when it has grown past this.
const PACK_BYTES_MAX: u64 = 256 << 20;
/// Bytes that are sent at once: what a writer holds in memory, and at least the least part size of S3 (5 MiB).
const PART_BYTES: usize = 8 << 20;
/// Letters of a name that is not kept as it is; file systems admit 255 bytes.
const SEGMENT_LETTERS_MAX: usize = 120;
/// Letters of the digest that is added to it.
const DIGEST_LETTERS: usize = 8;

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
/// The names of packs follow from the drive, its version and the sensor, so that a repeated ingest writes the same objects again, and one
/// of a log that changed leaves alone what the rows of its earlier version name.
/// A pack is there once it is closed; one that was never finished is not. Its digest goes into the commit of the rows that name it,
/// where that is made by the same process.
pub struct PackWriter {
    lake: Lake,
    folder: String,
    index: u32,
    written: u64,
    buffer: Vec<u8>,
    hash: blake3::Hasher,
    upload: Option<Box<dyn MultipartUpload>>,
}

impl PackWriter {
    /// A writer for a sensor of a drive. `version` tells the bytes of its log, and what they are read with, from others.
    #[must_use]
    pub fn new(lake: &Lake, log_id: &str, version: &str, sensor: &str) -> Self {
        let [log_id, version, sensor] = [log_id, version, sensor].map(segment);
        let folder = format!("media/{log_id}/{version}/{sensor}");
        Self {
            lake: lake.clone(),
            folder,
            index: 0,
            written: 0,
            buffer: Vec::new(),
            hash: blake3::Hasher::new(),
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
        self.written += bytes.len() as u64;
        self.hash.update(bytes);
        let mut rest = bytes;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(PART_BYTES - self.buffer.len()));
            let is_long = self.upload.is_some() || !later.is_empty();
            if is_long && self.buffer.capacity() < PART_BYTES {
                self.buffer.reserve_exact(PART_BYTES - self.buffer.len());
            }
            self.buffer.extend_from_slice(now);
            if self.buffer.len() == PART_BYTES {
                let part = std::mem::take(&mut self.buffer);
                self.send(part).await?;
            }
            rest = later;
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
            none => none.insert(store.upload(&pack).await.map_err(fail)?),
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
        // The commit of the rows that name the pack says its digest.
        self.lake.keep_digest_of_pack(pack, &self.hash);
        self.hash.reset();
        self.index += 1;
        self.written = 0;
        Ok(())
    }
}

/// A name as one segment of a path: whatever could leave the folder becomes an underscore, and a digest of the name keeps names
/// apart that would look alike then.
fn segment(name: &str) -> String {
    let kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_kept = name.chars().all(kept) && !name.chars().all(|c| c == '.');
    if is_kept {
        return name.to_owned();
    }
    let letters = name.chars().take(SEGMENT_LETTERS_MAX);
    let text: String = letters.map(|c| if kept(c) { c } else { '_' }).collect();
    let digest = digest([name]);
    format!("{text}-{}", &digest[..DIGEST_LETTERS])
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn names_stay_in_their_folder_and_apart() {
        assert_eq!(segment("ring_front-0.1"), "ring_front-0.1");
        let names = [
            "../../etc",
            "..",
            "",
            "/lidar/points",
            "/lidar_points",
            "_lidar_points",
        ];
        let mut segments: Vec<String> = names.iter().map(|name| segment(name)).collect();
        for segment in &segments {
            assert!(!segment.contains('/'), "{segment}");
            assert!(segment.chars().any(|c| c != '.'), "{segment}");
        }
        segments.sort();
        segments.dedup();
        assert_eq!(segments.len(), names.len(), "{segments:?}");
    }
}
