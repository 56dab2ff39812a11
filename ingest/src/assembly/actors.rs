//! The actors of a drive, placed in the map and around the ego.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_schemas::Severity;
use driveloop_schemas::pose::Pose;

use super::about::EgoBox;
use super::{Assembly, ObjectsRank, Way};
use crate::actors::{ActorColumns, Candidate, EgoAt, Frame, Located};
use crate::facts::NameId;
use crate::findings::{Findings, Found};
use crate::frames::{FrameNames, PoseAt, Route};
use crate::paged::Paged;
use crate::quality::{check_size, drop_without_pose, note_interpolated};

/// Kinds of actors that one topic is chosen for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Vehicle,
    Vulnerable,
    Other,
}

/// Of two topics of tracks, the share of identities of the smaller one that both have where they follow the same actors.
const SHARED_IDENTITIES: f64 = 0.5;

impl Assembly<'_> {
    /// Places the actors in the map and around the ego, and adds the ego at each of their stamps.
    pub(super) fn place_actors(&mut self, way: &Way, names: &FrameNames) {
        let mut actors = std::mem::take(&mut self.out.facts.actors);
        let chosen = self.chosen_topics(&actors);
        let interpolated = self.locate_actors(&mut actors, way, names);
        let mut chains: BTreeMap<NameId, String> = BTreeMap::new();
        for sighting in actors.sightings() {
            if let Frame::Named(id) = sighting.frame {
                let chain = || self.missing_chain(actors.frame_name(id), &names.ego);
                chains.entry(id).or_insert_with(chain);
            }
        }
        let (findings, mut used) = (&mut self.out.findings, 0);
        let mut noted = None;
        actors.keep(
            |actors,
             Candidate {
                 actor,
                 sighting,
                 has_ego,
             }| {
                let (topic, stamp_ns) = (actors.subject_name(sighting.subject), sighting.stamp_ns);
                let class = class_of(actors.category_name(actor));
                if let Some(better) = chosen.get(&(sighting.subject, class)) {
                    drop_other_topic(findings, topic, stamp_ns, better);
                    return false;
                }
                if let Frame::Named(id) = sighting.frame {
                    let chain = chains.get(&id).map_or("", String::as_str);
                    drop_unreached(findings, topic, stamp_ns, chain);
                    return false;
                }
                if !has_ego {
                    drop_without_pose(findings, topic, stamp_ns);
                    return false;
                }
                let category = actors.category_name(actor);
                check_size(findings, category, stamp_ns, actor.size_m);
                let is_between = interpolated.get(actor.sighting.index()) == Some(1);
                if is_between && noted.replace(stamp_ns) != Some(stamp_ns) {
                    note_interpolated(findings, topic, stamp_ns);
                }
                used += 1;
                true
            },
        );
        self.out.records_used += used;
        self.add_ego(&mut actors);
        self.out.facts.actors = actors;
    }

    /// Brings sightings that were made in a frame of the log to the map or the ego, and says where the ego was at each. Of each, in
    /// their order, 1 where that lies between two poses of the log's.
    fn locate_actors(&self, actors: &mut ActorColumns, way: &Way, names: &FrameNames) -> Paged<u8> {
        let mut interpolated = Paged::new(&self.store);
        let mut routes: BTreeMap<NameId, Option<Route>> = BTreeMap::new();
        actors.locate(|actors, _, sighting| {
            let stamp_ns = sighting.stamp_ns;
            let pose = way.track.pose_at(stamp_ns);
            let is_between = pose.is_some_and(|(_, how)| how == PoseAt::Interpolated);
            interpolated.push(u8::from(is_between));
            let ego = pose.map(|(map_from_ego, _)| self.ego_at(map_from_ego, stamp_ns));
            let (frame, frame_from_seen) = match sighting.frame {
                Frame::Map | Frame::Ego => (sighting.frame, None),
                Frame::Named(id) => {
                    let frame = actors.frame_name(id);
                    if names.is_ego(frame) {
                        (Frame::Ego, None)
                    } else if !way.fixed.is_empty() && crate::frames::plain(frame) == way.fixed {
                        (Frame::Map, None)
                    } else {
                        let route = || self.frames.route(&names.ego, frame, &[]);
                        let route = routes.entry(id).or_insert_with(route);
                        let there = route
                            .as_ref()
                            .and_then(|route| self.frames.at(route, stamp_ns));
                        there.map_or((sighting.frame, None), |(ego_from_frame, _)| {
                            (Frame::Ego, Some(ego_from_frame))
                        })
                    }
                }
            };
            Located {
                frame,
                frame_from_seen,
                ego,
            }
        });
        interpolated
    }

    fn ego_at(&self, map_from_ego: Pose, stamp_ns: i64) -> EgoAt {
        let mut ego = EgoAt::new(map_from_ego, None);
        let (sin, cos) = ego.heading;
        let motion = self.out.facts.ego_states.motion_at(stamp_ns);
        ego.velocity_mps = motion.map(|(speed, _)| [speed * cos, speed * sin]);
        ego
    }

    fn add_ego(&self, actors: &mut ActorColumns) {
        let ego_box = EgoBox::of(&self.metadata);
        actors.add_ego(ego_box.size_m, ego_box.pose(), |stamp_ns, ego| {
            let (_, yaw_rate) = self.out.facts.ego_states.motion_at(stamp_ns)?;
            let speed = ego.velocity_mps.map(|[vx, vy]| {
                let (sin, cos) = ego.heading;
                vx * cos + vy * sin
            });
            // The centre goes round the rear axle in a turn.
            let swing_mps = yaw_rate.unwrap_or(0.0) * ego_box.rear_axle_to_centre_m;
            Some([speed?, swing_mps])
        });
    }

    /// Topics of which actors of a class are not used, each with the one that is: of topics that see the same world the one that says
    /// most of who is who; of two topics of tracks with the same identities the one with more actors.
    fn chosen_topics(&self, actors: &ActorColumns) -> BTreeMap<(NameId, Class), String> {
        if self.objects.len() < 2 {
            return BTreeMap::new();
        }
        let mut seen: BTreeMap<Class, BTreeMap<NameId, TopicActors<'_>>> = BTreeMap::new();
        for (topic, identity, category) in actors.identified() {
            let of_class = seen.entry(class_of(category)).or_default();
            of_class
                .entry(topic)
                .or_default()
                .identities
                .extend(identity);
        }
        for (topic, category, count) in actors.counted() {
            let of_class = seen.entry(class_of(category)).or_default();
            of_class.entry(topic).or_default().actors += count;
        }
        let mut chosen = BTreeMap::new();
        for (class, topics) in &seen {
            let rank = |topic: NameId| self.objects.get(actors.subject_name(topic)).copied();
            let mut ordered: Vec<(NameId, &TopicActors<'_>)> =
                topics.iter().map(|(topic, seen)| (*topic, seen)).collect();
            ordered.sort_by_key(|(topic, seen)| {
                let name = actors.subject_name(*topic);
                (rank(*topic), std::cmp::Reverse(seen.actors), name)
            });
            for (at, (topic, seen)) in ordered.iter().enumerate() {
                let better = ordered[..at].iter().find(|(other, of_other)| {
                    let is_better = rank(*other) < rank(*topic);
                    let is_tracked = rank(*topic) == Some(ObjectsRank::Tracked);
                    is_better || (is_tracked && seen.shares(of_other))
                });
                if let Some((better, _)) = better {
                    chosen.insert((*topic, *class), actors.subject_name(*better).to_owned());
                }
            }
        }
        chosen
    }
}

