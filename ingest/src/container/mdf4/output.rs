//! What becomes of records: frames are handed on as messages, those whose payload is still to come wait for it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::chain::Ledger;
use super::field::Record;
use super::frames::{self, Frame, Layout, Place};
use super::groups::{Group, Records};
use super::header::{Header, Unfinished};
use super::payloads::{Payload, Payloads};
use crate::container::{Channel, Damage, MessageType, RawMessage, Visitor};
use crate::error::Result;
use crate::limits::Limits;

/// Frames that wait for their payloads: of those that wait longer, the payload is lost.
const WAITING_MAX: usize = 65_536;
/// Channels of a file: stops records that name a bus each.
const CHANNELS_MAX: usize = 4096;

/// Why a record is lost, besides that its payload is.
const NO_FRAME: &str = "expected a frame with an identifier and a time, got a record without";
const NO_CHANNEL: &str = "expected at most 4096 buses of groups in a file, got one more";

/// Where messages and damage go.
pub(super) struct Output<'a, 'v> {
    pub(super) limits: &'a Limits,
    pub(super) ledger: Ledger,
    header: Header,
    visitor: &'v mut dyn Visitor,
    /// By group and bus.
    channels: BTreeMap<(usize, Option<i64>), u16>,
    message: Vec<u8>,
    /// Records that the file says it has, or has beyond that.
    expected: u64,
}

impl<'a, 'v> Output<'a, 'v> {
    pub(super) fn new(
        limits: &'a Limits,
        ledger: Ledger,
        header: Header,
        visitor: &'v mut dyn Visitor,
    ) -> Self {
        Self {
            limits,
            ledger,
            header,
            visitor,
            channels: BTreeMap::new(),
            message: Vec::new(),
            expected: 0,
        }
    }

    /// Whether the file says how many records it has.
    pub(super) fn has_counts(&self) -> bool {
        !self.header.unfinished.is_some_and(Unfinished::counts)
    }

    /// Tells the visitor what was found damaged.
    pub(super) fn tell(&mut self) {
        for damage in self.ledger.damage.drain(..) {
            self.visitor.damage(damage);
        }
    }

    /// Compares what there was with what the file says.
    pub(super) fn finish(&mut self, file: &str) {
        self.tell();
        if self.has_counts() {
            self.visitor.counted(file, self.expected);
        }
    }

    /// The channel of a group's records, or of those of one bus; none where there are too many.
    fn channel(&mut self, group: &Group, bus: Option<i64>) -> Option<u16> {
        let key = (group.number, bus);
        if let Some(id) = self.channels.get(&key) {
            return Some(*id);
        }
        let id = self.channels.len();
        if id >= CHANNELS_MAX {
            return None;
        }
        let id = id as u16;
        self.visitor.channel(id, &channel_of(group, bus));
        self.channels.insert(key, id);
        Some(id)
    }

    /// Hands on a frame; says whether it has a channel.
    fn frame(&mut self, group: &Group, frame: &Frame, payload: &[u8]) -> Result<bool> {
        let Some(channel_id) = self.channel(group, frame.bus) else {
            return Ok(false);
        };
        frames::write(frame, payload, &mut self.message);
        self.visitor.message(&RawMessage {
            channel_id,
            log_time: frame.stamp_ns,
            data: &self.message,
        })?;
        Ok(true)
    }

    /// Hands on a record that no table takes; says whether it has a channel.
    fn other(&mut self, group: &Group) -> Result<bool> {
        let Some(channel_id) = self.channel(group, None) else {
            return Ok(false);
        };
        self.visitor.message(&RawMessage {
            channel_id,
            log_time: self.header.start.start_ns,
            data: &[],
        })?;
        Ok(true)
    }
}

fn channel_of(group: &Group, bus: Option<i64>) -> Channel {
    let Records::Frames { layout, .. } = &group.records else {
        let schema = MessageType {
            name: group.name.clone(),
            ..MessageType::default()
        };
        return Channel {
            topic: group.name.clone(),
            message_encoding: "mdf".to_owned(),
            schema: Arc::new(schema),
        };
    };
    let source = format!("{}, group {}", layout.kind.name(), group.number);
    let text = frames::definition(&source).unwrap_or_default();
    Channel {
        topic: bus.map_or_else(|| "CAN".to_owned(), |bus| format!("CAN{bus}")),
        message_encoding: "cdr".to_owned(),
        schema: Arc::new(MessageType {
            name: frames::MESSAGE_TYPE.to_owned(),
            encoding: "ros2msg".to_owned(),
            text: text.into_bytes(),
        }),
    }
}

/// A group while its records are read.
pub(super) struct State<'a> {
    payloads: Option<Payloads<'a>>,
    /// The group that has its payloads, where they come between the records.
    values_at: Option<u64>,
    /// Frames whose payloads are still to come, and where those lie.
    waiting: VecDeque<(Frame, u64)>,
    /// Where the payload of the next frame lies, where payloads come in the order of the frames.
    next_value: Option<u64>,
    /// Records so far.
    met: u64,
    /// Records that were gone over as lost.
    over: u64,
    lost: BTreeMap<(&'static str, &'static str), u64>,
}

impl<'a> State<'a> {
    /// A group without payloads, or whose payloads lie in its records.
    pub(super) fn new() -> Self {
        Self {
            payloads: None,
            values_at: None,
            waiting: VecDeque::new(),
            next_value: None,
            met: 0,
            over: 0,
            lost: BTreeMap::new(),
        }
    }

