//! Transforms between frames.

use driveloop_schemas::Severity;

use super::slots::{PoseSlots, StampParts};
use super::target::{Message, Taken, Target, Timing};
use crate::assembly::Assembly;
use crate::encoding::rows::Row;
use crate::encoding::wants::{List, MESSAGE, Scope, Text, Wants};
use crate::error::Result;
use crate::findings::Found;
use crate::refused::Refused;

/// What the fields of a transform are called.
struct Fields {
    parent: &'static str,
    child: &'static str,
    translation: &'static str,
    rotation: &'static str,
    stamp: &'static str,
}

/// `geometry_msgs/msg/TransformStamped` and `foxglove.FrameTransform`.
const NAMED: [Fields; 2] = [
    Fields {
        parent: "header.frame_id",
        child: "child_frame_id",
        translation: "transform.translation",
        rotation: "transform.rotation",
        stamp: "header.stamp",
    },
    Fields {
        parent: "parent_frame_id",
        child: "child_frame_id",
        translation: "translation",
        rotation: "rotation",
        stamp: "timestamp",
    },
];

/// `tf2_msgs/msg/TFMessage`, `foxglove.FrameTransforms`: transforms of which each has its own stamp; or one transform a message. What
/// cannot be used of one costs that one.
pub(super) struct Transforms {
    /// None where the message itself is a transform.
    list: Option<List>,
    parent: Text,
    child: Text,
    pose: PoseSlots,
    stamp: Option<StampParts>,
    lasting: Lasting,
}

/// Whether a transform holds for the drive or for its stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lasting {
    Still,
    Moving,
}

impl Transforms {
    pub(super) fn moving(wants: &mut Wants<'_>) -> Result<Self, String> {
        let list = wants.list(MESSAGE, "transforms").ok();
        let scope = list.map_or(MESSAGE, |list| list.scope);
        let [ros, foxglove] = NAMED.map(|fields| Self::named(wants, list, scope, &fields));
        ros.or_else(|reason| foxglove.map_err(|_| reason))
    }

    fn named(
        wants: &mut Wants<'_>,
        list: Option<List>,
        scope: Scope,
        fields: &Fields,
    ) -> Result<Self, String> {
        Ok(Self {
            list,
            parent: wants.text(scope, fields.parent)?,
            child: wants.text(scope, fields.child)?,
            pose: PoseSlots::of(wants, scope, fields.translation, fields.rotation)?,
            stamp: StampParts::at(wants, scope, fields.stamp),
            lasting: Lasting::Moving,
        })
    }

    pub(super) fn still(wants: &mut Wants<'_>) -> Result<Self, String> {
        Ok(Self {
            lasting: Lasting::Still,
            ..Self::moving(wants)?
        })
    }
}

impl Target for Transforms {
    fn timing(&self) -> Timing {
        Timing::OfContents
    }

    fn take(&mut self, message: &Message<'_>, drive: &mut Assembly<'_>) -> Result<Taken> {
        let taken = match self.list {
            None => self.transform(&message.row, message, drive),
            Some(list) => {
                let mut taken = false;
                for transform in message.row.list(list) {
                    taken |= self.transform(&transform, message, drive);
                }
                taken
            }
        };
        if !taken {
            let reason = "expected transforms, got none".to_owned();
            return Ok(Err(Refused::info("unmapped_transform", reason)));
        }
        *drive
            .transforms
            .entry(message.topic.to_owned())
            .or_default() += 1;
        Ok(Ok(()))
    }
}

impl Transforms {
    /// Takes one transform; whether it could be used.
    fn transform(
        &self,
        transform: &Row<'_>,
        message: &Message<'_>,
        drive: &mut Assembly<'_>,
    ) -> bool {
        let (parent, child) = (transform.text(self.parent), transform.text(self.child));
        let stated = match self.pose.pose(transform) {
            None => Err("expected numbers and an orientation, got none".to_owned()),
            Some(pose) => match self.lasting {
                Lasting::Still => drive.stand(parent, child, pose),
                Lasting::Moving => {
                    let stamp = self.stamp.and_then(|stamp| stamp.stamp_ns(transform).ok()?);
                    let stamp = stamp.filter(|stamp| *stamp > 0);
                    let stamp_ns = stamp.unwrap_or(message.stamp_ns);
                    drive.moved((parent, child), stamp_ns, pose)
                }
            }
            .map_err(|error| error.to_string()),
        };
        let Err(reason) = stated else { return true };
        let (check, stamp) = ("transform_damaged", Some(message.stamp_ns));
        let found = Found::one(check, Severity::Warning, message.topic, stamp);
        drive.out.findings.add(found, || {
            format!("the transform from `{parent}` to `{child}` is left out: {reason}")
        });
        false
    }
}
