//! The lane that a track is in.

use super::motion::Motion;
use super::recipe::Recipe;
use driveloop_schemas::maths::{atan2, hypot};

/// How near to a boundary of a lane, in x and in y, a point is that RefAV looks for in it: wider lanes have a hole.
const REFAV_REACH_M: f64 = 5.0;
/// Points that RefAV takes of each boundary, evenly spaced.
const REFAV_POINTS: usize = 50;
/// Change of direction along a lane that makes it one that turns.
const LANE_TURN_RAD: f64 = std::f64::consts::FRAC_PI_6;
/// Mean yaw rate that makes a track fit a lane that turns, and not one that goes straight on.
const TURNING_RADPS: f64 = 0.15;

/// A lane segment, seen from above.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LaneShape {
    pub(crate) lane_id: String,
    pub(crate) lane_type: String,
    pub(crate) is_intersection: Option<bool>,
    /// The lanes to the left and to the right, where there are some.
    pub(crate) neighbours: [Option<String>; 2],
    /// The lanes that it leads into.
    pub(crate) successors: Vec<String>,
    /// Points in driving direction, map frame.
    left: Vec<[f64; 2]>,
    right: Vec<[f64; 2]>,
    /// Least and greatest x and y.
    bounds: [[f64; 2]; 2],
}

/// Where a lane of an intersection leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LaneTurn {
    Left,
    Straight,
    Right,
}

impl LaneTurn {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Straight => "straight",
            Self::Right => "right",
        }
    }
}

impl LaneShape {
    /// A lane with its boundaries as `[x0, y0, x1, y1, …]`; `None` where one has fewer than two points, or one that is not finite.
    pub(crate) fn new(
        lane_id: &str,
        lane_type: &str,
        is_intersection: Option<bool>,
        [left, right]: [&[f64]; 2],
    ) -> Option<Self> {
        let points = |line: &[f64]| -> Vec<[f64; 2]> {
            line.chunks_exact(2)
                .map(|point| [point[0], point[1]])
                .collect()
        };
        let (left, right) = (points(left), points(right));
        let all = || left.iter().chain(&right);
        let is_whole = left.len() > 1 && right.len() > 1;
        if !is_whole || !all().flatten().all(|value| value.is_finite()) {
            return None;
        }
        let bound = |axis: usize| {
            let along = all().map(|point| point[axis]);
            along.fold([f64::INFINITY, f64::NEG_INFINITY], |[min, max], value| {
                [min.min(value), max.max(value)]
            })
        };
        let bounds = [bound(0), bound(1)];
        Some(Self {
            lane_id: lane_id.to_owned(),
            lane_type: lane_type.to_owned(),
            is_intersection,
            neighbours: [None, None],
            successors: Vec::new(),
            left,
            right,
            bounds,
        })
    }

    /// The same lane among others.
    pub(crate) fn with_links(
        self,
        neighbours: [Option<String>; 2],
        successors: Vec<String>,
    ) -> Self {
        Self {
            neighbours,
            successors,
            ..self
        }
    }

    /// Where the lane leads, if it lies in an intersection: by the directions across it at its start and at its end.
    pub(crate) fn turn(&self) -> Option<LaneTurn> {
        let across = |left: Option<&[f64; 2]>, right: Option<&[f64; 2]>| {
            let (left, right) = (left?, right?);
            Some(atan2(right[1] - left[1], right[0] - left[0]))
        };
        let start = across(self.left.first(), self.right.first())?;
        let end = across(self.left.last(), self.right.last())?;
        let change_rad = driveloop_schemas::pose::wrap_rad(end - start);
        (self.is_intersection == Some(true)).then_some(if change_rad > LANE_TURN_RAD {
            LaneTurn::Left
        } else if change_rad < -LANE_TURN_RAD {
            LaneTurn::Right
        } else {
            LaneTurn::Straight
        })
    }

    /// Whether the point lies between the boundaries (even-odd rule); of a point on an edge the lower and the left side count as
    /// outside and inside as in RefAV's ray casting.
    fn contains(&self, [x, y]: [f64; 2]) -> bool {
        let [[x_min, x_max], [y_min, y_max]] = self.bounds;
        if x < x_min || x > x_max || y < y_min || y > y_max {
            return false;
        }
        let outline = self.right.iter().chain(self.left.iter().rev());
        let ends = outline.clone().cycle().skip(1);
        let crossed = outline.zip(ends).filter(|([ax, ay], [bx, by])| {
            let is_beside = y > ay.min(*by) && y <= ay.max(*by) && x <= ax.max(*bx);
            is_beside && (ax == bx || x <= (y - ay) * (bx - ax) / (by - ay) + ax)
        });
        crossed.count() % 2 == 1
    }

