//! Drives that nobody recorded: simulated from a seed, and composed from drives that were.
//!
//! * [`traffic`] is a small world of drivers and pedestrians around an ego, as a pure state machine.
//! * [`simulate`](fn@simulate) drives through it and writes ROS 2 MCAP logs, with the truth of the events that it caused.
//! * [`compose`] edits mined episodes: a lead brakes harder, a neighbour cuts in. Who would crash into the edit reacts by IDM;
//!   what breaks a physical bound is rejected, with the check that says so; what passes becomes a drive of the lake, with
//!   provenance from which it can be made again.
//!
//! Everything follows from its arguments: no clock, no entropy, no environment. It renders no sensors: composed drives have
//! tracks and poses, no images and no lidar.
//!
//! ```
//! use driveloop_synth::traffic::{EgoAction, World, WorldConfig};
//!
//! let mut world = World::reset(WorldConfig::default(), 7);
//! for _ in 0..50 {
//!     world.step(EgoAction::Drive);
//! }
//! assert!((world.time_s() - 1.0).abs() < 1e-9);
//! assert!(world.actors()[0].speed_mps > 5.0);
//! ```

pub mod compose;
mod error;
pub mod simulate;
pub mod traffic;

pub use compose::{ComposeOptions, ComposeReport, ComposedDrive, compose, recompose};
pub use error::{Error, Result};
pub use simulate::{SimulateOptions, SimulateReport, SimulatedDrive, simulate};
