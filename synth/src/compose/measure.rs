//! What the checks measure: differences of rows, overlaps of boxes, and who is off the road.

use std::collections::BTreeMap;

use driveloop_schemas::ObjectTrack;
use driveloop_schemas::maths::{hypot, sin_cos};
use driveloop_schemas::time::seconds_between;

use super::bounds::{
    ACCEL_MAX_MPS2, CURVATURE_MAX_PER_M, DECEL_MAX_MPS2, FRAME_GAP_MAX_S, JERK_MAX_MPS3,
    JERK_TIME_S, LATERAL_MAX_MPS2, REVERSE_MAX_M, SLIDE_DECEL_MAX_MPS2, WALK_ACCEL_MAX_MPS2,
    WALK_SPEED_MAX_MPS,
};
use super::checks::Check;
use super::conflict::Role;
use super::host::{HostScene, is_finite};
use super::insert::{Inserted, footprint};
use super::rows::Scene;

/// Speed below which a course says nothing.
const COURSE_SPEED_MIN_MPS: f64 = 2.0;
/// Boxes whose middles are further apart than this do not overlap.
const NEAR_M: f64 = 30.0;

/// Largest figures of the changed and inserted rows.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Extremes {
    decel_mps2: f64,
    accel_mps2: f64,
    jerk_mps3: f64,
    lateral_mps2: f64,
    reverse_m: f64,
    curvature_per_m: f64,
    walk_mps: Option<f64>,
    walk_mps2: f64,
    slide_mps2: Option<f64>,
}

/// What three rows in succession say.
#[derive(Debug, Clone, Copy)]
struct Motion {
    stamp_ns: i64,
    /// Velocities before and after the row in the middle.
    legs_mps: [[f64; 2]; 2],
    /// Their mean.
    velocity: [f64; 2],
    accel: [f64; 2],
    along_mps2: f64,
    /// Of the circle through the three.
    curvature_per_m: f64,
}

impl Extremes {
    pub(crate) fn of(host: &HostScene, scene: &Scene, starts: &BTreeMap<&str, usize>) -> Self {
        let mut extremes = Self::default();
        for (track_id, start) in starts {
            let start_ns = host.stamp_ns(*start);
            let indices = host.rows_of.get(*track_id).cloned().unwrap_or_default();
            let changed: Vec<usize> = indices
                .filter(|index| scene.object_tracks[*index].stamp_ns >= start_ns)
                .collect();
            let row = |index: &usize| &scene.object_tracks[*index];
            let is_seen = |index: &&usize| !scene.hidden.contains(*index);
            let seen = changed.iter().filter(is_seen);
            extremes.drive(&changed.iter().map(row).collect::<Vec<_>>());
            // What is written: where rows are out of sight, the differences are others.
            extremes.drive(&seen.map(row).collect::<Vec<_>>());
        }
        let inserted: Vec<&ObjectTrack> = scene.inserted.iter().map(|(row, _)| row).collect();
        let of = |category: &str| -> Vec<&ObjectTrack> {
            let rows = inserted.iter().copied();
            rows.filter(|row| row.category == category).collect()
        };
        extremes.walk(&of("PEDESTRIAN"));
        extremes.slide(&of("DEBRIS"));
        extremes
    }

    pub(crate) fn checks(&self) -> Vec<Check> {
        let at_most = Check::at_most;
        let mut checks = vec![
            at_most("longitudinal_decel_mps2", self.decel_mps2, DECEL_MAX_MPS2),
            at_most("longitudinal_accel_mps2", self.accel_mps2, ACCEL_MAX_MPS2),
            at_most("longitudinal_jerk_mps3", self.jerk_mps3, JERK_MAX_MPS3),
            at_most("lateral_accel_mps2", self.lateral_mps2, LATERAL_MAX_MPS2),
            at_most("reverse_m", self.reverse_m, REVERSE_MAX_M),
            at_most("curvature_per_m", self.curvature_per_m, CURVATURE_MAX_PER_M),
        ];
        if let Some(walk_mps) = self.walk_mps {
            checks.push(at_most("walk_speed_mps", walk_mps, WALK_SPEED_MAX_MPS));
            checks.push(at_most(
                "walk_accel_mps2",
                self.walk_mps2,
                WALK_ACCEL_MAX_MPS2,
            ));
        }
        checks.extend(
            self.slide_mps2
                .map(|slide| at_most("slide_decel_mps2", slide, SLIDE_DECEL_MAX_MPS2)),
        );
        checks
    }

