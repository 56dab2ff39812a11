//! Every reader of strangers' bytes, for inputs that nobody thought of.
//!
//! A target takes one input through a whole decoder: container, encoding, targets, the books of the drive, and the columns of its tables.
//! What it finds wrong is a panic; that a log is refused is none. An input of a container is the file, or several, each behind its length
//! (2 bytes, little endian); one of an encoding is a definition and messages, each behind its length.

use std::path::PathBuf;
use std::sync::Arc;

use driveloop_lake::{PackRange, Store};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::unbounded_channel;

use crate::argoverse::Argoverse2;
use crate::blob::Blobs;
use crate::comma2k19::Comma2k19;
use crate::dbc::{Buses, DatabaseFile};
use crate::decoded::Identity;
use crate::error::{Error, Result};
use crate::facts::{DriveFacts, DriveKey};
use crate::format::{FormatError, Log, LogFiles, LogFormat, MessageEncoding, Messages, Schema};
use crate::kitti::Kitti;
use crate::limits::Limits;
use crate::nuscenes::NuScenes;
use crate::sink::{DriveSink, Spilled};
use crate::source::{DriveFiles, LogSource};
use crate::topics::{DEFAULT_MAPPING, File, Folder, Own, Session, TopicOptions};

/// The targets, each with the files that an input becomes; none where it is messages.
const TARGETS: [(&str, &[&str]); 15] = [
    ("mcap", &["log.mcap"]),
    ("bag", &["log.bag"]),
    ("rosbag2", &["log/log_0.db3"]),
    ("rosbag2-metadata", &["log/metadata.yaml", "log/log_0.db3"]),
    ("mdf4", &["log.mf4"]),
    ("feather", &["log/city_SE3_egovehicle.feather"]),
    (
        "nuscenes",
        &[
            "v1/scene.json",
            "v1/sample.json",
            "v1/sample_data.json",
            "v1/ego_pose.json",
            "v1/calibrated_sensor.json",
            "v1/sensor.json",
            "v1/sample_annotation.json",
            "v1/instance.json",
            "v1/category.json",
        ],
    ),
    (
        "kitti",
        &[
            "a_sync/oxts/timestamps.txt",
            "a_sync/oxts/data/0000000000.txt",
            "calib_imu_to_velo.txt",
        ],
    ),
    (
        "comma2k19",
        &[
            "global_pose/frame_times",
            "global_pose/frame_positions",
            "global_pose/frame_orientations",
            "processed_log/CAN/raw_can/t",
            "processed_log/CAN/raw_can/src",
            "processed_log/CAN/raw_can/address",
            "processed_log/CAN/raw_can/data",
        ],
    ),
    ("ros2msg", &[]),
    ("ros2idl", &[]),
    ("ros1msg", &[]),
    ("protobuf", &[]),
    ("json", &[]),
    ("dbc", &[]),
];

/// What lies beside the parts of a recording of `rosbag2`.
const METADATA: &str = "rosbag2_bagfile_information: {version: 5, storage_identifier: sqlite3, relative_file_paths: [log_0.db3], \
    message_count: 3, topics_with_message_count: []}";

/// One of [`targets`], ready for inputs.
pub struct Fuzzer {
    name: &'static str,
    folder: TempDir,
    files: Vec<PathBuf>,
    runtime: Runtime,
    limits: Limits,
    /// Without databases.
    options: Arc<TopicOptions>,
}

/// The names of the targets.
pub fn targets() -> impl Iterator<Item = &'static str> {
    TARGETS.iter().map(|(name, _)| *name)
}

