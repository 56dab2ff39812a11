//! Objects around the ego: tracked, predicted, detected.

mod classes;
mod scene;

use driveloop_schemas::Severity;

use self::classes::Class;
pub(super) use self::scene::SceneObjects;
use super::slots::{PoseSlots, frame};
use super::target::{Message, Taken, Target};
use crate::actors::{Actor, Sighting, SightingId};
use crate::assembly::{Assembly, ObjectsRank};
use crate::encoding::rows::Row;
use crate::encoding::wants::{Bytes, Integer, List, MESSAGE, Number, Scope, Text, Wants};
use crate::error::Result;
use crate::findings::Found;
use crate::refused::Refused;

/// Larger than any extent, speed or acceleration on a road: such numbers are none.
const MAGNITUDE_MAX: f64 = 1e6;
/// `autoware_perception_msgs/msg/Shape`: the footprint is a polygon, and the dimensions give the height alone.
const SHAPE_POLYGON: i64 = 2;
/// Corners of a footprint that are looked at.
const CORNERS_MAX: usize = 1_000;

/// Where the parts of an object lie in its message.
pub(super) struct Objects {
    rank: ObjectsRank,
    frame: Option<Text>,
    list: List,
    identity: Identity,
    class: Class,
    pose: PoseSlots,
    size: [Number; 3],
    footprint: Option<Footprint>,
    velocity: Option<[Number; 2]>,
    /// Whether the velocity is one.
    has_velocity: Option<Number>,
    accel: Option<[Number; 2]>,
}

/// What tells an actor from others.
enum Identity {
    Uuid(Bytes),
    Text(Text),
    /// The log has none: each object of a message is an actor of its own.
    None,
}

/// The polygon of an object of no simple shape.
struct Footprint {
    kind: Integer,
    corners: List,
    x: Number,
    y: Number,
}

/// Where Autoware's kinds of objects keep pose, twist and acceleration.
struct Kinematics {
    pose: &'static str,
    twist: &'static str,
    accel: &'static str,
}

const OBSERVED: Kinematics = Kinematics {
    pose: "kinematics.pose_with_covariance.pose",
    twist: "kinematics.twist_with_covariance.twist.linear",
    accel: "kinematics.acceleration_with_covariance.accel.linear",
};
const PREDICTED: Kinematics = Kinematics {
    pose: "kinematics.initial_pose_with_covariance.pose",
    twist: "kinematics.initial_twist_with_covariance.twist.linear",
    accel: "kinematics.initial_acceleration_with_covariance.accel.linear",
};

impl Objects {
    /// `autoware_perception_msgs/msg/TrackedObjects`: poses in the frame of the header, twists in the objects' own.
    pub(super) fn tracked(wants: &mut Wants<'_>, rank: ObjectsRank) -> Result<Self, String> {
        Self::with_uuid(wants, rank, &OBSERVED)
    }

    /// `autoware_perception_msgs/msg/PredictedObjects`: tracks with their predicted paths, of which only the present is taken.
    pub(super) fn predicted(wants: &mut Wants<'_>) -> Result<Self, String> {
        Self::with_uuid(wants, ObjectsRank::Predicted, &PREDICTED)
    }

    /// `autoware_perception_msgs/msg/DetectedObjects`: the same without identity.
    pub(super) fn detected(wants: &mut Wants<'_>) -> Result<Self, String> {
        Self::autoware(wants, ObjectsRank::Anonymous, &OBSERVED)
    }

    fn with_uuid(
        wants: &mut Wants<'_>,
        rank: ObjectsRank,
        kinematics: &Kinematics,
    ) -> Result<Self, String> {
        let slots = Self::autoware(wants, rank, kinematics)?;
        let uuid = wants.bytes(slots.list.scope, "object_id.uuid")?;
        Ok(Self {
            identity: Identity::Uuid(uuid),
            ..slots
        })
    }

    fn autoware(
        wants: &mut Wants<'_>,
        rank: ObjectsRank,
        kinematics: &Kinematics,
    ) -> Result<Self, String> {
        let list = wants.list(MESSAGE, "objects")?;
        Ok(Self {
            rank,
            frame: frame(wants, MESSAGE).ok(),
            list,
            identity: Identity::None,
            class: Class::labels(wants, list.scope)?,
            pose: PoseSlots::at(wants, list.scope, kinematics.pose)?,
            size: size_slots(wants, list.scope, "shape.dimensions")?,
            footprint: Footprint::of(wants, list.scope).ok(),
            velocity: planar_slots(wants, list.scope, kinematics.twist).ok(),
            has_velocity: wants.truth(list.scope, "kinematics.has_twist").ok(),
            accel: planar_slots(wants, list.scope, kinematics.accel).ok(),
        })
    }

    /// `vision_msgs/msg/Detection3DArray`: the class of the best hypothesis, identity from `id`, before 3.0 from `tracking_id`.
    pub(super) fn detections(wants: &mut Wants<'_>) -> Result<Self, String> {
        let list = wants.list(MESSAGE, "detections")?;
        let identity = wants.text(list.scope, "id");
        let identity = identity.or_else(|_| wants.text(list.scope, "tracking_id"));
        Ok(Self {
            rank: ObjectsRank::Identified,
            frame: frame(wants, MESSAGE).ok(),
            list,
            identity: identity.map_or(Identity::None, Identity::Text),
            class: Class::hypotheses(wants, list.scope)?,
            pose: PoseSlots::at(wants, list.scope, "bbox.center")?,
            size: size_slots(wants, list.scope, "bbox.size")?,
            footprint: None,
            velocity: None,
            has_velocity: None,
            accel: None,
        })
    }
}

