//! CAN databases against cantools, which made `layouts.csv` and `canmod_gps.csv`: for each database a few payloads (zeros, ones,
//! random, the last too short), decoded with and without its value tables.

use std::collections::BTreeMap;

use driveloop_ingest::{CanDatabase, DatabaseFile, Error, IngestOptions, ingest};
use driveloop_schemas::{BusFrame, Signal};

use crate::TestLake;
use crate::mcap_log::{OBJECTS, Shape, log};
use crate::shared;

const LAYOUTS: &str = include_str!("fixtures/layouts.dbc");

fn unbound(name: &str, bytes: &[u8]) -> DatabaseFile {
    DatabaseFile {
        topic: None,
        name: name.to_owned(),
        bytes: bytes.to_vec(),
    }
}

/// Value, unit and text by name.
type Values = BTreeMap<String, (f64, String, String)>;

/// By identifier, whether it is long, and payload in hexadecimal.
fn expected(csv: &str) -> BTreeMap<(u32, bool, String), Values> {
    let mut frames: BTreeMap<_, Values> = BTreeMap::new();
    for line in csv.lines().skip(1) {
        let cells: Vec<&str> = line.splitn(7, ',').collect();
        let [id, is_extended, data, name, value, unit, text] = cells.as_slice() else {
            panic!("{line}");
        };
        let frame = (id.parse().unwrap(), *is_extended == "1", (*data).to_owned());
        let values = frames.entry(frame).or_default();
        if !name.is_empty() {
            let value = (
                value.parse().unwrap(),
                (*unit).to_owned(),
                (*text).to_owned(),
            );
            values.insert((*name).to_owned(), value);
        }
    }
    frames
}

fn decoded(database: &CanDatabase, can_id: u32, is_extended: bool, data: &[u8]) -> Values {
    let values = database.decode(can_id, is_extended, data);
    let values = values.map(|value| {
        let (unit, text) = (
            value.unit.unwrap_or_default(),
            value.text.unwrap_or_default(),
        );
        (
            value.name.to_owned(),
            (value.value, unit.to_owned(), text.to_owned()),
        )
    });
    values.collect()
}

fn check(database: &CanDatabase, csv: &str) {
    let frames = expected(csv);
    assert!(frames.len() > 20);
    for ((can_id, is_extended, data), expected) in frames {
        let at = format!("{can_id:#x} {data}");
        let decoded = decoded(database, can_id, is_extended, &hex::decode(&data).unwrap());
        let names: Vec<_> = decoded.keys().collect();
        assert_eq!(names, expected.keys().collect::<Vec<_>>(), "{at}");
        for (name, (value, unit, text)) in &decoded {
            let (there, there_unit, there_text) = &expected[name];
            let close = (value - there).abs() <= 1e-12 * there.abs().max(1e-6);
            let same = close || value == there || (value.is_nan() && there.is_nan());
            assert!(same, "{at} {name}: {value}, expected {there}");
            assert_eq!((unit, text), (there_unit, there_text), "{at} {name}");
        }
    }
}

#[test]
fn every_layout_is_decoded_as_cantools_does() {
    let database = CanDatabase::parse("layouts.dbc", LAYOUTS.as_bytes()).unwrap();
    check(&database, include_str!("fixtures/layouts.csv"));
    assert_eq!(database.message(768, false).unwrap().payload_bytes(), 64);
}

#[test]
fn a_real_database_is_decoded_as_cantools_does() {
    let Some(bytes) = shared("mdf4/canmod-gps.dbc").and_then(|path| std::fs::read(path).ok())
    else {
        return;
    };
    let database = CanDatabase::parse("canmod-gps.dbc", &bytes).unwrap();
    check(&database, include_str!("fixtures/canmod_gps.csv"));
}

