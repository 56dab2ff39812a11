//! Encodings of messages: the wanted values of a message, by the definition that the log carries.
//!
//! A [`Definition`](definition::Definition) says what a message holds, whatever form it came in; [`Wants`](wants::Wants) collects
//! which fields are wanted; a [`Decoder`] takes them out of each message, into [`Slots`](rows::Slots). A definition is worked through
//! once a channel, not once a message.

mod cdr;
pub(crate) mod definition;
mod fill;
mod idl;
mod json;
mod program;
mod protobuf;
mod ros2msg;
pub(crate) mod rows;
mod wanted;
pub(crate) mod wants;

use crate::container::Channel;
use crate::limits::Limits;
use definition::Definition;
use program::{Programs, Wire};
use rows::{Row, Slots};
use wants::Wants;

/// The definition of a channel's messages, and how they are laid out.
pub(crate) struct Described {
    pub(crate) definition: Definition,
    layout: Layout,
}

enum Layout {
    Ros(Wire),
    Protobuf(protobuf::Numbered),
    Json,
}

/// Takes the wanted values out of the messages of a channel.
pub(crate) enum Decoder {
    Ros(Programs),
    Protobuf(protobuf::Program),
    Json(json::Program),
}

impl Described {
    /// What a channel says of its messages; none where the first of them has to say it. The error says why they cannot be read.
    pub(crate) fn of(channel: &Channel, limits: &Limits) -> Result<Option<Self>, String> {
        // A definition comes from a stranger, and some parsers from other crates.
        let parsed = std::panic::catch_unwind(|| Self::parsed(channel, limits));
        parsed.unwrap_or_else(|_| Err("the parser of definitions stopped at it".to_owned()))
    }

    /// What a message of JSON says of the others of its channel.
    pub(crate) fn of_message(message: &[u8], limits: &Limits) -> Result<Self, String> {
        Ok(Self {
            definition: json::of_message(message, limits)?,
            layout: Layout::Json,
        })
    }

    fn parsed(channel: &Channel, limits: &Limits) -> Result<Option<Self>, String> {
        let (message, schema) = (channel.message_encoding.as_str(), &channel.schema);
        let (name, text) = (schema.name.as_str(), schema.text.as_slice());
        if message == "json" && matches!(schema.encoding.as_str(), "jsonschema" | "") {
            let definition = json::of_schema(text, limits)?;
            let layout = Layout::Json;
            return Ok(definition.map(|definition| Self { definition, layout }));
        }
        if text.is_empty() {
            return Err("expected a definition, got a schema without text: record the log anew, or add it by `mcap` tools".to_owned());
        }
        let (definition, layout) = match (message, schema.encoding.as_str()) {
            ("cdr", "ros2msg") => (
                Definition::from_ros2msg(name, text)?,
                Layout::Ros(Wire::Cdr),
            ),
            ("cdr", "ros2idl" | "omgidl") => (
                Definition::from_ros2idl(name, text)?,
                Layout::Ros(Wire::Cdr),
            ),
            ("ros1", "ros1msg") => (
                Definition::from_ros1msg(name, text)?,
                Layout::Ros(Wire::Ros1),
            ),
            ("protobuf", "protobuf") => {
                let (definition, numbered) = protobuf::definition(name, text, limits)?;
                (definition, Layout::Protobuf(numbered))
            }
            (message, schema) => {
                return Err(format!(
                    "expected messages of cdr (with a ros2msg or ros2idl definition), ros1 (ros1msg), protobuf (protobuf) or json \
                     (jsonschema, or none), got `{message}` with `{schema}`"
                ));
            }
        };
        Ok(Some(Self { definition, layout }))
    }

    /// Compiles what takes the wanted values out of messages. The error says why the definition cannot be read.
    pub(crate) fn decoder(&self, wants: &Wants<'_>, limits: &Limits) -> Result<Decoder, String> {
        Ok(match &self.layout {
            Layout::Ros(wire) => Decoder::Ros(Programs::compile(wants, *wire, limits)?),
            Layout::Protobuf(numbered) => {
                Decoder::Protobuf(protobuf::Program::compile(wants, numbered)?)
            }
            Layout::Json => Decoder::Json(json::Program::compile(wants)?),
        })
    }
}

impl Decoder {
    /// Takes the wanted values of a message. The error says what was expected, and where in the message.
    pub(crate) fn run<'a>(
        &self,
        message: &'a [u8],
        limits: &Limits,
        slots: &'a mut Slots,
    ) -> Result<Row<'a>, String> {
        match self {
            Self::Ros(programs) => programs.run(message, limits, slots),
            Self::Protobuf(program) => program.run(message, limits, slots),
            Self::Json(program) => program.run(message, limits, slots),
        }
    }

    /// How large what was compiled is.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Ros(programs) => programs.size(),
            Self::Protobuf(program) => program.size(),
            Self::Json(program) => program.size(),
        }
    }
}
