//! Messages to rows: takes what a scan finds, decodes it, and hands it to the table that the mapping names.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use driveloop_schemas::Severity;
use driveloop_schemas::time::stamp_ns_from_sec_nanosec;

use super::McapOptions;
use super::calibration::Sensors;
use super::cdr::{Row, Slots};
use super::declarations::Channel;
use super::plan::{Decode, Handler, Plan};
use super::records::MessageRecord;
use super::scan::{Damage, Visitor};
use super::vehicle::{Fix, Poses};
use super::wants::Integer;
use crate::dbc::BusDecoder;
use crate::decoded::DecodedDrive;
use crate::error::{Error, Result};
use crate::findings::Found;
use crate::limits::Limits;
use crate::quality::{ClockOffset, FrozenPayloads};
use crate::sink::DriveSink;
use crate::stamps::FirstOfStamp;

/// Messages between two looks at how much memory the drive takes.
const MESSAGES_BETWEEN_LOOKS: u64 = 64;

/// A file while it is read.
pub(super) struct Reader<'a> {
    pub(super) file: &'a str,
    pub(super) options: &'a McapOptions,
    pub(super) limits: &'a Limits,
    pub(super) sink: &'a mut dyn DriveSink,
    pub(super) out: DecodedDrive,
    pub(super) metadata: BTreeMap<String, String>,
    /// By id.
    channels: Vec<Option<Rc<Topic>>>,
    /// What came of each topic so far.
    pub(super) topics: BTreeMap<String, usize>,
    pub(super) seen: Vec<Seen>,
    /// Poses by topic, and those from transforms.
    pub(super) poses: BTreeMap<String, Poses>,
    pub(super) transforms: BTreeMap<String, Poses>,
    pub(super) fixes: Vec<Fix>,
    pub(super) sensors: Sensors,
    /// Topics of objects without identity; and whether others have some.
    pub(super) untracked: BTreeSet<String>,
    pub(super) has_tracks: bool,
    pub(super) bus: BusDecoder<'a>,
    slots: Slots,
    /// Steps of all programs.
    pub(super) steps: usize,
    /// The first and last stamp of a message.
    pub(super) span_ns: Option<(i64, i64)>,
    messages: u64,
}

/// A channel and what to do with it.
pub(super) struct Topic {
    pub(super) name: String,
    pub(super) schema: String,
    /// Its place in [`Reader::seen`].
    pub(super) at: usize,
    plan: Plan,
}

/// The stamps of a topic that becomes rows.
#[derive(Default)]
pub(super) struct Seen {
    /// In the order of the file.
    pub(super) stamps_ns: Vec<i64>,
    first: FirstOfStamp,
    pub(super) clock: ClockOffset,
    /// Of images or sweeps.
    pub(super) frozen: FrozenPayloads,
}

/// A message on its way to its table.
pub(super) struct Message<'m> {
    pub(super) topic: &'m str,
    pub(super) schema: &'m str,
    /// Place of the topic in [`Reader::seen`].
    pub(super) at: usize,
    pub(super) stamp_ns: i64,
    pub(super) row: Row<'m>,
    pub(super) data: &'m [u8],
}

/// Why a record is not stored.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) check: &'static str,
    pub(super) severity: Severity,
    pub(super) reason: String,
}

impl Refused {
    /// A message without a usable value that its table needs.
    pub(super) fn field(path: &str) -> Self {
        Self::error(
            "message_damaged",
            format!("expected a usable field `{path}`, got none"),
        )
    }

    pub(super) fn error(check: &'static str, reason: String) -> Self {
        Self {
            check,
            severity: Severity::Error,
            reason,
        }
    }

    pub(super) fn info(check: &'static str, reason: String) -> Self {
        Self {
            check,
            severity: Severity::Info,
            reason,
        }
    }

    pub(super) fn duplicate(stamp_ns: i64) -> Self {
        let reason =
            format!("expected one record a stamp, got another at {stamp_ns}; the first was kept");
        Self {
            check: "duplicate_stamp",
            severity: Severity::Warning,
            reason,
        }
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        file: &'a str,
        options: &'a McapOptions,
        limits: &'a Limits,
        sink: &'a mut dyn DriveSink,
    ) -> Self {
        Self {
            file,
            options,
            limits,
            sink,
            out: DecodedDrive::default(),
            metadata: BTreeMap::new(),
            channels: Vec::new(),
            topics: BTreeMap::new(),
            seen: Vec::new(),
            poses: BTreeMap::new(),
            transforms: BTreeMap::new(),
            fixes: Vec::new(),
            sensors: Sensors::default(),
            untracked: BTreeSet::new(),
            has_tracks: false,
            bus: BusDecoder::new(&options.buses, limits.signals_max),
            slots: Slots::default(),
            steps: 0,
            span_ns: None,
            messages: 0,
        }
    }

