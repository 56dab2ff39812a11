//! The lane ahead of an actor.

use std::collections::BTreeMap;

use driveloop_lake::{Lake as DataLake, sql_literal};
use driveloop_schemas::forecast::{LANE_POINT_SPACING_M, LANE_POINTS};
use driveloop_schemas::maths::{atan2, hypot};
use driveloop_schemas::pose::wrap_rad;
use driveloop_schemas::{Lane, LaneId};

use crate::error::Result;

/// A centre line counts as the actor's within this distance of its centre.
const LANE_DISTANCE_MAX_M: f64 = 3.0;
/// And within this angle of its heading.
const LANE_ANGLE_MAX_RAD: f64 = std::f64::consts::FRAC_PI_4;

/// The lanes of a drive's map.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    by_id: BTreeMap<LaneId, Line>,
}

/// A centre line and where it leads.
#[derive(Debug)]
struct Line {
    points: Vec<[f64; 2]>,
    low: [f64; 2],
    high: [f64; 2],
    successors: Vec<String>,
}

/// A place on a centre line.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    line: &'a Line,
    segment: usize,
    /// From the start of the segment.
    along_m: f64,
    distance_m: f64,
}

impl Lanes {
    /// The lanes of a drive; of its host where it has none of its own.
    pub(super) async fn read(lake: &DataLake, log_id: &str, host_log_id: &str) -> Result<Self> {
        for log_id in [log_id, host_log_id] {
            let filter = format!("log_id = {}", sql_literal(log_id));
            let rows = lake.read::<Lane>(Some(&filter)).await?;
            if !rows.is_empty() {
                return Ok(Self::new(rows));
            }
        }
        Ok(Self::default())
    }

    pub(super) fn new(rows: Vec<Lane>) -> Self {
        let lines = rows.into_iter().filter_map(|row| {
            let points: Vec<[f64; 2]> = row
                .centre
                .chunks_exact(2)
                .map(|point| [point[0], point[1]])
                .collect();
            let bound = |pick: fn(f64, f64) -> f64, start: f64| {
                points
                    .iter()
                    .fold([start; 2], |b, p| [pick(b[0], p[0]), pick(b[1], p[1])])
            };
            let (low, high) = (
                bound(f64::min, f64::INFINITY),
                bound(f64::max, f64::NEG_INFINITY),
            );
            let line = Line {
                low,
                high,
                successors: row.successors,
                points,
            };
            (line.points.len() > 1).then_some((row.lane_id, line))
        });
        Self {
            by_id: lines.collect(),
        }
    }

    /// Points of the centre line from the actor's place on, one every [`LANE_POINT_SPACING_M`], the first at the place
    /// itself, in the map frame; empty where no lane is near. Where a lane forks, the straightest branch is followed.
    pub(super) fn ahead(&self, x_m: f64, y_m: f64, yaw_rad: f64) -> Vec<[f64; 2]> {
        let place = self
            .by_id
            .values()
            .filter_map(|line| line.nearest([x_m, y_m], yaw_rad))
            .min_by(|a, b| a.distance_m.total_cmp(&b.distance_m));
        place.map(|place| self.walk(place)).unwrap_or_default()
    }

    fn walk(&self, place: Place<'_>) -> Vec<[f64; 2]> {
        let (mut line, mut segment, mut along_m) = (place.line, place.segment, place.along_m);
        let mut points = Vec::with_capacity(LANE_POINTS);
        // Each step uses up a segment or gives a point; a ring of empty segments ends with the count.
        let mut steps_left = 10_000;
        while points.len() < LANE_POINTS && steps_left > 0 {
            steps_left -= 1;
            let (a, b) = (line.points[segment], line.points[segment + 1]);
            let length_m = hypot(b[0] - a[0], b[1] - a[1]);
            if along_m <= length_m && length_m > 0.0 {
                let t = along_m / length_m;
                points.push([a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])]);
                along_m += LANE_POINT_SPACING_M;
                continue;
            }
            along_m -= length_m;
            segment += 1;
            if segment + 1 == line.points.len() {
                let Some(next) = self.straightest(line) else {
                    break;
                };
                (line, segment) = (next, 0);
            }
        }
        points
    }

    fn straightest(&self, line: &Line) -> Option<&Line> {
        let end_rad = line.heading_rad(line.points.len() - 2);
        let turn_rad = |next: &Line| {
            let last = next.heading_rad(next.points.len() - 2);
            wrap_rad(last - end_rad).abs()
        };
        let branches = line.successors.iter();
        let branches = branches.filter_map(|id| self.by_id.get(id.as_str()));
        branches.min_by(|a, b| turn_rad(a).total_cmp(&turn_rad(b)))
    }
}

