//! The framing of a file: record after record, and where to go on when a record is not one.

use std::collections::BTreeMap;

use mcap::records::op;

use super::chunk::Unpacker;
use super::declarations::Declarations;
use super::records::{
    CHUNK_HEAD_BYTES_MAX, Chunk, Fields, HEAD_BYTES, Head, attachment_name, message_index_count,
    metadata,
};
use super::summary::{Summary, owned};
use crate::container::input::Input;
use crate::container::{Damage, Visitor};
use crate::error::Result;
use crate::limits::Limits;

/// Bytes that are searched at once for the next chunk.
const SEARCH_BYTES: usize = 256 << 10;
/// Entries of the chunk index that are looked up within one record: those that lie are not worth more.
const INDEX_LOOKS_MAX: usize = 16;

/// Whether the length of a record can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// What is within says so too.
    Sure,
    /// Nothing says otherwise.
    Unsure,
    /// What is within says otherwise.
    Wrong,
}

impl Framing {
    fn of(agrees: bool) -> Self {
        if agrees { Self::Sure } else { Self::Wrong }
    }
}

/// A file while it is walked through.
pub(crate) struct Walk<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) visitor: &'a mut dyn Visitor,
    pub(crate) declarations: Declarations,
    /// Start and end of each chunk, as the summary has them.
    chunks: BTreeMap<u64, u64>,
    /// A chunk that was lost; the message indexes behind it say how many messages it had.
    pub(crate) lost: Option<Damage>,
    /// How many messages the log says it has.
    pub(super) message_count: Option<u64>,
    /// Whether any damage was met.
    pub(crate) damaged: bool,
    /// Up to where the file is known to be framed as it was read.
    trusted: u64,
    /// Whether all messages are behind.
    after_data: bool,
    pub(crate) unpacker: Unpacker,
}

impl<'a> Walk<'a> {
    pub(crate) fn start(
        limits: &'a Limits,
        visitor: &'a mut dyn Visitor,
        summary: Summary,
        trusted: u64,
    ) -> Self {
        Self {
            limits,
            visitor,
            declarations: summary.declarations,
            chunks: summary.chunks,
            lost: None,
            message_count: summary.message_count,
            damaged: false,
            trusted,
            after_data: false,
            unpacker: Unpacker::default(),
        }
    }
}

