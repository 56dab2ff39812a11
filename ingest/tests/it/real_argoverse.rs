//! The three real Argoverse 2 drives, where they are there.

use std::path::PathBuf;

use driveloop_ingest::{DriveOutcome, IngestOptions, ingest};
use driveloop_lake::Lake;
use driveloop_schemas::{Calibration, Drive, EgoState, Lane, LidarSweep, MapArea, ObjectTrack};

use crate::shared;

fn logs() -> Option<PathBuf> {
    shared("argoverse2/sensor/val")
}

#[tokio::test(flavor = "multi_thread")]
async fn three_drives_land_once_with_all_their_rows() {
    let Some(logs) = logs() else { return };
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(folder.path().to_str().unwrap()).await.unwrap();
    let options = IngestOptions::new("run-1");
    let report = ingest(&lake, logs.to_str().unwrap(), &options, &|_| {})
        .await
        .unwrap();
    assert_eq!(report.committed(), 3, "{report:#?}");
    assert!(!report.has_losses(), "{report:#?}");

    let tracks = lake.read::<ObjectTrack>(None).await.unwrap();
    // Counted with pyarrow: rows, tracks and stamps without and with the ego.
    assert_eq!(
        tracks
            .iter()
            .filter(|row| row.category != "EGO_VEHICLE")
            .count(),
        37_105
    );
    assert_eq!(
        tracks
            .iter()
            .filter(|row| row.category == "EGO_VEHICLE")
            .count(),
        157 + 156 + 156
    );
    for (log, ids, stamps) in [
        ("3b3570b4", 120, 157),
        ("7fab2350", 115, 156),
        ("adcf7d18", 147, 156),
    ] {
        let rows = || tracks.iter().filter(|row| row.log_id.starts_with(log));
        assert_eq!(
            rows()
                .map(|row| &row.track_id)
                .collect::<std::collections::BTreeSet<_>>()
                .len(),
            ids
        );
        assert_eq!(
            rows()
                .map(|row| row.stamp_ns)
                .collect::<std::collections::BTreeSet<_>>()
                .len(),
            stamps
        );
    }
    let states = lake.read::<EgoState>(None).await.unwrap();
    assert_eq!(states.len(), 8_037);
    assert!(states.iter().all(|state| {
        state
            .speed_mps
            .is_some_and(|speed| (-1.0..16.0).contains(&speed))
    }));
    assert!(
        states
            .iter()
            .all(|state| state.accel_mps2.is_some_and(|accel| accel.abs() < 6.0))
    );
    let sweeps = lake.read::<LidarSweep>(None).await.unwrap();
    assert_eq!(
        sweeps.iter().map(|sweep| sweep.points).collect::<Vec<_>>(),
        [Some(99_229), Some(99_466)]
    );
    assert_eq!(
        lake.read::<Lane>(None).await.unwrap().len(),
        199 + 150 + 183
    );
    assert_eq!(
        lake.read::<MapArea>(None).await.unwrap().len(),
        11 + 8 + 6 + 5 + 11 + 13
    );
    assert_eq!(lake.read::<Calibration>(None).await.unwrap().len(), 11);
    let drives = lake.read::<Drive>(None).await.unwrap();
    assert_eq!(
        drives
            .iter()
            .map(|drive| drive.region.as_deref())
            .collect::<Vec<_>>(),
        [Some("MIA"), Some("PIT"), Some("PIT")]
    );

    let versions = lake.versions().await.unwrap();
    let again = ingest(&lake, logs.to_str().unwrap(), &options, &|_| {})
        .await
        .unwrap();
    assert!(
        again
            .drives
            .iter()
            .all(|drive| drive.outcome == DriveOutcome::AlreadyThere),
        "{again:#?}"
    );
    assert_eq!(lake.versions().await.unwrap(), versions);
}

#[tokio::test(flavor = "multi_thread")]
async fn media_bytes_are_the_files_bytes() {
    let Some(logs) = logs() else { return };
    let folder = tempfile::tempdir().unwrap();
    let lake = Lake::open(folder.path().to_str().unwrap()).await.unwrap();
    let log = logs.join("7fab2350-7eaf-3b7e-a39d-6937a4c1bede");
    ingest(
        &lake,
        log.to_str().unwrap(),
        &IngestOptions::new("run-1"),
        &|_| {},
    )
    .await
    .unwrap();
    for sweep in lake.read::<LidarSweep>(None).await.unwrap() {
        let range = sweep.offset as u64..(sweep.offset + sweep.length) as u64;
        let stored = lake.store().get_range(&sweep.pack, range).await.unwrap();
        let file = log.join(format!("sensors/lidar/{}.feather", sweep.stamp_ns));
        assert_eq!(stored, std::fs::read(file).unwrap());
    }
}
