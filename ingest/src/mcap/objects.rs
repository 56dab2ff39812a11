//! Actors: tracked objects and detections.

use driveloop_schemas::pose::Pose;

use super::reader::{Message, Reader, Refused};
use super::value::Value;
use super::vehicle::{EGO_FRAMES, MAP_FRAMES, pose_of};

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

/// The frame that a pose is given in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame {
    Map,
    Ego,
}

/// An actor as a message gives it.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) topic: String,
    pub(super) stamp_ns: i64,
    pub(super) frame: Frame,
    pub(super) track_id: String,
    pub(super) category: String,
    pub(super) source_category: String,
    pub(super) size_m: [f64; 3],
    pub(super) frame_from_object: Pose,
    /// Over ground, in the axes of the object.
    pub(super) velocity_mps: Option<[f64; 2]>,
    /// Over ground, in the axes of the object.
    pub(super) accel_mps2: Option<[f64; 2]>,
}

impl Reader<'_> {
    /// `autoware_perception_msgs/msg/TrackedObjects`: poses in the frame of the header, twists in the objects' own.
    pub(super) fn tracked_objects(&mut self, message: &Message<'_, '_>) -> Result<(), Refused> {
        self.each(message, "objects", tracked)
    }

    /// `vision_msgs/msg/Detection3DArray`: the class of the best hypothesis, identity from `id`.
    pub(super) fn detections(&mut self, message: &Message<'_, '_>) -> Result<(), Refused> {
        self.each(message, "detections", detection)
    }

    /// Takes each object of a message; each counts as a record of its own.
    fn each(
        &mut self,
        message: &Message<'_, '_>,
        list: &str,
        read: fn(&Value<'_>) -> Result<Object, Refused>,
    ) -> Result<(), Refused> {
        let frame = frame_of(message.value)?;
        let objects = message
            .value
            .list_at(list)
            .ok_or_else(|| Refused::field(list))?;
        self.object_stamps.insert(message.stamp_ns);
        for object in objects {
            self.out.records_in += 1;
            let object = read(object).and_then(|object| {
                let first = self.is_first(&format!("track {}", object.track_id), message.stamp_ns);
                if first {
                    Ok(object)
                } else {
                    Err(Refused::duplicate(message.stamp_ns))
                }
            });
            match object {
                Ok(object) => {
                    let (topic, stamp_ns) = (message.topic.to_owned(), message.stamp_ns);
                    self.objects.push(Object {
                        topic,
                        stamp_ns,
                        frame,
                        ..object
                    });
                }
                Err(refused) => self.refuse(message.topic, Some(message.stamp_ns), refused),
            }
        }
        Ok(())
    }
}

fn frame_of(value: &Value<'_>) -> Result<Frame, Refused> {
    let frame = value.text_at("header.frame_id").unwrap_or_default();
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

/// The first two components of a vector that is finite.
fn planar(value: &Value<'_>, path: &str) -> Option<[f64; 2]> {
    let vector = value.at(path)?;
    let [x, y] = ["x", "y"].map(|axis| vector.number_at(axis).filter(|number| number.is_finite()));
    Some([x?, y?])
}

fn size(value: &Value<'_>, path: &str) -> Option<[f64; 3]> {
    let vector = value.at(path)?;
    let [x, y, z] =
        ["x", "y", "z"].map(|axis| vector.number_at(axis).filter(|number| number.is_finite()));
    Some([x?, y?, z?])
}

fn tracked(value: &Value<'_>) -> Result<Object, Refused> {
    let uuid = value
        .bytes_at("object_id.uuid")
        .ok_or_else(|| Refused::field("object_id.uuid"))?;
    let kinematics = value
        .at("kinematics")
        .ok_or_else(|| Refused::field("kinematics"))?;
    let pose = kinematics
        .at("pose_with_covariance.pose")
        .and_then(|pose| pose_of(pose, "position", "orientation"));
    let classes = value.list_at("classification").unwrap_or_default();
    let best = classes
        .iter()
        .fold(None, |best: Option<(&Value<'_>, f64)>, class| {
            let probability = class.number_at("probability").unwrap_or(0.0);
            if best.is_some_and(|(_, most)| most >= probability) {
                best
            } else {
                Some((class, probability))
            }
        });
    let label = best.and_then(|(class, _)| class.integer_at("label"));
    let known = label.and_then(|label| LABELS.get(usize::try_from(label).ok()?));
    let (name, category) = known.copied().unwrap_or((UNKNOWN, UNKNOWN));
    Ok(Object {
        topic: String::new(),
        stamp_ns: 0,
        frame: Frame::Map,
        track_id: hex::encode(uuid),
        category: category.to_owned(),
        source_category: name.to_owned(),
        size_m: size(value, "shape.dimensions")
            .ok_or_else(|| Refused::field("shape.dimensions"))?,
        frame_from_object: pose
            .ok_or_else(|| Refused::field("kinematics.pose_with_covariance.pose"))?,
        velocity_mps: planar(kinematics, "twist_with_covariance.twist.linear"),
        accel_mps2: planar(kinematics, "acceleration_with_covariance.accel.linear"),
    })
}

fn detection(value: &Value<'_>) -> Result<Object, Refused> {
    let track_id = value.text_at("id").filter(|id| !id.is_empty());
    let results = value.list_at("results").unwrap_or_default();
    let best = results
        .iter()
        .fold(None, |best: Option<(&Value<'_>, f64)>, result| {
            let score = result.number_at("hypothesis.score").unwrap_or(0.0);
            if best.is_some_and(|(_, most)| most >= score) {
                best
            } else {
                Some((result, score))
            }
        });
    let class = best
        .and_then(|(result, _)| result.text_at("hypothesis.class_id"))
        .unwrap_or(UNKNOWN);
    let pose = value
        .at("bbox.center")
        .and_then(|pose| pose_of(pose, "position", "orientation"));
    Ok(Object {
        topic: String::new(),
        stamp_ns: 0,
        frame: Frame::Map,
        track_id: track_id.ok_or_else(|| Refused::field("id"))?.to_owned(),
        category: category_of(class),
        source_category: class.to_owned(),
        size_m: size(value, "bbox.size").ok_or_else(|| Refused::field("bbox.size"))?,
        frame_from_object: pose.ok_or_else(|| Refused::field("bbox.center"))?,
        velocity_mps: None,
        accel_mps2: None,
    })
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