impl Walk<'_> {
    /// Takes the next record; says whether to go on.
    pub(crate) fn next(&mut self, input: &mut Input<'_>) -> Result<bool> {
        let at = input.offset();
        let left = input.size() - at;
        let start = input.peek(CHUNK_HEAD_BYTES_MAX)?;
        if self.after_data && left == mcap::MAGIC.len() as u64 && start == mcap::MAGIC {
            return Ok(false);
        }
        let Some(head) = Head::parse(start) else {
            let reason = if left == 0 {
                "expected a footer, got the end of the file".to_owned()
            } else {
                format!("expected a record, got {left} bytes before the end of the file")
            };
            return self.broken(input, at, "truncated", reason);
        };
        let misframed = match misframed(head, left, self.limits) {
            Some(reason) => Some(reason),
            None => self.index_says_otherwise(input, head, at)?,
        };
        if let Some(reason) = misframed {
            let check = if head.is_known() && head.length > left - HEAD_BYTES as u64 {
                "truncated"
            } else {
                "record_damaged"
            };
            return self.broken(input, at, check, reason);
        }
        let end = at + HEAD_BYTES as u64 + head.length;
        if head.opcode == op::ATTACHMENT && head.length > self.limits.chunk_bytes_max {
            self.visitor
                .attachment("an attachment larger than chunk_bytes_max");
            input.consume(end - at)?;
            return Ok(true);
        }
        if head.opcode == op::DATA_END {
            self.data_end(input, at)?;
        } else {
            let record = input.peek(HEAD_BYTES + head.length as usize)?;
            if record.len() as u64 != end - at {
                let reason = "the file ends before the size that was listed".to_owned();
                return self.broken(input, at, "truncated", reason);
            }
            match self.record(head.opcode, &record[HEAD_BYTES..], at)? {
                Framing::Sure => self.trusted = end,
                Framing::Unsure => {}
                Framing::Wrong => {
                    if let Some(next) = self.resume(input, at)? {
                        input.seek(next)?;
                        self.trusted = next;
                        return Ok(true);
                    }
                }
            }
        }
        input.seek(end)?;
        Ok(true)
    }

    /// What is wrong with a record by the index of the chunks. An index is only believed where a chunk is that it names.
    fn index_says_otherwise(
        &self,
        input: &mut Input<'_>,
        head: Head,
        at: u64,
    ) -> Result<Option<String>> {
        let left = input.size() - at;
        let start = input.peek(CHUNK_HEAD_BYTES_MAX)?;
        if Chunk::begins(start, left).is_some() {
            return Ok(None);
        }
        let opcode = head.opcode;
        if opcode != op::CHUNK && self.chunks.contains_key(&at) {
            let mut as_chunk = start.to_vec();
            as_chunk[0] = op::CHUNK;
            if Chunk::begins(&as_chunk, left).is_some() {
                return Ok(Some(format!(
                    "expected a chunk, got the opcode {opcode:#04x}"
                )));
            }
        }
        let end = at + HEAD_BYTES as u64 + head.length;
        for (chunk, _) in self.chunks.range(at + 1..end).take(INDEX_LOOKS_MAX) {
            input.seek(*chunk)?;
            let left = input.size().saturating_sub(*chunk);
            let is_chunk = Chunk::begins(input.peek(CHUNK_HEAD_BYTES_MAX)?, left).is_some();
            input.seek(at)?;
            if is_chunk {
                return Ok(Some(format!(
                    "expected a record that ends by byte {chunk}, where a chunk begins, got one to byte {end}"
                )));
            }
        }
        Ok(None)
    }

    /// Takes a record; says whether its length can be believed.
    fn record(&mut self, opcode: u8, body: &[u8], at: u64) -> Result<Framing> {
        if opcode == op::MESSAGE_INDEX {
            let count = message_index_count(body);
            if let (Some(damage), Some(count)) = (&mut self.lost, count) {
                damage.lost += count;
            }
            if count.is_none() {
                self.unreadable(opcode, at);
            }
            return Ok(Framing::of(count.is_some()));
        }
        self.flush();
        match opcode {
            op::CHUNK => return self.chunk(body, at),
            op::FOOTER => self.after_data = true,
            // Of a summary that is not believed as a whole: the count says at least what the log once had.
            op::STATISTICS => self.message_count = Fields(body).u64().or(self.message_count),
            op::MESSAGE | op::SCHEMA | op::CHANNEL if !self.after_data => {
                self.inner(opcode, body, at)?;
            }
            op::METADATA => match metadata(body) {
                Some((name, entries)) => self.visitor.metadata(name, owned(entries)),
                None => self.unreadable(opcode, at),
            },
            op::ATTACHMENT => match attachment_name(body) {
                Some(name) => self.visitor.attachment(name),
                None => self.unreadable(opcode, at),
            },
            // A chunk whose opcode was changed.
            _ if Chunk::begins(&as_chunk(body), u64::MAX).is_some() => {
                self.unreadable(opcode, at);
            }
            _ => {}
        }
        Ok(Framing::Unsure)
    }

    fn data_end(&mut self, input: &mut Input<'_>, at: u64) -> Result<()> {
        self.flush();
        self.after_data = true;
        let hashed = input.hashed();
        let mut body = Fields(input.peek(HEAD_BYTES + 4)?);
        body.bytes(HEAD_BYTES);
        let (Some(expected), Some(actual)) = (body.u32().filter(|sum| *sum != 0), hashed) else {
            return Ok(());
        };
        // The checksum of the whole says nothing new about a file with a damaged chunk.
        if expected != actual && !self.damaged {
            let reason =
                format!("expected the checksum {expected:08x} of the data, got {actual:08x}");
            self.damage("data_checksum", at, 0, reason);
        }
        Ok(())
    }

    /// The file's own framing is broken, or it ends too early: reports it and finds where to go on.
    fn broken(
        &mut self,
        input: &mut Input<'_>,
        at: u64,
        check: &'static str,
        reason: String,
    ) -> Result<bool> {
        self.flush();
        let next = if self.after_data {
            None
        } else {
            self.resume(input, at)?
        };
        // A file that ends behind its messages has lost none of them.
        let lost = u64::from(!self.after_data);
        let check = if next.is_some() {
            "record_damaged"
        } else {
            check
        };
        let is_behind_chunk = next.is_some() && next == self.chunks.get(&at).copied();
        if is_behind_chunk {
            // The message indexes there say how many messages are lost.
            self.lose(check, at, reason);
        } else {
            self.damage(check, at, lost, reason);
        }
        let Some(next) = next else { return Ok(false) };
        input.seek(next)?;
        self.trusted = next;
        Ok(true)
    }

    /// Where to go on behind a place where no record can be read: at the next chunk, or at the end of one that begins there, where the
    /// index says how long it is.
    fn resume(&self, input: &mut Input<'_>, at: u64) -> Result<Option<u64>> {
        let size = input.size();
        if let Some(end) = self
            .chunks
            .get(&at)
            .filter(|end| (at + 1..size).contains(end))
        {
            input.seek(*end)?;
            let head = Head::parse(input.peek(HEAD_BYTES)?);
            let room = (size - end).saturating_sub(HEAD_BYTES as u64);
            let fits = |head: Head| head.opcode == op::MESSAGE_INDEX && head.length <= room;
            if head.is_some_and(fits) {
                return Ok(Some(*end));
            }
        }
        // A record before it may be the one with the wrong length.
        input.seek(self.trusted.max(mcap::MAGIC.len() as u64))?;
        let mut offset = input.offset();
        while offset < size {
            let window = input.peek(SEARCH_BYTES + CHUNK_HEAD_BYTES_MAX)?;
            let searched = window.len().min(SEARCH_BYTES);
            let candidates = (0..searched).filter(|place| window[*place] == op::CHUNK);
            for place in candidates {
                let here = offset + place as u64;
                let until = window.len().min(place + CHUNK_HEAD_BYTES_MAX);
                let begins = Chunk::begins(&window[place..until], size - here);
                if begins.is_some_and(|length| length <= self.limits.chunk_bytes_max) && here != at
                {
                    return Ok(Some(here));
                }
            }
            if searched == 0 {
                break;
            }
            input.consume(searched as u64)?;
            offset += searched as u64;
        }
        Ok(None)
    }
}

/// What is wrong with the head of a record, if anything is.
fn misframed(head: Head, left: u64, limits: &Limits) -> Option<String> {
    let Head { opcode, length } = head;
    if !head.is_known() {
        return Some(format!("expected a record, got the opcode {opcode:#04x}"));
    }
    let room = left - HEAD_BYTES as u64;
    if length > room {
        return Some(format!(
            "expected a record of {length} bytes, got {room} before the end of the file"
        ));
    }
    let max = limits.chunk_bytes_max;
    if length > max && opcode != op::ATTACHMENT {
        return Some(format!(
            "expected a record of at most {max} bytes (chunk_bytes_max), got one of {length}"
        ));
    }
    let expected = match opcode {
        op::FOOTER => 20,
        op::DATA_END => 4,
        _ => length,
    };
    (length != expected).then(|| {
        format!("expected {expected} bytes in a record of opcode {opcode:#04x}, got {length}")
    })
}

/// The start of a record's body, as it would be in a chunk of that length.
fn as_chunk(body: &[u8]) -> Vec<u8> {
    let start = &body[..body.len().min(CHUNK_HEAD_BYTES_MAX)];
    let length = (body.len() as u64).to_le_bytes();
    [&[op::CHUNK], length.as_slice(), start].concat()
}
