//! Logs in the schemas of Foxglove, in protobuf and in JSON, as other programs write and read them.

use std::path::Path;

use driveloop_ingest::{IngestOptions, IngestReport};
use driveloop_schemas::{
    Calibration, CameraFrame, Drive, EgoState, Finding, LidarSweep, ObjectTrack, Signal,
};
use serde::Deserialize;

use crate::{TestLake, altered_and_cut, written_by};

/// What the readers of `peers/foxglove_logs.py` made of the logs.
#[derive(Deserialize)]
struct Expected {
    /// Stamp, position, orientation (w, x, y, z).
    poses: Vec<(i64, [f64; 3], [f64; 4])>,
    images: Vec<Image>,
    /// Topic, stamp, points, the message in hexadecimal.
    sweeps: Vec<(String, i64, i64, String)>,
    /// Stamp, latitude, longitude.
    fixes: Vec<(i64, f64, f64)>,
    actors: Vec<Actor>,
    /// Focal lengths and principal point, size, coefficients as `calibration` orders them.
    lens: ([f64; 4], [i32; 2], Vec<f64>),
    /// Of each sensor's frame, on the ego.
    places: std::collections::BTreeMap<String, [f64; 3]>,
    status: Vec<Status>,
    /// Stamp, position, speed, yaw rate.
    odometry: Vec<(i64, [f64; 3], f64, f64)>,
}

/// Topic, stamp, encoding, columns and rows, bytes in hexadecimal.
type Image = (String, i64, String, Option<[i32; 2]>, String);
/// Stamp, identity, class, position, size.
type Actor = (i64, String, String, [f64; 3], [f64; 3]);
/// Stamp, speed, gear and its name, counter, level two below, limit, level, whether it is ready.
type Status = (i64, f64, f64, String, i64, f64, Option<f64>, f64, bool);

