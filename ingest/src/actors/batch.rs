//! Rows of `object_track`.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Float64Array, Float64Builder, Int32Builder, Int64Array, StringBuilder};
use arrow::record_batch::RecordBatch;
use driveloop_schemas::{ObjectTrack, Row as _, TableSpec};

use super::motion::Motion;
use super::{Actor, ActorColumns, Track};
use crate::error::Result;
use crate::facts::{Columns, DriveKey, Facts, Runs, repeated, span_of};

/// Numbers that every row has.
const KNOWN: [&str; 15] = [
    "length_m",
    "width_m",
    "height_m",
    "x_m",
    "y_m",
    "z_m",
    "qw",
    "qx",
    "qy",
    "qz",
    "yaw_rad",
    "ego_x_m",
    "ego_y_m",
    "ego_z_m",
    "ego_yaw_rad",
];
/// Numbers that a row may lack.
const PERHAPS: [&str; 6] = [
    "vx_mps",
    "vy_mps",
    "ax_mps2",
    "ay_mps2",
    "ego_vx_mps",
    "ego_vy_mps",
];

/// Bytes of a category, as they are reserved.
const CATEGORY_BYTES: usize = 16;

/// Columns in the making.
struct Building {
    stamps_ns: Vec<i64>,
    known: [Vec<f64>; KNOWN.len()],
    perhaps: [Float64Builder; PERHAPS.len()],
    categories: StringBuilder,
    source_categories: StringBuilder,
    lidar_points: Int32Builder,
    /// By track: rows, and whether the velocity was measured.
    kinematics: Vec<(Option<&'static str>, usize)>,
    accel_kinematics: StringBuilder,
}

impl Building {
    /// Room for so many rows.
    fn with_capacity(rows: usize) -> Self {
        let texts = || StringBuilder::with_capacity(rows, rows * CATEGORY_BYTES);
        Self {
            stamps_ns: Vec::with_capacity(rows),
            known: std::array::from_fn(|_| Vec::with_capacity(rows)),
            perhaps: std::array::from_fn(|_| Float64Builder::with_capacity(rows)),
            categories: texts(),
            source_categories: texts(),
            lidar_points: Int32Builder::with_capacity(rows),
            kinematics: Vec::new(),
            accel_kinematics: texts(),
        }
    }

    fn row(&mut self, columns: &ActorColumns, actor: &Actor, motion: &Motion, at: usize) {
        let Some((map_from_object, ego_from_object, ego)) = columns.poses(actor) else {
            return;
        };
        let ([x, y, z], q) = (map_from_object.translation, map_from_object.rotation);
        let [ego_x, ego_y, ego_z] = ego_from_object.translation;
        let [length, width, height] = actor.size_m;
        let (yaw, ego_yaw) = (q.yaw_rad(), ego_from_object.rotation.yaw_rad());
        let known = [
            length, width, height, x, y, z, q.w, q.x, q.y, q.z, yaw, ego_x, ego_y, ego_z, ego_yaw,
        ];
        for (column, value) in self.known.iter_mut().zip(known) {
            column.push(value);
        }
        let velocity = motion.velocity_mps[0][at].zip(motion.velocity_mps[1][at]);
        let relative = velocity.and_then(|(vx, vy)| {
            let [ego_vx, ego_vy] = ego.velocity_mps?;
            let (sin, cos) = ego.heading;
            let (dx, dy) = (vx - ego_vx, vy - ego_vy);
            Some((dx * cos + dy * sin, dy * cos - dx * sin))
        });
        let accel = [0, 1].map(|axis: usize| motion.accel_mps2[axis][at]);
        let perhaps = [
            velocity.map(|v| v.0),
            velocity.map(|v| v.1),
            accel[0],
            accel[1],
            relative.map(|v| v.0),
            relative.map(|v| v.1),
        ];
        for (column, value) in self.perhaps.iter_mut().zip(perhaps) {
            column.append_option(value);
        }
        self.stamps_ns.push(columns.stamp_ns(actor));
        self.categories.append_value(columns.category_name(actor));
        let source = crate::facts::NameId(actor.category.0);
        self.source_categories
            .append_value(columns.source_categories.get(source));
        self.lidar_points.append_option(actor.lidar_points);
        let accel_kinematics = accel[0].map(|_| kinematics(motion.accel_is_measured));
        self.accel_kinematics.append_option(accel_kinematics);
    }
}

fn kinematics(is_measured: bool) -> &'static str {
    if is_measured { "measured" } else { "derived" }
}