impl Fuzzer {
    /// Prepares a target.
    ///
    /// # Panics
    /// When there is none of that name, or no folder for temporary files.
    #[must_use]
    #[allow(
        clippy::expect_used,
        clippy::panic,
        reason = "a fuzzer without a target is of no use"
    )]
    pub fn new(target: &str) -> Self {
        let found = TARGETS.iter().find(|(name, _)| *name == target);
        let (name, files) = found.unwrap_or_else(|| {
            panic!(
                "expected one of {:?}, got `{target}`",
                targets().collect::<Vec<_>>()
            )
        });
        let folder = tempfile::tempdir().expect("a temporary folder");
        let files: Vec<_> = files.iter().map(|file| folder.path().join(file)).collect();
        for file in &files {
            let above = file.parent().expect("a file lies in a folder");
            std::fs::create_dir_all(above).expect("a folder");
        }
        if *name == "rosbag2" {
            let metadata = folder.path().join("log/metadata.yaml");
            std::fs::write(metadata, METADATA).expect("it is written");
        }
        Self {
            name,
            folder,
            files,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
            options: options(Buses::default()).expect("the built-in mapping is sound"),
            limits: Limits {
                // What is wrong with a list of millions is wrong with one of thousands.
                message_values_max: 10_000,
                records_max: 100_000,
                ..Limits::default()
            },
        }
    }

    /// Takes an input.
    ///
    /// # Panics
    /// When a decoder is wrong.
    pub fn run(&self, input: &[u8]) {
        let _ = self.decoded(input);
    }

    /// The rows that became of an input, findings left out.
    fn decoded(&self, input: &[u8]) -> Result<usize> {
        if self.name == "dbc" {
            return self.bus(input);
        }
        let (definition, messages) = if self.files.is_empty() {
            parted(input)
        } else {
            self.write(input)?;
            (&[][..], &[][..])
        };
        let options = Arc::clone(&self.options);
        let log = Given::new(self.name, definition, messages);
        self.decode(self.source(options, log).as_ref())
    }

    /// Makes files of an input: the whole of it is the only one, or parts of it are several.
    fn write(&self, input: &[u8]) -> Result<()> {
        let mut rest = input;
        for path in &self.files {
            let (file, others) = if self.files.len() == 1 {
                (rest, rest)
            } else {
                parted(rest)
            };
            rest = others;
            std::fs::write(path, file).map_err(|error| Error::Source {
                file: path.display().to_string(),
                source: error.into(),
            })?;
        }
        Ok(())
    }

    fn source(&self, options: Arc<TopicOptions>, log: Given) -> Box<dyn LogSource> {
        match self.name {
            "mcap" => Box::new(File::mcap(options)),
            "bag" => Box::new(File::bag(options)),
            "rosbag2" | "rosbag2-metadata" => Box::new(Folder::new(options)),
            "mdf4" => Box::new(Session::new(options)),
            "feather" => Box::new(Argoverse2),
            "nuscenes" => Box::new(NuScenes),
            "kitti" => Box::new(Kitti),
            "comma2k19" => Box::new(Own::new(Arc::new(Comma2k19), options)),
            _ => Box::new(Own::new(Arc::new(log), options)),
        }
    }

    /// A database, and frames of a bus: 4 bytes of identifier and 8 of payload each.
    fn bus(&self, input: &[u8]) -> Result<usize> {
        let (database, frames) = parted(input);
        let file = DatabaseFile {
            topic: None,
            name: "a.dbc".to_owned(),
            bytes: database.to_vec(),
        };
        let options = options(Buses::parse(&[file])?)?;
        let log = Given::new("dbc", CAN_FRAME.as_bytes(), frames);
        self.decode(&Own::new(Arc::new(log), options))
    }

    /// All that is done with a log before it is committed.
    #[allow(clippy::panic, reason = "it is what a fuzzer is for")]
    fn decode(&self, source: &dyn LogSource) -> Result<usize> {
        let store = Store::open(&self.folder.path().to_string_lossy())?;
        let mut files = self.runtime.block_on(store.list(""))?;
        let claimed = source.claim(&mut files);
        let blobs = Blobs::new(
            store,
            self.runtime.handle().clone(),
            unbounded_channel().0,
            0,
        );
        let given = DriveFiles::new("given".to_owned(), Vec::new());
        let claimed = if self.files.is_empty() {
            vec![given]
        } else {
            claimed
        };
        let mut rows = 0;
        for files in claimed {
            match source.parts(&files, &blobs, &self.limits)? {
                None => rows += self.drive(source, &files, &blobs)?,
                Some(parts) => {
                    for files in &parts.drives {
                        rows += self.drive(parts.format.as_ref(), files, &blobs)?;
                    }
                }
            }
        }
        Ok(rows)
    }

    #[allow(clippy::panic, reason = "it is what a fuzzer is for")]
    fn drive(&self, source: &dyn LogSource, files: &DriveFiles, blobs: &Blobs) -> Result<usize> {
        let _ = source.name(files, blobs, &self.limits, "0123456789abcdef");
        let first = source.decode(files, blobs, &self.limits, &mut Nowhere, None)?;
        let decoded = match &first.apart {
            Some(apart) => source.decode(files, blobs, &self.limits, &mut Nowhere, Some(apart))?,
            None => first,
        };
        let read = match decoded.finish(identity(), Spilled::default()) {
            Err(error @ Error::Unaccounted { .. }) => panic!("{error}"),
            read => read?,
        };
        let key = DriveKey {
            log_id: "fuzzed",
            day: read.drive.day,
        };
        let tables = read.facts.tables();
        for facts in tables {
            if let Err(error) = facts.batch(key, 0..facts.len()) {
                panic!("{}: {error:?}", facts.spec().name);
            }
        }
        let rows: usize = tables.iter().map(|facts| facts.len()).sum();
        Ok(rows - read.facts.findings.len())
    }
}

