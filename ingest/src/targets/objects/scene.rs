//! Objects that a log draws into a scene.

use driveloop_schemas::pose::Pose;

use super::{classes, numbers, size_slots};
use crate::actors::{Actor, Sighting, SightingId};
use crate::assembly::{Assembly, ObjectsRank};
use crate::encoding::rows::Row;
use crate::encoding::wants::{List, MESSAGE, Number, Text, Wants};
use crate::error::Result;
use crate::refused::Refused;
use crate::targets::slots::{PoseSlots, StampParts, frame};
use crate::targets::target::{Message, Taken, Target, Timing};

/// Keys of the metadata of an entity that say what it is, the first that is there.
const CLASS_KEYS: [&str; 3] = ["category", "class", "label"];
/// Metadata of an entity that are looked at.
const METADATA_MAX: usize = 64;

/// `foxglove.SceneUpdate`: entities of one cube, with an id, and with a class in their metadata, are objects. All others are drawings.
pub(crate) struct SceneObjects {
    entities: List,
    frame: Text,
    id: Text,
    stamp: Option<StampParts>,
    cubes: List,
    pose: PoseSlots,
    size: [Number; 3],
    metadata: List,
    key: Text,
    value: Text,
}

/// An entity that is an object.
struct Seen<'m> {
    stamp_ns: i64,
    frame: &'m str,
    id: &'m str,
    class: &'m str,
    pose: Pose,
    size_m: [f64; 3],
}

impl SceneObjects {
    pub(crate) fn of(wants: &mut Wants<'_>) -> Result<Self, String> {
        let entities = wants.list(MESSAGE, "entities")?;
        let cubes = wants.list(entities.scope, "cubes")?;
        let metadata = wants.list(entities.scope, "metadata")?;
        Ok(Self {
            entities,
            frame: frame(wants, entities.scope)?,
            id: wants.text(entities.scope, "id")?,
            stamp: StampParts::at(wants, entities.scope, "timestamp"),
            cubes,
            pose: PoseSlots::at(wants, cubes.scope, "pose")?,
            size: size_slots(wants, cubes.scope, "size")?,
            metadata,
            key: wants.text(metadata.scope, "key")?,
            value: wants.text(metadata.scope, "value")?,
        })
    }

    fn seen<'m>(&self, entity: &Row<'m>, message: &Message<'_>) -> Result<Seen<'m>, Refused> {
        let (id, class) = (entity.text(self.id), self.class(entity));
        let mut cubes = entity.list(self.cubes);
        let (Some(cube), None, Some(class), false) =
            (cubes.next(), cubes.next(), class, id.is_empty())
        else {
            let reason =
                "expected one cube with an id and a category in its metadata, got a drawing";
            return Err(Refused::info("unmapped_entity", reason.to_owned()));
        };
        let stamped = self.stamp.map_or(Ok(None), |stamp| stamp.stamp_ns(entity));
        let stamp_ns = match stamped.map(|stamp| stamp.unwrap_or(message.stamp_ns)) {
            Ok(stamp_ns) if stamp_ns >= 0 => stamp_ns,
            actual => {
                let actual = actual.map_or_else(|actual| actual, |stamp| format!("{stamp} ns"));
                return Err(Refused::error(
                    "stamp_out_of_range",
                    format!("expected nanoseconds since 1970 in 63 bits, got {actual}"),
                ));
            }
        };
        let pose = self.pose.pose(&cube);
        let size = numbers(&cube, self.size);
        Ok(Seen {
            stamp_ns,
            frame: entity.text(self.frame),
            id,
            class,
            pose: pose.ok_or_else(|| Refused::field("pose of the cube"))?,
            size_m: size.ok_or_else(|| Refused::field("size of the cube"))?,
        })
    }

    fn class<'m>(&self, entity: &Row<'m>) -> Option<&'m str> {
        let of_key = |key: &str| {
            let mut metadata = entity.list(self.metadata).take(METADATA_MAX);
            let pair = metadata.find(|pair| pair.text(self.key).eq_ignore_ascii_case(key))?;
            Some(pair.text(self.value))
        };
        CLASS_KEYS.into_iter().find_map(of_key)
    }
}

impl Target for SceneObjects {
    /// Each entity has a stamp of its own.
    fn timing(&self) -> Timing {
        Timing::OfContents
    }

    /// Takes each entity of a message; each counts as a record of its own.
    fn take(&mut self, message: &Message<'_>, drive: &mut Assembly<'_>) -> Result<Taken> {
        let mut last = None;
        for entity in message.row.list(self.entities) {
            drive.out.records_in += 1;
            let seen = match self.seen(&entity, message) {
                Ok(seen) => seen,
                Err(refused) => {
                    drive.refuse(message.topic, None, refused);
                    continue;
                }
            };
            let sighting = sighting(&seen, message, drive, &mut last);
            let actors = &mut drive.out.facts.actors;
            let actor = Actor {
                sighting,
                category: actors.category(seen.class, classes::category_of),
                size_m: seen.size_m,
                frame_from_object: seen.pose,
                velocity_mps: None,
                accel_mps2: None,
                lidar_points: None,
            };
            if !actors.push(seen.id, actor) {
                let stamp = Some(seen.stamp_ns);
                drive.refuse(message.topic, stamp, Refused::duplicate(seen.stamp_ns));
            }
        }
        Ok(Ok(()))
    }
}

/// The sighting of an entity: the same for entities of one stamp and frame that follow each other.
fn sighting<'m>(
    seen: &Seen<'m>,
    message: &Message<'_>,
    drive: &mut Assembly<'_>,
    last: &mut Option<(i64, &'m str, SightingId)>,
) -> SightingId {
    if let Some((stamp_ns, frame, sighting)) = *last
        && (stamp_ns, frame) == (seen.stamp_ns, seen.frame)
    {
        return sighting;
    }
    if !drive.objects.contains_key(message.topic) {
        let rank = ObjectsRank::Identified;
        drive.objects.insert(message.topic.to_owned(), rank);
    }
    let actors = &mut drive.out.facts.actors;
    let frame = actors.frame(seen.frame);
    let subject = actors.subject(message.topic);
    let sighting = actors.sighting(Sighting {
        stamp_ns: seen.stamp_ns,
        frame,
        subject,
    });
    *last = Some((seen.stamp_ns, seen.frame, sighting));
    sighting
}
