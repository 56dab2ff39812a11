//! The framing of an MCAP file: its records in order, its summary, and the records within a chunk.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::ops::Range;

use driveloop_lake::ObjectEntry;
use mcap::records::op;
use mcap::sans_io::{
    LinearReadEvent, LinearReader, LinearReaderOptions, SummaryReadEvent, SummaryReader,
    SummaryReaderOptions,
};
use mcap::{McapError, Summary};

use super::scan::Channel;
use crate::blob::{BlobReader, Blobs};
use crate::error::{Error, Result};
use crate::limits::Limits;

/// Opcode and length before each record.
pub(super) const RECORD_HEAD_BYTES: u64 = 9;

pub(super) fn check_magic(blobs: &Blobs, file: &ObjectEntry) -> Result<()> {
    let head = blobs.range(file, 0, mcap::MAGIC.len() as u64)?;
    if head == mcap::MAGIC {
        return Ok(());
    }
    let actual = if head.is_empty() {
        "an empty file".to_owned()
    } else {
        format!("the bytes {}", hex::encode(&head))
    };
    Err(Error::Format {
        file: file.path.clone(),
        expected: "an MCAP file (magic 894d434150300d0a)".to_owned(),
        actual,
    })
}

/// The summary at the end of the file; `None` where there is none, or it is damaged.
pub(super) fn read_summary(
    blobs: &Blobs,
    file: &ObjectEntry,
    limits: &Limits,
) -> Result<Option<Summary>> {
    let options = SummaryReaderOptions::default()
        .with_file_size(file.size)
        .with_record_length_limit(record_limit(file, limits));
    let mut reader = SummaryReader::new_with_options(options);
    let mut position: u64 = 0;
    while let Some(event) = reader.next_event() {
        match event {
            Ok(SummaryReadEvent::ReadRequest(count)) => {
                let bytes = blobs.range(file, position, position.saturating_add(count as u64))?;
                reader.insert(bytes.len())[..bytes.len()].copy_from_slice(&bytes);
                reader.notify_read(bytes.len());
                position += bytes.len() as u64;
            }
            Ok(SummaryReadEvent::SeekRequest(to)) => {
                position = match to {
                    std::io::SeekFrom::Start(at) => at,
                    std::io::SeekFrom::End(by) => file.size.saturating_add_signed(by),
                    std::io::SeekFrom::Current(by) => position.saturating_add_signed(by),
                };
                reader.notify_seeked(position);
            }
            Err(_) => return Ok(None),
        }
    }
    Ok(reader.finish())
}

/// No record is longer than the file, so that an invented length reserves no memory.
fn record_limit(file: &ObjectEntry, limits: &Limits) -> usize {
    limits.chunk_bytes_max.min(file.size) as usize
}

pub(super) fn channels(summary: &Summary) -> BTreeMap<u16, Channel> {
    let channel = |channel: &mcap::Channel<'_>| Channel {
        topic: channel.topic.clone(),
        message_encoding: channel.message_encoding.clone(),
        schema: channel
            .schema
            .as_ref()
            .map(|schema| schema.name.clone())
            .unwrap_or_default(),
        schema_encoding: channel
            .schema
            .as_ref()
            .map(|schema| schema.encoding.clone())
            .unwrap_or_default(),
        schema_text: channel
            .schema
            .as_ref()
            .map(|schema| schema.data.to_vec())
            .unwrap_or_default(),
    };
    let ids: std::collections::BTreeSet<u16> = summary.channels.keys().copied().collect();
    ids.into_iter()
        .filter_map(|id| Some((id, channel(summary.channels.get(&id)?))))
        .collect()
}

/// A record of the file itself; a chunk is one.
pub(super) struct Frame {
    pub(super) opcode: u8,
    pub(super) offset: u64,
    pub(super) body: Vec<u8>,
}

/// The records of the file in order.
pub(super) struct Frames<'a> {
    reader: LinearReader,
    input: BlobReader<'a>,
    offset: u64,
}

impl<'a> Frames<'a> {
    pub(super) fn start(blobs: &'a Blobs, file: &'a ObjectEntry, limits: &Limits) -> Self {
        let options = Self::options(file, limits).with_validate_data_section_crc(true);
        let reader = LinearReader::new_with_options(options);
        Self {
            reader,
            input: blobs.reader(file, 0),
            offset: mcap::MAGIC.len() as u64,
        }
    }

    pub(super) fn at(
        blobs: &'a Blobs,
        file: &'a ObjectEntry,
        limits: &Limits,
        offset: u64,
    ) -> Self {
        let options = Self::options(file, limits).with_skip_start_magic(true);
        Self {
            reader: LinearReader::new_with_options(options),
            input: blobs.reader(file, offset),
            offset,
        }
    }

    fn options(file: &ObjectEntry, limits: &Limits) -> LinearReaderOptions {
        LinearReaderOptions::default()
            .with_emit_chunks(true)
            .with_record_length_limit(record_limit(file, limits))
    }

    /// The next record; or what is wrong, and where. The outer error is the store's.
    pub(super) fn next(&mut self) -> Result<Option<Result<Frame, (McapError, u64)>>> {
        loop {
            let count = match self.reader.next_event() {
                None => return Ok(None),
                Some(Err(error)) => return Ok(Some(Err((error, self.offset)))),
                Some(Ok(LinearReadEvent::Record { data, opcode })) => {
                    let (offset, body) = (self.offset, data.to_vec());
                    self.offset += RECORD_HEAD_BYTES + body.len() as u64;
                    return Ok(Some(Ok(Frame {
                        opcode,
                        offset,
                        body,
                    })));
                }
                Some(Ok(LinearReadEvent::ReadRequest(count))) => count,
            };
            let read = self.input.read(self.reader.insert(count))?;
            self.reader.notify_read(read);
        }
    }
}

/// The records of a chunk, one behind the other.
pub(super) struct Unpacked {
    pub(super) bytes: Vec<u8>,
    pub(super) records: Vec<(u8, Range<usize>)>,
}

pub(super) fn unpack(body: &[u8], limits: &Limits) -> Result<Unpacked, McapError> {
    let options = LinearReaderOptions::default()
        .with_skip_start_magic(true)
        .with_skip_end_magic(true)
        .with_prevalidate_chunk_crcs(true)
        .with_record_length_limit(limits.chunk_bytes_max as usize);
    let mut reader = LinearReader::new_with_options(options);
    let mut head = vec![op::CHUNK];
    head.extend((body.len() as u64).to_le_bytes());
    let mut input = head.as_slice().chain(body);
    let mut unpacked = Unpacked {
        bytes: Vec::new(),
        records: Vec::new(),
    };
    while let Some(event) = reader.next_event() {
        match event? {
            LinearReadEvent::ReadRequest(count) => {
                let read = input.read(reader.insert(count))?;
                reader.notify_read(read);
            }
            LinearReadEvent::Record { data, opcode } => {
                let start = unpacked.bytes.len();
                unpacked.bytes.extend_from_slice(data);
                unpacked.records.push((opcode, start..unpacked.bytes.len()));
                // Without a checksum the unpacked size is only bounded here.
                if unpacked.bytes.len() as u64 > limits.chunk_bytes_max {
                    return Err(McapError::ChunkTooLarge(unpacked.bytes.len() as u64));
                }
            }
        }
    }
    Ok(unpacked)
}
