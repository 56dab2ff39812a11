//! Actors as a log observes them: held as they come, made into rows of `object_track` track by track.

mod batch;
mod held;
mod motion;
mod place;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use driveloop_schemas::EGO_TRACK_ID;
use driveloop_schemas::maths::sin_cos;
use driveloop_schemas::pose::Pose;

use self::held::{Link, Measured, Member, Track};
pub(crate) use self::place::{Candidate, Located};
use crate::facts::{NameId, Names, Runs};
use crate::paged::{Paged, Store, record, wrapped_record};

/// The frame that poses are given in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    Map,
    Ego,
    /// One of the log's, which has to be brought to the ego before the actors are placed.
    Named(NameId),
}

/// What was seen at once: the actors of a message, or of a stamp.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sighting {
    pub(crate) stamp_ns: i64,
    pub(crate) frame: Frame,
    /// Topic or file.
    pub(crate) subject: NameId,
}

record!(Sighting {
    stamp_ns: i64,
    frame: Frame,
    subject: NameId,
});

/// Number of a sighting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SightingId(u32);

impl SightingId {
    /// Its place among the sightings.
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// One actor at one stamp.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Actor {
    pub(crate) sighting: SightingId,
    pub(crate) category: CategoryId,
    /// Length, width, height.
    pub(crate) size_m: [f64; 3],
    /// Pose in the frame of the sighting.
    pub(crate) frame_from_object: Pose,
    /// Over ground, in the axes of the object, where the log measures it.
    pub(crate) velocity_mps: Option<[f64; 2]>,
    /// Over ground, in the axes of the object, where the log measures it.
    pub(crate) accel_mps2: Option<[f64; 2]>,
    pub(crate) lidar_points: Option<i32>,
}

record!(Actor {
    sighting: SightingId,
    category: CategoryId,
    size_m: [f64; 3],
    frame_from_object: Pose,
    velocity_mps: Option<[f64; 2]>,
    accel_mps2: Option<[f64; 2]>,
    lidar_points: Option<i32>,
});

/// Number of a category of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CategoryId(u32);

wrapped_record!(SightingId: u32, CategoryId: u32);

/// The ego at a stamp of the actors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EgoAt {
    pub(crate) map_from_ego: Pose,
    /// Of the frame's origin, over ground, in the map frame.
    pub(crate) velocity_mps: Option<[f64; 2]>,
    /// Sine and cosine of the heading: every actor of the stamp asks for them.
    pub(crate) heading: (f64, f64),
}

record!(EgoAt {
    map_from_ego: Pose,
    velocity_mps: Option<[f64; 2]>,
    heading: (f64, f64),
});

impl EgoAt {
    /// The ego at a pose; `velocity_mps` is over ground, in the map frame.
    pub(crate) fn new(map_from_ego: Pose, velocity_mps: Option<[f64; 2]>) -> Self {
        Self {
            map_from_ego,
            velocity_mps,
            heading: sin_cos(map_from_ego.rotation.yaw_rad()),
        }
    }
}

/// The actors of a drive.
#[derive(Debug, Default)]
pub(crate) struct ActorColumns {
    sightings: Paged<Sighting>,
    /// The ego at each sighting, once located.
    ego: Paged<Option<EgoAt>>,
    /// What brings the actors of each sighting to its frame, once located.
    brought: Paged<Option<Pose>>,
    subjects: Names,
    /// Categories as the log spells them, and as driveloop does.
    source_categories: Names,
    categories: Vec<String>,
    /// Names of frames.
    frames: Names,
    /// Of each subject: identities, and their tracks. Identity belongs to a subject: two sensors never make one track.
    identities: Vec<(Names, Vec<u32>)>,
    /// Of each subject that has some: the actors without an identity, all in one.
    unnamed: HashMap<NameId, u32>,
    tracks: Vec<Track>,
    /// Bytes of what tells tracks whose stamps go back which they have.
    stamps_bytes: usize,
    /// Names of the tracks, once sorted.
    track_ids: Vec<String>,
    /// As they came; once sorted, in the order of the table.
    actors: Paged<Member>,
    /// Tracks in the order of the table, once sorted.
    runs: Runs<usize>,
}

