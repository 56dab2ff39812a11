//! A scene becomes the rows of a drive.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use driveloop_schemas::pose::Pose;
use driveloop_schemas::time::Day;
use driveloop_schemas::{Calibration, LogId, Severity};

use super::categories::category_of;
use super::dataset::{Annotation, Dataset, FlawKind, SceneRecords, Sensor};
use super::media::Media;
use crate::actors::{Actor, EgoAt, Frame, Sighting, SightingId};
use crate::blob::Blobs;
use crate::decoded::{About, DecodedDrive};
use crate::ego::{EgoSample, EgoStates, EgoTrack, PoseAt, checked_pose};
use crate::error::Result;
use crate::findings::Found;
use crate::limits::Limits;
use crate::motion::central_difference;
use crate::quality::{
    check_pose_jumps, check_size, drop_duplicate, drop_stamp, drop_unusable, drop_without_pose,
    note_interpolated,
};
use crate::sink::DriveSink;
use crate::source::DriveFiles;

const LICENCE: &str = "CC BY-NC-SA 4.0";
/// The vehicle of nuScenes, a Renault Zoe by its data sheet: length, width, height.
const EGO_SIZE_M: [f64; 3] = [4.084, 1.730, 1.562];
/// From the rear axle, where the ego frame is, to the middle: half of the length less the rear overhang of 0.657 m.
const REAR_AXLE_TO_CENTRE_M: f64 = 1.385;

const POSES: &str = "ego_pose.json";
const BOXES: &str = "sample_annotation.json";
const SENSORS: &str = "calibrated_sensor.json";

/// Reads a scene. Media bytes go to the sink.
pub(super) fn decode(
    dataset: &Dataset,
    number: u32,
    drive: &DriveFiles,
    blobs: &Blobs,
    limits: &Limits,
    sink: &mut dyn DriveSink,
) -> Result<DecodedDrive> {
    let mut out = DecodedDrive::default();
    let mut scene = Scene {
        dataset,
        records: dataset.of_scene(number),
        out: &mut out,
    };
    scene.about(number);
    scene.flaws(number);
    let ego = scene.poses();
    scene.boxes(&ego);
    scene.sensors();
    let (records, out) = (scene.records, scene.out);
    let recordings = records.recordings;
    let media = Media {
        dataset,
        recordings,
        drive,
        blobs,
        limits,
    };
    media.read(out, sink)?;
    Ok(std::mem::take(out))
}

struct Scene<'a> {
    dataset: &'a Dataset,
    records: SceneRecords<'a>,
    out: &'a mut DecodedDrive,
}

