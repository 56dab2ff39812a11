//! Cuboids: from the ego frame to the map.

use std::collections::{BTreeMap, BTreeSet};

use driveloop_schemas::pose::Pose;
use driveloop_schemas::{EGO_CATEGORY, Severity};

use super::{Log, STAMP, feather, usable_stamp};
use crate::actors::{Actor, EgoAt, Frame, Sighting, SightingId};
use crate::ego::{EgoTrack, PoseAt};
use crate::error::Result;
use crate::findings::Found;
use crate::motion::central_difference;
use crate::quality::{
    check_size, check_stamps, drop_duplicate, drop_unusable, drop_without_pose, note_interpolated,
};

/// Files of annotations, the one that is preferred first.
pub(super) const FILES: [&str; 2] = ["annotations_with_ego.feather", "annotations.feather"];

/// Extent, and the number of lidar points in the cuboid, which some writers leave out.
const SIZE: [&str; 3] = ["length_m", "width_m", "height_m"];
const POINTS: &str = "num_interior_pts";
const COLUMNS: [&str; 7] = [
    STAMP,
    "track_uuid",
    "category",
    POINTS,
    SIZE[0],
    SIZE[1],
    SIZE[2],
];
/// Category of a cuboid that has none.
const UNKNOWN: &str = "UNKNOWN";

/// Length, width and height of the dataset's vehicle (Ford Fusion), as the scenario-mining benchmark has it.
const EGO_SIZE_M: [f64; 3] = [4.877, 2.0, 1.473];

impl Log<'_> {
    /// Reads the cuboids. A log of a test split has none: then there are no actors, and a finding says so.
    pub(super) fn annotations(&mut self, ego: &EgoTrack) -> Result<()> {
        let Some((name, file)) = FILES
            .iter()
            .find_map(|name| Some((*name, self.file(name)?)))
        else {
            let found = Found::one("no_annotations", Severity::Warning, FILES[1], None);
            self.out.findings.add(found, || {
                format!("expected {}, got none: the drive has no actors", FILES[1])
            });
            return Ok(());
        };
        let wanted: Vec<_> = COLUMNS.into_iter().chain(feather::POSE).collect();
        let table = feather::read(self.blobs, file, &wanted, self.limits)?;
        let stamps = self.stamps(&table, name)?;
        let ids = table.texts("track_uuid")?;
        let categories = table.texts("category")?;
        let points = if table.has(POINTS) {
            Some(table.i64(POINTS)?)
        } else {
            None
        };
        let [length, width, height] = SIZE.map(|column| table.f64(column));
        let (length, width, height) = (length?, width?, height?);
        let poses = table.poses()?;
        let cuboid = |i: usize| Cuboid {
            stamp_ns: stamps[i],
            track_id: ids.get(i).filter(|id| !id.is_empty()),
            category: categories.get(i).unwrap_or(UNKNOWN),
            size_m: [length[i], width[i], height[i]],
            ego_from_object: poses[i],
            lidar_points: points
                .as_ref()
                .and_then(|points| i32::try_from(points[i]?).ok()),
        };
        self.place(name, ego, (0..table.rows()).map(cuboid));
        let order = (0..table.rows()).filter_map(|i| Some((ids.get(i)?, stamps[i]?)));
        self.check_track_order(name, order);
        Ok(())
    }

    /// Places cuboids in the map, and adds the ego where the log has no row for it.
    fn place<'c>(&mut self, name: &str, ego: &EgoTrack, cuboids: impl Iterator<Item = Cuboid<'c>>) {
        let mut scene = Scene::default();
        let actors = &mut self.out.facts.actors;
        let subject = actors.subject(name);
        let mut ego_rows = false;
        for cuboid in cuboids {
            self.out.records_in += 1;
            let findings = &mut self.out.findings;
            let Some(stamp_ns) = usable_stamp(findings, name, cuboid.stamp_ns) else {
                continue;
            };
            let Some(track_id) = cuboid.track_id else {
                drop_unusable(findings, name, Some(stamp_ns), "no `track_uuid`");
                continue;
            };
            let finite = cuboid.size_m.iter().all(|extent| extent.is_finite());
            let Some(ego_from_object) = cuboid.ego_from_object.filter(|_| finite) else {
                drop_unusable(findings, name, Some(stamp_ns), "others");
                continue;
            };
            let sighting = scene.sighting(ego, stamp_ns, || {
                let frame = Frame::Ego;
                actors.sighting(Sighting {
                    stamp_ns,
                    frame,
                    subject,
                })
            });
            let Some((sighting, how)) = sighting else {
                drop_without_pose(findings, name, stamp_ns);
                continue;
            };
            let actor = Actor {
                sighting,
                category: actors.category(cuboid.category, str::to_owned),
                size_m: cuboid.size_m,
                frame_from_object: ego_from_object,
                velocity_mps: None,
                accel_mps2: None,
                lidar_points: cuboid.lidar_points,
            };
            if !actors.push(track_id, actor) {
                drop_duplicate(findings, name, stamp_ns);
                continue;
            }
            if how == PoseAt::Interpolated && scene.noted.insert(stamp_ns) {
                note_interpolated(findings, name, stamp_ns);
            }
            check_size(findings, cuboid.category, stamp_ns, cuboid.size_m);
            ego_rows |= cuboid.category == EGO_CATEGORY;
            self.out.records_used += 1;
        }
        actors.place(&scene.ego());
        if !ego_rows {
            actors.add_ego(EGO_SIZE_M, Pose::IDENTITY, |_, _| None);
        }
    }

    /// Cuboids of a track come in the order of time.
    fn check_track_order<'c>(&mut self, name: &str, cuboids: impl Iterator<Item = (&'c str, i64)>) {
        let mut tracks: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        let mut all = Vec::new();
        for (id, stamp) in cuboids {
            tracks.entry(id).or_default().push(stamp);
            all.push(stamp);
        }
        let backwards = tracks
            .values()
            .any(|stamps| stamps.windows(2).any(|pair| pair[1] < pair[0]));
        if !backwards {
            // Files that are sorted by track are no fault.
            all.sort_unstable();
        }
        check_stamps(&mut self.out.findings, name, all.into_iter().collect());
    }
}

