//! Tests of simulation and composition.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests stop at the first surprise"
)]

mod closed_loop;
mod compose_inserted;
mod compose_lake;
mod compose_scenes;
mod decoded;
mod idm;
mod peers;
mod scenes;
mod simulated_bus;
mod simulated_logs;
mod simulated_truth;
mod traffic_world;
