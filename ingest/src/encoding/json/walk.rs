//! Runs a program over a message. What is not wanted is gone over without being kept.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT as BASE64;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::program::{Holds, Node, Program};
use crate::encoding::fill::{Fill, MESSAGE_PLACE, Place, TooManyValues, Value};
use crate::encoding::rows::{Row, Slots, packed};
use crate::encoding::wants::{Form, Scope};
use crate::limits::Limits;

/// Two to the 63rd: the least that is too large for a whole number of 64 bits with a sign.
const WHOLE_END: f64 = 9_223_372_036_854_775_808.0;

/// Why a message cannot be read. `serde_json` adds the line and column.
#[derive(Debug, thiserror::Error)]
enum MessageFault<'a> {
    #[error("expected {expected} at `{path}`, got {actual}")]
    Type {
        path: &'a str,
        expected: &'static str,
        actual: &'static str,
    },
    #[error("expected octets in base64 at `{path}`, got other text: {reason}")]
    Base64 {
        path: &'a str,
        reason: base64::DecodeError,
    },
    #[error(transparent)]
    Values(#[from] TooManyValues),
    #[error("expected a message of fewer than {max} bytes, got {actual} bytes")]
    Size { max: u32, actual: usize },
}

impl Program {
    /// Takes the wanted values of a message. The error says what was expected, and where in the message.
    pub(crate) fn run<'a>(
        &self,
        message: &[u8],
        limits: &Limits,
        slots: &'a mut Slots,
    ) -> Result<Row<'a>, String> {
        let (actual, max) = (message.len(), u32::MAX);
        // Texts take no more bytes than their form in JSON.
        if actual.saturating_add(self.blank.text_bytes()) > max as usize {
            return Err(MessageFault::Size { max, actual }.to_string());
        }
        let mut fill = Fill::begin(slots, &self.blank, limits);
        let root = At {
            node: &self.root,
            fill: &mut fill,
            place: MESSAGE_PLACE,
        };
        let mut json = serde_json::Deserializer::from_slice(message);
        let read = root.deserialize(&mut json).and_then(|()| json.end());
        read.map_err(|error| error.to_string())?;
        let slots: &'a Slots = slots;
        Ok(slots.message(&slots.buffer))
    }
}

/// A value that is wanted, and the row that it goes into.
struct At<'n, 'f, 's> {
    node: &'n Node,
    fill: &'f mut Fill<'s>,
    place: Place,
}

impl At<'_, '_, '_> {
    fn other<E: Error>(&self, actual: &'static str) -> E {
        E::custom(MessageFault::Type {
            path: &self.node.path,
            expected: self.node.holds.name(),
            actual,
        })
    }

    /// A number, where one is wanted.
    fn number<E: Error>(self, value: Value) -> Result<(), E> {
        if !matches!(self.node.holds, Holds::Number) {
            return Err(self.other("a number"));
        }
        let is_wanted_as_number = self
            .node
            .takes
            .iter()
            .any(|(form, _)| *form == Form::Number);
        for (form, slot) in &self.node.takes {
            let value = match value {
                Value::Float(float) if *form != Form::Number => match whole(float) {
                    Some(whole) => Value::Signed(whole),
                    // The digits behind the point are in the slot of the number.
                    None if is_wanted_as_number => Value::Signed(0),
                    None => {
                        return Err(E::custom(MessageFault::Type {
                            path: &self.node.path,
                            expected: "a whole number",
                            actual: "a number with digits behind the point",
                        }));
                    }
                },
                value => value,
            };
            self.fill
                .set(self.place, *slot, value.slot(*form, &self.node.names));
        }
        Ok(())
    }

    /// A text or octets.
    fn range(self, range: u64) {
        for (form, slot) in &self.node.takes {
            let bits = Value::Range(range).slot(*form, &self.node.names);
            self.fill.set(self.place, *slot, bits);
        }
    }
}

/// A number without digits behind the point, in the range of whole numbers.
fn whole(float: f64) -> Option<i64> {
    let is_whole = float.fract() == 0.0 && (-WHOLE_END..WHOLE_END).contains(&float);
    is_whole.then_some(float as i64)
}

impl<'de> DeserializeSeed<'de> for At<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.node.holds.name())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        if !matches!(self.node.holds, Holds::Truth) {
            return Err(self.other("a truth value"));
        }
        for (form, slot) in &self.node.takes {
            let bits = Value::Unsigned(value.into()).slot(*form, &self.node.names);
            self.fill.set(self.place, *slot, bits);
        }
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.number(Value::Signed(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        let signed = i64::try_from(value).map(Value::Signed);
        self.number(signed.unwrap_or(Value::Unsigned(value)))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.number(Value::Float(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        match self.node.holds {
            Holds::Text => {
                let range = self.fill.append(text.as_bytes());
                self.range(range);
                Ok(())
            }
            Holds::Octets => {
                let buffer = self.fill.buffer();
                let start = buffer.len();
                if let Err(reason) = BASE64.decode_vec(text, buffer) {
                    let path = &self.node.path;
                    return Err(E::custom(MessageFault::Base64 { path, reason }));
                }
                let range = packed(start, buffer.len() - start);
                self.range(range);
                Ok(())
            }
            // JSON has no other way to write them.
            Holds::Number => match text {
                "NaN" => self.number(Value::Float(f64::NAN)),
                "Infinity" => self.number(Value::Float(f64::INFINITY)),
                "-Infinity" => self.number(Value::Float(f64::NEG_INFINITY)),
                _ => Err(self.other("a text")),
            },
            _ => Err(self.other("a text")),
        }
    }

    /// Null is a field that is absent.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Holds::List {
            slot,
            scope,
            element,
        } = &self.node.holds
        else {
            return Err(self.other("a list"));
        };
        // Of a name that comes twice the last holds.
        self.fill.clear_list(self.place, *slot);
        let (fill, list) = (self.fill, self.place);
        loop {
            let element = Element {
                node: element,
                fill: &mut *fill,
                list,
                slot: *slot,
                scope: *scope,
            };
            if elements.next_element_seed(element)?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let Holds::Object(wanted) = &self.node.holds else {
            return Err(self.other("an object"));
        };
        let (fill, place) = (self.fill, self.place);
        while let Some(at) = fields.next_key_seed(Key(wanted))? {
            match at {
                Some(at) => fields.next_value_seed(At {
                    node: &wanted[at].1,
                    fill: &mut *fill,
                    place,
                })?,
                None => {
                    fields.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// An element of a list, whose row is added when it is seen to be there.
struct Element<'n, 'f, 's> {
    node: &'n Node,
    fill: &'f mut Fill<'s>,
    /// The row of the list.
    list: Place,
    slot: u16,
    scope: Scope,
}

impl<'de> DeserializeSeed<'de> for Element<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        let place = self.fill.element(self.list, self.slot, self.scope);
        let place = place.map_err(|fault| D::Error::custom(MessageFault::from(fault)))?;
        let (node, fill) = (self.node, self.fill);
        At { node, fill, place }.deserialize(value)
    }
}

/// The name of a field: its place among those that are wanted.
struct Key<'n>(&'n [(String, Node)]);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<Self::Value, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name of a field")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|(wanted, _)| wanted == name))
    }
}
