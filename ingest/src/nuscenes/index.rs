//! Reads the tables of a dataset, each once and as a stream, and joins them in memory within `Limits::dataset_bytes_max`.

use std::collections::BTreeMap;

use driveloop_lake::ObjectEntry;
use serde::de::DeserializeOwned;

use super::dataset::{
    Annotation, Dataset, EgoPose, Flaw, FlawKind, Instance, Log, Modality, Numbers, Recording,
    Sample, Scene, Sensor, name_digest,
};
use super::json::{Damage, Piece, Splitter};
use super::records::{self, Stamp, Token};
use crate::blob::{Blobs, Pass};
use crate::error::{Error, Result};
use crate::limits::Limits;

/// Bytes of a table that are read at once.
const READ_BYTES: usize = 256 << 10;
/// Bytes that an entry of [`Numbers`] takes, with the room that the map keeps.
const NUMBER_BYTES: usize = 48;

/// The dataset, and the files of each scene.
pub(super) struct Indexed {
    pub(super) dataset: Dataset,
    pub(super) files: Vec<Vec<ObjectEntry>>,
    /// Files that no scene names.
    pub(super) unrecognised: Vec<String>,
}

/// Reads the tables in a folder. `files` are all files of the dataset; names of media are below `root`.
pub(super) fn index(
    folder: &str,
    root: &str,
    mut files: Vec<ObjectEntry>,
    blobs: &Blobs,
    limits: &Limits,
) -> Result<Indexed> {
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut builder = Builder {
        folder,
        root,
        files: &files,
        blobs,
        limits,
        bytes: 0,
        dataset: Dataset::default(),
        flaws: BTreeMap::new(),
    };
    builder.read()?;
    let mut dataset = builder.finish();
    let scenes = dataset.scenes.len();
    let (files, unrecognised) = distribute(&mut dataset, files, scenes);
    Ok(Indexed {
        dataset,
        files,
        unrecognised: unrecognised
            .into_iter()
            .filter(|path| !is_table(path, folder))
            .collect(),
    })
}

/// Gives each scene the files that its recordings name, and each recording the number of its file among them.
fn distribute(
    dataset: &mut Dataset,
    files: Vec<ObjectEntry>,
    scenes: usize,
) -> (Vec<Vec<ObjectEntry>>, Vec<String>) {
    let mut files: Vec<Option<ObjectEntry>> = files.into_iter().map(Some).collect();
    let mut of_scenes: Vec<Vec<ObjectEntry>> = vec![Vec::new(); scenes];
    for recording in &mut dataset.recordings {
        let of_scene = &mut of_scenes[recording.scene as usize];
        let file = recording.file.and_then(|file| files[file as usize].take());
        recording.file = file.map(|file| {
            of_scene.push(file);
            of_scene.len() as u32 - 1
        });
    }
    let left = files.into_iter().flatten().map(|file| file.path).collect();
    (of_scenes, left)
}

/// Whether a file is a table of the folder.
pub(super) fn is_table(path: &str, folder: &str) -> bool {
    let name = path
        .strip_prefix(folder)
        .map(|name| name.trim_start_matches('/'));
    name.is_some_and(|name| name.ends_with(".json") && !name.contains('/'))
}

struct Builder<'a> {
    folder: &'a str,
    root: &'a str,
    /// By path.
    files: &'a [ObjectEntry],
    blobs: &'a Blobs,
    limits: &'a Limits,
    /// Bytes that the dataset takes so far.
    bytes: usize,
    dataset: Dataset,
    flaws: BTreeMap<(FlawKind, &'static str), Flaw>,
}

/// Why a table is not read on.
enum Stop {
    Damaged(Damage),
    Failed(Error),
}

impl From<Damage> for Stop {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

impl Builder<'_> {
    /// Reads each table after those that it refers to.
    fn read(&mut self) -> Result<()> {
        let logs = self.logs()?;
        let scenes = self.scenes(&logs)?;
        let samples = self.samples(&scenes)?;
        let sensors = self.sensors()?;
        let mut poses = self.recordings(&samples, &sensors)?;
        self.poses(&mut poses)?;
        let instances = self.instances()?;
        self.annotations(&samples, &instances)
    }

