//! Simulated drives: the traffic world, seen from its ego and written as ROS 2 logs.
//!
//! A drive is one MCAP file `sim-<seed>-<index>.mcap` with standard messages, and `sim-<seed>-<index>.truth.json` with what
//! happened around the ego and what of it the simulator caused. Beside them, `simulated.dbc` says what is in the CAN frames.
//! The same options give the same bytes, whatever the number of threads and of other drives.
//!
//! | topic | message | Hz |
//! |---|---|---|
//! | `/map` | `std_msgs/String`: lanes and areas as JSON | once |
//! | `/localization/odometry` | `nav_msgs/Odometry`: `map` → `base_link`, the middle of the rear axle | 50 |
//! | `/tf` | `tf2_msgs/TFMessage` of the same pose | 50 |
//! | `/sensing/imu` | `sensor_msgs/Imu` | 100 |
//! | `/sensing/gnss` | `sensor_msgs/NavSatFix` | 10 |
//! | `/vehicle/status/velocity` | `autoware_vehicle_msgs/VelocityReport` | 50 |
//! | `/vehicle/status/steering` | `autoware_vehicle_msgs/SteeringReport` | 50 |
//! | `/from_can_bus` | `can_msgs/Frame`: see [`SIMULATED_DBC`] | 160 |
//! | `/perception/objects` | `autoware_perception_msgs/TrackedObjects` in `map` | 10 |
//!
//! A log is streamed: a chunk of it is in memory, and a little that waits for the store. It appears in the store when it is
//! whole, after its truth file: whatever a killed run leaves, no torn log is in it.

mod bus;
mod criteria;
mod drive;
mod ego;
mod log;
mod look;
mod map;
mod messages;
mod pipe;
mod schemas;
mod spell;
mod truth;
mod watch;

use std::collections::BTreeMap;

use bytes::Bytes;
use driveloop_lake::{Store, StoreWriter};
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::sync::{mpsc, oneshot};

use crate::error::{Error, Result};
use crate::sensing::SensorConfig;
use crate::traffic::EventKind;

use pipe::Pipe;

pub use bus::SIMULATED_DBC;
pub use truth::{Truth, TruthEvent};

/// Drives in work for each thread: while one is simulated, another is stored.
const DRIVES_PER_THREAD: usize = 2;
/// Drives of a run: they begin an hour apart, and the 32-bit seconds of ROS stamps end in 2038.
const DRIVES_MAX: usize = 100_000;
/// Longest drive, seconds: it bounds the road and the map message of a drive.
const SECONDS_MAX: f64 = 3600.0;
/// The CAN database in the store.
const DBC_PATH: &str = "simulated.dbc";

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
    /// Kinds of event that are caused: a fleet without one of them has almost none of it.
    pub events: Vec<EventKind>,
    /// The ego's sensors.
    pub sensor: SensorConfig,
}

impl Default for SimulateOptions {
    fn default() -> Self {
        Self {
            drives: 8,
            seconds: 20.0,
            seed: 1,
            events_per_min: 15.0,
            events: EventKind::ALL.to_vec(),
            sensor: SensorConfig::default(),
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
    simulate_with(options, store, |_| ()).await
}

/// As [`simulate`], and tells of each drive when it is stored, in the order of their index.
///
/// # Errors
/// As [`simulate`].
pub async fn simulate_with(
    options: &SimulateOptions,
    store: &Store,
    mut stored: impl FnMut(&SimulatedDrive),
) -> Result<SimulateReport> {
    check(options)?;
    let dbc = Bytes::from_static(SIMULATED_DBC.as_bytes());
    store.put(DBC_PATH, dbc).await?;
    let in_work = DRIVES_PER_THREAD * rayon::current_num_threads();
    let mut drives = futures::stream::iter(0..options.drives)
        .map(|index| store_drive(options, index, store))
        .buffered(in_work);
    let mut report = SimulateReport::default();
    while let Some(drive) = drives.try_next().await? {
        stored(&drive);
        report.drives.push(drive);
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
    if options.drives > DRIVES_MAX {
        let expected = format!("at most {DRIVES_MAX}");
        return out_of_range("drives", expected, options.drives as f64);
    }
    if !(0.0..=60.0).contains(&options.events_per_min) {
        return out_of_range("events_per_min", "0 to 60".into(), options.events_per_min);
    }
    Ok(())
}

/// A drive whose bytes are all on their way.
struct Simulated {
    bytes: u64,
    messages: u64,
    truth: Truth,
}

/// Simulates a drive on a thread of the pool, and stores it as it comes. The log appears last.
async fn store_drive(
    options: &SimulateOptions,
    index: usize,
    store: &Store,
) -> Result<SimulatedDrive> {
    let log_id = drive::log_id_of(options, index);
    let (path, truth_path) = (format!("{log_id}.mcap"), format!("{log_id}.truth.json"));
    let mut writer = store.writer(&path);
    let simulated = match simulate_into(options, index, &mut writer).await {
        Ok(simulated) => simulated,
        Err(error) => {
            // The first error is the one to tell; nobody sees what an abort leaves.
            let _ = writer.abort().await;
            return Err(error);
        }
    };
    let mut truth = serde_json::to_vec_pretty(&simulated.truth)?;
    truth.push(b'\n');
    store.put(&truth_path, Bytes::from(truth)).await?;
    writer.finish().await?;
    let mut events = BTreeMap::new();
    for event in &simulated.truth.events {
        *events.entry(event.kind.clone()).or_default() += 1;
    }
    Ok(SimulatedDrive {
        log_id,
        path,
        truth_path,
        bytes: simulated.bytes,
        messages: simulated.messages,
        events,
    })
}

async fn simulate_into(
    options: &SimulateOptions,
    index: usize,
    writer: &mut StoreWriter,
) -> Result<Simulated> {
    let (blocks, mut blocks_in) = mpsc::channel(pipe::BLOCKS_MAX);
    let (outcome, outcome_in) = oneshot::channel();
    let options = options.clone();
    rayon::spawn(move || {
        let simulated = simulate_through(&options, index, Pipe::new(blocks));
        // Where nobody listens any more, the run has ended with another error.
        let _ = outcome.send(simulated);
    });
    while let Some(block) = blocks_in.recv().await {
        writer.write(block).await?;
    }
    let interrupted = |_| Error::Interrupted { what: "simulation" };
    outcome_in.await.map_err(interrupted)?
}

fn simulate_through(options: &SimulateOptions, index: usize, pipe: Pipe) -> Result<Simulated> {
    let written = drive::simulate_drive(options, index, pipe)?;
    Ok(Simulated {
        bytes: written.out.finish()?,
        messages: written.messages,
        truth: written.truth,
    })
}
