//! Actors who were not in the host: what they are, and the rows that the ego's sensors would have left of them.

use std::collections::BTreeMap;

use driveloop_schemas::geometry::OrientedBox;
use driveloop_schemas::pose::Quat;
use driveloop_schemas::{LogId, ObjectTrack, TrackId};

use super::conflict::Role;
use super::grid::{GRID_S, GridTrack};
use super::host::{HostScene, VEHICLES, is_finite};
use super::relate::Relation;
use super::rows::{Scene, Seen};
use super::sight::{Body, Sight};

/// Steps to each side over which a velocity is taken: a tenth of a second.
const RATE_STEPS: f64 = 5.0;

/// Somebody, or something, who was not there.
#[derive(Debug, Clone)]
pub(crate) struct Inserted {
    pub(crate) track_id: TrackId,
    pub(crate) category: &'static str,
    pub(crate) source_category: &'static str,
    pub(crate) track: GridTrack,
    pub(crate) role: Role,
}

impl Inserted {
    /// A row at each of the stamps, seen or not, without what is relative to the ego.
    pub(crate) fn rows(
        &self,
        host: &HostScene,
        stamps: impl Iterator<Item = i64>,
    ) -> Vec<ObjectTrack> {
        let first_s = self.track.first as f64 * GRID_S;
        let last_s = (self.track.end() - 1) as f64 * GRID_S;
        stamps
            .filter(|stamp| (first_s..=last_s).contains(&host.time_s(*stamp)))
            .map(|stamp| self.row(host, stamp))
            .collect()
    }

    fn row(&self, host: &HostScene, stamp_ns: i64) -> ObjectTrack {
        let time_s = host.time_s(stamp_ns);
        let rate_s = RATE_STEPS * GRID_S;
        let [before, at, after] =
            [-rate_s, 0.0, rate_s].map(|shift_s| self.track.at_time(time_s + shift_s));
        let velocity = |a: f64, b: f64| (b - a) / (2.0 * rate_s);
        let accel = |a: f64, b: f64, c: f64| (c - 2.0 * b + a) / (rate_s * rate_s);
        let q = Quat::from_yaw(at.yaw_rad);
        let [length_m, width_m, height_m] = self.track.size;
        ObjectTrack {
            log_id: LogId::default(),
            day: host.drive.day,
            composed: true,
            track_id: self.track_id.clone(),
            stamp_ns,
            category: self.category.to_owned(),
            source_category: self.source_category.to_owned(),
            length_m,
            width_m,
            height_m,
            x_m: at.x_m,
            y_m: at.y_m,
            z_m: at.z_m,
            qw: q.w,
            qx: q.x,
            qy: q.y,
            qz: q.z,
            yaw_rad: at.yaw_rad,
            vx_mps: Some(velocity(before.x_m, after.x_m)),
            vy_mps: Some(velocity(before.y_m, after.y_m)),
            ax_mps2: Some(accel(before.x_m, at.x_m, after.x_m)),
            ay_mps2: Some(accel(before.y_m, at.y_m, after.y_m)),
            kinematics: "derived".to_owned(),
            accel_kinematics: Some("derived".to_owned()),
            ego_x_m: 0.0,
            ego_y_m: 0.0,
            ego_z_m: 0.0,
            ego_yaw_rad: 0.0,
            ego_vx_mps: None,
            ego_vy_mps: None,
            lidar_points: None,
        }
    }
}

/// Adds the rows of what was inserted to a scene, and takes out of it what is hidden behind that.
pub(crate) fn add(host: &HostScene, inserted: &[Inserted], scene: &mut Scene) {
    if inserted.is_empty() {
        return;
    }
    let relation = Relation::new(host, scene, i64::MIN);
    let mut rows: Vec<ObjectTrack> = inserted
        .iter()
        .flat_map(|inserted| inserted.rows(host, host.stamps().into_iter()))
        .collect();
    rows.iter_mut().for_each(|row| relation.apply(row));
    let mut recorded: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for (index, row) in scene.object_tracks.iter().enumerate() {
        recorded.entry(row.stamp_ns).or_default().push(index);
    }
    let mut added: BTreeMap<i64, Vec<ObjectTrack>> = BTreeMap::new();
    for row in rows {
        added.entry(row.stamp_ns).or_default().push(row);
    }
    for (stamp_ns, added) in added {
        let indices = recorded.get(&stamp_ns).map_or(&[][..], Vec::as_slice);
        look(host, scene, indices, added);
    }
}

/// What the ego sees at a stamp.
fn look(host: &HostScene, scene: &mut Scene, recorded: &[usize], added: Vec<ObjectTrack>) {
    let rows = &scene.object_tracks;
    let is_ego = |index: &usize| rows[*index].track_id == host.ego_id;
    let (ego, others): (Vec<usize>, Vec<usize>) = recorded.iter().copied().partition(is_ego);
    let Some(ego) = ego.first().map(|index| body_of(&rows[*index])) else {
        let unseen = added.into_iter().map(|row| (row, Seen::No));
        scene.inserted.extend(unseen);
        return;
    };
    let before = Sight::new(ego, bodies(others.iter().map(|index| &rows[*index])));
    let new = Sight::new(ego, bodies(added.iter()));
    let is_hidden = |index: &usize| {
        let row = &rows[*index];
        is_finite(row) && !new.reaches(&body_of(row))
    };
    let hidden: Vec<usize> = others.iter().copied().filter(is_hidden).collect();
    let seen = |row: &ObjectTrack| {
        // Nobody hides itself.
        let rest = added.iter().filter(|other| other.track_id != row.track_id);
        let past = Sight::new(ego, bodies(rest));
        let body = body_of(row);
        if before.sees(&body) && past.reaches(&body) {
            Seen::Yes
        } else {
            Seen::No
        }
    };
    let seen: Vec<Seen> = added.iter().map(seen).collect();
    scene.hidden.extend(hidden);
    scene.inserted.extend(added.into_iter().zip(seen));
}

/// The bodies that hide what is behind them.
fn bodies<'a>(rows: impl Iterator<Item = &'a ObjectTrack>) -> Vec<Body> {
    rows.filter(|row| hides(row)).map(body_of).collect()
}

/// Whether a row's body hides what is behind it: people and small things are too narrow.
fn hides(row: &ObjectTrack) -> bool {
    VEHICLES.contains(&row.category.as_str()) && is_finite(row)
}

fn body_of(row: &ObjectTrack) -> Body {
    Body {
        footprint: footprint(row),
        height_m: row.height_m,
        top_z_m: row.z_m + row.height_m / 2.0,
    }
}

/// The box of a row seen from above.
pub(crate) fn footprint(row: &ObjectTrack) -> OrientedBox {
    OrientedBox {
        x_m: row.x_m,
        y_m: row.y_m,
        yaw_rad: row.yaw_rad,
        length_m: row.length_m,
        width_m: row.width_m,
    }
}
