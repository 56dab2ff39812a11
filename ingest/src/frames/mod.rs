//! The frames of a drive: which transform leads from one to another, at any stamp.
//!
//! Frames are nodes, transforms are edges. An edge stands still (`/tf_static`) or moves (`/tf`, odometry). A frame hangs below one
//! parent that stands still, the last that was stated, and below any number of frames that it moves in. A [`Route`] goes along edges
//! in both directions, over as few as there are between two frames; of two equally short ones over the frames that were stated first.
//! Between two stamps of a moving edge positions are interpolated linearly and orientations along the great circle (Shoemake 1985,
//! *Computer Graphics* 19:245), as `tf2` does. Names lose their leading slash.

mod names;
#[cfg(test)]
mod tests;
mod track;

use std::collections::{BTreeMap, VecDeque};

use driveloop_schemas::pose::Pose;

use crate::paged::Store;

pub(crate) use names::{FrameNames, Naming, is_odometry_frame, plain};
pub(crate) use track::{PoseAt, PoseTrack, between};

/// Number of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FrameId(u32);

/// Why a transform is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TransformError {
    /// A frame without a name, or one that is its own parent.
    #[error("expected a transform between two frames, got `{parent}` to `{child}`")]
    NotBetweenTwo { parent: String, child: String },
    /// The log names more frames than are allowed.
    #[error("expected at most {max} frames in a log (frames_max), got more")]
    TooMany { max: usize },
}

#[derive(Debug)]
struct Edge {
    parent: FrameId,
    child: FrameId,
    parent_from_child: Motion,
}

#[derive(Debug)]
enum Motion {
    Still(Pose),
    Moving(PoseTrack),
}

/// The frames of a drive, and the transforms between them.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    store: Store,
    ids: BTreeMap<String, FrameId>,
    names: Vec<String>,
    /// Edges of each frame, in the order in which they were stated.
    of_frame: Vec<Vec<usize>>,
    edges: Vec<Edge>,
    /// The edge to the parent in which a frame stands still.
    still: BTreeMap<FrameId, usize>,
    /// Edges by parent and child.
    moving: BTreeMap<(FrameId, FrameId), usize>,
}

/// A way from one frame to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    /// Edges from the target to the source, each with its direction.
    steps: Vec<(usize, Direction)>,
}

impl Route {
    /// The way from a frame to itself.
    pub(crate) fn nowhere() -> Self {
        Self { steps: Vec::new() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// From the parent to the child.
    Down,
    Up,
}

impl Frames {
    /// No frames yet; where they move will be held in a store.
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            store: store.clone(),
            ..Self::default()
        }
    }

    /// States that a frame stands still in another; what was stated of it before no longer holds.
    pub(crate) fn stand(
        &mut self,
        parent: &str,
        child: &str,
        parent_from_child: Pose,
        frames_max: usize,
    ) -> Result<(), TransformError> {
        let (parent, child) = self.pair(parent, child, frames_max)?;
        let edge = Edge {
            parent,
            child,
            parent_from_child: Motion::Still(parent_from_child),
        };
        if let Some(at) = self.still.get(&child).copied() {
            let before = std::mem::replace(&mut self.edges[at], edge);
            if before.parent != parent {
                self.of_frame[before.parent.index()].retain(|there| *there != at);
                self.of_frame[parent.index()].push(at);
            }
        } else {
            let at = self.connect(edge);
            self.still.insert(child, at);
        }
        Ok(())
    }

    /// States where a frame was in another at a stamp; of several statements of one stamp the last holds.
    pub(crate) fn moved(
        &mut self,
        (parent, child): (&str, &str),
        stamp_ns: i64,
        parent_from_child: Pose,
        frames_max: usize,
    ) -> Result<(), TransformError> {
        let pair = self.pair(parent, child, frames_max)?;
        let at = if let Some(at) = self.moving.get(&pair) {
            *at
        } else {
            let at = self.connect(Edge {
                parent: pair.0,
                child: pair.1,
                parent_from_child: Motion::Moving(PoseTrack::new(&self.store)),
            });
            self.moving.insert(pair, at);
            at
        };
        if let Motion::Moving(track) = &mut self.edges[at].parent_from_child {
            track.push(stamp_ns, parent_from_child);
        }
        Ok(())
    }

    /// Whether something says directly how one frame moves in another.
    pub(crate) fn has_moving(&self, parent: &str, child: &str) -> bool {
        let pair = self.id(parent).zip(self.id(child));
        pair.is_some_and(|pair| self.moving.contains_key(&pair))
    }

    /// Brings everything that was stated into the order of time; without it nothing can be looked up.
    pub(crate) fn settle(&mut self) {
        for edge in &mut self.edges {
            if let Motion::Moving(track) = &mut edge.parent_from_child {
                track.settle();
            }
        }
    }

    /// Names of all frames, in the order in which they were stated.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// About how much memory the transforms take.
    pub(crate) fn bytes(&self) -> usize {
        let tracks = self.edges.iter().map(|edge| match &edge.parent_from_child {
            Motion::Still(_) => 0,
            Motion::Moving(track) => track.bytes(),
        });
        tracks.sum()
    }