    fn drive(&mut self, rows: &[&ObjectTrack]) {
        let mut motions: Vec<Motion> = Vec::new();
        for three in rows.windows(3) {
            let Some(motion) = motion(three) else {
                motions.clear();
                continue;
            };
            let (sin, cos) = sin_cos(three[1].yaw_rad);
            let forward_m =
                (three[2].x_m - three[1].x_m) * cos + (three[2].y_m - three[1].y_m) * sin;
            self.reverse_m = self.reverse_m.max(-forward_m);
            self.decel_mps2 = self.decel_mps2.max(-motion.along_mps2);
            self.accel_mps2 = self.accel_mps2.max(motion.along_mps2);
            self.turn(&motion);
            motions.push(motion);
            self.jerk(&motions);
        }
    }

    fn turn(&mut self, motion: &Motion) {
        let ([vx, vy], [ax, ay]) = (motion.velocity, motion.accel);
        let speed = hypot(vx, vy);
        if speed < COURSE_SPEED_MIN_MPS {
            return;
        }
        let across = (ay * vx - ax * vy).abs() / speed;
        let curvature = (across / (speed * speed)).max(motion.curvature_per_m);
        self.lateral_mps2 = self.lateral_mps2.max(curvature * speed * speed);
        self.curvature_per_m = self.curvature_per_m.max(curvature);
    }

    /// Over the times that are as long as jerks are and end with the latest motion: the slope of the line through both ends,
    /// and of that through all in between. A short, hard change is steeper in the one or in the other.
    fn jerk(&mut self, motions: &[Motion]) {
        let Some(last) = motions.len().checked_sub(1) else {
            return;
        };
        let span_s = |first: usize, end: usize| {
            seconds_between(motions[first].stamp_ns, motions[end].stamp_ns)
        };
        let is_long = |first: usize, end: usize| span_s(first, end) >= JERK_TIME_S - 0.01;
        let long = (0..last).rev().filter(|first| is_long(*first, last));
        // Where stamps are uneven, several begin times have their first long one here.
        let here = long
            .enumerate()
            .take_while(|(turn, first)| *turn == 0 || !is_long(*first, last - 1));
        for (_, first) in here {
            let window = &motions[first..];
            let ends = (motions[last].along_mps2 - window[0].along_mps2) / span_s(first, last);
            let jerk = ends.abs().max(slope_mps3(window).abs());
            self.jerk_mps3 = self.jerk_mps3.max(jerk);
        }
    }

    fn walk(&mut self, rows: &[&ObjectTrack]) {
        for motion in rows.windows(3).filter_map(motion) {
            let legs = motion.legs_mps.map(|[vx, vy]| hypot(vx, vy));
            let speed = legs
                .into_iter()
                .fold(self.walk_mps.unwrap_or(0.0), f64::max);
            self.walk_mps = Some(speed);
            self.walk_mps2 = self.walk_mps2.max(hypot(motion.accel[0], motion.accel[1]));
        }
    }

    fn slide(&mut self, rows: &[&ObjectTrack]) {
        for motion in rows.windows(3).filter_map(motion) {
            let accel = hypot(motion.accel[0], motion.accel[1]);
            self.slide_mps2 = Some(self.slide_mps2.unwrap_or(0.0).max(accel));
        }
    }
}

