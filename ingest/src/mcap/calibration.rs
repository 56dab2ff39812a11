//! Where the sensors are, and what lenses cameras have: static transforms and `CameraInfo`.

use std::collections::BTreeMap;

use driveloop_schemas::pose::Pose;
use driveloop_schemas::time::Day;
use driveloop_schemas::{Calibration, LogId, Severity};

use super::plan::TransformSlots;
use super::reader::{Message, Reader, Refused};
use super::vehicle::EGO_FRAMES;
use super::wants::{Integer, List, MESSAGE, Number, Text, Wants};
use crate::findings::Found;

/// Frames between a sensor and the ego at most: stops frames that hang in a circle.
const FRAMES_MAX: usize = 32;
/// Coefficients of a lens at most; the largest model of ROS has 14.
const COEFFICIENTS_MAX: usize = 32;

/// What was said of the sensors so far.
#[derive(Default)]
pub(super) struct Sensors {
    /// By child: its parent and `parent_from_child`. Of several the first.
    transforms: BTreeMap<String, (String, Pose)>,
    /// Messages with transforms, by topic.
    transform_messages: BTreeMap<String, u64>,
    /// By frame.
    lenses: BTreeMap<String, Lens>,
    /// The frame of each topic with images or sweeps.
    frames: BTreeMap<String, String>,
}

/// A lens, and how often which topic said so.
struct Lens {
    topic: String,
    messages: u64,
    focal_px: [f64; 2],
    principal_px: [f64; 2],
    size_px: [i64; 2],
    model: String,
    distortion: Vec<f64>,
}

/// Where the parts of a `sensor_msgs/msg/CameraInfo` lie.
pub(super) struct LensSlots {
    frame: Text,
    focal: [Number; 2],
    principal: [Number; 2],
    size: [Integer; 2],
    model: Option<Text>,
    distortion: Option<(List, Number)>,
}

impl LensSlots {
    pub(super) fn of(wants: &mut Wants<'_>) -> Result<Self, String> {
        let distortion = wants.list(MESSAGE, "d").ok();
        let distortion =
            distortion.and_then(|list| Some((list, wants.number(list.scope, "").ok()?)));
        Ok(Self {
            frame: wants.text(MESSAGE, "header.frame_id")?,
            focal: [wants.number(MESSAGE, "k.0")?, wants.number(MESSAGE, "k.4")?],
            principal: [wants.number(MESSAGE, "k.2")?, wants.number(MESSAGE, "k.5")?],
            size: [
                wants.integer(MESSAGE, "width")?,
                wants.integer(MESSAGE, "height")?,
            ],
            model: wants.text(MESSAGE, "distortion_model").ok(),
            distortion,
        })
    }
}

