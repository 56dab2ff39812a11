//! The tables of a dataset, joined: what the scenes share, and what each has.

use driveloop_lake::digest;

use super::records::Token;

/// What is wrong with records of a table, whichever scene they were meant for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) kind: FlawKind,
    /// File name of the table.
    pub(super) table: &'static str,
    pub(super) count: u64,
    /// What was met first.
    pub(super) message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FlawKind {
    /// Records that are not as the schema says, or belong to no scene: dropped.
    Record,
    /// The table ends before its array does, or is none.
    Damaged,
    /// The dataset does not have the table.
    Missing,
}

/// All that the tables say about scenes, in memory. A recording takes 56 bytes, a pose 72, a box 120.
#[derive(Debug, Default)]
pub(super) struct Dataset {
    pub(super) scenes: Vec<Scene>,
    pub(super) logs: Vec<Log>,
    pub(super) categories: Vec<String>,
    pub(super) sensors: Vec<Sensor>,
    pub(super) instances: Vec<Instance>,
    pub(super) poses: Vec<EgoPose>,
    /// Key frames by scene and stamp.
    pub(super) samples: Vec<Sample>,
    /// By scene, channel and stamp.
    pub(super) recordings: Vec<Recording>,
    /// By scene, stamp and instance.
    pub(super) annotations: Vec<Annotation>,
    pub(super) flaws: Vec<Flaw>,
    pub(super) has_annotations: bool,
    /// A file of a map, where there is one.
    pub(super) map_file: Option<String>,
}

#[derive(Debug)]
pub(super) struct Log {
    pub(super) vehicle: Option<String>,
    pub(super) location: Option<String>,
}

#[derive(Debug)]
pub(super) struct Scene {
    pub(super) token: String,
    pub(super) name: String,
    pub(super) log: Option<u32>,
}

/// A sensor as it was calibrated.
#[derive(Debug)]
pub(super) struct Sensor {
    pub(super) channel: String,
    pub(super) modality: Modality,
    pub(super) translation: [f64; 3],
    pub(super) rotation: [f64; 4],
    /// Three rows of three for a camera.
    pub(super) intrinsic: Vec<Vec<f64>>,
    pub(super) distortion: Vec<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Modality {
    Camera,
    Lidar,
    /// Radar, and whatever else there is no table for.
    Other,
}

#[derive(Debug)]
pub(super) struct Instance {
    pub(super) token: String,
    pub(super) category: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct EgoPose {
    pub(super) stamp_ns: Option<i64>,
    pub(super) translation: [f64; 3],
    pub(super) rotation: [f64; 4],
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) scene: u32,
    pub(super) stamp_ns: Option<i64>,
}

/// A key frame or sweep of a sensor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recording {
    pub(super) scene: u32,
    pub(super) sensor: u32,
    pub(super) stamp_ns: Option<i64>,
    /// Among the poses, where the table has it.
    pub(super) pose: Option<u32>,
    /// Among the files of the scene; none for one that the source lacks.
    pub(super) file: Option<u32>,
    /// The start of the BLAKE3 of the file's name.
    pub(super) name: u64,
    pub(super) size_px: [u16; 2],
}

/// A box in the map at a key frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Annotation {
    pub(super) scene: u32,
    pub(super) instance: u32,
    pub(super) stamp_ns: Option<i64>,
    /// Width, length, height, as the table has it.
    pub(super) size: [f64; 3],
    pub(super) translation: [f64; 3],
    pub(super) rotation: [f64; 4],
    pub(super) lidar_points: Option<i32>,
    pub(super) has_attributes: bool,
}

/// What belongs to one scene.
pub(super) struct SceneRecords<'a> {
    pub(super) samples: &'a [Sample],
    pub(super) recordings: &'a [Recording],
    pub(super) annotations: &'a [Annotation],
}

/// The part of a list that is sorted by scene.
fn part<T>(all: &[T], scene: u32, of: impl Fn(&T) -> u32) -> &[T] {
    let start = all.partition_point(|record| of(record) < scene);
    let end = all.partition_point(|record| of(record) <= scene);
    &all[start..end]
}

