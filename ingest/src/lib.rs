//! Log formats to tables and media, with quality findings.
//!
//! [`ingest`] lists a source (a folder, a file, an object-store prefix), splits it into drives, reads each, and commits it to the lake:
//! facts first, the `drive` row last, so that a drive is visible wholly or not at all. What was ingested before is not read again;
//! what a killed run began is completed. A log whose bytes changed since is refused, or takes the place of the drive that was read from
//! it ([`IngestOptions::replace`]). A [`Watch`] ingests again and again what keeps landing. Formats:
//!
//! * the Argoverse 2 sensor dataset: annotations with or without rows for the ego, poses, map, calibration, lidar sweeps, images;
//! * the nuScenes schema: a dataset of tables in JSON whose scenes are drives, with key frames and sweeps of cameras and lidar, poses,
//!   boxes and calibration; T4 and Lyft datasets have the same tables;
//! * raw drives of KITTI, synchronised and rectified: poses, images, sweeps, calibration;
//! * segments of comma2k19: poses, positions on the globe, bus frames, signals of car and device;
//! * logs of topics: MCAP files, folders of `rosbag2`, bags of ROS 1; messages of ROS, protobuf and JSON, decoded by the definitions
//!   that the log carries; [`DEFAULT_MAPPING`] says which topic becomes which table;
//! * bus logs in ASAM MDF 4, each bus of which is a topic of CAN frames.
//!
//! Such a log goes through three rooms: a `container` frames messages and finds damage, an `encoding` takes the wanted values out of
//! each, a `target` makes rows of them; an `assembly` holds what only the whole drive can say, with the graph of its `frames`.
//!
//! Contract: every record that is read becomes part of a row or is counted as dropped by a finding; media bytes are stored unchanged;
//! the same bytes give the same rows. What a log may ask for is bounded by [`Limits`].
//!
//! A format of your own is a type that implements [`LogFormat`] and is given to an ingest by [`IngestOptions::formats`], or a program that
//! writes MCAP files. Not here: anonymisation (media is stored as it came, `privacy_state` says so).
//!
//! ```no_run
//! use driveloop_ingest::{IngestOptions, ingest};
//! use driveloop_lake::Lake;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let lake = Lake::open("lake").await?;
//! let report = ingest(&lake, "s3://bucket/logs", &IngestOptions::new("run-1"), &|event| eprintln!("{event:?}")).await?;
//! println!("{} drives, {} failed", report.committed(), report.failed());
//! # Ok(())
//! # }
//! ```

mod actors;
#[cfg(test)]
mod allocations;
mod apart;
mod argoverse;
mod assembly;
mod blob;
mod comma2k19;
mod commit;
mod container;
mod dbc;
mod decide;
mod decoded;
mod ego;
mod encoding;
mod error;
mod facts;
mod findings;
mod format;
mod found;
mod frame;
mod frames;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod kitti;
mod limits;
mod media;
mod motion;
mod nuscenes;
mod ondisk;
mod options;
mod paged;
mod parting;
mod pattern;
mod pipeline;
mod polyline;
mod quality;
mod refused;
mod report;
mod sink;
mod source;
mod spool;
mod stamps;
mod targets;
mod topics;
mod watch;

pub use dbc::{
    CanDatabase, CanMessage, CanValue, DatabaseFault, DatabaseFile, ExactNumber, FaultReason, Loss,
    Precision,
};
pub use error::{Error, Result};
pub use format::{
    FormatError, Log, LogFiles, LogFormat, MessageEncoding, Messages, Schema, TopicId,
};
pub use limits::Limits;
pub use options::IngestOptions;
pub use pipeline::ingest;
pub use report::{DriveOutcome, DriveReport, IngestEvent, IngestReport, UnlistedEntry};
pub use source::fingerprint;
pub use topics::DEFAULT_MAPPING;
pub use watch::{Look, Watch};