#[test]
fn an_identifier_is_known_in_its_own_width_alone() {
    let database = CanDatabase::parse("layouts.dbc", LAYOUTS.as_bytes()).unwrap();
    assert!(database.message(256, false).is_some());
    assert!(database.message(256, true).is_none());
    let long = 0x18fe_f1fe;
    assert!(database.message(long, true).is_some() && database.message(long, false).is_none());
    assert_eq!(database.decode(7, false, &[0; 8]).count(), 0);
    // What tools keep under the message of no message is no frame.
    assert!(database.message(0x4000_0000, true).is_none() && database.message(0, true).is_none());
}

#[test]
fn line_ends_byte_order_marks_and_old_encodings_are_read() {
    let windows = LAYOUTS.replace('\n', "\r\n");
    let mut marked = "\u{feff}".to_owned();
    marked.push_str(&windows);
    let database = CanDatabase::parse("layouts.dbc", marked.as_bytes()).unwrap();
    check(&database, include_str!("fixtures/layouts.csv"));
    let mut old = LAYOUTS.replace("degC", "~C").into_bytes();
    let at = old.iter().position(|byte| *byte == b'~').unwrap();
    old[at] = 0xb0;
    let database = CanDatabase::parse("layouts.dbc", &old).unwrap();
    let units: Vec<_> = database
        .decode(512, false, &[1, 0, 0, 0, 0, 0, 0, 0])
        .filter_map(|value| value.unit)
        .collect();
    assert!(units.contains(&"°C"), "{units:?}");
}

#[test]
fn what_no_frame_can_have_is_refused_by_name() {
    let one = |signal: &str, rest: &str| {
        format!(
            "VERSION \"\"\nNS_ :\nBS_:\nBU_: A\n\nBO_ 1 M: 8 A\n {signal} (1,0) [0|0] \"\" A\n\n{rest}\n"
        )
    };
    for (text, what) in [
        ("a text".to_owned(), "a CAN database (DBC)"),
        (
            one("SG_ S : 0|0@1+", ""),
            "`M.S` in line 7: expected 1 to 64 bits",
        ),
        (
            one("SG_ S : 0|65@1+", ""),
            "`M.S` in line 7: expected 1 to 64 bits",
        ),
        // The longest payload is a message of J1939 in 255 packets.
        (
            one("SG_ S : 14270|11@1+", ""),
            "`M.S` in line 7: expected bits below 14280",
        ),
        (
            one("SG_ S : 14272|2@0+", ""),
            "`M.S` in line 7: expected bits below 14280",
        ),
        (
            one("SG_ S : 18446744073709551615|2@1+", ""),
            "`M.S` in line 7: expected bits below 14280",
        ),
        (
            one("SG_ S : 0|8@1+", "").replace("(1,0)", "(0,0)"),
            "expected a factor, got 0",
        ),
        (
            one("SG_ S : 0|16@1-", "SIG_VALTYPE_ 1 S : 1;"),
            "expected 32 bits of a float",
        ),
        (
            one("SG_ S : 0|32@1-", "SIG_VALTYPE_ 1 S : 2;"),
            "expected 64 bits of a float",
        ),
        (
            one("SG_ S m0 : 0|8@1+", ""),
            "expected one multiplexer in its message, got 0",
        ),
        (
            one("SG_ S m0 : 0|8@1+", "SG_MUL_VAL_ 1 S T 0-0;"),
            "expected the multiplexer `T` in its message",
        ),
        (
            one("SG_ S m0M : 0|8@1+", "SG_MUL_VAL_ 1 S S 0-0;"),
            "multiplexers above one another",
        ),
        (
            one("SG_ S : 0|8@1+", "").replace("BO_ 1 ", "BO_ 3221225473 "),
            "`M` in line 6: expected an identifier of 11 or 29 bits",
        ),
    ] {
        match CanDatabase::parse("x.dbc", text.as_bytes()) {
            Err(Error::Format {
                expected, actual, ..
            }) => {
                let message = format!("expected {expected}, got {actual}");
                assert!(message.contains(what), "{message} for {text}");
            }
            other => panic!("expected an error with `{what}`, got {other:?} for {text}"),
        }
    }
}

