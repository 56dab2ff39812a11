//! Logs to damage: simulated ones in small chunks, and where their records are.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::{AddAssign, Range};

use mcap::records::{Metadata, op};
use mcap::{MessageStream, WriteOptions, Writer};

use crate::harness::Bench;

/// Target size of a chunk before compression: some seconds of driving make many.
const CHUNK_BYTES: u64 = 8 << 10;
/// Opcode and length before each record.
const RECORD_HEAD_BYTES: usize = 9;

/// The messages of a simulated log.
pub(crate) struct Messages(Vec<mcap::Message<'static>>);

/// Rows that messages become, by the table that has a row for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rows {
    pub(crate) ego_state: usize,
    /// Objects that are not the ego.
    pub(crate) object_track: usize,
    pub(crate) bus_frame: usize,
}

/// A chunk and what its messages become.
pub(crate) struct Chunk {
    /// The record's place in the file, opcode and length included.
    pub(crate) bytes: Range<usize>,
    pub(crate) rows: Rows,
}

impl Messages {
    /// The messages of one simulated drive.
    pub(crate) fn simulated(bench: &Bench, seconds: u32) -> Self {
        bench.simulate(1, seconds, 3, "simulated");
        let log = std::fs::read(bench.path("simulated/sim-3-0000.mcap")).expect("the log");
        let messages = MessageStream::new(&log)
            .expect("a log")
            .map(|message| message.expect("a message"));
        Self(messages.collect())
    }

    /// The messages as a log of the given name. The layout of the records is the same for names of the same length.
    pub(crate) fn log(&self, log_id: &str) -> Vec<u8> {
        let options = WriteOptions::new()
            .profile("ros2")
            .chunk_size(Some(CHUNK_BYTES))
            .compression_threads(0);
        let mut writer: Writer<Cursor<Vec<u8>>> =
            options.create(Cursor::new(Vec::new())).expect("a writer");
        let metadata = BTreeMap::from([("log_id".to_owned(), log_id.to_owned())]);
        writer
            .write_metadata(&Metadata {
                name: "driveloop".to_owned(),
                metadata,
            })
            .expect("metadata");
        for message in &self.0 {
            writer.write(message).expect("a message is written");
        }
        writer.finish().expect("the log is finished");
        writer.into_inner().into_inner()
    }

    /// The chunks of a log of these messages, by its own parse of the records: the message indexes after a chunk say how
    /// many messages it has, and a log keeps their order.
    pub(crate) fn chunks(&self, log: &[u8]) -> Vec<Chunk> {
        let mut chunks: Vec<Chunk> = Vec::new();
        let mut messages = self.0.iter();
        for record in records(log) {
            match log[record.start] {
                op::CHUNK => chunks.push(Chunk {
                    bytes: record,
                    rows: Rows::default(),
                }),
                op::MESSAGE_INDEX => {
                    let chunk = chunks.last_mut().expect("an index follows its chunk");
                    // Channel, length of the entries, entries of 16 bytes each.
                    let entries = u32_at(log, record.start + RECORD_HEAD_BYTES + 2) / 16;
                    for message in messages.by_ref().take(entries as usize) {
                        chunk.rows += rows_of(message);
                    }
                }
                _ => {}
            }
        }
        assert!(messages.next().is_none(), "every message is in a chunk");
        chunks
    }
}

impl AddAssign for Rows {
    fn add_assign(&mut self, other: Self) {
        self.ego_state += other.ego_state;
        self.object_track += other.object_track;
        self.bus_frame += other.bus_frame;
    }
}

impl Rows {
    /// Whether this has as many rows of each table as `least`, or more.
    pub(crate) fn covers(&self, least: &Self) -> bool {
        self.ego_state >= least.ego_state
            && self.object_track >= least.object_track
            && self.bus_frame >= least.bus_frame
    }
}

/// The records of a log's file, from after the magic.
pub(crate) fn records(log: &[u8]) -> Vec<Range<usize>> {
    let (mut at, end) = (mcap::MAGIC.len(), log.len() - mcap::MAGIC.len());
    let mut records = Vec::new();
    while at < end {
        let length = u64::from_le_bytes(
            log[at + 1..at + RECORD_HEAD_BYTES]
                .try_into()
                .expect("8 bytes"),
        );
        let next = at + RECORD_HEAD_BYTES + length as usize;
        records.push(at..next);
        at = next;
    }
    records
}

fn rows_of(message: &mcap::Message<'_>) -> Rows {
    let mut rows = Rows::default();
    match message.channel.topic.as_str() {
        "/localization/odometry" => rows.ego_state = 1,
        "/from_can_bus" => rows.bus_frame = 1,
        "/perception/objects" => rows.object_track = objects(&message.data),
        _ => {}
    }
    rows
}

/// The length of the sequence that follows a header in CDR: encapsulation (4 bytes), stamp (8), `frame_id` (length and
/// bytes), and, at the next multiple of four, the count.
fn objects(data: &[u8]) -> usize {
    let frame_id_bytes = u32_at(data, 12) as usize;
    let count_at = (16 + frame_id_bytes).next_multiple_of(4);
    u32_at(data, count_at) as usize
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"))
}
