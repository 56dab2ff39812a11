//! The actors of a drive, placed in the map and around the ego.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_schemas::pose::Pose;
use driveloop_schemas::{EgoState, Severity};

use super::about::EgoBox;
use super::{Assembly, ObjectsRank, Way};
use crate::actors::{ActorColumns, EgoAt, Frame, Sighting};
use crate::findings::{Findings, Found};
use crate::frames::{FrameNames, PoseAt, Route};
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
        self.bring_actors(&mut actors, way, names);
        let mut interpolated = BTreeSet::new();
        let states = &self.out.facts.ego_states;
        let ego_at = |sighting: &Sighting| {
            let (map_from_ego, how) = way.track.pose_at(sighting.stamp_ns)?;
            if how == PoseAt::Interpolated {
                interpolated.insert(sighting.stamp_ns);
            }
            Some(ego_at(states, map_from_ego, sighting.stamp_ns))
        };
        let ego: Vec<Option<EgoAt>> = actors.sightings().iter().map(ego_at).collect();
        let placed: Vec<bool> = ego.iter().map(Option::is_some).collect();
        let chosen = self.chosen_topics(&actors);
        let mut chains: BTreeMap<String, String> = BTreeMap::new();
        for sighting in actors.sightings() {
            if let Frame::Named(id) = sighting.frame {
                let frame = actors.frame_name(id);
                let chain = || self.missing_chain(frame, &names.ego);
                chains.entry(frame.to_owned()).or_insert_with(chain);
            }
        }
        let (findings, mut used) = (&mut self.out.findings, 0);
        actors.place(ego, |actors, actor| {
            let sighting = actors.sighting_of(actor);
            let (topic, stamp_ns) = (actors.subject_name(sighting.subject), sighting.stamp_ns);
            let class = class_of(actors.category_name(actor));
            if let Some(better) = chosen.get(&(topic.to_owned(), class)) {
                drop_other_topic(findings, topic, stamp_ns, better);
                return false;
            }
            if let Frame::Named(id) = sighting.frame {
                let chain = chains.get(actors.frame_name(id));
                drop_unreached(findings, topic, stamp_ns, chain.map_or("", String::as_str));
                return false;
            }
            if !placed[actor.sighting.index()] {
                drop_without_pose(findings, topic, stamp_ns);
                return false;
            }
            let category = actors.category_name(actor);
            check_size(findings, category, stamp_ns, actor.size_m);
            if interpolated.remove(&stamp_ns) {
                note_interpolated(findings, topic, stamp_ns);
            }
            used += 1;
            true
        });
        self.out.records_used += used;
        self.add_ego(&mut actors);
        self.out.facts.actors = actors;
    }

    /// Brings actors that were seen in a frame of the log to the map or the ego.
    fn bring_actors(&self, actors: &mut ActorColumns, way: &Way, names: &FrameNames) {
        let mut routes: BTreeMap<String, Option<Route>> = BTreeMap::new();
        actors.bring(|frame, stamp_ns| {
            if names.is_ego(frame) {
                return Some((Frame::Ego, Pose::IDENTITY));
            }
            if !way.fixed.is_empty() && crate::frames::plain(frame) == way.fixed {
                return Some((Frame::Map, Pose::IDENTITY));
            }
            if !routes.contains_key(frame) {
                let route = self.frames.route(&names.ego, frame, &[]);
                routes.insert(frame.to_owned(), route);
            }
            let route = routes.get(frame)?.as_ref()?;
            let (ego_from_frame, _) = self.frames.at(route, stamp_ns)?;
            Some((Frame::Ego, ego_from_frame))
        });
    }

    fn add_ego(&self, actors: &mut ActorColumns) {
        let states = &self.out.facts.ego_states;
        let ego_box = EgoBox::of(&self.metadata);
        actors.add_ego(ego_box.size_m, ego_box.pose(), |stamp_ns, ego| {
            let (_, yaw_rate) = motion_at(states, stamp_ns)?;
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
    fn chosen_topics(&self, actors: &ActorColumns) -> BTreeMap<(String, Class), String> {
        if self.objects.len() < 2 {
            return BTreeMap::new();
        }
        let mut seen: BTreeMap<Class, BTreeMap<&str, Seen<'_>>> = BTreeMap::new();
        for (topic, identity, category) in actors.each() {
            let of_class = seen.entry(class_of(category)).or_default();
            let seen = of_class.entry(topic).or_default();
            seen.actors += 1;
            seen.identities.insert(identity);
        }
        let mut chosen = BTreeMap::new();
        for (class, topics) in &seen {
            let rank = |topic: &str| self.objects.get(topic).copied();
            let mut ordered: Vec<(&str, &Seen<'_>)> =
                topics.iter().map(|(topic, seen)| (*topic, seen)).collect();
            ordered.sort_by_key(|(topic, seen)| (rank(topic), std::cmp::Reverse(seen.actors)));
            for (at, (topic, seen)) in ordered.iter().enumerate() {
                let better = ordered[..at].iter().find(|(other, of_other)| {
                    let is_better = rank(other) < rank(topic);
                    let is_tracked = rank(topic) == Some(ObjectsRank::Tracked);
                    is_better || (is_tracked && seen.shares(of_other))
                });
                if let Some((better, _)) = better {
                    chosen.insert(((*topic).to_owned(), *class), (*better).to_owned());
                }
            }
        }
        chosen
    }
}

/// What a topic saw of a class.
#[derive(Default)]
struct Seen<'a> {
    actors: usize,
    identities: BTreeSet<&'a str>,
}

impl Seen<'_> {
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

fn ego_at(states: &[EgoState], map_from_ego: Pose, stamp_ns: i64) -> EgoAt {
    let mut ego = EgoAt::new(map_from_ego, None);
    let (sin, cos) = ego.heading;
    let speed = motion_at(states, stamp_ns).map(|(speed, _)| speed);
    ego.velocity_mps = speed.map(|speed| [speed * cos, speed * sin]);
    ego
}

/// Speed and yaw rate of the ego at a stamp: interpolated between its states, or those of the nearest.
fn motion_at(states: &[EgoState], stamp_ns: i64) -> Option<(f64, Option<f64>)> {
    let after = states.partition_point(|state| state.stamp_ns < stamp_ns);
    let b = states.get(after).or(states.last())?;
    let a = if after > 0 { &states[after - 1] } else { b };
    let span = (b.stamp_ns - a.stamp_ns) as f64;
    let part = if span > 0.0 {
        ((stamp_ns - a.stamp_ns) as f64 / span).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let mix = |x: f64, y: f64| x + (y - x) * part;
    let yaw_rate = a
        .yaw_rate_radps
        .zip(b.yaw_rate_radps)
        .map(|(x, y)| mix(x, y));
    Some((mix(a.speed_mps?, b.speed_mps?), yaw_rate))
}
