//! Logs made to exhaust or confuse their reader: it stays small, says what is wrong and where, and reads the rest.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::process::Stdio;

use driveloop_tests::run_measured;
use mcap::records::op;
use mcap::{MAGIC, WriteOptions, Writer};

use crate::harness::Bench;
use crate::log::{Messages, Rows, records};

/// What reading a log of some kilobytes may hold in memory.
const MEMORY_BYTES_MAX: u64 = 400 << 20;
const COMPRESSED_BYTES: usize = 10_000;
const ZSTD_BLOCK_BYTES: usize = 128 << 10;

fn record(opcode: u8, body: &[u8]) -> Vec<u8> {
    let mut record = vec![opcode];
    record.extend((body.len() as u64).to_le_bytes());
    record.extend(body);
    record
}

/// A chunk that says of itself what is asked, and has the given bytes.
fn chunk(uncompressed_bytes: u64, compressed: &[u8]) -> Vec<u8> {
    let mut body = vec![0; 16]; // The times of its first and last message.
    body.extend(uncompressed_bytes.to_le_bytes());
    body.extend(0_u32.to_le_bytes()); // No checksum.
    body.extend(4_u32.to_le_bytes());
    body.extend(b"zstd");
    body.extend((compressed.len() as u64).to_le_bytes());
    body.extend(compressed);
    record(op::CHUNK, &body)
}

