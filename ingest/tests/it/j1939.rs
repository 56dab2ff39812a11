//! Parameter groups of J1939. Values in `j1939.csv` are those of cantools.

use std::collections::BTreeMap;

use driveloop_ingest::CanDatabase;

use crate::bus_log::{Frame, bus_log, database, decode, found};

const J1939: &[u8] = include_bytes!("fixtures/j1939.dbc");

#[test]
fn parameter_groups_are_decoded_as_cantools_does() {
    let database = CanDatabase::parse("j1939.dbc", J1939).unwrap();
    let mut expected: BTreeMap<(u32, &str), BTreeMap<&str, (f64, &str)>> = BTreeMap::new();
    for line in include_str!("fixtures/j1939.csv").lines().skip(1) {
        let cells: Vec<_> = line.split(',').collect();
        let values = expected
            .entry((cells[0].parse().unwrap(), cells[2]))
            .or_default();
        if !cells[3].is_empty() {
            values.insert(cells[3], (cells[4].parse().unwrap(), cells[6]));
        }
    }
    assert_eq!(expected.len(), 60);
    for ((can_id, data), expected) in expected {
        let data = hex::decode(data).unwrap();
        let found = database.decode(can_id, true, &data);
        let found: BTreeMap<_, _> = found
            .map(|value| (value.name, (value.value, value.text.unwrap_or_default())))
            .collect();
        assert_eq!(found, expected, "{can_id:#x}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parameter_groups_come_from_any_sender_and_in_packets() {
    let payload: Vec<u8> = (0..39).collect();
    let packets: Vec<Vec<u8>> = (1..)
        .zip(payload.chunks(7))
        .map(|(number, part)| {
            let packet = std::iter::once(number).chain(part.iter().copied());
            packet.chain(std::iter::repeat(0xff)).take(8).collect()
        })
        .collect();
    let engine = [0, 0, 0, 0xa0, 0x0f, 0, 0, 0];
    let mut frames: Vec<Frame<'_>> = vec![
        ("/can0", 0, 0x0cf0_0400, &engine),
        ("/can0", 10, 0x18f0_0400, &engine),
        ("/can0", 11, 0x0cf0_0401, &engine),
        (
            "/can0",
            12,
            0x1cec_ff00,
            &[32, 39, 0, 6, 255, 0xca, 0xfe, 0],
        ),
    ];
    frames.extend(
        (13..)
            .zip(&packets)
            .map(|(ms, data)| ("/can0", ms, 0x1ceb_ff00, data.as_slice())),
    );
    // Another one loses its last packet.
    frames.push((
        "/can0",
        100,
        0x1cec_ff00,
        &[32, 39, 0, 6, 255, 0xca, 0xfe, 0],
    ));
    frames.extend(
        (101..)
            .zip(&packets[..5])
            .map(|(ms, data)| ("/can0", ms, 0x1ceb_ff00, data.as_slice())),
    );
    let (values, findings) =
        decode(&bus_log(&frames), vec![database(None, "j1939.dbc", J1939)]).await;
    assert_eq!(values["/can0.EEC1.EngSpeed"], [500.0, 500.0]);
    assert_eq!(values["/can0.EEC1@0x01.EngSpeed"], [500.0]);
    // cantools decodes the 39 bytes to FirstCode 262914 (0x40302), AmberLamp 0 and LastByte 9.0.
    assert_eq!(values["/can0.DM1.FirstCode"], [262_914.0]);
    assert_eq!(values["/can0.DM1.AmberLamp"], [0.0]);
    assert_eq!(values["/can0.DM1.LastByte"], [9.0]);
    let expected = [
        found("j1939_senders", "/can0 0x0cf00401", 1),
        found("j1939_incomplete", "/can0 0x1cecff00", 1),
    ];
    assert_eq!(findings, expected.into());
}

#[test]
fn a_database_that_does_not_say_j1939_has_whole_identifiers() {
    let text = String::from_utf8(J1939.to_vec()).unwrap();
    let without: Vec<_> = text
        .lines()
        .filter(|line| !line.starts_with("BA_"))
        .collect();
    let plain = CanDatabase::parse("plain.dbc", without.join("\n").as_bytes()).unwrap();
    assert!(plain.message(0x0cf0_04fe, true).is_some());
    assert!(plain.message(0x0cf0_0400, true).is_none());
    let protocol = [
        without.join("\n").as_str(),
        "BA_ \"ProtocolType\" \"J1939\";",
    ]
    .join("\n");
    let groups = CanDatabase::parse("groups.dbc", protocol.as_bytes()).unwrap();
    assert!(groups.message(0x0cf0_0400, true).is_some());
}
