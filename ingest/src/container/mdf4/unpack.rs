//! Unpacking blocks (`##DZ`): sizes are verified before anything of a block is believed.

use std::io::Read as _;

use crate::limits::Limits;

/// Blocks up to this size may be packed as well as they can be.
const SMALL_BYTES: u64 = 16 << 20;

/// What a packed block says of itself, behind its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packed {
    method: u8,
    /// Bytes of a row, where the rows were transposed before they were packed.
    row_bytes: usize,
    pub(super) unpacked_bytes: u64,
    pub(super) packed_bytes: u64,
}

impl Packed {
    /// Bytes of the description.
    pub(super) const BYTES: u64 = 24;

    /// Reads the description. The error says what it asks for that is not allowed.
    pub(super) fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, String> {
        let bytes = bytes
            .first_chunk::<24>()
            .ok_or("expected the sizes of a packed block, got its end")?;
        let packed = Self {
            method: bytes[2],
            row_bytes: super::blocks::number(&bytes[4..8]) as usize,
            unpacked_bytes: super::blocks::number(&bytes[8..]),
            packed_bytes: super::blocks::number(&bytes[16..]),
        };
        let (max, ratio) = (limits.chunk_bytes_max, limits.chunk_ratio_max);
        let (unpacked, actual) = (packed.unpacked_bytes, packed.packed_bytes);
        if unpacked > max || actual > max {
            return Err(format!(
                "expected at most {max} bytes (chunk_bytes_max), got a block of {actual} that declares {unpacked}"
            ));
        }
        if unpacked > SMALL_BYTES && unpacked / actual.max(1) > ratio {
            return Err(format!(
                "expected at most {ratio} bytes of each packed one (chunk_ratio_max), got {unpacked} of {actual}"
            ));
        }
        Ok(packed)
    }

    /// Unpacks the block behind other bytes. Where it fails, those are left as they were.
    pub(super) fn unpack(&self, packed: &[u8], into: &mut Vec<u8>) -> Result<(), String> {
        let start = into.len();
        let done = self.unpacked(packed, into);
        let count = into.len() - start;
        let done = done.and_then(|()| {
            let is_whole = count as u64 == self.unpacked_bytes;
            is_whole.then_some(()).ok_or_else(|| {
                format!(
                    "expected {} unpacked bytes, got another number",
                    self.unpacked_bytes
                )
            })
        });
        if done.is_err() {
            into.truncate(start);
            return done;
        }
        if matches!(self.method, 1 | 3 | 5) {
            turn_back(&mut into[start..], self.row_bytes);
        }
        Ok(())
    }

    fn unpacked(&self, packed: &[u8], into: &mut Vec<u8>) -> Result<(), String> {
        // One byte more than declared shows that there is more.
        let max = self.unpacked_bytes + 1;
        let failed = |error: std::io::Error| format!("cannot unpack the block: {error}");
        let read = match self.method {
            0 | 1 => flate2::read::ZlibDecoder::new(packed)
                .take(max)
                .read_to_end(into),
            2 | 3 => zstd::Decoder::new(packed)
                .map_err(failed)?
                .take(max)
                .read_to_end(into),
            4 | 5 => lz4::Decoder::new(packed)
                .map_err(failed)?
                .take(max)
                .read_to_end(into),
            other => {
                return Err(format!(
                    "expected a block packed by deflate, zstd or lz4, got method {other}"
                ));
            }
        };
        read.map(drop).map_err(failed)
    }
}

/// Undoes the transposition of rows: the first bytes of all rows lie together, then the second ones. What makes no row lies behind.
fn turn_back(bytes: &mut [u8], row_bytes: usize) {
    if row_bytes < 2 {
        return;
    }
    let rows = bytes.len() / row_bytes;
    let columns = bytes[..rows * row_bytes].to_vec();
    for (column, values) in columns.chunks_exact(rows.max(1)).enumerate() {
        for (row, value) in values.iter().enumerate() {
            bytes[row * row_bytes + column] = *value;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn deflated(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn described(method: u8, row_bytes: u32, unpacked: u64, packed: u64) -> Result<Packed, String> {
        let mut bytes = vec![b'D', b'T', method, 0];
        bytes.extend(row_bytes.to_le_bytes());
        bytes.extend(unpacked.to_le_bytes());
        bytes.extend(packed.to_le_bytes());
        Packed::parse(&bytes, &Limits::default())
    }

    #[test]
    fn rows_are_turned_back() {
        // Three rows of two bytes, and one byte behind them.
        let packed = deflated(&[1, 3, 5, 2, 4, 6, 7]);
        let block = described(1, 2, 7, packed.len() as u64).unwrap();
        let mut bytes = vec![9];
        block.unpack(&packed, &mut bytes).unwrap();
        assert_eq!(bytes, [9, 1, 2, 3, 4, 5, 6, 7]);
        for row_bytes in [0, 1, 8, u32::MAX] {
            let block = described(1, row_bytes, 7, packed.len() as u64).unwrap();
            let mut bytes = Vec::new();
            block.unpack(&packed, &mut bytes).unwrap();
            assert_eq!(bytes, [1, 3, 5, 2, 4, 6, 7]);
        }
    }

    #[test]
    fn every_method_is_bounded_by_what_is_declared() {
        let plain = vec![0; 32 << 20];
        let mut lz4 = lz4::EncoderBuilder::new().build(Vec::new()).unwrap();
        lz4.write_all(&plain).unwrap();
        for (method, packed) in [
            (0, deflated(&plain)),
            (2, zstd::encode_all(plain.as_slice(), 0).unwrap()),
            (4, lz4.finish().0),
        ] {
            let declared = |unpacked| described(method, 0, unpacked, packed.len() as u64);
            let is_bomb = plain.len() / packed.len() > 1000;
            assert_eq!(declared(32 << 20).is_err(), is_bomb, "{method}");
            assert!(declared(1 << 40).is_err());
            let mut bytes = vec![9];
            let block = declared(1 << 20).unwrap();
            assert!(block.unpack(&packed, &mut bytes).is_err());
            assert!(
                block
                    .unpack(&packed[..packed.len() / 2], &mut bytes)
                    .is_err()
            );
            assert_eq!(bytes, [9]);
        }
        let unknown = described(6, 0, 1, 1).unwrap();
        assert!(unknown.unpack(&[0], &mut Vec::new()).is_err());
    }
}
