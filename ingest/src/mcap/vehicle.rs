//! The ego and its signals: odometry, transforms, satellite fixes, reports, bus frames.

use std::collections::BTreeMap;

use super::plan::{CanSlots, FixSlots, OdometrySlots, SignalFields, Strictness, TransformSlots};
use super::reader::{Message, Reader, Refused, stamp_ns};
use crate::ego::EgoSample;
use crate::facts::BusRecord;
use crate::findings::Found;
use crate::stamps::FirstOfStamp;
use driveloop_schemas::Severity;

/// Names of the ego's frame, and of the map's.
pub(super) const EGO_FRAMES: [&str; 2] = ["base_link", "ego"];
pub(super) const MAP_FRAMES: [&str; 2] = ["map", "odom"];
/// Faster than anything that drives, in metres or radians per second: such numbers are none.
const RATE_MAX: f64 = 1e4;
/// Flags that some interfaces keep in the upper bits of an identifier (those of `linux/can.h`), and the bits of the identifier itself.
const EXTENDED_FLAG: i64 = 0x8000_0000;
const REMOTE_FLAG: i64 = 0x4000_0000;
const ERROR_FLAG: i64 = 0x2000_0000;
const IDENTIFIER_BITS: i64 = 0x1fff_ffff;
/// The largest identifier of 11 bits.
const STANDARD_MAX: i64 = 0x7ff;

/// Poses of the ego from one topic, each stamp once.
#[derive(Default)]
pub(super) struct Poses {
    pub(super) samples: Vec<(i64, EgoSample)>,
    first: FirstOfStamp,
}

impl Poses {
    fn push(&mut self, stamp_ns: i64, sample: EgoSample) -> Result<(), Refused> {
        let Self { samples, first } = self;
        let earlier = || samples.iter().map(|(stamp_ns, _)| *stamp_ns);
        if !first.is_first(stamp_ns, earlier) {
            return Err(Refused::duplicate(stamp_ns));
        }
        samples.push((stamp_ns, sample));
        Ok(())
    }

    pub(super) fn bytes(&self) -> usize {
        self.samples.len() * size_of::<(i64, EgoSample)>()
    }
}

/// A position on the globe.
pub(super) struct Fix {
    /// Place of the topic in [`Reader::seen`].
    pub(super) topic: usize,
    pub(super) stamp_ns: i64,
    pub(super) latitude_deg: f64,
    pub(super) longitude_deg: f64,
}

