//! Columns as rows.

use driveloop_schemas::time::Day;
use driveloop_schemas::{BusFrame, Row, Signal};

use super::*;

fn rows<R: Row>(facts: &dyn Facts, slice: usize) -> Vec<R> {
    let key = DriveKey {
        log_id: "drive",
        day: Day(3),
    };
    let starts = (0..facts.len()).step_by(slice);
    let batches: Vec<_> = starts
        .map(|start| facts.batch(key, start..facts.len().min(start + slice)))
        .collect::<Result<_, _>>()
        .unwrap();
    R::from_batches(&batches).unwrap()
}

#[test]
fn signals_come_by_name_and_stamp_in_any_slices() {
    let mut signals = SignalColumns::default();
    let speed = signals.series("/v.speed", Some("m/s"), "/v");
    let gear = signals.series("/a.gear", None, "/a");
    for stamp in [3, 1, 2, 9] {
        signals.push(speed, stamp, stamp as f64 / 2.0);
        signals.push_text(gear, stamp + 10, Some(stamp as f64), "D");
    }
    signals.push_text(gear, 12, None, "R");
    signals.push(gear, 40, 4.0);
    assert_eq!(signals.series("/v.speed", None, "/w"), speed);
    signals.sort();
    let whole: Vec<Signal> = rows(&signals, 100);
    let seen: Vec<_> = whole
        .iter()
        .map(|row| {
            (
                row.name.as_str(),
                row.stamp_ns,
                row.value,
                row.text.as_deref(),
            )
        })
        .collect();
    let expected = [
        ("/a.gear", 11, Some(1.0), Some("D")),
        ("/a.gear", 12, Some(2.0), Some("D")),
        ("/a.gear", 12, None, Some("R")),
        ("/a.gear", 13, Some(3.0), Some("D")),
        ("/a.gear", 19, Some(9.0), Some("D")),
        ("/a.gear", 40, Some(4.0), None),
        ("/v.speed", 1, Some(0.5), None),
        ("/v.speed", 2, Some(1.0), None),
        ("/v.speed", 3, Some(1.5), None),
        ("/v.speed", 9, Some(4.5), None),
    ];
    assert_eq!(seen, expected);
    assert_eq!(
        (whole[9].unit.as_deref(), whole[9].source.as_str()),
        (Some("m/s"), "/v")
    );
    assert_eq!(signals.span_ns(), Some((1, 40)));
    for slice in 1..11 {
        assert_eq!(rows::<Signal>(&signals, slice), whole, "{slice}");
    }
    // What comes after a spill goes to the same series.
    signals.clear();
    signals.push(speed, 50, 1.0);
    signals.sort();
    assert_eq!(rows::<Signal>(&signals, 9)[0].name, "/v.speed");
}

#[test]
fn a_series_is_forgotten_as_far_as_it_was_not_sent() {
    let mut signals = SignalColumns::default();
    let speed = signals.series("/v.speed", None, "/v");
    let gear = signals.series("/a.gear", None, "/a");
    signals.push(speed, 1, 2.0);
    signals.push_text(gear, 2, None, "D");
    assert_eq!(signals.forget(gear), Forgotten::All);
    assert_eq!((signals.len(), signals.bytes()), (1, 16));
    signals.sort();
    let whole: Vec<Signal> = rows(&signals, 100);
    assert_eq!(whole[0].name, "/v.speed");
    signals.clear();
    signals.push(speed, 3, 2.0);
    signals.push(gear, 3, 2.0);
    assert_eq!(signals.forget(gear), Forgotten::All);
    assert_eq!(signals.forget(speed), Forgotten::NotAll);
    assert_eq!(signals.len(), 0);
    assert_eq!(
        signals.series_within("/v.speed", None, "/v", 0),
        Some(speed)
    );
    assert_eq!(signals.series_within("/v.new", None, "/v", 2), None);
}

#[test]
fn frames_come_by_bus_identifier_and_stamp_in_any_slices() {
    let mut frames = BusColumns::default();
    let (b, a) = (frames.bus("/b"), frames.bus("/a"));
    let long: Vec<u8> = (0..64).collect();
    let data: [&[u8]; 4] = [&[], &[7; 8], &long, &long[..9]];
    for (at, data) in data.into_iter().enumerate() {
        for bus in [a, b] {
            frames.push(
                bus,
                &BusRecord {
                    stamp_ns: 10 - at as i64 / 2,
                    can_id: 0x700 + at as u32 % 2,
                    is_extended: at == 1,
                    is_remote: at == 0,
                    is_error: at == 3,
                    data,
                },
            );
        }
    }
    frames.sort();
    let whole: Vec<BusFrame> = rows(&frames, 100);
    let of_a: Vec<_> = whole[..4]
        .iter()
        .map(|row| {
            (
                row.bus.as_str(),
                row.can_id,
                row.stamp_ns,
                row.data.as_slice(),
            )
        })
        .collect();
    let expected = [
        ("/a", 0x700, 9, data[2]),
        ("/a", 0x700, 10, data[0]),
        ("/a", 0x701, 9, data[3]),
        ("/a", 0x701, 10, data[1]),
    ];
    assert_eq!(of_a, expected);
    let flags: Vec<_> = whole[4..]
        .iter()
        .map(|row| (row.is_extended, row.is_remote, row.is_error))
        .collect();
    let none = (false, false, false);
    assert_eq!(
        flags,
        [
            none,
            (false, true, false),
            (false, false, true),
            (true, false, false)
        ]
    );
    for slice in 1..8 {
        assert_eq!(rows::<BusFrame>(&frames, slice), whole, "{slice}");
    }
}

/// What is ingested of a drive is what is hidden until the drive is there.
#[test]
fn every_table_of_a_drive_is_there() {
    let facts = super::DriveFacts::default();
    let names = facts.tables().map(|facts| facts.spec().name);
    let expected: Vec<_> = driveloop_schemas::DRIVE_TABLES
        .iter()
        .map(|table| table.name)
        .collect();
    assert_eq!(names.to_vec(), expected);
}
