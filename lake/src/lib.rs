//! The lake: Delta tables, media packs and journals under one URI, on any object store.
//!
//! A lake is a folder, or a prefix of an `s3://`, `gs://` or `az://` bucket; nothing else has to run.
//! Credentials and endpoints come from the usual environment variables of the cloud (`AWS_…`, `GOOGLE_…`, `AZURE_…`).
//!
//! * [`Lake`] reads and commits the tables of `driveloop-schemas`. Each [`Commit`] records its lineage (stage, parameters,
//!   seed, input table versions, run) and transaction ids: a commit whose ids are there already changes nothing.
//! * [`PackWriter`] stores media bytes unchanged, many to an object; a row holds pack, offset and length.
//! * [`Journal`] is a sequence of entries written by conditional put, so that two runs cannot drive one thing.
//! * [`Store`] is the object store itself: logs are read through it, reports are written through it.
//!
//! Not here: what the rows mean (`schemas`), the driving functions of SQL (`scenario-mining`).
//!
//! ```
//! use driveloop_lake::{Commit, Lake};
//! use driveloop_schemas::{Row, Signal, time::day_from_stamp_ns};
//!
//! # let runtime = tokio::runtime::Runtime::new()?;
//! # let folder = tempfile::tempdir()?;
//! # let uri = folder.path().display().to_string();
//! # runtime.block_on(async {
//! let lake = Lake::open(&uri).await?;
//! let row = Signal {
//!     log_id: "drive-1".into(), day: day_from_stamp_ns(0), stamp_ns: 0, name: "speed".into(),
//!     value: Some(3.0), text: None, unit: Some("m/s".into()), source: "/odom".into(),
//! };
//! let commit = Commit::new("ingest", "run-1").with_transactions(["drive/drive-1"]);
//! lake.append(&[row.clone()], &commit).await?;
//! lake.append(&[row], &commit).await?; // again: nothing happens
//! assert_eq!(lake.read::<Signal>(None).await?.len(), 1);
//! # Ok::<(), driveloop_lake::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod as_of;
mod backend;
mod catalog;
mod commit;
mod config;
pub mod conformance;
mod delta;
mod digest;
mod error;
mod history;
mod journal;
mod lake;
mod log;
mod maintain;
mod migrate;
mod pack;
mod settle;
mod stage;
mod store;
mod store_writer;
mod transactions;
mod visible;
mod write;

pub use as_of::AsOf;
pub use commit::{Commit, Outcome, Versions};
pub use config::{Config, Limits};
pub use digest::{digest, sql_literal};
pub use error::{Error, Result};
pub use history::CommitRecord;
pub use journal::Journal;
pub use lake::{COMPOSED_SCHEMA, Lake};
pub use maintain::{CheckReport, Optimized, Problem, TableCheck, VacuumMode, Vacuumed, Wrong};
pub use pack::{PackRange, PackWriter};
pub use stage::{Staged, TableStage};
pub use store::{ObjectEntry, Store};
pub use store_writer::StoreWriter;

/// Batches of a query, as they arrive.
pub use datafusion::execution::SendableRecordBatchStream;
