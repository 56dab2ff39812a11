//! A batch of drives becomes rows of the lake: facts first, the `drive` rows last, each drive once.

use std::collections::BTreeSet;

use driveloop_lake::{Commit, Lake};
use driveloop_schemas::{Drive, Row as _};

use crate::decoded::ReadDrive;
use crate::error::Result;
use crate::facts::{DriveFacts, DriveKey};
use crate::sink::write;

/// Drives that are committed together.
#[derive(Default)]
pub(crate) struct Batch {
    drives: Vec<ReadDrive>,
    bytes: usize,
}

impl Batch {
    pub(crate) fn add(&mut self, drive: ReadDrive) {
        self.bytes += drive.facts.bytes();
        self.drives.push(drive);
    }

    pub(crate) fn drives(&self) -> usize {
        self.drives.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Commits the batch. `commit` says stage, parameters and run.
    ///
    /// What the drives take the place of goes first. Each table is committed once for all drives that it lacks, so that a batch which a
    /// killed run began is completed, not doubled.
    pub(crate) async fn commit(mut self, lake: &Lake, commit: &Commit) -> Result<()> {
        let replaced = self.drives.iter().flat_map(|read| &read.identity.replaces);
        lake.remove_drives(&replaced.cloned().collect(), commit)
            .await?;
        self.drives
            .sort_by(|a, b| a.drive.log_id.cmp(&b.drive.log_id));
        for table in 0..DriveFacts::default().tables().len() {
            self.table(lake, commit, table).await?;
        }
        let missing = self.missing(lake, Drive::SPEC.name).await?;
        let lacks = |read: &&ReadDrive| missing.contains(&read.identity.transaction);
        let lacking = self.drives.iter().filter(lacks);
        let drives: Vec<Drive> = lacking.map(|read| read.drive.clone()).collect();
        if !drives.is_empty() {
            let commit = commit.clone().with_transactions(missing);
            lake.append(&drives, &commit).await?;
        }
        Ok(())
    }

    /// Commits the rows of the drives that the table lacks. A table that gets no row gets no commit.
    async fn table(&mut self, lake: &Lake, commit: &Commit, table: usize) -> Result<()> {
        let Some(first) = self.drives.first() else {
            return Ok(());
        };
        let spec = first.facts.tables()[table].spec();
        let has_rows = |read: &ReadDrive| {
            read.facts.tables()[table].len() > 0 || read.spilled.staged.contains_key(spec.name)
        };
        if !self.drives.iter().any(has_rows) {
            return Ok(());
        }
        let missing = self.missing(lake, spec.name).await?;
        let mut stage = lake.stage(spec);
        let mut spilled = Vec::new();
        for read in &mut self.drives {
            if !missing.contains(&read.identity.transaction) {
                continue;
            }
            let key = DriveKey {
                log_id: &read.drive.log_id,
                day: read.drive.day,
            };
            write(&mut stage, read.facts.tables()[table], key).await?;
            spilled.extend(read.spilled.staged.remove(spec.name));
        }
        let mut staged = stage.finish().await?;
        for pieces in spilled {
            staged.merge(pieces);
        }
        if !staged.is_empty() {
            let commit = commit.clone().with_transactions(missing);
            lake.commit_staged(staged, &commit).await?;
        }
        Ok(())
    }

    /// The transactions of the batch that a table lacks.
    async fn missing(&self, lake: &Lake, table: &str) -> Result<BTreeSet<String>> {
        let all: Vec<String> = self
            .drives
            .iter()
            .map(|read| read.identity.transaction.clone())
            .collect();
        Ok(lake.missing(table, &all).await?.into_iter().collect())
    }
}