    fn finish(mut self) -> Dataset {
        let prefix = if self.root.is_empty() {
            String::new()
        } else {
            format!("{}/", self.root)
        };
        let maps = ["maps/", "map/"].map(|folder| format!("{prefix}{folder}"));
        let is_map = |file: &&ObjectEntry| maps.iter().any(|map| file.path.starts_with(map));
        self.dataset.map_file = self.files.iter().find(is_map).map(|file| file.path.clone());
        self.dataset.flaws = self.flaws.into_values().collect();
        self.dataset.sort();
        self.dataset
    }

    /// Counts memory.
    fn take(&mut self, bytes: usize) -> Result<()> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.limits.dataset_bytes_max {
            return Err(Error::Limit {
                subject: self.folder.to_owned(),
                limit: "dataset_bytes_max",
                max: self.limits.dataset_bytes_max as u64,
                actual: self.bytes as u64,
            });
        }
        Ok(())
    }

    fn flaw(&mut self, kind: FlawKind, table: &'static str, message: impl FnOnce() -> String) {
        let flaw = self.flaws.entry((kind, table)).or_insert_with(|| Flaw {
            kind,
            table,
            count: 0,
            message: message(),
        });
        flaw.count += 1;
    }

    /// A record that refers to another which is not there.
    fn without(&mut self, table: &'static str, what: &str) {
        self.flaw(FlawKind::Record, table, || {
            format!("expected records of a {what} of the dataset, got one of none")
        });
    }

    /// A file by its path.
    fn find(&self, path: &str) -> Option<u32> {
        let at = self
            .files
            .binary_search_by(|file| file.path.as_str().cmp(path));
        at.ok().and_then(|at| u32::try_from(at).ok())
    }

    /// Reads a table record by record. What is no record of it is counted; a table that is torn gives what came before.
    fn table<T: DeserializeOwned>(
        &mut self,
        table: &'static str,
        mut each: impl FnMut(&mut Self, T) -> Result<()>,
    ) -> Result<bool> {
        let path = match self.folder {
            "" => table.to_owned(),
            folder => format!("{folder}/{table}"),
        };
        let Some(at) = self.find(&path) else {
            self.flaw(FlawKind::Missing, table, || {
                format!("expected {table}, got none")
            });
            return Ok(false);
        };
        let (files, blobs) = (self.files, self.blobs);
        let mut reader = blobs.reader(&files[at as usize], Pass::Index)?;
        let mut splitter = Splitter::new(self.limits.json_record_bytes_max);
        let mut buffer = vec![0; READ_BYTES];
        let mut damage = None;
        while damage.is_none() {
            let count = reader.read(&mut buffer)?;
            if count == 0 {
                damage = splitter.finish().err();
                break;
            }
            let mut take = |piece: Piece<'_>| self.record(table, piece, &mut each);
            match splitter.push(&buffer[..count], &mut take) {
                Ok(()) => {}
                Err(Stop::Damaged(damaged)) => damage = Some(damaged),
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
        if let Some(damage) = damage {
            self.flaw(FlawKind::Damaged, table, || format!("expected {damage}"));
        }
        Ok(true)
    }

    fn record<T: DeserializeOwned>(
        &mut self,
        table: &'static str,
        piece: Piece<'_>,
        each: &mut impl FnMut(&mut Self, T) -> Result<()>,
    ) -> Result<(), Stop> {
        let max = self.limits.json_record_bytes_max;
        let reason = match piece {
            Piece::TooLong => format!("expected records of at most {max} bytes, got a longer one"),
            Piece::Record(bytes) => match serde_json::from_slice(bytes) {
                Ok(record) => return each(self, record).map_err(Stop::Failed),
                Err(error) => format!("expected records of the schema, got one with {error}"),
            },
        };
        self.flaw(FlawKind::Record, table, || reason);
        Ok(())
    }

    /// Notes the number of a record; of records with one token, the first counts.
    fn number(
        &mut self,
        numbers: &mut Numbers,
        table: &'static str,
        token: Token,
        number: usize,
    ) -> Result<bool> {
        if numbers.contains_key(&token) {
            self.flaw(FlawKind::Record, table, || {
                "expected a token for each record, got one twice; the first was kept".to_owned()
            });
            return Ok(false);
        }
        self.take(NUMBER_BYTES)?;
        numbers.insert(token, number as u32);
        Ok(true)
    }

    fn logs(&mut self) -> Result<Numbers> {
        let (table, mut numbers) = ("log.json", Numbers::new());
        self.table(table, |this, log: records::Log| {
            if this.number(&mut numbers, table, log.token, this.dataset.logs.len())? {
                let texts =
                    [&log.vehicle, &log.location].map(|text| text.as_ref().map_or(0, String::len));
                this.take(size_of::<Log>() + texts[0] + texts[1])?;
                let (vehicle, location) = (log.vehicle, log.location);
                this.dataset.logs.push(Log { vehicle, location });
            }
            Ok(())
        })?;
        Ok(numbers)
    }

    fn scenes(&mut self, logs: &Numbers) -> Result<Numbers> {
        let (table, mut numbers) = ("scene.json", Numbers::new());
        self.table(table, |this, scene: records::Scene| {
            let token = Token::of(&scene.token);
            if this.number(&mut numbers, table, token, this.dataset.scenes.len())? {
                let name = scene.name.unwrap_or_default();
                this.take(size_of::<Scene>() + scene.token.len() + name.len())?;
                this.dataset.scenes.push(Scene {
                    token: scene.token,
                    name,
                    log: scene.log_token.and_then(|log| logs.get(&log).copied()),
                });
            }
            Ok(())
        })?;
        Ok(numbers)
    }

    /// The key frames, and the number of each.
    fn samples(&mut self, scenes: &Numbers) -> Result<Numbers> {
        let (table, mut numbers) = ("sample.json", Numbers::new());
        self.table(table, |this, sample: records::Sample| {
            let Some(scene) = scenes.get(&sample.scene_token).copied() else {
                this.without(table, "scene");
                return Ok(());
            };
            if this.number(
                &mut numbers,
                table,
                sample.token,
                this.dataset.samples.len(),
            )? {
                this.take(size_of::<Sample>())?;
                let Stamp(stamp_ns) = sample.timestamp;
                this.dataset.samples.push(Sample { scene, stamp_ns });
            }
            Ok(())
        })?;
        Ok(numbers)
    }

    /// The calibrated sensors, and the number of each.
    fn sensors(&mut self) -> Result<Numbers> {
        let (table, mut devices) = ("sensor.json", BTreeMap::new());
        self.table(table, |this, sensor: records::Sensor| {
            this.take(size_of::<records::Sensor>() + sensor.channel.len())?;
            let modality = match sensor.modality.as_str() {
                "camera" => Modality::Camera,
                "lidar" => Modality::Lidar,
                _ => Modality::Other,
            };
            devices.insert(sensor.token, (sensor.channel, modality));
            Ok(())
        })?;
        let (table, mut numbers) = ("calibrated_sensor.json", Numbers::new());
        self.table(table, |this, sensor: records::CalibratedSensor| {
            let Some((channel, modality)) = devices.get(&sensor.sensor_token).cloned() else {
                this.without(table, "sensor");
                return Ok(());
            };
            if this.number(
                &mut numbers,
                table,
                sensor.token,
                this.dataset.sensors.len(),
            )? {
                let intrinsic = sensor.camera_intrinsic.unwrap_or_default();
                let distortion = sensor.camera_distortion.unwrap_or_default();
                let cells: usize = intrinsic.iter().map(|row| 24 + 8 * row.len()).sum();
                let cells = cells + 8 * distortion.len();
                this.take(size_of::<Sensor>() + channel.len() + cells)?;
                this.dataset.sensors.push(Sensor {
                    channel,
                    modality,
                    translation: sensor.translation,
                    rotation: sensor.rotation,
                    intrinsic,
                    distortion,
                });
            }
            Ok(())
        })?;
        Ok(numbers)
    }

    /// The key frames and sweeps of the sensors; returns where each pose that they name will be.
    fn recordings(&mut self, samples: &Numbers, sensors: &Numbers) -> Result<Numbers> {
        let (table, mut poses) = ("sample_data.json", Numbers::new());
        self.table(table, |this, data: records::SampleData| {
            let Some(sample) = samples.get(&data.sample_token) else {
                this.without(table, "sample");
                return Ok(());
            };
            let Some(sensor) = sensors.get(&data.calibrated_sensor_token).copied() else {
                this.without(table, "calibrated sensor");
                return Ok(());
            };
            this.take(size_of::<Recording>())?;
            let next = poses.len() as u32;
            let pose = poses.get(&data.ego_pose_token).copied().unwrap_or(next);
            if pose == next {
                this.take(NUMBER_BYTES)?;
                poses.insert(data.ego_pose_token, pose);
            }
            let path = match this.root {
                "" => data.filename.clone(),
                root => format!("{root}/{}", data.filename),
            };
            let pixels = |size: Option<u32>| size.and_then(|size| u16::try_from(size).ok());
            let Stamp(stamp_ns) = data.timestamp;
            let recording = Recording {
                scene: this.dataset.samples[*sample as usize].scene,
                sensor,
                stamp_ns,
                pose: Some(pose),
                file: this.find(&path),
                name: name_digest(&data.filename),
                size_px: [data.width, data.height].map(|size| pixels(size).unwrap_or_default()),
            };
            this.dataset.recordings.push(recording);
            Ok(())
        })?;
        Ok(poses)
    }

    /// The poses that recordings name.
    fn poses(&mut self, numbers: &mut Numbers) -> Result<()> {
        let table = "ego_pose.json";
        self.take(numbers.len().saturating_mul(size_of::<Option<EgoPose>>()))?;
        let mut poses: Vec<Option<EgoPose>> = vec![None; numbers.len()];
        self.table(table, |this, pose: records::EgoPose| {
            let Some(number) = numbers.get(&pose.token) else {
                this.without(table, "recording");
                return Ok(());
            };
            let Stamp(stamp_ns) = pose.timestamp;
            poses[*number as usize].get_or_insert(EgoPose {
                stamp_ns,
                translation: pose.translation,
                rotation: pose.rotation,
            });
            Ok(())
        })?;
        // Poses that are there move together.
        let mut kept = vec![None; poses.len()];
        for (at, pose) in poses.into_iter().enumerate() {
            if let Some(pose) = pose {
                kept[at] = Some(self.dataset.poses.len() as u32);
                self.dataset.poses.push(pose);
            }
        }
        for recording in &mut self.dataset.recordings {
            recording.pose = recording.pose.and_then(|pose| kept[pose as usize]);
        }
        Ok(())
    }

    /// The instances of objects, and the number of each.
    fn instances(&mut self) -> Result<Numbers> {
        let (table, mut categories) = ("category.json", Numbers::new());
        self.table(table, |this, category: records::Category| {
            let next = this.dataset.categories.len();
            if this.number(&mut categories, table, category.token, next)? {
                this.take(size_of::<String>() + category.name.len())?;
                this.dataset.categories.push(category.name);
            }
            Ok(())
        })?;
        let (table, mut numbers) = ("instance.json", Numbers::new());
        self.table(table, |this, instance: records::Instance| {
            let token = Token::of(&instance.token);
            if this.number(&mut numbers, table, token, this.dataset.instances.len())? {
                this.take(size_of::<Instance>() + instance.token.len())?;
                let category = categories.get(&instance.category_token).copied();
                let token = instance.token;
                this.dataset.instances.push(Instance { token, category });
            }
            Ok(())
        })?;
        Ok(numbers)
    }

    fn annotations(&mut self, samples: &Numbers, instances: &Numbers) -> Result<()> {
        let table = "sample_annotation.json";
        let is_there = self.table(table, |this, annotation: records::SampleAnnotation| {
            let Some(sample) = samples.get(&annotation.sample_token) else {
                this.without(table, "sample");
                return Ok(());
            };
            let Some(instance) = instances.get(&annotation.instance_token).copied() else {
                this.without(table, "instance");
                return Ok(());
            };
            this.take(size_of::<Annotation>())?;
            let Sample { scene, stamp_ns } = this.dataset.samples[*sample as usize];
            let points = annotation.num_lidar_pts.filter(|points| *points >= 0);
            this.dataset.annotations.push(Annotation {
                scene,
                instance,
                stamp_ns,
                size: annotation.size,
                translation: annotation.translation,
                rotation: annotation.rotation,
                lidar_points: points.and_then(|points| i32::try_from(points).ok()),
                has_attributes: annotation.attribute_tokens.0 || annotation.visibility_token.0,
            });
            Ok(())
        })?;
        self.dataset.has_annotations = is_there;
        Ok(())
    }
}
