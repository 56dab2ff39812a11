//! Messages to rows: takes what a scan finds, decodes it, and hands it to the table that the mapping names.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use driveloop_schemas::Severity;
use driveloop_schemas::time::stamp_ns_from_sec_nanosec;
use mcap::records::MessageHeader;

use super::mapping::{Mapping, Rule, Target};
use super::objects::Object;
use super::scan::{Channel, Damage, Visitor};
use super::value::{Definition, Value};
use crate::decoded::DecodedDrive;
use crate::ego::EgoSample;
use crate::error::{Error, Result};
use crate::findings::Found;
use crate::limits::Limits;
use crate::media::MediaSink;

/// A file while it is read.
pub(super) struct Reader<'a> {
    pub(super) file: &'a str,
    mapping: &'a Mapping,
    limits: &'a Limits,
    pub(super) media: &'a mut dyn MediaSink,
    pub(super) out: DecodedDrive,
    pub(super) metadata: BTreeMap<String, String>,
    plans: BTreeMap<u16, Arc<Plan>>,
    /// Stamps of each topic that becomes rows, in the order of the file.
    pub(super) stamps: BTreeMap<String, Vec<i64>>,
    /// Stamps that each series has a row of.
    seen: BTreeMap<String, HashSet<i64>>,
    /// Poses by topic, and those from transforms.
    pub(super) poses: BTreeMap<String, BTreeMap<i64, EgoSample>>,
    pub(super) transforms: BTreeMap<String, BTreeMap<i64, EgoSample>>,
    pub(super) fixes: Vec<Fix>,
    pub(super) objects: Vec<Object>,
    /// Stamps at which actors were observed, none of them included.
    pub(super) object_stamps: BTreeSet<i64>,
}

/// A position on the globe.
pub(super) struct Fix {
    pub(super) topic: String,
    pub(super) stamp_ns: i64,
    pub(super) latitude_deg: f64,
    pub(super) longitude_deg: f64,
}

/// What to do with the messages of a channel.
enum Plan {
    Decode(Rule, Definition),
    /// No table takes it.
    Unmapped(String),
    /// A table would take it, but its definition cannot be read.
    Unreadable(String),
}

/// A message on its way to its table.
pub(super) struct Message<'m, 'v> {
    pub(super) topic: &'m str,
    pub(super) schema: &'m str,
    pub(super) rule: &'m Rule,
    pub(super) stamp_ns: i64,
    pub(super) value: &'m Value<'v>,
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
    /// A message without a field that its table needs.
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
        mapping: &'a Mapping,
        limits: &'a Limits,
        media: &'a mut dyn MediaSink,
    ) -> Self {
        Self {
            file,
            mapping,
            limits,
            media,
            out: DecodedDrive::default(),
            metadata: BTreeMap::new(),
            plans: BTreeMap::new(),
            stamps: BTreeMap::new(),
            seen: BTreeMap::new(),
            poses: BTreeMap::new(),
            transforms: BTreeMap::new(),
            fixes: Vec::new(),
            objects: Vec::new(),
            object_stamps: BTreeSet::new(),
        }
    }

    /// Whether this is the first record of the series at the stamp.
    pub(super) fn is_first(&mut self, series: &str, stamp_ns: i64) -> bool {
        if let Some(stamps) = self.seen.get_mut(series) {
            return stamps.insert(stamp_ns);
        }
        self.seen
            .insert(series.to_owned(), HashSet::from([stamp_ns]));
        true
    }

    /// Reports a record that is not stored.
    pub(super) fn refuse(&mut self, subject: &str, stamp_ns: Option<i64>, refused: Refused) {
        let found = Found::dropped(refused.check, refused.severity, subject, stamp_ns);
        self.out.findings.add(found, || refused.reason);
    }

    fn plan(&mut self, id: u16, channel: &Channel) -> Arc<Plan> {
        let mapping = self.mapping;
        let plan = self
            .plans
            .entry(id)
            .or_insert_with(|| Arc::new(plan_of(mapping, channel)));
        Arc::clone(plan)
    }

    fn decode(
        &mut self,
        channel: &Channel,
        rule: &Rule,
        value: &Value<'_>,
        log_time: u64,
        data: &[u8],
    ) -> Result<()> {
        let topic = channel.topic.as_str();
        let stamp_ns = match stamp_of(value, rule, log_time) {
            Ok(stamp_ns) => stamp_ns,
            Err(refused) => {
                self.refuse(topic, None, refused);
                return Ok(());
            }
        };
        match self.stamps.get_mut(topic) {
            Some(stamps) => stamps.push(stamp_ns),
            None => drop(self.stamps.insert(topic.to_owned(), vec![stamp_ns])),
        }
        let message = Message {
            topic,
            schema: &channel.schema,
            rule,
            stamp_ns,
            value,
            data,
        };
        let done = match rule.into {
            Target::EgoState => self.odometry(&message),
            Target::EgoTransform => self.transform(&message),
            Target::GeoPosition => self.fix(&message),
            Target::TrackedObjects => self.tracked_objects(&message),
            Target::Detections => self.detections(&message),
            Target::Signal => self.signals(&message),
            Target::DetectedObjects => self.tracked_objects(&message),
            Target::BusFrame => self.can_frame(&message),
            Target::CameraFrame => self.camera_frame(&message)?,
            Target::LidarSweep => self.lidar_sweep(&message)?,
            Target::Map => self.map(&message),
        };
        match done {
            Ok(()) => self.out.records_used += 1,
            Err(refused) => self.refuse(topic, Some(stamp_ns), refused),
        }
        Ok(())
    }
}

