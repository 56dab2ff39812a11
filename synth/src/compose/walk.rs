//! How somebody on foot crosses: waits, walks straight to the other side, and stays there.

use driveloop_schemas::maths::sin_cos;
use serde::{Deserialize, Serialize};

use super::grid::{GRID_S, GridTrack, State};

/// How a person starts and stops; chosen: at 1.5 m/s within a second.
const WALK_ACCEL_MPS2: f64 = 1.5;

/// Who walks: a grown-up and a child, as the pedestrian targets of ISO 19206-2 are; the sizes are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Person {
    /// 1.80 m tall.
    Adult,
    /// 1.15 m tall, as at seven years.
    Child,
}

impl Person {
    pub(crate) const ALL: [Self; 2] = [Self::Adult, Self::Child];

    /// Depth with a stride, width of the shoulders, height.
    pub(crate) fn size(self) -> [f64; 3] {
        match self {
            Self::Adult => [0.6, 0.5, 1.8],
            Self::Child => [0.45, 0.3, 1.15],
        }
    }

    /// The name in `source_category`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Adult => "adult",
            Self::Child => "child",
        }
    }
}

/// The side of the ego's path from which somebody comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flank {
    /// The left.
    Left,
    /// The right.
    Right,
}

impl Flank {
    pub(crate) const ALL: [Self; 2] = [Self::Left, Self::Right];

    /// The sign of an offset on this side: positive to the left.
    pub(crate) fn sign(self) -> f64 {
        match self {
            Self::Left => 1.0,
            Self::Right => -1.0,
        }
    }
}

/// A way across.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    /// Where the walk begins.
    pub(crate) from: State,
    /// Its length, along the heading of `from`.
    pub(crate) length_m: f64,
    /// When a point of it is passed: step of the grid, and distance from the begin.
    pub(crate) passes: (usize, f64),
    pub(crate) speed_mps: f64,
}

impl Way {
    /// Time from the begin until a distance is walked, when the walk does not end before.
    fn time_to_s(&self, distance_m: f64) -> f64 {
        let ramp_m = self.speed_mps.powi(2) / (2.0 * WALK_ACCEL_MPS2);
        if distance_m < ramp_m {
            (2.0 * distance_m.max(0.0) / WALK_ACCEL_MPS2).sqrt()
        } else {
            distance_m / self.speed_mps + self.speed_mps / (2.0 * WALK_ACCEL_MPS2)
        }
    }

    /// When the walk begins, on the grid's axis; negative before the drive.
    pub(crate) fn start_s(&self) -> f64 {
        self.passes.0 as f64 * GRID_S - self.time_to_s(self.passes.1)
    }

    /// Distance walked at a time since the begin.
    fn walked_m(&self, time_s: f64) -> f64 {
        let ramp_s = self.speed_mps / WALK_ACCEL_MPS2;
        let ramp_m = self.speed_mps * ramp_s / 2.0;
        let steady_s = (self.length_m - 2.0 * ramp_m).max(0.0) / self.speed_mps;
        let t = time_s.clamp(0.0, 2.0 * ramp_s + steady_s);
        if t < ramp_s {
            WALK_ACCEL_MPS2 * t * t / 2.0
        } else if t < ramp_s + steady_s {
            ramp_m + self.speed_mps * (t - ramp_s)
        } else {
            let left_s = 2.0 * ramp_s + steady_s - t;
            ramp_m * 2.0 + self.speed_mps * steady_s - WALK_ACCEL_MPS2 * left_s * left_s / 2.0
        }
    }

    /// The track from the first step of the grid up to `end`.
    pub(crate) fn track(&self, size: [f64; 3], end: usize) -> GridTrack {
        let (sin, cos) = sin_cos(self.from.yaw_rad);
        let start_s = self.start_s();
        let states = (0..end.max(2)).map(|step| {
            let walked_m = self.walked_m(step as f64 * GRID_S - start_s);
            State {
                x_m: self.from.x_m + walked_m * cos,
                y_m: self.from.y_m + walked_m * sin,
                ..self.from
            }
        });
        GridTrack::of(0, states.collect(), size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_passes_its_point_in_time_and_ends_where_it_should() {
        let from = State {
            x_m: 1.0,
            y_m: -5.0,
            z_m: 0.0,
            yaw_rad: std::f64::consts::FRAC_PI_2,
        };
        let way = Way {
            from,
            length_m: 10.0,
            passes: (500, 5.0),
            speed_mps: 1.5,
        };
        let track = way.track([0.6, 0.5, 1.8], 1000);
        let at = |step: usize| track.state(step).unwrap();
        assert!(at(500).y_m.abs() < 1e-9, "{}", at(500).y_m);
        assert!((at(0).y_m + 5.0).abs() < 1e-9 && (at(999).y_m - 5.0).abs() < 1e-9);
        assert!((at(500).x_m - 1.0).abs() < 1e-9);
        assert!((track.speed_mps(500) - 1.5).abs() < 1e-9);
    }
}
