//! A log format of your own: `cargo run -p driveloop-ingest --example own_format -- FOLDER LAKE`.
//!
//! The logs are text files that end in `.trace`, with a line for each time at which the vehicle knew where it was:
//! `seconds since 1970, x in metres, y in metres, heading in degrees, speed in m/s`, parted by commas, in a map. Each line becomes a message
//! of a type that the mapping knows; the rest is what every log gets: rows of `ego_state`, findings, a drive that is there or not.

#![allow(clippy::print_stdout, reason = "it is a program")]

use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::sync::Arc;

use driveloop_ingest::{
    FormatError, IngestOptions, Log, LogFiles, LogFormat, MessageEncoding, Messages, Schema, ingest,
};
use driveloop_lake::Lake;

/// The format.
#[derive(Debug)]
pub(crate) struct Trace;

impl LogFormat for Trace {
    fn name(&self) -> &'static str {
        "trace"
    }

    fn looks_like(&self) -> &'static str {
        "files that end in .trace"
    }

    fn logs(&self, paths: &[&str]) -> Vec<LogFiles> {
        let ours = paths.iter().filter(|path| path.ends_with(".trace"));
        ours.map(|path| LogFiles::one(*path)).collect()
    }

    fn read(&self, log: &Log<'_>, messages: &mut Messages<'_>) -> Result<(), FormatError> {
        for (path, _) in log.files() {
            messages.file(path);
            // JSON needs no schema; its name is that of the rule of the mapping that reads such messages.
            let odometry = Schema {
                name: "nav_msgs/msg/Odometry",
                ..Schema::default()
            };
            let topic = messages.topic("/trace", MessageEncoding::Json, odometry)?;
            let mut offset = 0;
            for line in BufReader::new(log.open(path)?).split(b'\n') {
                let line = line?;
                match message(&line) {
                    Some((stamp_ns, message)) => {
                        messages.message(topic, stamp_ns, message.to_string().as_bytes())?;
                    }
                    None => messages.damage(offset, 1, "expected five numbers, parted by commas"),
                }
                offset += line.len() as u64 + 1;
            }
        }
        Ok(())
    }
}

/// A line as a message, with its time.
fn message(line: &[u8]) -> Option<(u64, serde_json::Value)> {
    let text = std::str::from_utf8(line).ok()?;
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    let numbers: [f64; 5] = numbers.ok()?.try_into().ok()?;
    let [seconds, x, y, heading_deg, speed] = numbers;
    let stamp_ns = (seconds * 1e9) as u64;
    let (sin, cos) = (heading_deg.to_radians() / 2.0).sin_cos();
    let message = serde_json::json!({
        "header": {
            "stamp": {"sec": stamp_ns / 1_000_000_000, "nanosec": stamp_ns % 1_000_000_000},
            "frame_id": "map",
        },
        "child_frame_id": "base_link",
        "pose": {"pose": {
            "position": {"x": x, "y": y, "z": 0.0},
            "orientation": {"w": cos, "x": 0.0, "y": 0.0, "z": sin},
        }},
        "twist": {"twist": {
            "linear": {"x": speed, "y": 0.0, "z": 0.0},
            "angular": {"x": 0.0, "y": 0.0, "z": 0.0},
        }},
    });
    Some((stamp_ns, message))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(source), Some(lake)) = (arguments.next(), arguments.next()) else {
        return Err("expected a folder of .trace files and a lake".into());
    };
    let lake = Lake::open(&lake).await?;
    let options = IngestOptions {
        formats: vec![Arc::new(Trace)],
        ..IngestOptions::new("traces-1")
    };
    let report = ingest(&lake, &source, &options, &|_| {}).await?;
    for drive in &report.drives {
        println!("{}: {:?}, {:?}", drive.log_id, drive.outcome, drive.rows);
    }
    Ok(())
}
