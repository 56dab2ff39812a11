//! A small seeded traffic world: a road, drivers, pedestrians, and events around one ego.
//!
//! The world is a pure state machine with a fixed step of [`STEP_S`]: the same configuration, seed and
//! actions give the same states. [`World::reset`] begins a drive, [`World::step`] moves it on and gives back an
//! [`Observation`]; an [`EgoAction`] leaves the ego to the world's own driver or takes pedals and wheel over.
//!
//! * Drivers follow by IDM ([`IdmParams`]; Treiber et al. 2000) and change lanes by MOBIL ([`MobilParams`]; Kesting et al. 2007).
//!   They yield to people on crossings, and stop for or steer around what stands in their lane.
//! * People wait at crossings, walk along the pavement, and cross when an event sends them.
//! * Events ([`EventKind`]) happen around the ego: the lead brakes hard, a neighbour cuts in, a pedestrian crosses, a stalled
//!   vehicle or a small object lies in the lane. Each is recorded with its actor, its interval and how it was done.
//!
//! Positions are road coordinates: `s_m` along the reference line, `d_m` to its left; [`Road::pose`] brings them into the map.
//! All lanes go one way; there are no junctions and no lights. Nobody pushes anybody: bodies that meet only say so.

mod actor;
mod events;
mod idm;
mod lanes;
mod mobil;
mod motion;
mod observation;
mod pedestrian;
mod road;
mod scene;
mod spawn;
mod world;

pub use actor::{Actor, ActorKind, Size};
pub use events::{EventKind, WorldEvent};
pub use idm::IdmParams;
pub use mobil::{MobilParams, MobilView, incentive_mps2, is_safe};
pub use observation::{Body, Observation};
pub use road::{Road, RoadPose};
pub use world::{EgoAction, STEP_S, World, WorldConfig};