impl ActorColumns {
    /// Each track that has some of the rows, with which of its own they are.
    fn parts(
        &self,
        rows: Range<usize>,
    ) -> impl Iterator<Item = (&str, &Track, Range<usize>)> + Clone {
        let runs = self.runs.within(rows);
        runs.map(|(track, own)| {
            let name = self.track_ids[track].as_str();
            (name, &self.tracks[track], own)
        })
    }
}

impl Facts for ActorColumns {
    fn spec(&self) -> &'static TableSpec {
        ObjectTrack::SPEC
    }

    fn len(&self) -> usize {
        self.rows
    }

    fn bytes(&self) -> usize {
        let sightings = self.sightings.len() * (size_of::<super::Sighting>() + 88);
        let tracks = self.tracks.len() * size_of::<Track>();
        let names: usize = self.identities.iter().map(|(names, _)| names.bytes()).sum();
        self.rows * size_of::<Actor>() + sightings + tracks + names
    }

    fn span_ns(&self) -> Option<(i64, i64)> {
        let actors = self.tracks.iter().flat_map(|track| &track.actors);
        span_of(actors.map(|actor| self.stamp_ns(actor)))
    }

    fn sort(&mut self) {
        let mut tracks = std::mem::take(&mut self.tracks);
        for track in &mut tracks {
            track.actors.sort_by_key(|actor| self.stamp_ns(actor));
        }
        self.tracks = tracks;
        self.name_tracks();
        let name = |at: usize| self.track_ids[at].as_str();
        let mut names: Vec<usize> = (0..self.tracks.len()).collect();
        names.sort_by(|a, b| name(*a).cmp(name(*b)));
        let count = |at: usize| (at, self.tracks[at].actors.len());
        self.runs = Runs::of(names.into_iter().map(count));
    }

    fn batch(&self, key: DriveKey<'_>, rows: Range<usize>) -> Result<RecordBatch> {
        let count = rows.len();
        let parts = self.parts(rows);
        let mut made = Building::with_capacity(count);
        for (_, track, own) in parts.clone() {
            let motion = Motion::of(self, &track.actors);
            let measured = kinematics(motion.velocity_is_measured);
            made.kinematics.push((Some(measured), own.len()));
            for at in own {
                made.row(self, &track.actors[at], &motion, at);
            }
        }
        let ids = parts.map(|(name, _, own)| (Some(name), own.len()));
        let mut columns = Columns::new(ObjectTrack::SPEC, key, count)
            .with("track_id", repeated(ids))
            .with("stamp_ns", Arc::new(Int64Array::from(made.stamps_ns)))
            .with("category", Arc::new(made.categories.finish()))
            .with("source_category", Arc::new(made.source_categories.finish()))
            .with("kinematics", repeated(made.kinematics))
            .with("accel_kinematics", Arc::new(made.accel_kinematics.finish()))
            .with("lidar_points", Arc::new(made.lidar_points.finish()));
        for (name, values) in KNOWN.into_iter().zip(made.known) {
            columns = columns.with(name, Arc::new(Float64Array::from(values)));
        }
        for (name, mut values) in PERHAPS.into_iter().zip(made.perhaps) {
            columns = columns.with(name, Arc::new(values.finish()));
        }
        columns.finish()
    }

    fn clear(&mut self) {
        *self = Self::default();
    }
}
