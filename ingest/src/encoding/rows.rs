//! The wanted values of a message: in slots that are used again for the next message, whatever encoding fills them.

use super::wants::{Bytes, Integer, List, MESSAGE, Number, Text};

/// The wanted values of one message.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    /// Rows of each scope, one behind the other.
    pub(super) scopes: Vec<Vec<u64>>,
    pub(super) widths: Vec<usize>,
    /// Texts and octets of an encoding whose messages do not hold them as they are.
    pub(super) buffer: Vec<u8>,
}

impl Slots {
    /// The message itself, whose texts and octets lie in `body`.
    pub(super) fn message<'a>(&'a self, body: &'a [u8]) -> Row<'a> {
        Row {
            slots: &self.scopes[MESSAGE.0],
            all: self,
            body,
        }
    }
}

/// A message, or an element of a list, with its values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a> {
    slots: &'a [u64],
    all: &'a Slots,
    body: &'a [u8],
}

impl<'a> Row<'a> {
    pub(crate) fn number(&self, slot: Number) -> f64 {
        f64::from_bits(self.slots[usize::from(slot.0)])
    }

    /// Whether a truth value is true; one that is absent is not.
    pub(crate) fn is_true(&self, slot: Number) -> bool {
        let number = self.number(slot);
        number != 0.0 && !number.is_nan()
    }

    pub(crate) fn integer(&self, slot: Integer) -> i64 {
        self.slots[usize::from(slot.0)] as i64
    }

    /// A text; it was seen to be UTF-8 when the program ran.
    pub(crate) fn text(&self, slot: Text) -> &'a str {
        std::str::from_utf8(self.range(slot.0)).unwrap_or_default()
    }

    pub(crate) fn bytes(&self, slot: Bytes) -> &'a [u8] {
        self.range(slot.0)
    }

    /// The elements of a list.
    pub(crate) fn list(&self, list: List) -> impl ExactSizeIterator<Item = Row<'a>> + use<'a> {
        let (start, count) = unpacked(self.slots[usize::from(list.slot)]);
        let (all, body) = (self.all, self.body);
        let (rows, width) = (&all.scopes[list.scope.0], all.widths[list.scope.0]);
        (0..count).map(move |at| Row {
            slots: &rows[start + at * width..start + (at + 1) * width],
            all,
            body,
        })
    }

    fn range(&self, slot: u16) -> &'a [u8] {
        let (start, length) = unpacked(self.slots[usize::from(slot)]);
        &self.body[start..start + length]
    }
}

/// Where a text, octets or a list begin, and how long they are, in one slot. Both fit: a body is no longer than 32 bits count.
pub(super) fn packed(start: usize, length: usize) -> u64 {
    ((start as u64) << 32) | length as u64
}

pub(super) fn unpacked(slot: u64) -> (usize, usize) {
    ((slot >> 32) as usize, (slot & 0xffff_ffff) as usize)
}
