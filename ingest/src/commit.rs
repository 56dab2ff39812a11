//! A batch of drives becomes rows of the lake: facts first, the `drive` rows last, each drive once.

use std::collections::BTreeSet;

use driveloop_lake::{Commit, Lake};
use driveloop_schemas::Row;

use crate::decoded::DriveRows;
use crate::error::Result;

/// Drives that are committed together.
#[derive(Default)]
pub(crate) struct Batch {
    /// Drive and transaction id of each.
    ids: Vec<(String, String)>,
    rows: DriveRows,
}

impl Batch {
    pub(crate) fn add(&mut self, log_id: String, transaction: String, mut rows: DriveRows) {
        self.ids.push((log_id, transaction));
        self.rows.append(&mut rows);
    }

    pub(crate) fn drives(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.rows.bytes()
    }

    /// Commits the batch. `commit` says stage, parameters and run.
    ///
    /// Each table is committed once for all drives that it lacks, so that a batch which a killed run began is completed, not doubled.
    pub(crate) async fn commit(mut self, lake: &Lake, commit: &Commit) -> Result<()> {
        self.rows.sort();
        let ids = &self.ids;
        append(lake, commit, ids, self.rows.ego_states, |row| &row.log_id).await?;
        append(lake, commit, ids, self.rows.object_tracks, |row| {
            &row.log_id
        })
        .await?;
        append(lake, commit, ids, self.rows.signals, |row| &row.log_id).await?;
        append(lake, commit, ids, self.rows.camera_frames, |row| {
            &row.log_id
        })
        .await?;
        append(lake, commit, ids, self.rows.lidar_sweeps, |row| &row.log_id).await?;
        append(lake, commit, ids, self.rows.calibrations, |row| &row.log_id).await?;
        append(lake, commit, ids, self.rows.lanes, |row| &row.log_id).await?;
        append(lake, commit, ids, self.rows.map_areas, |row| &row.log_id).await?;
        append(lake, commit, ids, self.rows.findings, |row| &row.log_id).await?;
        append(lake, commit, ids, self.rows.drives, |row| &row.log_id).await
    }
}

/// Appends the rows of the drives that the table lacks. A table that gets no row gets no commit.
async fn append<R: Row>(
    lake: &Lake,
    commit: &Commit,
    ids: &[(String, String)],
    mut rows: Vec<R>,
    log_id: fn(&R) -> &String,
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let all: Vec<String> = ids
        .iter()
        .map(|(_, transaction)| transaction.clone())
        .collect();
    let missing: BTreeSet<String> = lake
        .missing(R::SPEC.name, &all)
        .await?
        .into_iter()
        .collect();
    let lacks = |(log_id, transaction): &(String, String)| {
        missing.contains(transaction).then(|| log_id.clone())
    };
    let drives: BTreeSet<String> = ids.iter().filter_map(lacks).collect();
    rows.retain(|row| drives.contains(log_id(row)));
    if rows.is_empty() {
        return Ok(());
    }
    let commit = commit.clone().with_transactions(missing);
    lake.append(&rows, &commit).await?;
    Ok(())
}
