//! The series of a segment, and messages in the making.

/// An extended identifier: more than the eleven bits of a standard one.
const STANDARD_MAX: u32 = 0x7ff;

/// Rows of numbers over time.
pub(super) struct Series {
    /// Below `processed_log`.
    pub(super) folder: &'static str,
    pub(super) topic: &'static str,
    pub(super) schema: &'static str,
    /// The columns, in order.
    pub(super) fields: &'static [&'static str],
}

const AXES: &[&str] = &["forward", "right", "down"];

/// All series. Those whose types no rule of the mapping names are counted.
pub(super) const SERIES: &[Series] = &[
    Series {
        folder: "CAN/speed",
        topic: "/car/speed",
        schema: "comma2k19/msg/Speed",
        fields: &["speed"],
    },
    Series {
        folder: "CAN/steering_angle",
        topic: "/car/steering",
        schema: "comma2k19/msg/SteeringAngle",
        fields: &["angle"],
    },
    Series {
        folder: "CAN/wheel_speed",
        topic: "/car/wheels",
        schema: "comma2k19/msg/WheelSpeeds",
        fields: &["front_left", "front_right", "rear_left", "rear_right"],
    },
    Series {
        folder: "IMU/accelerometer",
        topic: "/device/accelerometer",
        schema: "comma2k19/msg/Acceleration",
        fields: AXES,
    },
    Series {
        folder: "IMU/gyro",
        topic: "/device/gyro",
        schema: "comma2k19/msg/AngularVelocity",
        fields: AXES,
    },
    Series {
        folder: "IMU/gyro_uncalibrated",
        topic: "/device/gyro_uncalibrated",
        schema: "comma2k19/msg/AngularVelocity",
        fields: AXES,
    },
    Series {
        folder: "IMU/gyro_bias",
        topic: "/device/gyro_bias",
        schema: "comma2k19/msg/AngularVelocity",
        fields: AXES,
    },
    Series {
        folder: "IMU/magnetometer",
        topic: "/device/magnetometer",
        schema: "comma2k19/msg/MagneticField",
        fields: AXES,
    },
    Series {
        folder: "IMU/magnetometer_uncalibrated",
        topic: "/device/magnetometer_uncalibrated",
        schema: "comma2k19/msg/MagneticField",
        fields: AXES,
    },
    Series {
        folder: "CAN/radar",
        topic: "/car/radar",
        schema: "comma2k19/msg/RadarReturn",
        fields: &[
            "forward",
            "left",
            "speed",
            "reserved_0",
            "reserved_1",
            "address",
            "is_new",
        ],
    },
    Series {
        folder: "GNSS/live_gnss_qcom",
        topic: "/device/gnss_qcom",
        schema: "comma2k19/msg/Position",
        fields: &[
            "latitude",
            "longitude",
            "speed",
            "time",
            "altitude",
            "bearing",
        ],
    },
    Series {
        folder: "GNSS/raw_gnss_ublox",
        topic: "/device/raw_gnss_ublox",
        schema: "comma2k19/msg/RawGnss",
        fields: RAW_GNSS,
    },
    Series {
        folder: "GNSS/raw_gnss_qcom",
        topic: "/device/raw_gnss_qcom",
        schema: "comma2k19/msg/RawGnss",
        fields: RAW_GNSS,
    },
];

const RAW_GNSS: &[&str] = &[
    "satellite",
    "week",
    "second",
    "constellation",
    "pseudorange",
    "pseudorange_sigma",
    "pseudorange_rate",
    "pseudorange_rate_sigma",
    "carrier_phase",
    "carrier_phase_sigma",
];

impl Series {
    /// The definition of its messages.
    pub(super) fn definition(&self) -> String {
        let field = |name: &&str| format!("float64 {name}\n");
        self.fields.iter().map(field).collect()
    }
}

/// A message in the making, in the Common Data Representation of DDS (little endian).
#[derive(Debug, Default)]
pub(super) struct Cdr(Vec<u8>);

/// What every message begins with; alignment counts from behind it.
const ENCAPSULATION: [u8; 4] = [0, 1, 0, 0];

impl Cdr {
    pub(super) fn begin(&mut self) {
        self.0.clear();
        self.0.extend_from_slice(&ENCAPSULATION);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn align(&mut self, to: usize) {
        let body = self.0.len() - ENCAPSULATION.len();
        let padding = body.next_multiple_of(to) - body;
        self.0.resize(self.0.len() + padding, 0);
    }

    pub(super) fn doubles(&mut self, values: &[f64]) {
        self.align(size_of::<f64>());
        for value in values {
            self.0.extend_from_slice(&value.to_le_bytes());
        }
    }

    pub(super) fn text(&mut self, text: &str) {
        self.align(size_of::<u32>());
        let length = text.len() as u32 + 1;
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
    }

    /// Identifier, whether it is an extended one, length and payload of a bus frame.
    pub(super) fn frame(&mut self, identifier: u32, payload: [u8; 8]) {
        self.0.extend_from_slice(&identifier.to_le_bytes());
        self.0.push(u8::from(identifier > STANDARD_MAX));
        self.0.push(payload.len() as u8);
        self.0.extend_from_slice(&payload);
    }
}
