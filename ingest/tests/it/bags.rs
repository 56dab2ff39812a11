//! Bags of ROS 1 and recordings of rosbag2 as another program writes them, whole and damaged.

use std::path::{Path, PathBuf};

use driveloop_ingest::{DriveOutcome, IngestReport};
use driveloop_schemas::{Drive, EgoState};

use crate::{TestLake, altered_and_cut, written_by};

const START_NS: i64 = 1_750_000_000_000_000_000;
/// Poses of each log, as many texts beside them.
const POSES: usize = 100;

async fn ingested(log: &Path) -> (TestLake, IngestReport) {
    let test = TestLake::new().await;
    let report = test.ingest(log).await.unwrap();
    (test, report)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_container_and_compression_gives_the_same_rows() {
    let Some(logs) = written_by("bags.py") else {
        return;
    };
    let mut paths: Vec<PathBuf> = std::fs::read_dir(logs.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert_eq!(paths.len(), 9, "{paths:?}");
    for path in paths {
        let (test, report) = ingested(&path).await;
        assert_eq!(report.committed(), 1, "{report:#?}");
        let drive = test.rows::<Drive>().await.remove(0);
        let records = (drive.records_in, drive.records_dropped);
        assert_eq!(
            records,
            (2 * POSES as i64, POSES as i64),
            "{path:?} {report:#?}"
        );
        let states = test.rows::<EgoState>().await;
        assert_eq!(states.len(), POSES, "{path:?}");
        for (state, k) in states.iter().zip(0_i32..) {
            assert_eq!(state.stamp_ns, START_NS + i64::from(k) * 100_000_000);
            assert_eq!(
                (state.x_m, state.y_m, state.z_m),
                (1000.0, 2000.0 + f64::from(k), 0.5)
            );
            assert_eq!(state.speed_mps, Some(10.0));
        }
    }
}

/// Each byte of a small bag in turn: whatever it says then, nothing stops and every record is accounted for.
#[tokio::test(flavor = "multi_thread")]
async fn altered_and_cut_bags_lose_what_is_altered() {
    let Some(logs) = written_by("bags.py") else {
        return;
    };
    let whole = std::fs::read(logs.path().join("bz2.bag")).unwrap();
    let file = logs.path().join("altered.bag");
    for (at, bytes) in altered_and_cut(&whole, 97) {
        std::fs::write(&file, &bytes).unwrap();
        let (test, report) = ingested(&file).await;
        let DriveOutcome::Committed = &report.drives[0].outcome else {
            continue;
        };
        let poses = test.rows::<EgoState>().await.len() as i64;
        let drive = test.rows::<Drive>().await.remove(0);
        assert_eq!(drive.records_in - drive.records_dropped, poses, "byte {at}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_part_is_named() {
    let Some(logs) = written_by("bags.py") else {
        return;
    };
    let folder = logs.path().join("mcap-none");
    let metadata = folder.join("metadata.yaml");
    let text = std::fs::read_to_string(&metadata).unwrap();
    let part = "  - mcap-none.mcap\n";
    let named = text.replace(part, &format!("{part}  - mcap-none_1.mcap\n"));
    assert_ne!(named, text);
    std::fs::write(&metadata, named).unwrap();
    let (test, report) = ingested(&folder).await;
    assert_eq!(report.committed(), 1, "{report:#?}");
    assert!(report.has_losses());
    let findings = test.findings().await;
    assert!(
        findings.iter().any(|found| found.0 == "part_missing"),
        "{findings:?}"
    );
}
