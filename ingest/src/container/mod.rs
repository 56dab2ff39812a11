//! Containers of logs: what frames messages, whatever they hold.
//!
//! A container gives a [`Visitor`] its channels, messages, metadata and damage, in the order of the file. It knows neither what
//! a message says (that is an encoding) nor what becomes of it (that is a target).

pub(crate) mod bag;
mod input;
mod known;
pub(crate) mod mcap;
pub(crate) mod mdf4;
pub(crate) mod rosbag2;
pub(crate) mod sqlite;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::Result;

/// A topic as a log declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Channel {
    pub(crate) topic: String,
    pub(crate) message_encoding: String,
    /// Its message type.
    pub(crate) schema: Arc<MessageType>,
}

/// A message type; its texts are empty where the log has no schema for a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MessageType {
    pub(crate) name: String,
    pub(crate) encoding: String,
    pub(crate) text: Vec<u8>,
}

/// A message as the container frames it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawMessage<'a> {
    pub(crate) channel_id: u16,
    /// When it was recorded, in nanoseconds since 1970.
    pub(crate) log_time: u64,
    pub(crate) data: &'a [u8],
}

/// Something of a file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Name of the check: `chunk_checksum`, `chunk_damaged`, `truncated`, `record_damaged`, `data_checksum`, `unknown_channel`,
    /// `declaration`, `payload_missing`.
    pub(crate) check: &'static str,
    /// Where, in bytes from the start of the file.
    pub(crate) offset: u64,
    /// Messages that are lost by it, as far as the file says how many; at least.
    pub(crate) lost: u64,
    pub(crate) reason: String,
}

/// Takes what a container holds.
pub(crate) trait Visitor {
    /// A file of the log begins; its channels have nothing to do with those of the file before.
    fn file(&mut self, path: &str);
    /// A channel, before its first message; also where it is declared anew as another.
    fn channel(&mut self, id: u16, channel: &Channel);
    fn message(&mut self, message: &RawMessage<'_>) -> Result<()>;
    fn metadata(&mut self, name: &str, values: BTreeMap<String, String>);
    fn attachment(&mut self, name: &str);
    fn damage(&mut self, damage: Damage);
    /// Something that the file leaves open, and how it was taken.
    fn assumed(&mut self, check: &'static str, reason: &str);
    /// The log says how many messages it has, or a part of it: what was not met of them is lost.
    fn counted(&mut self, subject: &str, messages: u64);
}
