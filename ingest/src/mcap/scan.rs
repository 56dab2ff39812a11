//! The records of an MCAP file, with what is damaged set aside.
//!
//! The file is read record by record, a chunk at a time.
//! A chunk's messages are given on only when the whole chunk was unpacked and its checksum held.
//! Where the framing itself is broken, reading goes on at the next chunk that the file's summary names.

use std::collections::BTreeMap;

use driveloop_lake::ObjectEntry;
use mcap::records::{MessageHeader, Record, op};
use mcap::{McapError, parse_record};

use super::frames::{
    Frame, Frames, RECORD_HEAD_BYTES, Unpacked, channels, check_magic, read_summary, unpack,
};
use crate::blob::Blobs;
use crate::error::Result;
use crate::limits::Limits;

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
            Ok(Record::Message { header, data }) => {
                if let Some(channel) = self.channels.get(&header.channel_id) {
                    self.visitor
                        .message(header.channel_id, channel, &header, &data)?;
                } else {
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
            }
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
