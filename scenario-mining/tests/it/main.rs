//! Integration tests: functions, SQL, catalogue, mining and datasets over a lake on disk.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first surprise, in its helpers too"
)]

mod catalogue;
mod dataset;
mod functions;
mod map;
mod mining;
mod operators;
mod real_maps;
mod refav;
mod scene;
mod selectors;
mod splits;
mod sql;
mod tracks;