fn expected(folder: &Path) -> Expected {
    let text = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

async fn ingested(log: &Path, mapping: Option<&str>) -> (TestLake, IngestReport) {
    let options = IngestOptions {
        mapping: mapping.map(str::to_owned),
        ..IngestOptions::new("run-1")
    };
    let test = TestLake::new().await;
    let report = test.ingest_with(log, &options).await.unwrap();
    assert_eq!(report.committed(), 1, "{report:#?}");
    (test, report)
}

fn digest(hexadecimal: &str) -> String {
    let bytes = hex::decode(hexadecimal).unwrap();
    blake3::hash(&bytes).to_hex().to_string()
}

/// Both encodings give what the independent reader of the protobuf log gives.
#[tokio::test(flavor = "multi_thread")]
async fn protobuf_and_json_give_the_rows_of_another_reader() {
    let Some(logs) = written_by("foxglove_logs.py") else {
        return;
    };
    let expected = expected(logs.path());
    for encoding in ["protobuf", "json"] {
        let log = logs.path().join(format!("{encoding}.mcap"));
        let (test, report) = ingested(&log, None).await;
        let drive = test.rows::<Drive>().await.remove(0);
        // Of each scene two entities are drawings.
        let dropped = 2 * expected.poses.len() as i64;
        assert_eq!(drive.records_dropped, dropped, "{encoding} {report:#?}");
        the_ego_is(&test, &expected).await;
        images_and_sweeps_are(&test, &expected, encoding).await;
        actors_are(&test, &expected).await;
        sensors_are(&test, &expected).await;
    }
}

async fn the_ego_is(test: &TestLake, expected: &Expected) {
    let states = test.rows::<EgoState>().await;
    assert_eq!(states.len(), expected.poses.len());
    for (state, (stamp_ns, [x, y, z], [w, qx, qy, qz])) in states.iter().zip(&expected.poses) {
        assert_eq!(state.stamp_ns, *stamp_ns);
        assert_eq!((state.x_m, state.y_m, state.z_m), (*x, *y, *z));
        let turns = [
            (state.qw, w),
            (state.qx, qx),
            (state.qy, qy),
            (state.qz, qz),
        ];
        assert!(turns.iter().all(|(a, b)| (a - *b).abs() < 1e-12));
    }
    for (state, (stamp_ns, latitude, longitude)) in states.iter().zip(&expected.fixes) {
        assert_eq!(state.stamp_ns, *stamp_ns);
        let [lat, lon] = [state.latitude_deg, state.longitude_deg].map(Option::unwrap);
        assert!((lat - latitude).abs() < 1e-12 && (lon - longitude).abs() < 1e-12);
    }
}

async fn images_and_sweeps_are(test: &TestLake, expected: &Expected, encoding: &str) {
    let mut frames = test.rows::<CameraFrame>().await;
    frames.sort_by_key(|row| (row.stamp_ns, row.sensor.clone()));
    let mut images: Vec<_> = expected.images.iter().collect();
    images.sort_by_key(|image| (image.1, image.0.clone()));
    assert_eq!(frames.len(), images.len());
    for (frame, (topic, stamp_ns, named, size, bytes)) in frames.iter().zip(images) {
        assert_eq!((&frame.sensor, frame.stamp_ns), (topic, *stamp_ns));
        assert_eq!(frame.encoding, *named);
        let size_px = frame.width_px.zip(frame.height_px);
        assert_eq!(size_px, size.map(Into::into));
        assert_eq!(frame.digest, digest(bytes), "{encoding} {topic}");
        assert_eq!(frame.length as usize, bytes.len() / 2);
    }
    let sweeps = test.rows::<LidarSweep>().await;
    assert_eq!(sweeps.len(), expected.sweeps.len());
    for (sweep, (topic, stamp_ns, points, message)) in sweeps.iter().zip(&expected.sweeps) {
        assert_eq!((&sweep.sensor, sweep.stamp_ns), (topic, *stamp_ns));
        assert_eq!(sweep.points, Some(*points));
        assert_eq!(sweep.encoding, format!("{encoding}:foxglove.PointCloud"));
        // The message as it was written: in JSON it is another text.
        let is_same = sweep.digest == digest(message);
        assert_eq!(is_same, encoding == "protobuf");
    }
}

async fn actors_are(test: &TestLake, expected: &Expected) {
    let mut rows = test.rows::<ObjectTrack>().await;
    rows.retain(|row| row.category != "EGO_VEHICLE");
    rows.sort_by_key(|row| (row.stamp_ns, row.source_category.clone()));
    assert_eq!(rows.len(), expected.actors.len());
    for (row, (stamp_ns, _, class, position, size)) in rows.iter().zip(&expected.actors) {
        assert_eq!((row.stamp_ns, &row.source_category), (*stamp_ns, class));
        let category = match class.as_str() {
            "car" => "REGULAR_VEHICLE",
            _ => "PEDESTRIAN",
        };
        assert_eq!(row.category, category);
        assert_eq!([row.length_m, row.width_m, row.height_m], *size);
        let place = [row.x_m, row.y_m, row.z_m];
        let is_close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-9;
        assert!(place.iter().zip(position).all(is_close), "{row:?}");
    }
    let identities: std::collections::BTreeSet<_> =
        expected.actors.iter().map(|actor| &actor.1).collect();
    let tracks: std::collections::BTreeSet<_> = rows.iter().map(|row| &row.track_id).collect();
    assert_eq!(tracks.len(), identities.len());
}

async fn sensors_are(test: &TestLake, expected: &Expected) {
    let rows = test.rows::<Calibration>().await;
    let sensors: Vec<&str> = rows.iter().map(|row| row.sensor.as_str()).collect();
    assert_eq!(sensors, ["/cam/image", "/cam/raw", "/cam/video", "/lidar"]);
    let ([fx, fy, cx, cy], [width, height], coefficients) = &expected.lens;
    for row in &rows {
        let frame = if row.sensor == "/lidar" {
            "lidar"
        } else {
            "cam"
        };
        assert_eq!([row.x_m, row.y_m, row.z_m], expected.places[frame]);
        if frame == "cam" {
            assert_eq!((row.fx_px, row.fy_px), (Some(*fx), Some(*fy)));
            assert_eq!((row.cx_px, row.cy_px), (Some(*cx), Some(*cy)));
            assert_eq!((row.width_px, row.height_px), (Some(*width), Some(*height)));
            assert_eq!(row.distortion_model.as_deref(), Some("radial"));
            assert_eq!(&row.distortion, coefficients);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odometry_has_speed_and_yaw_rate() {
    let Some(logs) = written_by("foxglove_logs.py") else {
        return;
    };
    let expected = expected(logs.path());
    let (test, report) = ingested(&logs.path().join("odometry.mcap"), None).await;
    assert!(!report.has_losses(), "{report:#?}");
    let states = test.rows::<EgoState>().await;
    assert_eq!(states.len(), expected.odometry.len());
    for (state, (stamp_ns, [x, y, z], speed, yaw_rate)) in states.iter().zip(&expected.odometry) {
        assert_eq!(state.stamp_ns, *stamp_ns);
        assert_eq!((state.x_m, state.y_m, state.z_m), (*x, *y, *z));
        assert_eq!(state.speed_mps, Some(*speed));
        assert_eq!(state.yaw_rate_radps, Some(*yaw_rate));
    }
}

/// Rows of a signal, by stamp: value and text.
fn signal(signals: &[Signal], name: &str) -> Vec<(i64, Option<f64>, Option<String>)> {
    let of_name = signals.iter().filter(|row| row.name == name);
    let mut rows: Vec<_> = of_name
        .map(|row| (row.stamp_ns, row.value, row.text.clone()))
        .collect();
    rows.sort_by_key(|row| row.0);
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_of_ones_own_is_mapped_by_its_fields() {
    let Some(logs) = written_by("foxglove_logs.py") else {
        return;
    };
    let expected = expected(logs.path());
    let mapping = "[[rule]]\nschema = \"my.Status\"\ninto = \"signal\"\nvalues = [{ path = \"speed_mps\", unit = \"m/s\" }, \
        { path = \"gear\" }, { path = \"counter\" }, { path = \"below.below.level\" }]\n";
    let (test, report) = ingested(&logs.path().join("custom.mcap"), Some(mapping)).await;
    assert!(!report.has_losses(), "{report:#?}");
    let signals = test.rows::<Signal>().await;
    assert_eq!(signals.len(), 4 * expected.status.len());
    let expect = |name: &str, row: fn(&Status) -> (Option<f64>, Option<String>)| {
        let rows = expected.status.iter().map(|status| {
            let (value, text) = row(status);
            (status.0, value, text)
        });
        let rows: Vec<_> = rows.collect();
        assert_eq!(signal(&signals, &format!("/status.{name}")), rows);
    };
    expect("speed_mps", |status| (Some(status.1), None));
    expect("gear", |status| (Some(status.2), Some(status.3.clone())));
    expect("counter", |status| {
        (Some(status.4 as f64), Some(status.4.to_string()))
    });
    expect("below.below.level", |status| (Some(status.5), None));
}

/// With every number: those of a type within itself once, those of an absent member of a oneof not at all.
#[tokio::test(flavor = "multi_thread")]
async fn every_number_of_a_recursive_type_ends() {
    let Some(logs) = written_by("foxglove_logs.py") else {
        return;
    };
    let expected = expected(logs.path());
    let mapping = "[[rule]]\nschema = \"my.*\"\ninto = \"signal\"\nvalues = \"all\"\n";
    let (test, _) = ingested(&logs.path().join("custom.mcap"), Some(mapping)).await;
    let signals = test.rows::<Signal>().await;
    let names: std::collections::BTreeSet<_> =
        signals.iter().map(|row| row.name.as_str()).collect();
    let known = [
        "counter",
        "gear",
        "is_ready",
        "level",
        "limit_mps",
        "speed_mps",
    ];
    let known: Vec<String> = known.iter().map(|name| format!("/status.{name}")).collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), known);
    let limits: Vec<_> = expected
        .status
        .iter()
        .filter_map(|status| Some((status.0, Some(status.6?), None)))
        .collect();
    assert_eq!(signal(&signals, "/status.limit_mps"), limits);
    let levels: Vec<_> = expected
        .status
        .iter()
        .map(|status| (status.0, Some(status.7), None))
        .collect();
    assert_eq!(signal(&signals, "/status.level"), levels);
    let ready: Vec<_> = expected
        .status
        .iter()
        .map(|status| (status.0, Some(f64::from(u8::from(status.8))), None))
        .collect();
    assert_eq!(signal(&signals, "/status.is_ready"), ready);
}

/// What is damaged costs itself, and is named with its topic and field.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_is_named() {
    let Some(logs) = written_by("foxglove_logs.py") else {
        return;
    };
    let mapping = format!(
        "[[rule]]\nschema = \"\"\ntopic = \"/none/*\"\ninto = \"signal\"\nstamp = \"t\"\nvalues = [{{ path = \"speed\" }}, {{ path = \"state\" }}]\n{}",
        driveloop_ingest::DEFAULT_MAPPING
    );
    let (test, report) = ingested(&logs.path().join("damaged.mcap"), Some(&mapping)).await;
    assert!(report.has_losses());
    let findings = test.rows::<Finding>().await;
    let find = |check: &str, topic: &str| {
        let mut of_topic = findings.iter();
        let found = of_topic.find(|row| row.check == check && row.subject == topic);
        let found = found.unwrap_or_else(|| panic!("no {check} of {topic} in {findings:#?}"));
        (found.dropped, found.message.as_str())
    };
    for (check, topic, dropped, said) in [
        ("message_damaged", "/cut/pose", 20, "at byte"),
        (
            "message_damaged",
            "/wire/pose",
            20,
            "expected counted bytes for the field `pose`, got a varint",
        ),
        (
            "message_damaged",
            "/turned/pose",
            20,
            "expected a usable field `pose`",
        ),
        (
            "unreadable_definition",
            "/bare/pose",
            20,
            "expected a definition, got a schema without text",
        ),
        (
            "unreadable_definition",
            "/other/pose",
            20,
            "expected the descriptor of the message type `foxglove.PoseInFrame`",
        ),
        (
            "unreadable_definition",
            "/torn/pose",
            20,
            "the descriptor is damaged",
        ),
        (
            "message_damaged",
            "/json/image",
            14,
            "expected octets in base64 at `data`",
        ),
        ("message_damaged", "/none/speed", 1, "EOF"),
    ] {
        let (actual, message) = find(check, topic);
        assert_eq!(actual, dropped, "{topic}: {message}");
        assert!(message.contains(said), "{topic}: {message}");
    }
    assert_eq!(test.rows::<EgoState>().await.len(), 20);
    assert_eq!(test.rows::<CameraFrame>().await.len(), 6);
    let signals = test.rows::<Signal>().await;
    let speeds = signal(&signals, "/none/speed.speed");
    assert_eq!((speeds.len(), speeds[0].1), (19, Some(0.5)));
    let states = signal(&signals, "/none/speed.state");
    assert_eq!(states[18].2.as_deref(), Some("s19"));
}

/// What the SDK of Foxglove itself writes: protobuf, JSON by a schema, JSON without one.
#[tokio::test(flavor = "multi_thread")]
async fn logs_of_the_sdk_of_foxglove_are_read() {
    let Some(logs) = written_by("foxglove_sdk_log.py") else {
        return;
    };
    let mapping = format!(
        "[[rule]]\nschema = \"*\"\ntopic = \"/speed\"\ninto = \"signal\"\nvalues = [{{ path = \"v\" }}]\n\
         [[rule]]\nschema = \"*\"\ntopic = \"/bare\"\ninto = \"signal\"\nvalues = \"all\"\n{}",
        driveloop_ingest::DEFAULT_MAPPING
    );
    let (test, report) = ingested(&logs.path().join("sdk.mcap"), Some(&mapping)).await;
    assert!(!report.has_losses(), "{report:#?}");
    let start_ns = 1_750_000_000_000_000_000;
    let stamp_ns = |k: i32| start_ns + i64::from(k) * 100_000_000;
    let states = test.rows::<EgoState>().await;
    let poses = states.iter().map(|state| (state.stamp_ns, state.x_m));
    let expected = (0..20).map(|k| (stamp_ns(k), f64::from(k)));
    assert_eq!(poses.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    let sweeps = test.rows::<LidarSweep>().await;
    assert!(sweeps.len() == 20 && sweeps.iter().all(|sweep| sweep.points == Some(3)));
    let places = test.rows::<Calibration>().await;
    assert_eq!((places[0].sensor.as_str(), places[0].z_m), ("/lidar", 1.5));
    let signals = test.rows::<Signal>().await;
    let expect = |name: &str, value: fn(f64) -> f64| {
        let rows = signal(&signals, name);
        assert_eq!(rows.len(), 20, "{name}");
        for ((stamp, actual, _), k) in rows.iter().zip(0..) {
            let expected = value(f64::from(k));
            let is_close = actual.is_some_and(|actual| (actual - expected).abs() < 1e-12);
            assert!(is_close && *stamp == stamp_ns(k), "{name} {k}: {actual:?}");
        }
    };
    expect("/speed.v", |k| k / 3.0);
    expect("/bare.n", |k| k);
    expect("/bare.deep.x", |k| k / 7.0);
}

/// A log of protobuf altered and cut at every few bytes: nothing stops, and every record is accounted for.
#[tokio::test(flavor = "multi_thread")]
async fn altered_and_cut_logs_lose_what_is_altered() {
    let Some(logs) = written_by("foxglove_logs.py") else {
        return;
    };
    let whole = std::fs::read(logs.path().join("odometry.mcap")).unwrap();
    let file = logs.path().join("altered.mcap");
    for (at, bytes) in altered_and_cut(&whole, 61) {
        std::fs::write(&file, &bytes).unwrap();
        let test = TestLake::new().await;
        let report = test.ingest(&file).await.unwrap();
        if report.committed() == 1 {
            let poses = test.rows::<EgoState>().await.len() as i64;
            let drive = test.rows::<Drive>().await.remove(0);
            assert_eq!(drive.records_in - drive.records_dropped, poses, "byte {at}");
        }
    }
}
