//! The invariants of the workspace: who may use what, and how the sources look.
//!
//! Every failure lists the rule and each place that breaks it.

#![allow(clippy::expect_used, reason = "tests stop at the first surprise")]

#[path = "tidy/graph.rs"]
mod graph;
#[path = "tidy/source.rs"]
mod source;
