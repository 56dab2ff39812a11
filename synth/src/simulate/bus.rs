//! The simulated vehicle's CAN bus: `simulated.dbc` says what is in its frames, this file fills them.

use super::ego::EgoReading;
use driveloop_schemas::maths::hypot;

/// The CAN database of the simulated vehicle. It is written beside the logs.
pub const SIMULATED_DBC: &str = include_str!("simulated.dbc");

const STEERING_ID: u32 = 0xC6;
const WHEELS_ID: u32 = 0x1A0;
const BRAKE_ID: u32 = 0x1B0;
const LIGHTS_ID: u32 = 0x18FF_2101;
/// Steps between two frames of the lights: 10 Hz.
const LIGHTS_STEPS: u64 = 5;
/// Angle of the steering wheel over that of the wheels.
const STEERING_RATIO: f64 = 15.0;
const TRACK_WIDTH_M: f64 = 1.58;
/// Pressure in the brakes for a deceleration of 1 m/s²: about 100 bar stop a passenger car with 1 g.
const BAR_PER_MPS2: f64 = 10.0;
/// Deceleration that drag and the engine give without brakes.
const COASTING_MPS2: f64 = 0.3;

/// A frame as `can_msgs/msg/Frame` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CanFrame {
    pub(crate) id: u32,
    pub(crate) is_extended: bool,
    pub(crate) dlc: u8,
    pub(crate) data: [u8; 8],
}

/// What the bus remembers from one step to the next.
#[derive(Debug, Default)]
pub(crate) struct Bus {
    last_angle_deg: Option<f64>,
}

impl Bus {
    /// The frames of a step, in the order of their identifiers.
    pub(crate) fn frames(&mut self, ego: &EgoReading, step: u64, rate_hz: f64) -> Vec<CanFrame> {
        let mut frames = vec![
            self.steering(ego, step, rate_hz),
            wheels(ego),
            brake(ego, step),
        ];
        if step.is_multiple_of(LIGHTS_STEPS) {
            frames.push(lights(ego, step / LIGHTS_STEPS));
        }
        frames
    }

    fn steering(&mut self, ego: &EgoReading, step: u64, rate_hz: f64) -> CanFrame {
        let angle_deg = (ego.steering_rad * STEERING_RATIO).to_degrees();
        let before_deg = self.last_angle_deg.replace(angle_deg).unwrap_or(angle_deg);
        let angle = signed(angle_deg, 0.1);
        let rate = signed((angle_deg - before_deg) * rate_hz, 1.0);
        let counter = (step % 16) as u8;
        let mut data = [angle[0], angle[1], rate[0], rate[1], counter, 0, 0, 0];
        data[5] = data[..5].iter().fold(0, |sum, byte| sum ^ byte);
        standard(STEERING_ID, 6, data)
    }
}

/// Each wheel by the motion of its place on the rigid body; a wheel's rim does not care which way it points.
fn wheels(ego: &EgoReading) -> CanFrame {
    let mut data = [0; 8];
    let half = TRACK_WIDTH_M / 2.0;
    let places = [
        (ego.wheelbase_m, half),
        (ego.wheelbase_m, -half),
        (0.0, half),
        (0.0, -half),
    ];
    for (slot, (ahead_m, left_m)) in data.chunks_exact_mut(2).zip(places) {
        let along = ego.velocity_mps[0] - ego.yaw_rate_radps * left_m;
        let across = ego.velocity_mps[1] + ego.yaw_rate_radps * ahead_m;
        // The rear wheels roll straight on; the front ones roll where they are steered.
        let speed_mps = if ahead_m > 0.0 {
            hypot(along, across)
        } else {
            along.abs()
        };
        slot.copy_from_slice(&unsigned(speed_mps * 3.6, 0.01));
    }
    standard(WHEELS_ID, 8, data)
}

fn brake(ego: &EgoReading, step: u64) -> CanFrame {
    let pressure_bar = brake_pressure_bar(ego);
    let raw = (pressure_bar * 10.0).round().min(4095.0) as u16;
    let pedal = u8::from(raw > 0) << 3;
    let data = [
        (raw >> 4) as u8,
        ((raw & 0xF) as u8) << 4 | pedal,
        step as u8,
    ];
    let mut padded = [0; 8];
    padded[..3].copy_from_slice(&data);
    standard(BRAKE_ID, 3, padded)
}

fn lights(ego: &EgoReading, counter: u64) -> CanFrame {
    let turn = match ego.turn {
        turn if turn > 0.0 => 1,
        turn if turn < 0.0 => 2,
        _ => 0,
    };
    let brake_light = u8::from(brake_pressure_bar(ego) > 0.0) << 2;
    CanFrame {
        id: LIGHTS_ID,
        is_extended: true,
        dlc: 2,
        data: [turn | brake_light, counter as u8, 0, 0, 0, 0, 0, 0],
    }
}

fn brake_pressure_bar(ego: &EgoReading) -> f64 {
    (-ego.accel_mps2 - COASTING_MPS2).max(0.0) * BAR_PER_MPS2
}

fn standard(id: u32, dlc: u8, data: [u8; 8]) -> CanFrame {
    CanFrame {
        id,
        is_extended: false,
        dlc,
        data,
    }
}

fn signed(value: f64, factor: f64) -> [u8; 2] {
    ((value / factor).round() as i16).to_le_bytes()
}

fn unsigned(value: f64, factor: f64) -> [u8; 2] {
    ((value / factor).round() as u16).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE_HZ: f64 = 50.0;

    fn reading() -> EgoReading {
        EgoReading {
            stamp_ns: 0,
            x_m: 0.0,
            y_m: 0.0,
            yaw_rad: 0.0,
            velocity_mps: [10.0, 0.0],
            accel_mps2: -4.3,
            yaw_rate_radps: 0.2,
            steering_rad: 0.054,
            wheelbase_m: 2.7,
            turn: -1.0,
        }
    }

    #[test]
    fn frames_worked_out_by_hand() {
        let frames = Bus::default().frames(&reading(), 5, RATE_HZ);
        let [steering, wheels, brake, lights] = frames[..] else {
            unreachable!("every fifth step has four frames")
        };
        // 0.054 rad · 15 = 46.4 degrees: 464 = 0x01D0.
        assert_eq!(steering.data[..6], [0xD0, 0x01, 0, 0, 5, 0xD0 ^ 0x01 ^ 5]);
        // Rear left: 10 − 0.2 · 0.79 = 9.842 m/s = 35.43 km/h: 3543.
        assert_eq!(u16::from_le_bytes([wheels.data[4], wheels.data[5]]), 3543);
        // 4.0 m/s² · 10 bar = 40 bar: 400 = 0x190, the pedal is down.
        assert_eq!(brake.data[..3], [0x19, 0x08, 5]);
        assert_eq!((lights.id, lights.data[0]), (LIGHTS_ID, 2 | 4));
    }

    #[test]
    fn lights_come_at_a_fifth_of_the_rate() {
        let mut bus = Bus::default();
        let count = |frames: Vec<CanFrame>| frames.iter().filter(|f| f.is_extended).count();
        let lights: usize = (0..50)
            .map(|s| count(bus.frames(&reading(), s, RATE_HZ)))
            .sum();
        assert_eq!(lights, 10);
    }
}
