//! The records of an MCAP file, with what is damaged set aside.
//!
//! The file is read record by record, a chunk at a time. A chunk's messages are given on only when the whole chunk was unpacked and its checksum held.
//! Where the framing itself is broken, reading goes on at the next chunk that the file's summary names.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::ops::Range;

use driveloop_lake::ObjectEntry;
use mcap::records::{MessageHeader, Record, op};
use mcap::sans_io::{
    LinearReadEvent, LinearReader, LinearReaderOptions, SummaryReadEvent, SummaryReader,
    SummaryReaderOptions,
};
use mcap::{McapError, Summary, parse_record};

use crate::blob::{BlobReader, Blobs};
use crate::error::{Error, Result};
use crate::limits::Limits;

/// Opcode and length before each record.
const RECORD_HEAD_BYTES: u64 = 9;

/// A topic as the file declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Channel {
    pub(super) topic: String,
    pub(super) message_encoding: String,
    /// Name of the message type; empty where the file has no schema for it.
    pub(super) schema: String,
    pub(super) schema_encoding: String,
    pub(super) schema_text: Vec<u8>,
}

/// Something of the file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Damage {
    /// Name of the check: `chunk_checksum`, `chunk_damaged`, `truncated`, `record_damaged`, `data_checksum`, `unknown_channel`.
    pub(super) check: &'static str,
    /// Where, in bytes from the start of the file.
    pub(super) offset: u64,
    /// Messages that are lost by it, as far as the file says how many; at least.
    pub(super) lost: u64,
    pub(super) reason: String,
}

/// Takes what a scan finds.
pub(super) trait Visitor {
    fn message(
        &mut self,
        id: u16,
        channel: &Channel,
        header: &MessageHeader,
        data: &[u8],
    ) -> Result<()>;
    fn metadata(&mut self, name: &str, values: &BTreeMap<String, String>);
    fn attachment(&mut self, name: &str);
    fn damage(&mut self, damage: Damage);
}

/// Reads the file from start to end.
///
/// # Errors
/// When the file does not begin as an MCAP file, the store fails, or the visitor does.
pub(super) fn scan(
    blobs: &Blobs,
    file: &ObjectEntry,
    limits: &Limits,
    visitor: &mut dyn Visitor,
) -> Result<()> {
    check_magic(blobs, file)?;
    let summary = read_summary(blobs, file, limits)?;
    let mut scan = Scan {
        limits,
        visitor,
        schemas: BTreeMap::new(),
        channels: BTreeMap::new(),
        lost: None,
        damaged: false,
        after_data: false,
    };
    if let Some(summary) = &summary {
        scan.channels = channels(summary);
    }
    let mut chunks: Vec<u64> = summary
        .iter()
        .flat_map(|summary| &summary.chunk_indexes)
        .map(|index| index.chunk_start_offset)
        .collect();
    chunks.sort_unstable();
    let mut frames = Frames::start(blobs, file, limits);
    loop {
        match frames.next()? {
            None => break,
            Some(Ok(frame)) => {
                if !scan.frame(frame)? {
                    break;
                }
            }
            Some(Err((error, offset))) => {
                scan.broken(&error, offset);
                let next = chunks
                    .iter()
                    .find(|start| **start > offset && **start < file.size);
                let Some(next) = next.filter(|_| !scan.after_data) else {
                    break;
                };
                frames = Frames::at(blobs, file, limits, *next);
            }
        }
    }
    scan.flush();
    Ok(())
}

/// The metadata records of the file, by way of its summary where that is whole, else by reading all of it.
pub(super) fn metadata(
    blobs: &Blobs,
    file: &ObjectEntry,
    limits: &Limits,
    wanted: &str,
) -> Result<BTreeMap<String, String>> {
    check_magic(blobs, file)?;
    if let Some(summary) = read_summary(blobs, file, limits)? {
        let Some(index) = summary
            .metadata_indexes
            .iter()
            .find(|index| index.name == wanted)
        else {
            return Ok(BTreeMap::new());
        };
        if index.length <= limits.chunk_bytes_max {
            let bytes = blobs.range(
                file,
                index.offset,
                index.offset.saturating_add(index.length),
            )?;
            let body = bytes.get(RECORD_HEAD_BYTES as usize..).unwrap_or_default();
            if let Ok(Record::Metadata(record)) = parse_record(op::METADATA, body) {
                return Ok(record.metadata);
            }
        }
    }
    let mut frames = Frames::start(blobs, file, limits);
    while let Some(Ok(frame)) = frames.next()? {
        if frame.opcode == op::METADATA
            && let Ok(Record::Metadata(record)) = parse_record(frame.opcode, &frame.body)
            && record.name == wanted
        {
            return Ok(record.metadata);
        }
    }
    Ok(BTreeMap::new())
}

