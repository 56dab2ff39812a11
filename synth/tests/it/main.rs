//! Tests of simulation and composition.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests stop at the first surprise"
)]

mod compose_lake;
mod compose_scenes;
mod scenes;
mod simulated_logs;
mod traffic_world;
