//! What lies in a file: chunks, and the schemas, channels and messages in them.

use mcap::records::op;

use super::chunk::Bad;
use super::records::{Chunk, Fields, message};
use super::walk::{Framing, Walk};
use crate::container::Damage;
use crate::error::Result;

impl Walk<'_> {
    /// A schema, a channel or a message, of a chunk or of the file itself.
    pub(crate) fn inner(&mut self, opcode: u8, body: &[u8], at: u64) -> Result<()> {
        match opcode {
            op::MESSAGE => {
                let Some(message) = message(body) else {
                    self.unreadable(opcode, at);
                    return Ok(());
                };
                if self.declarations.get(message.channel_id).is_some() {
                    return self.visitor.message(&message);
                }
                let id = message.channel_id;
                let reason = format!("expected a channel {id}, got none before its message");
                self.damage("unknown_channel", at, 1, reason);
            }
            op::SCHEMA => {
                if let Err(declined) = self.declarations.schema(body, self.limits) {
                    self.damage("declaration", at, 0, declined.0);
                }
            }
            op::CHANNEL => match self.declarations.channel(body, self.limits) {
                Ok(new) => {
                    let channel = new.and_then(|id| Some((id, self.declarations.get(id)?)));
                    if let Some((id, channel)) = channel {
                        self.visitor.channel(id, channel);
                    }
                }
                Err(declined) => self.damage("declaration", at, 0, declined.0),
            },
            _ => {}
        }
        Ok(())
    }

    /// Unpacks a chunk; gives on its records where all of it is sound. Its length can be believed where its sizes agree.
    pub(crate) fn chunk(&mut self, body: &[u8], at: u64) -> Result<Framing> {
        let Some(chunk) = Chunk::whole(body) else {
            let reason = "expected a chunk as long as its record, got other sizes".to_owned();
            self.lose("chunk_damaged", at, reason);
            return Ok(Framing::Wrong);
        };
        let mut unpacker = std::mem::take(&mut self.unpacker);
        let done = match unpacker.unpack(&chunk, self.limits) {
            Ok(bytes) => self.chunk_records(&chunk, bytes, at),
            Err(Bad::Checksum(reason)) => {
                self.lose("chunk_checksum", at, reason);
                Ok(())
            }
            Err(Bad::Damaged(reason)) => {
                self.lose("chunk_damaged", at, reason);
                Ok(())
            }
        };
        self.unpacker = unpacker;
        done.map(|()| Framing::Sure)
    }

    fn chunk_records(&mut self, chunk: &Chunk<'_>, bytes: &[u8], at: u64) -> Result<()> {
        // Without a checksum the framing must hold to the end before anything is given on.
        if chunk.checksum == 0 && !is_framed(bytes) {
            let reason = "expected whole records, got one that ends behind its chunk".to_owned();
            self.lose("chunk_damaged", at, reason);
            return Ok(());
        }
        let mut fields = Fields(bytes);
        let (mut first, mut last) = (u64::MAX, 0);
        while let Some((opcode, record)) = next_record(&mut fields) {
            if !matches!(opcode, op::SCHEMA | op::CHANNEL | op::MESSAGE | 0x80..) {
                let reason = format!(
                    "expected schemas, channels and messages in a chunk, got the opcode {opcode:#04x}"
                );
                self.damage("chunk_damaged", at, 0, reason);
                return Ok(());
            }
            self.inner(opcode, record, at)?;
            if let (op::MESSAGE, Some(message)) = (opcode, message(record)) {
                first = first.min(message.log_time);
                last = last.max(message.log_time);
            }
        }
        if !fields.0.is_empty() {
            let left = fields.0.len();
            let reason = format!("expected whole records, got {left} bytes that are none");
            self.damage("chunk_damaged", at, 1, reason);
        }
        let (start, end) = (chunk.start_time, chunk.end_time);
        if first <= last && (first, last) != (start, end) {
            let reason =
                format!("expected messages logged from {start} to {end} ns, got {first} to {last}");
            self.damage("chunk_times", at, 0, reason);
        }
        Ok(())
    }

    pub(crate) fn unreadable(&mut self, opcode: u8, at: u64) {
        let lost = u64::from(!matches!(opcode, op::MESSAGE_INDEX | op::METADATA));
        let reason = format!("expected a record of opcode {opcode:#04x}, got other bytes");
        self.damage("record_damaged", at, lost, reason);
    }

    pub(crate) fn lose(&mut self, check: &'static str, offset: u64, reason: String) {
        self.lost = Some(Damage {
            check,
            offset,
            lost: 0,
            reason,
        });
    }

    pub(crate) fn damage(&mut self, check: &'static str, offset: u64, lost: u64, reason: String) {
        self.damaged = true;
        self.visitor.damage(Damage {
            check,
            offset,
            lost,
            reason,
        });
    }

    pub(crate) fn flush(&mut self) {
        if let Some(lost) = self.lost.take() {
            self.damage(lost.check, lost.offset, lost.lost.max(1), lost.reason);
        }
    }
}

/// A record of a chunk; `None` at its end, or where what is left is none.
fn next_record<'a>(fields: &mut Fields<'a>) -> Option<(u8, &'a [u8])> {
    let mut ahead = *fields;
    let (opcode, length) = (ahead.u8()?, ahead.u64()?);
    let record = ahead.bytes(usize::try_from(length).ok()?)?;
    *fields = ahead;
    Some((opcode, record))
}

fn is_framed(bytes: &[u8]) -> bool {
    let mut fields = Fields(bytes);
    while next_record(&mut fields).is_some() {}
    fields.0.is_empty()
}
