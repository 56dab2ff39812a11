//! Runs a program over a message.

use super::descriptor::Type;
use super::program::{Field, Holds, Node, Program, Taken};
use super::wire::{Cursor, WireFault, WireType};
use crate::encoding::fill::{Fill, MESSAGE_PLACE, Place, TooManyValues, Value};
use crate::encoding::rows::{Row, Slots, packed};
use crate::limits::Limits;

/// Why a message cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum MessageFault {
    #[error(transparent)]
    Wire(#[from] WireFault),
    #[error("at byte {at}: expected {expected} for the field `{field}`, got {actual}")]
    WireType {
        at: usize,
        field: String,
        expected: &'static str,
        actual: &'static str,
    },
    #[error("at byte {at}: expected a text in UTF-8 for the field `{field}`, got other bytes")]
    Text { at: usize, field: String },
    #[error(transparent)]
    Values(#[from] TooManyValues),
    #[error("expected a message of fewer than {max} bytes, got {actual} bytes")]
    Size { max: u32, actual: usize },
}

impl Program {
    /// Takes the wanted values of a message. The error says what was expected, and at which byte of the message.
    pub(crate) fn run<'a>(
        &self,
        message: &'a [u8],
        limits: &Limits,
        slots: &'a mut Slots,
    ) -> Result<Row<'a>, String> {
        self.fill(message, limits, slots)
            .map_err(|fault| fault.to_string())?;
        let slots: &'a Slots = slots;
        let body: &[u8] = if self.blank.has_texts() {
            &slots.buffer
        } else {
            message
        };
        Ok(slots.message(body))
    }

    fn fill(&self, message: &[u8], limits: &Limits, slots: &mut Slots) -> Result<(), MessageFault> {
        let (actual, max) = (message.len(), u32::MAX);
        if actual.saturating_add(self.blank.text_bytes()) > max as usize {
            return Err(MessageFault::Size { max, actual });
        }
        let mut fill = Fill::begin(slots, &self.blank, limits);
        if self.blank.has_texts() {
            fill.append(message);
        }
        let mut walk = Walk {
            fill,
            base: self.blank.text_bytes(),
        };
        walk.message(&self.root, Cursor::new(message), MESSAGE_PLACE)
    }
}

struct Walk<'a> {
    fill: Fill<'a>,
    /// Where the message begins in the body that its texts are taken from.
    base: usize,
}

impl Walk<'_> {
    /// Takes the fields of a message. It goes no deeper than what is wanted.
    fn message(
        &mut self,
        node: &Node,
        mut part: Cursor<'_>,
        place: Place,
    ) -> Result<(), MessageFault> {
        loop {
            let start = part.at();
            let Some((number, wire)) = part.key()? else {
                return Ok(());
            };
            match node.field(number) {
                None => part.skip(number, wire)?,
                Some(field) => self.field(field, (start, wire), &mut part, place)?,
            }
        }
    }

    fn field(
        &mut self,
        field: &Field,
        key: (usize, WireType),
        part: &mut Cursor<'_>,
        place: Place,
    ) -> Result<(), MessageFault> {
        let Holds::List {
            slot,
            scope,
            element,
        } = &field.holds
        else {
            return self.one(field, &field.holds, key, part, place);
        };
        let is_packed = key.1 == WireType::Counted;
        match element.as_ref() {
            Holds::Value(taken) if is_packed && taken.value.wire() != WireType::Counted => {
                let mut values = part.counted()?;
                while !values.is_empty() {
                    let element = self.fill.element(place, *slot, *scope)?;
                    let at = values.at();
                    let wire = taken.value.wire();
                    self.value(field, taken, (at, wire), &mut values, element)?;
                }
                Ok(())
            }
            holds => {
                let element = self.fill.element(place, *slot, *scope)?;
                self.one(field, holds, key, part, element)
            }
        }
    }

    /// Takes a value or a message that is no list, or an element of one.
    fn one(
        &mut self,
        field: &Field,
        holds: &Holds,
        (at, wire): (usize, WireType),
        part: &mut Cursor<'_>,
        place: Place,
    ) -> Result<(), MessageFault> {
        match holds {
            Holds::Value(taken) => self.value(field, taken, (at, wire), part, place),
            Holds::Message(node) => {
                let inner = match wire {
                    WireType::Counted => part.counted()?,
                    WireType::GroupStart => part.group(field.number)?,
                    actual => return Err(other(field, at, WireType::Counted, actual)),
                };
                self.message(node, inner, place)
            }
            // No field of protobuf is a list of lists.
            Holds::List { .. } => Ok(part.skip(field.number, wire)?),
        }
    }

    fn value(
        &mut self,
        field: &Field,
        taken: &Taken,
        (at, wire): (usize, WireType),
        part: &mut Cursor<'_>,
        place: Place,
    ) -> Result<(), MessageFault> {
        let expected = taken.value.wire();
        if wire != expected {
            return Err(other(field, at, expected, wire));
        }
        let value = self.read(field, taken.value, part)?;
        for (form, slot) in &taken.takes {
            self.fill.set(place, *slot, value.slot(*form, &taken.names));
        }
        Ok(())
    }

    #[inline]
    fn read(
        &self,
        field: &Field,
        value: Type,
        part: &mut Cursor<'_>,
    ) -> Result<Value, MessageFault> {
        Ok(match value {
            Type::Double => Value::Float(f64::from_le_bytes(part.array()?)),
            Type::Float => Value::Float(f32::from_le_bytes(part.array()?).into()),
            Type::Fixed64 => Value::Unsigned(u64::from_le_bytes(part.array()?)),
            Type::Fixed32 => Value::Unsigned(u32::from_le_bytes(part.array()?).into()),
            Type::Sfixed64 => Value::Signed(i64::from_le_bytes(part.array()?)),
            Type::Sfixed32 => Value::Signed(i32::from_le_bytes(part.array()?).into()),
            Type::Int64 => Value::Signed(part.varint()?.cast_signed()),
            // A negative one has the bits of 64; of too large ones the lower bits count.
            Type::Int32 | Type::Enum => Value::Signed((part.varint()? as i32).into()),
            Type::Uint64 => Value::Unsigned(part.varint()?),
            Type::Uint32 => Value::Unsigned((part.varint()? as u32).into()),
            Type::Sint64 => Value::Signed(unfolded(part.varint()?)),
            Type::Sint32 => Value::Signed(unfolded((part.varint()? as u32).into())),
            Type::Bool => Value::Unsigned(u64::from(part.varint()? != 0)),
            Type::Text => {
                let text = part.counted()?;
                if let Err(error) = std::str::from_utf8(text.rest()) {
                    let (at, field) = (text.at() + error.valid_up_to(), field.path.clone());
                    return Err(MessageFault::Text { at, field });
                }
                self.range(text)
            }
            Type::Bytes | Type::Message | Type::Group => self.range(part.counted()?),
        })
    }

    fn range(&self, part: Cursor<'_>) -> Value {
        Value::Range(packed(self.base + part.at(), part.rest().len()))
    }
}

/// A signed number whose sign is its lowest bit ("zigzag").
fn unfolded(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

#[cold]
fn other(field: &Field, at: usize, expected: WireType, actual: WireType) -> MessageFault {
    MessageFault::WireType {
        at,
        field: field.path.clone(),
        expected: expected.name(),
        actual: actual.name(),
    }
}
