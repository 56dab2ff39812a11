//! Validity checks, measured on the rows that a candidate would write: each has a name, a figure and a bound.

use std::collections::BTreeMap;

use driveloop_schemas::ObjectTrack;
use driveloop_schemas::geometry::{OrientedBox, polygon_contains};
use driveloop_schemas::time::seconds_between;
use serde::{Deserialize, Serialize};

use super::host::HostScene;
use super::rows::Scene;

/// Longitudinal deceleration: tyres on dry asphalt reach about 0.8 g (Wong, "Theory of Ground Vehicles");
/// UN Regulation 152 asks of emergency braking 5 m/s² at least.
const DECEL_MAX_MPS2: f64 = 8.0;
/// Lateral acceleration: half of what the same tyres give, for a driver who wants to keep the lane change in hand;
/// UN Regulation 79 allows a lane-keeping system 3 m/s².
const LATERAL_MAX_MPS2: f64 = 4.0;
/// Curvature: a turning circle of 10 m, as passenger cars have it.
const CURVATURE_MAX_PER_M: f64 = 0.2;
/// Backward motion between two rows that is noise, not reversing.
const REVERSE_MAX_M: f64 = 0.1;
/// Speed below which a course says nothing.
const COURSE_SPEED_MIN_MPS: f64 = 2.0;
/// Rows further apart than this do not make a difference quotient.
const GAP_MAX_S: f64 = 0.25;

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What was measured, with its unit.
    pub name: String,
    /// The figure.
    pub figure: f64,
    /// Its bound.
    pub bound: f64,
    /// Whether the bound is a lower or an upper one.
    pub side: Side,
}

/// Which side of a bound is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The figure may be the bound at most.
    AtMost,
    /// The figure must be the bound at least.
    AtLeast,
}

impl Check {
    pub(crate) fn at_most(name: &str, figure: f64, bound: f64) -> Self {
        Self {
            name: name.into(),
            figure,
            bound,
            side: Side::AtMost,
        }
    }

    pub(crate) fn at_least(name: &str, figure: f64, bound: f64) -> Self {
        Self {
            name: name.into(),
            figure,
            bound,
            side: Side::AtLeast,
        }
    }

    /// Whether the figure keeps the bound.
    #[must_use]
    pub fn is_met(&self) -> bool {
        match self.side {
            Side::AtMost => self.figure <= self.bound,
            Side::AtLeast => self.figure >= self.bound,
        }
    }
}

/// The checks of a candidate, in their order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Checks(pub Vec<Check>);

impl Checks {
    /// The first check that failed.
    #[must_use]
    pub fn failed(&self) -> Option<&Check> {
        self.0.iter().find(|check| !check.is_met())
    }

    /// A JSON object: each check's figure and bound, and the name of the one that failed.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut object = serde_json::Map::new();
        for check in &self.0 {
            let bound = match check.side {
                Side::AtMost => "at_most",
                Side::AtLeast => "at_least",
            };
            let value = serde_json::json!({"figure": check.figure, bound: check.bound});
            object.insert(check.name.clone(), value);
        }
        if let Some(check) = self.failed() {
            object.insert("failed".into(), check.name.clone().into());
        }
        serde_json::Value::Object(object).to_string()
    }
}

/// Largest figures of the changed rows.
#[derive(Debug, Default, Clone, Copy)]
struct Extremes {
    decel_mps2: f64,
    lateral_mps2: f64,
    reverse_m: f64,
    curvature_per_m: f64,
}

/// Measures what was rebuilt, up to the first check that fails.
pub(crate) fn check(host: &HostScene, scene: &Scene, starts: &BTreeMap<&str, usize>) -> Checks {
    let mut extremes = Extremes::default();
    for (track_id, start) in starts {
        let start_ns = host.stamp_ns(*start);
        let rows: Vec<&ObjectTrack> = scene
            .rows(host, track_id)
            .iter()
            .filter(|row| row.stamp_ns >= start_ns)
            .collect();
        rows.windows(3).for_each(|three| extremes.add(three));
    }
    let measures: [&dyn Fn() -> Check; 6] = [
        &|| {
            Check::at_most(
                "longitudinal_decel_mps2",
                extremes.decel_mps2,
                DECEL_MAX_MPS2,
            )
        },
        &|| {
            Check::at_most(
                "lateral_accel_mps2",
                extremes.lateral_mps2,
                LATERAL_MAX_MPS2,
            )
        },
        &|| Check::at_most("reverse_m", extremes.reverse_m, REVERSE_MAX_M),
        &|| {
            Check::at_most(
                "curvature_per_m",
                extremes.curvature_per_m,
                CURVATURE_MAX_PER_M,
            )
        },
        &|| Check::at_most("overlaps", overlaps(host, scene, starts) as f64, 0.0),
        &|| {
            Check::at_most(
                "rows_off_road",
                rows_off_road(host, scene, starts) as f64,
                0.0,
            )
        },
    ];
    let mut checks = Checks::default();
    for measure in measures {
        checks.0.push(measure());
        if checks.failed().is_some() {
            break;
        }
    }
    checks
}

