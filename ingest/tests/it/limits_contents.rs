//! Hostile contents of a log: definitions, lists, names, channels and times.

use driveloop_schemas::{CameraFrame, Signal};

use crate::cdr::{Cdr, odometry_definition, with_header};
use crate::limits::{Attacked, channel, ingested, message, schema, spliced, topic};
use crate::mcap_log::START_NS;

#[tokio::test(flavor = "multi_thread")]
async fn definitions_that_do_not_end() {
    let part = |name: &str, fields: &str| format!("================\nMSG: p/{name}\n{fields}\n");
    let deep: String = (0..1000)
        .map(|k| part(&format!("A{k}"), &format!("p/A{} a", k + 1)))
        .collect();
    let next = |k: usize| format!("p/A{k}[100] a\np/A{k}[100] b");
    let wide: String = (0..20)
        .map(|k| part(&format!("A{k}"), &next(k + 1)))
        .collect();
    for definition in [
        format!("p/A pose\n{}", part("A", "p/A pose")),
        format!("p/A[] pose\n{}", part("A", "p/A[] pose")),
        format!("p/A0 pose\n{deep}{}", part("A1000", "int32 x")),
        format!("p/A0 pose\n{wide}{}", part("A20", "int32 x")),
        format!("p/A[4294967295] pose\n{}", part("A", "float64 x")),
        "std_msgs/Header header\n".to_owned(),
        "int32 x y z\n".to_owned(),
        "\u{0}".repeat(1000),
        "int32[99999999999999999999] pose\n".to_owned(),
    ] {
        let messages = [vec![0, 1, 0, 0], vec![0xff; 40]];
        let hostile = topic("/evil", "nav_msgs/msg/Odometry", &definition, &messages);
        let attacked = Attacked::by(&hostile).await;
        assert_eq!(attacked.dropped(), 2, "{definition}: {:#?}", attacked.found);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_invented_length() {
    let odometry = odometry_definition();
    let list = |element: &str| format!("{element} junk\n{odometry}");
    let many = |count: u32, rest: usize| {
        [
            [0, 1, 0, 0].as_slice(),
            &count.to_le_bytes(),
            &vec![0; rest],
        ]
        .concat()
    };
    for element in ["float64[]", "string[]", "std_msgs/Header[]", "uint8[]"] {
        let messages = [
            many(u32::MAX, 0),
            many(u32::MAX, 1 << 20),
            many(1 << 30, 1 << 20),
        ];
        let hostile = topic("/evil", "nav_msgs/msg/Odometry", &list(element), &messages);
        let attacked = Attacked::by(&hostile).await;
        assert_eq!(attacked.dropped(), 3, "{element}: {:#?}", attacked.found);
    }
    // Elements that take no bytes: their number is bounded by nothing in the message.
    let idl = "module nav_msgs { module msg { struct E {}; struct P { sequence<E> a; E b[4294967295]; sequence<E> c; }; \
         struct Odometry { sequence<P> pose; E twist[4294967295]; }; }; };";
    let mut hostile = schema(900, "nav_msgs/msg/Odometry", "ros2idl", idl);
    hostile.extend(channel(900, 900, "/evil"));
    hostile.extend(message(900, START_NS as u64, &many(1 << 18, 2 << 20)));
    let attacked = Attacked::by(&hostile).await;
    assert_eq!(attacked.dropped(), 1, "{:#?}", attacked.found);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_a_megabyte() {
    let name = "x".repeat(1 << 20);
    let speed = with_header(
        "float32 longitudinal_velocity\nfloat32 lateral_velocity\nfloat32 heading_rate\n",
    );
    for (topic_name, schema_name) in [
        (name.as_str(), "autoware_vehicle_msgs/msg/VelocityReport"),
        ("/evil", name.as_str()),
    ] {
        let data = Cdr::new()
            .header(START_NS, &name)
            .doubles(&[0.0; 3])
            .bytes();
        let attacked = Attacked::by(&topic(topic_name, schema_name, &speed, &[data])).await;
        assert_eq!(attacked.dropped(), 1, "{:#?}", attacked.found);
        let longest = attacked
            .found
            .iter()
            .map(|row| row.subject.len().max(row.message.len()))
            .max();
        assert!(longest.unwrap() < 2000, "{longest:?}");
    }
    // A field, a text and a frame may be long; they name nothing.
    let data = Cdr::new()
        .header(START_NS, &name)
        .with(|w| w.write_string(&name))
        .bytes();
    let text = with_header("string data\n");
    let attacked = Attacked::by(&topic("/evil", "my_msgs/msg/Any", &text, &[data])).await;
    assert_eq!(attacked.dropped(), 1, "{:#?}", attacked.found);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_are_paths() {
    let image = with_header("string format\nuint8[] data\n");
    let data = Cdr::new().header(START_NS + 5, "cam").with(|w| {
        w.write_string("jpeg");
        w.write_bytes(b"no image at all");
    });
    let data = [data.bytes()];
    for name in [
        "../../evil",
        "/../evil",
        "/",
        "",
        ".",
        "evil/\u{0}/..",
        "evil\\..\\..",
        "%2e%2e/evil",
    ] {
        let hostile = topic(name, "sensor_msgs/msg/CompressedImage", &image, &data);
        let (bytes, _) = spliced(&hostile);
        let test = ingested(&bytes).await;
        let frames = test.rows::<CameraFrame>().await;
        let frame = frames.iter().find(|row| row.stamp_ns == START_NS + 5);
        let frame = frame.unwrap_or_else(|| panic!("{name}: {frames:#?}"));
        let mut folders = frame.pack.split('/');
        assert_eq!(folders.next(), Some("media"), "{name}");
        assert!(
            !folders.any(|folder| ["", ".", ".."].contains(&folder)),
            "{name}: {}",
            frame.pack
        );
        let pack = std::fs::read(test.folder.path().join(&frame.pack)).unwrap();
        let (start, length) = (frame.offset as usize, frame.length as usize);
        assert_eq!(&pack[start..start + length], b"no image at all", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_channels() {
    let mut hostile = Vec::new();
    for id in 1000..21_000_u16 {
        hostile.extend(schema(
            id,
            &format!("my_msgs/msg/Type{id}"),
            "ros2msg",
            "int32 x\n",
        ));
        hostile.extend(channel(id, id, &format!("/evil/{id}")));
        hostile.extend(message(id, START_NS as u64, &[0, 1, 0, 0, 1, 0, 0, 0]));
    }
    let attacked = Attacked::by(&hostile).await;
    assert_eq!(attacked.dropped(), 20_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn times_that_no_drive_has() {
    let speed = with_header(
        "float32 longitudinal_velocity\nfloat32 lateral_velocity\nfloat32 heading_rate\n",
    );
    let stamped = |sec: i32, nanosec: u32| {
        let data = Cdr::new().with(|w| {
            w.write_i32(sec);
            w.write_u32(nanosec);
            w.write_string("");
            [1.0, 2.0, 3.0].iter().for_each(|value| w.write_f32(*value));
        });
        data.bytes()
    };
    let mut hostile = topic(
        "/evil",
        "autoware_vehicle_msgs/msg/VelocityReport",
        &speed,
        &[],
    );
    for (sec, nanosec, log_time) in [
        (-1, 0, START_NS as u64),
        (i32::MIN, u32::MAX, START_NS as u64),
        (1_767_225_600, 1_000_000_000, START_NS as u64),
        // Without a stamp the time of logging counts.
        (0, 0, u64::MAX),
        (0, 0, 1 << 63),
    ] {
        hostile.extend(message(900, log_time, &stamped(sec, nanosec)));
    }
    let attacked = Attacked::by(&hostile).await;
    let row = attacked
        .found
        .iter()
        .find(|row| row.check == "stamp_out_of_range")
        .unwrap();
    assert_eq!((row.subject.as_str(), row.dropped), ("/evil", 5));
    assert_eq!(
        attacked
            .test
            .rows::<Signal>()
            .await
            .iter()
            .filter(|row| row.source == "/evil")
            .count(),
        0
    );
}
