//! The lake on real stores: memory, local disk, an S3 server, and one that fails at times.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests stop at the first surprise"
)]

mod altered;
mod conformance;
mod costs;
mod features;
mod listing;
mod migrations;
mod names;
mod plans;
mod reading;
mod rows;
