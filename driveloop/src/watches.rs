//! What watches of sources did, as the lake keeps it: an object each, written after each look.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use driveloop_ingest::{DriveOutcome, DriveReport, Look};
use driveloop_lake::{Lake, digest};
use serde::{Deserialize, Serialize};

use crate::words::count;

/// Where they lie in a lake.
const FOLDER: &str = "watches";
/// Failures that are told: the last ones.
const FAILED_MAX: usize = 100;

/// What a watch did, since it was first begun on this source.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Watched {
    pub(crate) source: String,
    /// Nanoseconds since the Unix epoch.
    pub(crate) looked_ns: i64,
    pub(crate) every_s: u64,
    pub(crate) looks: u64,
    /// Drives that were committed.
    pub(crate) taken: u64,
    /// Logs that are not whole yet.
    pub(crate) waiting: u64,
    pub(crate) failed: Vec<Failure>,
    /// Why the last look failed as a whole.
    pub(crate) error: Option<String>,
}

/// A drive that could not be taken up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) place: String,
    pub(crate) reason: String,
}

impl Watched {
    /// What the lake has of the watch of a source.
    pub(crate) async fn of(lake: &Lake, source: &str) -> Result<Self> {
        let path = path(source);
        let before = if lake.store().exists(&path).await? {
            read(lake, &path).await?
        } else {
            Self::default()
        };
        let source = source.to_owned();
        Ok(Self { source, ..before })
    }

    /// Every watch of a lake, by source.
    pub(crate) async fn all(lake: &Lake) -> Result<Vec<Self>> {
        let mut all = Vec::new();
        for entry in lake.store().list(&format!("{FOLDER}/")).await? {
            all.push(read(lake, &entry.path).await?);
        }
        all.sort_by(|a, b| a.source.cmp(&b.source));
        Ok(all)
    }

    /// Counts a look in.
    pub(crate) fn add(&mut self, look: &Look) {
        self.looks += 1;
        self.error = None;
        self.taken += look.report.committed() as u64;
        self.waiting = look.waiting.len() as u64;
        for drive in &look.report.drives {
            self.add_drive(drive);
        }
        let over = self.failed.len().saturating_sub(FAILED_MAX);
        self.failed.drain(..over);
    }

    fn add_drive(&mut self, drive: &DriveReport) {
        self.failed
            .retain(|failed| failed.place != drive.source_uri);
        if let DriveOutcome::Failed { reason } = &drive.outcome {
            self.failed.push(Failure {
                place: drive.source_uri.clone(),
                reason: reason.clone(),
            });
        }
    }

    pub(crate) async fn write(&self, lake: &Lake) -> Result<()> {
        let json = serde_json::to_vec_pretty(self)?;
        let path = path(&self.source);
        Ok(lake.store().put(&path, Bytes::from(json)).await?)
    }

    /// One line.
    pub(crate) fn line(&self, now_ns: i64) -> String {
        let ago_s = now_ns.saturating_sub(self.looked_ns).max(0) / 1_000_000_000;
        let failed = match self.failed.len() {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        let waiting = match self.waiting {
            0 => String::new(),
            waiting => format!(", {waiting} not whole yet"),
        };
        let is_late = ago_s > 3 * self.every_s as i64 + 60;
        let ended = if is_late {
            ": it seems to have ended"
        } else {
            ""
        };
        format!(
            "{}: {} taken up{failed}{waiting}; looked {ago_s} s ago{ended}",
            self.source,
            count(self.taken, "drive")
        )
    }
}

fn path(source: &str) -> String {
    format!("{FOLDER}/{}.json", &digest([source])[..16])
}

async fn read(lake: &Lake, path: &str) -> Result<Watched> {
    let bytes = lake.store().get(path).await?;
    serde_json::from_slice(&bytes)
        .with_context(|| format!("`{path}` in the lake is no record of a watch: remove it"))
}
