//! The actors of a drive, in memory.

use std::collections::BTreeMap;

use driveloop_schemas::EGO_CATEGORY;
use driveloop_schemas::geometry::OrientedBox;
use driveloop_schemas::pose::{Pose, Quat};

/// Where the centre of the car is, as a share of its length ahead of the rear axle, where a log centres the ego's box on the rear
/// axle: 1.422 m of 4.877 m, the car of Argoverse 2.
const CENTRE_AHEAD_SHARE: f64 = 1.422 / 4.877;
/// An ego box nearer to the origin of the ego frame than this is centred there.
const AT_ORIGIN_M: f64 = 1e-6;

/// One actor at one stamp, as `object_track` has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sighting {
    pub(crate) stamp_ns: i64,
    /// Centre and orientation of the box.
    pub(crate) map_from_box: Pose,
    /// The box seen from above, in the ego frame.
    pub(crate) box_in_ego: OrientedBox,
    /// Height of the centre in the ego frame.
    pub(crate) ego_z_m: f64,
}

/// One actor of a drive.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Track {
    pub(crate) track_id: String,
    pub(crate) category: String,
    /// Stamps ascend strictly; there is one at least.
    pub(crate) sightings: Vec<Sighting>,
    /// The same stamps.
    pub(crate) stamps_ns: Vec<i64>,
}

/// The actors of a drive, in the order of their ids, and where its ego was.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrackSet {
    pub(crate) tracks: Vec<Track>,
    /// Which of them is the ego.
    pub(crate) ego: Option<usize>,
}

impl Sighting {
    /// The ego at this stamp, if this is the ego's own sighting.
    fn map_from_ego(&self) -> Pose {
        let OrientedBox {
            x_m, y_m, yaw_rad, ..
        } = self.box_in_ego;
        let ego_from_box = Pose {
            translation: [x_m, y_m, self.ego_z_m],
            rotation: Quat::from_yaw(yaw_rad),
        };
        self.map_from_box.times(ego_from_box.inverse())
    }
}

impl Track {
    /// A track of sightings in any order; of a stamp that comes twice the first counts. `None` where there is none.
    pub(crate) fn new(
        track_id: &str,
        category: &str,
        mut sightings: Vec<Sighting>,
    ) -> Option<Self> {
        sightings.sort_by_key(|sighting| sighting.stamp_ns);
        sightings.dedup_by_key(|sighting| sighting.stamp_ns);
        let stamps_ns: Vec<i64> = sightings.iter().map(|sighting| sighting.stamp_ns).collect();
        (!stamps_ns.is_empty()).then(|| Self {
            track_id: track_id.to_owned(),
            category: category.to_owned(),
            sightings,
            stamps_ns,
        })
    }

    pub(crate) fn is_ego(&self) -> bool {
        self.category == EGO_CATEGORY
    }

    /// The sightings of both at stamps that both have, as places in each.
    pub(crate) fn common(&self, other: &Self) -> Vec<(usize, usize)> {
        // Most pairs of a long drive are never seen together: they are done here.
        let from_ns = self.stamps_ns[0].max(other.stamps_ns[0]);
        let first = |stamps_ns: &[i64]| stamps_ns.partition_point(|stamp_ns| *stamp_ns < from_ns);
        let (mut mine, mut theirs) = (first(&self.stamps_ns), first(&other.stamps_ns));
        let mut both = Vec::new();
        while let (Some(a), Some(b)) = (self.stamps_ns.get(mine), other.stamps_ns.get(theirs)) {
            if a == b {
                both.push((mine, theirs));
            }
            mine += usize::from(a <= b);
            theirs += usize::from(b <= a);
        }
        both
    }

    /// The box at a sighting, over the car: where the log centres the ego's box on the rear axle, it is moved forward.
    pub(crate) fn box_over_car(&self, at: usize) -> OrientedBox {
        let seen = self.sightings[at].box_in_ego;
        let is_at_origin = seen.x_m.abs() < AT_ORIGIN_M && seen.y_m.abs() < AT_ORIGIN_M;
        if self.is_ego() && is_at_origin {
            let x_m = CENTRE_AHEAD_SHARE * seen.length_m;
            return OrientedBox { x_m, ..seen };
        }
        seen
    }
}

impl TrackSet {
    /// The tracks in the order of their ids.
    pub(crate) fn new(mut tracks: Vec<Track>) -> Self {
        tracks.sort_by(|a, b| a.track_id.cmp(&b.track_id));
        let ego = tracks.iter().position(Track::is_ego);
        Self { tracks, ego }
    }

    /// Where the ego was, by stamp.
    pub(crate) fn map_from_ego(&self) -> BTreeMap<i64, Pose> {
        let ego = self.ego.map(|at| &self.tracks[at]);
        let sightings = ego.into_iter().flat_map(|ego| &ego.sightings);
        sightings
            .map(|seen| (seen.stamp_ns, seen.map_from_ego()))
            .collect()
    }
}
