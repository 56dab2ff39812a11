//! Integration tests: functions, SQL, catalogue, mining and datasets over a lake on disk.

mod catalogue;
mod dataset;
mod functions;
mod mining;
mod scene;
mod sql;