fn options(buses: Buses) -> Result<Arc<TopicOptions>> {
    TopicOptions::new(DEFAULT_MAPPING, buses, true).map(Arc::new)
}

fn identity() -> Identity {
    Identity {
        log_id: "fuzzed".into(),
        source_uri: String::new(),
        source_digest: "0123456789abcdef".to_owned(),
        source_bytes: 0,
        format: "fuzzed",
        place: None,
        options: None,
        listing: String::new(),
        transaction: String::new(),
        replaces: std::collections::BTreeSet::new(),
    }
}

/// The first part of an input, and the others.
fn parted(input: &[u8]) -> (&[u8], &[u8]) {
    let Some((length, rest)) = input.split_first_chunk::<2>() else {
        return (&[], &[]);
    };
    let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
    rest.split_at(length)
}

/// Messages that are given as they are: one topic for each type of message that the mapping knows and that its encoding can have.
#[derive(Debug)]
struct Given {
    target: &'static str,
    definition: Vec<u8>,
    messages: Vec<u8>,
}

/// The definition of a frame of a bus.
const CAN_FRAME: &str =
    "uint32 id\nbool is_rtr\nbool is_extended\nbool is_error\nuint8 dlc\nuint8[8] data\n";

impl Given {
    fn new(target: &'static str, definition: &[u8], messages: &[u8]) -> Self {
        Self {
            target,
            definition: definition.to_vec(),
            messages: messages.to_vec(),
        }
    }

    fn topics(
        &self,
    ) -> (
        MessageEncoding,
        &'static str,
        &'static [(&'static str, &'static str)],
    ) {
        const ROS: &[(&str, &str)] = &[
            ("/odom", "nav_msgs/msg/Odometry"),
            ("/tf", "tf2_msgs/msg/TFMessage"),
            ("/info", "sensor_msgs/msg/CameraInfo"),
            ("/image", "sensor_msgs/msg/CompressedImage"),
            ("/points", "sensor_msgs/msg/PointCloud2"),
            ("/tracks", "autoware_perception_msgs/msg/TrackedObjects"),
            ("/boxes", "vision_msgs/msg/Detection3DArray"),
            ("/map", "std_msgs/msg/String"),
            ("/fix", "sensor_msgs/msg/NavSatFix"),
            ("/any", "a/msg/B"),
        ];
        const FOXGLOVE: &[(&str, &str)] = &[
            ("/pose", "foxglove.PoseInFrame"),
            ("/tf", "foxglove.FrameTransforms"),
            ("/image", "foxglove.CompressedImage"),
            ("/scene", "foxglove.SceneUpdate"),
            ("/points", "foxglove.PointCloud"),
            ("/any", "a.B"),
        ];
        match self.target {
            "ros2msg" => (MessageEncoding::Cdr, "ros2msg", ROS),
            "ros2idl" => (MessageEncoding::Cdr, "ros2idl", ROS),
            "ros1msg" => (MessageEncoding::Ros1, "ros1msg", ROS),
            "protobuf" => (MessageEncoding::Protobuf, "protobuf", FOXGLOVE),
            "dbc" => (
                MessageEncoding::Cdr,
                "ros2msg",
                &[("/can", "can_msgs/msg/Frame")],
            ),
            _ => (MessageEncoding::Json, "jsonschema", FOXGLOVE),
        }
    }
}

