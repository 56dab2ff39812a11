//! The command line from end to end, as a user runs it: the binary of this build, on folders of the test.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "tests stop at the first surprise"
)]

mod bad_input;
mod harness;
mod peers;
mod real_drives;
mod release_gate;
mod simulated_round;
