//! Logs whose poses, objects and stamps are given in several frames and by several clocks, made here.

use std::collections::BTreeMap;
use std::io::Cursor;

use driveloop_ingest::{DriveOutcome, IngestOptions, IngestReport};
use driveloop_schemas::{Drive, EgoState, Lane, ObjectTrack, Signal};
use mcap::records::MessageHeader;
use mcap::{WriteOptions, Writer};

use crate::TestLake;
use crate::cdr::{Cdr, objects, objects_definition, odometry_definition, with_header};
use crate::mcap_log::{MAP, START_NS};

const TRANSFORMS: &str = "geometry_msgs/TransformStamped[] transforms\n\
    ================\nMSG: geometry_msgs/TransformStamped\nstd_msgs/Header header\nstring child_frame_id\nTransform transform\n\
    ================\nMSG: geometry_msgs/Transform\nVector3 translation\nQuaternion rotation\n\
    ================\nMSG: geometry_msgs/Vector3\nfloat64 x\nfloat64 y\nfloat64 z\n\
    ================\nMSG: geometry_msgs/Quaternion\nfloat64 x\nfloat64 y\nfloat64 z\nfloat64 w\n\
    ================\nMSG: std_msgs/Header\nbuiltin_interfaces/Time stamp\nstring frame_id\n";
const STEP_NS: i64 = 100_000_000;

/// A log in the making.
pub(crate) struct Log {
    writer: Writer<Cursor<Vec<u8>>>,
    channels: BTreeMap<String, u16>,
}

impl Log {
    pub(crate) fn new() -> Self {
        let writer = WriteOptions::new().compression_threads(0);
        let writer = writer.create(Cursor::new(Vec::new())).unwrap();
        let channels = BTreeMap::new();
        Self { writer, channels }
    }

    pub(crate) fn write(
        &mut self,
        topic: &str,
        (schema, text): (&str, &str),
        log_ns: i64,
        data: &[u8],
    ) {
        let writer = &mut self.writer;
        let channel_id = *self.channels.entry(topic.to_owned()).or_insert_with(|| {
            let schema = writer.add_schema(schema, "ros2msg", text.as_bytes());
            let metadata = BTreeMap::new();
            writer
                .add_channel(schema.unwrap(), topic, "cdr", &metadata)
                .unwrap()
        });
        let header = MessageHeader {
            channel_id,
            sequence: 0,
            log_time: log_ns as u64,
            publish_time: log_ns as u64,
        };
        writer.write_to_known_channel(&header, data).unwrap();
    }

