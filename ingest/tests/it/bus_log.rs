//! Logs of bus frames, and what an ingest makes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

use driveloop_ingest::{DatabaseFile, IngestOptions};
use driveloop_schemas::Signal;
use mcap::records::MessageHeader;

use crate::TestLake;
use crate::cdr::{Cdr, with_header};
use crate::mcap_log::START_NS;

const MS: i64 = 1_000_000;

/// Topic, milliseconds, identifier and payload; identifiers above 11 bits are long ones.
pub(crate) type Frame<'a> = (&'a str, i64, u32, &'a [u8]);

/// A log of frames; those of topics that end in `fd` are of CAN FD.
pub(crate) fn bus_log(frames: &[Frame<'_>]) -> Vec<u8> {
    let mut writer = mcap::Writer::new(Cursor::new(Vec::new())).unwrap();
    let classic = with_header(
        "uint32 id\nbool is_rtr\nbool is_extended\nbool is_error\nuint8 dlc\nuint8[8] data\n",
    );
    let fd =
        with_header("uint32 id\nbool is_extended\nbool is_error\nuint8 len\nuint8[<=64] data\n");
    let classic = writer.add_schema("can_msgs/msg/Frame", "ros2msg", classic.as_bytes());
    let fd = writer.add_schema("ros2_socketcan_msgs/msg/FdFrame", "ros2msg", fd.as_bytes());
    let schemas = [classic.unwrap(), fd.unwrap()];
    for (sequence, (topic, ms, id, data)) in (0..).zip(frames) {
        let is_fd = topic.ends_with("fd");
        let schema = schemas[usize::from(is_fd)];
        let channel_id = writer
            .add_channel(schema, topic, "cdr", &BTreeMap::new())
            .unwrap();
        let stamp_ns = START_NS + ms * MS;
        let message = Cdr::new().header(stamp_ns, "can").with(|w| {
            w.write_u32(*id);
            if !is_fd {
                w.write_u8(0);
            }
            w.write_u8(u8::from(*id > 0x7ff));
            w.write_u8(0);
            w.write_u8(data.len() as u8);
            if is_fd {
                w.write_bytes(data);
            } else {
                let padded = data.iter().copied().chain(std::iter::repeat(0));
                padded.take(8).for_each(|byte| w.write_u8(byte));
            }
        });
        let log_time = stamp_ns as u64;
        let header = MessageHeader {
            channel_id,
            sequence,
            log_time,
            publish_time: log_time,
        };
        writer
            .write_to_known_channel(&header, &message.bytes())
            .unwrap();
    }
    writer.finish().unwrap();
    writer.into_inner().into_inner()
}

pub(crate) fn database(topic: Option<&str>, name: &str, bytes: &[u8]) -> DatabaseFile {
    DatabaseFile {
        topic: topic.map(str::to_owned),
        name: name.to_owned(),
        bytes: bytes.to_vec(),
    }
}

/// A database of one message.
pub(crate) fn one(name: &str, id: u32, signal: &str) -> Vec<u8> {
    format!("BO_ {id} {name}: 8 ECU\n SG_ {signal} : 0|16@1+ (0.25,0) [0|0] \"\" ECU\n")
        .into_bytes()
}

/// Values by name, and the findings: check, subject, count.
pub(crate) async fn decode(
    log: &[u8],
    databases: Vec<DatabaseFile>,
) -> (BTreeMap<String, Vec<f64>>, BTreeSet<(String, String, i64)>) {
    let (lake, _) = lake(log, databases).await;
    let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for row in lake.rows::<Signal>().await {
        values.entry(row.name).or_default().extend(row.value);
    }
    let findings = lake.findings().await;
    let of_bus = |check: &str| {
        [
            "dbc_",
            "can_",
            "j1939_",
            "unknown_can_id",
            "no_can_",
            "integer_",
        ]
        .iter()
        .any(|start| check.starts_with(start))
    };
    let findings = findings.into_iter().filter(|(check, ..)| of_bus(check));
    (
        values,
        findings
            .map(|(check, subject, count, _)| (check, subject, count))
            .collect(),
    )
}

pub(crate) async fn lake(log: &[u8], databases: Vec<DatabaseFile>) -> (TestLake, Vec<Signal>) {
    let options = IngestOptions {
        databases,
        ..IngestOptions::new("run-1")
    };
    let (lake, report) = TestLake::of_log(log, &options).await;
    assert_eq!(report.failed(), 0);
    let rows = lake.rows().await;
    (lake, rows)
}

pub(crate) fn found(check: &str, subject: &str, count: i64) -> (String, String, i64) {
    (check.to_owned(), subject.to_owned(), count)
}

pub(crate) fn names(values: &BTreeMap<String, Vec<f64>>) -> Vec<&str> {
    values.keys().map(String::as_str).collect()
}
