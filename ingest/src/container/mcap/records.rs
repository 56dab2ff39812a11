//! The records of an MCAP file, as far as they are read here; nothing is copied, and nothing is reserved by a length before it was
//! seen to fit (specification: <https://mcap.dev/spec>).

use mcap::records::op;

use crate::container::RawMessage;

/// Opcode and length before each record.
pub(crate) const HEAD_BYTES: usize = 9;
/// The bytes that show whether a chunk begins: its record's head, its times, sizes, checksum, and the name of a compression.
pub(crate) const CHUNK_HEAD_BYTES_MAX: usize = HEAD_BYTES + 40 + COMPRESSION_NAME_BYTES_MAX;
/// The longest name of a compression that can be read here.
const COMPRESSION_NAME_BYTES_MAX: usize = 4;

/// Values of a record, one behind the other; `None` where they end too early.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*bytes)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// Bytes after their count.
    pub(crate) fn counted(&mut self) -> Option<&'a [u8]> {
        let count = self.u32()?;
        self.bytes(count as usize)
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.counted()?).ok()
    }
}

/// The head of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) opcode: u8,
    /// Bytes of the body.
    pub(crate) length: u64,
}

impl Head {
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let (opcode, length) = (fields.u8()?, fields.u64()?);
        Some(Self { opcode, length })
    }

    /// Whether the opcode is one of the specification, or of those that it leaves to others.
    pub(crate) fn is_known(self) -> bool {
        matches!(self.opcode, op::HEADER..=op::DATA_END | 0x80..)
    }
}

/// A chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunk<'a> {
    pub(crate) start_time: u64,
    pub(crate) end_time: u64,
    pub(crate) unpacked_bytes: u64,
    /// CRC-32 of the unpacked bytes; zero where there is none.
    pub(crate) checksum: u32,
    pub(crate) compression: &'a str,
    pub(crate) packed_bytes: u64,
    pub(crate) packed: &'a [u8],
}

impl<'a> Chunk<'a> {
    /// Reads what comes before the packed bytes; of those, what is there.
    fn parse(body: &'a [u8]) -> Option<Self> {
        let mut fields = Fields(body);
        Some(Self {
            start_time: fields.u64()?,
            end_time: fields.u64()?,
            unpacked_bytes: fields.u64()?,
            checksum: fields.u32()?,
            compression: fields.text()?,
            packed_bytes: fields.u64()?,
            packed: fields.0,
        })
    }

    /// A chunk whose sizes agree.
    pub(crate) fn whole(body: &'a [u8]) -> Option<Self> {
        Self::parse(body).filter(|chunk| chunk.packed_bytes == chunk.packed.len() as u64)
    }

    /// Whether a whole chunk seems to begin here, by the agreement of the record's length with the chunk's own, its times and the name of
    /// its compression. `left` is how much of the file there is from here on; the length of the record where it does.
    pub(crate) fn begins(bytes: &'a [u8], left: u64) -> Option<u64> {
        let head = Head::parse(bytes).filter(|head| head.opcode == op::CHUNK)?;
        let fits = head.length.checked_add(HEAD_BYTES as u64)? <= left;
        let chunk = Self::parse(bytes.get(HEAD_BYTES..)?)?;
        let head_bytes = 40 + chunk.compression.len() as u64;
        let agrees = chunk.packed_bytes.checked_add(head_bytes) == Some(head.length)
            && chunk.start_time <= chunk.end_time
            && matches!(chunk.compression, "" | "zstd" | "lz4");
        (fits && agrees).then_some(head.length)
    }
}

/// A schema.
pub(crate) struct Schema<'a> {
    pub(crate) id: u16,
    pub(crate) name: &'a str,
    pub(crate) encoding: &'a str,
    pub(crate) text: &'a [u8],
}

impl<'a> Schema<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut fields = Fields(body);
        Some(Self {
            id: fields.u16()?,
            name: fields.text()?,
            encoding: fields.text()?,
            text: fields.counted()?,
        })
    }
}

