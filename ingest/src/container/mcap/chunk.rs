//! Unpacking chunks: sizes and checksum are verified before anything of a chunk is believed.

use std::io::Read as _;

use super::records::Chunk;
use crate::limits::Limits;

/// Chunks up to this size may be packed as well as they can be: images without content are.
const SMALL_BYTES: u64 = 16 << 20;
/// A buffer larger than this is not kept for the next chunk.
const KEPT_BYTES: usize = 64 << 20;

/// What is wrong with a chunk.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Bad {
    Checksum(String),
    Damaged(String),
}

/// Unpacks chunks into a buffer that is used again.
#[derive(Default)]
pub(crate) struct Unpacker {
    zstd: Option<zstd::bulk::Decompressor<'static>>,
    buffer: Vec<u8>,
}

impl Unpacker {
    /// The unpacked bytes of a chunk, whose sizes and checksum were found to hold.
    ///
    /// A declared size only reserves addresses; memory is taken by what is really unpacked, which the declared size bounds.
    pub(crate) fn unpack<'b>(
        &'b mut self,
        chunk: &Chunk<'b>,
        limits: &Limits,
    ) -> Result<&'b [u8], Bad> {
        check_sizes(chunk, limits)?;
        let bytes = match chunk.compression {
            "" => chunk.packed,
            "zstd" => self.zstd(chunk)?,
            "lz4" => self.lz4(chunk)?,
            other => {
                return Err(Bad::Damaged(format!(
                    "expected the compression zstd, lz4 or none, got `{other}`"
                )));
            }
        };
        if bytes.len() as u64 != chunk.unpacked_bytes {
            return Err(Bad::Damaged(format!(
                "expected {} unpacked bytes, got {}",
                chunk.unpacked_bytes,
                bytes.len()
            )));
        }
        if chunk.checksum != 0 {
            let actual = crc32fast::hash(bytes);
            if actual != chunk.checksum {
                return Err(Bad::Checksum(format!(
                    "expected the checksum {:08x}, got {actual:08x}",
                    chunk.checksum
                )));
            }
        }
        Ok(bytes)
    }

    fn reserve(&mut self, bytes: u64) -> Result<(), Bad> {
        self.buffer.clear();
        if self.buffer.capacity() > KEPT_BYTES {
            self.buffer = Vec::new();
        }
        let reserved = self.buffer.try_reserve_exact(bytes as usize);
        reserved.map_err(|error| Bad::Damaged(format!("cannot hold {bytes} bytes: {error}")))
    }

    fn zstd(&mut self, chunk: &Chunk<'_>) -> Result<&[u8], Bad> {
        self.reserve(chunk.unpacked_bytes)?;
        let context = match self.zstd.take() {
            Some(context) => context,
            None => zstd::bulk::Decompressor::new().map_err(|error| damaged(&error))?,
        };
        let context = self.zstd.insert(context);
        context
            .decompress_to_buffer(chunk.packed, &mut self.buffer)
            .map_err(|error| damaged(&error))?;
        Ok(&self.buffer)
    }

    fn lz4(&mut self, chunk: &Chunk<'_>) -> Result<&[u8], Bad> {
        self.reserve(chunk.unpacked_bytes)?;
        let decoder = lz4::Decoder::new(chunk.packed).map_err(|error| damaged(&error))?;
        // One byte more than declared shows that there is more.
        let mut bounded = decoder.take(chunk.unpacked_bytes.saturating_add(1));
        bounded
            .read_to_end(&mut self.buffer)
            .map_err(|error| damaged(&error))?;
        Ok(&self.buffer)
    }
}

fn damaged(error: &std::io::Error) -> Bad {
    Bad::Damaged(format!("cannot unpack: {error}"))
}

fn check_sizes(chunk: &Chunk<'_>, limits: &Limits) -> Result<(), Bad> {
    let (max, unpacked) = (limits.chunk_bytes_max, chunk.unpacked_bytes);
    if unpacked > max {
        return Err(Bad::Damaged(format!(
            "expected at most {max} unpacked bytes (chunk_bytes_max), got a chunk that declares {unpacked}"
        )));
    }
    let packed = chunk.packed.len() as u64;
    let ratio = limits.chunk_ratio_max;
    if unpacked > SMALL_BYTES && unpacked / packed.max(1) > ratio {
        return Err(Bad::Damaged(format!(
            "expected at most {ratio} bytes of each packed one (chunk_ratio_max), got {unpacked} of {packed}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn chunk<'a>(compression: &'a str, unpacked: &[u8], packed: &'a [u8]) -> Chunk<'a> {
        Chunk {
            start_time: 0,
            end_time: 0,
            unpacked_bytes: unpacked.len() as u64,
            checksum: crc32fast::hash(unpacked),
            compression,
            packed_bytes: packed.len() as u64,
            packed,
        }
    }

    fn packed(bytes: &[u8]) -> [(&'static str, Vec<u8>); 3] {
        let mut lz4 = lz4::EncoderBuilder::new().build(Vec::new()).unwrap();
        lz4.write_all(bytes).unwrap();
        [
            ("", bytes.to_vec()),
            ("zstd", zstd::encode_all(bytes, 0).unwrap()),
            ("lz4", lz4.finish().0),
        ]
    }

    #[test]
    fn what_was_packed_comes_back_and_no_byte_flips_unseen() {
        let bytes: Vec<u8> = (0..2000_u32).map(|k| (k * k / 7) as u8).collect();
        let mut unpacker = Unpacker::default();
        for (compression, packed) in packed(&bytes) {
            let whole = chunk(compression, &bytes, &packed);
            let limits = Limits::default();
            assert_eq!(unpacker.unpack(&whole, &limits), Ok(bytes.as_slice()));
            for at in 0..packed.len() {
                let mut flipped = packed.clone();
                flipped[at] ^= 0x20;
                let flipped = chunk(compression, &bytes, &flipped);
                // A bit of the packed form that means nothing may flip: the bytes are the same then.
                if let Ok(unpacked) = unpacker.unpack(&flipped, &limits) {
                    assert_eq!(unpacked, bytes);
                }
            }
        }
    }

    #[test]
    fn a_size_that_is_not_so_is_refused() {
        let zeros = vec![0; 32 << 20];
        let mut unpacker = Unpacker::default();
        for (compression, packed) in packed(&zeros).into_iter().skip(1) {
            let limits = Limits::default();
            let bomb = chunk(compression, &zeros, &packed);
            let ratio = zeros.len() / packed.len() > limits.chunk_ratio_max as usize;
            assert_eq!(unpacker.unpack(&bomb, &limits).is_err(), ratio);
            for claimed in [10 << 30, 1 << 20, (32 << 20) - 1, (32 << 20) + 1] {
                let liar = Chunk {
                    unpacked_bytes: claimed,
                    ..bomb
                };
                let bad = unpacker.unpack(&liar, &limits).unwrap_err();
                assert!(matches!(bad, Bad::Damaged(_)), "{claimed}: {bad:?}");
            }
        }
        let none = chunk("gzip", &[], &[]);
        assert!(unpacker.unpack(&none, &Limits::default()).is_err());
    }
}
