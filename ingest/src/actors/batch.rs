//! Rows of `object_track`.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Float64Array, Float64Builder, Int32Builder, Int64Array, StringBuilder};
use arrow::record_batch::RecordBatch;
use driveloop_schemas::{ObjectTrack, Row as _, TableSpec};

use super::motion::{Motion, Whole};
use super::{ActorColumns, Link, Measured, Member, Track};
use crate::error::Result;
use crate::facts::{Columns, DriveKey, Facts, Runs, span_of};

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

/// Actors on either side that motion is derived from: an acceleration is the rate of velocities, each of which is a rate.
const MARGIN: usize = 2;
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
    track_ids: StringBuilder,
    kinematics: StringBuilder,
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
            track_ids: texts(),
            kinematics: texts(),
            accel_kinematics: texts(),
        }
    }

    /// An actor that is a track of its own.
    fn unnamed(&mut self, prefix: &str, columns: &ActorColumns, member: &Member) {
        let Link::Unnamed(index) = member.link else {
            return;
        };
        let whole = Whole {
            rows: 1,
            measured: Measured::default().with(&member.actor),
        };
        let motion = Motion::of(columns, std::slice::from_ref(member), whole);
        self.row(columns, member, &motion, 0);
        self.track_ids
            .append_value(format!("{prefix}{}-{index}", member.stamp_ns));
        self.kinematics
            .append_value(kinematics(motion.velocity_is_measured));
    }

    fn row(&mut self, columns: &ActorColumns, member: &Member, motion: &Motion, at: usize) {
        let actor = &member.actor;
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
        self.stamps_ns.push(member.stamp_ns);
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

/// Actors of one track that lie one behind the other in the table.
struct Part<'a> {
    name: &'a str,
    /// With up to two of the track on either side of those of the part: their motion is derived from these.
    members: Vec<Member>,
    /// Which of them are the part's.
    own: Range<usize>,
    track: Whole,
}

impl ActorColumns {
    /// Each track that has some of the rows, with those.
    fn parts(&self, rows: &Range<usize>) -> impl Iterator<Item = Part<'_>> {
        let mut at = rows.start;
        let runs = self.runs.within(rows.clone());
        runs.map(move |(track, own)| {
            let whole = Whole {
                rows: self.tracks[track].rows,
                measured: self.tracks[track].measured,
            };
            let before = own.start.min(MARGIN);
            let after = (whole.rows - own.end).min(MARGIN);
            let members = self.actors.range(at - before..at + own.len() + after);
            let part = Part {
                name: &self.track_ids[track],
                members: members.collect(),
                own: before..before + own.len(),
                track: whole,
            };
            at += own.len();
            part
        })
    }
}

impl Part<'_> {
    fn rows(&self, columns: &ActorColumns, made: &mut Building) {
        let own = &self.members[self.own.clone()];
        if own
            .iter()
            .any(|member| matches!(member.link, Link::Unnamed(_)))
        {
            for member in own {
                made.unnamed(self.name, columns, member);
            }
            return;
        }
        let motion = Motion::of(columns, &self.members, self.track);
        for at in self.own.clone() {
            made.row(columns, &self.members[at], &motion, at);
        }
        made.track_ids.append_value_n(self.name, own.len());
        made.kinematics
            .append_value_n(kinematics(motion.velocity_is_measured), own.len());
    }
}

impl Facts for ActorColumns {
    fn spec(&self) -> &'static TableSpec {
        ObjectTrack::SPEC
    }

    fn len(&self) -> usize {
        self.actors.len()
    }

    fn bytes(&self) -> usize {
        let lists = self.sightings.bytes() + self.ego.bytes() + self.brought.bytes();
        let names: usize = self.identities.iter().map(|(names, _)| names.bytes()).sum();
        let tracks = self.tracks.len() * size_of::<Track>() + self.stamps_bytes;
        self.actors.bytes() + lists + names + tracks
    }

    fn span_ns(&self) -> Option<(i64, i64)> {
        span_of(self.actors.iter().map(|member| member.stamp_ns))
    }

    fn sort(&mut self) {
        self.name_tracks();
        let name = |at: &usize| self.track_ids[*at].as_str();
        let mut order: Vec<usize> = (0..self.tracks.len()).collect();
        order.sort_by(|a, b| name(a).cmp(name(b)));
        let mut ranks = vec![0_u32; order.len()];
        for (rank, track) in (0..).zip(&order) {
            ranks[*track] = rank;
        }
        let members = std::mem::take(&mut self.actors);
        self.actors = members.sorted_by_key(|member| {
            let index = match member.link {
                Link::Unnamed(index) => index,
                Link::First | Link::After(_) => 0,
            };
            (ranks[member.track as usize], member.stamp_ns, index)
        });
        let count = |at: usize| (at, self.tracks[at].rows);
        self.runs = Runs::of(order.into_iter().map(count));
    }

    fn batch(&self, key: DriveKey<'_>, rows: Range<usize>) -> Result<RecordBatch> {
        let count = rows.len();
        let mut made = Building::with_capacity(count);
        for part in self.parts(&rows) {
            part.rows(self, &mut made);
        }
        self.store().check(key.log_id)?;
        let mut columns = Columns::new(ObjectTrack::SPEC, key, count)
            .with("track_id", Arc::new(made.track_ids.finish()))
            .with("stamp_ns", Arc::new(Int64Array::from(made.stamps_ns)))
            .with("category", Arc::new(made.categories.finish()))
            .with("source_category", Arc::new(made.source_categories.finish()))
            .with("kinematics", Arc::new(made.kinematics.finish()))
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
        *self = Self::new(&self.store().clone());
    }
}