    /// A group whose payloads lie apart.
    pub(super) fn of(payloads: Payloads<'a>) -> Self {
        Self {
            payloads: Some(payloads),
            ..Self::new()
        }
    }

    /// A group whose payloads come between the records, as those of another one. `in_order` where their offsets are not set.
    pub(super) fn between(values_at: u64, in_order: bool) -> Self {
        Self {
            values_at: Some(values_at),
            next_value: in_order.then_some(0),
            ..Self::of(Payloads::between())
        }
    }

    pub(super) fn is_owner_of(&self, values_at: u64) -> bool {
        self.values_at == Some(values_at)
    }

    /// The number of the next record.
    pub(super) fn next_index(&self) -> u64 {
        self.met.saturating_add(self.over)
    }

    /// Goes over records that are lost.
    pub(super) fn go_over(&mut self, records: u64) {
        self.over = self.over.saturating_add(records);
    }

    fn lose(&mut self, check: &'static str, reason: &'static str) {
        *self.lost.entry((check, reason)).or_default() += 1;
    }

    /// Takes a value that came between the records.
    pub(super) fn value(
        &mut self,
        value: &[u8],
        group: &Group,
        output: &mut Output<'a, '_>,
    ) -> Result<()> {
        if let Some(payloads) = &mut self.payloads {
            payloads.push(value);
        }
        self.hand_on_waiting(group, output)
    }

    /// Takes a record.
    pub(super) fn record(
        &mut self,
        group: &Group,
        record: &Record<'_>,
        output: &mut Output<'a, '_>,
    ) -> Result<()> {
        self.met += 1;
        match &group.records {
            Records::Values => {}
            Records::Unreadable(_) => self.lose("declaration", ""),
            Records::Others => {
                if !output.other(group)? {
                    self.lose("declaration", NO_CHANNEL);
                }
            }
            Records::Frames { layout, .. } => {
                self.frame(group, layout, record, output)?;
            }
        }
        Ok(())
    }

    fn frame(
        &mut self,
        group: &Group,
        layout: &Layout,
        record: &Record<'_>,
        output: &mut Output<'a, '_>,
    ) -> Result<()> {
        let frame = layout.frame(record, output.header.start.start_ns);
        let placed = frame.and_then(|frame| Some((frame, layout.place(record, &frame)?)));
        let Some((frame, place)) = placed else {
            self.lose("record_damaged", NO_FRAME);
            return Ok(());
        };
        match place {
            Place::Here(payload) => {
                if !output.frame(group, &frame, payload)? {
                    self.lose("declaration", NO_CHANNEL);
                }
                Ok(())
            }
            Place::At(offset) => {
                self.waiting.push_back((frame, offset));
                self.hand_on_waiting(group, output)
            }
        }
    }

    /// Hands on frames as far as their payloads have come.
    fn hand_on_waiting(&mut self, group: &Group, output: &mut Output<'a, '_>) -> Result<()> {
        while let Some((frame, offset)) = self.waiting.front().copied() {
            let Some(payloads) = &mut self.payloads else {
                self.waiting.clear();
                return Ok(());
            };
            let offset = self.next_value.unwrap_or(offset);
            let lost = match payloads.get(offset, &mut output.ledger)? {
                Payload::Ahead if self.waiting.len() <= WAITING_MAX => return Ok(()),
                Payload::Ahead => Some("it did not come"),
                Payload::Lost(reason) => Some(reason),
                // An empty value belongs to an empty frame, which does not wait for it.
                Payload::Bytes([]) if self.next_value.is_some() => {
                    self.next_value = Some(offset + 4);
                    continue;
                }
                Payload::Bytes(bytes) => {
                    self.next_value = self.next_value.map(|at| at + 4 + bytes.len() as u64);
                    let length = frame.length.map_or(bytes.len(), |length| length as usize);
                    match bytes.get(..length) {
                        Some(payload) if output.frame(group, &frame, payload)? => None,
                        Some(_) => Some(NO_CHANNEL),
                        None => Some("it is shorter than the record says"),
                    }
                }
            };
            self.waiting.pop_front();
            if let Some(reason) = lost {
                self.lose("payload_missing", reason);
            }
        }
        Ok(())
    }

    /// Hands on what waits, and says what was lost of the group.
    pub(super) fn finish(mut self, group: &Group, output: &mut Output<'a, '_>) -> Result<()> {
        if let Some(payloads) = &mut self.payloads {
            payloads.finish();
        }
        self.hand_on_waiting(group, output)?;
        if group.records == Records::Values {
            return Ok(());
        }
        for ((check, reason), lost) in std::mem::take(&mut self.lost) {
            let reason = match &group.records {
                Records::Unreadable(reason) => reason.clone(),
                _ if check == "payload_missing" => {
                    format!(
                        "expected the payload of each frame of `{}`, got: {reason}",
                        group.name
                    )
                }
                _ => reason.to_owned(),
            };
            let offset = group.at;
            output.ledger.damage.push(Damage {
                check,
                offset,
                lost,
                reason,
            });
        }
        let count = group.count.min(output.limits.records_max);
        if output.has_counts() && self.met > count {
            let reason = format!(
                "expected {count} records of `{}`, as the file says, got {}",
                group.name, self.met
            );
            output.ledger.damage.push(Damage {
                check: "record_damaged",
                offset: group.at,
                lost: 0,
                reason,
            });
        }
        output.expected = output.expected.saturating_add(count.max(self.met));
        output.tell();
        Ok(())
    }
}