impl Scene<'_> {
    /// The log's vehicle and location; a location such as `singapore-onenorth` is the name of a map, and begins with the city.
    fn about(&mut self, number: u32) {
        let log = self.dataset.scenes[number as usize].log;
        let log = log.and_then(|log| self.dataset.logs.get(log as usize));
        let vehicle = log.and_then(|log| log.vehicle.clone());
        let location = log.and_then(|log| log.location.clone());
        let filled = |text: &String| !text.is_empty();
        let region = location
            .as_deref()
            .and_then(|place| place.split('-').next());
        // The fleet of nuScenes has names such as `n015`; data of others has licences of its own.
        let is_nuscenes = vehicle.as_deref().is_some_and(is_nuscenes_vehicle);
        if !is_nuscenes {
            let found = Found::one("assumed_ego_size", Severity::Info, "ego", None);
            self.out.findings.add(found, || {
                format!("expected the extent of the ego, got none: that of the vehicle of nuScenes, {EGO_SIZE_M:?} m, was taken")
            });
        }
        self.out.about = About {
            region: region.map(str::to_owned).filter(filled),
            map_id: location.filter(filled),
            vehicle_id: vehicle.filter(filled),
            licence: is_nuscenes.then(|| LICENCE.to_owned()),
            ..About::default()
        };
        if let Some(file) = &self.dataset.map_file {
            let found = Found::one("unmapped_map", Severity::Info, "map", None);
            self.out.findings.add(found, || {
                format!("maps such as {file} are no part of what is read of this format")
            });
        }
    }

    /// What is wrong with the tables: damage concerns each scene; records of no scene are counted in the first.
    fn flaws(&mut self, number: u32) {
        for flaw in &self.dataset.flaws {
            let (check, severity) = match flaw.kind {
                FlawKind::Record => ("table_record", Severity::Error),
                FlawKind::Damaged => ("damaged_table", Severity::Error),
                FlawKind::Missing => ("missing_table", missing(flaw.table)),
            };
            let mut found = Found {
                count: flaw.count,
                ..Found::one(check, severity, flaw.table, None)
            };
            match flaw.kind {
                FlawKind::Record if number > 0 => continue,
                FlawKind::Record => {
                    found.dropped = flaw.count;
                    self.out.records_in += flaw.count;
                }
                FlawKind::Damaged => self.out.is_damaged = true,
                FlawKind::Missing => {}
            }
            self.out.findings.add(found, || flaw.message.clone());
        }
    }

    /// The poses of all recordings. Recordings of one stamp have the same pose, which then is one row.
    fn poses(&mut self) -> Arc<EgoTrack> {
        let numbers: BTreeSet<u32> = self
            .records
            .recordings
            .iter()
            .filter_map(|r| r.pose)
            .collect();
        let mut by_stamp: BTreeMap<i64, Pose> = BTreeMap::new();
        for number in numbers {
            let pose = &self.dataset.poses[number as usize];
            self.out.records_in += 1;
            let findings = &mut self.out.findings;
            let Some(stamp_ns) = pose.stamp_ns else {
                drop_stamp(findings, POSES, "another");
                continue;
            };
            let Some(map_from_ego) = checked_pose(pose.rotation, pose.translation) else {
                drop_unusable(findings, POSES, Some(stamp_ns), "others");
                continue;
            };
            if *by_stamp.entry(stamp_ns).or_insert(map_from_ego) != map_from_ego {
                drop_duplicate(findings, POSES, stamp_ns);
                continue;
            }
            self.out.records_used += 1;
        }
        let sample = |(stamp_ns, map_from_ego)| {
            let sample = EgoSample {
                map_from_ego,
                speed_mps: None,
                yaw_rate_radps: None,
            };
            (stamp_ns, sample)
        };
        let ego = Arc::new(EgoTrack::new(by_stamp.into_iter().map(sample).collect()));
        self.out.facts.ego_states = EgoStates::of(&ego);
        check_pose_jumps(&mut self.out.findings, POSES, &ego);
        ego
    }

    /// The boxes at the key frames, and the ego beside them.
    fn boxes(&mut self, ego: &EgoTrack) {
        if !self.dataset.has_annotations {
            let found = Found::one("no_annotations", Severity::Warning, BOXES, None);
            self.out.findings.add(found, || {
                format!("expected {BOXES}, got none: the drive has no actors")
            });
            return;
        }
        let key_frames = self.key_frames(ego);
        for annotation in self.records.annotations {
            self.out.records_in += 1;
            self.out.records_used += u64::from(self.actor(&key_frames, annotation));
        }
        let with_attributes = self.records.annotations.iter().filter(|a| a.has_attributes);
        let count = with_attributes.count() as u64;
        if count > 0 {
            let found = Found::one("unmapped_field", Severity::Info, BOXES, None);
            self.out.findings.add(Found { count, ..found }, || {
                "attributes and visibility have no place in the tables".to_owned()
            });
        }
        let actors = &mut self.out.facts.actors;
        actors.place(&egos(&key_frames));
        let centre = Pose {
            translation: [REAR_AXLE_TO_CENTRE_M, 0.0, EGO_SIZE_M[2] / 2.0],
            ..Pose::IDENTITY
        };
        actors.add_ego(EGO_SIZE_M, centre, |_, _| None);
    }

    /// The key frames with a stamp at which the ego's pose is known, and those of them that had to be interpolated.
    fn key_frames(&mut self, ego: &EgoTrack) -> KeyFrames {
        let subject = self.out.facts.actors.subject(BOXES);
        let mut key_frames = KeyFrames::new();
        for stamp_ns in self
            .records
            .samples
            .iter()
            .filter_map(|sample| sample.stamp_ns)
        {
            if key_frames.contains_key(&stamp_ns) {
                continue;
            }
            let Some((map_from_ego, how)) = ego.pose_at(stamp_ns) else {
                continue;
            };
            if how == PoseAt::Interpolated {
                note_interpolated(&mut self.out.findings, POSES, stamp_ns);
            }
            let sighting = self.out.facts.actors.sighting(Sighting {
                stamp_ns,
                frame: Frame::Map,
                subject,
            });
            key_frames.insert(stamp_ns, (sighting, map_from_ego));
        }
        key_frames
    }

    /// Takes a box; false where it was dropped.
    fn actor(&mut self, key_frames: &KeyFrames, annotation: &Annotation) -> bool {
        let (findings, actors) = (&mut self.out.findings, &mut self.out.facts.actors);
        let Some(stamp_ns) = annotation.stamp_ns else {
            drop_stamp(findings, BOXES, "another");
            return false;
        };
        let [width, length, height] = annotation.size;
        let pose = checked_pose(annotation.rotation, annotation.translation);
        let Some(map_from_object) = pose else {
            drop_unusable(findings, BOXES, Some(stamp_ns), "others");
            return false;
        };
        let Some((sighting, _)) = key_frames.get(&stamp_ns) else {
            drop_without_pose(findings, BOXES, stamp_ns);
            return false;
        };
        let instance = &self.dataset.instances[annotation.instance as usize];
        let class = instance
            .category
            .map(|at| &self.dataset.categories[at as usize]);
        let class = class.map_or("", String::as_str);
        let actor = Actor {
            sighting: *sighting,
            category: actors.category(class, category_of),
            size_m: [length, width, height],
            frame_from_object: map_from_object,
            velocity_mps: None,
            accel_mps2: None,
            lidar_points: annotation.lidar_points,
        };
        if !actors.push(&instance.token, actor) {
            drop_duplicate(findings, BOXES, stamp_ns);
            return false;
        }
        check_size(findings, class, stamp_ns, actor.size_m);
        true
    }

    /// The calibration of the sensors that recorded something.
    fn sensors(&mut self) {
        let mut rows: BTreeMap<&str, Calibration> = BTreeMap::new();
        let mut done = BTreeSet::new();
        for recording in self.records.recordings {
            if !done.insert(recording.sensor) {
                continue;
            }
            self.out.records_in += 1;
            let sensor = &self.dataset.sensors[recording.sensor as usize];
            let findings = &mut self.out.findings;
            let Some(pose) = checked_pose(sensor.rotation, sensor.translation) else {
                drop_unusable(findings, SENSORS, None, "others");
                continue;
            };
            let row = calibration(sensor, pose, recording.size_px);
            if sensor.distortion.iter().any(|k| *k != 0.0) && row.distortion_model.is_none() {
                let found = Found::one(
                    "unmapped_distortion",
                    Severity::Warning,
                    &sensor.channel,
                    None,
                );
                findings.add(found, || {
                    let got = &sensor.distortion;
                    format!("expected k1, k2, k3 without tangential parts, got {got:?}")
                });
            }
            // A sensor that was calibrated anew within the scene has two; the table has room for one.
            let first = rows.entry(&sensor.channel).or_insert_with(|| row.clone());
            if *first != row {
                let found =
                    Found::dropped("calibrated_twice", Severity::Warning, &sensor.channel, None);
                findings.add(found, || {
                    "expected one calibration of a sensor, got another; the first was kept"
                        .to_owned()
                });
                continue;
            }
            self.out.records_used += 1;
        }
        self.out.facts.calibrations = rows.into_values().collect::<Vec<_>>().into();
    }
}

