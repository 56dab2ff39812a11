//! The CAN frames of a simulated log, decoded by the database that is written beside it.

use can_dbc::{ByteOrder, Dbc, MessageId, ValueType};
use driveloop_synth::simulate::{SIMULATED_DBC, SimulateOptions};

use crate::decoded::{Can, drives};

/// The raw bits of a signal, by the definition of the DBC format: a bit at a time.
fn raw(data: &[u8], signal: &can_dbc::Signal) -> i64 {
    let bit = |index: u64| u64::from(data[(index / 8) as usize] >> (index % 8) & 1);
    let mut value = 0;
    match signal.byte_order {
        ByteOrder::LittleEndian => {
            for k in 0..signal.size {
                value |= bit(signal.start_bit + k) << k;
            }
        }
        ByteOrder::BigEndian => {
            // From the most significant bit downwards; past bit 0 of a byte comes bit 7 of the next.
            let mut at = signal.start_bit;
            for _ in 0..signal.size {
                value = value << 1 | bit(at);
                at = if at.is_multiple_of(8) {
                    at + 15
                } else {
                    at - 1
                };
            }
        }
    }
    let is_negative = signal.value_type == ValueType::Signed && value >> (signal.size - 1) & 1 == 1;
    value as i64 - if is_negative { 1 << signal.size } else { 0 }
}

fn decode(dbc: &Dbc, frame: &Can, name: &str) -> Option<f64> {
    let id = if frame.is_extended {
        MessageId::Extended(frame.id)
    } else {
        MessageId::Standard(frame.id as u16)
    };
    let signal = dbc.signal_by_name(id, name)?;
    let value = raw(&frame.data, signal) as f64 * signal.factor + signal.offset;
    let (min, max) = (number(&signal.min), number(&signal.max));
    assert!((min..=max).contains(&value), "{name}: {value}");
    Some(value)
}

fn number(value: &can_dbc::NumericValue) -> f64 {
    match value {
        can_dbc::NumericValue::Uint(value) => *value as f64,
        can_dbc::NumericValue::Int(value) => *value as f64,
        can_dbc::NumericValue::Double(value) => *value,
    }
}

#[tokio::test]
async fn the_bus_says_what_the_odometry_says() {
    let options = SimulateOptions {
        drives: 4,
        seconds: 30.0,
        seed: 5,
        ..SimulateOptions::default()
    };
    let drives = drives(&options).await;
    let text = drives.store.get("simulated.dbc").await.unwrap();
    assert_eq!(text, SIMULATED_DBC);
    let dbc = Dbc::try_from(SIMULATED_DBC).unwrap();
    let (mut brakes, mut turns) = (0, 0);
    for index in 0..options.drives {
        let log = drives.log(index).await;
        assert_eq!(log.frames.len(), 3 * 1501 + 301);
        for frame in &log.frames {
            let ego = &log.egos[&frame.stamp_ns];
            let value = |name: &str| decode(&dbc, frame, name);
            if let (Some(left), Some(right)) = (value("RearLeft"), value("RearRight")) {
                assert!(((left + right) / 2.0 / 3.6 - ego.speed_mps).abs() < 0.01);
                // 1.58 m between the wheels.
                assert!(((right - left) / 3.6 - 1.58 * ego.yaw_rate_radps).abs() < 0.01);
            }
            if let Some(angle_deg) = value("Angle") {
                let wheels_rad = (angle_deg / 15.0).to_radians();
                let expected = (2.7 * ego.yaw_rate_radps / ego.speed_mps.max(1.0)).atan();
                assert!((wheels_rad - expected).abs() < 0.001);
            }
            if let Some(pressure_bar) = value("Pressure") {
                assert_eq!(
                    value("PedalPressed"),
                    Some(f64::from(u8::from(pressure_bar > 0.0)))
                );
                brakes += usize::from(pressure_bar > 10.0);
            }
            turns += usize::from(value("TurnIndicator").is_some_and(|turn| turn > 0.0));
        }
    }
    assert!(brakes > 0 && turns > 0, "{brakes} {turns}");
}

#[test]
fn identifiers_and_lengths_are_those_of_the_database() {
    let dbc = Dbc::try_from(SIMULATED_DBC).unwrap();
    let sizes: Vec<_> = dbc
        .messages
        .iter()
        .map(|m| (m.name.as_str(), m.size))
        .collect();
    assert_eq!(
        sizes,
        [
            ("SteeringWheel", 6),
            ("WheelSpeeds", 8),
            ("Brake", 3),
            ("Lights", 2)
        ]
    );
    assert_eq!(dbc.messages[3].id, MessageId::Extended(0x18FF_2101));
}
