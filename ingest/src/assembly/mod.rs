//! A drive while it is put together from its topics: what targets gather, and what is made of it once the log was read.

mod about;
mod actors;
mod gnss;
mod sensors;
mod way;

use std::collections::BTreeMap;

use driveloop_schemas::Severity;

use crate::dbc::{BusDecoder, Buses};
use crate::decoded::DecodedDrive;
use crate::facts::Facts as _;
use crate::findings::Found;
use crate::frames::{FrameNames, Frames, Naming, TransformError};
use crate::limits::Limits;
use crate::paged::Store;
use crate::refused::Refused;
use crate::sink::DriveSink;
use driveloop_schemas::pose::Pose;

pub(crate) use gnss::{Fix, Fixes};
pub(crate) use sensors::{Lens, Sensors};
pub(crate) use way::{Poses, Stated, Way};

/// How much a topic of objects says of who is who: of two topics that see the same world the lower one is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ObjectsRank {
    /// Followed over time.
    Tracked,
    /// Tracks with a guess at their future: a copy of tracks.
    Predicted,
    /// Recognised in each message anew, with an identity of the sensor's own.
    Identified,
    /// Recognised in each message anew.
    Anonymous,
}

/// A drive while it is put together.
pub(crate) struct Assembly<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) naming: &'a Naming,
    /// What CAN databases make of bus frames.
    pub(crate) bus: BusDecoder<'a>,
    pub(crate) sink: &'a mut dyn DriveSink,
    /// What is as long as the drive.
    pub(crate) store: Store,
    pub(crate) out: DecodedDrive,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) frames: Frames,
    /// Topics with poses of the ego.
    pub(crate) poses: BTreeMap<String, Poses>,
    pub(crate) fixes: Fixes,
    pub(crate) sensors: Sensors,
    /// Topics with objects.
    pub(crate) objects: BTreeMap<String, ObjectsRank>,
    /// Messages of topics with transforms.
    pub(crate) transforms: BTreeMap<String, u64>,
}

impl<'a> Assembly<'a> {
    pub(crate) fn new(
        limits: &'a Limits,
        (naming, buses): (&'a Naming, &'a Buses),
        sink: &'a mut dyn DriveSink,
    ) -> Self {
        let store = Store::new(limits);
        Self {
            limits,
            naming,
            bus: BusDecoder::new(buses, limits.signals_max),
            sink,
            out: DecodedDrive::held_in(&store),
            metadata: BTreeMap::new(),
            frames: Frames::new(&store),
            poses: BTreeMap::new(),
            fixes: Fixes::new(&store),
            sensors: Sensors::default(),
            objects: BTreeMap::new(),
            transforms: BTreeMap::new(),
            store,
        }
    }

    /// Reports a record that is not stored.
    pub(crate) fn refuse(&mut self, subject: &str, stamp_ns: Option<i64>, refused: Refused) {
        let found = Found::dropped(refused.check, refused.severity, subject, stamp_ns);
        self.out.findings.add(found, || refused.reason);
    }

    /// Records that were taken, and of which nothing came.
    fn unused(&mut self, topic: &str, count: u64, span_ns: Option<(i64, i64)>, why: &str) {
        self.out.records_used = self.out.records_used.saturating_sub(count);
        let found = Found {
            check: "unused_topic",
            severity: Severity::Info,
            subject: topic,
            span_ns,
            count,
            dropped: count,
        };
        self.out.findings.add(found, || why.to_owned());
    }

    /// About how much memory is held besides the rows.
    pub(crate) fn bytes(&self) -> usize {
        let poses: usize = self.poses.values().map(Poses::bytes).sum();
        poses + self.frames.bytes() + self.fixes.list.bytes()
    }

    /// States where a frame stands in another.
    pub(crate) fn stand(
        &mut self,
        parent: &str,
        child: &str,
        parent_from_child: Pose,
    ) -> Result<(), TransformError> {
        let max = self.limits.frames_max;
        self.frames.stand(parent, child, parent_from_child, max)
    }

    /// States where a frame was in another.
    pub(crate) fn moved(
        &mut self,
        pair: (&str, &str),
        stamp_ns: i64,
        parent_from_child: Pose,
    ) -> Result<(), TransformError> {
        let max = self.limits.frames_max;
        self.frames.moved(pair, stamp_ns, parent_from_child, max)
    }

    /// Makes of what was gathered what needs the whole drive: the ego's way, positions on it, the actors around it, the sensors.
    pub(crate) fn finish(mut self) -> DecodedDrive {
        self.out.about = about::about(&self.metadata);
        self.bus.report(&mut self.out.findings);
        self.frames.settle();
        let names = self.frame_names();
        let way = self.ego_way(&names);
        self.place_fixes();
        self.place_actors(&way, &names);
        self.calibrate(&names);
        self.unused_transforms();
        self.out
    }

    fn frame_names(&self) -> FrameNames {
        let frames: Vec<&str> = self.frames.names().collect();
        let mut children: BTreeMap<&str, usize> = BTreeMap::new();
        for poses in self.poses.values() {
            let child = poses.stated.child.as_str();
            if !child.is_empty() {
                *children.entry(child).or_default() += poses.samples.len();
            }
        }
        let mut children: Vec<(&str, usize)> = children.into_iter().collect();
        children.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let children: Vec<&str> = children.into_iter().map(|(child, _)| child).collect();
        let parents = self.sensors.parents(&self.frames);
        FrameNames::find(self.naming, &frames, &children, &parents)
    }

    /// Transforms of which nothing came: neither poses, nor places of sensors or objects.
    fn unused_transforms(&mut self) {
        if self.out.facts.calibrations.is_empty()
            && self.out.facts.ego_states.len() == 0
            && self.out.facts.actors.len() == 0
        {
            for (topic, messages) in std::mem::take(&mut self.transforms) {
                let why = "no sensor, object or pose of the log is placed by these transforms";
                self.unused(&topic, messages, None, why);
            }
        }
    }
}