/// By stamp: the sighting of a key frame, and where the ego was.
type KeyFrames = BTreeMap<i64, (SightingId, Pose)>;

/// The ego at each sighting, in their order. Its velocity is derived as that of the actors is, at the key frames.
fn egos(key_frames: &KeyFrames) -> Vec<Option<EgoAt>> {
    let stamps: Vec<i64> = key_frames.keys().copied().collect();
    let [vx, vy] = [0, 1].map(|axis: usize| {
        let along = key_frames
            .values()
            .map(|(_, pose)| Some(pose.translation[axis]));
        central_difference(&stamps, &along.collect::<Vec<_>>())
    });
    let mut egos = vec![None; key_frames.len()];
    for (at, (sighting, pose)) in key_frames.values().enumerate() {
        let velocity_mps = vx[at].zip(vy[at]).map(|(x, y)| [x, y]);
        egos[sighting.index()] = Some(EgoAt::new(*pose, velocity_mps));
    }
    egos
}

fn is_nuscenes_vehicle(name: &str) -> bool {
    let number = name.strip_prefix('n');
    number.is_some_and(|number| number.len() == 3 && number.bytes().all(|b| b.is_ascii_digit()))
}

/// How much a table that is not there is missed.
fn missing(table: &str) -> Severity {
    match table {
        // Where there are no annotations, a finding of its own says so.
        "log.json" | "category.json" | "instance.json" | BOXES => Severity::Info,
        _ => Severity::Warning,
    }
}

fn calibration(sensor: &Sensor, ego_from_sensor: Pose, size_px: [u16; 2]) -> Calibration {
    let Pose {
        translation: [x_m, y_m, z_m],
        rotation,
    } = ego_from_sensor;
    let cell = |row: usize, column: usize| {
        let cell = sensor.intrinsic.get(row)?.get(column).copied();
        cell.filter(|cell| cell.is_finite())
    };
    let pixels = |size: u16| (size > 0).then(|| i32::from(size));
    let (model, distortion) = match sensor.distortion.as_slice() {
        [k1, k2, 0.0, 0.0, k3] if [k1, k2, k3].iter().any(|k| **k != 0.0) => {
            (Some("radial".to_owned()), vec![*k1, *k2, *k3])
        }
        _ => (None, Vec::new()),
    };
    Calibration {
        log_id: LogId::default(),
        day: Day(0),
        sensor: sensor.channel.clone(),
        x_m,
        y_m,
        z_m,
        qw: rotation.w,
        qx: rotation.x,
        qy: rotation.y,
        qz: rotation.z,
        fx_px: cell(0, 0),
        fy_px: cell(1, 1),
        cx_px: cell(0, 2),
        cy_px: cell(1, 2),
        width_px: pixels(size_px[0]),
        height_px: pixels(size_px[1]),
        distortion_model: model,
        distortion,
        composed: None,
    }
}
