//! Which way the ego went: the poses that are used, of all that a log has, and where they lie.

use std::sync::Arc;

use driveloop_schemas::Severity;
use driveloop_schemas::pose::Pose;
use driveloop_schemas::time::NS_PER_S;

use super::Assembly;
use crate::ego::{EgoSample, EgoStates, EgoTrack};
use crate::facts::span_of;
use crate::findings::Found;
use crate::frames::{FrameNames, Route, is_odometry_frame, plain};
use crate::paged::{Paged, Store};
use crate::quality::{check_pose_jumps, check_stamps};
use crate::refused::Refused;
use crate::stamps::FirstOfStamp;

/// What findings about a way of transforms are about.
const TRANSFORMS: &str = "/tf";

/// Poses of the ego from one topic, each stamp once.
pub(crate) struct Poses {
    pub(crate) stated: Stated,
    pub(crate) samples: Paged<(i64, EgoSample)>,
    first: FirstOfStamp,
}

/// Which frame the poses are in, and which frame they place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stated {
    pub(crate) parent: String,
    /// Empty where the messages name none: then it is the ego.
    pub(crate) child: String,
}

/// The way of the ego.
#[derive(Default)]
pub(crate) struct Way {
    pub(crate) track: Arc<EgoTrack>,
    /// The frame that it lies in, and that rows are stored in.
    pub(crate) fixed: String,
}

/// How far a way can be trusted; of several the least is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Given in the map.
    InMap,
    /// Given in a frame that a transform leads to the map from.
    ByTransform,
    /// Given in a fixed frame of another name.
    InFixedFrame,
    /// Dead reckoning, which drifts.
    Odometry,
}

/// A way that the ego may have gone.
struct Candidate {
    rank: Rank,
    /// Seconds of the drive in which it has a pose.
    seconds: usize,
    /// The topic; none for transforms.
    topic: Option<String>,
    /// The frame that its poses place, as the topic names it.
    child: Option<String>,
    /// The frame that its poses are brought to.
    fixed: String,
    fixed_from_parent: Route,
    child_from_ego: Route,
}

impl Poses {
    pub(crate) fn new(stated: Stated, store: &Store) -> Self {
        Self {
            stated,
            samples: Paged::new(store),
            first: FirstOfStamp::default(),
        }
    }

    pub(crate) fn push(&mut self, stamp_ns: i64, sample: EgoSample) -> Result<(), Refused> {
        let Self { samples, first, .. } = self;
        let earlier = || samples.iter().map(|(stamp_ns, _)| stamp_ns);
        if !first.is_first(stamp_ns, earlier) {
            return Err(Refused::duplicate(stamp_ns));
        }
        samples.push((stamp_ns, sample));
        Ok(())
    }

    pub(crate) fn bytes(&self) -> usize {
        self.samples.bytes() + self.first.bytes()
    }

    fn stamps(&self) -> impl Iterator<Item = i64> + '_ {
        self.samples.iter().map(|(stamp_ns, _)| stamp_ns)
    }

    /// Brings the poses into the order of time.
    fn settle(&mut self) {
        let samples = std::mem::take(&mut self.samples);
        self.samples = samples.sorted_by_key(|(stamp_ns, _)| *stamp_ns);
    }
}

