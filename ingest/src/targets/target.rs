//! What every target is.

use crate::assembly::Assembly;
use crate::encoding::rows::Row;
use crate::error::Result;
use crate::paged::Paged;
use crate::refused::Refused;

/// A message on its way to its target.
pub(crate) struct Message<'m> {
    pub(crate) topic: &'m str,
    /// How it is written: `cdr`, `ros1`, `protobuf`, `json`.
    pub(crate) encoding: &'m str,
    /// Its message type.
    pub(crate) schema: &'m str,
    pub(crate) stamp_ns: i64,
    /// Stamps of the earlier messages of the topic, in the order of the log.
    pub(crate) earlier_ns: &'m Paged<i64>,
    pub(crate) row: Row<'m>,
    /// The message as it was written.
    pub(crate) data: &'m [u8],
}

/// What the time of a message means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timing {
    /// It is the time of what the message says.
    OfMessage,
    /// Nothing: what the message holds has stamps of its own, or holds for the whole drive. The time that it was logged at may be that
    /// of another clock.
    OfContents,
}

/// Whether a message became part of the drive.
pub(crate) type Taken = std::result::Result<(), Refused>;

/// What the messages of a topic become.
pub(crate) trait Target {
    /// Takes a message. The outer error is that of the lake.
    fn take(&mut self, message: &Message<'_>, drive: &mut Assembly<'_>) -> Result<Taken>;

    /// What the time of a message means.
    fn timing(&self) -> Timing {
        Timing::OfMessage
    }

    /// About how much memory it takes that grows with the log.
    fn bytes(&self) -> usize {
        0
    }

    /// Hands over what was gathered, once the log was read.
    fn finish(self: Box<Self>, _topic: &str, _drive: &mut Assembly<'_>) {}
}
