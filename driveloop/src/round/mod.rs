//! The round: the whole loop from one file.
//!
//! Stages never call each other: each reads tables and commits new versions. The round runs them in order, and skips
//! one whose key it has in its journal: a digest of the stage's parameters and of what the stages before it left.
//! A killed round, run again, finds the key of the unfinished stage missing and runs that stage again, which completes
//! what it had begun (its commits carry transaction ids).

mod command;
mod config;
mod facts;
mod history;
mod previous;
mod run;
mod stages;
mod summary;

pub(crate) use config::RoundConfig;
pub(crate) use history::history;
pub(crate) use previous::Previous;
pub(crate) use run::{Plan, RoundOptions, plan, run};
pub(crate) use summary::print as print_summary;