/// A channel, without its metadata.
pub(crate) struct ChannelRecord<'a> {
    pub(crate) id: u16,
    pub(crate) schema_id: u16,
    pub(crate) topic: &'a str,
    pub(crate) message_encoding: &'a str,
}

impl<'a> ChannelRecord<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut fields = Fields(body);
        Some(Self {
            id: fields.u16()?,
            schema_id: fields.u16()?,
            topic: fields.text()?,
            message_encoding: fields.text()?,
        })
    }
}

/// A message.
pub(crate) fn message(body: &[u8]) -> Option<RawMessage<'_>> {
    let mut fields = Fields(body);
    let channel_id = fields.u16()?;
    // The sequence number.
    fields.u32()?;
    let log_time = fields.u64()?;
    // The time of publication.
    fields.u64()?;
    let data = fields.0;
    Some(RawMessage {
        channel_id,
        log_time,
        data,
    })
}

/// How many messages an index counts; `None` where its sizes do not agree.
pub(crate) fn message_index_count(body: &[u8]) -> Option<u64> {
    let mut fields = Fields(body);
    fields.u16()?;
    let entries = fields.counted()?;
    (fields.0.is_empty() && entries.len().is_multiple_of(16)).then_some(entries.len() as u64 / 16)
}

/// Name and entries of a metadata record.
pub(crate) fn metadata(body: &[u8]) -> Option<(&str, Vec<(&str, &str)>)> {
    let mut fields = Fields(body);
    let name = fields.text()?;
    let mut entries = Fields(fields.counted()?);
    let mut values = Vec::new();
    while !entries.0.is_empty() {
        values.push((entries.text()?, entries.text()?));
    }
    Some((name, values))
}

/// The name of an attachment, where its checksum holds or it has none.
pub(crate) fn attachment_name(body: &[u8]) -> Option<&str> {
    let (checked, checksum) = body.split_last_chunk::<4>()?;
    let checksum = u32::from_le_bytes(*checksum);
    let mut fields = Fields(checked);
    fields.bytes(16)?;
    let name = fields.text()?;
    (checksum == 0 || checksum == crc32fast::hash(checked)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(compression: &str, packed: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        body.extend(3_u64.to_le_bytes());
        body.extend(5_u64.to_le_bytes());
        body.extend(100_u64.to_le_bytes());
        body.extend(7_u32.to_le_bytes());
        body.extend((compression.len() as u32).to_le_bytes());
        body.extend(compression.as_bytes());
        body.extend((packed.len() as u64).to_le_bytes());
        body.extend(packed);
        let mut record = vec![op::CHUNK];
        record.extend((body.len() as u64).to_le_bytes());
        record.extend(body);
        record
    }

    #[test]
    fn a_chunk_is_known_by_its_sizes() {
        for compression in ["", "lz4", "zstd"] {
            let record = chunk(compression, &[1; 30]);
            let left = record.len() as u64;
            let begins = Chunk::begins(&record[..CHUNK_HEAD_BYTES_MAX], left);
            assert_eq!(begins, Some(left - HEAD_BYTES as u64));
            assert_eq!(Chunk::begins(&record, left - 1), None);
            assert_eq!(Chunk::whole(&record[HEAD_BYTES..]).unwrap().packed, [1; 30]);
            assert_eq!(Chunk::whole(&record[HEAD_BYTES..record.len() - 1]), None);
            let mut flipped = record;
            flipped[1] ^= 1;
            assert_eq!(Chunk::begins(&flipped, left + 1), None);
        }
        let record = chunk("gzip", &[]);
        assert_eq!(Chunk::begins(&record, record.len() as u64), None);
    }

    #[test]
    fn records_cut_anywhere_are_none_and_no_panic() {
        let record = chunk("zstd", &[0; 20]);
        for length in 0..record.len() {
            let cut = &record[..length];
            assert!(Chunk::begins(cut, length as u64).is_none());
            let _ = (Schema::parse(cut).is_some(), attachment_name(cut).is_some());
            let _ = (metadata(cut).is_some(), message_index_count(cut));
        }
        // A length of 4 GiB reserves nothing.
        assert!(metadata(&[0xff; 4]).is_none());
    }
}