impl Visitor for Reader<'_> {
    fn message(
        &mut self,
        id: u16,
        channel: &Channel,
        header: &MessageHeader,
        data: &[u8],
    ) -> Result<()> {
        self.out.records_in += 1;
        if self.out.records_in > self.limits.records_max {
            let (subject, max) = (self.file.to_owned(), self.limits.records_max);
            return Err(Error::Limit {
                subject,
                limit: "records_max",
                max,
                actual: self.out.records_in,
            });
        }
        let plan = self.plan(id, channel);
        let (rule, definition) = match plan.as_ref() {
            Plan::Decode(rule, definition) => (rule, definition),
            Plan::Unmapped(reason) => {
                self.refuse(
                    &channel.topic,
                    None,
                    Refused::info("unmapped_topic", reason.clone()),
                );
                return Ok(());
            }
            Plan::Unreadable(reason) => {
                self.refuse(
                    &channel.topic,
                    None,
                    Refused::error("unreadable_definition", reason.clone()),
                );
                return Ok(());
            }
        };
        match definition.decode(data, self.limits) {
            Ok(value) => self.decode(channel, rule, &value, header.log_time, data),
            Err(reason) => {
                self.refuse(
                    &channel.topic,
                    None,
                    Refused::error("message_damaged", reason),
                );
                Ok(())
            }
        }
    }

    fn metadata(&mut self, name: &str, values: &BTreeMap<String, String>) {
        if name == super::METADATA {
            self.metadata.clone_from(values);
        }
    }

    fn attachment(&mut self, name: &str) {
        self.out.records_in += 1;
        self.refuse(
            name,
            None,
            Refused::info(
                "unmapped_attachment",
                "attachments have no table".to_owned(),
            ),
        );
    }

    fn damage(&mut self, damage: Damage) {
        // Records that were never seen count as read, so that they show as dropped.
        self.out.records_in += damage.lost;
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
        self.out.findings.add(found, || {
            format!(
                "at byte {}: {}; messages lost there, as far as known: {}",
                damage.offset, damage.reason, damage.lost
            )
        });
    }
}

fn plan_of(mapping: &Mapping, channel: &Channel) -> Plan {
    let Channel { topic, schema, .. } = channel;
    let Some(rule) = mapping.rule(schema, topic) else {
        return Plan::Unmapped(format!(
            "no rule of the mapping fits the message type `{schema}`"
        ));
    };
    if channel.message_encoding != "cdr" || channel.schema_encoding != "ros2msg" {
        let (message, schema) = (&channel.message_encoding, &channel.schema_encoding);
        return Plan::Unreadable(format!(
            "expected cdr messages with a ros2msg definition, got `{message}` with `{schema}`"
        ));
    }
    match Definition::parse(schema, &channel.schema_text) {
        Ok(definition) => Plan::Decode(rule.clone(), definition),
        Err(reason) => Plan::Unreadable(reason),
    }
}

/// The stamp of a message, else the time at which it was logged.
fn stamp_of(value: &Value<'_>, rule: &Rule, log_time: u64) -> Result<i64, Refused> {
    let stamp = value.at(&rule.stamp);
    let parts =
        stamp.and_then(|stamp| Some((stamp.integer_at("sec")?, stamp.integer_at("nanosec")?)));
    let (stamp_ns, text) = match parts {
        Some((sec, nanosec)) if (sec, nanosec) != (0, 0) => {
            let fits = u32::try_from(nanosec)
                .ok()
                .filter(|nanosec| *nanosec < 1_000_000_000);
            (
                fits.and_then(|nanosec| stamp_ns_from_sec_nanosec(sec, nanosec)),
                format!("{sec} s, {nanosec} ns"),
            )
        }
        _ => (i64::try_from(log_time).ok(), format!("{log_time} ns")),
    };
    stamp_ns.filter(|stamp_ns| *stamp_ns >= 0).ok_or_else(|| {
        Refused::error(
            "stamp_out_of_range",
            format!("expected nanoseconds since 1970 in 63 bits, got {text}"),
        )
    })
}
