//! Damage of every kind, at every kind of place: what is whole arrives, and nothing is silent.

use driveloop_ingest::{IngestOptions, IngestReport};
use driveloop_schemas::{EgoState, Finding};

use crate::TestLake;
use crate::mcap_log::{ODOMETRY, START_NS, Shape, chunks, log};

/// Bytes of a chunk's record before what is packed: opcode, length, times, sizes, checksum, `zstd`.
const CHUNK_HEAD_BYTES: usize = 9 + 40 + 4;

async fn ingested(bytes: &[u8]) -> (TestLake, IngestReport) {
    TestLake::of_log(bytes, &IngestOptions::new("run-1")).await
}

/// A log as Python's writer makes them: without a checksum over all data.
fn shape(has_summary: bool) -> Shape {
    Shape {
        has_summary,
        has_data_checksum: false,
        ..Shape::default()
    }
}

/// Poses that lie in no chunk but this one are all there, and a finding says where it is.
async fn check_lost_at_most(test: &TestLake, chunk: (usize, usize), per_chunk: usize, what: &str) {
    let states = test.rows::<EgoState>().await;
    assert!(
        states.len() >= ODOMETRY - per_chunk,
        "{what}: {}",
        states.len()
    );
    let ends = [states[0].stamp_ns, states[states.len() - 1].stamp_ns];
    assert_eq!(ends, [START_NS, START_NS + 100 * 20_000_000], "{what}");
    let findings = test.rows::<Finding>().await;
    let here = |finding: &Finding| {
        finding.offset_bytes.is_some_and(|offset| {
            let offset = offset as usize;
            (chunk.0..=chunk.0 + chunk.1).contains(&offset)
        })
    };
    assert!(findings.iter().any(here), "{what}: {findings:#?}");
}

/// The most poses of a chunk: how many are lost at most when one is.
async fn poses_per_chunk(whole: &[u8]) -> usize {
    let all = chunks(whole);
    let mut most = 0;
    for (at, length) in &all[2..all.len() - 1] {
        let mut bytes = whole.to_vec();
        bytes[at + length - 4] ^= 1;
        let (test, _) = ingested(&bytes).await;
        most = most.max(ODOMETRY - test.rows::<EgoState>().await.len());
    }
    most
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_of_a_chunk_is_never_silent_and_costs_no_other_chunk() {
    let per_chunk = poses_per_chunk(&log(shape(true))).await;
    assert!((1..ODOMETRY / 4).contains(&per_chunk), "{per_chunk}");
    for has_summary in [true, false] {
        let whole = log(shape(has_summary));
        let all = chunks(&whole);
        let chunk = all[all.len() / 2];
        let packed = (CHUNK_HEAD_BYTES..chunk.1).step_by(97);
        for byte in (0..CHUNK_HEAD_BYTES).chain(packed) {
            let mut bytes = whole.clone();
            bytes[chunk.0 + byte] ^= 1 << (byte % 7);
            let what = format!("summary {has_summary}, byte {byte}");
            let (test, report) = ingested(&bytes).await;
            assert_eq!(report.committed(), 1, "{what}: {report:#?}");
            assert!(report.has_losses(), "{what}");
            check_lost_at_most(&test, chunk, per_chunk, &what).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_before_a_chunk_with_a_wrong_length_hides_none() {
    let per_chunk = poses_per_chunk(&log(shape(true))).await;
    for has_summary in [true, false] {
        let whole = log(shape(has_summary));
        let all = chunks(&whole);
        // The first message index behind a chunk: its length reaches over the next chunk, and far over it.
        let chunk = all[3];
        let index = chunk.0 + chunk.1;
        for length in [
            all[4].1 as u64 + 300,
            all[4].1 as u64 * 3,
            1 << 40,
            u64::MAX,
        ] {
            let mut bytes = whole.clone();
            bytes[index + 1..index + 9].copy_from_slice(&length.to_le_bytes());
            let what = format!("summary {has_summary}, length {length}");
            let (test, report) = ingested(&bytes).await;
            assert!(report.has_losses(), "{what}");
            let states = test.rows::<EgoState>().await.len();
            assert!(states + per_chunk > ODOMETRY, "{what}: {states}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_anywhere_keeps_every_whole_chunk_and_says_where() {
    for has_summary in [true, false] {
        let whole = log(shape(has_summary));
        let all = chunks(&whole);
        let mut before = 0;
        let cuts = (all[2].0..whole.len() - 1).step_by(whole.len() / 40);
        for cut in cuts {
            let (test, report) = ingested(&whole[..cut]).await;
            assert_eq!(report.committed(), 1, "{cut}: {report:#?}");
            assert!(report.has_losses(), "{cut}");
            let findings = test.rows::<Finding>().await;
            let torn = findings
                .iter()
                .find(|row| row.check == "truncated")
                .unwrap();
            let offset = torn.offset_bytes.unwrap() as usize;
            assert!(offset <= cut, "{cut}: {torn:?}");
            // The more of the file there is, the more of the poses.
            let states = test.rows::<EgoState>().await.len();
            assert!(states >= before, "{cut}: {states} after {before}");
            before = states;
        }
        assert_eq!(before, ODOMETRY);
    }
}
