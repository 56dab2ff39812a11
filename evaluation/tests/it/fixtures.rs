//! Drives whose futures are known in closed form.

use driveloop_evaluation::EvaluateOptions;
use driveloop_lake::{Commit, Lake};
use driveloop_schemas::forecast::{HORIZON_STEPS, STEP_NS};
use driveloop_schemas::pose::Quat;
use driveloop_schemas::time::{NS_PER_S, day_from_stamp_ns, seconds_between};
use driveloop_schemas::{
    Drive, EGO_CATEGORY, EGO_TRACK_ID, Episode, MapArea, ObjectTrack, Prediction, Row, Sample,
};

/// Dataset of the fixtures.
pub(crate) const DATASET: &str = "round-1";
/// Stamps of a drive.
const STAMPS: i64 = 50;
/// First and last present: 1 s to 1.9 s, each with 3 s of future.
const PRESENTS: std::ops::Range<i64> = 10..20;
/// The presents lie on both sides of a full half minute, where the evaluation cuts drives into stretches.
const START_NS: i64 = 1_700_000_010 * NS_PER_S - 1_500_000_000;

/// How an actor moves: from a place, along a heading, at a speed that changes evenly.
pub(crate) struct Motion {
    pub(crate) track_id: &'static str,
    pub(crate) category: &'static str,
    pub(crate) x_m: f64,
    pub(crate) y_m: f64,
    pub(crate) yaw_rad: f64,
    pub(crate) speed_mps: f64,
    pub(crate) accel_mps2: f64,
}

/// The ego, a car ahead that brakes at 2 m/s², a pedestrian who walks evenly far away.
pub(crate) const SCENE: [Motion; 3] = [
    Motion {
        track_id: EGO_TRACK_ID,
        category: EGO_CATEGORY,
        x_m: 0.0,
        y_m: 0.0,
        yaw_rad: 0.0,
        speed_mps: 10.0,
        accel_mps2: 0.0,
    },
    Motion {
        track_id: "car",
        category: "REGULAR_VEHICLE",
        x_m: 15.0,
        y_m: 3.5,
        yaw_rad: 0.0,
        speed_mps: 12.0,
        accel_mps2: -2.0,
    },
    Motion {
        track_id: "walker",
        category: "PEDESTRIAN",
        x_m: 90.0,
        y_m: 20.0,
        yaw_rad: 1.2,
        speed_mps: 1.4,
        accel_mps2: 0.0,
    },
];

/// The rows of one actor.
pub(crate) fn track(log_id: &str, motion: &Motion) -> Vec<ObjectTrack> {
    (0..STAMPS)
        .map(|k| object(log_id, motion, START_NS + k * STEP_NS))
        .collect()
}

fn object(log_id: &str, motion: &Motion, stamp_ns: i64) -> ObjectTrack {
    let t_s = seconds_between(START_NS, stamp_ns);
    let along_m = motion.speed_mps * t_s + motion.accel_mps2 * t_s * t_s / 2.0;
    let speed_mps = motion.speed_mps + motion.accel_mps2 * t_s;
    let (sin, cos) = motion.yaw_rad.sin_cos();
    let (x_m, y_m) = (motion.x_m + along_m * cos, motion.y_m + along_m * sin);
    let rotation = Quat::from_yaw(motion.yaw_rad);
    let (length_m, width_m) = if motion.category == "PEDESTRIAN" {
        (0.6, 0.6)
    } else {
        (4.5, 1.9)
    };
    ObjectTrack {
        log_id: log_id.into(),
        day: day_from_stamp_ns(START_NS),
        composed: false,
        track_id: motion.track_id.into(),
        stamp_ns,
        category: motion.category.into(),
        source_category: motion.category.into(),
        length_m,
        width_m,
        height_m: 1.6,
        x_m,
        y_m,
        z_m: 0.0,
        qw: rotation.w,
        qx: rotation.x,
        qy: rotation.y,
        qz: rotation.z,
        yaw_rad: motion.yaw_rad,
        vx_mps: Some(speed_mps * cos),
        vy_mps: Some(speed_mps * sin),
        ax_mps2: Some(motion.accel_mps2 * cos),
        ay_mps2: Some(motion.accel_mps2 * sin),
        kinematics: "measured".into(),
        accel_kinematics: Some("measured".into()),
        ego_x_m: x_m - 10.0 * t_s,
        ego_y_m: y_m,
        ego_z_m: 0.0,
        ego_yaw_rad: motion.yaw_rad,
        ego_vx_mps: None,
        ego_vy_mps: None,
        lidar_points: None,
    }
}

/// The rows of the scene.
pub(crate) fn tracks(log_id: &str) -> Vec<ObjectTrack> {
    SCENE
        .iter()
        .flat_map(|motion| track(log_id, motion))
        .collect()
}

/// The lane of the car, from 1.5 m to 6 m beside the path of the ego: the only drivable area.
pub(crate) fn area(log_id: &str) -> MapArea {
    MapArea {
        log_id: log_id.into(),
        day: day_from_stamp_ns(START_NS),
        area_id: "lane".into(),
        kind: "drivable".into(),
        polygon: vec![-50.0, 1.5, 200.0, 1.5, 200.0, 6.0, -50.0, 6.0],
        composed: Some(false),
    }
}

/// A sample of the car and one of the walker at each present.
pub(crate) fn samples(log_id: &str) -> Vec<Sample> {
    let rows = tracks(log_id);
    let is_present = |row: &&ObjectTrack| PRESENTS.contains(&((row.stamp_ns - START_NS) / STEP_NS));
    let mut samples: Vec<_> = rows
        .iter()
        .filter(|row| row.category != EGO_CATEGORY)
        .filter(is_present)
        .map(sample)
        .collect();
    samples.sort_by(|a, b| (a.stamp_ns, &a.sample_id).cmp(&(b.stamp_ns, &b.sample_id)));
    samples
}

