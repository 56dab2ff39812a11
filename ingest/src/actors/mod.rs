//! Actors as a log observes them: held by track, made into rows of `object_track`.

mod batch;
mod motion;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use driveloop_schemas::maths::sin_cos;
use driveloop_schemas::pose::Pose;
use driveloop_schemas::{EGO_CATEGORY, EGO_TRACK_ID};

use crate::facts::{NameId, Names, Runs};
use crate::stamps::FirstOfStamp;

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

/// Number of a category of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CategoryId(u32);

/// The ego at a stamp of the actors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EgoAt {
    pub(crate) map_from_ego: Pose,
    /// Of the frame's origin, over ground, in the map frame.
    pub(crate) velocity_mps: Option<[f64; 2]>,
    /// Sine and cosine of the heading: every actor of the stamp asks for them.
    pub(crate) heading: (f64, f64),
}

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
    sightings: Vec<Sighting>,
    /// The ego at each sighting, once placed.
    ego: Vec<Option<EgoAt>>,
    subjects: Names,
    /// Categories as the log spells them, and as driveloop does.
    source_categories: Names,
    categories: Vec<String>,
    /// Names of frames.
    frames: Names,
    /// Of each subject: identities, and their tracks. Identity belongs to a subject: two sensors never make one track.
    identities: Vec<(Names, Vec<usize>)>,
    tracks: Vec<Track>,
    /// Names of the tracks, once sorted.
    track_ids: Vec<String>,
    rows: usize,
    /// Tracks in the order of the table, once sorted.
    runs: Runs<usize>,
}

#[derive(Debug, Default)]
struct Track {
    subject: u32,
    /// Among the identities of the subject.
    identity: u32,
    actors: Vec<Actor>,
    stamps: FirstOfStamp,
}

impl ActorColumns {
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
    pub(crate) fn sightings(&self) -> &[Sighting] {
        &self.sightings
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
        let subject = self.sighting_of(&actor).subject;
        let at = self.track(subject, identity);
        let stamp_ns = self.stamp_ns(&actor);
        let sightings = &self.sightings;
        let Track { actors, stamps, .. } = &mut self.tracks[at];
        let stamp_of = |actor: &Actor| sightings[actor.sighting.0 as usize].stamp_ns;
        let is_first = stamps.is_first(stamp_ns, || actors.iter().map(stamp_of));
        if is_first {
            actors.push(actor);
            self.rows += 1;
        }
        is_first
    }

    fn track(&mut self, subject: NameId, identity: &str) -> usize {
        let of_subject = subject.0 as usize;
        if self.identities.len() <= of_subject {
            self.identities
                .resize_with(of_subject + 1, Default::default);
        }
        let (names, tracks) = &mut self.identities[of_subject];
        let identity = names.id(identity);
        if tracks.len() <= identity.0 as usize {
            tracks.push(self.tracks.len());
            self.tracks.push(Track {
                subject: subject.0,
                identity: identity.0,
                ..Track::default()
            });
        }
        tracks[identity.0 as usize]
    }

    /// The identity that a track's subject gives it.
    fn identity(&self, track: &Track) -> &str {
        let (names, _) = &self.identities[track.subject as usize];
        names.get(NameId(track.identity))
    }

