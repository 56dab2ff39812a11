//! Actors: tracked objects, detected objects and detections.

use driveloop_schemas::Severity;

use super::cdr::Row;
use super::plan::PoseSlots;
use super::reader::{Message, Reader, Refused};
use super::vehicle::{EGO_FRAMES, MAP_FRAMES};
use super::wants::{Bytes, Integer, List, MESSAGE, Number, Scope, Text, Wants};
use crate::actors::{Actor, Frame, Sighting, SightingId};
use crate::findings::Found;

/// Category of an actor that the log gives no class.
const UNKNOWN: &str = "UNKNOWN";
/// Names and categories of the labels of `autoware_perception_msgs/msg/ObjectClassification`.
const LABELS: [(&str, &str); 8] = [
    ("UNKNOWN", UNKNOWN),
    ("CAR", "REGULAR_VEHICLE"),
    ("TRUCK", "TRUCK"),
    ("BUS", "BUS"),
    ("TRAILER", "VEHICULAR_TRAILER"),
    ("MOTORCYCLE", "MOTORCYCLE"),
    ("BICYCLE", "BICYCLE"),
    ("PEDESTRIAN", "PEDESTRIAN"),
];
/// Larger than any extent, speed or acceleration on a road: such numbers are none.
const MAGNITUDE_MAX: f64 = 1e6;

/// Where the parts of an object lie in its message.
pub(super) struct ObjectSlots {
    frame: Option<Text>,
    list: List,
    identity: Identity,
    class: Class,
    pose: PoseSlots,
    size: [Number; 3],
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

/// How an actor is classified: the most probable of several.
enum Class {
    Label {
        list: List,
        label: Integer,
        probability: Option<Number>,
    },
    Name {
        list: List,
        name: Text,
        score: Option<Number>,
    },
}

impl ObjectSlots {
    /// `autoware_perception_msgs/msg/TrackedObjects`: poses in the frame of the header, twists in the objects' own.
    pub(super) fn tracked(wants: &mut Wants<'_>) -> Result<Self, String> {
        let slots = Self::detected(wants)?;
        let uuid = wants.bytes(slots.list.scope, "object_id.uuid")?;
        Ok(Self {
            identity: Identity::Uuid(uuid),
            ..slots
        })
    }

    /// `autoware_perception_msgs/msg/DetectedObjects`: the same without identity.
    pub(super) fn detected(wants: &mut Wants<'_>) -> Result<Self, String> {
        let list = wants.list(MESSAGE, "objects")?;
        let classes = wants.list(list.scope, "classification")?;
        let pose = "kinematics.pose_with_covariance.pose";
        let twist = "kinematics.twist_with_covariance.twist.linear";
        let accel = "kinematics.acceleration_with_covariance.accel.linear";
        Ok(Self {
            frame: wants.text(MESSAGE, "header.frame_id").ok(),
            list,
            identity: Identity::None,
            class: Class::Label {
                list: classes,
                label: wants.integer(classes.scope, "label")?,
                probability: wants.number(classes.scope, "probability").ok(),
            },
            pose: pose_slots(wants, list.scope, pose)?,
            size: size_slots(wants, list.scope, "shape.dimensions")?,
            velocity: planar_slots(wants, list.scope, twist).ok(),
            has_velocity: wants.truth(list.scope, "kinematics.has_twist").ok(),
            accel: planar_slots(wants, list.scope, accel).ok(),
        })
    }

    /// `vision_msgs/msg/Detection3DArray`: the class of the best hypothesis, identity from `id`.
    pub(super) fn detections(wants: &mut Wants<'_>) -> Result<Self, String> {
        let list = wants.list(MESSAGE, "detections")?;
        let results = wants.list(list.scope, "results")?;
        Ok(Self {
            frame: wants.text(MESSAGE, "header.frame_id").ok(),
            list,
            identity: Identity::Text(wants.text(list.scope, "id")?),
            class: Class::Name {
                list: results,
                name: wants.text(results.scope, "hypothesis.class_id")?,
                score: wants.number(results.scope, "hypothesis.score").ok(),
            },
            pose: pose_slots(wants, list.scope, "bbox.center")?,
            size: size_slots(wants, list.scope, "bbox.size")?,
            velocity: None,
            has_velocity: None,
            accel: None,
        })
    }
}

fn pose_slots(wants: &mut Wants<'_>, scope: Scope, path: &str) -> Result<PoseSlots, String> {
    let (position, orientation) = (format!("{path}.position"), format!("{path}.orientation"));
    PoseSlots::of(wants, scope, &position, &orientation)
}

fn size_slots(wants: &mut Wants<'_>, scope: Scope, path: &str) -> Result<[Number; 3], String> {
    let [x, y] = planar_slots(wants, scope, path)?;
    Ok([x, y, wants.number(scope, &format!("{path}.z"))?])
}

fn planar_slots(wants: &mut Wants<'_>, scope: Scope, path: &str) -> Result<[Number; 2], String> {
    let x = wants.number(scope, &format!("{path}.x"))?;
    Ok([x, wants.number(scope, &format!("{path}.y"))?])
}

impl Reader<'_> {
    /// Takes each object of a message; each counts as a record of its own.
    pub(super) fn objects(
        &mut self,
        message: &Message<'_>,
        slots: &ObjectSlots,
    ) -> Result<(), Refused> {
        let frame = frame_of(slots.frame.map_or("", |slot| message.row.text(slot)))?;
        let stamp_ns = message.stamp_ns;
        let actors = &mut self.out.facts.actors;
        let subject = actors.subject(message.topic);
        let sighting = actors.sighting(Sighting {
            stamp_ns,
            frame,
            subject,
        });
        if matches!(slots.identity, Identity::None) {
            self.untracked.insert(message.topic.to_owned());
        } else {
            self.has_tracks = true;
        }
        for (index, object) in message.row.list(slots.list).enumerate() {
            self.out.records_in += 1;
            if let Err(refused) = self.object(&object, slots, sighting, (message, index)) {
                self.refuse(message.topic, Some(stamp_ns), refused);
            }
        }
        Ok(())
    }