/// First and second differences of the positions of three rows; none where they are too far apart.
fn motion(rows: &[&ObjectTrack]) -> Option<Motion> {
    let [a, b, c] = rows else { return None };
    let before_s = seconds_between(a.stamp_ns, b.stamp_ns);
    let after_s = seconds_between(b.stamp_ns, c.stamp_ns);
    if before_s.max(after_s) > FRAME_GAP_MAX_S || before_s.min(after_s) <= 0.0 {
        return None;
    }
    let before = [(b.x_m - a.x_m) / before_s, (b.y_m - a.y_m) / before_s];
    let after = [(c.x_m - b.x_m) / after_s, (c.y_m - b.y_m) / after_s];
    let middle_s = (before_s + after_s) / 2.0;
    let accel = [
        (after[0] - before[0]) / middle_s,
        (after[1] - before[1]) / middle_s,
    ];
    let (sin, cos) = sin_cos(b.yaw_rad);
    Some(Motion {
        stamp_ns: b.stamp_ns,
        legs_mps: [before, after],
        velocity: [(before[0] + after[0]) / 2.0, (before[1] + after[1]) / 2.0],
        accel,
        along_mps2: accel[0] * cos + accel[1] * sin,
        curvature_per_m: circle_per_m(a, b, c),
    })
}

/// Curvature of the circle through three places: twice the sine of an angle by the side across from it.
fn circle_per_m(a: &ObjectTrack, b: &ObjectTrack, c: &ObjectTrack) -> f64 {
    let side = |a: &ObjectTrack, b: &ObjectTrack| [b.x_m - a.x_m, b.y_m - a.y_m];
    let ([ux, uy], [vx, vy], [wx, wy]) = (side(a, b), side(b, c), side(a, c));
    let sides = hypot(ux, uy) * hypot(vx, vy) * hypot(wx, wy);
    if sides > 0.0 {
        2.0 * (ux * vy - uy * vx).abs() / sides
    } else {
        0.0
    }
}

/// Slope of the regression line through accelerations over time.
fn slope_mps3(motions: &[Motion]) -> f64 {
    let first_ns = motions.first().map_or(0, |motion| motion.stamp_ns);
    let count = motions.len() as f64;
    let points = || {
        let all = motions.iter();
        all.map(|motion| {
            (
                seconds_between(first_ns, motion.stamp_ns),
                motion.along_mps2,
            )
        })
    };
    let (time, accel) = points().fold((0.0, 0.0), |sum, (t, a)| (sum.0 + t, sum.1 + a));
    let (time, accel) = (time / count, accel / count);
    let (product, square) = points().fold((0.0, 0.0), |sum, (t, a)| {
        (sum.0 + (t - time) * (a - accel), sum.1 + (t - time).powi(2))
    });
    if square > 0.0 { product / square } else { 0.0 }
}

/// The median time between two stamps: where they are far apart, nothing can be measured.
pub(crate) fn frame_gap_s(host: &HostScene) -> f64 {
    let stamps: Vec<i64> = host.stamps().into_iter().collect();
    let mut gaps: Vec<i64> = stamps
        .windows(2)
        .map(|pair| pair[1].saturating_sub(pair[0]))
        .collect();
    gaps.sort_unstable();
    let middle = gaps.get(gaps.len() / 2).copied();
    middle.map_or(f64::MAX, |gap_ns| seconds_between(0, gap_ns))
}

/// Somebody at a stamp.
struct Occupant<'a> {
    row: &'a ObjectTrack,
    /// The row of the host; none where it was inserted.
    recorded: Option<&'a ObjectTrack>,
    is_changed: bool,
}

