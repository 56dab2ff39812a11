//! A file's bytes in order, of which the next ones can be looked at before they are gone over.

use driveloop_lake::ObjectEntry;

use crate::blob::{BlobReader, Blobs, Pass};
use crate::error::Result;

/// Bytes that are read beyond those that are asked for: what is left of them is moved when more is read.
const READ_AHEAD_BYTES: usize = 256 << 10;

/// The bytes of a file from some offset on.
pub(crate) struct Input<'a> {
    source: BlobReader<'a>,
    size: u64,
    /// Offset in the file of the next byte.
    offset: u64,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// CRC-32 of the bytes up to here, where it is asked for and none was jumped over.
    hash: Option<crc32fast::Hasher>,
}

impl<'a> Input<'a> {
    pub(crate) fn start(blobs: &'a Blobs, file: &'a ObjectEntry) -> Result<Self> {
        Ok(Self {
            source: blobs.reader(file, Pass::Decode)?,
            size: file.size,
            offset: 0,
            buffer: Vec::new(),
            start: 0,
            end: 0,
            hash: None,
        })
    }

    /// Computes the checksum of all bytes from here on.
    pub(crate) fn hash(&mut self) {
        self.hash = Some(crc32fast::Hasher::new());
    }

    /// The checksum of the bytes up to here.
    pub(crate) fn hashed(&self) -> Option<u32> {
        self.hash.clone().map(crc32fast::Hasher::finalize)
    }

    /// Where the next byte lies in the file.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes of the file, as it was listed.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The next bytes: `count` of them, fewer only where the file ends.
    pub(crate) fn peek(&mut self, count: usize) -> Result<&[u8]> {
        self.fill(count)?;
        let end = self.end.min(self.start + count);
        Ok(&self.buffer[self.start..end])
    }

    /// Goes over bytes. While a checksum is computed, all of them are read.
    pub(crate) fn consume(&mut self, count: u64) -> Result<()> {
        let end = self.offset.saturating_add(count);
        while self.hash.is_some() && self.offset < end {
            let step = (end - self.offset).min(READ_AHEAD_BYTES as u64);
            let there = self.peek(step as usize)?.len() as u64;
            if there == 0 {
                break;
            }
            self.seek(self.offset + there)?;
        }
        self.seek(end)
    }

    /// Goes on at another offset.
    pub(crate) fn seek(&mut self, offset: u64) -> Result<()> {
        let buffered = self.offset..=self.offset + (self.end - self.start) as u64;
        if buffered.contains(&offset) {
            let passed = (offset - self.offset) as usize;
            if let Some(hash) = &mut self.hash {
                hash.update(&self.buffer[self.start..self.start + passed]);
            }
            self.start += passed;
        } else {
            (self.start, self.end) = (0, 0);
            self.hash = None;
            self.source.seek(offset)?;
        }
        self.offset = offset;
        Ok(())
    }

    fn fill(&mut self, count: usize) -> Result<()> {
        if self.end - self.start >= count {
            return Ok(());
        }
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let left = self.size.saturating_sub(self.offset);
        let wanted = count.saturating_add(READ_AHEAD_BYTES);
        let wanted = wanted.min(usize::try_from(left).unwrap_or(usize::MAX));
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        while self.end < count.min(wanted) {
            let read = self.source.read(&mut self.buffer[self.end..wanted])?;
            if read == 0 {
                break;
            }
            self.end += read;
        }
        Ok(())
    }
}
