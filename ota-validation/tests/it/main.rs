//! The gate from outside: real score files, made-up scores, and a lake.

mod calibration;
mod fixture;
mod lake;
mod planner_scores;
mod scores;
