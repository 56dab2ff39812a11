//! From changed tracks back to rows: poses, derived velocities and accelerations, and everything relative to the ego.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_schemas::maths::sin_cos;
use driveloop_schemas::pose::{Pose, Quat, wrap_rad};
use driveloop_schemas::time::seconds_between;
use driveloop_schemas::{EgoState, ObjectTrack};

use super::grid::{GridTrack, State};
use super::host::HostScene;
use super::react::Changed;
use super::relate::Relation;

/// A track has changed where it is this far from the recording.
pub(crate) const CHANGE_M: f64 = 0.02;
/// Time over which the difference between a row and its smoothed track fades.
const FADE_S: f64 = 1.5;

/// The rows of a composed drive.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    /// In the order of the host's rows.
    pub(crate) object_tracks: Vec<ObjectTrack>,
    pub(crate) ego_states: Vec<EgoState>,
    /// What was inserted, at every stamp, and whether the ego sees it.
    pub(crate) inserted: Vec<(ObjectTrack, Seen)>,
    /// Rows of the host that are out of sight behind what was inserted: indices of `object_tracks`.
    pub(crate) hidden: BTreeSet<usize>,
}

/// Whether the ego sees something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Yes,
    No,
}

impl Scene {
    pub(crate) fn rows(&self, host: &HostScene, track_id: &str) -> &[ObjectTrack] {
        host.rows_of
            .get(track_id)
            .map_or(&[], |range| &self.object_tracks[range.clone()])
    }

    /// The rows that the ego's sensors would have left, by track, then stamp.
    pub(crate) fn seen(self) -> (Vec<ObjectTrack>, Vec<EgoState>) {
        let recorded = self.object_tracks.into_iter().enumerate();
        let in_sight = recorded.filter(|(index, _)| !self.hidden.contains(index));
        let seen = self
            .inserted
            .into_iter()
            .filter(|(_, seen)| *seen == Seen::Yes);
        let mut rows: Vec<ObjectTrack> = in_sight
            .map(|(_, row)| row)
            .chain(seen.map(|(row, _)| row))
            .collect();
        rows.sort_by(|a, b| {
            (a.track_id.as_str(), a.stamp_ns).cmp(&(b.track_id.as_str(), b.stamp_ns))
        });
        (rows, self.ego_states)
    }
}

/// Rebuilds all rows. `starts` has the step from which each changed track differs.
pub(crate) fn rebuild(
    host: &HostScene,
    changed: &Changed,
    starts: &BTreeMap<&str, usize>,
) -> Scene {
    let mut scene = Scene {
        object_tracks: host.object_tracks.clone(),
        ego_states: host.ego_states.clone(),
        inserted: Vec::new(),
        hidden: BTreeSet::new(),
    };
    for (track_id, start) in starts {
        let (Some(mover), Some(range)) = (changed.get(*track_id), host.rows_of.get(*track_id))
        else {
            continue;
        };
        let (track, start_ns) = (&mover.track, host.stamp_ns(*start));
        let is_ego = host.ego_id == *track_id;
        let rows = &mut scene.object_tracks[range.clone()];
        if is_ego {
            move_ego(host, track, start_ns, &mut scene.ego_states);
            place_ego_rows(host, &scene.ego_states, start_ns, rows);
        } else {
            move_rows(host, track, &host.vehicles[*track_id], start_ns, rows);
        }
        derive_motion(rows, start_ns);
    }
    let first_ns = starts
        .values()
        .copied()
        .min()
        .map_or(i64::MAX, |step| host.stamp_ns(step));
    let relation = Relation::new(host, &scene, first_ns);
    scene
        .object_tracks
        .iter_mut()
        .for_each(|row| relation.apply(row));
    scene
}

/// How far the row's own error still counts, a while after the begin: from one to zero.
pub(crate) fn fade(since_s: f64) -> f64 {
    let u = (since_s / FADE_S).clamp(0.0, 1.0);
    1.0 - u.powi(3) * (10.0 - 15.0 * u + 6.0 * u * u)
}

