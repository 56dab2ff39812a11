//! ROS 2 messages as CDR (little endian): what each topic of a simulated log carries.

use driveloop_schemas::maths::hypot;
use driveloop_schemas::pose::Quat;
use driveloop_schemas::time::NS_PER_S;
use re_cdr::{CdrWriter, LittleEndian};

use super::bus::CanFrame;
use super::ego::EgoReading;
use crate::sensing::SensedObject;

/// The encapsulation header of little-endian CDR.
const CDR_LE: [u8; 4] = [0, 1, 0, 0];
/// `TrackedObjectKinematics::AVAILABLE`: the heading is known, its sign too.
const ORIENTATION_AVAILABLE: u8 = 2;
/// `NavSatFix::COVARIANCE_TYPE_DIAGONAL_KNOWN`.
const COVARIANCE_DIAGONAL_KNOWN: u8 = 2;

pub(crate) type Cdr<'a> = CdrWriter<'a, LittleEndian>;

/// Writes a message in place of what the buffer holds: one buffer serves a whole log.
pub(crate) fn encode_into(bytes: &mut Vec<u8>, body: impl FnOnce(&mut Cdr<'_>)) {
    bytes.clear();
    bytes.extend_from_slice(&CDR_LE);
    body(&mut Cdr::new(bytes));
}

fn time(cdr: &mut Cdr<'_>, stamp_ns: i64) {
    cdr.write_i32(stamp_ns.div_euclid(NS_PER_S) as i32);
    cdr.write_u32(stamp_ns.rem_euclid(NS_PER_S) as u32);
}

fn header(cdr: &mut Cdr<'_>, stamp_ns: i64, frame: &str) {
    time(cdr, stamp_ns);
    cdr.write_string(frame);
}

fn doubles(cdr: &mut Cdr<'_>, values: &[f64]) {
    values.iter().for_each(|value| cdr.write_f64(*value));
}

fn yaw_quaternion(cdr: &mut Cdr<'_>, yaw_rad: f64) {
    let q = Quat::from_yaw(yaw_rad);
    doubles(cdr, &[q.x, q.y, q.z, q.w]);
}

/// A 6 × 6 covariance with the given variances on its diagonal.
fn diagonal6(cdr: &mut Cdr<'_>, variances: [f64; 6]) {
    diagonal::<{ 6 * 6 * 8 }>(cdr, &variances);
}

fn diagonal3(cdr: &mut Cdr<'_>, variance: f64) {
    diagonal::<{ 3 * 3 * 8 }>(cdr, &[variance; 3]);
}

/// Most bytes of a log are the zeros of its covariances: they are written at once.
fn diagonal<const BYTES: usize>(cdr: &mut Cdr<'_>, variances: &[f64]) {
    let mut matrix = [0; BYTES];
    let next = (variances.len() + 1) * 8;
    for (place, variance) in matrix.chunks_mut(next).zip(variances) {
        place[..8].copy_from_slice(&variance.to_le_bytes());
    }
    cdr.align(8);
    cdr.buffer_mut().extend_from_slice(&matrix);
}

/// `nav_msgs/msg/Odometry`: the pose in `map`, the twist in `base_link`.
pub(crate) fn odometry(cdr: &mut Cdr<'_>, ego: &EgoReading) {
    header(cdr, ego.stamp_ns, "map");
    cdr.write_string("base_link");
    doubles(cdr, &[ego.x_m, ego.y_m, 0.0]);
    yaw_quaternion(cdr, ego.yaw_rad);
    diagonal6(cdr, [1e-4, 1e-4, 1e-4, 1e-6, 1e-6, 1e-6]);
    doubles(cdr, &[ego.velocity_mps[0], ego.velocity_mps[1], 0.0]);
    doubles(cdr, &[0.0, 0.0, ego.yaw_rate_radps]);
    diagonal6(cdr, [1e-4; 6]);
}

/// `tf2_msgs/msg/TFMessage` with `map` → `base_link`.
pub(crate) fn transform(cdr: &mut Cdr<'_>, ego: &EgoReading) {
    cdr.write_sequence_length(1);
    header(cdr, ego.stamp_ns, "map");
    cdr.write_string("base_link");
    doubles(cdr, &[ego.x_m, ego.y_m, 0.0]);
    yaw_quaternion(cdr, ego.yaw_rad);
}

/// A reading of the inertial sensor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ImuReading {
    pub(crate) stamp_ns: i64,
    pub(crate) yaw_rad: f64,
    pub(crate) turn_radps: [f64; 3],
    /// Specific force: gravity is in it.
    pub(crate) force_mps2: [f64; 3],
    pub(crate) turn_std_radps: f64,
    pub(crate) force_std_mps2: f64,
}