impl Dataset {
    /// Brings the records into their order, once all are there.
    pub(super) fn sort(&mut self) {
        let (sensors, instances) = (&self.sensors, &self.instances);
        self.samples.sort_unstable_by_key(|s| (s.scene, s.stamp_ns));
        self.recordings.sort_unstable_by(|a, b| {
            let key = |r: &Recording| (r.stamp_ns, r.name);
            let channel = |r: &Recording| sensors[r.sensor as usize].channel.as_str();
            let by_channel = a
                .scene
                .cmp(&b.scene)
                .then_with(|| channel(a).cmp(channel(b)));
            by_channel.then_with(|| key(a).cmp(&key(b)))
        });
        // Stable, so that of two boxes of one instance at one stamp the first stays.
        self.annotations.sort_by(|a, b| {
            let token = |r: &Annotation| instances[r.instance as usize].token.as_str();
            let by_stamp = (a.scene, a.stamp_ns).cmp(&(b.scene, b.stamp_ns));
            by_stamp.then_with(|| token(a).cmp(token(b)))
        });
    }

    /// The records of a scene.
    pub(super) fn of_scene(&self, scene: u32) -> SceneRecords<'_> {
        SceneRecords {
            samples: part(&self.samples, scene, |sample| sample.scene),
            recordings: part(&self.recordings, scene, |recording| recording.scene),
            annotations: part(&self.annotations, scene, |annotation| annotation.scene),
        }
    }

    /// A digest of all records of a scene, with what they refer to. Rows of other scenes and the order of the tables do not change it.
    pub(super) fn digest(&self, scene: u32) -> String {
        let mut hash = blake3::Hasher::new();
        let mut text = |text: &str| {
            hash.update(&(text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        };
        let Some(about) = self.scenes.get(scene as usize) else {
            return String::new();
        };
        text(&about.token);
        text(&about.name);
        if let Some(log) = about.log.and_then(|log| self.logs.get(log as usize)) {
            text(log.vehicle.as_deref().unwrap_or_default());
            text(log.location.as_deref().unwrap_or_default());
        }
        let records = self.of_scene(scene);
        let mut last = None;
        for recording in records.recordings {
            let sensor = &self.sensors[recording.sensor as usize];
            if last != Some(recording.sensor) {
                text(&format!("{sensor:?}"));
                last = Some(recording.sensor);
            }
            let pose = recording
                .pose
                .and_then(|pose| self.poses.get(pose as usize));
            text(&format!(
                "{:?} {} {:?} {pose:?}",
                recording.stamp_ns, recording.name, recording.size_px
            ));
        }
        for sample in records.samples {
            text(&format!("{:?}", sample.stamp_ns));
        }
        for annotation in records.annotations {
            let instance = &self.instances[annotation.instance as usize];
            let category = instance.category.map(|at| &self.categories[at as usize]);
            text(&instance.token);
            text(category.map_or("", String::as_str));
            let Annotation {
                stamp_ns,
                size,
                translation,
                rotation,
                lidar_points,
                ..
            } = annotation;
            text(&format!(
                "{stamp_ns:?} {size:?} {translation:?} {rotation:?} {lidar_points:?}"
            ));
        }
        hash.finalize().to_hex().to_string()
    }

    /// The digest of a scene's records and of its files' bytes.
    pub(super) fn digest_with_files(&self, scene: u32, files: &str) -> String {
        digest([self.digest(scene).as_str(), files])
    }
}

/// The start of the digest of a file's name.
pub(super) fn name_digest(name: &str) -> u64 {
    let mut start = [0; 8];
    start.copy_from_slice(&blake3::hash(name.as_bytes()).as_bytes()[..8]);
    u64::from_le_bytes(start)
}

/// Numbers of records by their tokens.
pub(super) type Numbers = std::collections::HashMap<Token, u32>;
