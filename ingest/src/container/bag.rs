//! Bags of ROS 1, version 2.0 (<http://wiki.ros.org/Bags/Format/2.0>): records of named fields, messages in chunks.
//!
//! The index at the end of a bag says where its chunks begin and how many messages they have. Where a chunk or the framing is damaged,
//! reading goes on at the next chunk that the index names, and what lay between is counted by it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

use driveloop_lake::ObjectEntry;

use super::input::Input;
use super::{Channel, Damage, MessageType, RawMessage, Visitor};
use crate::blob::Blobs;
use crate::error::{Error, Result};
use crate::limits::Limits;

/// What a bag begins with.
const MAGIC: &[u8] = b"#ROSBAG V2.0\n";
/// Bytes of the fields of a record: stops lengths that are invented. Definitions lie in the data of a record, not in its fields.
const FIELDS_BYTES_MAX: usize = 1 << 20;

/// Kinds of records.
mod op {
    pub(super) const MESSAGE: u8 = 0x02;
    pub(super) const BAG: u8 = 0x03;
    pub(super) const INDEX: u8 = 0x04;
    pub(super) const CHUNK: u8 = 0x05;
    pub(super) const CHUNK_INFO: u8 = 0x06;
    pub(super) const CONNECTION: u8 = 0x07;
}

/// A record that was cut out of bytes.
struct Record<'a> {
    fields: Fields<'a>,
    data: &'a [u8],
    /// Bytes of the whole record.
    length: usize,
}

/// Named fields: a length, the name, `=`, the value; one behind the other.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn get(self, wanted: &str) -> Option<&'a [u8]> {
        let mut rest = self.0;
        while let Some((field, after)) = counted(rest) {
            rest = after;
            let at = field.iter().position(|byte| *byte == b'=')?;
            if &field[..at] == wanted.as_bytes() {
                return Some(&field[at + 1..]);
            }
        }
        None
    }

    fn u32(self, wanted: &str) -> Option<u32> {
        Some(u32::from_le_bytes(self.get(wanted)?.try_into().ok()?))
    }

    fn u64(self, wanted: &str) -> Option<u64> {
        Some(u64::from_le_bytes(self.get(wanted)?.try_into().ok()?))
    }

    fn text(self, wanted: &str) -> Option<&'a str> {
        std::str::from_utf8(self.get(wanted)?).ok()
    }

    fn op(self) -> Option<u8> {
        self.get("op")?.first().copied()
    }

    /// A time of whole seconds and nanoseconds, in nanoseconds.
    fn time_ns(self, wanted: &str) -> Option<u64> {
        let value = self.get(wanted)?;
        let (seconds, nanoseconds) = value.split_first_chunk::<4>()?;
        let nanoseconds: [u8; 4] = nanoseconds.try_into().ok()?;
        let seconds = u64::from(u32::from_le_bytes(*seconds));
        Some(seconds * 1_000_000_000 + u64::from(u32::from_le_bytes(nanoseconds)))
    }
}

/// Bytes behind their length, and what follows them.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

fn record(bytes: &[u8]) -> Option<Record<'_>> {
    let (fields, rest) = counted(bytes)?;
    let (data, left) = counted(rest)?;
    Some(Record {
        fields: Fields(fields),
        data,
        length: bytes.len() - left.len(),
    })
}

/// Reads a bag from its start to its end.
///
/// # Errors
/// When the file does not begin as a bag of version 2.0, the store fails, or the visitor does.
pub(crate) fn scan(
    blobs: &Blobs,
    file: &ObjectEntry,
    limits: &Limits,
    visitor: &mut dyn Visitor,
) -> Result<()> {
    let mut input = Input::start(blobs, file)?;
    let start = input.peek(MAGIC.len())?;
    if start != MAGIC {
        return Err(Error::Format {
            file: file.path.clone(),
            expected: "a bag of ROS 1, version 2.0 (older ones: `rosbag migrate`)".to_owned(),
            actual: format!("`{}`", String::from_utf8_lossy(start).escape_debug()),
        });
    }
    input.consume(MAGIC.len() as u64)?;
    visitor.file(&file.path);
    let mut walk = Walk {
        limits,
        visitor,
        chunks: BTreeMap::new(),
        connections: BTreeMap::new(),
        declared_bytes: 0,
        lost: None,
    };
    while walk.next(&mut input)? {}
    walk.flush();
    // Chunks that the index names and that were never met.
    let missed = std::mem::take(&mut walk.chunks);
    for (at, messages) in missed {
        walk.damage(
            "chunk_damaged",
            at,
            messages,
            "the index names a chunk here, which is not".to_owned(),
        );
    }
    Ok(())
}

struct Walk<'a> {
    limits: &'a Limits,
    visitor: &'a mut dyn Visitor,
    /// Chunks of the index that are still to come: where they begin, and how many messages they have.
    chunks: BTreeMap<u64, u64>,
    /// Numbers of connections, as the visitor has them, and their channels.
    connections: BTreeMap<u32, (u16, Channel)>,
    declared_bytes: u64,
    /// A chunk that was lost; the indexes behind it say how many messages it had.
    lost: Option<Damage>,
}