    /// Whether this is the first row of the topic at the stamp.
    pub(super) fn is_first(&mut self, message: &Message<'_>) -> bool {
        let Seen {
            stamps_ns, first, ..
        } = &mut self.seen[message.at];
        // The stamp itself is the last of them.
        let earlier = &stamps_ns[..stamps_ns.len().saturating_sub(1)];
        first.is_first(message.stamp_ns, || earlier.iter().copied())
    }

    /// Reports a record that is not stored.
    pub(super) fn refuse(&mut self, subject: &str, stamp_ns: Option<i64>, refused: Refused) {
        let found = Found::dropped(refused.check, refused.severity, subject, stamp_ns);
        self.out.findings.add(found, || refused.reason);
    }

    fn take(
        &mut self,
        topic: &Topic,
        decode: &Decode,
        record: &MessageRecord<'_>,
        slots: &mut Slots,
    ) -> Result<()> {
        let row = match decode.program.run(record.data, self.limits, slots) {
            Ok(row) => row,
            Err(reason) => {
                self.refuse(&topic.name, None, Refused::error("message_damaged", reason));
                return Ok(());
            }
        };
        let stamp_ns = match stamp_of(&row, decode.stamp, record.log_time) {
            Ok(stamp_ns) => stamp_ns,
            Err(refused) => {
                self.refuse(&topic.name, None, refused);
                return Ok(());
            }
        };
        let seen = &mut self.seen[topic.at];
        seen.stamps_ns.push(stamp_ns);
        let log_time_ns = i64::try_from(record.log_time).unwrap_or(i64::MAX);
        seen.clock.push(stamp_ns, log_time_ns);
        let (first, last) = self.span_ns.unwrap_or((stamp_ns, stamp_ns));
        self.span_ns = Some((first.min(stamp_ns), last.max(stamp_ns)));
        let message = Message {
            topic: &topic.name,
            schema: &topic.schema,
            at: topic.at,
            stamp_ns,
            row,
            data: record.data,
        };
        let done = match &decode.handler {
            Handler::EgoState(slots) => self.odometry(&message, slots),
            Handler::EgoTransform(slots) => self.transform(&message, slots),
            Handler::StaticTransform(slots) => self.static_transform(&message, slots),
            Handler::CameraInfo(slots) => self.camera_info(&message, slots),
            Handler::GeoPosition(slots) => self.fix(&message, slots),
            Handler::Objects(slots) => self.objects(&message, slots),
            Handler::Signals(fields) => self.signals(&message, fields),
            Handler::Can(slots) => {
                self.can_frame(&message, slots);
                Ok(())
            }
            Handler::CameraFrame(slots) => self.camera_frame(&message, slots)?,
            Handler::LidarSweep(slots) => self.lidar_sweep(&message, slots)?,
            Handler::Map(text) => self.map(&message, *text),
        };
        match done {
            Ok(()) => self.out.records_used += 1,
            Err(refused) => self.refuse(&topic.name, Some(stamp_ns), refused),
        }
        Ok(())
    }

    /// Sends rows ahead where they take too much memory, and gives up a drive that does all the same.
    fn look_at_memory(&mut self) -> Result<()> {
        let limits = self.limits;
        let facts = &mut self.out.facts;
        let spillable: usize = facts.spillable().iter().map(|facts| facts.bytes()).sum();
        if spillable > limits.spill_bytes_max {
            let first_ns = self.span_ns.map_or(0, |span| span.0);
            self.sink.spill(facts, first_ns)?;
        }
        let stamps: usize = self.seen.iter().map(|seen| seen.stamps_ns.len()).sum();
        let poses = self.poses.values().chain(self.transforms.values());
        let poses: usize = poses.map(Poses::bytes).sum();
        let held = self.out.facts.bytes() + stamps * size_of::<i64>() + poses;
        if held > limits.drive_bytes_max {
            let (subject, max) = (self.file.to_owned(), limits.drive_bytes_max as u64);
            return Err(Error::Limit {
                subject,
                limit: "drive_bytes_max",
                max,
                actual: held as u64,
            });
        }
        Ok(())
    }
}