impl Reader<'_> {
    /// The frame of a sensor, at its first recording.
    pub(super) fn sensor_frame(&mut self, message: &Message<'_>, frame: Option<Text>) {
        let frames = &mut self.sensors.frames;
        if let Some(slot) = frame.filter(|_| !frames.contains_key(message.topic)) {
            let frame = message.row.text(slot).to_owned();
            frames.insert(message.topic.to_owned(), frame);
        }
    }

    /// `tf2_msgs/msg/TFMessage` on a latched topic: transforms that do not change.
    pub(super) fn static_transform(
        &mut self,
        message: &Message<'_>,
        slots: &TransformSlots,
    ) -> Result<(), Refused> {
        let mut taken = false;
        for transform in message.row.list(slots.list) {
            let (parent, child) = (transform.text(slots.parent), transform.text(slots.child));
            let pose = slots.pose.pose(&transform);
            let pose = pose.ok_or_else(|| Refused::field("transforms.transform"))?;
            let transforms = &mut self.sensors.transforms;
            transforms
                .entry(child.to_owned())
                .or_insert((parent.to_owned(), pose));
            taken = true;
        }
        if !taken {
            let reason = "expected transforms, got none".to_owned();
            return Err(Refused::info("unmapped_transform", reason));
        }
        let messages = &mut self.sensors.transform_messages;
        *messages.entry(message.topic.to_owned()).or_default() += 1;
        Ok(())
    }

    /// `sensor_msgs/msg/CameraInfo`: what the first message of a frame says.
    pub(super) fn camera_info(
        &mut self,
        message: &Message<'_>,
        slots: &LensSlots,
    ) -> Result<(), Refused> {
        let row = &message.row;
        let [focal_px, principal_px] =
            [slots.focal, slots.principal].map(|slots| slots.map(|slot| row.number(slot)));
        let sane = |number: &f64| number.is_finite();
        // A camera that is not calibrated says so by a focal length of zero.
        if !focal_px.iter().chain(&principal_px).all(sane) || focal_px.contains(&0.0) {
            return Err(Refused::field("k"));
        }
        let lens = self.sensors.lenses.entry(row.text(slots.frame).to_owned());
        let lens = lens.or_insert_with(|| Lens {
            topic: message.topic.to_owned(),
            messages: 0,
            focal_px,
            principal_px,
            size_px: slots.size.map(|slot| row.integer(slot)),
            model: slots.model.map_or("", |slot| row.text(slot)).to_owned(),
            distortion: slots.distortion.map_or_else(Vec::new, |(list, value)| {
                let values = row.list(list).take(COEFFICIENTS_MAX);
                values
                    .map(|element| element.number(value))
                    .filter(sane)
                    .collect()
            }),
        });
        lens.messages += 1;
        Ok(())
    }

    /// The rows of `calibration`: each sensor that has recorded something and whose place on the ego is known.
    pub(super) fn calibrate(&mut self) {
        let mut sensors = std::mem::take(&mut self.sensors);
        let mut lenses = std::mem::take(&mut sensors.lenses);
        let mut lensed = Vec::new();
        for (topic, frame) in &sensors.frames {
            let Some(ego_from_sensor) = sensors.transforms_to_ego(frame) else {
                continue;
            };
            let lens = lenses.get(frame);
            lensed.extend(lens.map(|_| frame.clone()));
            let row = calibration(topic, ego_from_sensor, lens);
            self.out.facts.calibrations.push(row);
        }
        lensed.iter().for_each(|frame| drop(lenses.remove(frame)));
        for lens in lenses.values() {
            self.unused(
                &lens.topic,
                lens.messages,
                "a camera without images or without a place on the ego",
            );
        }
        if self.out.facts.calibrations.is_empty() {
            for (topic, messages) in &sensors.transform_messages {
                self.unused(
                    topic,
                    *messages,
                    "no sensor of the log is placed by these transforms",
                );
            }
        }
    }

    /// Messages that were taken, and of which nothing came.
    fn unused(&mut self, topic: &str, count: u64, why: &str) {
        self.out.records_used -= count;
        let found = Found {
            check: "unused_topic",
            severity: Severity::Info,
            subject: topic,
            span_ns: None,
            count,
            dropped: count,
        };
        self.out.findings.add(found, || why.to_owned());
    }
}

impl Sensors {
    /// `ego_from_sensor`, from frame to frame.
    fn transforms_to_ego(&self, frame: &str) -> Option<Pose> {
        let (mut frame, mut pose) = (frame, Pose::IDENTITY);
        for _ in 0..FRAMES_MAX {
            if EGO_FRAMES.contains(&frame) {
                return Some(pose);
            }
            let (parent, parent_from_child) = self.transforms.get(frame)?;
            pose = parent_from_child.times(pose);
            frame = parent;
        }
        None
    }
}

fn calibration(sensor: &str, ego_from_sensor: Pose, lens: Option<&Lens>) -> Calibration {
    let ([x_m, y_m, z_m], q) = (ego_from_sensor.translation, ego_from_sensor.rotation);
    let pixels = |axis: usize| i32::try_from(lens?.size_px[axis]).ok();
    let model = lens
        .map(|lens| lens.model.as_str())
        .filter(|model| !model.is_empty());
    Calibration {
        log_id: LogId::default(),
        day: Day(0),
        sensor: sensor.to_owned(),
        x_m,
        y_m,
        z_m,
        qw: q.w,
        qx: q.x,
        qy: q.y,
        qz: q.z,
        fx_px: lens.map(|lens| lens.focal_px[0]),
        fy_px: lens.map(|lens| lens.focal_px[1]),
        cx_px: lens.map(|lens| lens.principal_px[0]),
        cy_px: lens.map(|lens| lens.principal_px[1]),
        width_px: pixels(0),
        height_px: pixels(1),
        distortion_model: model.map(str::to_owned),
        distortion: lens.map_or_else(Vec::new, |lens| lens.distortion.clone()),
        composed: None,
    }
}
