//! Calibration of the sensors.

use std::collections::BTreeMap;

use driveloop_schemas::pose::Pose;
use driveloop_schemas::time::Day;
use driveloop_schemas::{Calibration, LogId};

use super::{Log, feather};
use crate::error::Result;
use crate::quality::{drop_duplicate, drop_unusable};

const EXTRINSICS: &str = "calibration/egovehicle_SE3_sensor.feather";
const INTRINSICS: &str = "calibration/intrinsics.feather";
/// The files that are read here.
pub(super) const FILES: [&str; 2] = [EXTRINSICS, INTRINSICS];

/// The columns of the tables.
const SENSOR: &str = "sensor_name";
const LENS: [&str; 7] = ["fx_px", "fy_px", "cx_px", "cy_px", "k1", "k2", "k3"];
const SIZE: [&str; 2] = ["width_px", "height_px"];

/// What a camera has besides its place.
#[derive(Clone, Copy)]
struct Lens {
    fx_px: f64,
    fy_px: f64,
    cx_px: f64,
    cy_px: f64,
    width_px: Option<i64>,
    height_px: Option<i64>,
    k: [f64; 3],
}

impl Log<'_> {
    pub(super) fn calibration(&mut self) -> Result<()> {
        let mut lenses = self.lenses()?;
        let Some(file) = self.file(EXTRINSICS) else {
            self.drop_lenses(&lenses);
            return Ok(());
        };
        let wanted: Vec<_> = [SENSOR].into_iter().chain(feather::POSE).collect();
        let table = feather::read(self.blobs, file, &wanted, self.limits)?;
        let names = table.texts(SENSOR)?;
        let mut rows = BTreeMap::new();
        for (row, pose) in table.poses()?.into_iter().enumerate() {
            self.out.records_in += 1;
            let sensor = names.get(row).unwrap_or_default().to_owned();
            let Some(ego_from_sensor) = pose else {
                drop_unusable(&mut self.out.findings, &sensor, None, "others");
                continue;
            };
            if rows.contains_key(&sensor) {
                drop_duplicate(&mut self.out.findings, &sensor, 0);
                continue;
            }
            let lens = lenses.remove(&sensor);
            self.out.records_used += 1 + u64::from(lens.is_some());
            rows.insert(sensor.clone(), calibration(sensor, ego_from_sensor, lens));
        }
        self.out.facts.calibrations = rows.into_values().collect::<Vec<_>>().into();
        self.drop_lenses(&lenses);
        Ok(())
    }

    fn lenses(&mut self) -> Result<BTreeMap<String, Lens>> {
        let Some(file) = self.file(INTRINSICS) else {
            return Ok(BTreeMap::new());
        };
        let wanted: Vec<_> = [SENSOR].into_iter().chain(LENS).chain(SIZE).collect();
        let table = feather::read(self.blobs, file, &wanted, self.limits)?;
        let names = table.texts(SENSOR)?;
        let [fx, fy, cx, cy, k1, k2, k3] = LENS.map(|column| table.f64(column));
        let (fx, fy, cx, cy, k1, k2, k3) = (fx?, fy?, cx?, cy?, k1?, k2?, k3?);
        let [width, height] = SIZE.map(|column| table.i64(column));
        let (width, height) = (width?, height?);
        let mut lenses = BTreeMap::new();
        for i in 0..table.rows() {
            self.out.records_in += 1;
            let name = names.get(i).unwrap_or_default().to_owned();
            let k = [k1[i], k2[i], k3[i]];
            let numbers = [fx[i], fy[i], cx[i], cy[i], k[0], k[1], k[2]];
            let is_known = lenses.contains_key(&name);
            if is_known {
                drop_duplicate(&mut self.out.findings, &name, 0);
            } else if numbers.iter().any(|number| !number.is_finite()) {
                drop_unusable(&mut self.out.findings, &name, None, "others");
            } else {
                let lens = Lens {
                    fx_px: fx[i],
                    fy_px: fy[i],
                    cx_px: cx[i],
                    cy_px: cy[i],
                    width_px: width[i],
                    height_px: height[i],
                    k,
                };
                lenses.insert(name, lens);
            }
        }
        Ok(lenses)
    }

    /// Intrinsics of sensors that have no usable place.
    fn drop_lenses(&mut self, lenses: &BTreeMap<String, Lens>) {
        for sensor in lenses.keys() {
            drop_unusable(
                &mut self.out.findings,
                sensor,
                None,
                "intrinsics without a pose",
            );
        }
    }
}

fn calibration(sensor: String, ego_from_sensor: Pose, lens: Option<Lens>) -> Calibration {
    let Pose {
        translation: [x_m, y_m, z_m],
        rotation,
    } = ego_from_sensor;
    let pixels = |count: Option<i64>| i32::try_from(count?).ok();
    Calibration {
        log_id: LogId::default(),
        day: Day(0),
        sensor,
        x_m,
        y_m,
        z_m,
        qw: rotation.w,
        qx: rotation.x,
        qy: rotation.y,
        qz: rotation.z,
        fx_px: lens.map(|lens| lens.fx_px),
        fy_px: lens.map(|lens| lens.fy_px),
        cx_px: lens.map(|lens| lens.cx_px),
        cy_px: lens.map(|lens| lens.cy_px),
        width_px: lens.and_then(|lens| pixels(lens.width_px)),
        height_px: lens.and_then(|lens| pixels(lens.height_px)),
        distortion_model: lens.map(|_| "radial".to_owned()),
        distortion: lens.map(|lens| lens.k.to_vec()).unwrap_or_default(),
        composed: None,
    }
}