fn sample(row: &ObjectTrack) -> Sample {
    let scenarios = if row.track_id == "car" {
        vec!["lead_hard_brake".to_owned()]
    } else {
        Vec::new()
    };
    Sample {
        dataset: DATASET.into(),
        dataset_digest: "digest".into(),
        sample_id: format!("{}/{}/{}", row.log_id, row.track_id, row.stamp_ns).into(),
        split: "test".into(),
        source: "real".into(),
        log_id: row.log_id.clone(),
        host_log_id: row.log_id.clone(),
        day: row.day,
        track_id: row.track_id.clone(),
        stamp_ns: row.stamp_ns,
        category: row.category.clone(),
        ego_distance_m: row.ego_x_m.hypot(row.ego_y_m),
        speed_mps: row.vx_mps.unwrap_or(0.0).hypot(row.vy_mps.unwrap_or(0.0)),
        scenarios,
        weight: 1.0,
        composed: Some(false),
    }
}

/// The number of a drive: 12 of `d12`.
pub(crate) fn number(log_id: &str) -> f64 {
    log_id
        .trim_start_matches(char::is_alphabetic)
        .parse()
        .unwrap()
}

/// A prediction that is off the truth by `off_m` to the left at every step.
pub(crate) fn prediction(model_id: &str, sample: &Sample, off_m: f64) -> Prediction {
    let motion = SCENE
        .iter()
        .find(|motion| sample.track_id == motion.track_id)
        .unwrap();
    let (sin, cos) = motion.yaw_rad.sin_cos();
    let future: Vec<_> = (1..=HORIZON_STEPS as i64)
        .map(|k| object(&sample.log_id, motion, sample.stamp_ns + k * STEP_NS))
        .collect();
    Prediction {
        model_id: model_id.into(),
        dataset: sample.dataset.clone(),
        sample_id: sample.sample_id.clone(),
        x_m: future.iter().map(|row| row.x_m - off_m * sin).collect(),
        y_m: future.iter().map(|row| row.y_m + off_m * cos).collect(),
    }
}

/// A lake in a folder of its own.
pub(crate) struct TestLake {
    pub(crate) lake: Lake,
    pub(crate) folder: tempfile::TempDir,
}

impl TestLake {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path().to_str().unwrap()).await.unwrap();
        Self { lake, folder }
    }

    /// The same lake as another process opens it.
    pub(crate) async fn reopen(&mut self) {
        self.lake = Lake::open(self.folder.path().to_str().unwrap())
            .await
            .unwrap();
    }

    /// A lake with the scene in drives of the dataset's test split.
    pub(crate) async fn with_drives(log_ids: &[&str]) -> Self {
        let this = Self::new().await;
        this.add_drives(log_ids, "test").await;
        this
    }

    /// Adds the scene in drives of a split of the dataset.
    pub(crate) async fn add_drives(&self, log_ids: &[&str], split: &str) {
        let all = log_ids.iter().flat_map(|id| tracks(id));
        self.add(&all.collect::<Vec<_>>()).await;
        let in_split = |sample| Sample {
            split: split.into(),
            ..sample
        };
        let all = log_ids.iter().flat_map(|id| samples(id)).map(in_split);
        self.add(&all.collect::<Vec<_>>()).await;
    }

    pub(crate) async fn add<R: Row>(&self, rows: &[R]) {
        self.lake
            .append(rows, &Commit::new("test", "run"))
            .await
            .unwrap();
    }

    /// Adds predictions of a model for every sample, off the truth by what the function says.
    pub(crate) async fn predict(&self, model_id: &str, off_m: fn(&Sample) -> f64) {
        let samples = self.lake.read::<Sample>(None).await.unwrap();
        let rows: Vec<_> = samples
            .iter()
            .map(|s| prediction(model_id, s, off_m(s)))
            .collect();
        self.add(&rows).await;
    }
}

/// A drive that is in no dataset, with an episode.
pub(crate) fn unseen_drive(log_id: &str) -> (Drive, Episode) {
    let day = day_from_stamp_ns(START_NS);
    let end_ns = START_NS + STAMPS * STEP_NS;
    let drive = Drive {
        log_id: log_id.into(),
        day,
        composed: false,
        origin: "recorded".into(),
        vehicle_id: None,
        source_uri: "logs/unseen".into(),
        source_digest: "0".into(),
        source_bytes: 0,
        format: "mcap-ros2".into(),
        start_ns: START_NS,
        end_ns,
        map_id: None,
        region: None,
        software_version: None,
        licence: None,
        privacy_state: "none".into(),
        records_in: 0,
        records_dropped: 0,
    };
    let episode = Episode {
        episode_id: "e1".into(),
        log_id: log_id.into(),
        day,
        composed: false,
        scenario: "lead_hard_brake".into(),
        scenario_version: 1,
        start_ns: START_NS,
        end_ns,
        actors: vec!["car".into()],
        roles: vec!["lead".into()],
        score: 1.0,
        tags: Vec::new(),
        query_digest: "q".into(),
    };
    (drive, episode)
}

/// Options for a model of the fixtures; few resamples, as the tests are about rows.
pub(crate) fn options(model_id: &str) -> EvaluateOptions {
    EvaluateOptions {
        resamples: 200,
        ..EvaluateOptions::new(model_id, DATASET, "run")
    }
}