fn move_rows(
    host: &HostScene,
    track: &GridTrack,
    recorded: &GridTrack,
    start_ns: i64,
    rows: &mut [ObjectTrack],
) {
    let first = rows.partition_point(|row| row.stamp_ns < start_ns);
    let Some(row) = rows.get(first) else { return };
    let smooth = recorded.at_time(host.time_s(row.stamp_ns));
    let error = [
        row.x_m - smooth.x_m,
        row.y_m - smooth.y_m,
        row.z_m - smooth.z_m,
    ];
    let error_yaw = wrap_rad(row.yaw_rad - smooth.yaw_rad);
    for row in &mut rows[first..] {
        let state = track.at_time(host.time_s(row.stamp_ns));
        let keep = fade(seconds_between(start_ns, row.stamp_ns));
        row.x_m = state.x_m + keep * error[0];
        row.y_m = state.y_m + keep * error[1];
        row.z_m = state.z_m + keep * error[2];
        turn(row, wrap_rad(state.yaw_rad + keep * error_yaw));
    }
}

fn turn(row: &mut ObjectTrack, yaw_rad: f64) {
    let turn = Quat::from_yaw(wrap_rad(yaw_rad - row.yaw_rad));
    let q = turn.times(Quat {
        w: row.qw,
        x: row.qx,
        y: row.qy,
        z: row.qz,
    });
    (row.qw, row.qx, row.qy, row.qz, row.yaw_rad) = (q.w, q.x, q.y, q.z, yaw_rad);
}

/// Re-times the ego's states along its recorded path.
fn move_ego(host: &HostScene, track: &GridTrack, start_ns: i64, states: &mut [EgoState]) {
    let first = states.partition_point(|state| state.stamp_ns < start_ns);
    let [forward, left, _] = host.ego_from_box;
    for state in &mut states[first..] {
        let centre: State = track.at_time(host.time_s(state.stamp_ns));
        let (sin, cos) = sin_cos(centre.yaw_rad);
        let q = Quat::from_yaw(wrap_rad(centre.yaw_rad - state.yaw_rad)).times(Quat {
            w: state.qw,
            x: state.qx,
            y: state.qy,
            z: state.qz,
        });
        state.x_m = centre.x_m - forward * cos + left * sin;
        state.y_m = centre.y_m - forward * sin - left * cos;
        state.z_m = centre.z_m;
        (state.qw, state.qx, state.qy, state.qz) = (q.w, q.x, q.y, q.z);
        state.yaw_rad = centre.yaw_rad;
        // The fix of the recording is not where the ego is now.
        (state.latitude_deg, state.longitude_deg) = (None, None);
        "derived".clone_into(&mut state.kinematics);
    }
    let speeds = derive(states, first, |s| [s.x_m, s.y_m, s.yaw_rad]);
    for (state, rate) in states[first..].iter_mut().zip(&speeds) {
        let (sin, cos) = sin_cos(state.yaw_rad);
        state.speed_mps = Some(rate[0] * cos + rate[1] * sin);
        state.yaw_rate_radps = Some(rate[2]);
    }
    let accels = derive(states, first, |s| [s.speed_mps.unwrap_or(0.0), 0.0, 0.0]);
    for (state, rate) in states[first..].iter_mut().zip(&accels) {
        state.accel_mps2 = Some(rate[0]);
    }
}

/// Central differences over a tenth of a second to both sides, one-sided at the ends, from `first` on.
fn derive(
    states: &[EgoState],
    first: usize,
    value: impl Fn(&EgoState) -> [f64; 3],
) -> Vec<[f64; 3]> {
    const HALF_NS: i64 = 100_000_000;
    (first..states.len())
        .map(|index| {
            let at = states[index].stamp_ns;
            let low = states[..index].partition_point(|s| s.stamp_ns < at - HALF_NS);
            let high = states.partition_point(|s| s.stamp_ns <= at + HALF_NS) - 1;
            let span_s = seconds_between(states[low].stamp_ns, states[high].stamp_ns);
            if span_s <= 0.0 {
                return [0.0; 3];
            }
            let (a, b) = (value(&states[low]), value(&states[high]));
            [
                (b[0] - a[0]) / span_s,
                (b[1] - a[1]) / span_s,
                wrap_rad(b[2] - a[2]) / span_s,
            ]
        })
        .collect()
}