/// The length of a record's fields and of its data.
struct Head {
    fields: usize,
    data: u64,
}

impl Walk<'_> {
    /// Takes the next record; says whether to go on.
    fn next(&mut self, input: &mut Input<'_>) -> Result<bool> {
        let (at, left) = (input.offset(), input.size() - input.offset());
        if left == 0 {
            return Ok(false);
        }
        let head = match Self::head(input, left)? {
            Ok(head) => head,
            Err(reason) => return self.broken(input, at, reason),
        };
        let length = 8 + head.fields as u64 + head.data;
        let max = self.limits.chunk_bytes_max;
        if length > left {
            let reason = format!("expected a record of {length} bytes, got {left} before the end");
            return self.broken(input, at, reason);
        }
        if length > max {
            let reason =
                format!("expected a record of at most {max} bytes (chunk_bytes_max), got {length}");
            return self.broken(input, at, reason);
        }
        let bytes = input.peek(usize::try_from(length).unwrap_or(usize::MAX))?;
        let Some(record) = record(bytes) else {
            return self.broken(input, at, "expected a record, got other bytes".to_owned());
        };
        let op = record.fields.op();
        if !matches!(op, Some(op::INDEX)) {
            self.flush();
        }
        match op {
            Some(op::BAG) => {
                let index = record.fields.u64("index_pos");
                input.consume(length)?;
                if let Some(index) = index.filter(|index| (1..input.size()).contains(index)) {
                    let here = input.offset();
                    self.index(input, index)?;
                    input.seek(here)?;
                }
                return Ok(true);
            }
            Some(op::CHUNK) => self.chunk(&record, at)?,
            Some(op::CONNECTION) => self.connection(&record, at),
            Some(op::MESSAGE) => self.message(&record, at)?,
            Some(op::INDEX) => {
                if let Some(lost) = &mut self.lost {
                    lost.lost += u64::from(record.fields.u32("count").unwrap_or_default());
                }
            }
            Some(op::CHUNK_INFO) => {}
            _ => self.damage(
                "record_damaged",
                at,
                0,
                "expected a record of a known kind".to_owned(),
            ),
        }
        input.consume(length)?;
        Ok(true)
    }

    fn head(input: &mut Input<'_>, left: u64) -> Result<Result<Head, String>> {
        let start = input.peek(4)?;
        let Some(fields) = start.first_chunk::<4>() else {
            return Ok(Err(format!(
                "expected a record, got {left} bytes before the end"
            )));
        };
        let fields = u32::from_le_bytes(*fields) as usize;
        if fields > FIELDS_BYTES_MAX || fields as u64 + 8 > left {
            return Ok(Err(format!(
                "expected the fields of a record, got a length of {fields} bytes"
            )));
        }
        let head = input.peek(8 + fields)?;
        let Some(data) = head.last_chunk::<4>() else {
            return Ok(Err("expected the length of a record's data".to_owned()));
        };
        let data = u64::from(u32::from_le_bytes(*data));
        Ok(Ok(Head { fields, data }))
    }

    /// Reads connections and chunks from the index at the end of the bag.
    fn index(&mut self, input: &mut Input<'_>, at: u64) -> Result<()> {
        let bytes = input.size() - at;
        if bytes > self.limits.summary_bytes_max {
            return Ok(());
        }
        input.seek(at)?;
        let index = input
            .peek(usize::try_from(bytes).unwrap_or(usize::MAX))?
            .to_vec();
        let mut rest = index.as_slice();
        while let Some(record) = record(rest) {
            rest = &rest[record.length..];
            match record.fields.op() {
                Some(op::CONNECTION) => self.connection(&record, at),
                Some(op::CHUNK_INFO) => {
                    // Pairs of connection and count, of four bytes each.
                    let counts = record.data.chunks_exact(8);
                    let count = |pair: &[u8]| {
                        pair.last_chunk()
                            .map_or(0, |count| u32::from_le_bytes(*count))
                    };
                    let messages = counts.map(|pair| u64::from(count(pair))).sum();
                    if let Some(chunk) = record.fields.u64("chunk_pos") {
                        self.chunks.insert(chunk, messages);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn chunk(&mut self, record: &Record<'_>, at: u64) -> Result<()> {
        self.chunks.remove(&at);
        let unpacked = match unpacked(record, self.limits) {
            Ok(unpacked) => unpacked,
            Err(reason) => {
                self.lost = Some(Damage {
                    check: "chunk_damaged",
                    offset: at,
                    lost: 0,
                    reason,
                });
                return Ok(());
            }
        };
        let mut rest = unpacked.as_slice();
        while !rest.is_empty() {
            let Some(inner) = self::record(rest) else {
                self.damage(
                    "chunk_damaged",
                    at,
                    1,
                    "expected a record within the chunk".to_owned(),
                );
                return Ok(());
            };
            rest = &rest[inner.length..];
            match inner.fields.op() {
                Some(op::CONNECTION) => self.connection(&inner, at),
                Some(op::MESSAGE) => self.message(&inner, at)?,
                _ => self.damage(
                    "record_damaged",
                    at,
                    0,
                    "expected a message or connection".to_owned(),
                ),
            }
        }
        Ok(())
    }

    /// A topic: its name is among the fields, its type and definition among those in the data.
    fn connection(&mut self, record: &Record<'_>, at: u64) {
        let about = Fields(record.data);
        let parts = (
            record.fields.u32("conn"),
            record.fields.text("topic"),
            about.text("type"),
        );
        let (Some(id), Some(topic), Some(kind)) = parts else {
            self.damage(
                "declaration",
                at,
                0,
                "expected a connection with its topic and type".to_owned(),
            );
            return;
        };
        if self.connections.contains_key(&id) {
            return;
        }
        self.declared_bytes += record.length as u64;
        let (max, longest) = (
            self.limits.declarations_bytes_max,
            topic.len().max(kind.len()),
        );
        let is_bounded = self.declared_bytes <= max && longest <= self.limits.name_bytes_max;
        let number = u16::try_from(self.connections.len())
            .ok()
            .filter(|_| is_bounded);
        let Some(number) = number else {
            let reason = "expected fewer connections, or shorter names (declarations_bytes_max, name_bytes_max)";
            self.damage("declaration", at, 0, reason.to_owned());
            return;
        };
        let definition = about.get("message_definition").unwrap_or_default();
        let channel = Channel {
            topic: topic.to_owned(),
            message_encoding: "ros1".to_owned(),
            schema: Arc::new(MessageType {
                name: kind.to_owned(),
                encoding: "ros1msg".to_owned(),
                text: definition.to_vec(),
            }),
        };
        self.visitor.channel(number, &channel);
        self.connections.insert(id, (number, channel));
    }

    fn message(&mut self, record: &Record<'_>, at: u64) -> Result<()> {
        let parts = record.fields.u32("conn").zip(record.fields.time_ns("time"));
        let Some((id, log_time)) = parts else {
            self.damage(
                "record_damaged",
                at,
                1,
                "expected a message with connection and time".to_owned(),
            );
            return Ok(());
        };
        let Some((number, _)) = self.connections.get(&id) else {
            let reason = format!("expected a connection {id}, got none before its message");
            self.damage("unknown_channel", at, 1, reason);
            return Ok(());
        };
        self.visitor.message(&RawMessage {
            channel_id: *number,
            log_time,
            data: record.data,
        })
    }

    /// The framing is broken: reports it, and goes on at the next chunk of the index.
    fn broken(&mut self, input: &mut Input<'_>, at: u64, reason: String) -> Result<bool> {
        self.flush();
        let next = self.chunks.range(at + 1..).next().map(|(next, _)| *next);
        let next = next.filter(|next| *next < input.size());
        let mut lost = self.chunks.remove(&at).unwrap_or(u64::from(next.is_none()));
        if next.is_some() && self.chunks.is_empty() {
            lost = lost.max(1);
        }
        let check = if next.is_some() {
            "record_damaged"
        } else {
            "truncated"
        };
        self.damage(check, at, lost, reason);
        match next {
            Some(next) => {
                input.seek(next)?;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn flush(&mut self) {
        if let Some(lost) = self.lost.take() {
            self.visitor.damage(lost);
        }
    }

    fn damage(&mut self, check: &'static str, offset: u64, lost: u64, reason: String) {
        self.visitor.damage(Damage {
            check,
            offset,
            lost,
            reason,
        });
    }
}

/// The bytes of a chunk, of the size that it says; that and `chunk_ratio_max` bound what is unpacked.
fn unpacked(record: &Record<'_>, limits: &Limits) -> Result<Vec<u8>, String> {
    let size = u64::from(
        record
            .fields
            .u32("size")
            .ok_or("expected the size of a chunk, got none")?,
    );
    let max = limits.chunk_bytes_max;
    if size > max {
        return Err(format!(
            "expected at most {max} unpacked bytes (chunk_bytes_max), got {size}"
        ));
    }
    let mut unpacked = Vec::new();
    let read = match record.fields.text("compression") {
        Some("none") => record.data.take(size + 1).read_to_end(&mut unpacked),
        Some("bz2") => {
            let bytes = bzip2::read::BzDecoder::new(record.data);
            bytes.take(size + 1).read_to_end(&mut unpacked)
        }
        Some("lz4") => lz4::Decoder::new(record.data)
            .and_then(|bytes| bytes.take(size + 1).read_to_end(&mut unpacked)),
        other => {
            return Err(format!(
                "expected the compression none, bz2 or lz4, got {other:?}"
            ));
        }
    };
    read.map_err(|error| format!("cannot unpack the chunk: {error}"))?;
    if unpacked.len() as u64 != size {
        return Err(format!(
            "expected {size} unpacked bytes, got {}",
            unpacked.len()
        ));
    }
    Ok(unpacked)
}
