//! The path that the ego would drive if it stayed at its place in the lane: what lies there is ahead of it, and what lies
//! where it will only come by changing lanes is not yet.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_schemas::maths::{atan2, hypot, sin_cos};
use driveloop_schemas::pose::wrap_rad;
use driveloop_schemas::{Lane, ObjectTrack};

use super::grid::{State, path_at, project};

/// How far beside the middle of its lane a vehicle drives, at most, and how far turned from it.
const OFFSET_MAX_M: f64 = 2.5;
const TURNED_MAX_RAD: f64 = 0.8;
/// How far before its begin and past its end a lane counts.
const ENDS_M: f64 = 0.5;
/// Distance between the points of a path.
const SPACING_M: f64 = 1.0;
/// How far ahead paths are followed, and over how many lanes: a bound where lanes are short or go round.
const AHEAD_MAX_M: f64 = 120.0;
const HOPS_MAX: usize = 12;

type Path = Vec<(f64, State)>;

/// A place beside a path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beside {
    /// How far to the left its middle is.
    pub(crate) left_m: f64,
    /// From its flank to that of the ego; negative where the ego drives over it.
    pub(crate) clearance_m: f64,
    /// Direction of the path there, in the map.
    pub(crate) yaw_rad: f64,
}

/// The lanes of a map, and those on which the ego drives.
pub(crate) struct LanePaths<'a> {
    lanes: BTreeMap<&'a str, (&'a Lane, Path)>,
    driven: BTreeSet<&'a str>,
}

impl<'a> LanePaths<'a> {
    /// Of an ego with these rows.
    pub(crate) fn new(lanes: &'a [Lane], ego: &[ObjectTrack]) -> Self {
        let is_road = |lane: &&Lane| lane.lane_type != "BIKE";
        let paths = lanes.iter().filter(is_road).filter_map(|lane| {
            let path = path_of(&lane.centre);
            (path.len() > 1).then_some((lane.lane_id.as_str(), (lane, path)))
        });
        let mut all = Self {
            lanes: paths.collect(),
            driven: BTreeSet::new(),
        };
        all.driven = ego
            .iter()
            .filter_map(|row| Some(all.lane_of(row)?.0))
            .collect();
        all
    }

    /// Where a body is beside the path of an ego that stays at its place in the lane; none where the map has no lane for the ego,
    /// or no path leads there.
    pub(crate) fn beside(&self, ego: &ObjectTrack, body: &ObjectTrack) -> Option<Beside> {
        let (lane_id, ego_left_m) = self.lane_of(ego)?;
        let places = self.ahead(lane_id).into_iter().filter_map(|path| {
            let (along_m, left_m) = project(&path, body.x_m, body.y_m)?;
            let yaw_rad = path_at(&path, along_m).yaw_rad;
            let (sin, cos) = sin_cos(body.yaw_rad - yaw_rad);
            let half_m = (body.length_m * sin.abs() + body.width_m * cos.abs()) / 2.0;
            let left_m = left_m - ego_left_m;
            Some(Beside {
                left_m,
                clearance_m: left_m.abs() - half_m - ego.width_m / 2.0,
                yaw_rad,
            })
        });
        places.min_by(|a, b| a.left_m.abs().total_cmp(&b.left_m.abs()))
    }

    /// Whether the map has a lane for the ego.
    pub(crate) fn has_lane(&self, ego: &ObjectTrack) -> bool {
        self.lane_of(ego).is_some()
    }

    /// The lane in which a vehicle is, and how far to the left of its middle.
    fn lane_of(&self, row: &ObjectTrack) -> Option<(&'a str, f64)> {
        let beside = self.lanes.iter().filter_map(|(id, (_, path))| {
            let (along_m, left_m) = project(path, row.x_m, row.y_m)?;
            let turned_rad = wrap_rad(row.yaw_rad - path_at(path, along_m).yaw_rad);
            let length_m = path.last().map_or(0.0, |(along_m, _)| *along_m);
            let is_on = (-ENDS_M..=length_m + ENDS_M).contains(&along_m)
                && left_m.abs() <= OFFSET_MAX_M
                && turned_rad.abs() <= TURNED_MAX_RAD;
            is_on.then_some((*id, left_m))
        });
        beside.min_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))
    }

    /// The paths that a lane leads into; where it forks, those that the ego takes, where it takes one.
    fn ahead(&self, lane_id: &'a str) -> Vec<Path> {
        let mut whole = Vec::new();
        let mut open = vec![(lane_id, Path::new(), 0.0, 0)];
        while let Some((lane_id, mut path, ahead_m, hops)) = open.pop() {
            let Some((lane, own)) = self.lanes.get(lane_id) else {
                continue;
            };
            let start_m = path.last().map_or(0.0, |(along_m, _)| *along_m);
            path.extend(
                own.iter()
                    .map(|(along_m, state)| (start_m + along_m, *state)),
            );
            let length_m = own.last().map_or(0.0, |(along_m, _)| *along_m);
            // The first lane does not count: the ego is somewhere in it.
            let ahead_m: f64 = if hops == 0 { 0.0 } else { ahead_m + length_m };
            let next = self.successors(lane);
            if next.is_empty() || ahead_m >= AHEAD_MAX_M || hops >= HOPS_MAX {
                whole.push(path);
                continue;
            }
            open.extend(
                next.into_iter()
                    .map(|id| (id, path.clone(), ahead_m, hops + 1)),
            );
        }
        whole
    }

    fn successors(&self, lane: &'a Lane) -> Vec<&'a str> {
        let known = |id: &&'a str| self.lanes.contains_key(id);
        let all: Vec<&str> = lane
            .successors
            .iter()
            .map(String::as_str)
            .filter(known)
            .collect();
        let driven = all.iter().copied().filter(|id| self.driven.contains(id));
        let driven: Vec<&str> = driven.collect();
        if driven.is_empty() { all } else { driven }
    }
}

