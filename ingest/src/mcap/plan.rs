//! What is done with the messages of a channel: worked out once, from its definition and the mapping's rule.

use super::calibration::LensSlots;
use super::cdr::Row;
use super::declarations::Channel;
use super::definition::Definition;
use super::mapping::{Rule, Target, Values};
use super::objects::ObjectSlots;
use super::program::Program;
use super::wants::{Bytes, Integer, List, MESSAGE, Number, Scope, Text, Wants};
use crate::ego::checked_pose;
use crate::facts::{NameId, SeriesId};
use driveloop_schemas::pose::Pose;

use super::reader::Reader;

/// What to do with the messages of a channel.
pub(super) enum Plan {
    Decode(Decode),
    /// No table takes them.
    Unmapped(String),
    /// A table would take them, but they cannot be read.
    Unreadable(String),
}

/// How messages become rows.
pub(super) struct Decode {
    pub(super) program: Program,
    /// Seconds and nanoseconds of the stamp, where messages have one.
    pub(super) stamp: Option<(Integer, Integer)>,
    pub(super) handler: Handler,
}

/// The table that takes the messages, with the slots of what it takes.
pub(super) enum Handler {
    EgoState(OdometrySlots),
    EgoTransform(TransformSlots),
    StaticTransform(TransformSlots),
    CameraInfo(LensSlots),
    GeoPosition(FixSlots),
    Objects(ObjectSlots),
    Signals(SignalFields),
    Can(CanSlots),
    CameraFrame(ImageSlots),
    LidarSweep(CloudSlots),
    Map(Text),
}

pub(super) struct OdometrySlots {
    pub(super) pose: PoseSlots,
    pub(super) speed_mps: Option<Number>,
    pub(super) yaw_rate_radps: Option<Number>,
}

pub(super) struct TransformSlots {
    pub(super) list: List,
    pub(super) parent: Text,
    pub(super) child: Text,
    pub(super) pose: PoseSlots,
    pub(super) stamp: Option<(Integer, Integer)>,
}

pub(super) struct FixSlots {
    pub(super) latitude_deg: Number,
    pub(super) longitude_deg: Number,
    pub(super) status: Option<Integer>,
}

/// Fields that become signals, each with its series.
pub(super) struct SignalFields {
    pub(super) numbers: Vec<(Number, SeriesId)>,
    pub(super) texts: Vec<(Text, SeriesId)>,
    /// Whether a value that is not finite costs the whole message, or only itself.
    pub(super) strictness: Strictness,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictness {
    Message,
    Value,
}

pub(super) struct CanSlots {
    pub(super) bus: NameId,
    pub(super) can_id: Integer,
    pub(super) data: Bytes,
    pub(super) length: Option<Integer>,
    pub(super) is_extended: Option<Number>,
    pub(super) is_remote: Option<Number>,
    pub(super) is_error: Option<Number>,
}

pub(super) struct ImageSlots {
    pub(super) data: Bytes,
    pub(super) format: Option<Text>,
    pub(super) frame: Option<Text>,
}

pub(super) struct CloudSlots {
    pub(super) width: Option<Integer>,
    pub(super) height: Option<Integer>,
    pub(super) frame: Option<Text>,
}

/// A position and an orientation.
pub(super) struct PoseSlots {
    translation: [Number; 3],
    /// `w, x, y, z`.
    rotation: [Number; 4],
}

impl PoseSlots {
    pub(super) fn of(
        wants: &mut Wants<'_>,
        scope: Scope,
        position: &str,
        orientation: &str,
    ) -> Result<Self, String> {
        let mut number = |field: &str, axis: &str| wants.number(scope, &format!("{field}.{axis}"));
        Ok(Self {
            translation: [
                number(position, "x")?,
                number(position, "y")?,
                number(position, "z")?,
            ],
            rotation: [
                number(orientation, "w")?,
                number(orientation, "x")?,
                number(orientation, "y")?,
                number(orientation, "z")?,
            ],
        })
    }

