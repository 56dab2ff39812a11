//! The road: a gently curved carriageway of parallel lanes with crossings.

use driveloop_schemas::maths::{cos, sin};
use driveloop_schemas::pose::wrap_rad;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Width of a lane.
pub(crate) const LANE_WIDTH_M: f64 = 3.5;
/// Width of a crossing, along the road.
pub(crate) const CROSSING_WIDTH_M: f64 = 4.0;
/// Distance between the points of the reference line.
const SPACING_M: f64 = 0.5;
/// Largest curvature of the reference line: a radius of 180 m, at 18 m/s a lateral acceleration of 1.8 m/s².
const CURVATURE_MAX_PER_M: f64 = 1.0 / 180.0;

/// A pose on the road, in the map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoadPose {
    /// Position.
    pub x_m: f64,
    /// Position.
    pub y_m: f64,
    /// Heading of the road.
    pub yaw_rad: f64,
}

/// A carriageway: a reference line with lanes to both sides, all in one direction. Lane 0 is the rightmost.
#[derive(Debug, Clone, PartialEq)]
pub struct Road {
    line: Vec<RoadPose>,
    lanes: usize,
    crossings_s_m: Vec<f64>,
}

impl Road {
    /// Makes a road whose curvature is a sum of two slow waves, with a crossing about every 125 m.
    #[must_use]
    pub fn generate(lanes: usize, length_m: f64, rng: &mut ChaCha8Rng) -> Self {
        let share = rng.random_range(0.0..1.0);
        let bend = rng.random_range(0.3..1.0) * CURVATURE_MAX_PER_M;
        let wave = |rng: &mut ChaCha8Rng, amplitude: f64, lengths: std::ops::Range<f64>| {
            let length = rng.random_range(lengths);
            let phase = rng.random_range(0.0..std::f64::consts::TAU);
            move |s: f64| amplitude * sin(std::f64::consts::TAU * s / length + phase)
        };
        let slow = wave(rng, bend * share, 500.0..900.0);
        let fast = wave(rng, bend * (1.0 - share), 250.0..450.0);
        let start = rng.random_range(-3.0..3.0);
        let line = integrate(start, length_m, |s| slow(s) + fast(s));
        let mut crossings_s_m = Vec::new();
        let mut s = rng.random_range(60.0..160.0);
        while s < length_m - 40.0 {
            crossings_s_m.push(s);
            s += rng.random_range(100.0..150.0);
        }
        Self {
            line,
            lanes: lanes.max(1),
            crossings_s_m,
        }
    }

    /// Lanes of the carriageway.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// Length of the reference line.
    #[must_use]
    pub fn length_m(&self) -> f64 {
        (self.line.len() - 1) as f64 * SPACING_M
    }

    /// Middles of the crossings along the road.
    #[must_use]
    pub fn crossings_s_m(&self) -> &[f64] {
        &self.crossings_s_m
    }

    /// Offset of a lane's centre.
    #[must_use]
    pub fn lane_centre_d_m(&self, lane: usize) -> f64 {
        (lane as f64 - (self.lanes - 1) as f64 / 2.0) * LANE_WIDTH_M
    }

    /// The lane whose centre is nearest.
    #[must_use]
    pub fn nearest_lane(&self, d_m: f64) -> usize {
        let lane = d_m / LANE_WIDTH_M + (self.lanes - 1) as f64 / 2.0;
        (lane.round().max(0.0) as usize).min(self.lanes - 1)
    }

    /// Half the width of the carriageway.
    #[must_use]
    pub fn half_width_m(&self) -> f64 {
        self.lanes as f64 * LANE_WIDTH_M / 2.0
    }

    /// The pose at road coordinates; past its ends the road runs on straight.
    #[must_use]
    pub fn pose(&self, s_m: f64, d_m: f64) -> RoadPose {
        let (a, b, t) = self.segment(s_m);
        let yaw_rad = wrap_rad(a.yaw_rad + wrap_rad(b.yaw_rad - a.yaw_rad) * t.clamp(0.0, 1.0));
        let (x, y) = (a.x_m + (b.x_m - a.x_m) * t, a.y_m + (b.y_m - a.y_m) * t);
        RoadPose {
            x_m: x - d_m * sin(yaw_rad),
            y_m: y + d_m * cos(yaw_rad),
            yaw_rad,
        }
    }

    /// Curvature of the reference line, positive to the left.
    #[must_use]
    pub fn curvature_per_m(&self, s_m: f64) -> f64 {
        let (a, b, t) = self.segment(s_m);
        if (0.0..=1.0).contains(&t) {
            wrap_rad(b.yaw_rad - a.yaw_rad) / SPACING_M
        } else {
            0.0
        }
    }