impl Line {
    fn heading_rad(&self, segment: usize) -> f64 {
        let (a, b) = (self.points[segment], self.points[segment + 1]);
        atan2(b[1] - a[1], b[0] - a[0])
    }

    fn nearest(&self, p: [f64; 2], yaw_rad: f64) -> Option<Place<'_>> {
        let is_far = (0..2).any(|axis| {
            p[axis] < self.low[axis] - LANE_DISTANCE_MAX_M
                || p[axis] > self.high[axis] + LANE_DISTANCE_MAX_M
        });
        if is_far {
            return None;
        }
        let places = self
            .points
            .windows(2)
            .enumerate()
            .filter_map(|(segment, ends)| {
                let (dx, dy) = (ends[1][0] - ends[0][0], ends[1][1] - ends[0][1]);
                let length_m = hypot(dx, dy);
                if length_m <= 0.0 || wrap_rad(atan2(dy, dx) - yaw_rad).abs() > LANE_ANGLE_MAX_RAD {
                    return None;
                }
                let along_m = (((p[0] - ends[0][0]) * dx + (p[1] - ends[0][1]) * dy) / length_m)
                    .clamp(0.0, length_m);
                let t = along_m / length_m;
                let distance_m = hypot(ends[0][0] + t * dx - p[0], ends[0][1] + t * dy - p[1]);
                let place = Place {
                    line: self,
                    segment,
                    along_m,
                    distance_m,
                };
                (distance_m <= LANE_DISTANCE_MAX_M).then_some(place)
            });
        places.min_by(|a, b| a.distance_m.total_cmp(&b.distance_m))
    }
}

#[cfg(test)]
mod tests {
    use driveloop_schemas::Lane;
    use driveloop_schemas::time::Day;

    use super::*;

    fn lane(id: &str, centre: &[f64], successors: &[&str]) -> Lane {
        Lane {
            log_id: "a".into(),
            day: Day(0),
            lane_id: id.into(),
            lane_type: "VEHICLE".into(),
            is_intersection: None,
            centre: centre.to_vec(),
            left_boundary: Vec::new(),
            right_boundary: Vec::new(),
            left_mark: None,
            right_mark: None,
            left_neighbour: None,
            right_neighbour: None,
            successors: successors.iter().map(|id| (*id).to_owned()).collect(),
            predecessors: Vec::new(),
            composed: Some(false),
        }
    }

    #[test]
    fn the_lane_is_followed_into_the_straightest_successor() {
        let lanes = Lanes::new(vec![
            lane("1", &[0.0, 0.0, 12.0, 0.0], &["left", "on"]),
            lane("left", &[12.0, 0.0, 20.0, 3.0, 22.0, 20.0], &[]),
            lane("on", &[12.0, 0.0, 30.0, 0.0], &[]),
            lane("back", &[30.0, 0.5, 0.0, 0.5], &[]),
        ]);
        let points = lanes.ahead(3.0, 0.6, 0.1);
        let expected: Vec<[f64; 2]> = (0..6).map(|k| [3.0 + 5.0 * f64::from(k), 0.0]).collect();
        assert_eq!(points, expected); // the road ends at 30 m
        assert!(lanes.ahead(3.0, 9.0, 0.0).is_empty());
        assert!(lanes.ahead(3.0, 0.0, 1.5).is_empty());
    }
}
