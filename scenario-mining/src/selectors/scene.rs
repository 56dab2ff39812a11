//! The tracks of a drive with what selectors ask of them.

use driveloop_schemas::geometry::OrientedBox;
use driveloop_schemas::maths::hypot;
use driveloop_schemas::pose::{Pose, Quat};

use crate::kinematics::{LaneShape, Motion, Recipe, Seen, Track, TrackSet, lanes_of, seen_from};

/// More than sums of distances are off by.
const ROUNDING_M: f64 = 1e-6;

/// Whose meaning a selector has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// What its documentation says.
    Documented,
    /// What the benchmark RefAV computes, quirks included.
    RefAv,
}

/// The tracks of a drive, and their motion by the recipe of the mode.
pub(crate) struct Scene<'a> {
    pub(crate) mode: Mode,
    pub(crate) tracks: &'a [Track],
    pub(crate) motions: Vec<Motion>,
    /// The lanes of the drive, where a selector asks for them.
    pub(crate) lanes: &'a [LaneShape],
    /// The lane of each sighting of each track, likewise.
    pub(crate) track_lanes: Vec<Vec<Option<usize>>>,
    ego: Option<usize>,
}

/// Bounds of a value; both count as inside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Mode {
    pub(crate) fn recipe(self) -> Recipe {
        match self {
            Self::Documented => Recipe::default(),
            Self::RefAv => Recipe::MedianOfDifferences,
        }
    }
}

impl<'a> Scene<'a> {
    pub(crate) fn new(set: &'a TrackSet, mode: Mode) -> Self {
        let motions = set
            .tracks
            .iter()
            .map(|track| Motion::of(track, mode.recipe()));
        Self {
            mode,
            tracks: &set.tracks,
            motions: motions.collect(),
            lanes: &[],
            track_lanes: Vec::new(),
            ego: set.ego,
        }
    }

    /// The same with the lanes of the drive.
    pub(crate) fn with_lanes(self, lanes: &'a [LaneShape]) -> Self {
        let motions = self.motions.iter();
        let track_lanes = motions.map(|motion| lanes_of(motion, lanes, self.mode.recipe()));
        Self {
            track_lanes: track_lanes.collect(),
            lanes,
            ..self
        }
    }

    pub(crate) fn is_ego(&self, track: usize) -> bool {
        self.ego == Some(track)
    }

    /// The box from above, in the ego frame of its stamp. RefAV leaves the ego's on the rear axle, where its logs have it.
    pub(crate) fn rectangle(&self, track: usize, at: usize) -> OrientedBox {
        match self.mode {
            Mode::Documented => self.tracks[track].box_over_car(at),
            Mode::RefAv => self.tracks[track].sightings[at].box_in_ego,
        }
    }

    /// Least distance of two boxes seen from above.
    pub(crate) fn distance_m(&self, [a, a_at]: [usize; 2], [b, b_at]: [usize; 2]) -> f64 {
        self.rectangle(a, a_at).distance_m(&self.rectangle(b, b_at))
    }

    /// Whether two boxes are within a distance of each other. Most pairs of a drive are far apart: their centres say so.
    pub(crate) fn are_within(
        &self,
        [a, a_at]: [usize; 2],
        [b, b_at]: [usize; 2],
        max_m: f64,
    ) -> bool {
        let (one, other) = (self.rectangle(a, a_at), self.rectangle(b, b_at));
        let half_diagonal_m = |of: &OrientedBox| hypot(of.length_m, of.width_m) / 2.0;
        let centres_m = hypot(one.x_m - other.x_m, one.y_m - other.y_m);
        let reach_m = max_m + half_diagonal_m(&one) + half_diagonal_m(&other) + ROUNDING_M;
        centres_m <= reach_m && one.distance_m(&other) <= max_m
    }

    /// A track seen from another, at the stamps that both have.
    ///
    /// As documented, from the box over the car, centre to centre and not smoothed, as the boxes are; RefAV smooths the track and
    /// looks from the box of the log.
    pub(crate) fn places(&self, track: usize, seer: usize) -> Vec<Place> {
        match self.mode {
            Mode::Documented => {
                let both = self.tracks[track].common(&self.tracks[seer]);
                let place = |(at, by): (usize, usize)| {
                    let (seen, from) = (self.rectangle(track, at), self.rectangle(seer, by));
                    let seer_from_ego = Pose {
                        translation: [from.x_m, from.y_m, 0.0],
                        rotation: Quat::from_yaw(from.yaw_rad),
                    }
                    .inverse();
                    let [x_m, y_m, _] = seer_from_ego.transform([seen.x_m, seen.y_m, 0.0]);
                    Place { at, by, x_m, y_m }
                };
                both.into_iter().map(place).collect()
            }
            Mode::RefAv => {
                let (seen, seer) = (&self.tracks[track], &self.tracks[seer]);
                let places = seen_from(seen, &self.motions[track], seer, self.mode.recipe());
                places.iter().map(Place::of).collect()
            }
        }
    }
}

/// Where a track was in the axes of another's box, and when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    /// Sighting of the track that is seen.
    pub(crate) at: usize,
    /// Sighting of the track that sees.
    pub(crate) by: usize,
    /// Ahead of the box's centre.
    pub(crate) x_m: f64,
    /// To the left of it.
    pub(crate) y_m: f64,
}

impl Place {
    fn of(seen: &Seen) -> Self {
        let [x_m, y_m, _] = seen.position_m;
        Self {
            at: seen.at,
            by: seen.by,
            x_m,
            y_m,
        }
    }
}

impl Bounds {
    /// Whether the value is known and inside.
    pub(crate) fn contain(&self, value: f64) -> bool {
        self.min <= value && value <= self.max
    }
}
