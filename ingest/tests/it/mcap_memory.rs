//! How a log is cut into chunks, and how much of it is held in memory, changes no row.

use driveloop_ingest::{IngestOptions, Limits, ingest};
use driveloop_schemas::{BusFrame, CameraFrame, EgoState, Finding, Lane, ObjectTrack, Row, Signal};
use mcap::Compression;

use crate::TestLake;
use crate::mcap_log::{Shape, log};

pub(crate) async fn ingested(bytes: &[u8], limits: Limits) -> TestLake {
    let options = IngestOptions {
        limits,
        all_signals: true,
        ..IngestOptions::new("run-1")
    };
    let (test, report) = TestLake::of_log(bytes, &options).await;
    assert_eq!(report.committed(), 1);
    test
}

pub(crate) async fn same<R: Row + PartialEq + std::fmt::Debug>(
    a: &TestLake,
    b: &TestLake,
    what: &str,
) {
    let (a, b) = (a.rows::<R>().await, b.rows::<R>().await);
    assert!(!a.is_empty(), "{what}: {} has no rows", R::SPEC.name);
    assert_eq!(a, b, "{what}: {}", R::SPEC.name);
}

/// The images, without the part of the pack's path that is of the bytes of the log.
async fn images(test: &TestLake) -> Vec<CameraFrame> {
    let mut rows = test.rows::<CameraFrame>().await;
    for row in &mut rows {
        let mut parts: Vec<&str> = row.pack.split('/').collect();
        parts.remove(2);
        row.pack = parts.join("/");
    }
    rows
}

async fn all_the_same(a: &TestLake, b: &TestLake, what: &str) {
    let (images_of_a, images_of_b) = (images(a).await, images(b).await);
    assert!(!images_of_a.is_empty(), "{what}");
    assert_eq!(images_of_a, images_of_b, "{what}");
    same::<EgoState>(a, b, what).await;
    same::<ObjectTrack>(a, b, what).await;
    same::<Signal>(a, b, what).await;
    same::<BusFrame>(a, b, what).await;
    same::<Lane>(a, b, what).await;
    same::<Finding>(a, b, what).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_chunking_of_the_same_messages_gives_the_same_rows() {
    let whole = ingested(&log(Shape::default()), Limits::default()).await;
    for chunk_bytes in [None, Some(1), Some(700), Some(1 << 20)] {
        for compression in [None, Some(Compression::Lz4)] {
            let shape = Shape {
                compression,
                chunk_bytes,
                ..Shape::default()
            };
            let other = ingested(&log(shape), Limits::default()).await;
            all_the_same(&whole, &other, &format!("{chunk_bytes:?}")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_sent_ahead_are_the_same_rows() {
    let bytes = log(Shape::default());
    let whole = ingested(&bytes, Limits::default()).await;
    let none_held = Limits {
        spill_bytes_max: 0,
        ..Limits::default()
    };
    let mut spilled = ingested(&bytes, none_held.clone()).await;
    all_the_same(&whole, &spilled, "spilled").await;
    // What was committed before a kill is not doubled: the facts are there, the drive is not.
    spilled.forget_table("drive").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.mcap");
    std::fs::write(&file, &bytes).unwrap();
    let options = IngestOptions {
        limits: none_held,
        all_signals: true,
        ..IngestOptions::new("run-2")
    };
    let again = ingest(&spilled.lake, file.to_str().unwrap(), &options, &|_| {}).await;
    assert_eq!(again.unwrap().committed(), 1);
    all_the_same(&whole, &spilled, "spilled, killed and run again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drive_that_does_not_fit_fails_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.mcap"), log(Shape::default())).unwrap();
    let test = TestLake::new().await;
    let options = IngestOptions {
        limits: Limits {
            drive_bytes_max: 100,
            ..Limits::default()
        },
        ..IngestOptions::new("run-1")
    };
    let report = ingest(
        &test.lake,
        folder.path().to_str().unwrap(),
        &options,
        &|_| {},
    )
    .await;
    let report = report.unwrap();
    let reason = format!("{:?}", report.drives[0].outcome);
    assert!(
        report.failed() == 1 && reason.contains("drive_bytes_max"),
        "{reason}"
    );
}