    /// Subject, identity and category of each actor.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.tracks.iter().flat_map(move |track| {
            let (subject, identity) = (NameId(track.subject), self.identity(track));
            let subject = self.subjects.get(subject);
            let actors = track.actors.iter();
            actors.map(move |actor| (subject, identity, self.category_name(actor)))
        })
    }

    /// Brings actors that were seen in a frame of the log to the map or the ego: `to` gives that frame and the transform to it, from
    /// a frame's name and a stamp. What it does not know stays where it is, and cannot be placed.
    pub(crate) fn bring(&mut self, mut to: impl FnMut(&str, i64) -> Option<(Frame, Pose)>) {
        let frames = &self.frames;
        let known = |sighting: &Sighting| match sighting.frame {
            Frame::Named(id) => to(frames.get(id), sighting.stamp_ns),
            Frame::Map | Frame::Ego => None,
        };
        let known: Vec<Option<(Frame, Pose)>> = self.sightings.iter().map(known).collect();
        for actor in self.tracks.iter_mut().flat_map(|track| &mut track.actors) {
            if let Some((_, transform)) = known[actor.sighting.index()] {
                actor.frame_from_object = transform.times(actor.frame_from_object);
            }
        }
        for (sighting, known) in self.sightings.iter_mut().zip(known) {
            sighting.frame = known.map_or(sighting.frame, |(frame, _)| frame);
        }
    }

    /// The names of the tracks: the identity alone where no other subject has it, else with the subject before it.
    fn name_tracks(&mut self) {
        let mut subjects: HashMap<&str, usize> = HashMap::new();
        let kept = || self.tracks.iter().filter(|track| !track.actors.is_empty());
        for track in kept() {
            *subjects.entry(self.identity(track)).or_default() += 1;
        }
        let name = |track: &Track| {
            let identity = self.identity(track);
            let subject = self.subjects.get(NameId(track.subject));
            let is_ego = subject == EGO_TRACK_ID;
            if is_ego || (identity != EGO_TRACK_ID && subjects.get(identity) == Some(&1)) {
                identity.to_owned()
            } else {
                format!("{subject}/{identity}")
            }
        };
        self.track_ids = self.tracks.iter().map(name).collect();
    }

    fn stamp_ns(&self, actor: &Actor) -> i64 {
        self.sightings[actor.sighting.0 as usize].stamp_ns
    }

    /// Says where the ego was at each sighting, in their order, and keeps the actors that `keeps` admits.
    /// A sighting without an ego has no actor that can be placed: `keeps` is asked to admit none of it.
    pub(crate) fn place(
        &mut self,
        ego: Vec<Option<EgoAt>>,
        mut keeps: impl FnMut(&Self, &Actor) -> bool,
    ) {
        self.ego = ego;
        let mut tracks = std::mem::take(&mut self.tracks);
        self.rows = 0;
        for track in &mut tracks {
            track
                .actors
                .retain(|actor| keeps(self, actor) && self.ego_of(actor).is_some());
            self.rows += track.actors.len();
        }
        self.tracks = tracks;
    }

    pub(crate) fn sighting_of(&self, actor: &Actor) -> &Sighting {
        &self.sightings[actor.sighting.0 as usize]
    }

    pub(crate) fn category_name(&self, actor: &Actor) -> &str {
        &self.categories[actor.category.0 as usize]
    }

    fn ego_of(&self, actor: &Actor) -> Option<&EgoAt> {
        self.ego.get(actor.sighting.0 as usize)?.as_ref()
    }

    /// Adds the ego at each stamp at which actors were looked for and its pose is known: at `pose` in its own frame, and moving as `ego_axes_mps` says.
    pub(crate) fn add_ego(
        &mut self,
        size_m: [f64; 3],
        pose: Pose,
        mut ego_axes_mps: impl FnMut(i64, &EgoAt) -> Option<[f64; 2]>,
    ) {
        let category = self.category(EGO_CATEGORY, str::to_owned);
        let known = self.sightings.iter().zip(&self.ego);
        let mut stamps: Vec<(i64, EgoAt)> = known
            .filter_map(|(sighting, ego)| Some((sighting.stamp_ns, (*ego)?)))
            .collect();
        stamps.sort_by_key(|(stamp_ns, _)| *stamp_ns);
        stamps.dedup_by_key(|(stamp_ns, _)| *stamp_ns);
        let subject = self.subject(EGO_TRACK_ID);
        for (stamp_ns, ego) in stamps {
            let sighting = self.sighting(Sighting {
                stamp_ns,
                frame: Frame::Ego,
                subject,
            });
            self.ego.push(Some(ego));
            let actor = Actor {
                sighting,
                category,
                size_m,
                frame_from_object: pose,
                velocity_mps: ego_axes_mps(stamp_ns, &ego),
                accel_mps2: None,
                lidar_points: None,
            };
            self.push(EGO_TRACK_ID, actor);
        }
    }

    /// Pose of an actor in the map, and seen from the ego.
    fn poses(&self, actor: &Actor) -> Option<(Pose, Pose, &EgoAt)> {
        let ego = self.ego_of(actor)?;
        let pose = actor.frame_from_object;
        Some(match self.sighting_of(actor).frame {
            Frame::Map => (pose, ego.map_from_ego.inverse().times(pose), ego),
            Frame::Ego => (ego.map_from_ego.times(pose), pose, ego),
            Frame::Named(_) => return None,
        })
    }
}
