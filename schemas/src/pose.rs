//! Poses: right-handed frames, x forward, y left, z up; metres; unit quaternions `w, x, y, z`.

use crate::maths::{atan2, sin_cos};

/// A rotation as a unit quaternion (Hamilton convention).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quat {
    /// Real part.
    pub w: f64,
    /// Imaginary part along x.
    pub x: f64,
    /// Imaginary part along y.
    pub y: f64,
    /// Imaginary part along z.
    pub z: f64,
}

impl Quat {
    /// No rotation.
    pub const IDENTITY: Self = Self {
        w: 1.0,
        x: 0.0,
        y: 0.0,
        z: 0.0,
    };

    /// The rotation by `yaw_rad` about z, counter-clockwise seen from above.
    #[must_use]
    pub fn from_yaw(yaw_rad: f64) -> Self {
        let (sin, cos) = sin_cos(yaw_rad / 2.0);
        Self {
            w: cos,
            x: 0.0,
            y: 0.0,
            z: sin,
        }
    }

    /// The heading in the xy plane, in (-π, π] (the yaw of the z-y-x Euler angles).
    #[must_use]
    pub fn yaw_rad(self) -> f64 {
        let Self { w, x, y, z } = self;
        atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))
    }

    /// The inverse rotation.
    #[must_use]
    pub fn inverse(self) -> Self {
        Self {
            w: self.w,
            x: -self.x,
            y: -self.y,
            z: -self.z,
        }
    }

    /// This rotation after `other`.
    #[must_use]
    pub fn times(self, other: Self) -> Self {
        let (a, b) = (self, other);
        Self {
            w: a.w * b.w - a.x * b.x - a.y * b.y - a.z * b.z,
            x: a.w * b.x + a.x * b.w + a.y * b.z - a.z * b.y,
            y: a.w * b.y - a.x * b.z + a.y * b.w + a.z * b.x,
            z: a.w * b.z + a.x * b.y - a.y * b.x + a.z * b.w,
        }
    }

    /// The vector, rotated.
    #[must_use]
    pub fn rotate(self, v: [f64; 3]) -> [f64; 3] {
        let p = Self {
            w: 0.0,
            x: v[0],
            y: v[1],
            z: v[2],
        };
        let r = self.times(p).times(self.inverse());
        [r.x, r.y, r.z]
    }

    /// The same rotation with length one; `None` where the length is zero or not finite.
    #[must_use]
    pub fn normalized(self) -> Option<Self> {
        let Self { w, x, y, z } = self;
        let n = (w * w + x * x + y * y + z * z).sqrt();
        (n.is_finite() && n > 1e-9).then(|| Self {
            w: w / n,
            x: x / n,
            y: y / n,
            z: z / n,
        })
    }
}

/// A rigid transform: the pose of frame B in frame A, named `a_from_b`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pose {
    /// Origin of B in A, in metres.
    pub translation: [f64; 3],
    /// Orientation of B in A.
    pub rotation: Quat,
}

impl Pose {
    /// No transform.
    pub const IDENTITY: Self = Self {
        translation: [0.0; 3],
        rotation: Quat::IDENTITY,
    };

    /// A pose in the plane.
    #[must_use]
    pub fn planar(x_m: f64, y_m: f64, yaw_rad: f64) -> Self {
        Self {
            translation: [x_m, y_m, 0.0],
            rotation: Quat::from_yaw(yaw_rad),
        }
    }

    /// A point of B, in A.
    #[must_use]
    pub fn transform(self, point: [f64; 3]) -> [f64; 3] {
        let r = self.rotation.rotate(point);
        let t = self.translation;
        [r[0] + t[0], r[1] + t[1], r[2] + t[2]]
    }

    /// `a_from_b.times(b_from_c)` is `a_from_c`.
    #[must_use]
    pub fn times(self, b_from_c: Self) -> Self {
        Self {
            translation: self.transform(b_from_c.translation),
            rotation: self.rotation.times(b_from_c.rotation),
        }
    }

    /// `b_from_a`.
    #[must_use]
    pub fn inverse(self) -> Self {
        let rotation = self.rotation.inverse();
        let t = rotation.rotate(self.translation);
        Self {
            translation: [-t[0], -t[1], -t[2]],
            rotation,
        }
    }
}

/// The angle, brought into (-π, π].
#[must_use]
pub fn wrap_rad(angle_rad: f64) -> f64 {
    use std::f64::consts::{PI, TAU};
    let wrapped = angle_rad.rem_euclid(TAU);
    if wrapped > PI { wrapped - TAU } else { wrapped }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pose_times_its_inverse_is_the_identity() {
        let tilt = Quat {
            w: 0.9,
            x: 0.1,
            y: -0.3,
            z: 0.2,
        }
        .normalized()
        .unwrap();
        let pose = Pose {
            translation: [1.0, -2.0, 3.0],
            rotation: tilt,
        };
        let p = pose.times(pose.inverse()).transform([4.0, 5.0, 6.0]);
        for (got, want) in p.iter().zip([4.0, 5.0, 6.0]) {
            assert!((got - want).abs() < 1e-12);
        }
    }

    #[test]
    fn yaw_survives_the_quaternion() {
        for yaw in [-3.0, -0.5, 0.0, 1.2, 3.1] {
            assert!((Quat::from_yaw(yaw).yaw_rad() - yaw).abs() < 1e-12);
            assert!((wrap_rad(yaw + std::f64::consts::TAU) - yaw).abs() < 1e-12);
        }
    }
}
