//! Definitions of message types that logs without definitions use: as the packages of ROS 2 Humble and Autoware have them.

/// Name and fields of each type that another is made of.
const TYPES: [(&str, &str); 31] = [
    (
        "std_msgs/msg/Header",
        "builtin_interfaces/Time stamp\nstring frame_id",
    ),
    ("std_msgs/msg/String", "string data"),
    ("geometry_msgs/msg/Point", "float64 x\nfloat64 y\nfloat64 z"),
    (
        "geometry_msgs/msg/Point32",
        "float32 x\nfloat32 y\nfloat32 z",
    ),
    (
        "geometry_msgs/msg/Vector3",
        "float64 x\nfloat64 y\nfloat64 z",
    ),
    (
        "geometry_msgs/msg/Quaternion",
        "float64 x\nfloat64 y\nfloat64 z\nfloat64 w",
    ),
    (
        "geometry_msgs/msg/Pose",
        "geometry_msgs/Point position\ngeometry_msgs/Quaternion orientation",
    ),
    (
        "geometry_msgs/msg/PoseStamped",
        "std_msgs/Header header\ngeometry_msgs/Pose pose",
    ),
    (
        "geometry_msgs/msg/PoseWithCovariance",
        "geometry_msgs/Pose pose\nfloat64[36] covariance",
    ),
    (
        "geometry_msgs/msg/PoseWithCovarianceStamped",
        "std_msgs/Header header\ngeometry_msgs/PoseWithCovariance pose",
    ),
    (
        "geometry_msgs/msg/Twist",
        "geometry_msgs/Vector3 linear\ngeometry_msgs/Vector3 angular",
    ),
    (
        "geometry_msgs/msg/TwistWithCovariance",
        "geometry_msgs/Twist twist\nfloat64[36] covariance",
    ),
    (
        "geometry_msgs/msg/Transform",
        "geometry_msgs/Vector3 translation\ngeometry_msgs/Quaternion rotation",
    ),
    (
        "geometry_msgs/msg/TransformStamped",
        "std_msgs/Header header\nstring child_frame_id\ngeometry_msgs/Transform transform",
    ),
    (
        "geometry_msgs/msg/Polygon",
        "geometry_msgs/Point32[] points",
    ),
    (
        "tf2_msgs/msg/TFMessage",
        "geometry_msgs/TransformStamped[] transforms",
    ),
    (
        "nav_msgs/msg/Odometry",
        "std_msgs/Header header\nstring child_frame_id\ngeometry_msgs/PoseWithCovariance pose\n\
         geometry_msgs/TwistWithCovariance twist",
    ),
    (
        "sensor_msgs/msg/Imu",
        "std_msgs/Header header\ngeometry_msgs/Quaternion orientation\nfloat64[9] orientation_covariance\n\
         geometry_msgs/Vector3 angular_velocity\nfloat64[9] angular_velocity_covariance\n\
         geometry_msgs/Vector3 linear_acceleration\nfloat64[9] linear_acceleration_covariance",
    ),
    (
        "sensor_msgs/msg/NavSatStatus",
        "int8 status\nuint16 service",
    ),
    (
        "sensor_msgs/msg/NavSatFix",
        "std_msgs/Header header\nsensor_msgs/NavSatStatus status\nfloat64 latitude\nfloat64 longitude\nfloat64 altitude\n\
         float64[9] position_covariance\nuint8 position_covariance_type",
    ),
    (
        "sensor_msgs/msg/RegionOfInterest",
        "uint32 x_offset\nuint32 y_offset\nuint32 height\nuint32 width\nbool do_rectify",
    ),
    (
        "sensor_msgs/msg/CameraInfo",
        "std_msgs/Header header\nuint32 height\nuint32 width\nstring distortion_model\nfloat64[] d\nfloat64[9] k\nfloat64[9] r\n\
         float64[12] p\nuint32 binning_x\nuint32 binning_y\nsensor_msgs/RegionOfInterest roi",
    ),
    (
        "sensor_msgs/msg/CompressedImage",
        "std_msgs/Header header\nstring format\nuint8[] data",
    ),
    (
        "sensor_msgs/msg/PointField",
        "string name\nuint32 offset\nuint8 datatype\nuint32 count",
    ),
    (
        "sensor_msgs/msg/PointCloud2",
        "std_msgs/Header header\nuint32 height\nuint32 width\nsensor_msgs/PointField[] fields\nbool is_bigendian\n\
         uint32 point_step\nuint32 row_step\nuint8[] data\nbool is_dense",
    ),
    (
        "can_msgs/msg/Frame",
        "std_msgs/Header header\nuint32 id\nbool is_rtr\nbool is_extended\nbool is_error\nuint8 dlc\nuint8[8] data",
    ),
    (
        "ros2_socketcan_msgs/msg/FdFrame",
        "std_msgs/Header header\nuint32 id\nbool is_extended\nbool is_error\nuint8 len\nuint8[<=64] data",
    ),
    (
        "autoware_vehicle_msgs/msg/VelocityReport",
        "std_msgs/Header header\nfloat32 longitudinal_velocity\nfloat32 lateral_velocity\nfloat32 heading_rate",
    ),
    (
        "autoware_auto_vehicle_msgs/msg/VelocityReport",
        "std_msgs/Header header\nfloat32 longitudinal_velocity\nfloat32 lateral_velocity\nfloat32 heading_rate",
    ),
    (
        "autoware_vehicle_msgs/msg/SteeringReport",
        "builtin_interfaces/Time stamp\nfloat32 steering_tire_angle",
    ),
    (
        "autoware_auto_vehicle_msgs/msg/SteeringReport",
        "builtin_interfaces/Time stamp\nfloat32 steering_tire_angle",
    ),
];

/// The definition of a type with those of its parts, in the `ros2msg` form; none where it is not known.
pub(crate) fn definition(name: &str) -> Option<String> {
    let fields = |wanted: &str| TYPES.iter().find(|(name, _)| *name == wanted);
    let (_, root) = fields(name)?;
    let mut text = (*root).to_owned();
    let parts = TYPES.iter().filter(|(part, _)| *part != name);
    for (part, fields) in parts {
        let short = part.replace("/msg/", "/");
        text.push_str(&format!("\n{}\nMSG: {short}\n{fields}", "=".repeat(80)));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::definition::Definition;

    #[test]
    fn every_known_type_is_whole() {
        for (name, _) in TYPES {
            let text = definition(name).unwrap();
            Definition::from_ros2msg(name, text.as_bytes()).unwrap();
        }
        assert_eq!(definition("my_msgs/msg/Own"), None);
    }
}