    /// The pose, where it is one.
    pub(super) fn pose(&self, row: &Row<'_>) -> Option<Pose> {
        let rotation = self.rotation.map(|slot| row.number(slot));
        checked_pose(rotation, self.translation.map(|slot| row.number(slot)))
    }
}

impl Reader<'_> {
    /// Works out what to do with a channel.
    pub(super) fn plan(&mut self, channel: &Channel) -> Plan {
        let (topic, schema) = (channel.topic.as_str(), channel.schema.name.as_str());
        let options = self.options;
        let Some(rule) = options.mapping.rule(schema, topic) else {
            return Plan::Unmapped(format!(
                "no rule of the mapping fits the message type `{schema}`"
            ));
        };
        match self.decode(rule, channel) {
            Ok(decode) => Plan::Decode(decode),
            // Whatever has numbers was asked for: what has none is not missed.
            Err(reason) if rule.values == Values::All => Plan::Unmapped(reason),
            Err(reason) => Plan::Unreadable(format!("`{schema}`: {reason}")),
        }
    }

    fn decode(&mut self, rule: &Rule, channel: &Channel) -> Result<Decode, String> {
        let definition = definition(channel)?;
        let mut wants = Wants::new(&definition);
        let handler = self.handler(&mut wants, rule, channel)?;
        let stamp = stamp_slots(&mut wants, MESSAGE, &rule.stamp);
        let program = Program::compile(&wants, self.limits)?;
        self.steps += program.steps.len() + program.takes.len();
        let (max, actual) = (self.limits.log_steps_max, self.steps);
        if actual > max {
            return Err(format!(
                "expected definitions of at most {max} steps in a log (log_steps_max), got {actual}"
            ));
        }
        let (max, actual) = (
            self.limits.signals_max,
            self.out.facts.signals.series_count(),
        );
        if actual > max {
            return Err(format!(
                "expected at most {max} signals in a log (signals_max), got {actual}"
            ));
        }
        Ok(Decode {
            program,
            stamp,
            handler,
        })
    }

    fn handler(
        &mut self,
        wants: &mut Wants<'_>,
        rule: &Rule,
        channel: &Channel,
    ) -> Result<Handler, String> {
        let topic = channel.topic.as_str();
        Ok(match rule.into {
            Target::EgoState => Handler::EgoState(OdometrySlots {
                pose: PoseSlots::of(
                    wants,
                    MESSAGE,
                    "pose.pose.position",
                    "pose.pose.orientation",
                )?,
                speed_mps: wants.number(MESSAGE, "twist.twist.linear.x").ok(),
                yaw_rate_radps: wants.number(MESSAGE, "twist.twist.angular.z").ok(),
            }),
            Target::EgoTransform => Handler::EgoTransform(TransformSlots::of(wants)?),
            Target::StaticTransform => Handler::StaticTransform(TransformSlots::of(wants)?),
            Target::CameraInfo => Handler::CameraInfo(LensSlots::of(wants)?),
            Target::GeoPosition => Handler::GeoPosition(FixSlots {
                latitude_deg: wants.number(MESSAGE, "latitude")?,
                longitude_deg: wants.number(MESSAGE, "longitude")?,
                status: wants.integer(MESSAGE, "status.status").ok(),
            }),
            Target::TrackedObjects => Handler::Objects(ObjectSlots::tracked(wants)?),
            Target::DetectedObjects => Handler::Objects(ObjectSlots::detected(wants)?),
            Target::Detections => Handler::Objects(ObjectSlots::detections(wants)?),
            Target::Signal if rule.values == Values::All => {
                self.every_number(wants, rule, topic)?
            }
            Target::Signal => self.fields(wants, rule, topic)?,
            Target::BusFrame => Handler::Can(CanSlots {
                bus: self.out.facts.bus_frames.bus(topic),
                can_id: wants.integer(MESSAGE, "id")?,
                data: wants.bytes(MESSAGE, "data")?,
                length: wants
                    .integer(MESSAGE, "dlc")
                    .or_else(|_| wants.integer(MESSAGE, "len"))
                    .ok(),
                is_extended: wants.truth(MESSAGE, "is_extended").ok(),
                is_remote: wants.truth(MESSAGE, "is_rtr").ok(),
                is_error: wants.truth(MESSAGE, "is_error").ok(),
            }),
            Target::CameraFrame => Handler::CameraFrame(ImageSlots {
                data: wants.bytes(MESSAGE, "data")?,
                format: wants.text(MESSAGE, "format").ok(),
                frame: wants.text(MESSAGE, "header.frame_id").ok(),
            }),
            Target::LidarSweep => Handler::LidarSweep(CloudSlots {
                width: wants.integer(MESSAGE, "width").ok(),
                height: wants.integer(MESSAGE, "height").ok(),
                frame: wants.text(MESSAGE, "header.frame_id").ok(),
            }),
            Target::Map => Handler::Map(wants.text(MESSAGE, "data")?),
        })
    }

