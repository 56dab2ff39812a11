//! ROS 2 message definitions of the simulated logs: the types, and the schema texts that a log carries.
//!
//! A schema text is the definition of the type followed by those that it depends on, as the MCAP registry asks of `ros2msg`.

/// A message definition: its name without `/msg/`, its text, the definitions that it uses.
type Definition = (&'static str, &'static str, &'static [&'static str]);

const COVARIANCE_USES: &[&str] = &["geometry_msgs/Vector3"];

/// Field order is that of `common_interfaces` (Jazzy), `geometry2`, `autoware_msgs`, `ros2_socketcan` and `unique_identifier_msgs`.
const DEFINITIONS: &[Definition] = &[
    (
        "builtin_interfaces/Time",
        "int32 sec\nuint32 nanosec\n",
        &[],
    ),
    (
        "std_msgs/Header",
        "builtin_interfaces/Time stamp\nstring frame_id\n",
        &["builtin_interfaces/Time"],
    ),
    ("std_msgs/String", "string data\n", &[]),
    (
        "geometry_msgs/Point",
        "float64 x\nfloat64 y\nfloat64 z\n",
        &[],
    ),
    (
        "geometry_msgs/Point32",
        "float32 x\nfloat32 y\nfloat32 z\n",
        &[],
    ),
    (
        "geometry_msgs/Polygon",
        "geometry_msgs/Point32[] points\n",
        &["geometry_msgs/Point32"],
    ),
    (
        "geometry_msgs/Vector3",
        "float64 x\nfloat64 y\nfloat64 z\n",
        &[],
    ),
    (
        "geometry_msgs/Quaternion",
        "float64 x 0\nfloat64 y 0\nfloat64 z 0\nfloat64 w 1\n",
        &[],
    ),
    (
        "geometry_msgs/Pose",
        "geometry_msgs/Point position\ngeometry_msgs/Quaternion orientation\n",
        &["geometry_msgs/Point", "geometry_msgs/Quaternion"],
    ),
    (
        "geometry_msgs/PoseWithCovariance",
        "geometry_msgs/Pose pose\nfloat64[36] covariance\n",
        &["geometry_msgs/Pose"],
    ),
    (
        "geometry_msgs/Twist",
        "geometry_msgs/Vector3 linear\ngeometry_msgs/Vector3 angular\n",
        COVARIANCE_USES,
    ),
    (
        "geometry_msgs/TwistWithCovariance",
        "geometry_msgs/Twist twist\nfloat64[36] covariance\n",
        &["geometry_msgs/Twist"],
    ),
    (
        "geometry_msgs/Accel",
        "geometry_msgs/Vector3 linear\ngeometry_msgs/Vector3 angular\n",
        COVARIANCE_USES,
    ),
    (
        "geometry_msgs/AccelWithCovariance",
        "geometry_msgs/Accel accel\nfloat64[36] covariance\n",
        &["geometry_msgs/Accel"],
    ),
    (
        "geometry_msgs/Transform",
        "geometry_msgs/Vector3 translation\ngeometry_msgs/Quaternion rotation\n",
        &["geometry_msgs/Vector3", "geometry_msgs/Quaternion"],
    ),
    (
        "geometry_msgs/TransformStamped",
        "std_msgs/Header header\nstring child_frame_id\ngeometry_msgs/Transform transform\n",
        &["std_msgs/Header", "geometry_msgs/Transform"],
    ),
    (
        "tf2_msgs/TFMessage",
        "geometry_msgs/TransformStamped[] transforms\n",
        &["geometry_msgs/TransformStamped"],
    ),
    (
        "nav_msgs/Odometry",
        "std_msgs/Header header\nstring child_frame_id\n\
         geometry_msgs/PoseWithCovariance pose\ngeometry_msgs/TwistWithCovariance twist\n",
        &[
            "std_msgs/Header",
            "geometry_msgs/PoseWithCovariance",
            "geometry_msgs/TwistWithCovariance",
        ],
    ),
    (
        "sensor_msgs/Imu",
        "std_msgs/Header header\n\
         geometry_msgs/Quaternion orientation\nfloat64[9] orientation_covariance\n\
         geometry_msgs/Vector3 angular_velocity\nfloat64[9] angular_velocity_covariance\n\
         geometry_msgs/Vector3 linear_acceleration\nfloat64[9] linear_acceleration_covariance\n",
        &[
            "std_msgs/Header",
            "geometry_msgs/Quaternion",
            "geometry_msgs/Vector3",
        ],
    ),
    (
        "sensor_msgs/NavSatStatus",
        "int8 STATUS_UNKNOWN=-2\nint8 STATUS_NO_FIX=-1\nint8 STATUS_FIX=0\n\
         int8 STATUS_SBAS_FIX=1\nint8 STATUS_GBAS_FIX=2\nint8 status -2\n\
         uint16 SERVICE_UNKNOWN=0\nuint16 SERVICE_GPS=1\nuint16 SERVICE_GLONASS=2\n\
         uint16 SERVICE_COMPASS=4\nuint16 SERVICE_GALILEO=8\nuint16 service\n",
        &[],
    ),
    (
        "sensor_msgs/NavSatFix",
        "std_msgs/Header header\nsensor_msgs/NavSatStatus status\n\
         float64 latitude\nfloat64 longitude\nfloat64 altitude\nfloat64[9] position_covariance\n\
         uint8 COVARIANCE_TYPE_UNKNOWN=0\nuint8 COVARIANCE_TYPE_APPROXIMATED=1\n\
         uint8 COVARIANCE_TYPE_DIAGONAL_KNOWN=2\nuint8 COVARIANCE_TYPE_KNOWN=3\n\
         uint8 position_covariance_type\n",
        &["std_msgs/Header", "sensor_msgs/NavSatStatus"],
    ),
    ("unique_identifier_msgs/UUID", "uint8[16] uuid\n", &[]),
    (
        "autoware_perception_msgs/ObjectClassification",
        "uint8 UNKNOWN=0\nuint8 CAR=1\nuint8 TRUCK=2\nuint8 BUS=3\nuint8 TRAILER=4\n\
         uint8 MOTORCYCLE=5\nuint8 BICYCLE=6\nuint8 PEDESTRIAN=7\nuint8 ANIMAL=8\n\
         uint8 HAZARD=9\nuint8 OVER_DRIVABLE=10\nuint8 UNDER_DRIVABLE=11\n\
         uint8 label\nfloat32 probability\n",
        &[],
    ),
    (
        "autoware_perception_msgs/Shape",
        "uint8 BOUNDING_BOX=0\nuint8 CYLINDER=1\nuint8 POLYGON=2\n\
         uint8 type\ngeometry_msgs/Polygon footprint\ngeometry_msgs/Vector3 dimensions\n",
        &["geometry_msgs/Polygon", "geometry_msgs/Vector3"],
    ),
    (
        "autoware_perception_msgs/TrackedObjectKinematics",
        "uint8 UNAVAILABLE=0\nuint8 SIGN_UNKNOWN=1\nuint8 AVAILABLE=2\n\
         geometry_msgs/PoseWithCovariance pose_with_covariance\n\
         geometry_msgs/TwistWithCovariance twist_with_covariance\n\
         geometry_msgs/AccelWithCovariance acceleration_with_covariance\n\
         uint8 orientation_availability\nbool is_stationary\n",
        &[
            "geometry_msgs/PoseWithCovariance",
            "geometry_msgs/TwistWithCovariance",
            "geometry_msgs/AccelWithCovariance",
        ],
    ),
    (
        "autoware_perception_msgs/TrackedObject",
        "unique_identifier_msgs/UUID object_id\nfloat32 existence_probability\n\
         autoware_perception_msgs/ObjectClassification[] classification\n\
         autoware_perception_msgs/TrackedObjectKinematics kinematics\n\
         autoware_perception_msgs/Shape shape\n",
        &[
            "unique_identifier_msgs/UUID",
            "autoware_perception_msgs/ObjectClassification",
            "autoware_perception_msgs/TrackedObjectKinematics",
            "autoware_perception_msgs/Shape",
        ],
    ),
    (
        "autoware_perception_msgs/TrackedObjects",
        "std_msgs/Header header\nautoware_perception_msgs/TrackedObject[] objects\n",
        &["std_msgs/Header", "autoware_perception_msgs/TrackedObject"],
    ),
    (
        "autoware_vehicle_msgs/VelocityReport",
        "std_msgs/Header header\n\
         float32 longitudinal_velocity\nfloat32 lateral_velocity\nfloat32 heading_rate\n",
        &["std_msgs/Header"],
    ),
    (
        "autoware_vehicle_msgs/SteeringReport",
        "builtin_interfaces/Time stamp\nfloat32 steering_tire_angle\n",
        &["builtin_interfaces/Time"],
    ),
    (
        "can_msgs/Frame",
        "std_msgs/Header header\nuint32 id\nbool is_rtr\nbool is_extended\nbool is_error\n\
         uint8 dlc\nuint8[8] data\n",
        &["std_msgs/Header"],
    ),
];