/// The ego frame at a stamp: interpolated in place and heading, with the tilt of the nearest state.
pub(crate) fn map_from_ego(states: &[EgoState], stamp_ns: i64) -> Option<Pose> {
    let after = states
        .partition_point(|s| s.stamp_ns < stamp_ns)
        .min(states.len().checked_sub(1)?);
    let (a, b) = (&states[after.saturating_sub(1)], &states[after]);
    let span_s = seconds_between(a.stamp_ns, b.stamp_ns);
    let t = if span_s > 0.0 {
        seconds_between(a.stamp_ns, stamp_ns) / span_s
    } else {
        0.0
    };
    let t = t.clamp(0.0, 1.0);
    let state = |s: &EgoState| State {
        x_m: s.x_m,
        y_m: s.y_m,
        z_m: s.z_m,
        yaw_rad: s.yaw_rad,
    };
    let mixed = State::between(state(a), state(b), t);
    let near = if t < 0.5 { a } else { b };
    let tilt = Quat {
        w: near.qw,
        x: near.qx,
        y: near.qy,
        z: near.qz,
    };
    let rotation = Quat::from_yaw(wrap_rad(mixed.yaw_rad - near.yaw_rad)).times(tilt);
    Some(Pose {
        translation: [mixed.x_m, mixed.y_m, mixed.z_m],
        rotation,
    })
}

fn place_ego_rows(host: &HostScene, states: &[EgoState], start_ns: i64, rows: &mut [ObjectTrack]) {
    for row in rows.iter_mut().filter(|row| row.stamp_ns >= start_ns) {
        let recorded = map_from_ego(&host.ego_states, row.stamp_ns);
        let (Some(before), Some(after)) = (recorded, map_from_ego(states, row.stamp_ns)) else {
            continue;
        };
        let centre = before.inverse().transform([row.x_m, row.y_m, row.z_m]);
        [row.x_m, row.y_m, row.z_m] = after.transform(centre);
        let yaw = after.rotation.yaw_rad() - before.rotation.yaw_rad();
        turn(row, wrap_rad(row.yaw_rad + yaw));
    }
}

/// Velocities and accelerations of changed rows by central differences, one-sided at the ends.
fn derive_motion(rows: &mut [ObjectTrack], start_ns: i64) {
    let first = rows.partition_point(|row| row.stamp_ns < start_ns);
    let difference =
        |rows: &[ObjectTrack], index: usize, value: fn(&ObjectTrack) -> Option<[f64; 2]>| {
            let (a, b) = (
                &rows[index.saturating_sub(1)],
                &rows[(index + 1).min(rows.len() - 1)],
            );
            let span_s = seconds_between(a.stamp_ns, b.stamp_ns);
            let (from, to) = (value(a)?, value(b)?);
            (span_s > 0.0).then(|| [(to[0] - from[0]) / span_s, (to[1] - from[1]) / span_s])
        };
    for index in first..rows.len() {
        let velocity = difference(rows, index, |row| Some([row.x_m, row.y_m]));
        rows[index].vx_mps = velocity.map(|v| v[0]);
        rows[index].vy_mps = velocity.map(|v| v[1]);
        "derived".clone_into(&mut rows[index].kinematics);
    }
    for index in first..rows.len() {
        let accel = difference(rows, index, |row| Some([row.vx_mps?, row.vy_mps?]));
        rows[index].ax_mps2 = accel.map(|a| a[0]);
        rows[index].ay_mps2 = accel.map(|a| a[1]);
        rows[index].accel_kinematics = accel.map(|_| "derived".to_owned());
    }
}