/// A polyline as a path; empty where it has no length or a point that is not finite.
fn path_of(line: &[f64]) -> Path {
    let mut path = Path::new();
    if line.iter().any(|value| !value.is_finite()) {
        return path;
    }
    let points: Vec<[f64; 2]> = line.chunks_exact(2).map(|p| [p[0], p[1]]).collect();
    let mut start_m = 0.0;
    for pair in points.windows(2) {
        let [dx, dy] = [pair[1][0] - pair[0][0], pair[1][1] - pair[0][1]];
        let length_m = hypot(dx, dy);
        if length_m == 0.0 {
            continue;
        }
        let count = (length_m / SPACING_M).ceil().max(1.0);
        let first = usize::from(!path.is_empty());
        path.extend((first..=count as usize).map(|index| {
            let share = index as f64 / count;
            let state = State {
                x_m: pair[0][0] + share * dx,
                y_m: pair[0][1] + share * dy,
                z_m: 0.0,
                yaw_rad: atan2(dy, dx),
            };
            (start_m + share * length_m, state)
        }));
        start_m += length_m;
    }
    path
}

#[cfg(test)]
mod tests {
    use driveloop_schemas::time::Day;

    use super::*;

    /// Eastwards, 3.5 m beside each other, the right one in two parts.
    fn lanes() -> Vec<Lane> {
        let lane = |id: &str, line: [f64; 4], next: &[&str]| Lane {
            log_id: "d".into(),
            day: Day(0),
            lane_id: id.into(),
            lane_type: "VEHICLE".into(),
            is_intersection: None,
            centre: line.into(),
            left_boundary: Vec::new(),
            right_boundary: Vec::new(),
            left_mark: None,
            right_mark: None,
            left_neighbour: None,
            right_neighbour: None,
            successors: next.iter().map(|id| (*id).to_owned()).collect(),
            predecessors: Vec::new(),
            composed: Some(false),
        };
        vec![
            lane("right", [0.0, 0.0, 50.0, 0.0], &["on", "off"]),
            lane("on", [50.0, 0.0, 100.0, 0.0], &[]),
            lane("off", [50.0, 0.0, 100.0, -20.0], &[]),
            lane("left", [0.0, 3.5, 100.0, 3.5], &[]),
        ]
    }

    fn row(x_m: f64, y_m: f64) -> ObjectTrack {
        ObjectTrack {
            log_id: "d".into(),
            day: Day(0),
            composed: false,
            track_id: "t".into(),
            stamp_ns: 0,
            category: "REGULAR_VEHICLE".into(),
            source_category: String::new(),
            length_m: 1.0,
            width_m: 1.0,
            height_m: 1.0,
            x_m,
            y_m,
            z_m: 0.0,
            qw: 1.0,
            qx: 0.0,
            qy: 0.0,
            qz: 0.0,
            yaw_rad: 0.0,
            vx_mps: None,
            vy_mps: None,
            ax_mps2: None,
            ay_mps2: None,
            kinematics: String::new(),
            accel_kinematics: None,
            ego_x_m: 0.0,
            ego_y_m: 0.0,
            ego_z_m: 0.0,
            ego_yaw_rad: 0.0,
            ego_vx_mps: None,
            ego_vy_mps: None,
            lidar_points: None,
        }
    }

    #[test]
    fn the_path_is_that_of_the_lane_at_the_place_in_it() {
        let lanes = lanes();
        let paths = LanePaths::new(&lanes, &[]);
        let beside = |ego: &ObjectTrack, body: &ObjectTrack| paths.beside(ego, body).unwrap();
        let (ego, ahead) = (row(10.0, 0.2), row(80.0, 0.7));
        assert!((beside(&ego, &ahead).left_m - 0.5).abs() < 1e-9);
        assert!((beside(&ego, &ahead).clearance_m + 0.5).abs() < 1e-9);
        // From the other lane it is not ahead, even of an ego that is about to change lanes.
        let mut changes = row(70.0, 2.5);
        changes.yaw_rad = -0.3;
        assert!((beside(&changes, &ahead).left_m + 1.8).abs() < 1e-9);
        assert!(beside(&changes, &ahead).clearance_m > 0.0);
        let beside_the_road = row(10.0, 9.0);
        assert!(!paths.has_lane(&beside_the_road) && paths.has_lane(&ego));
    }

    #[test]
    fn at_a_fork_the_way_that_is_driven_counts() {
        let lanes = lanes();
        let (ego, there) = (row(10.0, 0.0), row(90.0, -16.0));
        let both = LanePaths::new(&lanes, &[]);
        assert!(both.beside(&ego, &there).unwrap().clearance_m < 0.0);
        let straight_on = LanePaths::new(&lanes, &[row(80.0, 0.0)]);
        assert!(straight_on.beside(&ego, &there).unwrap().clearance_m > 0.0);
    }
}
