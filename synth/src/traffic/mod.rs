//! A small seeded traffic world: a road, drivers, pedestrians, and events around one ego.
//!
//! The world is a pure state machine with a fixed step of [`STEP_S`]: the same configuration, seed and
//! actions give the same states. Positions are road coordinates: `s_m` along the reference line, `d_m` to its left;
//! [`Road::pose`] brings them into the map.

mod actor;
mod events;
mod idm;
mod mobil;
mod pedestrian;
mod road;
mod scene;
mod spawn;
mod world;

pub use actor::{Actor, ActorKind, Size};
pub use events::{EventKind, WorldEvent};
pub use idm::IdmParams;
pub use mobil::{MobilParams, MobilView, incentive_mps2, is_safe};
pub use road::{Road, RoadPose};
pub use world::{EgoAction, STEP_S, World, WorldConfig};
