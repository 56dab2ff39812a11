//! Messages to rows: takes what a container holds, decodes it, and hands it to the target that the mapping names.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read as _;

use driveloop_schemas::Severity;

use super::TopicOptions;
use super::plan::Plan;
use crate::apart::{Apart, Witness};
use crate::assembly::Assembly;
use crate::container::{Channel, Damage, RawMessage, Visitor};
use crate::decoded::DecodedDrive;
use crate::encoding::rows::Slots;
use crate::error::{Error, Result};
use crate::findings::Found;
use crate::limits::Limits;
use crate::paged::Paged;
use crate::quality::{ClockOffset, check_coverage, check_order, check_periods};
use crate::refused::Refused;
use crate::targets::{Message, Timing};

/// The first bytes of a frame of Zstandard (RFC 8878).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Messages between two looks at how much memory the drive takes.
const MESSAGES_BETWEEN_LOOKS: u64 = 64;

/// A log while it is read.
pub(super) struct Reader<'a> {
    /// The file that is read.
    file: String,
    options: &'a TopicOptions,
    apart: Option<&'a Apart>,
    drive: Assembly<'a>,
    /// Place of each channel's topic, by the channel's id in the file.
    channels: Vec<Option<usize>>,
    topics: Vec<Topic>,
    /// Places of the topics by name; of several message types under one name each has its own.
    by_name: BTreeMap<String, Vec<usize>>,
    slots: Slots,
    /// Steps of all programs.
    steps: usize,
    /// The first and last stamp of a message.
    span_ns: Option<(i64, i64)>,
    messages: u64,
    /// Messages that damage is known to have cost.
    lost: u64,
    /// Messages, met and lost, of the files before this one.
    met_before: u64,
}

/// A topic and what to do with its messages.
struct Topic {
    channel: Channel,
    plan: Plan,
    /// In the order of the log.
    stamps_ns: Paged<i64>,
    clock: ClockOffset,
}

impl Topic {
    /// About how much memory it takes.
    fn bytes(&self) -> usize {
        let target = match &self.plan {
            Plan::Decode { target, .. } => target.bytes(),
            _ => 0,
        };
        self.stamps_ns.bytes() + target
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        options: &'a TopicOptions,
        apart: Option<&'a Apart>,
        drive: Assembly<'a>,
    ) -> Self {
        Self {
            file: String::new(),
            options,
            apart,
            drive,
            channels: Vec::new(),
            topics: Vec::new(),
            by_name: BTreeMap::new(),
            slots: Slots::default(),
            steps: 0,
            span_ns: None,
            messages: 0,
            lost: 0,
            met_before: 0,
        }
    }

    /// The drive, once the log was read.
    pub(super) fn finish(mut self) -> DecodedDrive {
        let apart = match self.apart {
            Some(_) => None,
            None => self.look_for_other_times(),
        };
        let drive_ns = self.span_ns.unwrap_or_default();
        let findings = &mut self.drive.out.findings;
        for (name, places) in &self.by_name {
            let mut stamps = Paged::new(&self.drive.store);
            for at in places {
                let topic = &mut self.topics[*at];
                // Those of each channel are in the order of the log; channels may lie one behind the other.
                check_order(findings, name, &topic.stamps_ns);
                let own = std::mem::take(&mut topic.stamps_ns);
                if stamps.is_empty() {
                    stamps = own;
                } else {
                    stamps.extend(&own);
                }
                std::mem::take(&mut topic.clock).report(findings, name);
            }
            let stamps = stamps.sorted_by_key(|stamp| *stamp);
            check_periods(findings, name, &stamps);
            check_coverage(findings, name, &stamps, drive_ns);
        }
        self.drive.out.facts.signals.report_frozen(findings);
        for topic in self.topics {
            if let Plan::Decode { target, .. } = topic.plan {
                target.finish(&topic.channel.topic, &mut self.drive);
            }
        }
        let mut drive = self.drive.finish();
        drive.apart = apart;
        drive
    }

    fn look_for_other_times(&self) -> Option<Apart> {
        let poses = &self.drive.poses;
        Apart::of(self.topics.iter().map(|topic| {
            let name = topic.channel.topic.as_str();
            let witness = if poses.contains_key(name) {
                Witness::Ego
            } else {
                Witness::Other
            };
            (name, &topic.stamps_ns, witness)
        }))
    }

    /// Works out what to do with a topic whose first message has to say what messages hold; whether it does.
    fn plan_by(&mut self, at: usize, message: &[u8]) -> bool {
        let (topic, drive) = (&mut self.topics[at], &mut self.drive);
        let mapping = &self.options.mapping;
        match Plan::of_first(message, &topic.channel, mapping, drive, &mut self.steps) {
            Ok(plan) => {
                topic.plan = plan;
                true
            }
            Err(reason) => {
                let refused = Refused::error("message_damaged", reason);
                drive.refuse(&topic.channel.topic, None, refused);
                false
            }
        }
    }