    /// The way between two frames that leads over none of those in `avoided`; `None` where there is none.
    pub(crate) fn route(&self, target: &str, source: &str, avoided: &[&str]) -> Option<Route> {
        let (target, source) = (plain(target), plain(source));
        if target == source {
            return Some(Route::nowhere());
        }
        let (target, source) = (self.id(target)?, self.id(source)?);
        let avoided: Vec<FrameId> = avoided.iter().filter_map(|name| self.id(name)).collect();
        let mut came: BTreeMap<FrameId, (FrameId, usize, Direction)> = BTreeMap::new();
        let mut queue = VecDeque::from([target]);
        while let Some(frame) = queue.pop_front() {
            if frame == source {
                return Some(steps(&came, target, source));
            }
            for at in &self.of_frame[frame.index()] {
                let edge = &self.edges[*at];
                let (next, direction) = if edge.parent == frame {
                    (edge.child, Direction::Down)
                } else {
                    (edge.parent, Direction::Up)
                };
                let is_new = next != target && !came.contains_key(&next);
                if is_new && (next == source || !avoided.contains(&next)) {
                    came.insert(next, (frame, *at, direction));
                    queue.push_back(next);
                }
            }
        }
        None
    }

    /// `target_from_source` at a stamp; `None` where an edge on the way says nothing about that time.
    pub(crate) fn at(&self, route: &Route, stamp_ns: i64) -> Option<(Pose, PoseAt)> {
        let mut pose = Pose::IDENTITY;
        let mut how = PoseAt::Exact;
        for (at, direction) in &route.steps {
            let parent_from_child = match &self.edges[*at].parent_from_child {
                Motion::Still(pose) => *pose,
                Motion::Moving(track) => {
                    let (pose, at) = track.at(stamp_ns)?;
                    how = how.and(at);
                    pose
                }
            };
            pose = pose.times(match direction {
                Direction::Down => parent_from_child,
                Direction::Up => parent_from_child.inverse(),
            });
        }
        Some((pose, how))
    }

    /// Stamps of the last moving edge of a way, the one next to its source; empty where all of it stands still.
    pub(crate) fn stamps(&self, route: &Route) -> impl Iterator<Item = i64> + '_ {
        let moving =
            route
                .steps
                .iter()
                .rev()
                .find_map(|(at, _)| match &self.edges[*at].parent_from_child {
                    Motion::Still(_) => None,
                    Motion::Moving(track) => Some(track),
                });
        moving.into_iter().flat_map(PoseTrack::stamps)
    }

    /// Whether some edge of the way moves.
    pub(crate) fn moves(&self, route: &Route) -> bool {
        let mut steps = route.steps.iter();
        steps.any(|(at, _)| matches!(self.edges[*at].parent_from_child, Motion::Moving(_)))
    }

    /// The frames that a frame hangs below, up to the one that hangs below none: for messages.
    pub(crate) fn chain(&self, frame: &str) -> Vec<&str> {
        let mut chain = Vec::new();
        let mut next = self.id(frame);
        while let Some(id) = next {
            let name = self.names[id.index()].as_str();
            if chain.contains(&name) {
                break;
            }
            chain.push(name);
            let above = self.of_frame[id.index()].iter();
            next = above
                .map(|at| &self.edges[*at])
                .find(|edge| edge.child == id)
                .map(|edge| edge.parent);
        }
        chain
    }

    fn id(&self, name: &str) -> Option<FrameId> {
        self.ids.get(plain(name)).copied()
    }

    fn pair(
        &mut self,
        parent: &str,
        child: &str,
        frames_max: usize,
    ) -> Result<(FrameId, FrameId), TransformError> {
        let (parent, child) = (plain(parent), plain(child));
        if parent.is_empty() || child.is_empty() || parent == child {
            return Err(TransformError::NotBetweenTwo {
                parent: parent.to_owned(),
                child: child.to_owned(),
            });
        }
        Ok((
            self.known(parent, frames_max)?,
            self.known(child, frames_max)?,
        ))
    }

    fn known(&mut self, name: &str, frames_max: usize) -> Result<FrameId, TransformError> {
        if let Some(id) = self.ids.get(name) {
            return Ok(*id);
        }
        let next = u32::try_from(self.names.len()).ok();
        let next = next.filter(|_| self.names.len() < frames_max);
        let id = FrameId(next.ok_or(TransformError::TooMany { max: frames_max })?);
        self.ids.insert(name.to_owned(), id);
        self.names.push(name.to_owned());
        self.of_frame.push(Vec::new());
        Ok(id)
    }

    fn connect(&mut self, edge: Edge) -> usize {
        let at = self.edges.len();
        self.of_frame[edge.parent.index()].push(at);
        self.of_frame[edge.child.index()].push(at);
        self.edges.push(edge);
        at
    }
}

impl FrameId {
    fn index(self) -> usize {
        self.0 as usize
    }
}

/// The way back from the source to the target, turned round.
fn steps(
    came: &BTreeMap<FrameId, (FrameId, usize, Direction)>,
    target: FrameId,
    source: FrameId,
) -> Route {
    let mut steps = Vec::new();
    let mut frame = source;
    while frame != target {
        let Some((before, edge, direction)) = came.get(&frame) else {
            break;
        };
        steps.push((*edge, *direction));
        frame = *before;
    }
    steps.reverse();
    Route { steps }
}
