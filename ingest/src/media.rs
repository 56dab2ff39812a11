//! Where the bytes of frames go.

use std::collections::BTreeMap;

use bytes::Bytes;
use driveloop_lake::{Lake, PackRange, PackWriter};
use tokio::runtime::Handle;

use crate::error::Result;

/// Stores the bytes of frames, unchanged.
pub(crate) trait MediaSink {
    /// Adds a frame of a sensor; frames of a sensor come in the order of the log.
    fn append(&mut self, sensor: &str, bytes: &Bytes) -> Result<PackRange>;
}

/// Packs of a lake. Blocks: for `spawn_blocking` threads.
pub(crate) struct LakeMedia {
    lake: Lake,
    log_id: String,
    runtime: Handle,
    writers: BTreeMap<String, PackWriter>,
}

impl LakeMedia {
    pub(crate) fn new(lake: Lake, log_id: String, runtime: Handle) -> Self {
        Self {
            lake,
            log_id,
            runtime,
            writers: BTreeMap::new(),
        }
    }

    /// Closes the packs; without it the last of each sensor does not come to be.
    pub(crate) fn finish(self) -> Result<()> {
        for writer in self.writers.into_values() {
            self.runtime.block_on(writer.finish())?;
        }
        Ok(())
    }
}

impl MediaSink for LakeMedia {
    fn append(&mut self, sensor: &str, bytes: &Bytes) -> Result<PackRange> {
        let writer = self
            .writers
            .entry(sensor.to_owned())
            .or_insert_with(|| PackWriter::new(&self.lake, &self.log_id, sensor));
        Ok(self.runtime.block_on(writer.append(bytes))?)
    }
}