/// What a topic saw of a class.
#[derive(Default)]
struct TopicActors<'a> {
    actors: usize,
    identities: BTreeSet<&'a str>,
}

impl TopicActors<'_> {
    fn shares(&self, other: &Self) -> bool {
        let shared = self.identities.intersection(&other.identities).count();
        let fewer = self.identities.len().min(other.identities.len());
        fewer > 0 && shared as f64 >= SHARED_IDENTITIES * fewer as f64
    }
}

fn class_of(category: &str) -> Class {
    match category {
        "REGULAR_VEHICLE" | "LARGE_VEHICLE" | "TRUCK" | "TRUCK_CAB" | "BOX_TRUCK" | "BUS"
        | "SCHOOL_BUS" | "ARTICULATED_BUS" | "VEHICULAR_TRAILER" | "UNKNOWN" => Class::Vehicle,
        "PEDESTRIAN" | "BICYCLE" | "BICYCLIST" | "MOTORCYCLE" | "MOTORCYCLIST"
        | "WHEELED_DEVICE" | "WHEELED_RIDER" | "STROLLER" | "WHEELCHAIR" | "ANIMAL" | "DOG" => {
            Class::Vulnerable
        }
        _ => Class::Other,
    }
}

fn drop_other_topic(findings: &mut Findings, topic: &str, stamp_ns: i64, better: &str) {
    let found = Found::dropped("unused_topic", Severity::Info, topic, Some(stamp_ns));
    findings.add(found, || {
        format!("`{better}` tells more of the same actors, and is used for them")
    });
}

fn drop_unreached(findings: &mut Findings, topic: &str, stamp_ns: i64, chain: &str) {
    let found = Found::dropped("unknown_frame", Severity::Error, topic, Some(stamp_ns));
    findings.add(found, || chain.to_owned());
}