impl Assembly<'_> {
    /// The way of the ego, and its rows. Localisation in the map goes before odometry that a transform brings there, before dead
    /// reckoning; of equals, the one that covers more of the drive. The others are reported.
    pub(super) fn ego_way(&mut self, names: &FrameNames) -> Way {
        self.poses.values_mut().for_each(Poses::settle);
        let mut candidates: Vec<Candidate> = Vec::new();
        for (topic, poses) in &self.poses {
            candidates.extend(self.of_topic(topic, poses, names));
        }
        candidates.extend(self.of_transforms(names));
        // The order of the topics decides between equals: sorting is stable.
        candidates.sort_by_key(|way| (way.rank, std::cmp::Reverse(way.seconds)));
        let chosen = (!candidates.is_empty()).then(|| candidates.remove(0));
        let topics = std::mem::take(&mut self.poses);
        let Some(chosen) = chosen else {
            for (topic, poses) in topics {
                self.unreached(&topic, &poses, names);
            }
            return self.way_on_the_globe();
        };
        let subject = chosen
            .topic
            .clone()
            .unwrap_or_else(|| TRANSFORMS.to_owned());
        let samples = match chosen.topic.as_ref().and_then(|topic| topics.get(topic)) {
            Some(poses) => self.brought(&chosen, &subject, poses),
            None => self.along_transforms(&chosen),
        };
        self.say_how(&chosen, &subject, names);
        for (topic, poses) in &topics {
            if chosen.topic.as_deref() != Some(topic) {
                let span = span_of(poses.stamps());
                let why = format!("the poses of `{subject}` are the ego's way");
                self.unused(topic, poses.samples.len() as u64, span, &why);
            }
            self.know_of(poses, names);
        }
        drop(topics);
        let mut track = EgoTrack::new(samples);
        track.check_measured(&mut self.out.findings, &subject);
        self.know_way(&track, &chosen, names);
        self.frames.settle();
        check_pose_jumps(&mut self.out.findings, &subject, &track);
        let track = Arc::new(track);
        self.out.facts.ego_states = EgoStates::of(&track);
        Way {
            track,
            fixed: chosen.fixed,
        }
    }

    /// The way of a log without poses.
    fn way_on_the_globe(&mut self) -> Way {
        let Some(samples) = self.way_of_fixes() else {
            return Way::default();
        };
        self.out.about.map_id = None;
        let track = Arc::new(EgoTrack::new(samples));
        self.out.facts.ego_states = EgoStates::of(&track);
        Way {
            track,
            fixed: super::gnss::FRAME.to_owned(),
        }
    }

    fn of_topic(&self, topic: &str, poses: &Poses, names: &FrameNames) -> Option<Candidate> {
        let Stated { parent, child } = &poses.stated;
        let child_from_ego = if child.is_empty() || names.is_ego(child) {
            Some(Route::nowhere())
        } else {
            // Not over the ground: there the way itself would have to be known.
            let mut fixed: Vec<&str> = names.maps.iter().map(String::as_str).collect();
            fixed.push(plain(parent));
            self.frames.route(child, &names.ego, &fixed)
        }?;
        let (rank, fixed, fixed_from_parent) = self.fixed_frame(parent, names);
        Some(Candidate {
            rank,
            seconds: seconds(poses.stamps()),
            topic: Some(topic.to_owned()),
            child: Some(child.clone()),
            fixed,
            fixed_from_parent,
            child_from_ego,
        })
    }

    /// The frame that poses in a frame are brought to.
    fn fixed_frame(&self, parent: &str, names: &FrameNames) -> (Rank, String, Route) {
        if parent.is_empty() || names.is_map(parent) {
            return (Rank::InMap, plain(parent).to_owned(), Route::nowhere());
        }
        let to_map = names.maps.iter().find_map(|map| {
            let route = self.frames.route(map, parent, &[&names.ego])?;
            Some((Rank::ByTransform, map.clone(), route))
        });
        let rank = if is_odometry_frame(parent) {
            Rank::Odometry
        } else {
            Rank::InFixedFrame
        };
        to_map.unwrap_or_else(|| (rank, plain(parent).to_owned(), Route::nowhere()))
    }

    /// Transforms as a way: from the map to the ego, else from the frame that the ego's chain ends in.
    fn of_transforms(&self, names: &FrameNames) -> Option<Candidate> {
        let to_map = names.maps.iter().find_map(|map| {
            let route = self.frames.route(map, &names.ego, &[])?;
            Some((Rank::ByTransform, map.clone(), route))
        });
        let to_root = || {
            let root = (*self.frames.chain(&names.ego).last()?).to_owned();
            let route = self.frames.route(&root, &names.ego, &[])?;
            let rank = if is_odometry_frame(&root) {
                Rank::Odometry
            } else {
                Rank::InFixedFrame
            };
            Some((rank, root, route))
        };
        let (rank, fixed, route) = to_map.or_else(to_root)?;
        self.frames.moves(&route).then(|| Candidate {
            rank,
            seconds: seconds(self.frames.stamps(&route)),
            topic: None,
            child: None,
            fixed,
            fixed_from_parent: route,
            child_from_ego: Route::nowhere(),
        })
    }

    /// The poses of a topic, as poses of the ego in the fixed frame. A pose at whose stamp a transform is missing is dropped.
    fn brought(
        &mut self,
        chosen: &Candidate,
        topic: &str,
        poses: &Poses,
    ) -> Paged<(i64, EgoSample)> {
        let mut samples = Paged::new(&self.store);
        for (stamp_ns, sample) in &poses.samples {
            let fixed_from_parent = self.frames.at(&chosen.fixed_from_parent, stamp_ns);
            let child_from_ego = self.frames.at(&chosen.child_from_ego, stamp_ns);
            let Some(((before, _), (after, _))) = fixed_from_parent.zip(child_from_ego) else {
                self.out.records_used -= 1;
                let reason = format!("expected a transform at {stamp_ns}, got none near it");
                let refused = Refused::error("no_transform", reason);
                self.refuse(topic, Some(stamp_ns), refused);
                continue;
            };
            let is_ego = after == Pose::IDENTITY;
            samples.push((
                stamp_ns,
                EgoSample {
                    map_from_ego: before.times(sample.map_from_ego).times(after),
                    // A twist is that of the child: another place of the car moves otherwise.
                    speed_mps: sample.speed_mps.filter(|_| is_ego),
                    yaw_rate_radps: sample.yaw_rate_radps.filter(|_| is_ego),
                },
            ));
        }
        samples
    }

    fn along_transforms(&mut self, chosen: &Candidate) -> Paged<(i64, EgoSample)> {
        let route = &chosen.fixed_from_parent;
        let stamps = Paged::collect_in(&self.store, self.frames.stamps(route));
        check_stamps(&mut self.out.findings, TRANSFORMS, stamps);
        let poses = self.frames.stamps(route).filter_map(|stamp_ns| {
            let (map_from_ego, _) = self.frames.at(route, stamp_ns)?;
            let sample = EgoSample {
                map_from_ego,
                speed_mps: None,
                yaw_rate_radps: None,
            };
            Some((stamp_ns, sample))
        });
        Paged::collect_in(&self.store, poses)
    }

    /// Says what was assumed of the way.
    fn say_how(&mut self, chosen: &Candidate, subject: &str, names: &FrameNames) {
        let child = chosen.child.as_deref();
        if child == Some("") && chosen.topic.is_some() {
            let found = Found::one("assumed_ego_frame", Severity::Info, subject, None);
            let ego = &names.ego;
            self.out.findings.add(found, || {
                format!("the messages do not say what they place: it is taken for the ego, `{ego}`")
            });
        }
        if chosen.rank == Rank::Odometry {
            self.out.about.map_id = None;
            let found = Found::one("local_frame", Severity::Warning, subject, None);
            let (fixed, maps) = (&chosen.fixed, names.maps.join("` or `"));
            self.out.findings.add(found, || {
                format!(
                    "expected poses in `{maps}`, or transforms to it, got poses in `{fixed}`: they drift over the ground, and nothing \
                     of a map is claimed; `[frames] map = \"{fixed}\"` in the mapping says that it is the map"
                )
            });
        } else if chosen.rank == Rank::InFixedFrame {
            let found = Found::one("assumed_map_frame", Severity::Info, subject, None);
            let fixed = &chosen.fixed;
            self.out.findings.add(found, || {
                format!("`{fixed}` is taken for the map: the log names no other fixed frame")
            });
        }
    }

    /// Poses that no transform brings to the ego.
    fn unreached(&mut self, topic: &str, poses: &Poses, names: &FrameNames) {
        let Stated { child, .. } = &poses.stated;
        let count = poses.samples.len() as u64;
        self.out.records_used = self.out.records_used.saturating_sub(count);
        let found = Found {
            check: "unknown_frame",
            severity: Severity::Error,
            subject: topic,
            span_ns: span_of(poses.stamps()),
            count,
            dropped: count,
        };
        let reason = self.missing_chain(child, &names.ego);
        self.out.findings.add(found, || reason);
    }

    /// What is missing between two frames, in words.
    pub(super) fn missing_chain(&self, from: &str, to: &str) -> String {
        let chain = |frame: &str| {
            let chain = self.frames.chain(frame);
            if chain.len() > 1 {
                format!("`{}`", chain.join("` in `"))
            } else {
                format!("`{}` alone", plain(frame))
            }
        };
        format!(
            "expected transforms between `{}` and `{}`, got {} and {}",
            plain(from),
            plain(to),
            chain(from),
            chain(to)
        )
    }

    /// Makes poses of a topic known as a transform between their frames, where nothing else says it.
    fn know_of(&mut self, poses: &Poses, names: &FrameNames) {
        let Stated { parent, child } = &poses.stated;
        let child = if child.is_empty() { &names.ego } else { child };
        if parent.is_empty() || self.frames.has_moving(parent, child) {
            return;
        }
        for (stamp_ns, sample) in &poses.samples {
            // A frame too many was reported where transforms were stated.
            let _ = self.moved((parent, child), stamp_ns, sample.map_from_ego);
        }
    }

    /// Makes the chosen way known as a transform from the map to the ego.
    fn know_way(&mut self, track: &EgoTrack, chosen: &Candidate, names: &FrameNames) {
        if self.frames.has_moving(&chosen.fixed, &names.ego) {
            return;
        }
        for (stamp_ns, pose) in track.poses() {
            let _ = self.moved((&chosen.fixed, &names.ego), stamp_ns, pose);
        }
    }

    /// Each fix goes to the nearest state of the ego.
    pub(super) fn place_fixes(&mut self) {
        let fixes = std::mem::take(&mut self.fixes).by_stamp();
        for (stamp_ns, fix) in &fixes.list {
            let position_deg = [fix.latitude_deg, fix.longitude_deg];
            if self.out.facts.ego_states.locate(stamp_ns, position_deg) {
                continue;
            }
            self.out.records_used -= 1;
            let reason = format!(
                "expected a state of the ego near {stamp_ns} without a position yet, got none"
            );
            let refused = Refused::info("unmatched_fix", reason);
            self.refuse(fixes.topic(fix), Some(stamp_ns), refused);
        }
    }
}

/// Seconds in which there is a stamp. The stamps ascend.
fn seconds(stamps_ns: impl Iterator<Item = i64>) -> usize {
    let mut last = None;
    let seconds = stamps_ns.map(|stamp| stamp.div_euclid(NS_PER_S));
    seconds
        .filter(|second| last.replace(*second) != Some(*second))
        .count()
}
