//! The lake: Delta tables, media packs and journals under one URI, on any object store.
//!
//! A lake is a folder, a prefix of an `s3://`, `gs://` or `az://` bucket, or `memory://` for as long as a process lives; nothing else
//! has to run. Credentials and endpoints come from the usual environment variables of the cloud (`AWS_…`, `GOOGLE_…`, `AZURE_…`), or
//! from a [`Config`], which also holds the [`Limits`]: retries of a store that fails, attempts against other writers, sizes of files.
//!
//! * [`Lake`] reads and commits the tables of `driveloop-schemas`. Each [`Commit`] records its lineage (stage, parameters,
//!   seed, input table versions, run) and transaction ids: a commit whose ids are there already changes nothing. A commit is one
//!   conditional put, and asks the store for as much after a thousand others as after none.
//! * [`TableStage`] writes many rows to the store as they come; [`Lake::commit_staged`] makes them visible at once.
//! * [`Lake::as_of`] shows the tables as they were, by version or time.
//! * [`Lake::optimize`], [`Lake::vacuum`] and [`Lake::check`] keep a lake: few files, none that nobody reads, all of them whole.
//! * [`PackWriter`] stores media bytes unchanged, many to an object; a row holds pack, offset and length.
//! * [`Journal`] is a sequence of entries written by conditional put, so that two runs cannot drive one thing.
//! * [`Store`] is the object store itself: logs are read through it, reports are written through it.
//! * [`conformance`] is what a store has to hold, as a suite that can be run on any.
//!
//! # What is seen
//!
//! A drive is seen wholly or not at all. Its row in `drive` is committed last; the rows of its other tables are hidden from queries
//! until then. A session opens `drive` first, and keeps the version that it has of each table. A file that was written and never
//! committed is seen by nobody, and [`Lake::vacuum`] removes it in time.
//!
//! [`Lake::remove_drives`] is the other way round: the row in `drive` goes first, and what was made of the drive goes with it.
//!
//! A store may do what was asked and lose the answer. What is written under a condition carries a mark of its writer, by which
//! the writer knows its own when it tries again; a commit that meets others looks for its transaction ids among them.
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
//!     composed: Some(false),
//! };
//! let commit = Commit::new("ingest", "run-1").with_transactions(["speed/drive-1"]);
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
mod content;
mod delta;
mod digest;
mod error;
mod file_writer;
mod history;
mod journal;
mod lake;
mod listing;
mod local;
mod log;
mod maintain;
mod migrate;
mod pack;
mod pages;
mod remove;
mod replace;
mod resume;
mod settle;
mod stage;
mod store;
mod store_writer;
mod transactions;
mod visible;
mod walk;
mod write;

pub use as_of::AsOf;
pub use commit::{Commit, Outcome, Versions};
pub use config::{Config, Limits};
pub use digest::{digest, sql_literal};
pub use error::{Error, Result};
pub use history::CommitRecord;
pub use journal::Journal;
pub use lake::{COMPOSED_SCHEMA, Lake};
pub use listing::{Listed, ObjectEntry, Unlisted};
pub use maintain::{
    CheckDepth, CheckReport, Optimized, Problem, TableCheck, VacuumMode, Vacuumed, Wrong,
};
pub use pack::{PackRange, PackWriter};
pub use remove::{LostDrive, Removal};
pub use stage::{Staged, TableStage};
pub use store::Store;
pub use store_writer::StoreWriter;
pub use transactions::TransactionIds;
pub use visible::{DriveTransaction, next_transaction, start_of};

/// Batches of a query, as they arrive.
pub use datafusion::execution::SendableRecordBatchStream;