struct Cuboid<'a> {
    stamp_ns: Option<i64>,
    track_id: Option<&'a str>,
    category: &'a str,
    size_m: [f64; 3],
    ego_from_object: Option<Pose>,
    lidar_points: Option<i32>,
}

/// The stamps of the cuboids, and the ego at each.
#[derive(Default)]
struct Scene {
    by_stamp: BTreeMap<i64, Seen>,
    /// Stamps whose pose was found to lie between two of the log's.
    noted: BTreeSet<i64>,
}

struct Seen {
    sighting: SightingId,
    map_from_ego: Pose,
    how: PoseAt,
}

impl Scene {
    /// The sighting of a stamp; none where nothing says where the ego was.
    fn sighting(
        &mut self,
        track: &EgoTrack,
        stamp_ns: i64,
        begin: impl FnOnce() -> SightingId,
    ) -> Option<(SightingId, PoseAt)> {
        if let Some(seen) = self.by_stamp.get(&stamp_ns) {
            return Some((seen.sighting, seen.how));
        }
        let (map_from_ego, how) = track.pose_at(stamp_ns)?;
        let sighting = begin();
        let seen = Seen {
            sighting,
            map_from_ego,
            how,
        };
        self.by_stamp.insert(stamp_ns, seen);
        Some((sighting, how))
    }

    /// The ego at each sighting, in their order.
    ///
    /// Its velocity is derived as that of the actors is, at the annotated stamps, so that both lag alike.
    fn ego(&self) -> Vec<Option<EgoAt>> {
        let stamps: Vec<i64> = self.by_stamp.keys().copied().collect();
        let [vx, vy] = [0, 1].map(|axis: usize| {
            let at = |seen: &Seen| Some(seen.map_from_ego.translation[axis]);
            let along: Vec<_> = self.by_stamp.values().map(at).collect();
            central_difference(&stamps, &along)
        });
        let mut ego = vec![None; self.by_stamp.len()];
        for (at, seen) in self.by_stamp.values().enumerate() {
            let velocity_mps = vx[at].zip(vy[at]).map(|(x, y)| [x, y]);
            ego[seen.sighting.index()] = Some(EgoAt::new(seen.map_from_ego, velocity_mps));
        }
        ego
    }
}