    /// Whether one of RefAV's points of the boundaries is near.
    fn is_near_boundary(&self, [x, y]: [f64; 2]) -> bool {
        let is_near =
            |point: [f64; 2]| (point[0] - x).abs().max((point[1] - y).abs()) <= REFAV_REACH_M;
        [&self.left, &self.right]
            .into_iter()
            .any(|line| evenly_spaced(line, REFAV_POINTS).any(is_near))
    }
}

/// Points at equal distances along a line, its ends among them.
fn evenly_spaced(line: &[[f64; 2]], count: usize) -> impl Iterator<Item = [f64; 2]> + '_ {
    let mut along = vec![0.0];
    for pair in line.windows(2) {
        let length = hypot(pair[1][0] - pair[0][0], pair[1][1] - pair[0][1]);
        along.push(along.last().copied().unwrap_or(0.0) + length);
    }
    let whole = along.last().copied().unwrap_or(0.0);
    (0..count).map(move |index| {
        let wanted = whole * index as f64 / (count - 1) as f64;
        let after = along
            .partition_point(|at| *at <= wanted)
            .clamp(1, line.len() - 1);
        let (from, to) = (line[after - 1], line[after]);
        let length = along[after] - along[after - 1];
        let part = if length > 0.0 {
            (wanted - along[after - 1]) / length
        } else {
            0.0
        };
        [
            from[0] + (to[0] - from[0]) * part,
            from[1] + (to[1] - from[1]) * part,
        ]
    })
}

/// A lane that a track may be in, and at which of its sightings.
struct Bucket {
    lane: usize,
    sightings: Vec<usize>,
}

/// The lane of each sighting of a track, by place among the lanes.
///
/// Lanes overlap in intersections, so the whole track decides: the lane that holds its centre most often has these sightings, then
/// the one that holds it most often of the rest, and so on. Of two that hold it equally often the one that fits the track's mean
/// yaw rate is taken, else the one that the track was in first.
///
/// RefAV compares a lane with the best one so far, and so takes the later one where both fit; and it looks only at lanes that have a
/// boundary near, so that a track in the middle of a wide one is in none.
pub(crate) fn lanes_of(motion: &Motion, lanes: &[LaneShape], recipe: Recipe) -> Vec<Option<usize>> {
    let mut buckets: Vec<Bucket> = Vec::new();
    for (at, [x, y, _]) in motion.position_m.iter().copied().enumerate() {
        for (lane, shape) in lanes.iter().enumerate() {
            let is_looked_at = || match recipe {
                Recipe::LocalFit { .. } => true,
                Recipe::MedianOfDifferences => shape.is_near_boundary([x, y]),
            };
            if !(shape.contains([x, y]) && is_looked_at()) {
                continue;
            }
            match buckets.iter_mut().find(|bucket| bucket.lane == lane) {
                Some(bucket) => bucket.sightings.push(at),
                None => buckets.push(Bucket {
                    lane,
                    sightings: vec![at],
                }),
            }
        }
    }
    let mut assigned = vec![None; motion.position_m.len()];
    while let Some(best) = fullest(&buckets, lanes, motion, recipe) {
        let Bucket { lane, sightings } = buckets.remove(best);
        for at in sightings {
            assigned[at] = Some(lane);
        }
        for bucket in &mut buckets {
            bucket.sightings.retain(|at| assigned[*at].is_none());
        }
        buckets.retain(|bucket| !bucket.sightings.is_empty());
    }
    assigned
}

/// The bucket with the most sightings.
fn fullest(
    buckets: &[Bucket],
    lanes: &[LaneShape],
    motion: &Motion,
    recipe: Recipe,
) -> Option<usize> {
    let does_fit = |bucket: &Bucket| {
        let rates = bucket.sightings.iter().map(|at| motion.yaw_rate_radps[*at]);
        fits(
            lanes[bucket.lane].turn(),
            rates.sum::<f64>() / bucket.sightings.len() as f64,
        )
    };
    let mut best: Option<usize> = None;
    for (at, bucket) in buckets.iter().enumerate() {
        let count = bucket.sightings.len();
        let is_better = best.is_none_or(|best| {
            let most = buckets[best].sightings.len();
            let is_taken = recipe != Recipe::MedianOfDifferences && does_fit(&buckets[best]);
            count > most || (count == most && !is_taken && does_fit(bucket))
        });
        if is_better {
            best = Some(at);
        }
    }
    best
}

