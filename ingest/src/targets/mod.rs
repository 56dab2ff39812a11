//! What messages become: a target a file. A target says which fields it wants of a message, what it does with one, and how it ends.
//!
//! Targets know neither the container that a message lay in nor the encoding that it was written in.

mod bus;
mod camera;
mod ego;
mod lens;
mod lidar;
mod map;
mod objects;
mod position;
mod signals;
mod slots;
mod transforms;

use serde::Deserialize;

use crate::assembly::{Assembly, ObjectsRank, Refused};
use crate::encoding::cdr::Row;
use crate::encoding::wants::Wants;
use crate::error::Result;

pub(crate) use signals::Values;

/// A message on its way to its target.
pub(crate) struct Message<'m> {
    pub(crate) topic: &'m str,
    /// Its message type.
    pub(crate) schema: &'m str,
    pub(crate) stamp_ns: i64,
    /// Stamps of the earlier messages of the topic, in the order of the log.
    pub(crate) earlier_ns: &'m [i64],
    pub(crate) row: Row<'m>,
    /// The message as it was written.
    pub(crate) data: &'m [u8],
}

/// Whether a message became part of the drive.
pub(crate) type Taken = std::result::Result<(), Refused>;

/// What the messages of a topic become.
pub(crate) trait Target {
    /// Takes a message. The outer error is that of the lake.
    fn take(&mut self, message: &Message<'_>, drive: &mut Assembly<'_>) -> Result<Taken>;

    /// Hands over what was gathered, once the log was read.
    fn finish(self: Box<Self>, _topic: &str, _drive: &mut Assembly<'_>) {}
}

/// The targets, as a mapping names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    EgoState,
    EgoPose,
    /// Mappings of earlier versions say what kind of transforms a topic has.
    #[serde(alias = "ego_transform")]
    Transform,
    StaticTransform,
    CameraInfo,
    GeoPosition,
    TrackedObjects,
    PredictedObjects,
    DetectedObjects,
    Detections,
    Signal,
    /// Mappings of the first version say `can_frame`.
    #[serde(alias = "can_frame")]
    BusFrame,
    CameraFrame,
    LidarSweep,
    Map,
    /// The topic is passed over.
    Nothing,
}

/// What a mapping says of a topic, besides its stamp.
pub(crate) struct Asked<'a> {
    pub(crate) kind: Kind,
    pub(crate) topic: &'a str,
    /// The field with the stamp, for targets that take every field but that.
    pub(crate) stamp: &'a str,
    pub(crate) values: &'a Values,
}

/// Makes the target of a topic; says which fields it wants. The error says which of them the messages lack.
pub(crate) fn target(
    asked: &Asked<'_>,
    wants: &mut Wants<'_>,
    drive: &mut Assembly<'_>,
) -> Result<Box<dyn Target>, String> {
    use objects::Objects;
    let topic = asked.topic;
    Ok(match asked.kind {
        Kind::EgoState => Box::new(ego::EgoPoses::odometry(wants)?),
        Kind::EgoPose => Box::new(ego::EgoPoses::pose(wants)?),
        Kind::Transform => Box::new(transforms::Transforms::moving(wants)?),
        Kind::StaticTransform => Box::new(transforms::Transforms::still(wants)?),
        Kind::CameraInfo => Box::new(lens::Lenses::of(wants)?),
        Kind::GeoPosition => Box::new(position::Positions::of(wants)?),
        Kind::TrackedObjects => Box::new(Objects::tracked(wants, ObjectsRank::Tracked)?),
        Kind::PredictedObjects => Box::new(Objects::predicted(wants)?),
        Kind::DetectedObjects => Box::new(Objects::detected(wants)?),
        Kind::Detections => Box::new(Objects::detections(wants)?),
        Kind::Signal => Box::new(signals::Signals::of(asked, wants, drive)?),
        Kind::BusFrame => Box::new(bus::BusFrames::of(topic, wants, drive)?),
        Kind::CameraFrame => Box::new(camera::Images::of(wants)?),
        Kind::LidarSweep => Box::new(lidar::Sweeps::of(wants)),
        Kind::Map => Box::new(map::Maps::of(wants)?),
        Kind::Nothing => return Err("expected a target, got none".to_owned()),
    })
}
