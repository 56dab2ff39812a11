//! The tables of driveloop: one typed row and one Arrow schema each.
//!
//! A stage reads rows of some tables and writes rows of others; this crate is all that stages share.
//! It knows Arrow and nothing else: no files, no network, no clock, no async.
//!
//! * [`tables`] has a file per table. A row type such as [`ObjectTrack`] converts to and from an Arrow record batch.
//! * [`TABLES`] lists their specifications: name, key, partitioning, and for each column its type, unit, frame and meaning.
//! * [`migrations`] brings rows of older versions of a table up to date.
//! * Ids such as [`LogId`] and [`TrackId`] are types of their own.
//! * [`time`], [`pose`] and [`geometry`] are the shared conventions: nanoseconds since the Unix epoch (UTC),
//!   right-handed frames with x forward, y left, z up, metres, radians, quaternions `w, x, y, z`.
//! * [`maths`] has the functions that rows are computed with, the same bits on every processor.
//! * [`forecast`] is the shape of a training sample of the motion forecaster, between the exporter and the worker.
//!
//! ```
//! use driveloop_schemas::{Row, Signal, time::day_from_stamp_ns};
//!
//! let row = Signal {
//!     log_id: "drive-1".into(),
//!     day: day_from_stamp_ns(0),
//!     stamp_ns: 0,
//!     name: "wheel_speed".into(),
//!     value: Some(12.5),
//!     text: None,
//!     unit: Some("m/s".into()),
//!     source: "/vehicle/status".into(),
//!     composed: Some(false),
//! };
//! let batch = Signal::to_batch(std::slice::from_ref(&row))?;
//! assert_eq!(Signal::from_batch(&batch)?, vec![row]);
//! # Ok::<(), driveloop_schemas::Error>(())
//! ```

mod column;
mod error;
pub mod forecast;
pub mod geometry;
mod ids;
pub mod markdown;
pub mod maths;
pub mod migrations;
pub mod pose;
mod table;
pub mod tables;
pub mod time;

pub use column::{ColumnSpec, ColumnValue};
pub use error::{Error, Result};
pub use ids::{EpisodeId, ItemId, LaneId, LogId, SampleId, TrackId};
pub use table::{Row, TableSpec};
pub use tables::*;
