//! Calibration of the cameras and the lidar: chains of transforms from the GPS/IMU unit, which is the ego.

use driveloop_schemas::pose::{Pose, Quat};
use driveloop_schemas::time::Day;
use driveloop_schemas::{Calibration, LogId, Severity};

use super::texts::{named, transform};
use super::{Log, media};
use crate::ego::checked_pose;
use crate::error::Result;
use crate::findings::Found;
use crate::quality::drop_unusable;

const CAMERAS: &str = "calib_cam_to_cam.txt";
const LIDAR: &str = "calib_velo_to_cam.txt";
const UNIT: &str = "calib_imu_to_velo.txt";
/// Columns or rows that an image may have.
const PIXELS: std::ops::Range<f64> = 1.0..1e6;
const FILES: [&str; 3] = [CAMERAS, LIDAR, UNIT];

/// Whether a file says where sensors are.
pub(super) fn is_calibration(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    FILES.contains(&name)
}

/// The numbers of a file, by name.
type Named = std::collections::BTreeMap<String, Vec<f64>>;

impl Log<'_> {
    /// The lidar by the unit's place, and the cameras by the lidar's. What cannot be placed is left out, and said.
    pub(super) fn calibration(&mut self) -> Result<()> {
        let [cameras, lidar, unit] = FILES.map(|name| self.numbers(name));
        let (cameras, lidar, unit) = (cameras?, lidar?, unit?);
        let mut rows = Vec::new();
        let ego_from_lidar = self.placed(UNIT, unit.as_ref()).map(Pose::inverse);
        if let Some(ego_from_lidar) = ego_from_lidar {
            rows.push(row(media::LIDAR, ego_from_lidar));
            let camera_from_lidar = self.placed(LIDAR, lidar.as_ref());
            if let (Some(cameras), Some(camera_from_lidar)) = (&cameras, camera_from_lidar) {
                let ego_from_camera = ego_from_lidar.times(camera_from_lidar.inverse());
                for sensor in media::CAMERAS {
                    rows.extend(self.camera(sensor, cameras, ego_from_camera));
                }
            }
        }
        self.out.facts.calibrations = rows.into();
        Ok(())
    }

    fn numbers(&self, name: &str) -> Result<Option<Named>> {
        let mut files = self.drive.files.iter();
        let file = files.find(|file| file.path.rsplit('/').next() == Some(name));
        let text = file.map(|file| self.text(file)).transpose()?;
        Ok(text.as_deref().map(named))
    }

    /// The transform of a file.
    fn placed(&mut self, name: &str, numbers: Option<&Named>) -> Option<Pose> {
        let Some(numbers) = numbers else {
            let found = Found::one("missing_file", Severity::Warning, name, None);
            self.out.findings.add(found, || {
                "expected the calibration of the day, got none: sensors behind it have no place"
                    .to_owned()
            });
            return None;
        };
        self.out.records_in += 1;
        let pose = numbers.get("R").zip(numbers.get("T"));
        let pose = pose.and_then(|(rotation, translation)| transform(rotation, translation));
        if pose.is_some() {
            self.out.records_used += 1;
        } else {
            drop_unusable(&mut self.out.findings, name, None, "others");
        }
        pose
    }

    /// A rectified camera: `R_rect_00` turns the frame of the first camera into the rectified one, and the fourth column of `P_rect` is
    /// the place of this camera in it, times its matrix.
    fn camera(
        &mut self,
        sensor: &str,
        numbers: &Named,
        ego_from_camera: Pose,
    ) -> Option<Calibration> {
        let number = sensor.strip_prefix("image_")?;
        let projection = numbers.get(&format!("P_rect_{number}"))?;
        self.out.records_in += 1;
        let size = numbers.get(&format!("S_rect_{number}"));
        let rectified = numbers.get("R_rect_00");
        let rectified = rectified.and_then(|rotation| transform(rotation, &[0.0; 3]));
        let row = rectified.and_then(|rectified_from_camera| {
            let projection: [f64; 12] = projection.as_slice().try_into().ok()?;
            let [fx, _, cx, _, _, fy, cy, ..] = projection;
            let is_lens =
                fx > 0.0 && fy > 0.0 && projection.iter().all(|number| number.is_finite());
            let rectified_from_this = rectified_from(projection);
            let ego_from_rectified = ego_from_camera.times(rectified_from_camera.inverse());
            let place = ego_from_rectified.times(rectified_from_this);
            let Quat { w, x, y, z } = place.rotation;
            let place = checked_pose([w, x, y, z], place.translation)?;
            let pixels = |at: usize| {
                let count = size?.get(at).filter(|count| PIXELS.contains(count));
                count.map(|count| *count as i32)
            };
            is_lens.then(|| Calibration {
                fx_px: Some(fx),
                fy_px: Some(fy),
                cx_px: Some(cx),
                cy_px: Some(cy),
                width_px: pixels(0),
                height_px: pixels(1),
                ..row(sensor, place)
            })
        });
        if row.is_some() {
            self.out.records_used += 1;
        } else {
            drop_unusable(&mut self.out.findings, sensor, None, "others");
        }
        row
    }
}

/// Where a camera is in the rectified frame of the first: its projection is `K (I | t)`, so that it is at `-t`.
fn rectified_from([fx, _, cx, tx, _, fy, cy, ty, _, _, _, tz]: [f64; 12]) -> Pose {
    Pose {
        translation: [-(tx - cx * tz) / fx, -(ty - cy * tz) / fy, -tz],
        ..Pose::IDENTITY
    }
}

fn row(sensor: &str, ego_from_sensor: Pose) -> Calibration {
    let Pose {
        translation: [x_m, y_m, z_m],
        rotation,
    } = ego_from_sensor;
    Calibration {
        log_id: LogId::default(),
        day: Day(0),
        sensor: sensor.to_owned(),
        x_m,
        y_m,
        z_m,
        qw: rotation.w,
        qx: rotation.x,
        qy: rotation.y,
        qz: rotation.z,
        fx_px: None,
        fy_px: None,
        cx_px: None,
        cy_px: None,
        width_px: None,
        height_px: None,
        distortion_model: None,
        distortion: Vec::new(),
        composed: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_seen_where_the_projection_has_it() {
        // `P_rect_02` of 26 September 2011.
        let projection = [
            7.215_377e2,
            0.0,
            6.095_593e2,
            4.485_728e1,
            0.0,
            7.215_377e2,
            1.728_54e2,
            2.163_791e-1,
            0.0,
            0.0,
            1.0,
            2.745_884e-3,
        ];
        let point = [3.0, -1.0, 20.0];
        let row = |k: usize| {
            let of = &projection[4 * k..4 * k + 4];
            of[0] * point[0] + of[1] * point[1] + of[2] * point[2] + of[3]
        };
        let [x, y, z] = rectified_from(projection).inverse().transform(point);
        let seen = [
            projection[0] * x / z + projection[2],
            projection[5] * y / z + projection[6],
        ];
        for (seen, k) in seen.iter().zip(0..) {
            assert!((seen - row(k) / row(2)).abs() < 1e-9, "{seen}");
        }
    }
}
