//! Kinematics of tracks: smoothed positions, velocities, accelerations and headings, in the map, in a track's own box and seen
//! from another.
//!
//! [`Recipe`] says how derivatives are taken and smoothed; the default is a local parabola, and the recipe of the benchmark RefAV
//! is there to compare with it. Tracks in, numbers out: nothing here waits or reads.

mod lane_rows;
mod lanes;
mod local_fit;
mod median;
mod motion;
mod pair;
mod recipe;
mod rows;
mod tables;
mod track;

pub(crate) use lane_rows::{LANE_COLUMNS, LaneRows, lane_answer, lane_fields};
pub(crate) use lanes::{LaneShape, lanes_of};
pub(crate) use motion::{Motion, rotation_about_z_rad};
pub(crate) use pair::{Seen, range_m, seen_from, steps};
pub(crate) use recipe::Recipe;
pub(crate) use rows::{TrackRows, track_columns};
pub(crate) use tables::{EGO_PAIR, MOTION, ego_pair_rows, motion_rows};
#[cfg(test)]
pub(crate) use track::Sighting;
pub(crate) use track::{Track, TrackSet};
