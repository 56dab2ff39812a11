//! Cuboids: from the ego frame to the map.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_schemas::pose::Pose;
use driveloop_schemas::{EGO_CATEGORY, EGO_TRACK_ID};

use super::{Log, feather};
use crate::actors::{EgoAt, Observed, object_tracks};
use crate::ego::{EgoTrack, PoseAt};
use crate::error::Result;
use crate::motion::central_difference;
use crate::quality::{
    check_size, check_stamps, drop_duplicate, drop_stamp, drop_unusable, drop_without_pose,
    note_interpolated,
};

/// Files of annotations, the one that is preferred first.
pub(super) const FILES: [&str; 2] = ["annotations_with_ego.feather", "annotations.feather"];

/// Length, width and height of the dataset's vehicle (Ford Fusion), as the scenario-mining benchmark has it.
const EGO_SIZE_M: [f64; 3] = [4.877, 2.0, 1.473];

impl Log<'_> {
    /// Reads the cuboids. A log of a test split has none: then there are no actors, and no finding.
    pub(super) fn annotations(&mut self, ego: &EgoTrack) -> Result<()> {
        let Some((name, file)) = FILES
            .iter()
            .find_map(|name| Some((*name, self.file(name)?)))
        else {
            return Ok(());
        };
        let table = feather::read(self.blobs, file, self.limits)?;
        let stamps = table.i64("timestamp_ns")?;
        let ids = table.text("track_uuid")?;
        let categories = table.text("category")?;
        let points = if table.has("num_interior_pts") {
            Some(table.i64("num_interior_pts")?)
        } else {
            None
        };
        let [length, width, height] =
            ["length_m", "width_m", "height_m"].map(|column| table.f64(column));
        let (length, width, height) = (length?, width?, height?);
        let poses = table.poses()?;
        let cuboid = |i: usize| Cuboid {
            stamp_ns: stamps[i],
            track_id: &ids[i],
            category: &categories[i],
            size_m: [length[i], width[i], height[i]],
            ego_from_object: poses[i],
            lidar_points: points
                .as_ref()
                .and_then(|points| i32::try_from(points[i]).ok()),
        };
        let scene = self.place(name, ego, (0..table.rows()).map(cuboid));
        self.out.object_tracks = object_tracks(scene.observed, &scene.ego);
        self.check_track_order(name, &ids, &stamps);
        Ok(())
    }

    /// Places cuboids in the map, and adds the ego where the log has no row for it.
    fn place<'c>(
        &mut self,
        name: &str,
        ego: &EgoTrack,
        cuboids: impl Iterator<Item = Cuboid<'c>>,
    ) -> Scene {
        let mut scene = Scene::default();
        let mut seen = BTreeSet::new();
        let mut ego_rows = false;
        for cuboid in cuboids {
            self.out.records_in += 1;
            let (stamp_ns, findings) = (cuboid.stamp_ns, &mut self.out.findings);
            let finite = cuboid.size_m.iter().all(|extent| extent.is_finite());
            let Some(ego_from_object) = cuboid.ego_from_object.filter(|_| finite) else {
                drop_unusable(findings, name, Some(stamp_ns), "others");
                continue;
            };
            if stamp_ns < 0 {
                drop_stamp(findings, name, &stamp_ns.to_string());
                continue;
            }
            if !seen.insert((cuboid.track_id.to_owned(), stamp_ns)) {
                drop_duplicate(findings, name, stamp_ns);
                continue;
            }
            let Some(map_from_ego) = scene.ego_at(ego, stamp_ns, |stamp| {
                note_interpolated(findings, name, stamp);
            }) else {
                drop_without_pose(findings, name, stamp_ns);
                continue;
            };
            check_size(findings, cuboid.category, stamp_ns, cuboid.size_m);
            ego_rows |= cuboid.category == EGO_CATEGORY;
            scene
                .observed
                .push(cuboid.observed(map_from_ego, ego_from_object));
            self.out.records_used += 1;
        }
        scene.ego_velocities();
        if !ego_rows {
            scene.add_ego();
        }
        scene
    }

    /// Cuboids of a track come in the order of time.
    fn check_track_order(&mut self, name: &str, ids: &[String], stamps: &[i64]) {
        let mut tracks: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        for (id, stamp) in ids.iter().zip(stamps) {
            tracks.entry(id).or_default().push(*stamp);
        }
        let backwards = tracks
            .values()
            .any(|stamps| stamps.windows(2).any(|pair| pair[1] < pair[0]));
        let mut all = stamps.to_vec();
        if !backwards {
            // Files that are sorted by track are no fault.
            all.sort_unstable();
        }
        check_stamps(&mut self.out.findings, name, &all);
    }
}

struct Cuboid<'a> {
    stamp_ns: i64,
    track_id: &'a str,
    category: &'a str,
    size_m: [f64; 3],
    ego_from_object: Option<Pose>,
    lidar_points: Option<i32>,
}

impl Cuboid<'_> {
    fn observed(&self, map_from_ego: Pose, ego_from_object: Pose) -> Observed {
        Observed {
            track_id: self.track_id.to_owned(),
            stamp_ns: self.stamp_ns,
            category: self.category.to_owned(),
            source_category: self.category.to_owned(),
            size_m: self.size_m,
            map_from_object: map_from_ego.times(ego_from_object),
            ego_from_object,
            velocity_mps: None,
            accel_mps2: None,
            lidar_points: self.lidar_points,
        }
    }
}

/// The actors, and the ego at each of their stamps.
#[derive(Default)]
struct Scene {
    observed: Vec<Observed>,
    ego: BTreeMap<i64, EgoAt>,
}

impl Scene {
    fn ego_at(
        &mut self,
        track: &EgoTrack,
        stamp_ns: i64,
        interpolated: impl FnOnce(i64),
    ) -> Option<Pose> {
        if let Some(ego) = self.ego.get(&stamp_ns) {
            return Some(ego.map_from_ego);
        }
        let (map_from_ego, how) = track.pose_at(stamp_ns)?;
        if how == PoseAt::Interpolated {
            interpolated(stamp_ns);
        }
        self.ego.insert(
            stamp_ns,
            EgoAt {
                map_from_ego,
                velocity_mps: None,
            },
        );
        Some(map_from_ego)
    }

    /// The ego's velocity is derived as that of the actors is, at the annotated stamps, so that both lag alike.
    fn ego_velocities(&mut self) {
        let stamps: Vec<i64> = self.ego.keys().copied().collect();
        let [vx, vy] = [0, 1].map(|axis: usize| {
            let at: Vec<_> = self
                .ego
                .values()
                .map(|ego| Some(ego.map_from_ego.translation[axis]))
                .collect();
            central_difference(&stamps, &at)
        });
        for (i, ego) in self.ego.values_mut().enumerate() {
            ego.velocity_mps = vx[i].zip(vy[i]).map(|(x, y)| [x, y]);
        }
    }

    fn add_ego(&mut self) {
        for (stamp_ns, ego) in &self.ego {
            self.observed.push(Observed {
                track_id: EGO_TRACK_ID.to_owned(),
                stamp_ns: *stamp_ns,
                category: EGO_CATEGORY.to_owned(),
                source_category: EGO_CATEGORY.to_owned(),
                size_m: EGO_SIZE_M,
                map_from_object: ego.map_from_ego,
                ego_from_object: Pose::IDENTITY,
                velocity_mps: None,
                accel_mps2: None,
                lidar_points: None,
            });
        }
    }
}
