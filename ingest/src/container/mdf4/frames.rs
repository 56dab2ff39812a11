//! Frames of a CAN bus, as groups of bus events have them (ASAM MDF bus logging): `CAN_DataFrame`, `CAN_RemoteFrame`, `CAN_ErrorFrame`.

use super::field::{Field, Record};
use super::groups::ChannelBlock;

/// Flags of an identifier, as `linux/can.h` has them.
const EXTENDED_FLAG: u32 = 0x8000_0000;
const REMOTE_FLAG: u32 = 0x4000_0000;
const ERROR_FLAG: u32 = 0x2000_0000;
const IDENTIFIER_BITS: u32 = 0x1fff_ffff;
/// Bytes of a payload by its code, from nine on (ISO 11898-1).
const LENGTHS: [u64; 7] = [12, 16, 20, 24, 32, 48, 64];

/// What the frames of a group are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    Data,
    Remote,
    Error,
}

impl FrameKind {
    /// By the name of a channel: that of the frame, or of one of its parts.
    pub(super) fn of(channel: &str) -> Option<Self> {
        let frame = channel.split('.').next().unwrap_or(channel);
        match frame {
            "CAN_DataFrame" => Some(Self::Data),
            "CAN_RemoteFrame" => Some(Self::Remote),
            "CAN_ErrorFrame" => Some(Self::Error),
            _ => None,
        }
    }

    /// The name of the frame's channel.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Data => "CAN_DataFrame",
            Self::Remote => "CAN_RemoteFrame",
            Self::Error => "CAN_ErrorFrame",
        }
    }
}

/// Where the bytes of a frame are.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Data {
    None,
    /// In the record.
    Within(Field),
    /// Apart from it; the record has their offset.
    Apart(Field),
}

/// Where the parts of a frame lie in a record.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    pub(super) kind: FrameKind,
    time: Field,
    bus: Option<Field>,
    id: Option<Field>,
    is_extended: Option<Field>,
    length: Option<Field>,
    length_code: Option<Field>,
    data: Data,
}

/// A frame without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    /// Nanoseconds since 1970; the largest number where they are beyond what has a date.
    pub(super) stamp_ns: u64,
    /// The number of the bus, where the record has one.
    pub(super) bus: Option<i64>,
    /// With the flags of `linux/can.h`.
    pub(super) id: u32,
    /// Bytes of the payload, where the record says how many.
    pub(super) length: Option<u64>,
}

/// Where the payload of a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    Here(&'a [u8]),
    /// At an offset of the channel's values.
    At(u64),
}

impl Layout {
    /// The layout of a group by its channels. The error says what it lacks.
    pub(super) fn of(kind: FrameKind, channels: &[ChannelBlock]) -> Result<Self, String> {
        let time = channels
            .iter()
            .find(|channel| channel.is_time)
            .and_then(|channel| channel.field);
        let time = time.ok_or("expected a channel of time in seconds, got none")?;
        let named = |name: &str| {
            channels
                .iter()
                .find(|channel| !channel.is_time && channel.part() == name)
        };
        let field = |name: &str| named(name).and_then(|channel| channel.field);
        let data = match named("DataBytes") {
            None => Data::None,
            Some(channel) => match channel.field {
                Some(field) if channel.is_apart => Data::Apart(field),
                Some(field) => Data::Within(field),
                None => return Err("expected bytes in `DataBytes`, got another type".to_owned()),
            },
        };
        if kind == FrameKind::Data && data == Data::None {
            return Err("expected a channel `DataBytes`, got none".to_owned());
        }
        let id = field("ID");
        if kind != FrameKind::Error && id.is_none() {
            return Err("expected a channel `ID`, got none".to_owned());
        }
        Ok(Self {
            kind,
            time,
            bus: field("BusChannel"),
            id,
            is_extended: field("IDE"),
            length: field("DataLength"),
            length_code: field("DLC"),
            data: if kind == FrameKind::Data {
                data
            } else {
                Data::None
            },
        })
    }

    /// The frame of a record; none where it has no identifier, or no time.
    pub(super) fn frame(&self, record: &Record<'_>, start_ns: u64) -> Option<Frame> {
        let value = |field: Option<Field>| field.and_then(|field| field.integer(record));
        let id = match value(self.id) {
            Some(id) => u32::try_from(id).ok()?,
            None if self.kind == FrameKind::Error => 0,
            None => return None,
        };
        let id = id & (IDENTIFIER_BITS | EXTENDED_FLAG);
        let is_extended = value(self.is_extended).is_some_and(|flag| flag != 0);
        let flags = [
            (is_extended, EXTENDED_FLAG),
            (self.kind == FrameKind::Remote, REMOTE_FLAG),
            (self.kind == FrameKind::Error, ERROR_FLAG),
        ];
        let flags = flags.iter().filter(|(is_set, _)| *is_set);
        let since_start = self.time.nanoseconds(record)?;
        let stamp_ns = i128::from(start_ns).checked_add(since_start)?;
        let length = value(self.length).and_then(|length| u64::try_from(length).ok());
        let coded = || {
            let code = u64::try_from(value(self.length_code)?).ok()?;
            let long = code.checked_sub(9).map(|at| LENGTHS.get(at as usize));
            long.map_or(Some(code), Option::<&u64>::copied)
        };
        Some(Frame {
            stamp_ns: u64::try_from(stamp_ns).unwrap_or(u64::MAX),
            bus: value(self.bus),
            id: flags.fold(id, |id, (_, flag)| id | flag),
            length: length.or_else(coded),
        })
    }

