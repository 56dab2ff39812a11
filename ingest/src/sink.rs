//! Where a drive goes while it is read: the bytes of its frames, and rows that need not wait for the end.

use std::collections::BTreeMap;

use driveloop_lake::{Lake, PackRange, PackWriter, Staged, TableStage};
use driveloop_schemas::time::{Day, day_from_stamp_ns};
use tokio::runtime::Handle;

use crate::decoded::Identity;
use crate::error::Result;
use crate::facts::{BATCH_ROWS, DriveFacts, DriveKey, Facts};

/// Takes what a decoder cannot hold until the end of a drive.
pub(crate) trait DriveSink {
    /// Stores the bytes of a frame, unchanged; frames of a sensor come in the order of the log.
    fn append(&mut self, sensor: &str, bytes: &[u8]) -> Result<PackRange>;

    /// Takes the rows of [`DriveFacts::spillable`] and leaves none. `first_ns` is the first stamp of the drive so far.
    fn spill(&mut self, facts: &mut DriveFacts, first_ns: i64) -> Result<()>;
}

/// A drive's media packs and staged rows in a lake. Blocks: for `spawn_blocking` threads.
pub(crate) struct LakeSink {
    lake: Lake,
    log_id: String,
    transaction: String,
    /// Tells the drive from other versions of it.
    version: String,
    runtime: Handle,
    /// The day of the drive, where an earlier reading of it showed that the one at the first spill is not it.
    day: Option<Day>,
    packs: BTreeMap<String, PackWriter>,
    /// By table; none where the table has the drive already.
    stages: BTreeMap<&'static str, Option<TableStage>>,
    spilled: Spilled,
}

/// What was spilled of a drive.
#[derive(Default)]
pub(crate) struct Spilled {
    /// Day that its rows have, where there are any.
    pub(crate) day: Option<Day>,
    pub(crate) span_ns: Option<(i64, i64)>,
    /// Rows by table.
    pub(crate) rows: BTreeMap<&'static str, u64>,
    /// The rows, by table.
    pub(crate) staged: BTreeMap<&'static str, Staged>,
}

impl LakeSink {
    pub(crate) fn new(lake: Lake, identity: &Identity, day: Option<Day>, runtime: Handle) -> Self {
        Self {
            lake,
            log_id: identity.log_id.to_string(),
            transaction: identity.transaction.clone(),
            version: identity.version(),
            runtime,
            day,
            packs: BTreeMap::new(),
            stages: BTreeMap::new(),
            spilled: Spilled::default(),
        }
    }

    /// Closes packs and files; without it the last of them do not come to be.
    pub(crate) fn finish(mut self) -> Result<Spilled> {
        for pack in self.packs.into_values() {
            self.runtime.block_on(pack.finish())?;
        }
        for (table, stage) in self.stages {
            if let Some(stage) = stage {
                let staged = self.runtime.block_on(stage.finish())?;
                self.spilled.staged.insert(table, staged);
            }
        }
        Ok(self.spilled)
    }

    fn spill_table(&mut self, facts: &mut dyn Facts, day: Day) -> Result<()> {
        if facts.len() == 0 {
            return Ok(());
        }
        facts.sort();
        let spec = facts.spec();
        let stage = if let Some(stage) = self.stages.get_mut(spec.name) {
            stage
        } else {
            let ids = [self.transaction.clone()];
            let missing = self.runtime.block_on(self.lake.missing(spec.name, &ids))?;
            let stage = (!missing.is_empty()).then(|| self.lake.stage(spec));
            self.stages.entry(spec.name).or_insert(stage)
        };
        if let Some(stage) = stage {
            let log_id = &self.log_id;
            let key = DriveKey { log_id, day };
            self.runtime.block_on(write(stage, facts, key))?;
        }
        *self.spilled.rows.entry(spec.name).or_default() += facts.len() as u64;
        let spans = [self.spilled.span_ns, facts.span_ns()];
        let spans = spans.into_iter().flatten();
        self.spilled.span_ns = spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        facts.clear();
        Ok(())
    }
}

impl DriveSink for LakeSink {
    fn append(&mut self, sensor: &str, bytes: &[u8]) -> Result<PackRange> {
        let pack = if let Some(pack) = self.packs.get_mut(sensor) {
            pack
        } else {
            let pack = PackWriter::new(&self.lake, &self.log_id, &self.version, sensor);
            self.packs.entry(sensor.to_owned()).or_insert(pack)
        };
        Ok(self.runtime.block_on(pack.append(bytes))?)
    }

    fn spill(&mut self, facts: &mut DriveFacts, first_ns: i64) -> Result<()> {
        let day = self.day.unwrap_or_else(|| day_from_stamp_ns(first_ns));
        let day = *self.spilled.day.get_or_insert(day);
        for facts in facts.spillable() {
            self.spill_table(facts, day)?;
        }
        Ok(())
    }
}

/// Writes all rows of a table, slice by slice.
pub(crate) async fn write(
    stage: &mut TableStage,
    facts: &dyn Facts,
    key: DriveKey<'_>,
) -> Result<()> {
    let rows = facts.len();
    for start in (0..rows).step_by(BATCH_ROWS) {
        let batch = facts.batch(key, start..rows.min(start + BATCH_ROWS))?;
        stage.write(&batch).await?;
    }
    Ok(())
}
