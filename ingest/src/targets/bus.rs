//! Frames of vehicle buses, and what databases make of them.

use std::collections::HashMap;

use super::{Message, Taken, Target};
use crate::assembly::Assembly;
use crate::dbc::CanMessage;
use crate::encoding::wants::{Bytes, Integer, MESSAGE, Number, Wants};
use crate::error::Result;
use crate::facts::{BusRecord, NameId, SeriesId};
use crate::quality::{BusGap, BusGaps};

/// Flags that some interfaces keep in the upper bits of an identifier (those of `linux/can.h`), and the bits of the identifier itself.
const EXTENDED_FLAG: i64 = 0x8000_0000;
const REMOTE_FLAG: i64 = 0x4000_0000;
const ERROR_FLAG: i64 = 0x2000_0000;
const IDENTIFIER_BITS: i64 = 0x1fff_ffff;
/// The largest identifier of 11 bits.
const STANDARD_MAX: i64 = 0x7ff;

/// `can_msgs/msg/Frame`: the frame as it is, and what the bus databases make of it.
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
    /// Series of the values that the databases find, by database and signal.
    series: HashMap<(usize, usize), SeriesId>,
    gaps: BusGaps,
}

impl BusFrames {
    pub(super) fn of(
        topic: &str,
        wants: &mut Wants<'_>,
        drive: &mut Assembly<'_>,
    ) -> Result<Self, String> {
        Ok(Self {
            bus: drive.out.facts.bus_frames.bus(topic),
            can_id: wants.integer(MESSAGE, "id")?,
            data: wants.bytes(MESSAGE, "data")?,
            length: wants.integer(MESSAGE, "dlc").ok(),
            is_extended: wants.truth(MESSAGE, "is_extended").ok(),
            is_remote: wants.truth(MESSAGE, "is_rtr").ok(),
            is_error: wants.truth(MESSAGE, "is_error").ok(),
            series: HashMap::new(),
            gaps: BusGaps::default(),
        })
    }

    /// The values that the bus databases find in a frame, as signals `topic.Message.Signal`.
    fn signals(&mut self, message: &Message<'_>, record: &BusRecord<'_>, drive: &mut Assembly<'_>) {
        for (at, database) in drive.databases.iter().enumerate() {
            for found in database.decode(record.can_id, record.is_extended, record.data) {
                if !found.value.is_finite() {
                    continue;
                }
                let signals = &mut drive.out.facts.signals;
                let key = (at, found.signal);
                let series = self.series.entry(key).or_insert_with(|| {
                    let name = format!("{}.{}", message.topic, found.name);
                    signals.series(&name, found.unit, message.topic)
                });
                match found.text {
                    None => signals.push(*series, record.stamp_ns, found.value),
                    Some(text) => {
                        signals.push_text(*series, record.stamp_ns, Some(found.value), text);
                    }
                }
            }
        }
    }

    /// Notes a frame of which the bus databases make nothing, or not all.
    fn gap(&mut self, record: &BusRecord<'_>, drive: &Assembly<'_>) {
        let databases = drive.databases;
        let known = databases
            .iter()
            .filter_map(|database| database.message(record.can_id, record.is_extended));
        let gap = match known.map(CanMessage::payload_bytes).max() {
            None if databases.is_empty() => return,
            None => BusGap::Unknown,
            Some(expected_bytes) if expected_bytes > record.data.len() as u64 => {
                BusGap::Short { expected_bytes }
            }
            Some(_) => return,
        };
        self.gaps
            .push(gap, record.can_id, record.is_extended, record.stamp_ns);
    }
}

impl Target for BusFrames {
    fn take(&mut self, message: &Message<'_>, drive: &mut Assembly<'_>) -> Result<Taken> {
        let row = &message.row;
        let id = row.integer(self.can_id);
        let flag = |slot: Option<_>| slot.is_some_and(|slot| row.number(slot) != 0.0);
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
        drive.out.facts.bus_frames.push(self.bus, &record);
        if !(record.is_remote || record.is_error) {
            self.signals(message, &record, drive);
            self.gap(&record, drive);
        }
        Ok(Ok(()))
    }

    fn finish(self: Box<Self>, topic: &str, drive: &mut Assembly<'_>) {
        self.gaps.report(&mut drive.out.findings, topic);
    }
}
