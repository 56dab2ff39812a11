//! Where the device was: from the axes of the Earth to east, north, up at its first place.

use driveloop_schemas::maths::sin_cos;
use driveloop_schemas::pose::{Pose, Quat};
use map_3d::{Ellipsoid, ecef2enu, ecef2geodetic};

/// Where the frame of a segment lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct LocalFrame {
    latitude_rad: f64,
    longitude_rad: f64,
    height_m: f64,
    enu_from_ecef: Quat,
}

impl LocalFrame {
    /// East, north, up at a place in the axes of the Earth (WGS 84).
    pub(super) fn at([x, y, z]: [f64; 3]) -> Self {
        let (latitude_rad, longitude_rad, height_m) = ecef2geodetic(x, y, z, Ellipsoid::WGS84);
        let quarter = std::f64::consts::FRAC_PI_2;
        let about_x = half_turned(-(quarter - latitude_rad), [1.0, 0.0, 0.0]);
        let about_z = half_turned(-(quarter + longitude_rad), [0.0, 0.0, 1.0]);
        Self {
            latitude_rad,
            longitude_rad,
            height_m,
            enu_from_ecef: about_x.times(about_z),
        }
    }

    /// The pose of the car's axes (ahead, left, up) at the device, of which the position is given in the axes of the Earth, and the
    /// orientation from the device's axes (ahead, right, down) to those.
    pub(super) fn pose(&self, position: [f64; 3], ecef_from_device: Quat) -> Pose {
        let [x, y, z] = position;
        let (latitude, longitude) = (self.latitude_rad, self.longitude_rad);
        let (east, north, up) = ecef2enu(
            x,
            y,
            z,
            latitude,
            longitude,
            self.height_m,
            Ellipsoid::WGS84,
        );
        let device_from_ego = half_turned(std::f64::consts::PI, [1.0, 0.0, 0.0]);
        Pose {
            translation: [east, north, up],
            rotation: self
                .enu_from_ecef
                .times(ecef_from_device)
                .times(device_from_ego),
        }
    }
}

/// The rotation by an angle about an axis.
fn half_turned(angle_rad: f64, [x, y, z]: [f64; 3]) -> Quat {
    let (sin, w) = sin_cos(angle_rad / 2.0);
    Quat {
        w,
        x: x * sin,
        y: y * sin,
        z: z * sin,
    }
}
