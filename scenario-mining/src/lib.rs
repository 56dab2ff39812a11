//! Scenario search: SQL with driving functions, a catalogue of scenarios, episodes, and the datasets made from them.
//!
//! * [`session`] is a DataFusion session over a lake with the driving functions ([`docs`] lists them) and the views `scene`,
//!   in which every actor stands next to the ego's own state, and `drive_map`, in which the functions look places up.
//!   [`Reader`] runs statements that only read, within bounds.
//! * [`Catalogue`] holds scenarios: `.sql` files with a header, those of the program and those of the user.
//! * [`mine`] runs them and writes `episode`. A repeated run commits nothing.
//! * [`dataset`] freezes samples from episodes and background, split by drive, and exports them as tensors.
//!
//! Not here: decoding logs, composing drives, training. Scenarios see tracks, not pixels.
//!
//! ```
//! use driveloop_lake::Lake;
//! use driveloop_scenario_mining::{Catalogue, MineOptions, mine};
//!
//! # let runtime = tokio::runtime::Runtime::new()?;
//! # let folder = tempfile::tempdir()?;
//! # let uri = folder.path().display().to_string();
//! # runtime.block_on(async {
//! let lake = Lake::open(&uri).await?;
//! let report = mine(&lake, &Catalogue::builtin()?, &MineOptions::new("run-1")).await?;
//! assert_eq!(report.drives, 0); // an empty lake
//! # Ok::<(), driveloop_scenario_mining::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod catalogue;
pub mod dataset;
mod error;
mod fault;
#[cfg(test)]
mod fixtures;
mod functions;
mod kinematics;
mod mine;
mod operators;
mod path;
mod selectors;
mod session;
mod sql;
mod statement;
mod vocabulary;

pub use catalogue::{Catalogue, ParamValue, Scenario, ScenarioParam, Severity};
pub use error::{Error, Result};
pub use fault::{Fault, Place};
pub use functions::{FunctionDoc, docs};
pub use mine::{MineLimits, MineOptions, MineReport, ScenarioCount, Searched, mine};
pub use operators::{OperatorDoc, OperatorLimits, operator_docs, query, register_operators};
pub use session::{SessionOptions, Spill, session, session_with};
pub use sql::{Answer, AnswerKind, Reader, sql};
pub use statement::{Statement, statements};
pub use vocabulary::{Vocabulary, vocabulary};