#[test]
fn damaged_databases_and_payloads_do_not_stop_the_program() {
    let bytes = LAYOUTS.as_bytes();
    for end in (0..bytes.len()).step_by(37) {
        let _ = CanDatabase::parse("cut.dbc", &bytes[..end]);
        let mut flipped = bytes.to_vec();
        flipped[end] ^= 0x15;
        if let Ok(database) = CanDatabase::parse("flipped.dbc", &flipped) {
            for length in [0, 1, 7, 8, 63, 64, 100] {
                for can_id in [256, 258, 512, 513, 768] {
                    database
                        .decode(can_id, false, &vec![0xa5; length])
                        .for_each(drop);
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_of_a_log_become_rows_and_by_a_database_signals() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.mcap");
    std::fs::write(&file, log(Shape::default())).unwrap();
    let database = "VERSION \"\"\nNS_ :\nBS_:\nBU_: A\n\nBO_ 464 Cabin: 3 A\n\
         \x20SG_ Low : 0|8@1+ (1,-40) [0|0] \"degC\" A\n SG_ High : 15|8@0+ (0.5,0) [0|0] \"\" A\n SG_ Beyond : 16|8@1+ (1,0) [0|0] \"\" A\n\n\
         VAL_ 464 High 1 \"On\" ;\n";
    let test = TestLake::new().await;
    let options = IngestOptions {
        databases: vec![unbound("cabin.dbc", database.as_bytes())],
        ..IngestOptions::new("run-1")
    };
    let source = file.to_str().unwrap();
    ingest(&test.lake, source, &options, &|_| {}).await.unwrap();
    let frames: Vec<BusFrame> = test.rows().await;
    assert_eq!(frames.len(), OBJECTS);
    let frame = &frames[0];
    assert_eq!(
        (frame.bus.as_str(), frame.can_id, frame.data.as_slice()),
        ("/can", 0x1d0, [0, 1].as_slice())
    );
    assert!(!(frame.is_extended || frame.is_remote || frame.is_error));
    let mut signals: Vec<Signal> = test.rows().await;
    signals.retain(|row| row.source == "/can");
    assert_eq!(signals.len(), 2 * OBJECTS);
    let of = |name: &str| {
        let row = signals.iter().find(|row| row.name == name);
        let row = row.unwrap_or_else(|| panic!("no {name} in {signals:#?}"));
        (row.value, row.text.as_deref(), row.unit.as_deref())
    };
    assert_eq!(of("/can.Cabin.Low"), (Some(-40.0), None, Some("degC")));
    assert_eq!(of("/can.Cabin.High"), (Some(0.5), Some("On"), None));
    // Three bytes are described, and the frames have two.
    let short = (
        "can_frame_short".into(),
        "/can 0x1d0".into(),
        OBJECTS as i64,
        0,
    );
    assert!(test.findings().await.contains(&short));
    let wrong = IngestOptions {
        databases: vec![unbound("wrong.dbc", b"no database")],
        ..IngestOptions::new("run-2")
    };
    let error = ingest(&test.lake, source, &wrong, &|_| {})
        .await
        .unwrap_err();
    assert!(error.to_string().contains("wrong.dbc"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_no_database_knows_are_reported() {
    let other = "VERSION \"\"\nNS_ :\nBS_:\nBU_: A\n\nBO_ 465 Other: 2 A\n SG_ Low : 0|8@1+ (1,0) [0|0] \"\" A\n";
    let options = IngestOptions {
        databases: vec![unbound("other.dbc", other.as_bytes())],
        ..IngestOptions::new("run-1")
    };
    let (test, _) = TestLake::of_log(&log(Shape::default()), &options).await;
    let unknown = (
        "unknown_can_id".into(),
        "/can 0x1d0".into(),
        OBJECTS as i64,
        0,
    );
    assert!(test.findings().await.contains(&unknown));
    let (without, _) = TestLake::of_log(&log(Shape::default()), &IngestOptions::new("run-1")).await;
    assert!(
        !without.findings().await.contains(&unknown),
        "none was asked for"
    );
}
