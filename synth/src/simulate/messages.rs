//! ROS 2 messages as CDR (little endian): what each topic of a simulated log carries.

use driveloop_schemas::pose::Quat;
use driveloop_schemas::time::NS_PER_S;
use re_cdr::{CdrWriter, LittleEndian};

use super::sensor::Observation;

/// The encapsulation header of little-endian CDR.
const CDR_LE: [u8; 4] = [0, 1, 0, 0];
/// `TrackedObjectKinematics::AVAILABLE`: the heading is known, its sign too.
const ORIENTATION_AVAILABLE: u8 = 2;
/// `NavSatFix::COVARIANCE_TYPE_DIAGONAL_KNOWN`.
const COVARIANCE_DIAGONAL_KNOWN: u8 = 2;

type Cdr<'a> = CdrWriter<'a, LittleEndian>;

fn encode(body: impl FnOnce(&mut Cdr<'_>)) -> Vec<u8> {
    let mut bytes = CDR_LE.to_vec();
    body(&mut Cdr::new(&mut bytes));
    bytes
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
    for (row, variance) in variances.into_iter().enumerate() {
        for column in 0..6 {
            cdr.write_f64(if row == column { variance } else { 0.0 });
        }
    }
}

fn diagonal3(cdr: &mut Cdr<'_>, variance: f64) {
    (0..9).for_each(|i| cdr.write_f64(if i % 4 == 0 { variance } else { 0.0 }));
}

/// The ego at a stamp: `base_link` is the middle of the rear axle on the ground.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EgoReading {
    pub(crate) stamp_ns: i64,
    pub(crate) x_m: f64,
    pub(crate) y_m: f64,
    pub(crate) yaw_rad: f64,
    /// Along and across the heading.
    pub(crate) velocity_mps: [f64; 2],
    pub(crate) accel_mps2: f64,
    pub(crate) yaw_rate_radps: f64,
    pub(crate) steering_rad: f64,
}

/// `nav_msgs/msg/Odometry`: the pose in `map`, the twist in `base_link`.
pub(crate) fn odometry(ego: &EgoReading) -> Vec<u8> {
    encode(|cdr| {
        header(cdr, ego.stamp_ns, "map");
        cdr.write_string("base_link");
        doubles(cdr, &[ego.x_m, ego.y_m, 0.0]);
        yaw_quaternion(cdr, ego.yaw_rad);
        diagonal6(cdr, [1e-4, 1e-4, 1e-4, 1e-6, 1e-6, 1e-6]);
        doubles(cdr, &[ego.velocity_mps[0], ego.velocity_mps[1], 0.0]);
        doubles(cdr, &[0.0, 0.0, ego.yaw_rate_radps]);
        diagonal6(cdr, [1e-4; 6]);
    })
}

/// `tf2_msgs/msg/TFMessage` with `map` → `base_link`.
pub(crate) fn transform(ego: &EgoReading) -> Vec<u8> {
    encode(|cdr| {
        cdr.write_sequence_length(1);
        header(cdr, ego.stamp_ns, "map");
        cdr.write_string("base_link");
        doubles(cdr, &[ego.x_m, ego.y_m, 0.0]);
        yaw_quaternion(cdr, ego.yaw_rad);
    })
}

/// `sensor_msgs/msg/Imu`: specific force and turn rate, gravity included.
pub(crate) fn imu(
    stamp_ns: i64,
    yaw_rad: f64,
    turn_radps: [f64; 3],
    force_mps2: [f64; 3],
) -> Vec<u8> {
    encode(|cdr| {
        header(cdr, stamp_ns, "imu_link");
        yaw_quaternion(cdr, yaw_rad);
        diagonal3(cdr, 1e-6);
        doubles(cdr, &turn_radps);
        diagonal3(cdr, 4e-6);
        doubles(cdr, &force_mps2);
        diagonal3(cdr, 2.5e-3);
    })
}

/// `sensor_msgs/msg/NavSatFix`, with the variance of its horizontal position.
pub(crate) fn nav_sat_fix(
    stamp_ns: i64,
    latitude_deg: f64,
    longitude_deg: f64,
    variance_m2: f64,
) -> Vec<u8> {
    encode(|cdr| {
        header(cdr, stamp_ns, "gnss_link");
        cdr.write_i8(0);
        cdr.write_u16(1);
        doubles(cdr, &[latitude_deg, longitude_deg, 0.0]);
        diagonal3(cdr, variance_m2);
        cdr.write_u8(COVARIANCE_DIAGONAL_KNOWN);
    })
}

/// `autoware_vehicle_msgs/msg/VelocityReport`.
pub(crate) fn velocity_report(ego: &EgoReading) -> Vec<u8> {
    encode(|cdr| {
        header(cdr, ego.stamp_ns, "base_link");
        cdr.write_f32(ego.velocity_mps[0] as f32);
        cdr.write_f32(ego.velocity_mps[1] as f32);
        cdr.write_f32(ego.yaw_rate_radps as f32);
    })
}

/// `autoware_vehicle_msgs/msg/SteeringReport`.
pub(crate) fn steering_report(ego: &EgoReading) -> Vec<u8> {
    encode(|cdr| {
        time(cdr, ego.stamp_ns);
        cdr.write_f32(ego.steering_rad as f32);
    })
}

/// Identifier of the simulated chassis frame.
const CHASSIS_FRAME_ID: u32 = 0x1D0;

/// `can_msgs/msg/Frame`: speed (0.01 m/s), acceleration (0.001 m/s²) and steering (0.0001 rad) as little-endian
/// 16-bit values, a rolling counter, and the exclusive or of the seven bytes before it.
pub(crate) fn chassis_frame(ego: &EgoReading, counter: u64) -> Vec<u8> {
    let speed = ((ego.velocity_mps[0] * 100.0).round() as u16).to_le_bytes();
    let accel = ((ego.accel_mps2 * 1000.0).round() as i16).to_le_bytes();
    let steering = ((ego.steering_rad * 10_000.0).round() as i16).to_le_bytes();
    let mut data = [
        speed[0],
        speed[1],
        accel[0],
        accel[1],
        steering[0],
        steering[1],
        counter as u8,
        0,
    ];
    data[7] = data[..7].iter().fold(0, |sum, byte| sum ^ byte);
    encode(|cdr| {
        header(cdr, ego.stamp_ns, "can0");
        cdr.write_u32(CHASSIS_FRAME_ID);
        (0..3).for_each(|_| cdr.write_bool(false));
        cdr.write_u8(8);
        data.into_iter().for_each(|byte| cdr.write_u8(byte));
    })
}

/// `std_msgs/msg/String`.
pub(crate) fn string(text: &str) -> Vec<u8> {
    encode(|cdr| cdr.write_string(text))
}

/// `autoware_perception_msgs/msg/TrackedObjects` in `map`; as in Autoware, twist and acceleration are in the object's own frame.
pub(crate) fn tracked_objects(stamp_ns: i64, objects: &[Observation]) -> Vec<u8> {
    encode(|cdr| {
        header(cdr, stamp_ns, "map");
        cdr.write_sequence_length(objects.len());
        objects
            .iter()
            .for_each(|object| tracked_object(cdr, object));
    })
}

fn tracked_object(cdr: &mut Cdr<'_>, object: &Observation) {
    object
        .track_uuid
        .iter()
        .for_each(|byte| cdr.write_u8(*byte));
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
    cdr.write_bool(object.velocity_mps[0].hypot(object.velocity_mps[1]) < 0.3);
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
