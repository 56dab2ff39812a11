//! Drives made of rows.

use driveloop_lake::{Commit, Lake};
use driveloop_schemas::time::day_from_stamp_ns;
use driveloop_schemas::{Drive, Lane, ObjectTrack, SyntheticItem};

/// First stamp of every drive.
pub(crate) const START_NS: i64 = 1_700_000_000_000_000_000;
/// Frames of every drive: 10 s at 10 Hz.
pub(crate) const FRAMES: i64 = 100;

/// One who drives straight along x at a constant speed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mover {
    pub(crate) track: &'static str,
    pub(crate) category: &'static str,
    pub(crate) x_m: f64,
    pub(crate) y_m: f64,
    pub(crate) speed_mps: f64,
}

pub(crate) const EGO: Mover = Mover {
    track: "ego",
    category: "EGO_VEHICLE",
    x_m: 0.0,
    y_m: 0.0,
    speed_mps: 10.0,
};
/// 15 m ahead of the ego, bumper to bumper, and slower: a short time to collision and a lead that is followed.
pub(crate) const SLOW: Mover = Mover {
    track: "slow",
    category: "REGULAR_VEHICLE",
    x_m: 60.0,
    y_m: 0.0,
    speed_mps: 5.0,
};
pub(crate) const PARKED: Mover = Mover {
    track: "parked",
    category: "REGULAR_VEHICLE",
    x_m: 20.0,
    y_m: 8.0,
    speed_mps: 0.0,
};

pub(crate) async fn lake() -> (tempfile::TempDir, Lake) {
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(folder.path().to_str().unwrap()).await.unwrap();
    (folder, lake)
}

/// Writes a drive on a straight lane; `movers` has the ego first.
pub(crate) async fn add_drive(lake: &Lake, log_id: &str, host: Option<&str>, movers: &[Mover]) {
    let straight = lane(log_id, "1", vec![-100.0, 0.5, 500.0, 0.5]);
    add_drive_on(lake, log_id, host, movers, &[straight]).await;
}

/// Writes a drive on these lanes.
pub(crate) async fn add_drive_on(
    lake: &Lake,
    log_id: &str,
    host: Option<&str>,
    movers: &[Mover],
    lanes: &[Lane],
) {
    let composed = host.is_some();
    let mut rows: Vec<ObjectTrack> = (0..FRAMES)
        .flat_map(|frame| {
            movers
                .iter()
                .map(move |mover| row(log_id, composed, mover, &movers[0], frame))
        })
        .collect();
    rows.sort_by(|a, b| (&a.track_id, a.stamp_ns).cmp(&(&b.track_id, b.stamp_ns)));
    let commit = Commit::new("test", "run").with_transactions([format!("drive/{log_id}")]);
    lake.append(&rows, &commit).await.unwrap();
    let lanes = lanes.iter().cloned();
    let lanes: Vec<Lane> = lanes
        .map(|lane| Lane {
            composed: Some(composed),
            ..lane
        })
        .collect();
    lake.append(&lanes, &commit).await.unwrap();
    if let Some(host) = host {
        lake.append(&[item(log_id, host)], &commit).await.unwrap();
    }
    lake.append(&[drive(log_id, host)], &commit).await.unwrap();
}

/// A lane with a centre line alone.
pub(crate) fn lane(log_id: &str, lane_id: &str, centre: Vec<f64>) -> Lane {
    Lane {
        log_id: log_id.into(),
        day: day_from_stamp_ns(START_NS),
        lane_id: lane_id.into(),
        lane_type: "VEHICLE".into(),
        is_intersection: None,
        centre,
        left_boundary: Vec::new(),
        right_boundary: Vec::new(),
        left_mark: None,
        right_mark: None,
        left_neighbour: None,
        right_neighbour: None,
        successors: Vec::new(),
        predecessors: Vec::new(),
        composed: Some(false),
    }
}

/// Where a composed drive comes from.
fn item(log_id: &str, host: &str) -> SyntheticItem {
    SyntheticItem {
        item_id: log_id.into(),
        day: day_from_stamp_ns(START_NS),
        host_log_id: host.into(),
        host_source_digest: None,
        host_episode_id: "episode".into(),
        recipe: "lead_brakes_harder".into(),
        recipe_version: 1,
        parameters: "{}".into(),
        seed: 1,
        edited_tracks: vec!["slow".into()],
        edit_start_ns: START_NS + 5_000_000_000,
        state: "accepted".into(),
        checks: "{}".into(),
    }
}

/// The row of `drive` of these drives.
pub(crate) fn drive(log_id: &str, host: Option<&str>) -> Drive {
    Drive {
        log_id: log_id.into(),
        day: day_from_stamp_ns(START_NS),
        composed: host.is_some(),
        origin: if host.is_some() {
            "composed"
        } else {
            "recorded"
        }
        .into(),
        vehicle_id: None,
        source_uri: "memory".into(),
        source_digest: log_id.into(),
        source_bytes: 0,
        format: "test".into(),
        start_ns: START_NS,
        end_ns: START_NS + (FRAMES - 1) * 100_000_000,
        map_id: None,
        region: None,
        software_version: None,
        licence: None,
        privacy_state: "none".into(),
        records_in: 0,
        records_dropped: 0,
    }
}

fn row(log_id: &str, composed: bool, mover: &Mover, ego: &Mover, frame: i64) -> ObjectTrack {
    let t = frame as f64 * 0.1;
    let stamp_ns = START_NS + frame * 100_000_000;
    let x = |who: &Mover| who.x_m + who.speed_mps * t;
    ObjectTrack {
        log_id: log_id.into(),
        day: day_from_stamp_ns(START_NS),
        composed,
        track_id: mover.track.into(),
        stamp_ns,
        category: mover.category.into(),
        source_category: mover.category.into(),
        length_m: 4.0,
        width_m: 2.0,
        height_m: 1.5,
        x_m: x(mover),
        y_m: mover.y_m,
        z_m: 0.0,
        qw: 1.0,
        qx: 0.0,
        qy: 0.0,
        qz: 0.0,
        yaw_rad: 0.0,
        vx_mps: Some(mover.speed_mps),
        vy_mps: Some(0.0),
        ax_mps2: Some(0.0),
        ay_mps2: Some(0.0),
        kinematics: "measured".into(),
        accel_kinematics: Some("measured".into()),
        ego_x_m: x(mover) - x(ego),
        ego_y_m: mover.y_m - ego.y_m,
        ego_z_m: 0.0,
        ego_yaw_rad: 0.0,
        ego_vx_mps: Some(mover.speed_mps - ego.speed_mps),
        ego_vy_mps: Some(0.0),
        lidar_points: None,
    }
}