    /// The fields that a rule names.
    fn fields(
        &mut self,
        wants: &mut Wants<'_>,
        rule: &Rule,
        topic: &str,
    ) -> Result<Handler, String> {
        let (mut numbers, mut texts) = (Vec::new(), Vec::new());
        for field in rule.values.listed() {
            let name = format!("{topic}.{}", field.path);
            let signals = &mut self.out.facts.signals;
            let mut series = || signals.series(&name, field.unit.as_deref(), topic);
            if let Ok(text) = wants.text(MESSAGE, &field.path) {
                texts.push((text, series()));
            } else {
                numbers.push((wants.number(MESSAGE, &field.path)?, series()));
            }
        }
        Ok(Handler::Signals(SignalFields {
            numbers,
            texts,
            strictness: Strictness::Message,
        }))
    }

    /// All numbers of a message, but for those in lists and its stamp.
    fn every_number(
        &mut self,
        wants: &mut Wants<'_>,
        rule: &Rule,
        topic: &str,
    ) -> Result<Handler, String> {
        let mut numbers = Vec::new();
        let stamp = format!("{}.", rule.stamp);
        let limits = self.limits;
        for path in wants.numbers(limits.topic_signals_max, limits.depth_max) {
            if path.starts_with(&stamp) {
                continue;
            }
            let series = &mut self.out.facts.signals;
            let series = series.series(&format!("{topic}.{path}"), None, topic);
            numbers.push((wants.number(MESSAGE, &path)?, series));
        }
        if numbers.is_empty() {
            return Err("expected a number outside of lists, got none".to_owned());
        }
        Ok(Handler::Signals(SignalFields {
            numbers,
            texts: Vec::new(),
            strictness: Strictness::Value,
        }))
    }
}

impl TransformSlots {
    fn of(wants: &mut Wants<'_>) -> Result<Self, String> {
        let list = wants.list(MESSAGE, "transforms")?;
        let pose = ("transform.translation", "transform.rotation");
        Ok(Self {
            list,
            parent: wants.text(list.scope, "header.frame_id")?,
            child: wants.text(list.scope, "child_frame_id")?,
            pose: PoseSlots::of(wants, list.scope, pose.0, pose.1)?,
            stamp: stamp_slots(wants, list.scope, "header.stamp"),
        })
    }
}

fn stamp_slots(wants: &mut Wants<'_>, scope: Scope, path: &str) -> Option<(Integer, Integer)> {
    let sec = wants.integer(scope, &format!("{path}.sec")).ok()?;
    Some((sec, wants.integer(scope, &format!("{path}.nanosec")).ok()?))
}

fn definition(channel: &Channel) -> Result<Definition, String> {
    let (message, schema) = (channel.message_encoding.as_str(), &channel.schema);
    match (message, schema.encoding.as_str()) {
        ("cdr", "ros2msg") => Definition::from_ros2msg(&schema.name, &schema.text),
        ("cdr", "ros2idl" | "omgidl") => Definition::from_ros2idl(&schema.name, &schema.text),
        (message, schema) => Err(format!(
            "expected cdr messages with a ros2msg or ros2idl definition, got `{message}` with `{schema}`"
        )),
    }
}
