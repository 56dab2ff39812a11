//! Actors are placed once it is known where the ego went.

use driveloop_schemas::pose::Pose;
use driveloop_schemas::{EGO_CATEGORY, EGO_TRACK_ID};

use super::{Actor, ActorColumns, EgoAt, Frame, Measured, Sighting, SightingId};
use crate::paged::Paged;

/// Where a sighting was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Located {
    /// The frame that its actors are brought to; a frame of the log where nothing leads from it to the ego.
    pub(crate) frame: Frame,
    /// The pose of the frame that they were seen in.
    pub(crate) frame_from_seen: Option<Pose>,
    /// None where nothing says where the ego was.
    pub(crate) ego: Option<EgoAt>,
}

/// An actor that may be kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) actor: Actor,
    pub(crate) sighting: Sighting,
    pub(crate) has_ego: bool,
}

impl ActorColumns {
    /// Says where each sighting was made.
    pub(crate) fn locate(&mut self, mut of: impl FnMut(&Self, SightingId, &Sighting) -> Located) {
        let store = self.store().clone();
        let (mut sightings, mut ego) = (Paged::new(&store), Paged::new(&store));
        let mut brought = Paged::new(&store);
        for (at, sighting) in (0..).zip(&self.sightings) {
            let located = of(self, SightingId(at), &sighting);
            sightings.push(Sighting {
                frame: located.frame,
                ..sighting
            });
            ego.push(located.ego);
            brought.push(located.frame_from_seen);
        }
        (self.sightings, self.ego, self.brought) = (sightings, ego, brought);
    }

    /// Brings the actors to the frames of their located sightings, and keeps those that `keeps` admits and that can be placed: it is asked
    /// to admit none whose sighting has no ego or is in a frame of the log.
    pub(crate) fn keep(&mut self, mut keeps: impl FnMut(&Self, &Candidate) -> bool) {
        let store = self.store().clone();
        let members = std::mem::replace(&mut self.actors, Paged::new(&store));
        for track in &mut self.tracks {
            (track.rows, track.last, track.measured) = (0, None, Measured::default());
        }
        for mut member in members.drain() {
            let at = member.actor.sighting.index();
            let Some(sighting) = self.sightings.get(at) else {
                continue;
            };
            let candidate = Candidate {
                actor: member.actor,
                sighting,
                has_ego: self.ego.get(at).flatten().is_some(),
            };
            let is_placed = candidate.has_ego && !matches!(sighting.frame, Frame::Named(_));
            if !keeps(self, &candidate) || !is_placed {
                continue;
            }
            if let Some(frame_from_seen) = self.brought.get(at).flatten() {
                let actor = &mut member.actor;
                actor.frame_from_object = frame_from_seen.times(actor.frame_from_object);
            }
            let track = &mut self.tracks[member.track as usize];
            track.rows += 1;
            track.measured = track.measured.with(&member.actor);
            self.actors.push(member);
        }
    }

    /// The same for sightings in the map or seen from the ego, where it is known where the ego was at each, in their order.
    pub(crate) fn place(&mut self, ego: &[Option<EgoAt>]) {
        self.locate(|_, id, sighting| Located {
            frame: sighting.frame,
            frame_from_seen: None,
            ego: ego.get(id.index()).copied().flatten(),
        });
        self.keep(|_, _| true);
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
        let known = known.filter_map(|(sighting, ego)| Some((sighting.stamp_ns, ego?)));
        let known = Paged::collect_in(self.store(), known).sorted_by_key(|(stamp_ns, _)| *stamp_ns);
        let subject = self.subject(EGO_TRACK_ID);
        let mut last_ns = None;
        for (stamp_ns, ego) in &known {
            if last_ns.replace(stamp_ns) == Some(stamp_ns) {
                continue;
            }
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
}
