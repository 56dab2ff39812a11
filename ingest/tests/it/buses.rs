//! Frames of several buses, and which database decodes them. Values in `wide.csv` are raw values of cantools, scaled by Python's
//! `decimal`.

use driveloop_ingest::{CanDatabase, IngestOptions, Precision};
use driveloop_schemas::Signal;

use crate::bus_log::{Frame, bus_log, database, decode, found, lake, names, one};
use crate::{TestLake, shared};

const WIDE: &[u8] = include_bytes!("fixtures/wide.dbc");

/// Two buses on which one identifier means two things.
fn two_buses() -> Vec<u8> {
    bus_log(&[
        ("/can0", 0, 256, &[0x40, 0x1f, 0, 0, 0, 0, 0, 0]),
        ("/can1", 1, 256, &[0xdc, 0x05, 0, 0, 0, 0, 0, 0]),
        ("/can0", 20, 256, &[0x41, 0x1f, 0, 0, 0, 0, 0, 0]),
        ("/can1", 21, 256, &[0xdc, 0x05, 0, 0, 0, 0, 0, 0]),
        ("/can1", 30, 257, &[4, 0, 0, 0, 0, 0, 0, 0]),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_decodes_the_bus_that_it_is_bound_to() {
    let engine = one("Engine", 256, "Rpm");
    let wheel = one("Wheel", 256, "Speed");
    let bound = |engine_topic, wheel_topic| {
        vec![
            database(engine_topic, "engine.dbc", &engine),
            database(wheel_topic, "wheel.dbc", &wheel),
        ]
    };
    let log = two_buses();
    // A pattern, and a database for what no other is for: the topic's own name goes before both.
    for databases in [
        bound(Some("/can0"), Some("/can1")),
        bound(Some("*0"), Some("/c*1")),
        bound(Some("/can0"), Some("*")),
        bound(Some("/can0"), None),
    ] {
        let (values, findings) = decode(&log, databases.clone()).await;
        assert_eq!(
            values["/can0.Engine.Rpm"],
            [2000.0, 2000.25],
            "{databases:?}"
        );
        assert_eq!(values["/can1.Wheel.Speed"], [375.0, 375.0]);
        assert_eq!(values.len(), 2);
        assert_eq!(findings, [found("unknown_can_id", "/can1 0x101", 1)].into());
    }
    let (values, findings) = decode(&log, bound(Some("/can9"), Some("/can1"))).await;
    assert_eq!(names(&values), ["/can1.Wheel.Speed"]);
    let expected = [
        found("dbc_unused", "engine.dbc", 1),
        found("no_can_database", "/can0", 2),
        found("unknown_can_id", "/can1 0x101", 1),
    ];
    assert_eq!(findings, expected.into());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_several_databases_or_buses_have_is_not_guessed() {
    let engine = one("Engine", 256, "Rpm");
    let wheel = [one("Wheel", 256, "Speed"), one("Door", 257, "Open")].concat();
    let log = two_buses();
    let ambiguous = |count| {
        ["/can0 0x100", "/can1 0x100"].map(|subject| found("dbc_ambiguous", subject, count))
    };
    let both = vec![
        database(None, "engine.dbc", &engine),
        database(None, "wheel.dbc", &wheel),
    ];
    let (values, findings) = decode(&log, both).await;
    assert_eq!(
        values["/can1.Door.Open"],
        [1.0],
        "no other has its identifier"
    );
    assert_eq!(values.len(), 1, "{values:?}");
    assert_eq!(findings, ambiguous(2).into());
    // One database without a topic, and its identifier on two buses: what the first bus gave is taken back.
    let alone = vec![database(None, "wheel.dbc", &wheel)];
    let (values, findings) = decode(&log, alone).await;
    assert_eq!(names(&values), ["/can1.Door.Open"]);
    assert_eq!(findings, ambiguous(2).into());
    // Two that are bound to one bus.
    let bound = vec![
        database(Some("/can1"), "engine.dbc", &engine),
        database(Some("/can1"), "wheel.dbc", &wheel),
    ];
    let (values, findings) = decode(&log, bound).await;
    assert_eq!(names(&values), ["/can1.Door.Open"]);
    assert!(findings.contains(&found("dbc_ambiguous", "/can1 0x100", 2)));
    // Databases that say the same do not contradict each other.
    let copies = vec![
        database(Some("/can0"), "a.dbc", &engine),
        database(Some("/can0"), "b.dbc", &engine),
    ];
    let (values, _) = decode(&log, copies).await;
    assert_eq!(values["/can0.Engine.Rpm"], [2000.0, 2000.25]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_before_a_second_bus_came_is_an_error() {
    let payload = [0x40, 0x1f];
    let mut frames: Vec<Frame<'_>> = (0..200)
        .map(|ms| ("/can0", ms, 256, &payload[..]))
        .collect();
    frames.push(("/can1", 300, 256, &payload));
    let mut options = IngestOptions {
        databases: vec![database(None, "engine.dbc", &one("Engine", 256, "Rpm"))],
        ..IngestOptions::new("run-1")
    };
    options.limits.spill_bytes_max = 1;
    let (lake, _) = TestLake::of_log(&bus_log(&frames), &options).await;
    let findings = lake.findings().await;
    for (check, subject, count) in [
        ("dbc_ambiguous", "/can0 0x100", 200),
        ("dbc_ambiguous", "/can1 0x100", 1),
        ("dbc_ambiguous_late", "/can0 0x100", 200),
    ] {
        let finding = (check.to_owned(), subject.to_owned(), count, 0);
        assert!(findings.contains(&finding), "{check} in {findings:?}");
    }
    let rows: Vec<Signal> = lake.rows().await;
    assert!(!rows.is_empty() && rows.len() < 200, "{}", rows.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_beyond_the_limit_are_left_out_with_a_finding() {
    let text = [one("A", 256, "X"), one("B", 257, "X")].concat();
    let mut options = IngestOptions {
        databases: vec![database(Some("/can1"), "two.dbc", &text)],
        ..IngestOptions::new("run-1")
    };
    options.limits.signals_max = 1;
    let (lake, _) = TestLake::of_log(&two_buses(), &options).await;
    let rows: Vec<Signal> = lake.rows().await;
    assert!(rows.iter().all(|row| row.name == "/can1.A.X") && rows.len() == 2);
    let finding = ("signals_left_out".into(), "/can1 0x101".into(), 1, 0);
    assert!(lake.findings().await.contains(&finding));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_one_name_are_told_apart() {
    let twice = [one("Status", 256, "X"), one("Status", 257, "X")].concat();
    let databases = vec![database(Some("/can1"), "twice.dbc", &twice)];
    let (values, findings) = decode(&two_buses(), databases).await;
    assert_eq!(values["/can1.Status.X"], [375.0, 375.0]);
    assert_eq!(values["/can1.Status@0x101.X"], [1.0]);
    assert!(findings.contains(&found("can_name_shared", "/can1 0x101", 1)));
}

#[test]
fn whole_numbers_keep_their_digits() {
    let database = CanDatabase::parse("wide.dbc", WIDE).unwrap();
    let mut beyond = 0;
    for line in include_str!("fixtures/wide.csv").lines().skip(1) {
        let cells: Vec<_> = line.split(',').collect();
        let data = hex::decode(cells[2]).unwrap();
        let mut values = database.decode(cells[0].parse().unwrap(), false, &data);
        let value = values.find(|value| value.name == cells[3]).unwrap();
        let nearest: f64 = cells[4].parse().unwrap();
        let error = (value.value - nearest).abs();
        assert!(error <= nearest.abs() * 2.5e-16, "{line}: {}", value.value);
        match value.precision {
            Precision::Full => assert!(nearest.abs() < 1e17, "{line}"),
            Precision::Rounded(exact) => {
                assert_eq!(exact.to_string(), cells[4]);
                beyond += 1;
            }
            Precision::Lost => panic!("{line}"),
        }
    }
    assert_eq!(beyond, 24, "raw values beyond 2^53, counted in Python");
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_of_64_bits_become_texts_with_a_finding() {
    let stamps = [1_750_000_000_000_001_234_u64, 1_750_000_000_000_001_235, 7];
    let payloads = stamps.map(u64::to_le_bytes);
    let frames = payloads
        .iter()
        .zip(0..)
        .map(|(data, ms)| ("/can", ms, 256, data.as_slice()));
    let log = bus_log(&frames.collect::<Vec<_>>());
    let (lake, mut rows) = lake(&log, vec![database(None, "wide.dbc", WIDE)]).await;
    rows.sort_by_key(|row| row.stamp_ns);
    let name = "/can.Clock_of_the_central_time_server_of_the_vehicle.Nanoseconds_since_the_start_of_the_year_1970";
    assert!(rows.iter().all(|row| row.name == name));
    let values: Vec<_> = rows
        .iter()
        .map(|row| (row.value, row.text.as_deref()))
        .collect();
    let nearest = Some(1.750_000_000_000_001_3e18);
    assert_eq!(
        values,
        [
            (nearest, Some("1750000000000001234")),
            (nearest, Some("1750000000000001235")),
            (Some(7.0), None),
        ]
    );
    let finding = ("integer_beyond_double".into(), name.into(), 2, 0);
    assert!(lake.findings().await.contains(&finding));
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_of_can_fd_are_read_by_the_default_mapping() {
    // cantools: Range 50.0, Doppler -12.34.
    let text = "BO_ 291 Radar: 64 ECU\n SG_ Range : 256|16@1+ (0.01,0) [0|655] \"m\" ECU\n SG_ Doppler : 479|16@0- (0.01,0) [-300|300] \"m/s\" ECU\n";
    let mut data = [0; 64];
    data[32..34].copy_from_slice(&[0x88, 0x13]);
    data[59..61].copy_from_slice(&[0xfb, 0x2e]);
    let log = bus_log(&[("/fd", 0, 291, &data), ("/fd", 1, 291, &data[..34])]);
    let (values, findings) = decode(&log, vec![database(None, "fd.dbc", text.as_bytes())]).await;
    assert_eq!(values["/fd.Radar.Range"], [50.0, 50.0]);
    assert_eq!(values["/fd.Radar.Doppler"], [-12.34]);
    assert_eq!(findings, [found("can_frame_short", "/fd 0x123", 1)].into());
}

/// The logs and databases of users, with the right answers that come with them.
#[tokio::test(flavor = "multi_thread")]
async fn users_buses_give_their_right_answers() {
    let cases: [(&str, &str, &[(Option<&str>, &str)]); 5] = [
        (
            "10-two-buses",
            "buses",
            &[(Some("/can0"), "powertrain"), (Some("/can1"), "chassis")],
        ),
        ("12-j1939", "truck", &[(None, "j1939")]),
        ("13-can-fd", "fd", &[(None, "fd")]),
        ("14-dbc-long-names", "long", &[(None, "long")]),
        ("36-dbc-quirks", "frame", &[(None, "i_two_of_one_id")]),
    ];
    for (case, log, files) in cases {
        let Some(folder) = shared(&format!("cases/ingest/{case}")) else {
            continue;
        };
        let log = std::fs::read(folder.join(format!("data/{log}.mcap"))).unwrap();
        let files = files.iter().map(|(topic, name)| {
            let name = format!("{name}.dbc");
            database(*topic, &name, &std::fs::read(folder.join(&name)).unwrap())
        });
        let (values, findings) = decode(&log, files.collect()).await;
        let span = |name: &str| {
            let values = &values[name];
            let first = values.first().copied().unwrap();
            values.iter().fold((first, first), |(min, max), value| {
                (f64::min(min, *value), f64::max(max, *value))
            })
        };
        match case {
            "10-two-buses" => {
                assert_eq!(span("/can0.EngineData.RPM"), (2000.0, 2012.25));
                assert_eq!(span("/can1.WheelData.WheelFL"), (15.0, 15.0));
                assert_eq!(values.len(), 2);
            }
            "12-j1939" => {
                assert_eq!(span("/can0.EEC1.EngSpeed"), (500.0, 506.125));
                assert_eq!(values["/can0.EEC1.EngSpeed"].len(), 50);
            }
            "13-can-fd" => {
                assert_eq!(span("/from_can_fd.Radar.Doppler"), (-12.34, -12.34));
                assert_eq!(span("/from_can_fd.Radar.Range"), (50.0, 50.49));
                assert_eq!(values["/from_can_fd.Radar.Range"].len(), 50);
            }
            "14-dbc-long-names" => {
                let signal = "/can0.Battery_Management_System_Warnings_Front.CELL_OVERVOLTAGE_WARNING_IDX_MODULE_0";
                assert_eq!(names(&values), [format!("{signal}1"), format!("{signal}2")]);
            }
            _ => {
                assert_eq!(
                    span("/can.BMS.Volt"),
                    (820.800_000_000_000_1, 820.800_000_000_000_1)
                );
                assert_eq!(span("/can.BMS.Curr"), (6166.0, 6166.0));
                let lost = ["Second", "Third"].map(|message| {
                    found(
                        "dbc_message_lost",
                        &format!("i_two_of_one_id.dbc {message}"),
                        1,
                    )
                });
                assert_eq!(findings, lost.into());
            }
        }
    }
}