impl Reader<'_> {
    /// `nav_msgs/msg/Odometry`: the pose in the map, the twist in the ego frame.
    pub(super) fn odometry(
        &mut self,
        message: &Message<'_>,
        slots: &OdometrySlots,
    ) -> Result<(), Refused> {
        let row = &message.row;
        let map_from_ego = slots.pose.pose(row);
        let map_from_ego = map_from_ego.ok_or_else(|| Refused::field("pose.pose"))?;
        let rate = |slot: Option<_>| {
            let rate = slot.map(|slot| row.number(slot));
            rate.filter(|rate| rate.abs() <= RATE_MAX)
        };
        let sample = EgoSample {
            map_from_ego,
            speed_mps: rate(slots.speed_mps),
            yaw_rate_radps: rate(slots.yaw_rate_radps),
        };
        poses_of(&mut self.poses, message.topic).push(message.stamp_ns, sample)
    }

    /// `tf2_msgs/msg/TFMessage`: the transform from the map to the ego, where it is among them.
    pub(super) fn transform(
        &mut self,
        message: &Message<'_>,
        slots: &TransformSlots,
    ) -> Result<(), Refused> {
        let transform = message.row.list(slots.list).find(|transform| {
            MAP_FRAMES.contains(&transform.text(slots.parent))
                && EGO_FRAMES.contains(&transform.text(slots.child))
        });
        let Some(transform) = transform else {
            let reason = "no transform from the map to the ego among them".to_owned();
            return Err(Refused::info("unmapped_transform", reason));
        };
        let map_from_ego = slots.pose.pose(&transform);
        let map_from_ego = map_from_ego.ok_or_else(|| Refused::field("transforms.transform"))?;
        let stamp = slots.stamp.and_then(|(sec, nanosec)| {
            stamp_ns(transform.integer(sec), transform.integer(nanosec))
        });
        let stamp_ns = stamp.filter(|stamp| *stamp > 0).unwrap_or(message.stamp_ns);
        let sample = EgoSample {
            map_from_ego,
            speed_mps: None,
            yaw_rate_radps: None,
        };
        poses_of(&mut self.transforms, message.topic).push(stamp_ns, sample)
    }

    /// `sensor_msgs/msg/NavSatFix`.
    pub(super) fn fix(&mut self, message: &Message<'_>, slots: &FixSlots) -> Result<(), Refused> {
        let row = &message.row;
        let (latitude_deg, longitude_deg) = (
            row.number(slots.latitude_deg),
            row.number(slots.longitude_deg),
        );
        let has_fix = slots.status.is_none_or(|slot| row.integer(slot) >= 0);
        let is_position = latitude_deg.abs() <= 90.0 && longitude_deg.abs() <= 180.0;
        if !(has_fix && is_position) {
            return Err(Refused::info(
                "no_fix",
                "expected a position, got a message without a fix".to_owned(),
            ));
        }
        self.fixes.push(Fix {
            topic: message.at,
            stamp_ns: message.stamp_ns,
            latitude_deg,
            longitude_deg,
        });
        Ok(())
    }

    /// The fields that became signals, a value each.
    pub(super) fn signals(
        &mut self,
        message: &Message<'_>,
        fields: &SignalFields,
    ) -> Result<(), Refused> {
        let row = &message.row;
        let finite = |slot| row.number(slot).is_finite();
        let all_finite = fields.numbers.iter().all(|(slot, _)| finite(*slot));
        if !all_finite && fields.strictness == Strictness::Message {
            return Err(Refused::error(
                "value_not_usable",
                "expected finite numbers, got another".to_owned(),
            ));
        }
        if !self.is_first(message) {
            return Err(Refused::duplicate(message.stamp_ns));
        }
        let signals = &mut self.out.facts.signals;
        for (slot, series) in &fields.numbers {
            let value = row.number(*slot);
            if value.is_finite() {
                signals.push(*series, message.stamp_ns, value);
            }
        }
        for (slot, series) in &fields.texts {
            signals.push_text(*series, message.stamp_ns, None, row.text(*slot));
        }
        if !all_finite {
            let stamp = Some(message.stamp_ns);
            let found = Found::one("value_not_usable", Severity::Info, message.topic, stamp);
            self.out.findings.add(found, || {
                "expected finite numbers, got others: those are left out".to_owned()
            });
        }
        Ok(())
    }

    /// `can_msgs/msg/Frame` and `ros2_socketcan_msgs/msg/FdFrame`: the frame as it is, and what the bus databases make of it.
    ///
    /// Frames of one stamp and identifier are all kept: clocks of bus interfaces are coarse.
    pub(super) fn can_frame(&mut self, message: &Message<'_>, slots: &CanSlots) {
        let row = &message.row;
        let id = row.integer(slots.can_id);
        let flag = |slot: Option<_>| slot.is_some_and(|slot| row.number(slot) != 0.0);
        let data = row.bytes(slots.data);
        let length = slots.length.map_or(data.len(), |slot| {
            usize::try_from(row.integer(slot)).map_or(0, |length| length.min(data.len()))
        });
        let can_id = id & IDENTIFIER_BITS;
        let record = BusRecord {
            stamp_ns: message.stamp_ns,
            can_id: can_id as u32,
            is_extended: flag(slots.is_extended)
                || id & EXTENDED_FLAG != 0
                || can_id > STANDARD_MAX,
            is_remote: flag(slots.is_remote) || id & REMOTE_FLAG != 0,
            is_error: flag(slots.is_error) || id & ERROR_FLAG != 0,
            data: &data[..length],
        };
        let facts = &mut self.out.facts;
        facts.bus_frames.push(slots.bus, &record);
        self.bus
            .take(slots.bus, message.topic, &record, &mut facts.signals);
    }
}

fn poses_of<'p>(topics: &'p mut BTreeMap<String, Poses>, topic: &str) -> &'p mut Poses {
    // Allocates only for the first message of a topic.
    if !topics.contains_key(topic) {
        topics.insert(topic.to_owned(), Poses::default());
    }
    topics.entry(topic.to_owned()).or_default()
}
