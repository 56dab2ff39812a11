//! Where the sensors are, and what lenses the cameras have: rows of `calibration`.

use std::collections::BTreeMap;

use driveloop_schemas::pose::Pose;
use driveloop_schemas::time::Day;
use driveloop_schemas::{Calibration, LogId, Severity};

use super::Assembly;
use crate::findings::Found;
use crate::frames::{FrameNames, Frames};

/// What was said of the sensors so far.
#[derive(Default)]
pub(crate) struct Sensors {
    /// Frame and first stamp of each topic with images or sweeps.
    recorded: BTreeMap<String, (String, i64)>,
    /// By topic.
    pub(crate) lenses: BTreeMap<String, Lens>,
}

/// What the first message of a topic says of a lens.
pub(crate) struct Lens {
    pub(crate) frame: String,
    /// Messages that said so.
    pub(crate) messages: u64,
    pub(crate) focal_px: [f64; 2],
    pub(crate) principal_px: [f64; 2],
    pub(crate) size_px: [i64; 2],
    /// As the log names it.
    pub(crate) model: String,
    /// As the log orders it.
    pub(crate) distortion: Vec<f64>,
}

impl Sensors {
    /// Notes the frame of a sensor, at its first recording.
    pub(crate) fn record(&mut self, topic: &str, frame: &str, stamp_ns: i64) {
        if !self.recorded.contains_key(topic) {
            let recorded = (frame.to_owned(), stamp_ns);
            self.recorded.insert(topic.to_owned(), recorded);
        }
    }

    /// The frames that the sensors' frames hang below, those of the most sensors first.
    pub(super) fn parents<'f>(&self, frames: &'f Frames) -> Vec<&'f str> {
        let mut parents: BTreeMap<&str, usize> = BTreeMap::new();
        for (frame, _) in self.recorded.values() {
            if let Some(parent) = frames.chain(frame).get(1) {
                *parents.entry(parent).or_default() += 1;
            }
        }
        let mut parents: Vec<(&str, usize)> = parents.into_iter().collect();
        parents.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        parents.into_iter().map(|(parent, _)| parent).collect()
    }

    /// The topic of the lens of a camera: of those in its namespace the nearest, else the one in its frame where that is one alone.
    fn lens_of(&self, topic: &str, frame: &str) -> Option<&str> {
        let in_namespace = self.lenses.keys().filter_map(|lens| {
            let (namespace, _) = lens.rsplit_once('/')?;
            let rest = topic.strip_prefix(namespace)?;
            (!namespace.is_empty() && rest.starts_with('/')).then_some((namespace.len(), lens))
        });
        if let Some((_, lens)) = in_namespace.max_by_key(|(length, _)| *length) {
            return Some(lens);
        }
        let mut in_frame = self.lenses.iter().filter(|(_, lens)| lens.frame == frame);
        let (lens, _) = in_frame.next()?;
        in_frame.next().is_none().then_some(lens)
    }
}

impl Assembly<'_> {
    /// The rows of `calibration`: each sensor that has recorded something and whose place on the ego is known.
    pub(super) fn calibrate(&mut self, names: &FrameNames) {
        let sensors = std::mem::take(&mut self.sensors);
        let mut used = Vec::new();
        for (topic, (frame, first_ns)) in &sensors.recorded {
            let Some(ego_from_sensor) = self.place_of(topic, frame, *first_ns, names) else {
                continue;
            };
            let lens = sensors.lens_of(topic, frame);
            used.extend(lens);
            let lens = lens.and_then(|lens| sensors.lenses.get(lens));
            let row = calibration(topic, ego_from_sensor, lens);
            self.out.facts.calibrations.push(row);
        }
        for (topic, lens) in &sensors.lenses {
            if !used.contains(&topic.as_str()) {
                let why = "a camera without images or without a place on the ego";
                self.unused(topic, lens.messages, None, why);
            }
        }
    }

    /// `ego_from_sensor`, by transforms that lead over no frame that is fixed to the ground.
    fn place_of(
        &mut self,
        topic: &str,
        frame: &str,
        first_ns: i64,
        names: &FrameNames,
    ) -> Option<Pose> {
        let maps: Vec<&str> = names.maps.iter().map(String::as_str).collect();
        let route = self.frames.route(&names.ego, frame, &maps);
        let place = route
            .as_ref()
            .and_then(|route| self.frames.at(route, first_ns));
        if let Some((ego_from_sensor, _)) = place {
            if route.is_some_and(|route| self.frames.moves(&route)) {
                let stamp = Some(first_ns);
                let found = Found::one("moving_sensor", Severity::Info, topic, stamp);
                self.out.findings.add(found, || {
                    "expected a transform that stands still, got one that moves: its place at the first recording is stored".to_owned()
                });
            }
            return Some(ego_from_sensor);
        }
        let found = Found::one("unplaced_sensor", Severity::Warning, topic, Some(first_ns));
        let reason = if frame.is_empty() {
            "expected the frame of the sensor, got messages that name none".to_owned()
        } else {
            self.missing_chain(frame, &names.ego)
        };
        self.out.findings.add(found, || reason);
        None
    }
}

fn calibration(sensor: &str, ego_from_sensor: Pose, lens: Option<&Lens>) -> Calibration {
    let ([x_m, y_m, z_m], q) = (ego_from_sensor.translation, ego_from_sensor.rotation);
    let pixels = |axis: usize| i32::try_from(lens?.size_px[axis]).ok();
    let (model, coefficients) = lens.map_or((None, Vec::new()), distortion);
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
        distortion_model: model,
        distortion: coefficients,
        composed: None,
    }
}

/// Model and coefficients as `calibration` names and orders them. ROS orders `plumb_bob` as k1, k2, p1, p2, k3, and
/// `rational_polynomial` as k1, k2, p1, p2, k3, k4, k5, k6 (`sensor_msgs/distortion_models.hpp`; `OpenCV`, camera calibration).
fn distortion(lens: &Lens) -> (Option<String>, Vec<f64>) {
    let given = lens.distortion.as_slice();
    if given.iter().all(|value| *value == 0.0) {
        return (None, Vec::new());
    }
    let radial_first = |[k1, k2, p1, p2]: [f64; 4], more: &[f64], radial: usize| {
        let mut ordered = vec![k1, k2];
        ordered.extend(more);
        ordered.resize(radial, 0.0);
        if [p1, p2] != [0.0, 0.0] {
            ordered.extend([p1, p2]);
        }
        ordered
    };
    let (name, ordered) = match (lens.model.as_str(), given) {
        ("plumb_bob", [k1, k2, p1, p2, more @ ..]) if more.len() <= 1 => {
            ("radial", radial_first([*k1, *k2, *p1, *p2], more, 3))
        }
        ("rational_polynomial", [k1, k2, p1, p2, more @ ..]) if more.len() <= 4 => {
            ("rational", radial_first([*k1, *k2, *p1, *p2], more, 6))
        }
        ("equidistant" | "fisheye" | "kannala_brandt", given) => ("fisheye", given.to_vec()),
        (model, given) => (model, given.to_vec()),
    };
    (
        Some(name.to_owned()).filter(|name| !name.is_empty()),
        ordered,
    )
}