/// `sensor_msgs/msg/Imu`.
pub(crate) fn imu(cdr: &mut Cdr<'_>, reading: &ImuReading) {
    header(cdr, reading.stamp_ns, "imu_link");
    yaw_quaternion(cdr, reading.yaw_rad);
    diagonal3(cdr, 1e-6);
    doubles(cdr, &reading.turn_radps);
    diagonal3(cdr, reading.turn_std_radps.powi(2));
    doubles(cdr, &reading.force_mps2);
    diagonal3(cdr, reading.force_std_mps2.powi(2));
}

/// `sensor_msgs/msg/NavSatFix`, with the variance of its horizontal position.
pub(crate) fn nav_sat_fix(
    cdr: &mut Cdr<'_>,
    stamp_ns: i64,
    [latitude_deg, longitude_deg]: [f64; 2],
    variance_m2: f64,
) {
    header(cdr, stamp_ns, "gnss_link");
    cdr.write_i8(0);
    cdr.write_u16(1);
    doubles(cdr, &[latitude_deg, longitude_deg, 0.0]);
    diagonal3(cdr, variance_m2);
    cdr.write_u8(COVARIANCE_DIAGONAL_KNOWN);
}

/// `autoware_vehicle_msgs/msg/VelocityReport`.
pub(crate) fn velocity_report(cdr: &mut Cdr<'_>, ego: &EgoReading) {
    header(cdr, ego.stamp_ns, "base_link");
    cdr.write_f32(ego.velocity_mps[0] as f32);
    cdr.write_f32(ego.velocity_mps[1] as f32);
    cdr.write_f32(ego.yaw_rate_radps as f32);
}

/// `autoware_vehicle_msgs/msg/SteeringReport`.
pub(crate) fn steering_report(cdr: &mut Cdr<'_>, ego: &EgoReading) {
    time(cdr, ego.stamp_ns);
    cdr.write_f32(ego.steering_rad as f32);
}

/// `can_msgs/msg/Frame`.
pub(crate) fn can_frame(cdr: &mut Cdr<'_>, stamp_ns: i64, frame: &CanFrame) {
    header(cdr, stamp_ns, "can0");
    cdr.write_u32(frame.id);
    cdr.write_bool(false);
    cdr.write_bool(frame.is_extended);
    cdr.write_bool(false);
    cdr.write_u8(frame.dlc);
    cdr.buffer_mut().extend_from_slice(&frame.data);
}

/// `std_msgs/msg/String`.
pub(crate) fn string(cdr: &mut Cdr<'_>, text: &str) {
    cdr.write_string(text);
}

/// `autoware_perception_msgs/msg/TrackedObjects` in `map`; as in Autoware, twist and acceleration are in the object's own frame.
pub(crate) fn tracked_objects(cdr: &mut Cdr<'_>, stamp_ns: i64, objects: &[SensedObject]) {
    header(cdr, stamp_ns, "map");
    cdr.write_sequence_length(objects.len());
    for object in objects {
        tracked_object(cdr, object);
    }
}

fn tracked_object(cdr: &mut Cdr<'_>, object: &SensedObject) {
    cdr.buffer_mut().extend_from_slice(&object.track_uuid);
    cdr.write_f32(object.existence_probability as f32);
    cdr.write_sequence_length(1);
    cdr.write_u8(object.label);
    cdr.write_f32(1.0);
    let position = object.position_std_m.powi(2);
    let velocity = object.velocity_std_mps.powi(2);
    doubles(cdr, &[object.x_m, object.y_m, object.size.height_m / 2.0]);
    yaw_quaternion(cdr, object.yaw_rad);
    diagonal6(cdr, [position, position, position, 1e-4, 1e-4, 1e-4]);
    doubles(cdr, &[object.velocity_mps[0], object.velocity_mps[1], 0.0]);
    doubles(cdr, &[0.0, 0.0, object.yaw_rate_radps]);
    diagonal6(cdr, [velocity, velocity, velocity, 1e-2, 1e-2, 1e-2]);
    doubles(cdr, &[object.accel_mps2, 0.0, 0.0, 0.0, 0.0, 0.0]);
    diagonal6(cdr, [0.04; 6]);
    cdr.write_u8(ORIENTATION_AVAILABLE);
    cdr.write_bool(hypot(object.velocity_mps[0], object.velocity_mps[1]) < 0.3);
    cdr.write_u8(0);
    cdr.write_sequence_length(0);
    doubles(
        cdr,
        &[
            object.size.length_m,
            object.size.width_m,
            object.size.height_m,
        ],
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_covariance_is_what_its_numbers_one_by_one_would_be() {
        let variances = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let (mut block, mut single) = (Vec::new(), Vec::new());
        encode_into(&mut block, |cdr| {
            cdr.write_u8(7);
            diagonal6(cdr, variances);
            diagonal3(cdr, 9.0);
        });
        encode_into(&mut single, |cdr| {
            cdr.write_u8(7);
            for k in 0..36 {
                cdr.write_f64(if k % 7 == 0 { variances[k / 7] } else { 0.0 });
            }
            for k in 0..9 {
                cdr.write_f64(if k % 4 == 0 { 9.0 } else { 0.0 });
            }
        });
        assert_eq!(block, single);
    }
}
