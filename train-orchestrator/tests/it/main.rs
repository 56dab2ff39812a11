//! Runs of real processes: shell scripts as trainers, and the worker itself.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise, in its helpers too"
)]

mod clocks;
mod commands;
mod faults;
#[path = "../../worker/tests/it/fixture.rs"]
#[expect(unreachable_pub, reason = "shared with the tests of the worker")]
mod fixture;
mod gang;
mod policy;
mod predict_step;
mod queue;
mod scheduler;
mod setup;
mod takeover;
mod worker;