/// A Zstandard frame (RFC 8878) of run-length blocks: four bytes that stand for 128 KiB of zeros each.
fn bomb() -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38]; // Magic, no content size, a window of 128 KiB.
    let blocks = COMPRESSED_BYTES / 4;
    for block in 1..=blocks {
        let head = u32::from(block == blocks) | 1 << 1 | (ZSTD_BLOCK_BYTES as u32) << 3;
        frame.extend(&head.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

/// A log with a chunk of ours in the middle, and no summary; and where that chunk is.
fn log_with(messages: &Messages, log_id: &str, chunk: &[u8]) -> (Vec<u8>, usize) {
    let sound = messages.log(log_id);
    let records = records(&sound);
    let chunks: Vec<_> = records
        .iter()
        .filter(|record| sound[record.start] == op::CHUNK)
        .collect();
    let data_end = records
        .iter()
        .find(|record| sound[record.start] == op::DATA_END)
        .expect("a data end")
        .start;
    let at = chunks[chunks.len() / 2].start;
    let mut log = sound[..at].to_vec();
    log.extend(chunk);
    log.extend(&sound[at..data_end]);
    log.extend(record(op::DATA_END, &[0; 4]));
    log.extend(record(op::FOOTER, &[0; 20]));
    log.extend(MAGIC);
    (log, at)
}

#[test]
fn a_chunk_that_claims_more_than_is_allowed() {
    let bench = Bench::new();
    let messages = Messages::simulated(&bench, 2);
    let noise: Vec<u8> = (0..COMPRESSED_BYTES)
        .map(|k| ((k * k) >> 3) as u8)
        .collect();
    let unpacked = (COMPRESSED_BYTES / 4 * ZSTD_BLOCK_BYTES) as u64;
    let chunks = [
        ("claims", chunk(10_000_000_000, &noise)),
        ("claims-zeros", chunk(10_000_000_000, &bomb())),
        ("honest-bomb", chunk(unpacked, &bomb())),
        ("lying-bomb", chunk(1000, &bomb())),
    ];
    let mut all = Rows::default();
    messages
        .chunks(&messages.log("whole"))
        .iter()
        .for_each(|chunk| all += chunk.rows);
    for (name, chunk) in chunks {
        let (log, at) = log_with(&messages, name, &chunk);
        let file = format!("{name}.mcap");
        bench.write(&file, log);
        let usage = run_measured(
            bench
                .command(&["ingest", &file])
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        );
        assert_eq!(usage.status.code(), Some(3), "{name}");
        assert!(
            usage.memory_bytes_max < MEMORY_BYTES_MAX,
            "{name}: {usage:?}"
        );
        let of = |table: &str| {
            bench.cell(&format!(
                "SELECT count(*) FROM {table} WHERE log_id = '{name}'"
            ))
        };
        assert_eq!(of("ego_state"), all.ego_state.to_string(), "{name}");
        assert_eq!(of("bus_frame"), all.bus_frame.to_string(), "{name}");
        let finding = format!(
            "finding WHERE log_id = '{name}' AND severity = 'error' AND offset_bytes = {at}"
        );
        let findings = bench.lines(&format!("SELECT offset_bytes, message FROM {finding}"));
        assert!(
            !findings.is_empty(),
            "{name}: {:?}",
            bench.lines("SELECT * FROM finding")
        );
    }
}

/// A log whose message definitions contain themselves, beside sound ones.
fn log_with_cycle() -> Vec<u8> {
    const SEPARATOR: &str =
        "================================================================================";
    let cycle = format!(
        "test/A objects\n{SEPARATOR}\nMSG: test/A\ntest/B b\n{SEPARATOR}\nMSG: test/B\ntest/A a\n"
    );
    let itself =
        format!("test/A[] objects\n{SEPARATOR}\nMSG: test/A\nint32 x\ntest/A[] children\n");
    let speed = format!(
        "std_msgs/Header header\nfloat32 longitudinal_velocity\nfloat32 lateral_velocity\nfloat32 heading_rate\n{SEPARATOR}\n\
         MSG: std_msgs/Header\nbuiltin_interfaces/Time stamp\nstring frame_id\n{SEPARATOR}\n\
         MSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n"
    );
    let topics = [
        (
            "/cycle",
            "autoware_perception_msgs/msg/TrackedObjects",
            cycle.as_str(),
        ),
        ("/itself", "nav_msgs/msg/Odometry", itself.as_str()),
        (
            "/speed",
            "autoware_vehicle_msgs/msg/VelocityReport",
            speed.as_str(),
        ),
    ];
    let mut writer: Writer<Cursor<Vec<u8>>> = WriteOptions::new()
        .profile("ros2")
        .create(Cursor::new(Vec::new()))
        .expect("a writer");
    for (topic, schema, text) in topics {
        let schema = writer
            .add_schema(schema, "ros2msg", text.as_bytes())
            .expect("a schema");
        let channel_id = writer
            .add_channel(schema, topic, "cdr", &BTreeMap::new())
            .expect("a channel");
        for second in 0..10_u32 {
            // Encapsulation, stamp, an empty text with its final zero, padding, three numbers; the others never get so far.
            let mut data = vec![0, 1, 0, 0];
            data.extend((1_700_000_000 + second).to_le_bytes());
            data.extend([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
            data.extend([1.0_f32, 0.0, 0.0].map(f32::to_le_bytes).concat());
            let log_time = u64::from(1_700_000_000 + second) * 1_000_000_000;
            let header = mcap::records::MessageHeader {
                channel_id,
                sequence: second,
                log_time,
                publish_time: log_time,
            };
            writer
                .write_to_known_channel(&header, &data)
                .expect("a message");
        }
    }
    writer.finish().expect("the log is finished");
    writer.into_inner().into_inner()
}

#[test]
fn definitions_that_contain_themselves() {
    let bench = Bench::new();
    bench.write("cycle.mcap", log_with_cycle());
    let run = bench.run(&["ingest", "cycle.mcap"]);
    assert_eq!(run.status, 3, "{}", run.stderr);
    assert!(
        !run.stderr.contains("panicked") && !run.stderr.contains("overflow"),
        "{}",
        run.stderr
    );
    assert_eq!(
        bench.cell("SELECT count(DISTINCT stamp_ns) FROM signal WHERE source = '/speed'"),
        "10"
    );
    let lost = bench.lines("SELECT subject, sum(dropped) FROM finding WHERE severity = 'error' GROUP BY subject ORDER BY subject");
    assert_eq!(lost, ["/cycle,10", "/itself,10"]);
}
