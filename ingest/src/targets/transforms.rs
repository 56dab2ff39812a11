//! Transforms between frames.

use driveloop_schemas::Severity;

use super::slots::PoseSlots;
use super::target::{Message, Taken, Target, Timing};
use crate::assembly::Assembly;
use crate::encoding::wants::{Integer, List, MESSAGE, Text, Wants};
use crate::error::Result;
use crate::findings::Found;
use crate::refused::Refused;
use crate::stamps::stamp_ns;

/// `tf2_msgs/msg/TFMessage`: transforms of which each has its own stamp. What cannot be used of one costs that one.
pub(super) struct Transforms {
    list: List,
    parent: Text,
    child: Text,
    pose: PoseSlots,
    stamp: Option<(Integer, Integer)>,
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
        let list = wants.list(MESSAGE, "transforms")?;
        let pose = ("transform.translation", "transform.rotation");
        let sec = wants.integer(list.scope, "header.stamp.sec").ok();
        let nanosec = wants.integer(list.scope, "header.stamp.nanosec").ok();
        Ok(Self {
            list,
            parent: wants.text(list.scope, "header.frame_id")?,
            child: wants.text(list.scope, "child_frame_id")?,
            pose: PoseSlots::of(wants, list.scope, pose.0, pose.1)?,
            stamp: sec.zip(nanosec),
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
        let mut taken = false;
        for transform in message.row.list(self.list) {
            let (parent, child) = (transform.text(self.parent), transform.text(self.child));
            let stated = match self.pose.pose(&transform) {
                None => Err("expected numbers and an orientation, got none".to_owned()),
                Some(pose) => match self.lasting {
                    Lasting::Still => drive.stand(parent, child, pose),
                    Lasting::Moving => {
                        let stamp = self.stamp.and_then(|(sec, nanosec)| {
                            stamp_ns(transform.integer(sec), transform.integer(nanosec))
                        });
                        let stamp = stamp.filter(|stamp| *stamp > 0);
                        let stamp_ns = stamp.unwrap_or(message.stamp_ns);
                        drive.moved((parent, child), stamp_ns, pose)
                    }
                }
                .map_err(|error| error.to_string()),
            };
            match stated {
                Ok(()) => taken = true,
                Err(reason) => {
                    let (check, stamp) = ("transform_damaged", Some(message.stamp_ns));
                    let found = Found::one(check, Severity::Warning, message.topic, stamp);
                    drive.out.findings.add(found, || {
                        format!("the transform from `{parent}` to `{child}` is left out: {reason}")
                    });
                }
            }
        }
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