impl Visitor for Reader<'_> {
    fn channel(&mut self, id: u16, channel: &Channel) {
        let plan = self.plan(channel);
        let next = self.seen.len();
        let at = *self.topics.entry(channel.topic.clone()).or_insert(next);
        if at == next {
            self.seen.push(Seen::default());
        }
        let topic = Topic {
            name: channel.topic.clone(),
            schema: channel.schema.name.clone(),
            at,
            plan,
        };
        let id = usize::from(id);
        if self.channels.len() <= id {
            self.channels.resize(id + 1, None);
        }
        self.channels[id] = Some(Rc::new(topic));
    }

    fn message(&mut self, record: &MessageRecord<'_>) -> Result<()> {
        self.out.records_in += 1;
        self.messages += 1;
        if self.out.records_in > self.limits.records_max {
            let (subject, max) = (self.file.to_owned(), self.limits.records_max);
            return Err(Error::Limit {
                subject,
                limit: "records_max",
                max,
                actual: self.out.records_in,
            });
        }
        if self.messages.is_multiple_of(MESSAGES_BETWEEN_LOOKS) {
            self.look_at_memory()?;
        }
        let id = usize::from(record.channel_id);
        let Some(topic) = self.channels.get(id).cloned().flatten() else {
            let reason = format!("expected a channel {id}, got none before its message");
            let file = self.file;
            self.refuse(file, None, Refused::error("unknown_channel", reason));
            return Ok(());
        };
        match &topic.plan {
            Plan::Decode(decode) => {
                let mut slots = std::mem::take(&mut self.slots);
                let done = self.take(&topic, decode, record, &mut slots);
                self.slots = slots;
                return done;
            }
            Plan::Unmapped(reason) => {
                let refused = Refused::info("unmapped_topic", reason.clone());
                self.refuse(&topic.name, None, refused);
            }
            Plan::Unreadable(reason) => {
                let refused = Refused::error("unreadable_definition", reason.clone());
                self.refuse(&topic.name, None, refused);
            }
        }
        Ok(())
    }

    fn metadata(&mut self, name: &str, values: BTreeMap<String, String>) {
        if name == super::METADATA {
            self.metadata = values;
        }
    }

    fn attachment(&mut self, name: &str) {
        self.out.records_in += 1;
        let reason = "attachments have no table".to_owned();
        self.refuse(name, None, Refused::info("unmapped_attachment", reason));
    }

    fn damage(&mut self, damage: Damage) {
        // Records that were never seen count as read, so that they show as dropped.
        self.out.records_in += damage.lost;
        self.out.is_damaged = true;
        let severity = if damage.lost > 0 || damage.check != "truncated" {
            Severity::Error
        } else {
            Severity::Warning
        };
        let found = Found {
            check: damage.check,
            severity,
            subject: self.file,
            span_ns: None,
            count: damage.lost.max(1),
            dropped: damage.lost,
        };
        let findings = &mut self.out.findings;
        findings.add_at(found, Some(damage.offset), || {
            format!(
                "at byte {}: {}; messages lost there, as far as known: {}",
                damage.offset, damage.reason, damage.lost
            )
        });
    }
}

/// The stamp of a message, else the time at which it was logged.
fn stamp_of(
    row: &Row<'_>,
    stamp: Option<(Integer, Integer)>,
    log_time: u64,
) -> Result<i64, Refused> {
    let parts = stamp.map(|(sec, nanosec)| (row.integer(sec), row.integer(nanosec)));
    let parts = parts.filter(|parts| *parts != (0, 0));
    let stamp_ns = match parts {
        Some((sec, nanosec)) => stamp_ns(sec, nanosec),
        None => i64::try_from(log_time).ok(),
    };
    stamp_ns.filter(|stamp_ns| *stamp_ns >= 0).ok_or_else(|| {
        let actual = match parts {
            Some((sec, nanosec)) => format!("{sec} s, {nanosec} ns"),
            None => format!("{log_time} ns"),
        };
        Refused::error(
            "stamp_out_of_range",
            format!("expected nanoseconds since 1970 in 63 bits, got {actual}"),
        )
    })
}

/// Nanoseconds from the parts of a stamp, where those are in range.
pub(super) fn stamp_ns(sec: i64, nanosec: i64) -> Option<i64> {
    let nanosec = u32::try_from(nanosec).ok()?;
    let fits = nanosec < 1_000_000_000;
    fits.then(|| stamp_ns_from_sec_nanosec(sec, nanosec))?
}