    /// Length of the line parallel to the road at `d_m`, from one place to another; negative backwards.
    #[must_use]
    pub fn along_m(&self, from_s_m: f64, to_s_m: f64, d_m: f64) -> f64 {
        // The parallel is 1 − κ d times as long, and κ adds up to the turn of the heading.
        let turn_rad = wrap_rad(self.pose(to_s_m, 0.0).yaw_rad - self.pose(from_s_m, 0.0).yaw_rad);
        to_s_m - from_s_m - d_m * turn_rad
    }

    /// A line parallel to the road, as `[x0, y0, x1, y1, …]` with a point every `step_m` and one at the end.
    #[must_use]
    pub fn parallel(&self, from_s_m: f64, to_s_m: f64, d_m: f64, step_m: f64) -> Vec<f64> {
        let steps = ((to_s_m - from_s_m) / step_m).ceil().max(1.0) as usize;
        (0..=steps)
            .flat_map(|i| {
                let s = from_s_m + (to_s_m - from_s_m) * i as f64 / steps as f64;
                let pose = self.pose(s, d_m);
                [pose.x_m, pose.y_m]
            })
            .collect()
    }

    fn segment(&self, s_m: f64) -> (RoadPose, RoadPose, f64) {
        let at = s_m / SPACING_M;
        let index = (at.floor().max(0.0) as usize).min(self.line.len() - 2);
        (self.line[index], self.line[index + 1], at - index as f64)
    }
}

/// Integrates a curvature to a line, by the heading in the middle of each step.
fn integrate(start_yaw_rad: f64, length_m: f64, curvature: impl Fn(f64) -> f64) -> Vec<RoadPose> {
    let mut pose = RoadPose {
        x_m: 0.0,
        y_m: 0.0,
        yaw_rad: start_yaw_rad,
    };
    let mut line = vec![pose];
    let steps = (length_m / SPACING_M).ceil().max(1.0) as usize;
    for i in 0..steps {
        let turn = curvature((i as f64 + 0.5) * SPACING_M) * SPACING_M;
        let middle = pose.yaw_rad + turn / 2.0;
        pose.x_m += SPACING_M * cos(middle);
        pose.y_m += SPACING_M * sin(middle);
        pose.yaw_rad = wrap_rad(pose.yaw_rad + turn);
        line.push(pose);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn the_road_is_smooth_and_keeps_its_curvature() {
        for seed in 0..20 {
            let road = Road::generate(3, 1200.0, &mut ChaCha8Rng::seed_from_u64(seed));
            let mut last = road.pose(0.0, 0.0);
            for i in 1..2400 {
                let next = road.pose(f64::from(i) * 0.5, 0.0);
                let turn = wrap_rad(next.yaw_rad - last.yaw_rad).abs();
                assert!(turn <= CURVATURE_MAX_PER_M * 0.5 + 1e-9);
                assert!(((next.x_m - last.x_m).hypot(next.y_m - last.y_m) - 0.5).abs() < 1e-4);
                last = next;
            }
        }
    }

    #[test]
    fn a_parallel_is_as_long_as_its_points_are_apart() {
        let road = Road::generate(3, 1200.0, &mut ChaCha8Rng::seed_from_u64(4));
        for d_m in [-5.0, 0.0, 3.5] {
            let points = road.parallel(200.0, 320.0, d_m, 0.25);
            let steps = points.chunks(2).zip(points.chunks(2).skip(1));
            let length_m: f64 = steps.map(|(a, b)| (b[0] - a[0]).hypot(b[1] - a[1])).sum();
            assert!((road.along_m(200.0, 320.0, d_m) - length_m).abs() < 0.01);
            assert!((road.along_m(320.0, 200.0, d_m) + length_m).abs() < 0.01);
        }
    }

    #[test]
    fn lanes_lie_side_by_side() {
        let road = Road::generate(3, 100.0, &mut ChaCha8Rng::seed_from_u64(1));
        assert!((road.lane_centre_d_m(0) + 3.5).abs() < 1e-12);
        assert!(road.lane_centre_d_m(1).abs() < 1e-12);
        assert!((road.half_width_m() - 5.25).abs() < 1e-12);
        assert_eq!(
            [-9.0, -1.7, 1.8, 9.0].map(|d_m| road.nearest_lane(d_m)),
            [0, 1, 2, 2]
        );
    }
}
