//! Logs whose definitions are IDL: the same rows as with `.msg`.

use driveloop_schemas::{EgoState, Signal};
use mcap::MAGIC;
use mcap::records::op;

use crate::cdr::{odometry, odometry_definition};
use crate::limits::{channel, ingested, message, record, schema};
use crate::mcap_log::START_NS;

/// The definition of [`odometry_definition`] in the form that `rosidl` writes, each file behind its separator.
fn odometry_idl() -> String {
    let file = |package: &str, name: &str, fields: &[(&str, &str)]| {
        let line = "=".repeat(80);
        let fields: String = fields
            .iter()
            .map(|(kind, field)| format!("      @verbatim (language=\"comment\", text=\"{field};\")\n      {kind} {field};\n"))
            .collect();
        format!(
            "{line}\nIDL: {package}/msg/{name}\n// generated from rosidl_adapter/resource/msg.idl.em\n\
             // with input from {package}/msg/{name}.msg\n// generated code does not contain a copyright notice\n\n\
             #include \"any.idl\"\n\nmodule {package} {{\n  module msg {{\n    struct {name} {{\n{fields}    }};\n  }};\n}};\n"
        )
    };
    let geometry = "geometry_msgs";
    let (x, y, z, w) = (
        ("double", "x"),
        ("double", "y"),
        ("double", "z"),
        ("double", "w"),
    );
    let vector = "geometry_msgs::msg::Vector3";
    [
        file(
            "nav_msgs",
            "Odometry",
            &[
                ("std_msgs::msg::Header", "header"),
                ("string", "child_frame_id"),
                ("geometry_msgs::msg::PoseWithCovariance", "pose"),
                ("geometry_msgs::msg::TwistWithCovariance", "twist"),
            ],
        ),
        file(
            "std_msgs",
            "Header",
            &[
                ("builtin_interfaces::msg::Time", "stamp"),
                ("string", "frame_id"),
            ],
        ),
        file(
            "builtin_interfaces",
            "Time",
            &[("int32", "sec"), ("uint32", "nanosec")],
        ),
        file(
            geometry,
            "PoseWithCovariance",
            &[("geometry_msgs::msg::Pose", "pose")],
        ),
        file(
            geometry,
            "Pose",
            &[
                ("geometry_msgs::msg::Point", "position"),
                ("geometry_msgs::msg::Quaternion", "orientation"),
            ],
        ),
        file(geometry, "Point", &[x, y, z]),
        file(geometry, "Quaternion", &[x, y, z, w]),
        file(
            geometry,
            "TwistWithCovariance",
            &[("geometry_msgs::msg::Twist", "twist")],
        ),
        file(
            geometry,
            "Twist",
            &[(vector, "linear"), (vector, "angular")],
        ),
        file(geometry, "Vector3", &[x, y, z]),
    ]
    .concat()
}

fn odometry_log(encoding: &str, definition: &str) -> Vec<u8> {
    let mut log = MAGIC.to_vec();
    log.extend(record(op::HEADER, &[0; 8]));
    log.extend(schema(1, "nav_msgs/msg/Odometry", encoding, definition));
    log.extend(channel(1, 1, "/odom"));
    for k in 0..50_i64 {
        let stamp_ns = START_NS + k * 20_000_000;
        log.extend(message(
            1,
            stamp_ns as u64,
            &odometry(stamp_ns, k as f64 * 0.2, 10.0),
        ));
    }
    log.extend(record(op::DATA_END, &[0; 4]));
    log.extend(record(op::FOOTER, &[0; 20]));
    log.extend(MAGIC);
    log
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_in_idl_gives_the_rows_of_the_same_one_in_msg() {
    let by_msg = ingested(&odometry_log("ros2msg", &odometry_definition())).await;
    let expected: Vec<EgoState> = by_msg.rows().await;
    assert_eq!(expected.len(), 50);
    for encoding in ["ros2idl", "omgidl"] {
        let by_idl = ingested(&odometry_log(encoding, &odometry_idl())).await;
        let rows: Vec<EgoState> = by_idl.rows().await;
        // The bytes of the file differ, and so its name.
        let named = |row: &EgoState| EgoState {
            log_id: "".into(),
            ..row.clone()
        };
        let [rows, expected] =
            [&rows, &expected].map(|rows| rows.iter().map(named).collect::<Vec<_>>());
        assert_eq!(rows, expected, "{encoding}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_that_cannot_be_read_is_named_with_its_line() {
    let mut log = odometry_log("ros2idl", &odometry_idl());
    let at = log.len() - MAGIC.len() - 9 - 20 - 9 - 4;
    let mut hostile = schema(
        2,
        "sensor_msgs/msg/Imu",
        "ros2idl",
        "module sensor_msgs {\n  union Imu {};\n};",
    );
    hostile.extend(channel(2, 2, "/imu"));
    hostile.extend(message(2, START_NS as u64, &[0, 1, 0, 0]));
    log.splice(at..at, hostile);
    let test = ingested(&log).await;
    let findings = test.rows::<driveloop_schemas::Finding>().await;
    let found = findings.iter().find(|row| row.subject == "/imu").unwrap();
    assert_eq!((found.severity.as_str(), found.dropped), ("error", 1));
    assert!(
        found.message.contains("line 2: expected module, struct"),
        "{}",
        found.message
    );
    assert_eq!(test.rows::<EgoState>().await.len(), 50);
    assert_eq!(test.rows::<Signal>().await.len(), 0);
}
