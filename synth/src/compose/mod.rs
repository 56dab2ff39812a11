//! Composed drives: mined episodes, edited.
//!
//! [`edit`] is pure: a [`HostScene`] and [`Parameters`] give a [`Candidate`] or a [`Rejection`] that names the check that failed.
//! [`compose`] reads episodes and hosts from a lake, draws parameters from seeded grids, and commits what passed as drives of
//! origin `composed`, with a `synthetic_item` row for each candidate, accepted or not. [`recompose`] makes the same drive
//! again from its row.

mod checks;
mod commit;
mod edit;
mod grid;
mod host;
mod item;
mod react;
mod recipes;
mod rows;

pub use checks::{Check, Checks, Side};
pub use commit::{ComposeOptions, ComposeReport, compose, recompose};
pub use edit::{Candidate, Rejection, edit};
pub use host::HostScene;
pub use item::ComposedDrive;
pub use recipes::{CutsIn, LeadBrakes, Parameters, Recipe, candidates};
