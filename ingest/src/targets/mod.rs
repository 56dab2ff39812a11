//! What messages become: a target a file. A target says which fields it wants of a message, what it does with one, and how it ends.
//!
//! Targets know neither the container that a message lay in nor the encoding that it was written in.

mod asked;
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
mod target;
mod transforms;

use crate::assembly::{Assembly, ObjectsRank};
use crate::encoding::wants::Wants;

pub(crate) use asked::{Asked, Kind, Values};
pub(crate) use slots::StampParts;
pub(crate) use target::{Message, Target, Timing};

/// Makes the target of a topic; says which fields it wants. The error says which of them the messages lack.
pub(crate) fn target(
    asked: &Asked<'_>,
    wants: &mut Wants<'_>,
    drive: &mut Assembly<'_>,
) -> Result<Box<dyn Target>, String> {
    use objects::{Objects, SceneObjects};
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
        Kind::SceneObjects => Box::new(SceneObjects::of(wants)?),
        Kind::Signal => Box::new(signals::Signals::of(asked, wants, drive)?),
        Kind::BusFrame => Box::new(bus::BusFrames::of(topic, wants, drive)?),
        Kind::CameraFrame => Box::new(camera::Images::of(wants)?),
        Kind::LidarSweep => Box::new(lidar::Sweeps::of(wants)),
        Kind::Map => Box::new(map::Maps::of(wants)?),
        Kind::Nothing => return Err("expected a target, got none".to_owned()),
    })
}
