//! Logs made to exhaust or confuse their reader: what is hostile is reported, and nothing of the rest is lost.
//!
//! Each attack is spliced into a sound log, whose rows must all be there afterwards.

use std::time::{Duration, Instant};

use driveloop_ingest::{DriveOutcome, IngestOptions};
use driveloop_schemas::{CameraFrame, EgoState, Finding, Lane, LogId, ObjectTrack, Signal};
use mcap::MAGIC;
use mcap::records::op;

use crate::TestLake;
use crate::mcap_log::{START_NS, Shape, chunks, log};

/// What reading a log of some megabytes may take on a slow machine.
const TIME_MAX: Duration = Duration::from_mins(1);

pub(crate) fn record(opcode: u8, body: &[u8]) -> Vec<u8> {
    [
        &[opcode],
        (body.len() as u64).to_le_bytes().as_slice(),
        body,
    ]
    .concat()
}

fn text(text: &str) -> Vec<u8> {
    [
        (text.len() as u32).to_le_bytes().as_slice(),
        text.as_bytes(),
    ]
    .concat()
}

pub(crate) fn schema(id: u16, name: &str, encoding: &str, definition: &str) -> Vec<u8> {
    let parts = [text(name), text(encoding), text(definition)].concat();
    record(op::SCHEMA, &[id.to_le_bytes().as_slice(), &parts].concat())
}

pub(crate) fn channel(id: u16, schema: u16, topic: &str) -> Vec<u8> {
    let parts = [text(topic), text("cdr"), vec![0; 4]].concat();
    let ids = [id.to_le_bytes(), schema.to_le_bytes()].concat();
    record(op::CHANNEL, &[ids, parts].concat())
}

pub(crate) fn message(channel: u16, log_time: u64, data: &[u8]) -> Vec<u8> {
    let times = [log_time.to_le_bytes(), log_time.to_le_bytes()].concat();
    let head = [channel.to_le_bytes().as_slice(), &[0; 4], &times].concat();
    record(op::MESSAGE, &[head.as_slice(), data].concat())
}

/// A chunk that says of itself what is asked.
fn chunk(compression: &str, unpacked_bytes: u64, packed: &[u8]) -> Vec<u8> {
    let mut body = [START_NS.to_le_bytes(), START_NS.to_le_bytes()].concat();
    body.extend(unpacked_bytes.to_le_bytes());
    body.extend([0; 4]); // No checksum.
    body.extend(text(compression));
    body.extend((packed.len() as u64).to_le_bytes());
    body.extend(packed);
    record(op::CHUNK, &body)
}

/// A topic of its own with messages that carry these bytes.
pub(crate) fn topic(
    name: &str,
    schema_name: &str,
    definition: &str,
    messages: &[Vec<u8>],
) -> Vec<u8> {
    let mut bytes = schema(900, schema_name, "ros2msg", definition);
    bytes.extend(channel(900, 900, name));
    for data in messages {
        bytes.extend(message(900, START_NS as u64, data));
    }
    bytes
}

/// The sound log with something behind its second chunk, and where that is. The summary is left out, as it no longer holds.
pub(crate) fn spliced(hostile: &[u8]) -> (Vec<u8>, usize) {
    let sound = log(Shape::default());
    let chunks = chunks(&sound);
    let (at, _) = chunks[2];
    let (last, length) = chunks[chunks.len() - 1];
    let end = [
        record(op::DATA_END, &[0; 4]),
        record(op::FOOTER, &[0; 20]),
        MAGIC.to_vec(),
    ];
    let log = [
        &sound[..at],
        hostile,
        &sound[at..last + length],
        &end.concat(),
    ]
    .concat();
    (log, at)
}

/// What a lake has of the sound log. Only the bytes of images, not their places in packs.
#[derive(Debug, PartialEq)]
struct Facts {
    ego_states: Vec<EgoState>,
    object_tracks: Vec<ObjectTrack>,
    signals: Vec<Signal>,
    lanes: Vec<Lane>,
    images: Vec<(i64, String)>,
}

impl Facts {
    /// Of the topics of the sound log.
    async fn of(test: &TestLake) -> Self {
        let mut signals = test.rows::<Signal>().await;
        signals.retain(|row| row.source == "/speed");
        let mut images = test.rows::<CameraFrame>().await;
        images.retain(|row| row.length > 0 && !row.sensor.contains("evil"));
        let mut facts = Self {
            ego_states: test.rows().await,
            object_tracks: test.rows().await,
            signals,
            lanes: test.rows().await,
            images: images
                .into_iter()
                .map(|row| (row.stamp_ns, row.digest))
                .collect(),
        };
        // A log whose summary lies may not tell its name.
        facts
            .ego_states
            .iter_mut()
            .for_each(|row| row.log_id = LogId::default());
        facts
            .object_tracks
            .iter_mut()
            .for_each(|row| row.log_id = LogId::default());
        facts
            .signals
            .iter_mut()
            .for_each(|row| row.log_id = LogId::default());
        facts
            .lanes
            .iter_mut()
            .for_each(|row| row.log_id = LogId::default());
        facts
    }
}

pub(crate) async fn ingested(bytes: &[u8]) -> TestLake {
    let start = Instant::now();
    let (test, report) = TestLake::of_log(bytes, &IngestOptions::new("run-1")).await;
    assert!(start.elapsed() < TIME_MAX, "{:?}", start.elapsed());
    assert_eq!(
        report.drives[0].outcome,
        DriveOutcome::Committed,
        "{report:#?}"
    );
    test
}