impl ActorColumns {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            sightings: Paged::new(store),
            ego: Paged::new(store),
            brought: Paged::new(store),
            actors: Paged::new(store),
            ..Self::default()
        }
    }

    /// Where they are held.
    pub(crate) fn store(&self) -> &Store {
        self.actors.store()
    }

    pub(crate) fn subject(&mut self, name: &str) -> NameId {
        self.subjects.id(name)
    }

    pub(crate) fn subject_name(&self, id: NameId) -> &str {
        self.subjects.get(id)
    }

    /// Begins a sighting; it may be of nobody.
    pub(crate) fn sighting(&mut self, sighting: Sighting) -> SightingId {
        self.sightings.push(sighting);
        SightingId(self.sightings.len() as u32 - 1)
    }

    /// The sightings, in the order in which they were begun.
    pub(crate) fn sightings(&self) -> impl Iterator<Item = Sighting> + '_ {
        self.sightings.iter()
    }

    /// Subject, identity and category of each track, for each category that it has. Actors without identity are one track.
    pub(crate) fn identified(&self) -> impl Iterator<Item = (NameId, Option<&str>, &str)> {
        let mut pairs = BTreeSet::new();
        for member in &self.actors {
            pairs.insert((member.track, member.actor.category.0));
        }
        pairs.into_iter().map(|(track, category)| {
            let track = &self.tracks[track as usize];
            let subject = NameId(track.subject);
            (
                subject,
                self.identity(track),
                self.categories[category as usize].as_str(),
            )
        })
    }

    /// Subject and category of actors, and how many there are.
    pub(crate) fn counted(&self) -> impl Iterator<Item = (NameId, &str, usize)> {
        let mut counts: BTreeMap<(u32, u32), usize> = BTreeMap::new();
        for member in &self.actors {
            let subject = self.tracks[member.track as usize].subject;
            *counts
                .entry((subject, member.actor.category.0))
                .or_default() += 1;
        }
        counts.into_iter().map(|((subject, category), count)| {
            let category = self.categories[category as usize].as_str();
            (NameId(subject), category, count)
        })
    }

    /// The number of a category as the log spells it; `category` says how driveloop spells it.
    pub(crate) fn category(
        &mut self,
        source: &str,
        category: impl FnOnce(&str) -> String,
    ) -> CategoryId {
        let id = self.source_categories.id(source);
        if self.categories.len() <= id.0 as usize {
            self.categories.push(category(source));
        }
        CategoryId(id.0)
    }

    /// A frame by its name.
    pub(crate) fn frame(&mut self, name: &str) -> Frame {
        Frame::Named(self.frames.id(name))
    }

    pub(crate) fn frame_name(&self, id: NameId) -> &str {
        self.frames.get(id)
    }

    /// Adds an actor; false where its track has one of that stamp already.
    pub(crate) fn push(&mut self, identity: &str, actor: Actor) -> bool {
        let Some(Sighting {
            stamp_ns, subject, ..
        }) = self.sightings.get(actor.sighting.index())
        else {
            return false;
        };
        let at = self.track(subject, identity);
        let (actors, track) = (&self.actors, &mut self.tracks[at as usize]);
        let earlier = || {
            let last = track.last.and_then(|last| actors.get(last as usize));
            std::iter::successors(last, |member| match member.link {
                Link::After(before) => actors.get(before as usize),
                Link::First | Link::Unnamed(_) => None,
            })
            .map(|member| member.stamp_ns)
        };
        let before = track.stamps.bytes();
        let is_first = track.stamps.is_first(stamp_ns, earlier);
        self.stamps_bytes += track.stamps.bytes() - before;
        if !is_first {
            return false;
        }
        let link = track.last.map_or(Link::First, Link::After);
        self.add(actor, stamp_ns, (at, link));
        true
    }

    /// Adds an actor that has no identity, with its place in its message; false where its subject has another message of that stamp.
    pub(crate) fn push_unnamed(&mut self, index: usize, actor: Actor) -> bool {
        let Some(Sighting {
            stamp_ns, subject, ..
        }) = self.sightings.get(actor.sighting.index())
        else {
            return false;
        };
        let next = self.tracks.len() as u32;
        let at = *self.unnamed.entry(subject).or_insert(next);
        if at == next {
            self.tracks.push(Track {
                subject: subject.0,
                ..Track::default()
            });
        }
        let (actors, track) = (&self.actors, &mut self.tracks[at as usize]);
        let is_new = match track.met {
            Some((sighting, is_new)) if sighting == actor.sighting => is_new,
            _ => {
                let members = || actors.iter().filter(|member| member.track == at);
                let earlier = || members().map(|member| member.stamp_ns);
                track.stamps.is_first(stamp_ns, earlier)
            }
        };
        track.met = Some((actor.sighting, is_new));
        if is_new {
            self.add(actor, stamp_ns, (at, Link::Unnamed(index as u32)));
        }
        is_new
    }

    fn add(&mut self, actor: Actor, stamp_ns: i64, (at, link): (u32, Link)) {
        let track = &mut self.tracks[at as usize];
        track.last = Some(self.actors.len() as u32);
        track.rows += 1;
        track.measured = track.measured.with(&actor);
        self.actors.push(Member {
            actor,
            stamp_ns,
            track: at,
            link,
        });
    }

    fn track(&mut self, subject: NameId, identity: &str) -> u32 {
        let of_subject = subject.0 as usize;
        if self.identities.len() <= of_subject {
            self.identities
                .resize_with(of_subject + 1, Default::default);
        }
        let (names, tracks) = &mut self.identities[of_subject];
        let identity = names.id(identity);
        if tracks.len() <= identity.0 as usize {
            tracks.push(self.tracks.len() as u32);
            self.tracks.push(Track {
                subject: subject.0,
                identity: Some(identity.0),
                ..Track::default()
            });
        }
        tracks[identity.0 as usize]
    }

    /// The identity that a track's subject gives it; none for actors that have none.
    fn identity(&self, track: &Track) -> Option<&str> {
        let (names, _) = self.identities.get(track.subject as usize)?;
        track.identity.map(|identity| names.get(NameId(identity)))
    }

    /// The names of the tracks: the identity alone where no other subject has it, else with the subject before it.
    fn name_tracks(&mut self) {
        let mut subjects: HashMap<&str, usize> = HashMap::new();
        let kept = self.tracks.iter().filter(|track| track.rows > 0);
        for identity in kept.filter_map(|track| self.identity(track)) {
            *subjects.entry(identity).or_default() += 1;
        }
        let name = |track: &Track| {
            let subject = self.subjects.get(NameId(track.subject));
            let Some(identity) = self.identity(track) else {
                return format!("{subject}#");
            };
            let is_ego = subject == EGO_TRACK_ID;
            if is_ego || (identity != EGO_TRACK_ID && subjects.get(identity) == Some(&1)) {
                identity.to_owned()
            } else {
                format!("{subject}/{identity}")
            }
        };
        self.track_ids = self.tracks.iter().map(name).collect();
    }

    pub(crate) fn category_name(&self, actor: &Actor) -> &str {
        &self.categories[actor.category.0 as usize]
    }

    fn ego_of(&self, actor: &Actor) -> Option<EgoAt> {
        self.ego.get(actor.sighting.index())?
    }

    /// Pose of an actor in the map, and seen from the ego.
    fn poses(&self, actor: &Actor) -> Option<(Pose, Pose, EgoAt)> {
        let ego = self.ego_of(actor)?;
        let pose = actor.frame_from_object;
        Some(match self.sightings.get(actor.sighting.index())?.frame {
            Frame::Map => (pose, ego.map_from_ego.inverse().times(pose), ego),
            Frame::Ego => (ego.map_from_ego.times(pose), pose, ego),
            Frame::Named(_) => return None,
        })
    }
}