    fn object(
        &mut self,
        object: &Row<'_>,
        slots: &ObjectSlots,
        sighting: SightingId,
        (message, index): (&Message<'_>, usize),
    ) -> Result<(), Refused> {
        let pose = slots.pose.pose(object);
        let frame_from_object = pose.ok_or_else(|| Refused::field("pose of the object"))?;
        let size = numbers(object, slots.size);
        let size_m = size.ok_or_else(|| Refused::field("size of the object"))?;
        let has_velocity = slots
            .has_velocity
            .is_none_or(|slot| object.number(slot) != 0.0);
        let velocity = slots.velocity.filter(|_| has_velocity);
        let class = slots.class.of(object);
        let actors = &mut self.out.facts.actors;
        let category = actors.category(class, category_of);
        let actor = Actor {
            sighting,
            category,
            size_m,
            frame_from_object,
            velocity_mps: velocity.and_then(|slots| numbers(object, slots)),
            accel_mps2: slots.accel.and_then(|slots| numbers(object, slots)),
            lidar_points: None,
        };
        let mut text = [0; 64];
        let is_first = match slots.identity {
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
                let id = format!("{}#{}-{index}", message.topic, message.stamp_ns);
                let is_first = actors.push(&id, actor);
                self.note_made_id(message, is_first);
                is_first
            }
        };
        if is_first {
            Ok(())
        } else {
            Err(Refused::duplicate(message.stamp_ns))
        }
    }

    /// Says that an object became a track of its own.
    fn note_made_id(&mut self, message: &Message<'_>, is_kept: bool) {
        let (topic, stamp) = (message.topic, Some(message.stamp_ns));
        let found = Found::one("made_track_id", Severity::Info, topic, stamp);
        if is_kept {
            self.out.findings.add(found, || {
                "expected objects with an identity, got none: each is a track of one stamp"
                    .to_owned()
            });
        }
    }
}

impl Class {
    /// The name of the most probable class; of equal ones the first.
    fn of<'a>(&self, object: &Row<'a>) -> &'a str {
        match *self {
            Self::Label {
                list,
                label,
                probability,
            } => {
                let label = best(object, list, probability).map(|class| class.integer(label));
                let known = label.and_then(|label| LABELS.get(usize::try_from(label).ok()?));
                known.map_or(UNKNOWN, |(name, _)| *name)
            }
            Self::Name { list, name, score } => {
                best(object, list, score).map_or(UNKNOWN, |result| result.text(name))
            }
        }
    }
}

fn best<'a>(object: &Row<'a>, list: List, score: Option<Number>) -> Option<Row<'a>> {
    let mut best: Option<(Row<'a>, f64)> = None;
    for class in object.list(list) {
        let score = score.map_or(0.0, |slot| class.number(slot));
        if best.is_none_or(|(_, most)| score > most) {
            best = Some((class, score));
        }
    }
    best.map(|(class, _)| class)
}

/// Numbers of a sane size.
fn numbers<const N: usize>(row: &Row<'_>, slots: [Number; N]) -> Option<[f64; N]> {
    let numbers = slots.map(|slot| row.number(slot));
    let sane = |number: &f64| number.abs() <= MAGNITUDE_MAX;
    numbers.iter().all(sane).then_some(numbers)
}

fn frame_of(frame: &str) -> Result<Frame, Refused> {
    if MAP_FRAMES.contains(&frame) {
        return Ok(Frame::Map);
    }
    if EGO_FRAMES.contains(&frame) {
        return Ok(Frame::Ego);
    }
    Err(Refused::error(
        "unknown_frame",
        format!("expected poses in `map` or `base_link`, got `{frame}`"),
    ))
}

/// The category of a class name: that of the label of the same name, or the name itself, in capitals.
fn category_of(class: &str) -> String {
    let name = class.trim().to_uppercase().replace([' ', '-'], "_");
    let label = LABELS.iter().find(|(label, _)| *label == name);
    match label {
        Some((_, category)) => (*category).to_owned(),
        None if name.is_empty() => UNKNOWN.to_owned(),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::category_of;

    #[test]
    fn classes_become_categories() {
        for (class, category) in [
            ("car", "REGULAR_VEHICLE"),
            ("REGULAR_VEHICLE", "REGULAR_VEHICLE"),
            ("construction cone", "CONSTRUCTION_CONE"),
            ("", "UNKNOWN"),
        ] {
            assert_eq!(category_of(class), category);
        }
    }
}