impl LogFormat for Given {
    fn name(&self) -> &'static str {
        "given"
    }

    fn looks_like(&self) -> &'static str {
        "nothing"
    }

    fn logs(&self, _: &[&str]) -> Vec<LogFiles> {
        Vec::new()
    }

    fn read(&self, _: &Log<'_>, messages: &mut Messages<'_>) -> Result<(), FormatError> {
        let (encoding, schema_encoding, topics) = self.topics();
        let mut ids = Vec::new();
        for (topic, name) in topics {
            let schema = Schema {
                name,
                encoding: schema_encoding,
                text: &self.definition,
            };
            ids.push(messages.topic(topic, encoding, schema)?);
        }
        let mut rest = self.messages.as_slice();
        let mut stamp_ns = 1_700_000_000_000_000_000;
        while !rest.is_empty() {
            let (message, others) = parted(rest);
            for id in &ids {
                messages.message(*id, stamp_ns, message)?;
            }
            stamp_ns += 100_000_000;
            rest = others;
        }
        Ok(())
    }
}

/// Takes frames and rows, and keeps nothing.
struct Nowhere;

impl DriveSink for Nowhere {
    fn append(&mut self, _: &str, bytes: &[u8]) -> Result<PackRange> {
        Ok(PackRange {
            pack: String::new(),
            offset: 0,
            length: bytes.len() as i64,
        })
    }

    fn spill(&mut self, facts: &mut DriveFacts, _: i64) -> Result<()> {
        facts
            .spillable()
            .into_iter()
            .for_each(|facts| facts.clear());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rand::{Rng as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Inputs of a target: those to start from (`seeds`), or those that once broke it (`crashers`).
    fn inputs(target: &str, kind: &str) -> Vec<Vec<u8>> {
        let fuzz = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz"));
        let files = std::fs::read_dir(fuzz.join(kind).join(target));
        let files = files.into_iter().flatten();
        let mut paths: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
            .iter()
            .map(|path| std::fs::read(path).unwrap())
            .collect()
    }

    /// What `make fuzz` does for hours, for a second: each input, and some of it that were changed by chance.
    #[test]
    fn inputs_and_what_chance_makes_of_them_do_no_harm() {
        for target in targets() {
            let fuzzer = Fuzzer::new(target);
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let seeds = inputs(target, "seeds");
            assert!(!seeds.is_empty(), "no inputs for {target}");
            for input in seeds.into_iter().chain(inputs(target, "crashers")) {
                fuzzer.run(&input);
                for _ in 0..20 {
                    fuzzer.run(&changed(&input, &mut rng));
                }
            }
        }
    }

    /// The seeds are logs that are read, so that what is changed of them reaches beyond the first check.
    #[test]
    fn a_seed_of_each_target_becomes_rows() {
        for target in targets() {
            let fuzzer = Fuzzer::new(target);
            for input in inputs(target, "seeds") {
                let rows = fuzzer.decoded(&input);
                assert!(matches!(rows, Ok(1..)), "{target}: {rows:?}");
            }
        }
    }

    fn changed(input: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
        let mut changed = input.to_vec();
        for _ in 0..rng.random_range(1..6) {
            if changed.is_empty() {
                break;
            }
            let at = rng.random_range(0..changed.len());
            match rng.random_range(0..4) {
                0 => changed[at] = rng.random_range(0..=255),
                1 => changed[at] ^= 1 << rng.random_range(0..8),
                2 => changed.truncate(at),
                _ => {
                    let end = (at + rng.random_range(1..9)).min(changed.len());
                    changed.drain(at..end);
                }
            }
        }
        changed
    }
}
