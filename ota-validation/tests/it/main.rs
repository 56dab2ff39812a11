//! The gate from outside: real score files, made-up scores, and a lake.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests stop at the first surprise"
)]

mod attest;
mod calibration;
mod fixture;
mod lake;
mod planner_scores;
mod releases;
mod score_files;
mod score_meaning;
mod score_rows;
mod scores;
#[allow(dead_code, reason = "the benchmark uses the rest")]
mod simulate;