/// Whether a mean yaw rate is one of a track that follows the turn.
fn fits(turn: Option<LaneTurn>, mean_radps: f64) -> bool {
    match turn {
        Some(LaneTurn::Left) => mean_radps > TURNING_RADPS,
        Some(LaneTurn::Right) => mean_radps < -TURNING_RADPS,
        Some(LaneTurn::Straight) => mean_radps.abs() < TURNING_RADPS,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::track::{Sighting, Track};
    use super::*;
    use driveloop_schemas::geometry::OrientedBox;
    use driveloop_schemas::pose::Pose;

    fn lane(id: &str, is_intersection: bool, left: &[f64], right: &[f64]) -> LaneShape {
        LaneShape::new(id, "VEHICLE", Some(is_intersection), [left, right]).unwrap()
    }

    fn motion(poses: impl Iterator<Item = [f64; 3]>) -> Motion {
        let sighting = |(frame, [x_m, y_m, yaw_rad]): (i64, [f64; 3])| Sighting {
            stamp_ns: frame * 100_000_000,
            map_from_box: Pose::planar(x_m, y_m, yaw_rad),
            box_in_ego: OrientedBox {
                x_m,
                y_m,
                yaw_rad,
                length_m: 4.0,
                width_m: 2.0,
            },
            ego_z_m: 0.0,
        };
        let track = Track::new("a", "BUS", (0..).zip(poses).map(sighting).collect()).unwrap();
        Motion::of(&track, Recipe::default())
    }

    #[test]
    fn a_lane_contains_what_is_between_its_boundaries() {
        let straight = lane("1", false, &[0.0, 2.0, 50.0, 2.0], &[0.0, -2.0, 50.0, -2.0]);
        assert!(straight.contains([10.0, 1.9]) && straight.contains([10.0, -1.9]));
        assert!(!straight.contains([10.0, 2.1]) && !straight.contains([50.1, 0.0]));
        assert!(straight.is_near_boundary([10.0, 6.9]) && !straight.is_near_boundary([10.0, 7.1]));
        assert_eq!(straight.turn(), None);
        assert!(LaneShape::new("1", "BUS", None, [&[0.0, 1.0], &[0.0, 0.0, 1.0, 0.0]]).is_none());
        assert!(LaneShape::new("1", "BUS", None, [&[0.0, 1.0, f64::NAN, 1.0]; 2]).is_none());
    }

    #[test]
    fn a_lane_of_an_intersection_turns() {
        let turn = |end: [f64; 4]| {
            let [lx, ly, rx, ry] = end;
            lane("1", true, &[0.0, 2.0, lx, ly], &[0.0, -2.0, rx, ry]).turn()
        };
        assert_eq!(turn([20.0, 2.0, 20.0, -2.0]), Some(LaneTurn::Straight));
        assert_eq!(turn([10.0, 20.0, 14.0, 20.0]), Some(LaneTurn::Left));
        assert_eq!(turn([14.0, -20.0, 10.0, -20.0]), Some(LaneTurn::Right));
    }

    #[test]
    fn points_are_evenly_spaced_round_a_corner() {
        let line = [[0.0, 0.0], [2.0, 0.0], [2.0, 0.0], [2.0, 2.0]];
        let points: Vec<[f64; 2]> = evenly_spaced(&line, 5).collect();
        assert_eq!(
            points,
            [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [2.0, 1.0], [2.0, 2.0]]
        );
    }

    #[test]
    fn the_whole_track_decides_between_lanes_that_overlap() {
        let straight = lane("s", true, &[0.0, 2.0, 20.0, 2.0], &[0.0, -2.0, 20.0, -2.0]);
        let short = lane("t", true, &[0.0, 2.0, 5.0, 2.0], &[0.0, -2.0, 5.0, -2.0]);
        let beyond = lane(
            "u",
            false,
            &[20.0, 2.0, 40.0, 2.0],
            &[20.0, -2.0, 40.0, -2.0],
        );
        let drive = motion((0..40).map(|frame| [1.0 + f64::from(frame), 0.0, 0.0]));
        let lanes = lanes_of(&drive, &[short, straight, beyond], Recipe::default());
        assert!(lanes[..19].iter().all(|lane| *lane == Some(1)), "{lanes:?}");
        assert!(
            lanes[20..39].iter().all(|lane| *lane == Some(2)),
            "{lanes:?}"
        );
        assert_eq!(lanes_of(&drive, &[], Recipe::default())[0], None);
    }

    #[test]
    fn of_two_lanes_the_one_that_turns_as_the_track_does_is_taken() {
        let straight = lane("s", true, &[0.0, 2.0, 20.0, 2.0], &[0.0, -2.0, 20.0, -2.0]);
        let left = lane("l", true, &[0.0, 2.0, 10.0, 20.0], &[0.0, -2.0, 14.0, 20.0]);
        let lanes = [straight, left];
        let turning = motion((0..20).map(|frame| [1.0, 0.0, 0.03 * f64::from(frame)]));
        let ahead = motion((0..20).map(|_| [1.0, 0.0, 0.0]));
        for recipe in [Recipe::default(), Recipe::MedianOfDifferences] {
            assert_eq!(lanes_of(&turning, &lanes, recipe)[5], Some(1));
            assert_eq!(lanes_of(&ahead, &lanes, recipe)[5], Some(0));
        }
    }
}
