//! Integration tests of the ingest.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::too_many_lines,
    reason = "tests stop at the first surprise"
)]

mod argoverse;
mod bags;
mod bus_log;
mod buses;
mod cases;
mod cdr;
mod changed;
mod comma2k19;
mod dbc;
mod dbc_statements;
mod feather;
mod foxglove;
mod frames;
mod idl;
mod j1939;
mod kitti;
mod limits;
mod limits_contents;
mod long_log;
mod mcap_damage;
mod mcap_log;
mod mcap_memory;
mod mcap_reading;
mod mdf4;
mod mdf4_damage;
mod mdf4_log;
mod nuscenes;
mod own_format;
mod real_argoverse;
mod real_nuscenes;
mod source_names;

use std::path::{Path, PathBuf};

use driveloop_ingest::{IngestOptions, IngestReport, Result, ingest};
use driveloop_lake::Lake;
use driveloop_schemas::{Finding, Row};

/// A folder or file of the data for tests, where it is there.
fn shared(path: &str) -> Option<PathBuf> {
    let data = std::env::var_os("DRIVELOOP_TEST_DATA").map(PathBuf::from);
    let data =
        data.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"));
    let path = data.join(path);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: no {}", path.display());
    None
}

/// A folder with what a program of `tests/peers` wrote; none where the packages that it needs are absent, which is said.
fn written_by(program: &str) -> Option<tempfile::TempDir> {
    let Ok(peers) = std::env::var("DRIVELOOP_PEERS") else {
        eprintln!("skipped: no DRIVELOOP_PEERS");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
    let written = std::process::Command::new("python3")
        .args([&programs.join(program), folder.path()])
        .env("PYTHONPATH", peers)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&written.stderr);
    assert!(written.status.success(), "{said}");
    Some(folder)
}

/// A log cut, and with an octet altered, at about so many places; each with its place.
fn altered_and_cut(whole: &[u8], places: usize) -> impl Iterator<Item = (usize, Vec<u8>)> {
    let step = whole.len() / places + 1;
    (0..whole.len()).step_by(step).flat_map(|at| {
        let mut altered = whole.to_vec();
        altered[at] ^= 0x41;
        [(at, whole[..at].to_vec()), (at, altered)]
    })
}

/// A lake of a test.
struct TestLake {
    folder: tempfile::TempDir,
    lake: Lake,
}

impl TestLake {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(folder.path().to_str().unwrap()).await.unwrap();
        Self { folder, lake }
    }

    async fn ingest(&self, source: &Path) -> Result<IngestReport> {
        self.ingest_with(source, &IngestOptions::new("run-1")).await
    }

    async fn ingest_with(&self, source: &Path, options: &IngestOptions) -> Result<IngestReport> {
        ingest(&self.lake, source.to_str().unwrap(), options, &|_| {}).await
    }

    /// A new lake with what these bytes of an MCAP file, `a.mcap`, hold.
    async fn of_log(bytes: &[u8], options: &IngestOptions) -> (Self, IngestReport) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.mcap");
        std::fs::write(&file, bytes).unwrap();
        let test = Self::new().await;
        let report = test.ingest_with(&file, options).await.unwrap();
        (test, report)
    }

    async fn rows<R: Row>(&self) -> Vec<R> {
        self.lake.read::<R>(None).await.unwrap()
    }

    /// Check, subject, count and dropped of each finding.
    async fn findings(&self) -> Vec<(String, String, i64, i64)> {
        let rows = self.rows::<Finding>().await;
        rows.into_iter()
            .map(|row| (row.check, row.subject, row.count, row.dropped))
            .collect()
    }

    /// The lake as a run leaves it that was killed before it committed this table, opened anew.
    async fn forget_table(&mut self, table: &str) {
        std::fs::remove_dir_all(self.folder.path().join("tables").join(table)).unwrap();
        self.lake = Lake::open(self.folder.path().to_str().unwrap())
            .await
            .unwrap();
    }
}
