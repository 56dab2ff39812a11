//! The ego and its signals: odometry, transforms, satellite fixes, reports, bus frames.

use driveloop_schemas::Signal;
use driveloop_schemas::pose::Pose;
use driveloop_schemas::time::Day;

use super::reader::{Fix, Message, Reader, Refused};
use super::value::Value;
use crate::ego::{EgoSample, checked_pose};

/// Names of the ego's frame, and of the map's.
pub(super) const EGO_FRAMES: [&str; 2] = ["base_link", "ego"];
pub(super) const MAP_FRAMES: [&str; 2] = ["map", "odom"];

impl Reader<'_> {
    /// `nav_msgs/msg/Odometry`: the pose in the map, the twist in the ego frame.
    pub(super) fn odometry(&mut self, message: &Message<'_, '_>) -> Result<(), Refused> {
        let value = message.value;
        let pose = value
            .at("pose.pose")
            .and_then(|pose| pose_of(pose, "position", "orientation"));
        let map_from_ego = pose.ok_or_else(|| Refused::field("pose.pose"))?;
        let twist = |path: &str| value.number_at(path).filter(|number| number.is_finite());
        let sample = EgoSample {
            map_from_ego,
            speed_mps: twist("twist.twist.linear.x"),
            yaw_rate_radps: twist("twist.twist.angular.z"),
        };
        let poses = self.poses.entry(message.topic.to_owned()).or_default();
        if poses.contains_key(&message.stamp_ns) {
            return Err(Refused::duplicate(message.stamp_ns));
        }
        poses.insert(message.stamp_ns, sample);
        Ok(())
    }

    /// `tf2_msgs/msg/TFMessage`: the transform from the map to the ego, where it is among them.
    pub(super) fn transform(&mut self, message: &Message<'_, '_>) -> Result<(), Refused> {
        let transforms = message.value.list_at("transforms").unwrap_or_default();
        let is_ego = |transform: &&Value<'_>| {
            transform
                .text_at("header.frame_id")
                .is_some_and(|frame| MAP_FRAMES.contains(&frame))
                && transform
                    .text_at("child_frame_id")
                    .is_some_and(|frame| EGO_FRAMES.contains(&frame))
        };
        let Some(transform) = transforms.iter().find(is_ego) else {
            let reason = "no transform from the map to the ego among them".to_owned();
            return Err(Refused::info("unmapped_transform", reason));
        };
        let pose = transform
            .at("transform")
            .and_then(|pose| pose_of(pose, "translation", "rotation"));
        let map_from_ego = pose.ok_or_else(|| Refused::field("transforms.transform"))?;
        let stamp = (
            transform.integer_at("header.stamp.sec"),
            transform.integer_at("header.stamp.nanosec"),
        );
        let stamp_ns = match stamp {
            (Some(sec), Some(nanosec)) if (0..1_000_000_000).contains(&nanosec) => {
                driveloop_schemas::time::stamp_ns_from_sec_nanosec(sec, nanosec as u32)
                    .filter(|stamp| *stamp > 0)
            }
            _ => None,
        };
        let stamp_ns = stamp_ns.unwrap_or(message.stamp_ns);
        let poses = self.transforms.entry(message.topic.to_owned()).or_default();
        if poses.contains_key(&stamp_ns) {
            return Err(Refused::duplicate(stamp_ns));
        }
        poses.insert(
            stamp_ns,
            EgoSample {
                map_from_ego,
                speed_mps: None,
                yaw_rate_radps: None,
            },
        );
        Ok(())
    }

    /// `sensor_msgs/msg/NavSatFix`.
    pub(super) fn fix(&mut self, message: &Message<'_, '_>) -> Result<(), Refused> {
        let value = message.value;
        let degrees =
            |path: &str, max: f64| value.number_at(path).filter(|angle| angle.abs() <= max);
        let without_fix = value
            .integer_at("status.status")
            .is_some_and(|status| status < 0);
        match (degrees("latitude", 90.0), degrees("longitude", 180.0)) {
            (Some(latitude_deg), Some(longitude_deg)) if !without_fix => {
                let (topic, stamp_ns) = (message.topic.to_owned(), message.stamp_ns);
                self.fixes.push(Fix {
                    topic,
                    stamp_ns,
                    latitude_deg,
                    longitude_deg,
                });
                Ok(())
            }
            _ => Err(Refused::info(
                "no_fix",
                "expected a position, got a message without a fix".to_owned(),
            )),
        }
    }

    /// The fields that the rule names, a row each.
    pub(super) fn signals(&mut self, message: &Message<'_, '_>) -> Result<(), Refused> {
        let mut rows = Vec::new();
        for field in message.rule.values.listed() {
            let (value, text) = match message.value.at(&field.path) {
                Some(Value::Text(text)) => (None, Some((*text).to_owned())),
                Some(other) => (other.number().filter(|number| number.is_finite()), None),
                None => return Err(Refused::field(&field.path)),
            };
            if value.is_none() && text.is_none() {
                return Err(Refused::error(
                    "value_not_usable",
                    format!("expected a finite `{}`", field.path),
                ));
            }
            let name = format!("{}.{}", message.topic, field.path);
            rows.push(signal(message, name, value, text, field.unit.clone()));
        }
        if !self.is_first(message.topic, message.stamp_ns) {
            return Err(Refused::duplicate(message.stamp_ns));
        }
        self.out.signals.append(&mut rows);
        Ok(())
    }

    /// `can_msgs/msg/Frame`: `can.<id>` with the data in hexadecimal.
    pub(super) fn can_frame(&mut self, message: &Message<'_, '_>) -> Result<(), Refused> {
        let id = message
            .value
            .integer_at("id")
            .ok_or_else(|| Refused::field("id"))?;
        let data = message
            .value
            .bytes_at("data")
            .ok_or_else(|| Refused::field("data"))?;
        let length = message
            .value
            .integer_at("dlc")
            .map_or(data.len(), |dlc| data.len().min(dlc.max(0) as usize));
        let name = format!("can.{id:x}");
        if !self.is_first(&format!("{}#{id:x}", message.topic), message.stamp_ns) {
            return Err(Refused::duplicate(message.stamp_ns));
        }
        let row = signal(
            message,
            name,
            None,
            Some(hex::encode(&data[..length])),
            None,
        );
        self.out.signals.push(row);
        Ok(())
    }
}

fn signal(
    message: &Message<'_, '_>,
    name: String,
    value: Option<f64>,
    text: Option<String>,
    unit: Option<String>,
) -> Signal {
    let source = message.topic.to_owned();
    Signal {
        log_id: String::new(),
        day: Day(0),
        stamp_ns: message.stamp_ns,
        name,
        value,
        text,
        unit,
        source,
    }
}

/// A pose from the fields with the position and the orientation.
pub(super) fn pose_of(value: &Value<'_>, position: &str, orientation: &str) -> Option<Pose> {
    let (position, orientation) = (value.at(position)?, value.at(orientation)?);
    let t = |axis: &str| position.number_at(axis);
    let q = |axis: &str| orientation.number_at(axis);
    checked_pose(
        [q("w")?, q("x")?, q("y")?, q("z")?],
        [t("x")?, t("y")?, t("z")?],
    )
}