    fn take(&mut self, at: usize, message: &RawMessage<'_>) -> Result<()> {
        let topic = &mut self.topics[at];
        let Channel {
            topic: name,
            message_encoding: encoding,
            schema,
        } = &topic.channel;
        let drive = &mut self.drive;
        let (decoder, stamp, target) = match topic.plan.decode() {
            Ok(parts) => parts,
            Err(refused) => {
                drive.refuse(name, None, refused);
                return Ok(());
            }
        };
        let data = unpacked(message.data, encoding, drive.limits);
        let row = data.as_ref().map_err(String::clone);
        let row = row.and_then(|data| {
            let row = decoder.run(data, drive.limits, &mut self.slots)?;
            Ok((row, data))
        });
        let (row, data) = match row {
            Ok(row) => row,
            Err(reason) => {
                drive.refuse(name, None, Refused::error("message_damaged", reason));
                return Ok(());
            }
        };
        let stamped = stamp.map_or(Ok(None), |stamp| stamp.of_message(&row));
        let stamp_ns = in_range(stamped, message.log_time);
        let timing = target.timing();
        let apart = self.apart.filter(|_| timing == Timing::OfMessage);
        let stamp_ns = match stamp_ns.and_then(|stamp_ns| own(stamp_ns, name, apart)) {
            Ok(stamp_ns) => stamp_ns,
            Err(refused) => {
                drive.refuse(name, None, refused);
                return Ok(());
            }
        };
        if timing == Timing::OfMessage {
            topic.clock.push(stamp_ns, message.log_time);
            let (first, last) = self.span_ns.unwrap_or((stamp_ns, stamp_ns));
            self.span_ns = Some((first.min(stamp_ns), last.max(stamp_ns)));
        }
        let done = target.take(
            &Message {
                topic: name,
                encoding,
                schema: &schema.name,
                stamp_ns,
                earlier_ns: &topic.stamps_ns,
                row,
                data,
            },
            drive,
        )?;
        if timing == Timing::OfMessage {
            topic.stamps_ns.push(stamp_ns);
        }
        match done {
            Ok(()) => drive.out.records_used += 1,
            Err(refused) => drive.refuse(name, Some(stamp_ns), refused),
        }
        Ok(())
    }

    /// Sends rows ahead where they take too much memory, and gives up a drive that does all the same.
    fn look_at_memory(&mut self) -> Result<()> {
        let drive = &mut self.drive;
        let facts = &mut drive.out.facts;
        let spillable: usize = facts.spillable().iter().map(|facts| facts.bytes()).sum();
        if spillable > drive.limits.spill_bytes_max {
            let first_ns = self.span_ns.map_or(0, |span| span.0);
            drive.sink.spill(facts, first_ns)?;
        }
        drive.store.check(&self.file)?;
        let topics: usize = self.topics.iter().map(Topic::bytes).sum();
        let held = drive.out.facts.bytes() + topics + drive.bytes();
        let max = drive.limits.drive_bytes_max;
        self.bound("drive_bytes_max", max as u64, held as u64)
    }

    fn bound(&self, limit: &'static str, max: u64, actual: u64) -> Result<()> {
        if actual <= max {
            return Ok(());
        }
        Err(Error::Limit {
            subject: self.file.clone(),
            limit,
            max,
            actual,
        })
    }
}

