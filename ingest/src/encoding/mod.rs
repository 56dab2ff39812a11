//! Encodings of messages: the wanted values of a message, by the definition that the log carries.
//!
//! A [`Definition`](definition::Definition) says what a message holds, whatever text form it came in; [`Wants`](wants::Wants) collects
//! which fields are wanted; a [`Program`](program::Program) takes them out of each message. A definition is worked through once a
//! channel, not once a message.

pub(crate) mod cdr;
pub(crate) mod definition;
mod idl;
pub(crate) mod program;
pub(crate) mod wants;

use crate::container::Channel;
use definition::Definition;

/// The definition of a channel's messages.
pub(crate) fn definition(channel: &Channel) -> Result<Definition, String> {
    let (message, schema) = (channel.message_encoding.as_str(), &channel.schema);
    match (message, schema.encoding.as_str()) {
        ("cdr", "ros2msg") => Definition::from_ros2msg(&schema.name, &schema.text),
        ("cdr", "ros2idl" | "omgidl") => Definition::from_ros2idl(&schema.name, &schema.text),
        (message, schema) => Err(format!(
            "expected cdr messages with a ros2msg or ros2idl definition, got `{message}` with `{schema}`"
        )),
    }
}
