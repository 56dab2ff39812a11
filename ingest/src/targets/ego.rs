//! Poses of the ego.

use super::slots::{PoseSlots, at_first, frame};
use super::target::{Message, Taken, Target};
use crate::assembly::{Assembly, Poses, Stated};
use crate::ego::EgoSample;
use crate::encoding::wants::{MESSAGE, Number, Text, Wants};
use crate::error::Result;
use crate::frames::plain;
use crate::refused::Refused;

/// Faster than anything that drives, in metres or radians per second: such numbers are none.
const RATE_MAX: f64 = 1e4;

/// Where a message has the pose: `nav_msgs/msg/Odometry` and `PoseWithCovarianceStamped`; `PoseStamped`, and Foxglove.
const POSE: [&str; 2] = ["pose.pose", "pose"];
/// What is placed: of ROS, of Foxglove.
const CHILD: [&str; 2] = ["child_frame_id", "body_frame_id"];
/// Speed ahead and yaw rate, in the frame of what is placed.
const SPEED: [&str; 2] = ["twist.twist.linear.x", "linear_velocity.x"];
const YAW_RATE: [&str; 2] = ["twist.twist.angular.z", "angular_velocity.z"];

/// `nav_msgs/msg/Odometry` and `foxglove.Odometry`, with the twist in the frame of the child; `geometry_msgs/msg/PoseStamped`,
/// `PoseWithCovarianceStamped` and `foxglove.PoseInFrame`, which place the ego without saying so.
pub(super) struct EgoPoses {
    pose: PoseSlots,
    parent: Option<Text>,
    child: Option<Text>,
    speed_mps: Option<Number>,
    yaw_rate_radps: Option<Number>,
}

impl EgoPoses {
    pub(super) fn odometry(wants: &mut Wants<'_>) -> Result<Self, String> {
        Ok(Self {
            child: at_first(&CHILD, |path| wants.text(MESSAGE, path)).ok(),
            speed_mps: at_first(&SPEED, |path| wants.number(MESSAGE, path)).ok(),
            yaw_rate_radps: at_first(&YAW_RATE, |path| wants.number(MESSAGE, path)).ok(),
            ..Self::pose(wants)?
        })
    }

    pub(super) fn pose(wants: &mut Wants<'_>) -> Result<Self, String> {
        Ok(Self {
            pose: at_first(&POSE, |path| PoseSlots::at(wants, MESSAGE, path))?,
            parent: frame(wants, MESSAGE).ok(),
            child: None,
            speed_mps: None,
            yaw_rate_radps: None,
        })
    }
}

impl Target for EgoPoses {
    fn take(&mut self, message: &Message<'_>, drive: &mut Assembly<'_>) -> Result<Taken> {
        let row = &message.row;
        let Some(map_from_ego) = self.pose.pose(row) else {
            return Ok(Err(Refused::field("pose")));
        };
        let rate = |slot: Option<_>| {
            let rate = slot.map(|slot| row.number(slot));
            rate.filter(|rate| rate.abs() <= RATE_MAX)
        };
        let sample = EgoSample {
            map_from_ego,
            speed_mps: rate(self.speed_mps),
            yaw_rate_radps: rate(self.yaw_rate_radps),
        };
        let name = |slot: Option<Text>| plain(slot.map_or("", |slot| row.text(slot)));
        let (parent, child) = (name(self.parent), name(self.child));
        if !drive.poses.contains_key(message.topic) {
            let stated = Stated {
                parent: parent.to_owned(),
                child: child.to_owned(),
            };
            let poses = Poses::new(stated, &drive.store);
            drive.poses.insert(message.topic.to_owned(), poses);
        }
        let Some(poses) = drive.poses.get_mut(message.topic) else {
            return Ok(Ok(()));
        };
        if (poses.stated.parent.as_str(), poses.stated.child.as_str()) != (parent, child) {
            let reason = format!(
                "expected poses of `{}` in `{}` as before, got one of `{child}` in `{parent}`",
                poses.stated.child, poses.stated.parent
            );
            return Ok(Err(Refused::error("other_frame", reason)));
        }
        Ok(poses.push(message.stamp_ns, sample))
    }
}
