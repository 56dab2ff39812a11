//! Values that lie apart from their records, as payloads of frames do: each behind its length, in one run of bytes. A record has the
//! offset of its value in the run.
//!
//! The run is a chain of its own, or comes in the group itself, as records of another kind (`is_between`).

use super::blocks::number;
use super::chain::{Chain, Ledger, Piece};
use crate::error::Result;

/// Bytes of a value: stops lengths that are invented. CAN XL has 2048.
const VALUE_BYTES_MAX: u64 = 4096;
/// Bytes that are held of what was read: records come in about the order of their values.
const KEPT_BYTES: usize = 64 << 20;
/// Bytes that are read to reach a value: of one that is said to lie further away the offset is not believed.
const AHEAD_BYTES_MAX: u64 = 32 << 20;
/// The same of values that come between the records.
const BETWEEN_BYTES_MAX: u64 = 1 << 20;

/// A value, or what became of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Payload<'b> {
    Bytes(&'b [u8]),
    /// It has not come yet.
    Ahead,
    /// Why it is lost.
    Lost(&'static str),
}

/// The values of a channel.
pub(super) struct Payloads<'a> {
    /// Where more is read from; none where it comes between the records, or there is no more.
    chain: Option<Chain<'a>>,
    is_between: bool,
    /// Where in the run the bytes begin that are held.
    start: u64,
    bytes: Vec<u8>,
}

impl<'a> Payloads<'a> {
    /// Values that lie in a run of their own.
    pub(super) fn of(chain: Chain<'a>) -> Self {
        Self {
            chain: Some(chain),
            is_between: false,
            ..Self::between()
        }
    }

    /// Values that come between the records.
    pub(super) fn between() -> Self {
        Self {
            chain: None,
            is_between: true,
            start: 0,
            bytes: Vec::new(),
        }
    }

    /// Where the next value that comes will begin.
    pub(super) fn end(&self) -> u64 {
        self.start.saturating_add(self.bytes.len() as u64)
    }

    /// Takes a value that came between the records.
    pub(super) fn push(&mut self, value: &[u8]) {
        self.bytes
            .extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(value);
        self.forget();
    }

    /// Says that no more values come between the records.
    pub(super) fn finish(&mut self) {
        self.is_between = false;
    }

    /// The value at an offset of the run.
    pub(super) fn get(&mut self, offset: u64, ledger: &mut Ledger) -> Result<Payload<'_>> {
        let Some(behind) = offset.checked_add(4) else {
            return Ok(Payload::Lost("its offset is beyond every run"));
        };
        if offset < self.start {
            return Ok(Payload::Lost(
                "it was lost, or lies far behind that of the record before",
            ));
        }
        if !self.read_to(behind, ledger)? {
            return Ok(self.absent(behind));
        }
        if offset < self.start {
            return Ok(Payload::Lost("it was lost"));
        }
        let length = u64::from(number(self.held(offset, 4)) as u32);
        if length > VALUE_BYTES_MAX {
            return Ok(Payload::Lost("its length is that of no frame"));
        }
        if !self.read_to(behind.saturating_add(length), ledger)? {
            return Ok(self.absent(behind));
        }
        if offset < self.start {
            return Ok(Payload::Lost("it was lost"));
        }
        Ok(Payload::Bytes(self.held(behind, length)))
    }

    fn absent(&self, offset: u64) -> Payload<'static> {
        if self.is_between && offset.saturating_sub(self.end()) <= BETWEEN_BYTES_MAX {
            Payload::Ahead
        } else {
            Payload::Lost("it lies behind the end of all values")
        }
    }

    fn held(&self, offset: u64, count: u64) -> &[u8] {
        let from = (offset - self.start) as usize;
        self.bytes
            .get(from..from + count as usize)
            .unwrap_or_default()
    }

    /// Reads so that the bytes up to an offset are held; says whether they are, or are lost.
    fn read_to(&mut self, end: u64, ledger: &mut Ledger) -> Result<bool> {
        if end <= self.end() {
            return Ok(true);
        }
        let is_believed = end - self.end() <= AHEAD_BYTES_MAX;
        while is_believed && end > self.end() {
            let Some(chain) = &mut self.chain else {
                return Ok(false);
            };
            match chain.next(&mut self.bytes, ledger)? {
                Piece::Bytes => self.forget(),
                Piece::Gap(lost) => {
                    self.start = self.end().saturating_add(lost);
                    self.bytes.clear();
                }
                Piece::End => self.chain = None,
            }
        }
        Ok(is_believed)
    }

    /// Lets go of what is far behind.
    fn forget(&mut self) {
        if self.bytes.len() > 2 * KEPT_BYTES {
            let gone = self.bytes.len() - KEPT_BYTES;
            self.bytes.drain(..gone);
            self.start = self.start.saturating_add(gone as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_before_or_behind_their_records() {
        let mut ledger = Ledger::of(0);
        let mut values = Payloads::between();
        assert_eq!(values.get(0, &mut ledger).unwrap(), Payload::Ahead);
        values.push(&[1, 2, 3]);
        assert_eq!(
            values.get(0, &mut ledger).unwrap(),
            Payload::Bytes(&[1, 2, 3])
        );
        assert_eq!(values.end(), 7);
        assert_eq!(values.get(7, &mut ledger).unwrap(), Payload::Ahead);
        values.push(&[]);
        assert_eq!(values.get(7, &mut ledger).unwrap(), Payload::Bytes(&[]));
        values.finish();
        for offset in [11, 1 << 40, u64::MAX] {
            let value = values.get(offset, &mut ledger).unwrap();
            assert!(matches!(value, Payload::Lost(_)), "{offset}: {value:?}");
        }
    }

    #[test]
    fn what_is_far_behind_is_let_go() {
        let mut ledger = Ledger::of(0);
        let mut values = Payloads::between();
        let value = [7; 4096];
        for _ in 0..(3 * KEPT_BYTES / 4100) {
            values.push(&value);
        }
        assert!(values.bytes.len() <= 2 * KEPT_BYTES + 4100);
        assert!(matches!(
            values.get(0, &mut ledger).unwrap(),
            Payload::Lost(_)
        ));
        let last = values.end() - 4100;
        assert_eq!(
            values.get(last, &mut ledger).unwrap(),
            Payload::Bytes(&value)
        );
    }
}
