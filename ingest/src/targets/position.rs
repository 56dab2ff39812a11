//! Positions on the globe.

use super::target::{Message, Taken, Target};
use crate::assembly::{Assembly, Fix};
use crate::encoding::wants::{Integer, MESSAGE, Number, Wants};
use crate::error::Result;
use crate::refused::Refused;

/// `sensor_msgs/msg/NavSatFix`: degrees (WGS 84), metres above the ellipsoid.
pub(super) struct Positions {
    latitude_deg: Number,
    longitude_deg: Number,
    altitude_m: Option<Number>,
    status: Option<Integer>,
}

impl Positions {
    pub(super) fn of(wants: &mut Wants<'_>) -> Result<Self, String> {
        Ok(Self {
            latitude_deg: wants.number(MESSAGE, "latitude")?,
            longitude_deg: wants.number(MESSAGE, "longitude")?,
            altitude_m: wants.number(MESSAGE, "altitude").ok(),
            status: wants.integer(MESSAGE, "status.status").ok(),
        })
    }
}

impl Target for Positions {
    fn take(&mut self, message: &Message<'_>, drive: &mut Assembly<'_>) -> Result<Taken> {
        let row = &message.row;
        let (latitude_deg, longitude_deg) = (
            row.number(self.latitude_deg),
            row.number(self.longitude_deg),
        );
        let has_fix = self.status.is_none_or(|slot| row.integer(slot) >= 0);
        let is_position = latitude_deg.abs() <= 90.0 && longitude_deg.abs() <= 180.0;
        if !(has_fix && is_position) {
            let reason = "expected a position, got a message without a fix".to_owned();
            return Ok(Err(Refused::info("no_fix", reason)));
        }
        let altitude_m = self.altitude_m.map(|slot| row.number(slot));
        let altitude_m = altitude_m.filter(|altitude| altitude.is_finite());
        let fix = Fix::new([latitude_deg, longitude_deg], altitude_m);
        drive.fixes.push(message.topic, message.stamp_ns, fix);
        Ok(Ok(()))
    }
}
