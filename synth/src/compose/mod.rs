//! Composed drives: mined episodes, edited.
//!
//! [`edit`] is pure: a [`HostScene`] and [`Parameters`] give a [`Candidate`] or a [`Rejection`] that names the check that failed.
//! [`compose`] reads episodes and hosts from a lake, draws parameters from seeded grids or ranges, and commits what passed as
//! drives of origin `composed`, with a `synthetic_item` row for each candidate, accepted or not. [`reproduce`] makes drives
//! again from their rows, and compares.
//!
//! Some recipes move tracks of the host, others put somebody in who was not there:
//!
//! | recipe | what happens | the scenario that finds it |
//! |---|---|---|
//! | `lead_brakes_harder` | the vehicle ahead brakes | `lead_hard_brake` |
//! | `neighbour_cuts_in` | a vehicle of the next lane moves in front of the ego | `cut_in` |
//! | `pedestrian_crosses` | somebody waits beside the road and crosses it | `pedestrian_crossing_ahead` |
//! | `ghost_probe` | somebody steps out from behind a standing vehicle, of the host or put there | `pedestrian_from_behind_vehicle` |
//! | `cargo_in_lane` | an object less than 20 cm high falls off the vehicle ahead, or lies in the lane | `stationary_object_ahead` |
//!
//! Whoever would drive into the edit as recorded, the ego too, follows it by IDM instead. What was inserted has exact rows, as an
//! annotation has, at the stamps at which the ego would see it: in range, small things from nearer, and past or over vehicles.
//!
//! Every accepted drive keeps the [`BOUNDS`], has no overlap of boxes that the host has not, and stays on the drivable area
//! (or the lanes, where a map has no areas): nothing that no car could do.

mod bounds;
mod checks;
mod commit;
mod conflict;
mod draw;
mod edit;
mod grid;
mod ground;
mod host;
mod insert;
mod item;
mod lane_path;
mod measure;
mod react;
mod recipes;
mod relate;
mod reproduce;
mod rows;
mod sight;
mod smooth;
mod walk;
mod write;

pub use bounds::{BOUNDS, Bound};
pub use checks::{Check, Checks, Side};
pub use commit::{ComposeOptions, ComposeReport, compose};
pub use draw::Draw;
pub use edit::{Candidate, Rejection, edit};
pub use host::HostScene;
pub use item::ComposedDrive;
pub use recipes::{
    Cargo, CargoOrigin, Cover, Crosses, CutsIn, Drops, LeadBrakes, Parameters, Recipe, StepsOut,
    candidates,
};
pub use reproduce::{Difference, Reproduction, recompose, reproduce};
pub use walk::{Flank, Person};
