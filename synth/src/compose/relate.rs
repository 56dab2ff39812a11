//! What rows say relative to the ego.

use std::collections::BTreeMap;

use driveloop_schemas::ObjectTrack;
use driveloop_schemas::pose::{Pose, wrap_rad};

use super::host::HostScene;
use super::rows::{Scene, map_from_ego};

/// Where the ego is at each stamp, and how it moves.
pub(crate) struct Relation {
    ego: BTreeMap<i64, (Pose, Option<[f64; 2]>)>,
}

impl Relation {
    /// At the stamps of a scene from `first_ns` on.
    pub(crate) fn new(host: &HostScene, scene: &Scene, first_ns: i64) -> Self {
        let velocities: BTreeMap<i64, Option<[f64; 2]>> = scene
            .rows(host, &host.ego_id)
            .iter()
            .map(|row| {
                let velocity = row.vx_mps.zip(row.vy_mps).map(|(x, y)| [x, y]);
                (row.stamp_ns, velocity)
            })
            .collect();
        let stamps = host.stamps().into_iter().filter(|stamp| *stamp >= first_ns);
        let ego = stamps.filter_map(|stamp| {
            let pose = map_from_ego(&scene.ego_states, stamp)?;
            Some((stamp, (pose, velocities.get(&stamp).copied().flatten())))
        });
        Self { ego: ego.collect() }
    }

    /// Recomputes what is relative to the ego, where the row's stamp is one of these.
    pub(crate) fn apply(&self, row: &mut ObjectTrack) {
        let Some((pose, ego)) = self.ego.get(&row.stamp_ns) else {
            return;
        };
        [row.ego_x_m, row.ego_y_m, row.ego_z_m] =
            pose.inverse().transform([row.x_m, row.y_m, row.z_m]);
        row.ego_yaw_rad = wrap_rad(row.yaw_rad - pose.rotation.yaw_rad());
        let relative = row.vx_mps.zip(row.vy_mps).zip(*ego).map(|((x, y), ego)| {
            let v = pose
                .rotation
                .inverse()
                .rotate([x - ego[0], y - ego[1], 0.0]);
            [v[0], v[1]]
        });
        row.ego_vx_mps = relative.map(|v| v[0]);
        row.ego_vy_mps = relative.map(|v| v[1]);
    }
}
