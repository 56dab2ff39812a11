//! The rows of a partition, drive by drive.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::record_batch::RecordBatch;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::scalar::ScalarValue;
use futures::StreamExt as _;

use super::drives::{Collector, Drives};
use super::key::Key;
use super::limits::OperatorLimits;

/// The drives that the partitions of an input have had so far, by hash: 16 bytes each.
///
/// An operator answers for a drive when its last row has passed. Rows of it that come later would make the answer wrong in
/// silence; so they are an error.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<BTreeMap<u64, usize>>);

impl Seen {
    /// Forgets what a partition had: it is read anew.
    fn forget(&self, partition: usize) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, of| *of != partition);
    }

    fn note(&self, rows: &RecordBatch, row: usize, key: &Key, partition: usize) -> Result<()> {
        let mut hasher = DefaultHasher::new();
        ScalarValue::try_from_array(rows.column(key.log), row)?.hash(&mut hasher);
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.insert(hasher.finish(), partition) {
            None => Ok(()),
            Some(_) => Err(DataFusionError::Execution(format!(
                "the rows of drive {} are not together in the files of the table: `driveloop lake optimize` puts them so",
                key.log_id(rows, row)
            ))),
        }
    }
}

/// The rows of a partition of an input, drive by drive; holds one drive, and what of a batch is whole.
pub(super) struct DriveStream {
    input: SendableRecordBatchStream,
    key: Key,
    collector: Collector,
    seen: Arc<Seen>,
    partition: usize,
    reservation: MemoryReservation,
    is_done: bool,
}

impl DriveStream {
    pub(super) fn new(
        input: SendableRecordBatchStream,
        key: Key,
        limits: OperatorLimits,
        seen: Arc<Seen>,
        partition: usize,
        context: &TaskContext,
    ) -> Self {
        seen.forget(partition);
        let consumer = MemoryConsumer::new(format!("rows of a drive[{partition}]"));
        Self {
            input,
            collector: Collector::new(key.clone(), limits.drive_rows_max),
            key,
            seen,
            partition,
            reservation: consumer.register(context.memory_pool()),
            is_done: false,
        }
    }

    /// The next drives; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<Drives>> {
        while !self.is_done {
            let ended = if let Some(rows) = self.input.next().await {
                self.collector.push(&rows?)?
            } else {
                self.is_done = true;
                self.collector.take()?
            };
            self.reservation.try_resize(self.collector.held_bytes())?;
            let Some(rows) = ended else { continue };
            let drives = Drives::new(rows, &self.key)?;
            for drive in &drives.drives {
                let (rows, row) = (&drives.rows, drive.start);
                self.seen.note(rows, row, &self.key, self.partition)?;
            }
            return Ok(Some(drives));
        }
        Ok(None)
    }
}
