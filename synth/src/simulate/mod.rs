//! Simulated drives: the traffic world, seen from its ego and written as ROS 2 logs.
//!
//! A drive is one MCAP file `sim-<seed>-<index>.mcap` with standard messages, and `sim-<seed>-<index>.truth.json` with the
//! events that the simulator caused and the ego could see. The same options give the same bytes, whatever the number of threads.

mod log;
mod map;
mod messages;
mod schemas;
mod sensor;
mod truth;

use std::collections::BTreeMap;

use bytes::Bytes;
use driveloop_lake::Store;
use rayon::prelude::*;

use crate::error::{Error, Result};

pub use truth::{Truth, TruthEvent};

/// Drives that are simulated at once: it bounds the memory, at a few megabytes each.
const BATCH_DRIVES: usize = 8;
/// Longest drive, seconds: it bounds the memory of one drive.
const SECONDS_MAX: f64 = 600.0;

/// What to simulate.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulateOptions {
    /// Number of drives.
    pub drives: usize,
    /// Length of a drive.
    pub seconds: f64,
    /// Seed of all of them.
    pub seed: u64,
    /// Events around the ego per minute.
    pub events_per_min: f64,
}

impl Default for SimulateOptions {
    fn default() -> Self {
        Self {
            drives: 8,
            seconds: 20.0,
            seed: 1,
            events_per_min: 15.0,
        }
    }
}

/// What was simulated.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SimulateReport {
    /// The drives, in the order of their index.
    pub drives: Vec<SimulatedDrive>,
}

/// One simulated drive.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedDrive {
    /// Identity of the drive.
    pub log_id: String,
    /// The log in the store.
    pub path: String,
    /// The truth file in the store.
    pub truth_path: String,
    /// Bytes of the log.
    pub bytes: u64,
    /// Messages of the log.
    pub messages: u64,
    /// Events of the truth file by kind.
    pub events: BTreeMap<String, usize>,
}

/// Simulates drives into a store.
///
/// # Errors
/// [`Error::Option`] for a length that is not positive or too long, and what the store says.
pub async fn simulate(options: &SimulateOptions, store: &Store) -> Result<SimulateReport> {
    check(options)?;
    let mut report = SimulateReport::default();
    for first in (0..options.drives).step_by(BATCH_DRIVES) {
        let batch = first..(first + BATCH_DRIVES).min(options.drives);
        let logs = simulate_batch(options.clone(), batch).await?;
        for log in logs {
            report.drives.push(store_drive(store, log).await?);
        }
    }
    Ok(report)
}

fn check(options: &SimulateOptions) -> Result<()> {
    let out_of_range = |option, expected: String, actual: f64| {
        Err(Error::Option {
            option,
            expected,
            actual: actual.to_string(),
        })
    };
    if !(options.seconds > 0.0 && options.seconds <= SECONDS_MAX) {
        let expected = format!("more than 0 and at most {SECONDS_MAX} s");
        return out_of_range("seconds", expected, options.seconds);
    }
    if !(0.0..=60.0).contains(&options.events_per_min) {
        return out_of_range("events_per_min", "0 to 60".into(), options.events_per_min);
    }
    Ok(())
}

async fn simulate_batch(
    options: SimulateOptions,
    batch: std::ops::Range<usize>,
) -> Result<Vec<log::DriveLog>> {
    let work = move || {
        batch
            .into_par_iter()
            .map(|i| log::simulate_drive(&options, i))
            .collect()
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|source| Error::Interrupted {
            what: "simulation",
            source,
        })?
}

async fn store_drive(store: &Store, log: log::DriveLog) -> Result<SimulatedDrive> {
    let mut events = BTreeMap::new();
    for event in &log.truth.events {
        *events.entry(event.kind.clone()).or_default() += 1;
    }
    let drive = SimulatedDrive {
        path: format!("{}.mcap", log.log_id),
        truth_path: format!("{}.truth.json", log.log_id),
        bytes: log.mcap.len() as u64,
        messages: log.messages,
        log_id: log.log_id,
        events,
    };
    let mut truth = serde_json::to_vec_pretty(&log.truth)?;
    truth.push(b'\n');
    store.put(&drive.truth_path, Bytes::from(truth)).await?;
    store.put(&drive.path, Bytes::from(log.mcap)).await?;
    Ok(drive)
}
