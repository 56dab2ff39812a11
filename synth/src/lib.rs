//! Drives that nobody recorded: simulated from a seed, and composed from drives that were.
//!
//! * [`traffic`] is a small world of drivers and pedestrians around an ego, as a pure state machine that can be stepped.
//! * [`sensing`] is what the ego's perception makes of it: range, occlusion, dropouts, noise.
//! * [`simulate`](fn@simulate) drives through it and writes ROS 2 MCAP logs, with the truth of the events that it caused.
//! * [`compose`] edits mined episodes: a lead brakes harder, a neighbour cuts in, a pedestrian crosses or steps out from behind
//!   a vehicle, cargo lies in the lane. Who would crash into the edit reacts by IDM; what breaks a physical bound is rejected,
//!   with the check that says so; what passes becomes a drive of the lake, with provenance from which it can be made again.
//!
//! Everything follows from its arguments: no clock, no entropy, no environment. It renders no sensors: composed drives have
//! tracks and poses, no images and no lidar.
//!
//! Whoever wants to drive the ego in closed loop steps the world. An action is held for a step of 0.02 s, and each step gives
//! back the world as it then is:
//!
//! ```
//! use driveloop_synth::sensing::{Sensor, SensorConfig};
//! use driveloop_synth::traffic::{EgoAction, World, WorldConfig};
//!
//! let mut world = World::new(WorldConfig::default(), 7);
//! let mut sensor = Sensor::new("closed-loop", SensorConfig::default(), 7);
//! let mut observation = world.reset(8); // the next drive, of another seed
//! while !observation.is_over && observation.collision.is_none() {
//!     let frame = sensor.observe(&world); // what the ego perceives, ten times a second
//!     assert!(frame.iter().all(|object| object.existence_probability > 0.9));
//!     // A driver who only wants 8 m/s, straight on; `EgoAction::Drive` leaves it to IDM and MOBIL.
//!     let accel_mps2 = (8.0 - observation.ego.speed_mps).clamp(-3.0, 1.5);
//!     for _ in 0..5 {
//!         observation = world.step(EgoAction::Accelerate { accel_mps2 });
//!     }
//! }
//! assert!(observation.is_over || observation.collision.is_some());
//! ```

pub mod compose;
mod error;
pub mod sensing;
pub mod simulate;
pub mod traffic;

pub use compose::{ComposeOptions, ComposeReport, ComposedDrive, compose, recompose, reproduce};
pub use error::{Error, Result};
pub use simulate::{SimulateOptions, SimulateReport, SimulatedDrive, simulate, simulate_with};
