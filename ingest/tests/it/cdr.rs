//! ROS 2 messages for tests: definitions as text, values as CDR.

use re_cdr::{CdrWriter, LittleEndian};

const HEADER: &str = "================\nMSG: std_msgs/Header\nbuiltin_interfaces/Time stamp\nstring frame_id\n\
    ================\nMSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n";
const POSE: &str = "================\nMSG: geometry_msgs/PoseWithCovariance\nPose pose\n\
    ================\nMSG: geometry_msgs/Pose\nPoint position\nQuaternion orientation\n\
    ================\nMSG: geometry_msgs/Point\nfloat64 x\nfloat64 y\nfloat64 z\n\
    ================\nMSG: geometry_msgs/Quaternion\nfloat64 x\nfloat64 y\nfloat64 z\nfloat64 w\n\
    ================\nMSG: geometry_msgs/TwistWithCovariance\nTwist twist\n\
    ================\nMSG: geometry_msgs/Twist\nVector3 linear\nVector3 angular\n\
    ================\nMSG: geometry_msgs/Vector3\nfloat64 x\nfloat64 y\nfloat64 z\n";

/// Odometry, without the covariances of the standard message: fields are found by name.
pub(crate) fn odometry_definition() -> String {
    format!(
        "std_msgs/Header header\nstring child_frame_id\ngeometry_msgs/PoseWithCovariance pose\n\
         geometry_msgs/TwistWithCovariance twist\n{HEADER}{POSE}"
    )
}

/// Tracked objects, without the fields that are not read.
pub(crate) fn objects_definition() -> String {
    format!(
        "std_msgs/Header header\nTrackedObject[] objects\n\
         ================\nMSG: autoware_perception_msgs/TrackedObject\nunique_identifier_msgs/UUID object_id\n\
         ObjectClassification[] classification\nTrackedObjectKinematics kinematics\nShape shape\n\
         ================\nMSG: autoware_perception_msgs/ObjectClassification\nuint8 CAR=1\nuint8 label\nfloat32 probability\n\
         ================\nMSG: autoware_perception_msgs/TrackedObjectKinematics\n\
         geometry_msgs/PoseWithCovariance pose_with_covariance\ngeometry_msgs/TwistWithCovariance twist_with_covariance\n\
         ================\nMSG: autoware_perception_msgs/Shape\ngeometry_msgs/Vector3 dimensions\n\
         ================\nMSG: unique_identifier_msgs/UUID\nuint8[16] uuid\n{HEADER}{POSE}"
    )
}

/// The definition of a message with a header and other fields.
pub(crate) fn with_header(fields: &str) -> String {
    format!("std_msgs/Header header\n{fields}{HEADER}")
}

/// A message in the making.
pub(crate) struct Cdr(Vec<u8>);

impl Cdr {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn with(mut self, write: impl FnOnce(&mut CdrWriter<'_, LittleEndian>)) -> Self {
        // Alignment counts from the start of the message.
        let mut body = std::mem::take(&mut self.0);
        let mut all = Vec::new();
        let mut writer = CdrWriter::<LittleEndian>::new(&mut all);
        writer.buffer_mut().append(&mut body);
        write(&mut writer);
        Self(all)
    }

    pub(crate) fn header(self, stamp_ns: i64, frame: &str) -> Self {
        self.with(|w| {
            w.write_i32((stamp_ns / 1_000_000_000) as i32);
            w.write_u32((stamp_ns % 1_000_000_000) as u32);
            w.write_string(frame);
        })
    }

    pub(crate) fn doubles(self, values: &[f64]) -> Self {
        self.with(|w| values.iter().for_each(|value| w.write_f64(*value)))
    }

    /// Position and heading.
    pub(crate) fn pose(self, x: f64, y: f64, yaw: f64) -> Self {
        self.doubles(&[x, y, 0.0, 0.0, 0.0, (yaw / 2.0).sin(), (yaw / 2.0).cos()])
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        [[0, 1, 0, 0].as_slice(), &self.0].concat()
    }
}

pub(crate) fn odometry(stamp_ns: i64, x: f64, speed: f64) -> Vec<u8> {
    let twist = [speed, 0.0, 0.0, 0.0, 0.0, 0.0];
    Cdr::new()
        .header(stamp_ns, "map")
        .with(|w| w.write_string("base_link"))
        .pose(x, 0.0, 0.0)
        .doubles(&twist)
        .bytes()
}

/// Objects of a message: number, label, x, y, heading, speed along the heading.
pub(crate) fn objects(
    stamp_ns: i64,
    frame: &str,
    objects: &[(u8, u8, f64, f64, f64, f64)],
) -> Vec<u8> {
    let mut message = Cdr::new()
        .header(stamp_ns, frame)
        .with(|w| w.write_sequence_length(objects.len()));
    for (number, label, x, y, yaw, speed) in objects {
        message = message
            .with(|w| {
                (0..16).for_each(|_| w.write_u8(*number));
                w.write_sequence_length(1);
                w.write_u8(*label);
                w.write_f32(0.9);
            })
            .pose(*x, *y, *yaw)
            .doubles(&[*speed, 0.0, 0.0, 0.0, 0.0, 0.0])
            .doubles(&[4.0, 2.0, 1.5]);
    }
    message.bytes()
}
