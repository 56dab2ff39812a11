//! Encodings of messages: the wanted values of a message, by the definition that the log carries.
//!
//! A [`Definition`](definition::Definition) says what a message holds, whatever text form it came in; [`Wants`](wants::Wants) collects
//! which fields are wanted; a [`Program`](program::Program) takes them out of each message. A definition is worked through once a
//! channel, not once a message.

pub(crate) mod cdr;
pub(crate) mod definition;
mod idl;
pub(crate) mod program;
mod ros2msg;
pub(crate) mod wants;

use crate::container::Channel;
use definition::Definition;
use program::Wire;

/// The definition of a channel's messages, and how they are laid out.
pub(crate) fn definition(channel: &Channel) -> Result<(Definition, Wire), String> {
    let (message, schema) = (channel.message_encoding.as_str(), &channel.schema);
    let (name, text) = (schema.name.as_str(), schema.text.as_slice());
    if text.is_empty() {
        return Err("expected a definition, got a schema without text: record the log anew, or add it by `mcap` tools".to_owned());
    }
    // A definition comes from a stranger, and the parser from another crate.
    let parsed = std::panic::catch_unwind(|| match (message, schema.encoding.as_str()) {
        ("cdr", "ros2msg") => Ok((Definition::from_ros2msg(name, text)?, Wire::Cdr)),
        ("cdr", "ros2idl" | "omgidl") => Ok((Definition::from_ros2idl(name, text)?, Wire::Cdr)),
        ("ros1", "ros1msg") => Ok((Definition::from_ros1msg(name, text)?, Wire::Ros1)),
        (message, schema) => Err(format!(
            "expected cdr messages with a ros2msg or ros2idl definition, or ros1 messages with a ros1msg one, got `{message}` with \
             `{schema}`"
        )),
    });
    parsed.unwrap_or_else(|_| Err("the parser of definitions stopped at it".to_owned()))
}