/// What became of the sound log with something in it.
pub(crate) struct Attacked {
    pub(crate) test: TestLake,
    /// Findings beyond those of the sound log.
    pub(crate) found: Vec<Finding>,
    /// Where the hostile bytes begin.
    at: i64,
}

impl Attacked {
    /// Of these bytes in the sound log. All of the sound log must be there.
    pub(crate) async fn by(hostile: &[u8]) -> Self {
        let (bytes, at) = spliced(hostile);
        Self::of(&bytes, at).await
    }

    async fn of(bytes: &[u8], at: usize) -> Self {
        let sound = ingested(&spliced(&[]).0).await;
        let test = ingested(bytes).await;
        assert_eq!(Facts::of(&test).await, Facts::of(&sound).await);
        let known = sound.findings().await;
        let mut found = test.rows::<Finding>().await;
        found.retain(|row| {
            let key = (
                row.check.clone(),
                row.subject.clone(),
                row.count,
                row.dropped,
            );
            !known.contains(&key)
        });
        let at = at as i64;
        Self { test, found, at }
    }

    /// An error where the hostile bytes begin.
    fn is_reported_as(&self, check: &str) {
        let is = |row: &&Finding| row.check == check && row.offset_bytes == Some(self.at);
        let row = self.found.iter().find(is);
        let row =
            row.unwrap_or_else(|| panic!("expected `{check}` at {}: {:#?}", self.at, self.found));
        assert_eq!(row.severity, "error");
    }

    /// Messages that are said to be lost, of the topics `/evil…` or of the file.
    pub(crate) fn dropped(&self) -> i64 {
        self.found.iter().map(|row| row.dropped).sum()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_that_claim_what_they_are_not() {
    let zeros = zstd_of_zeros(40 << 20);
    for (compression, claimed, packed) in [
        ("zstd", 10_000_000_000, vec![7; 10_000]),
        ("lz4", 10_000_000_000, vec![7; 10_000]),
        ("", 10_000_000_000, vec![7; 10_000]),
        ("zstd", u64::MAX, vec![]),
        ("zstd", 40 << 20, zeros.clone()),
        ("zstd", 1000, zeros),
        ("gzip", 10, vec![1; 10]),
        (&"z".repeat(1000), 10, vec![1; 10]),
        ("", 30, vec![1; 30]),
    ] {
        let attacked = Attacked::by(&chunk(compression, claimed, &packed)).await;
        attacked.is_reported_as("chunk_damaged");
    }
    // One that holds nothing claims nothing.
    let empty = Attacked::by(&chunk("", 0, &[])).await;
    assert_eq!(empty.dropped(), 0, "{:#?}", empty.found);
}

/// A Zstandard frame (RFC 8878) of run-length blocks: four bytes that stand for 128 KiB of zeros each.
fn zstd_of_zeros(bytes: usize) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38];
    let blocks = bytes >> 17;
    for block in 1..=blocks {
        let head = u32::from(block == blocks) | (1 << 1) | ((1 << 17) << 3);
        frame.extend(&head.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

#[tokio::test(flavor = "multi_thread")]
async fn records_whose_lengths_are_invented() {
    for length in [u64::MAX, u64::MAX - 8, i64::MAX as u64, 1 << 40] {
        let hostile = [&[op::MESSAGE], length.to_le_bytes().as_slice()].concat();
        Attacked::by(&hostile)
            .await
            .is_reported_as("record_damaged");
    }
    let unknown = Attacked::by(&record(0x00, &[1; 100])).await;
    unknown.is_reported_as("record_damaged");
    // A message of a channel that nobody declared is one that is lost.
    let stray = Attacked::by(&message(60_000, START_NS as u64, &[0; 10])).await;
    stray.is_reported_as("unknown_channel");
    assert_eq!(stray.dropped(), 1, "{:#?}", stray.found);
    // A chunk has no chunks.
    let inner = chunk("", 0, &[]);
    let nested = Attacked::by(&chunk("", inner.len() as u64, &inner)).await;
    nested.is_reported_as("chunk_damaged");
}

/// A chunk's entry in the summary.
fn chunk_index(start: u64, length: u64) -> Vec<u8> {
    let mut body = [START_NS.to_le_bytes(), START_NS.to_le_bytes()].concat();
    body.extend(start.to_le_bytes());
    body.extend(length.to_le_bytes());
    body.extend([0; 4 + 8]);
    body.extend(text("zstd"));
    body.extend([0; 16]);
    record(op::CHUNK_INDEX, &body)
}

#[tokio::test(flavor = "multi_thread")]
async fn summaries_that_lie() {
    let (sound, at) = spliced(&[]);
    let all = chunks(&sound);
    let (last, length) = all[all.len() - 1];
    let data = &sound[..last + length + 13];
    let size = data.len() as u64;
    let shifted = |by: u64, more: u64| -> Vec<u8> {
        let entries = all
            .iter()
            .map(|(start, length)| (*start as u64, *length as u64));
        entries
            .flat_map(|(start, length)| chunk_index(start + by, length + more))
            .collect()
    };
    for index in [
        shifted(0, 0),
        [shifted(0, 0), shifted(0, 0)].concat(),
        shifted(0, 1000),
        [shifted(0, 0), shifted(1, 0)].concat(),
        shifted(1, 0),
        chunk_index(0, size * 2),
        chunk_index(size * 2, 100),
        chunk_index(u64::MAX, u64::MAX),
        chunk_index(at as u64, 0),
    ] {
        let footer = [size.to_le_bytes().as_slice(), &[0; 12]].concat();
        let bytes = [data, &index, &record(op::FOOTER, &footer), MAGIC].concat();
        Attacked::of(&bytes, at).await;
    }
}