    /// The pose of `child` in `parent`, as odometry that is logged when it is measured.
    fn odometry(&mut self, topic: &str, (parent, child): (&str, &str), stamp_ns: i64, x: f64) {
        let data = Cdr::new()
            .header(stamp_ns, parent)
            .with(|w| w.write_string(child))
            .pose(x, 0.0, 0.0)
            .doubles(&[10.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        let definition = odometry_definition();
        let kind = ("nav_msgs/msg/Odometry", definition.as_str());
        self.write(topic, kind, stamp_ns.max(START_NS), &data.bytes());
    }

    pub(crate) fn transform(
        &mut self,
        topic: &str,
        (parent, child): (&str, &str),
        stamp_ns: i64,
        xyz: [f64; 3],
    ) {
        let data = Cdr::new()
            .with(|w| w.write_sequence_length(1))
            .header(stamp_ns, parent)
            .with(|w| w.write_string(child))
            .doubles(&xyz)
            .doubles(&[0.0, 0.0, 0.0, 1.0]);
        let kind = ("tf2_msgs/msg/TFMessage", TRANSFORMS);
        self.write(topic, kind, stamp_ns.max(START_NS), &data.bytes());
    }

    fn object(&mut self, frame: &str, stamp_ns: i64, x: f64) {
        let data = objects(stamp_ns, frame, &[(1, 1, x, 0.0, 0.0, 10.0)]);
        let definition = objects_definition();
        let kind = (
            "autoware_perception_msgs/msg/TrackedObjects",
            definition.as_str(),
        );
        self.write("/objects", kind, stamp_ns.max(START_NS), &data);
    }

    pub(crate) fn bytes(mut self) -> Vec<u8> {
        self.writer.finish().unwrap();
        self.writer.into_inner().into_inner()
    }

    async fn ingested(self) -> (TestLake, IngestReport) {
        TestLake::of_log(&self.bytes(), &IngestOptions::new("run-1")).await
    }
}

async fn checks(test: &TestLake) -> Vec<String> {
    test.findings()
        .await
        .into_iter()
        .map(|found| found.0)
        .collect()
}

async fn objects_ahead(test: &TestLake) -> Vec<f64> {
    let rows = test.rows::<ObjectTrack>().await;
    let cars = rows.iter().filter(|row| row.category == "REGULAR_VEHICLE");
    cars.map(|row| row.ego_x_m).collect()
}

/// Odometry counts from where the car was switched on; the map begins elsewhere, and a transform says where.
#[tokio::test(flavor = "multi_thread")]
async fn transforms_lead_from_odometry_to_the_map() {
    let mut log = Log::new();
    for k in 0..30 {
        let (stamp, x) = (START_NS + k * STEP_NS, k as f64);
        log.transform("/tf", ("map", "odom"), stamp, [1_000.0, 500.0, 0.0]);
        log.transform("/tf", ("/odom", "base_link"), stamp, [x, 0.0, 0.0]);
        log.object("map", stamp, 1_020.0 + x);
    }
    let (test, _) = log.ingested().await;
    let states = test.rows::<EgoState>().await;
    assert_eq!(states.len(), 30);
    assert_eq!((states[7].x_m, states[7].y_m), (1_007.0, 500.0));
    let ahead = objects_ahead(&test).await;
    assert_eq!(ahead.len(), 30);
    assert!(ahead.iter().all(|x| (x - 20.0).abs() < 1e-9), "{ahead:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_poses_in_the_map_go_before_more_of_dead_reckoning() {
    let mut log = Log::new();
    for k in 0..300 {
        let stamp = START_NS + k * STEP_NS / 10;
        log.odometry("/wheels", ("odom", "base_link"), stamp, 0.1 * k as f64);
        if k % 10 == 0 {
            log.odometry(
                "/localisation",
                ("map", "base_link"),
                stamp,
                700.0 + 0.1 * k as f64,
            );
            // Seen by a sensor whose frame hangs below the odometry's.
            log.object("odom", stamp, 15.0 + 0.1 * k as f64);
        }
    }
    let (test, _) = log.ingested().await;
    let states = test.rows::<EgoState>().await;
    assert_eq!((states.len(), states[0].x_m), (30, 700.0));
    let ahead = objects_ahead(&test).await;
    assert_eq!(ahead.len(), 30);
    assert!(ahead.iter().all(|x| (x - 15.0).abs() < 1e-9), "{ahead:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_reckoning_alone_says_so_and_a_missing_chain_is_named() {
    let mut log = Log::new();
    for k in 0..30 {
        let stamp = START_NS + k * STEP_NS;
        log.odometry("/wheels", ("odom", "base_link"), stamp, k as f64);
        log.object("map", stamp, 20.0);
    }
    let (test, report) = log.ingested().await;
    assert_eq!(test.rows::<EgoState>().await.len(), 30);
    assert_eq!(objects_ahead(&test).await, [0.0; 0]);
    assert!(report.has_losses());
    let checks = checks(&test).await;
    for check in ["local_frame", "unknown_frame"] {
        assert!(
            checks.iter().any(|found| found == check),
            "{check} {checks:?}"
        );
    }
}

/// A simulator's clock begins at zero; the recorder's is that of the wall, and what has no stamp of its own has only that.
#[tokio::test(flavor = "multi_thread")]
async fn simulated_time_keeps_its_transforms_and_its_map() {
    let mut log = Log::new();
    let text = Cdr::new().with(|w| w.write_string(MAP));
    log.write(
        "/map",
        ("std_msgs/msg/String", "string data"),
        START_NS,
        &text.bytes(),
    );
    log.transform("/tf_static", ("base_link", "lidar"), 0, [1.0, 0.0, 2.0]);
    let speed = with_header(
        "float64 longitudinal_velocity\nfloat64 lateral_velocity\nfloat64 heading_rate\n",
    );
    for k in 1..31 {
        let stamp = k * STEP_NS;
        log.odometry("/odom", ("map", "base_link"), stamp, k as f64);
        log.object("lidar", stamp, 9.0);
        let report = Cdr::new()
            .header(START_NS + stamp, "")
            .doubles(&[10.0, 0.0, 0.0]);
        let kind = ("autoware_vehicle_msgs/msg/VelocityReport", speed.as_str());
        log.write("/speed", kind, START_NS + stamp, &report.bytes());
    }
    let (test, _) = log.ingested().await;
    let drive = test.rows::<Drive>().await.remove(0);
    assert_eq!((drive.start_ns, drive.end_ns), (STEP_NS, 30 * STEP_NS));
    assert_eq!(test.rows::<Lane>().await.len(), 1);
    let ahead = objects_ahead(&test).await;
    assert_eq!(ahead.len(), 30);
    assert!(ahead.iter().all(|x| (x - 10.0).abs() < 1e-9), "{ahead:?}");
    // Of the wall's clock: set apart, each by name.
    assert_eq!(test.rows::<Signal>().await.len(), 0);
    let apart = test
        .findings()
        .await
        .into_iter()
        .find(|found| found.0 == "other_clock");
    assert_eq!(apart, Some(("other_clock".into(), "/speed".into(), 30, 30)));
}

#[tokio::test(flavor = "multi_thread")]
async fn positions_on_the_globe_alone_are_a_way_of_their_own() {
    let mut log = Log::new();
    let text = with_header("float64 latitude\nfloat64 longitude\nfloat64 altitude\n");
    for k in 0..30 {
        let stamp = START_NS + k * STEP_NS;
        // A hundred thousandth of a degree is 1.11 m to the north.
        let fix = Cdr::new().header(stamp, "gnss");
        let fix = fix.doubles(&[48.0 + 1e-5 * k as f64, 11.0, 500.0]);
        log.write(
            "/fix",
            ("sensor_msgs/msg/NavSatFix", &text),
            stamp,
            &fix.bytes(),
        );
    }
    let (test, report) = log.ingested().await;
    assert_eq!(
        report.drives[0].outcome,
        DriveOutcome::Committed,
        "{report:#?}"
    );
    let states = test.rows::<EgoState>().await;
    assert_eq!((states.len(), states[0].x_m, states[0].y_m), (30, 0.0, 0.0));
    let speed = states[15].speed_mps.unwrap();
    assert!((speed - 11.119).abs() < 0.01, "{speed}");
    assert!((states[0].yaw_rad - std::f64::consts::FRAC_PI_2).abs() < 1e-6);
    assert!(states.iter().all(|state| state.latitude_deg.is_some()));
    assert!(checks(&test).await.contains(&"gnss_frame".to_owned()));
}