/// The schema text of a type, with everything that it depends on, each once.
pub(crate) fn schema_text(name: &str) -> String {
    let mut seen = vec![name];
    let mut text = String::new();
    let mut next = 0;
    while let Some(name) = seen.get(next).copied() {
        next += 1;
        let Some((name, body, uses)) = DEFINITIONS.iter().find(|(n, _, _)| *n == name) else {
            continue;
        };
        if next > 1 {
            text.push_str(&"=".repeat(80));
            text.push_str("\nMSG: ");
            text.push_str(name);
            text.push('\n');
        }
        text.push_str(body);
        seen.extend(
            uses.iter()
                .filter(|used| !seen.contains(used))
                .copied()
                .collect::<Vec<_>>(),
        );
    }
    text
}

/// The full name of a type: `package/msg/Type`.
pub(crate) fn full_name(name: &str) -> String {
    name.replacen('/', "/msg/", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_a_definition_uses_is_defined() {
        for (name, body, uses) in DEFINITIONS {
            let named: Vec<&str> = body
                .lines()
                .filter_map(|line| line.split_whitespace().next())
                .filter(|ty| ty.contains('/'))
                .map(|ty| ty.trim_end_matches("[]"))
                .collect();
            for ty in named {
                assert!(uses.contains(&ty), "{name} uses {ty}");
                assert!(DEFINITIONS.iter().any(|(n, _, _)| *n == ty), "{ty}");
            }
        }
    }

    #[test]
    fn a_schema_text_has_each_dependency_once() {
        let text = schema_text("autoware_perception_msgs/TrackedObjects");
        assert_eq!(text.matches("MSG: geometry_msgs/Vector3\n").count(), 1);
        assert_eq!(text.matches("MSG: ").count(), 18);
        assert_eq!(full_name("nav_msgs/Odometry"), "nav_msgs/msg/Odometry");
    }
}