fn check_magic(blobs: &Blobs, file: &ObjectEntry) -> Result<()> {
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
fn read_summary(blobs: &Blobs, file: &ObjectEntry, limits: &Limits) -> Result<Option<Summary>> {
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

fn channels(summary: &Summary) -> BTreeMap<u16, Channel> {
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
struct Frame {
    opcode: u8,
    offset: u64,
    body: Vec<u8>,
}

/// The records of the file in order.
struct Frames<'a> {
    reader: LinearReader,
    input: BlobReader<'a>,
    offset: u64,
}

impl<'a> Frames<'a> {
    fn start(blobs: &'a Blobs, file: &'a ObjectEntry, limits: &Limits) -> Self {
        let options = Self::options(file, limits).with_validate_data_section_crc(true);
        let reader = LinearReader::new_with_options(options);
        Self {
            reader,
            input: blobs.reader(file, 0),
            offset: mcap::MAGIC.len() as u64,
        }
    }

    fn at(blobs: &'a Blobs, file: &'a ObjectEntry, limits: &Limits, offset: u64) -> Self {
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
    fn next(&mut self) -> Result<Option<Result<Frame, (McapError, u64)>>> {
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

struct Scan<'a> {
    limits: &'a Limits,
    visitor: &'a mut dyn Visitor,
    schemas: BTreeMap<u16, (String, String, Vec<u8>)>,
    channels: BTreeMap<u16, Channel>,
    /// A chunk that was lost; the message indexes behind it say how many messages it had.
    lost: Option<Damage>,
    /// Whether any damage was met.
    damaged: bool,
    /// Whether all messages are behind.
    after_data: bool,
}

impl Scan<'_> {
    /// Takes a record; says whether to go on.
    fn frame(&mut self, frame: Frame) -> Result<bool> {
        if frame.opcode == op::MESSAGE_INDEX {
            if let (Some(damage), Ok(Record::MessageIndex(index))) =
                (&mut self.lost, parse_record(frame.opcode, &frame.body))
            {
                damage.lost += index.records.len() as u64;
            }
            return Ok(true);
        }
        self.flush();
        match frame.opcode {
            op::CHUNK => self.chunk(&frame)?,
            op::DATA_END => self.after_data = true,
            opcode => self.record(opcode, &frame.body, frame.offset)?,
        }
        Ok(true)
    }

    fn record(&mut self, opcode: u8, body: &[u8], offset: u64) -> Result<()> {
        match parse_record(opcode, body) {
            Ok(Record::Schema { header, data }) => {
                self.schemas
                    .insert(header.id, (header.name, header.encoding, data.into_owned()));
            }
            Ok(Record::Channel(record)) => {
                let (schema, schema_encoding, schema_text) = self
                    .schemas
                    .get(&record.schema_id)
                    .cloned()
                    .unwrap_or_default();
                let message_encoding = record.message_encoding;
                let known = self.channels.contains_key(&record.id) && schema.is_empty();
                // A channel whose schema was lost keeps the one of the summary.
                if !known {
                    let channel = Channel {
                        topic: record.topic,
                        message_encoding,
                        schema,
                        schema_encoding,
                        schema_text,
                    };
                    self.channels.insert(record.id, channel);
                }
            }
            Ok(Record::Message { header, data }) => match self.channels.get(&header.channel_id) {
                Some(channel) => {
                    self.visitor
                        .message(header.channel_id, channel, &header, &data)?
                }
                None => {
                    let reason = format!(
                        "expected a channel {}, got none before its message",
                        header.channel_id
                    );
                    self.damage(Damage {
                        check: "unknown_channel",
                        offset,
                        lost: 1,
                        reason,
                    });
                }
            },
            Ok(Record::Metadata(record)) => self.visitor.metadata(&record.name, &record.metadata),
            Ok(Record::Attachment { header, .. }) => self.visitor.attachment(&header.name),
            Ok(_) => {}
            Err(error) => {
                let lost = u64::from(opcode == op::MESSAGE);
                self.damage(Damage {
                    check: "record_damaged",
                    offset,
                    lost,
                    reason: error.to_string(),
                });
            }
        }
        Ok(())
    }

    /// Unpacks a chunk; gives on its records where all of it is sound.
    fn chunk(&mut self, frame: &Frame) -> Result<()> {
        match unpack(&frame.body, self.limits) {
            Ok(Unpacked { bytes, records }) => {
                for (opcode, range) in records {
                    self.record(opcode, &bytes[range], frame.offset)?;
                }
            }
            Err(error) => {
                let check = if matches!(error, McapError::BadChunkCrc { .. }) {
                    "chunk_checksum"
                } else {
                    "chunk_damaged"
                };
                self.lost = Some(Damage {
                    check,
                    offset: frame.offset,
                    lost: 0,
                    reason: error.to_string(),
                });
            }
        }
        Ok(())
    }

    /// The file's own framing is broken, or it ends too early.
    fn broken(&mut self, error: &McapError, offset: u64) {
        self.flush();
        let check = match error {
            McapError::UnexpectedEof => "truncated",
            McapError::BadDataCrc { .. } => "data_checksum",
            _ => "record_damaged",
        };
        // The checksum of the whole says nothing new about a file with a damaged chunk, and comes after all messages.
        if check == "data_checksum" {
            self.after_data = true;
            if self.damaged {
                return;
            }
        }
        // A file that ends behind its messages has lost none of them.
        let lost = u64::from(!self.after_data);
        self.damage(Damage {
            check,
            offset,
            lost,
            reason: error.to_string(),
        });
    }

    fn damage(&mut self, damage: Damage) {
        self.damaged = true;
        self.visitor.damage(damage);
    }

    fn flush(&mut self) {
        if let Some(mut damage) = self.lost.take() {
            damage.lost = damage.lost.max(1);
            self.damage(damage);
        }
    }
}

/// The records of a chunk, one behind the other.
struct Unpacked {
    bytes: Vec<u8>,
    records: Vec<(u8, Range<usize>)>,
}

fn unpack(body: &[u8], limits: &Limits) -> Result<Unpacked, McapError> {
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