    /// Where the payload of a record's frame is; none where the record says no place.
    pub(super) fn place<'r>(&self, record: &Record<'r>, frame: &Frame) -> Option<Place<'r>> {
        match self.data {
            _ if frame.length == Some(0) => Some(Place::Here(&[])),
            Data::None => Some(Place::Here(&[])),
            Data::Apart(field) => {
                let offset = field.integer(record)?;
                Some(Place::At(offset as u64))
            }
            Data::Within(field) => {
                let bytes = field.bytes(record);
                let length = frame.length.map_or(bytes.len(), |length| length as usize);
                bytes.get(..length).map(Place::Here)
            }
        }
    }

    /// Whether payloads lie apart from their records.
    pub(super) fn is_apart(&self) -> bool {
        matches!(self.data, Data::Apart(_))
    }
}

/// The definition of the messages that frames are handed on as, but for a comment that tells groups apart: each has an order of its
/// own.
pub(super) fn definition(group: &str) -> Option<String> {
    let known = crate::container::known::definition(MESSAGE_TYPE)?;
    Some(format!("# {group}\n{known}"))
}

/// The message type that frames are handed on as.
pub(super) const MESSAGE_TYPE: &str = "ros2_socketcan_msgs/msg/FdFrame";

/// A frame as such a message in CDR. Its header has no stamp: the time of the message counts.
pub(super) fn write(frame: &Frame, payload: &[u8], into: &mut Vec<u8>) {
    let is_extended = frame.id & EXTENDED_FLAG != 0;
    let is_error = frame.id & ERROR_FLAG != 0;
    into.clear();
    // Little-endian; a stamp of two words, and a frame without a name: its length and its end.
    into.extend_from_slice(&[0, 1, 0, 0]);
    into.extend_from_slice(&[0; 8]);
    into.extend_from_slice(&1_u32.to_le_bytes());
    into.extend_from_slice(&[0; 4]);
    into.extend_from_slice(&frame.id.to_le_bytes());
    let length = payload.len().min(usize::from(u8::MAX)) as u8;
    into.extend_from_slice(&[u8::from(is_extended), u8::from(is_error), length, 0]);
    into.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    into.extend_from_slice(payload);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::container::{Channel, MessageType};
    use crate::encoding::Described;
    use crate::encoding::rows::Slots;
    use crate::encoding::wants::{MESSAGE, Wants};
    use crate::limits::Limits;

    #[test]
    fn a_frame_is_read_as_it_is_written() {
        let text = super::definition("CAN_DataFrame").unwrap();
        let channel = Channel {
            topic: "CAN1".to_owned(),
            message_encoding: "cdr".to_owned(),
            schema: Arc::new(MessageType {
                name: MESSAGE_TYPE.to_owned(),
                encoding: "ros2msg".to_owned(),
                text: text.into_bytes(),
            }),
        };
        let limits = Limits::default();
        let described = Described::of(&channel, &limits).unwrap().unwrap();
        let mut wants = Wants::new(&described.definition);
        let id = wants.integer(MESSAGE, "id").unwrap();
        let length = wants.integer(MESSAGE, "len").unwrap();
        let extended = wants.truth(MESSAGE, "is_extended").unwrap();
        let data = wants.bytes(MESSAGE, "data").unwrap();
        let seconds = wants.integer(MESSAGE, "header.stamp.sec").unwrap();
        let program = described.decoder(&wants, &limits).unwrap();
        let frame = Frame {
            stamp_ns: 1,
            bus: None,
            id: 0x98fe_dcba,
            length: None,
        };
        let mut bytes = vec![1];
        for payload in [&[][..], &[1, 2, 3], &[9; 64]] {
            write(&frame, payload, &mut bytes);
            let mut slots = Slots::default();
            let row = program.run(&bytes, &limits, &mut slots).unwrap();
            assert_eq!(row.integer(id), 0x98fe_dcba);
            assert_eq!(row.integer(length), payload.len() as i64);
            assert_eq!((row.number(extended), row.integer(seconds)), (1.0, 0));
            assert_eq!(row.bytes(data), payload);
        }
    }
}