impl Footprint {
    fn of(wants: &mut Wants<'_>, scope: Scope) -> Result<Self, String> {
        let corners = wants.list(scope, "shape.footprint.points")?;
        Ok(Self {
            kind: wants.integer(scope, "shape.type")?,
            corners,
            x: wants.number(corners.scope, "x")?,
            y: wants.number(corners.scope, "y")?,
        })
    }

    /// Length and width of the polygon along the axes of the object, whose origin it is given from; none where the shape is a box.
    fn extent_m(&self, object: &Row<'_>) -> Option<[f64; 2]> {
        if object.integer(self.kind) != SHAPE_POLYGON {
            return None;
        }
        let corners = object.list(self.corners).take(CORNERS_MAX);
        let corners = corners.map(|corner| [corner.number(self.x), corner.number(self.y)]);
        let corners: Vec<[f64; 2]> = corners.collect();
        let along = |axis: usize| {
            let values = corners.iter().map(|corner| corner[axis]);
            let least = values.clone().fold(f64::INFINITY, f64::min);
            values.fold(f64::NEG_INFINITY, f64::max) - least
        };
        let extent = [along(0), along(1)];
        let is_sane = |side: &f64| (0.0..=MAGNITUDE_MAX).contains(side);
        extent.iter().all(is_sane).then_some(extent)
    }
}

impl Target for Objects {
    /// Takes each object of a message; each counts as a record of its own.
    fn take(&mut self, message: &Message<'_>, drive: &mut Assembly<'_>) -> Result<Taken> {
        let stamp_ns = message.stamp_ns;
        let actors = &mut drive.out.facts.actors;
        let frame = actors.frame(self.frame.map_or("", |slot| message.row.text(slot)));
        let subject = actors.subject(message.topic);
        let sighting = actors.sighting(Sighting {
            stamp_ns,
            frame,
            subject,
        });
        if !drive.objects.contains_key(message.topic) {
            drive.objects.insert(message.topic.to_owned(), self.rank);
        }
        for (index, object) in message.row.list(self.list).enumerate() {
            drive.out.records_in += 1;
            if let Err(refused) = self.object(&object, sighting, (message, index), drive) {
                drive.refuse(message.topic, Some(stamp_ns), refused);
            }
        }
        Ok(Ok(()))
    }
}

impl Objects {
    fn object(
        &self,
        object: &Row<'_>,
        sighting: SightingId,
        (message, index): (&Message<'_>, usize),
        drive: &mut Assembly<'_>,
    ) -> Taken {
        let pose = self.pose.pose(object);
        let frame_from_object = pose.ok_or_else(|| Refused::field("pose of the object"))?;
        let size = numbers(object, self.size);
        let [mut length, mut width, height] =
            size.ok_or_else(|| Refused::field("size of the object"))?;
        let footprint = self.footprint.as_ref();
        if let Some(extent) = footprint.and_then(|footprint| footprint.extent_m(object)) {
            [length, width] = extent;
        }
        let has_velocity = self.has_velocity.is_none_or(|slot| object.is_true(slot));
        let velocity = self.velocity.filter(|_| has_velocity);
        let actors = &mut drive.out.facts.actors;
        let category = self
            .class
            .with_name(object, |name| actors.category(name, classes::category_of));
        let actor = Actor {
            sighting,
            category,
            size_m: [length, width, height],
            frame_from_object,
            velocity_mps: velocity.and_then(|slots| numbers(object, slots)),
            accel_mps2: self.accel.and_then(|slots| numbers(object, slots)),
            lidar_points: None,
        };
        let mut text = [0; 64];
        let is_first = match self.identity {
            Identity::Uuid(slot) => {
                let uuid = object.bytes(slot);
                let text = &mut text[..(2 * uuid.len()).min(64)];
                let encoded = hex::encode_to_slice(uuid, text).is_ok();
                let id = std::str::from_utf8(text).ok().filter(|_| encoded);
                let id = id.ok_or_else(|| Refused::field("object_id.uuid"))?;
                actors.push(id, actor)
            }
            Identity::Text(slot) if !object.text(slot).is_empty() => {
                actors.push(object.text(slot), actor)
            }
            Identity::Text(_) | Identity::None => {
                let is_first = actors.push_unnamed(index, actor);
                note_made_id(message, is_first, drive);
                is_first
            }
        };
        if is_first {
            Ok(())
        } else {
            Err(Refused::duplicate(message.stamp_ns))
        }
    }
}

/// Says that an object became a track of its own.
fn note_made_id(message: &Message<'_>, is_kept: bool, drive: &mut Assembly<'_>) {
    let (topic, stamp) = (message.topic, Some(message.stamp_ns));
    let found = Found::one("made_track_id", Severity::Info, topic, stamp);
    if is_kept {
        drive.out.findings.add(found, || {
            "expected objects with an identity, got none: each is a track of one stamp".to_owned()
        });
    }
}

fn size_slots(wants: &mut Wants<'_>, scope: Scope, path: &str) -> Result<[Number; 3], String> {
    let [x, y] = planar_slots(wants, scope, path)?;
    Ok([x, y, wants.number(scope, &format!("{path}.z"))?])
}

fn planar_slots(wants: &mut Wants<'_>, scope: Scope, path: &str) -> Result<[Number; 2], String> {
    let x = wants.number(scope, &format!("{path}.x"))?;
    Ok([x, wants.number(scope, &format!("{path}.y"))?])
}

/// Numbers of a sane size.
fn numbers<const N: usize>(row: &Row<'_>, slots: [Number; N]) -> Option<[f64; N]> {
    let numbers = slots.map(|slot| row.number(slot));
    let sane = |number: &f64| number.abs() <= MAGNITUDE_MAX;
    numbers.iter().all(sane).then_some(numbers)
}
