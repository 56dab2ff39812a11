//! Tests of simulation and composition.

mod compose_lake;
mod compose_scenes;
mod scenes;
mod simulated_logs;
mod traffic_world;
