//! What the ego's perception makes of the world: range, line of sight, dropouts and noise.
//!
//! This is a perception error model in the sense of Piazzoni, Cherian, Dauwels, Chau: "PEM: Perception error model for virtual
//! testing of autonomous vehicles" (IEEE Transactions on Intelligent Vehicles, 2024; arXiv 2302.11919): no sensor is rendered;
//! tracked objects are the true ones with errors that depend on distance and occlusion and are correlated in time.
//! [`SensorConfig`] has every figure and where it comes from.

mod config;
mod sensor;
mod sight;

pub use config::SensorConfig;
pub(crate) use sensor::track_uuid;
pub use sensor::{SensedObject, Sensor};
pub(crate) use sight::Occluder;
