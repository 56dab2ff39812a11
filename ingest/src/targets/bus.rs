//! Frames of vehicle buses, and what databases make of them.

use super::target::{Message, Taken, Target};
use crate::assembly::Assembly;
use crate::encoding::wants::{Bytes, Integer, MESSAGE, Number, Wants};
use crate::error::Result;
use crate::facts::{BusRecord, NameId};

/// Flags that some interfaces keep in the upper bits of an identifier (those of `linux/can.h`), and the bits of the identifier itself.
const EXTENDED_FLAG: i64 = 0x8000_0000;
const REMOTE_FLAG: i64 = 0x4000_0000;
const ERROR_FLAG: i64 = 0x2000_0000;
const IDENTIFIER_BITS: i64 = 0x1fff_ffff;
/// The largest identifier of 11 bits.
const STANDARD_MAX: i64 = 0x7ff;

/// `can_msgs/msg/Frame` and `ros2_socketcan_msgs/msg/FdFrame`: the frame as it is, and what the bus databases make of it.
///
/// Frames of one stamp and identifier are all kept: clocks of bus interfaces are coarse.
pub(super) struct BusFrames {
    bus: NameId,
    can_id: Integer,
    data: Bytes,
    length: Option<Integer>,
    is_extended: Option<Number>,
    is_remote: Option<Number>,
    is_error: Option<Number>,
}

impl BusFrames {
    pub(super) fn of(
        topic: &str,
        wants: &mut Wants<'_>,
        drive: &mut Assembly<'_>,
    ) -> Result<Self, String> {
        let length = wants.integer(MESSAGE, "dlc");
        Ok(Self {
            bus: drive.out.facts.bus_frames.bus(topic),
            can_id: wants.integer(MESSAGE, "id")?,
            data: wants.bytes(MESSAGE, "data")?,
            length: length.or_else(|_| wants.integer(MESSAGE, "len")).ok(),
            is_extended: wants.truth(MESSAGE, "is_extended").ok(),
            is_remote: wants.truth(MESSAGE, "is_rtr").ok(),
            is_error: wants.truth(MESSAGE, "is_error").ok(),
        })
    }
}

impl Target for BusFrames {
    fn take(&mut self, message: &Message<'_>, drive: &mut Assembly<'_>) -> Result<Taken> {
        let row = &message.row;
        let id = row.integer(self.can_id);
        let flag = |slot: Option<_>| slot.is_some_and(|slot| row.is_true(slot));
        let data = row.bytes(self.data);
        let length = self.length.map_or(data.len(), |slot| {
            usize::try_from(row.integer(slot)).map_or(0, |length| length.min(data.len()))
        });
        let can_id = id & IDENTIFIER_BITS;
        let record = BusRecord {
            stamp_ns: message.stamp_ns,
            can_id: can_id as u32,
            is_extended: flag(self.is_extended) || id & EXTENDED_FLAG != 0 || can_id > STANDARD_MAX,
            is_remote: flag(self.is_remote) || id & REMOTE_FLAG != 0,
            is_error: flag(self.is_error) || id & ERROR_FLAG != 0,
            data: &data[..length],
        };
        let facts = &mut drive.out.facts;
        facts.bus_frames.push(self.bus, &record);
        drive
            .bus
            .take(self.bus, message.topic, &record, &mut facts.signals);
        Ok(Ok(()))
    }
}
