//! Reading ROS 2 logs: whole, torn, flipped, hostile.

use std::path::Path;

use driveloop_ingest::{DriveOutcome, IngestOptions, IngestReport, Limits, ingest};
use driveloop_schemas::{
    BusFrame, CameraFrame, Drive, EgoState, Lane, MapArea, ObjectTrack, Signal,
};
use mcap::Compression;

use crate::TestLake;
use crate::mcap_log::{OBJECTS, ODOMETRY, START_NS, Shape, chunks, log};

async fn ingested(bytes: &[u8]) -> (TestLake, IngestReport) {
    TestLake::of_log(bytes, &IngestOptions::new("run-1")).await
}

fn reason(report: &IngestReport) -> &str {
    match &report.drives[0].outcome {
        DriveOutcome::Failed { reason } => reason,
        other => panic!("expected a failure, got {other:?}"),
    }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_becomes_rows() {
    for compression in [Some(Compression::Zstd), Some(Compression::Lz4), None] {
        let (test, report) = ingested(&log(Shape {
            compression,
            ..Shape::default()
        }))
        .await;
        assert_eq!(report.committed(), 1, "{report:#?}");
        let drive = test.rows::<Drive>().await.remove(0);
        assert_eq!(
            (
                drive.log_id.as_str(),
                drive.origin.as_str(),
                drive.region.as_deref()
            ),
            ("drive-1", "simulated", Some("lab"))
        );
        // Odometry; five topics at 10 Hz, two of them with an object each; map with three elements; fix; image.
        let records = ODOMETRY + 5 * OBJECTS + 2 * OBJECTS + 4 + 2;
        assert_eq!(
            (drive.records_in, drive.records_dropped),
            (records as i64, OBJECTS as i64 + 1)
        );
        assert!(test.findings().await.contains(&(
            "unmapped_topic".into(),
            "/chatter".into(),
            20,
            20
        )));

        let states = test.rows::<EgoState>().await;
        assert_eq!(states.len(), ODOMETRY);
        assert!(
            states
                .iter()
                .all(|s| s.kinematics == "measured" && close(s.speed_mps.unwrap(), 10.0))
        );
        assert_eq!(
            (states[0].latitude_deg, states[1].latitude_deg),
            (Some(48.0), None)
        );
        check_tracks(&test.rows::<ObjectTrack>().await);
        let signals = test.rows::<Signal>().await;
        assert_eq!(signals.len(), 3 * OBJECTS);
        let frames = test.rows::<BusFrame>().await;
        assert_eq!(frames.len(), OBJECTS);
        assert!(frames.iter().all(|frame| {
            (frame.bus.as_str(), frame.can_id, frame.is_extended) == ("/can", 0x1d0, false)
                && frame.data == [0, 1]
        }));
        assert!(
            signals
                .iter()
                .any(|row| row.name == "/speed.longitudinal_velocity" && row.value == Some(10.0))
        );
        assert_eq!(
            test.rows::<Lane>().await[0].right_neighbour.as_deref(),
            Some("r")
        );
        assert_eq!(test.rows::<MapArea>().await.len(), 1);
        let frame = test.rows::<CameraFrame>().await.remove(0);
        assert_eq!(
            (frame.encoding.as_str(), frame.width_px, frame.stamp_ns),
            ("png", Some(4), START_NS)
        );
    }
}

fn check_tracks(tracks: &[ObjectTrack]) {
    let of = |category: &str| {
        tracks
            .iter()
            .filter(|row| row.category == category)
            .collect::<Vec<_>>()
    };
    let (cars, walkers, ego) = (of("REGULAR_VEHICLE"), of("PEDESTRIAN"), of("EGO_VEHICLE"));
    assert_eq!(
        (cars.len(), walkers.len(), ego.len()),
        (OBJECTS, OBJECTS, OBJECTS)
    );
    assert_eq!(cars[0].track_id, "01".repeat(16));
    assert!(close(cars[0].ego_x_m, 30.0) && close(cars[0].ego_y_m, 3.5));
    for row in &cars {
        assert!(
            close(row.vx_mps.unwrap(), 5.0)
                && close(row.ego_vx_mps.unwrap(), -5.0)
                && row.kinematics == "measured"
        );
    }
    for (k, row) in walkers.iter().enumerate() {
        assert!(
            close(row.x_m, 10.0 + k as f64) && close(row.vy_mps.unwrap(), 1.0),
            "{row:?}"
        );
    }
    assert!(
        close(ego[0].x_m, 1.42)
            && close(ego[0].length_m, 5.0)
            && close(ego[0].vx_mps.unwrap(), 10.0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_without_metadata_is_named_after_file_and_digest() {
    let (test, report) = ingested(&log(Shape {
        has_metadata: false,
        ..Shape::default()
    }))
    .await;
    let drive = test.rows::<Drive>().await.remove(0);
    assert_eq!(drive.log_id, format!("a-{}", &drive.source_digest[..8]));
    assert_eq!((drive.origin.as_str(), report.committed()), ("recorded", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_costs_its_chunk_and_no_more() {
    let whole = log(Shape::default());
    let all = chunks(&whole);
    assert!(all.len() > 4, "{}", all.len());
    for chunk in [0, 2] {
        let mut bytes = whole.clone();
        let (offset, length) = all[chunk];
        bytes[offset + length - 20] ^= 0x10;
        let (test, report) = ingested(&bytes).await;
        assert_eq!(report.committed(), 1, "{report:#?}");
        assert!(report.has_losses());
        let findings = test.findings().await;
        let lost = findings
            .iter()
            .find(|(check, ..)| check.starts_with("chunk_"))
            .unwrap();
        // The first chunk has the map alone; the message indexes say how many messages a chunk had.
        assert_eq!(lost.3 > 1, chunk > 0, "{findings:?}");
        assert!(
            !findings.iter().any(|(check, ..)| check == "data_checksum"),
            "said once: {findings:?}"
        );
        assert!(test.rows::<EgoState>().await.len() > ODOMETRY / 2);
        let rows = test.rows::<driveloop_schemas::Finding>().await;
        assert!(
            rows.iter()
                .any(|row| row.message.contains(&format!("at byte {offset}")))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_framing_is_left_by_way_of_the_summary() {
    let whole = log(Shape::default());
    let all = chunks(&whole);
    let mut bytes = whole.clone();
    bytes[all[1].0 + 1..all[1].0 + 9].fill(0x7f);
    let (test, report) = ingested(&bytes).await;
    assert_eq!(report.committed(), 1, "{report:#?}");
    let last = test.rows::<EgoState>().await.last().unwrap().stamp_ns;
    assert_eq!(last, START_NS + 100 * 20_000_000);
    assert!(
        test.findings()
            .await
            .iter()
            .any(|(check, ..)| check == "record_damaged")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_cut_anywhere_lands_or_fails_with_a_reason() {
    for shape in [
        Shape::default(),
        Shape {
            has_summary: false,
            ..Shape::default()
        },
    ] {
        let whole = log(shape);
        let all = chunks(&whole);
        let cuts = [
            0,
            5,
            8,
            40,
            all[0].0 + 4,
            all[1].0,
            all[2].0 + 100,
            all[3].0 + 12,
            whole.len() - 9,
            whole.len() - 1,
        ];
        for cut in cuts {
            let (test, report) = ingested(&whole[..cut]).await;
            // The first chunk has the map alone: nothing with a stamp.
            if cut < all[2].0 {
                assert_eq!(report.failed(), 1, "{cut}: {report:#?}");
                assert!(!reason(&report).is_empty());
                assert!(test.lake.versions().await.unwrap().is_empty(), "{cut}");
                continue;
            }
            assert_eq!(report.committed(), 1, "{cut}: {report:#?}");
            let findings = test.findings().await;
            let torn = findings.iter().find(|(check, ..)| check == "truncated");
            // A file that ends behind its messages has lost none of them.
            let (.., dropped) = torn.unwrap();
            assert_eq!(
                *dropped > 0,
                cut < all[all.len() - 1].0,
                "{cut}: {findings:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_log_fails_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty.mcap"), b"").unwrap();
    std::fs::write(
        folder.path().join("text.mcap"),
        b"this is no log, only text",
    )
    .unwrap();
    std::fs::write(folder.path().join("good.mcap"), log(Shape::default())).unwrap();
    std::fs::write(folder.path().join("truth.json"), b"{}").unwrap();
    let test = TestLake::new().await;
    let report = test.ingest(folder.path()).await.unwrap();
    assert_eq!((report.committed(), report.failed()), (1, 2), "{report:#?}");
    assert_eq!(report.unrecognised, ["truth.json"]);
    assert!(reason(&report).contains("an empty file"), "{report:#?}");
    assert_eq!(test.rows::<Drive>().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_logs_of_one_name_are_not_doubled() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.mcap"), log(Shape::default())).unwrap();
    std::fs::write(
        folder.path().join("b.mcap"),
        log(Shape {
            compression: None,
            ..Shape::default()
        }),
    )
    .unwrap();
    let test = TestLake::new().await;
    let report = test.ingest(folder.path()).await.unwrap();
    assert_eq!((report.committed(), report.failed()), (1, 1), "{report:#?}");
    assert_eq!(test.rows::<EgoState>().await.len(), ODOMETRY);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_stop_a_log_that_asks_for_too_much() {
    async fn with(limits: Limits, path: &Path) -> (TestLake, IngestReport) {
        let test = TestLake::new().await;
        let options = IngestOptions {
            limits,
            ..IngestOptions::new("run-1")
        };
        let report = ingest(&test.lake, path.to_str().unwrap(), &options, &|_| {})
            .await
            .unwrap();
        (test, report)
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.mcap");
    std::fs::write(&file, log(Shape::default())).unwrap();
    let (_, report) = with(
        Limits {
            records_max: 10,
            ..Limits::default()
        },
        &file,
    )
    .await;
    assert!(reason(&report).contains("records_max"), "{report:#?}");
    let (test, report) = with(
        Limits {
            message_values_max: 2,
            ..Limits::default()
        },
        &file,
    )
    .await;
    assert_eq!(report.committed(), 1);
    assert!(
        test.findings()
            .await
            .iter()
            .any(|(check, topic, ..)| check == "message_damaged" && topic == "/objects")
    );
    // Chunks of 4 KiB unpack to more than this: only the last and smallest is left.
    let (_, report) = with(
        Limits {
            chunk_bytes_max: 1000,
            ..Limits::default()
        },
        &file,
    )
    .await;
    assert!(report.drives[0].records_lost > 150, "{report:#?}");
}