/// Pairs of rows whose boxes overlap now and did not in the host, with a changed or inserted track in each.
/// An edit has no intended overlap: its conflict is a small gap.
pub(crate) fn overlaps(host: &HostScene, scene: &Scene, starts: &BTreeMap<&str, usize>) -> usize {
    let recorded = scene.object_tracks.iter().zip(&host.object_tracks);
    let recorded = recorded.map(|(row, recorded)| Occupant {
        row,
        recorded: Some(recorded),
        is_changed: starts.contains_key(row.track_id.as_str()),
    });
    let inserted = scene.inserted.iter().map(|(row, _)| Occupant {
        row,
        recorded: None,
        is_changed: true,
    });
    let mut at: BTreeMap<i64, Vec<Occupant<'_>>> = BTreeMap::new();
    for occupant in recorded.chain(inserted).filter(|o| is_finite(o.row)) {
        at.entry(occupant.row.stamp_ns).or_default().push(occupant);
    }
    let pairs = at.values().flat_map(|all| {
        (all.iter().enumerate()).flat_map(|(k, a)| all[..k].iter().map(move |b| (a, b)))
    });
    pairs.filter(|(a, b)| is_new_overlap(a, b)).count()
}

fn is_new_overlap(a: &Occupant<'_>, b: &Occupant<'_>) -> bool {
    let overlap = |a: &ObjectTrack, b: &ObjectTrack| {
        let near = hypot(a.x_m - b.x_m, a.y_m - b.y_m) < NEAR_M;
        near && footprint(a).overlaps(&footprint(b))
    };
    let before = a.recorded.zip(b.recorded);
    (a.is_changed || b.is_changed)
        && overlap(a.row, b.row)
        && !before.is_some_and(|(a, b)| overlap(a, b))
}

/// Changed rows whose middle has left the drivable area, and inserted ones that must be on it and are not, with all four
/// corners; zero where the map does not say where one may drive.
pub(crate) fn rows_off_road(
    host: &HostScene,
    scene: &Scene,
    starts: &BTreeMap<&str, usize>,
    inserted: &[Inserted],
) -> usize {
    if !host.ground.is_known() {
        return 0;
    }
    let is_on = |row: &ObjectTrack| host.ground.contains(row.x_m, row.y_m);
    let changed = starts
        .keys()
        .flat_map(|id| scene.rows(host, id).iter().zip(host.rows(id)));
    let left = changed.filter(|(row, recorded)| !is_on(row) && is_on(recorded));
    let on_road = |row: &ObjectTrack| {
        let of = inserted.iter().find(|i| i.track_id == row.track_id);
        of.is_some_and(|inserted| matches!(inserted.role, Role::Lies | Role::Stands))
    };
    let bodies = scene.inserted.iter().filter(|(row, _)| on_road(row));
    let off = bodies.filter(|(row, _)| !host.ground.covers(&footprint(row)));
    left.count() + off.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(accels_mps2: &[f64]) -> f64 {
        let mut extremes = Extremes::default();
        let mut motions = Vec::new();
        for (index, along_mps2) in accels_mps2.iter().enumerate() {
            motions.push(Motion {
                stamp_ns: index as i64 * 100_000_000,
                legs_mps: [[0.0; 2]; 2],
                velocity: [0.0; 2],
                accel: [0.0; 2],
                along_mps2: *along_mps2,
                curvature_per_m: 0.0,
            });
            extremes.jerk(&motions);
        }
        extremes.jerk_mps3
    }

    #[test]
    fn a_jerk_is_the_steeper_of_two_lines() {
        // A ramp is as steep as it is, by either.
        let ramp: Vec<f64> = (0..7).map(|index| -1.2 * f64::from(index)).collect();
        assert!((of(&ramp) - 12.0).abs() < 1e-9);
        // A step in the middle: 10 by its ends, 12.9 by the regression.
        let step = [1.5, 1.5, 1.5, -1.5, -4.5, -4.5, -4.5];
        assert!((of(&step) - 3.0 * 12.0 / 2.8).abs() < 1e-9, "{}", of(&step));
        // Two steps at the ends: the regression is the flatter one.
        let ends = [0.0, -3.0, -3.0, -3.0, -3.0, -3.0, -6.0];
        assert!((of(&ends) - 10.0).abs() < 1e-9, "{}", of(&ends));
        assert_eq!(of(&ramp[..6]), 0.0, "too short to say");
    }
}
