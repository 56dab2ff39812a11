//! The buffers of a batch, unpacked.

use std::io::Read as _;

use arrow::buffer::Buffer;
use arrow::ipc::{self, CompressionType};

use super::fault::{Budget, Fault, Place};

/// The unpacked length stands before the packed bytes.
const LENGTH_BYTES: usize = 8;
/// Stands for the length where the bytes are not packed.
const NOT_PACKED: i64 = -1;
/// Few unpacked bytes do no harm, however few packed ones they come from.
const SMALL_BYTES: u64 = 16 << 20;

/// How the buffers of a batch are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Plain,
    Lz4,
    Zstd,
}

impl Codec {
    pub(super) fn of(
        compression: Option<ipc::BodyCompression<'_>>,
        place: Place,
    ) -> Result<Self, Fault> {
        let Some(compression) = compression else {
            return Ok(Self::Plain);
        };
        match compression.codec() {
            _ if compression.method() != ipc::BodyCompressionMethod::BUFFER => {}
            CompressionType::LZ4_FRAME => return Ok(Self::Lz4),
            CompressionType::ZSTD => return Ok(Self::Zstd),
            _ => {}
        }
        let actual = format!("codec {}", compression.codec().0);
        Err(Fault::damaged(
            place,
            "buffers packed by LZ4 or zstd",
            actual,
        ))
    }
}

/// Unpacks buffers within a budget of unpacked bytes.
pub(super) struct Unpacker {
    pub(super) budget: Budget,
    pub(super) ratio_max: u64,
}

impl Unpacker {
    /// The bytes of a buffer. Those that are not packed are not copied.
    pub(super) fn unpack(
        &mut self,
        buffer: Buffer,
        codec: Codec,
        place: Place,
    ) -> Result<Buffer, Fault> {
        if codec == Codec::Plain || buffer.is_empty() {
            self.budget.take(buffer.len() as u64)?;
            return Ok(buffer);
        }
        let damaged = |actual: String| {
            Fault::damaged(place, "packed buffers with their unpacked length", actual)
        };
        let Some((length, packed)) = buffer.split_first_chunk::<LENGTH_BYTES>() else {
            return Err(damaged(format!("{} bytes", buffer.len())));
        };
        let length = i64::from_le_bytes(*length);
        if length == NOT_PACKED {
            self.budget.take(packed.len() as u64)?;
            return Ok(buffer.slice(LENGTH_BYTES));
        }
        let Ok(unpacked_bytes) = usize::try_from(length) else {
            return Err(damaged(format!("a length of {length}")));
        };
        self.check(unpacked_bytes as u64, packed.len() as u64)?;
        let mut unpacked = Vec::new();
        unpacked
            .try_reserve_exact(unpacked_bytes)
            .map_err(|error| damaged(error.to_string()))?;
        let done = match codec {
            Codec::Lz4 if unpacked_bytes > 0 => lz4(packed, unpacked_bytes, &mut unpacked),
            Codec::Zstd if unpacked_bytes > 0 => zstd(packed, &mut unpacked),
            Codec::Plain | Codec::Lz4 | Codec::Zstd => Ok(()),
        };
        done.map_err(|error| damaged(error.to_string()))?;
        if unpacked.len() != unpacked_bytes {
            let actual = format!("{} bytes, declared as {unpacked_bytes}", unpacked.len());
            return Err(damaged(actual));
        }
        Ok(Buffer::from_vec(unpacked))
    }

    fn check(&mut self, unpacked_bytes: u64, packed_bytes: u64) -> Result<(), Fault> {
        let ratio = unpacked_bytes / packed_bytes.max(1);
        if unpacked_bytes > SMALL_BYTES && ratio > self.ratio_max {
            return Err(Fault::Limit {
                limit: "chunk_ratio_max",
                max: self.ratio_max,
                actual: ratio,
            });
        }
        self.budget.take(unpacked_bytes)
    }
}

fn lz4(packed: &[u8], unpacked_bytes: usize, unpacked: &mut Vec<u8>) -> std::io::Result<()> {
    // One byte more than declared shows that there is more.
    let bound = (unpacked_bytes as u64).saturating_add(1);
    lz4::Decoder::new(packed)?
        .take(bound)
        .read_to_end(unpacked)?;
    Ok(())
}

fn zstd(packed: &[u8], unpacked: &mut Vec<u8>) -> std::io::Result<()> {
    zstd::bulk::Decompressor::new()?.decompress_to_buffer(packed, unpacked)?;
    Ok(())
}
