//! Runs of real processes: shell scripts as trainers, and the worker itself.

mod commands;
#[path = "../../worker/tests/it/fixture.rs"]
#[expect(unreachable_pub, reason = "shared with the tests of the worker")]
mod fixture;
mod policy;
mod setup;
mod worker;