impl Visitor for Reader<'_> {
    fn file(&mut self, path: &str) {
        path.clone_into(&mut self.file);
        self.channels.clear();
        self.met_before = self.messages + self.lost;
    }

    fn channel(&mut self, id: u16, channel: &Channel) {
        let places = self.by_name.entry(channel.topic.clone()).or_default();
        let known = places
            .iter()
            .copied()
            .find(|at| self.topics[*at].channel == *channel);
        let at = known.unwrap_or(self.topics.len());
        if known.is_none() {
            places.push(at);
            let mapping = &self.options.mapping;
            let plan = Plan::of(channel, mapping, &mut self.drive, &mut self.steps);
            self.topics.push(Topic {
                channel: channel.clone(),
                plan,
                stamps_ns: Paged::new(&self.drive.store),
                clock: ClockOffset::default(),
            });
        }
        let id = usize::from(id);
        if self.channels.len() <= id {
            self.channels.resize(id + 1, None);
        }
        self.channels[id] = Some(at);
    }

    fn message(&mut self, message: &RawMessage<'_>) -> Result<()> {
        self.drive.out.records_in += 1;
        self.messages += 1;
        let (max, actual) = (self.drive.limits.records_max, self.drive.out.records_in);
        self.bound("records_max", max, actual)?;
        if self.messages.is_multiple_of(MESSAGES_BETWEEN_LOOKS) {
            self.look_at_memory()?;
        }
        let id = usize::from(message.channel_id);
        let Some(at) = self.channels.get(id).copied().flatten() else {
            let reason = format!("expected a channel {id}, got none before its message");
            let refused = Refused::error("unknown_channel", reason);
            self.drive.refuse(&self.file, None, refused);
            return Ok(());
        };
        if matches!(self.topics[at].plan, Plan::Awaited) && !self.plan_by(at, message.data) {
            return Ok(());
        }
        self.take(at, message)
    }

    fn metadata(&mut self, name: &str, values: BTreeMap<String, String>) {
        if name == super::METADATA {
            self.drive.metadata = values;
        }
    }

    fn attachment(&mut self, name: &str) {
        self.drive.out.records_in += 1;
        let reason = "attachments have no table".to_owned();
        let refused = Refused::info("unmapped_attachment", reason);
        self.drive.refuse(name, None, refused);
    }

    fn damage(&mut self, damage: Damage) {
        let out = &mut self.drive.out;
        // Records that were never seen count as read, so that they show as dropped.
        out.records_in += damage.lost;
        self.lost += damage.lost;
        out.is_damaged = true;
        let severity = if damage.lost > 0 || damage.check != "truncated" {
            Severity::Error
        } else {
            Severity::Warning
        };
        let found = Found {
            check: damage.check,
            severity,
            subject: &self.file,
            span_ns: None,
            count: damage.lost.max(1),
            dropped: damage.lost,
        };
        out.findings.add_at(found, Some(damage.offset), || {
            format!(
                "at byte {}: {}; messages lost there, as far as known: {}",
                damage.offset, damage.reason, damage.lost
            )
        });
    }

    fn assumed(&mut self, check: &'static str, reason: &str) {
        let found = Found::one(check, Severity::Warning, &self.file, None);
        self.drive.out.findings.add(found, || reason.to_owned());
    }

    fn counted(&mut self, subject: &str, messages: u64) {
        let met = self.messages + self.lost;
        let met = if subject == self.file {
            met - self.met_before
        } else {
            met
        };
        let missing = messages.saturating_sub(met);
        if missing == 0 {
            return;
        }
        self.lost += missing;
        let out = &mut self.drive.out;
        out.records_in += missing;
        out.is_damaged = true;
        let found = Found {
            check: "messages_missing",
            severity: Severity::Error,
            subject,
            span_ns: None,
            count: missing,
            dropped: missing,
        };
        out.findings.add(found, || {
            format!("expected the {messages} messages that the log says it has, got {met}")
        });
    }
}

/// A message of a recording that packs each by itself (`rosbag2`, compression mode `message`). No encoding of ROS begins like that; a
/// message of protobuf can.
fn unpacked<'m>(data: &'m [u8], encoding: &str, limits: &Limits) -> Result<Cow<'m, [u8]>, String> {
    if encoding == "protobuf" || !data.starts_with(&ZSTD_MAGIC) {
        return Ok(Cow::Borrowed(data));
    }
    let packed = zstd::Decoder::new(data).map_err(|error| error.to_string())?;
    let max = limits.chunk_bytes_max;
    let mut unpacked = Vec::new();
    let read = packed.take(max + 1).read_to_end(&mut unpacked);
    read.map_err(|error| format!("cannot unpack the message: {error}"))?;
    if unpacked.len() as u64 > max {
        return Err(format!(
            "expected at most {max} unpacked bytes (chunk_bytes_max), got more"
        ));
    }
    Ok(Cow::Owned(unpacked))
}

/// A stamp of the drive's own time; the error is for one of another.
fn own(stamp_ns: i64, topic: &str, apart: Option<&Apart>) -> Result<i64, Refused> {
    match apart.and_then(|apart| apart.refusal(topic, stamp_ns)) {
        Some(refused) => Err(refused),
        None => Ok(stamp_ns),
    }
}

/// The stamp of a message, else the time at which it was logged.
fn in_range(stamped: Result<Option<i64>, String>, log_time: u64) -> Result<i64, Refused> {
    let stamp_ns = match stamped {
        Ok(Some(stamp_ns)) => Ok(stamp_ns),
        Ok(None) => i64::try_from(log_time).map_err(|_| format!("{log_time} ns")),
        Err(actual) => Err(actual),
    };
    let stamp_ns = stamp_ns.and_then(|stamp_ns| {
        let is_in_range = stamp_ns >= 0;
        is_in_range
            .then_some(stamp_ns)
            .ok_or_else(|| format!("{stamp_ns} ns"))
    });
    stamp_ns.map_err(|actual| {
        Refused::error(
            "stamp_out_of_range",
            format!("expected nanoseconds since 1970 in 63 bits, got {actual}"),
        )
    })
}