impl Extremes {
    /// Adds three rows in succession: first and second differences of the positions.
    fn add(&mut self, rows: &[&ObjectTrack]) {
        let [a, b, c] = rows else { return };
        let before_s = seconds_between(a.stamp_ns, b.stamp_ns);
        let after_s = seconds_between(b.stamp_ns, c.stamp_ns);
        if before_s.max(after_s) > GAP_MAX_S || before_s.min(after_s) <= 0.0 {
            return;
        }
        let before = [(b.x_m - a.x_m) / before_s, (b.y_m - a.y_m) / before_s];
        let after = [(c.x_m - b.x_m) / after_s, (c.y_m - b.y_m) / after_s];
        let middle_s = (before_s + after_s) / 2.0;
        let accel = [
            (after[0] - before[0]) / middle_s,
            (after[1] - before[1]) / middle_s,
        ];
        let (sin, cos) = b.yaw_rad.sin_cos();
        let forward = (c.x_m - b.x_m) * cos + (c.y_m - b.y_m) * sin;
        self.reverse_m = self.reverse_m.max(-forward);
        self.decel_mps2 = self.decel_mps2.max(-(accel[0] * cos + accel[1] * sin));
        let velocity = [(before[0] + after[0]) / 2.0, (before[1] + after[1]) / 2.0];
        let speed = velocity[0].hypot(velocity[1]);
        if speed < COURSE_SPEED_MIN_MPS {
            return;
        }
        let across = (accel[1] * velocity[0] - accel[0] * velocity[1]).abs() / speed;
        self.lateral_mps2 = self.lateral_mps2.max(across);
        self.curvature_per_m = self.curvature_per_m.max(across / (speed * speed));
    }
}

fn footprint(row: &ObjectTrack) -> OrientedBox {
    OrientedBox {
        x_m: row.x_m,
        y_m: row.y_m,
        yaw_rad: row.yaw_rad,
        length_m: row.length_m,
        width_m: row.width_m,
    }
}

/// Pairs of rows whose boxes overlap now and did not in the host, with a changed track in each.
/// An edit has no intended overlap: its conflict is a small gap.
fn overlaps(host: &HostScene, scene: &Scene, starts: &BTreeMap<&str, usize>) -> usize {
    let mut at: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (index, row) in scene.object_tracks.iter().enumerate() {
        at.entry(row.stamp_ns).or_default().push(index);
    }
    let overlap = |rows: &[ObjectTrack], a: usize, b: usize| {
        let near = (rows[a].x_m - rows[b].x_m).hypot(rows[a].y_m - rows[b].y_m) < 30.0;
        near && footprint(&rows[a]).overlaps(&footprint(&rows[b]))
    };
    let mut count = 0;
    for indices in at.values() {
        for (k, a) in indices.iter().enumerate() {
            let a_changed = starts.contains_key(scene.object_tracks[*a].track_id.as_str());
            for b in &indices[..k] {
                let b_changed = starts.contains_key(scene.object_tracks[*b].track_id.as_str());
                let now = (a_changed || b_changed) && overlap(&scene.object_tracks, *a, *b);
                count += usize::from(now && !overlap(&host.object_tracks, *a, *b));
            }
        }
    }
    count
}

/// Changed rows whose centre is on no drivable area; zero where the map has none.
fn rows_off_road(host: &HostScene, scene: &Scene, starts: &BTreeMap<&str, usize>) -> usize {
    let drivable: Vec<&[f64]> = host
        .areas
        .iter()
        .filter(|area| area.kind == "drivable")
        .map(|area| area.polygon.as_slice())
        .collect();
    if drivable.is_empty() {
        return 0;
    }
    let is_on = |row: &ObjectTrack| {
        drivable
            .iter()
            .any(|p| polygon_contains(p, row.x_m, row.y_m))
    };
    let off = starts
        .keys()
        .flat_map(|id| scene.rows(host, id).iter().zip(host.rows(id)));
    off.filter(|(row, recorded)| !is_on(row) && is_on(recorded))
        .count()
}
