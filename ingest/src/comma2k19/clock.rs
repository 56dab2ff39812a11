//! The clock of a segment: seconds since the device was started, which GPS ties to the time of day.

use super::SegmentError;
use super::arrays::table;
use crate::format::Log;

/// 1980-01-06, the epoch of GPS, in seconds since 1970.
const GPS_EPOCH_S: f64 = 315_964_800.0;
const WEEK_S: f64 = 604_800.0;
/// GPS time runs ahead of UTC by the leap seconds since its epoch: 18 from 2017 (IERS Bulletin C 52), the 1,930th week of GPS.
const LEAP_S: f64 = 18.0;
const LEAP_SINCE_WEEK: f64 = 1_930.0;
/// Differences between frames beyond this are two clocks, not the noise of one.
const SPREAD_MAX_S: f64 = 0.1;

/// From the time of the device to nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Clock {
    /// None where nothing says what time of day it was.
    boot_s: Option<f64>,
}

impl Clock {
    /// The clock that the times of the frames tell: in seconds of the device, and in weeks and seconds of GPS.
    pub(super) fn of(log: &Log<'_>, folder: &str) -> Result<Self, SegmentError> {
        let device = table::<f64>(log, &format!("{folder}global_pose/frame_times"), 1)?;
        let gps = table::<f64>(log, &format!("{folder}global_pose/frame_gps_times"), 2)?;
        let Some((device, gps)) = device.zip(gps) else {
            return Ok(Self { boot_s: None });
        };
        let pairs = device.rows().flatten().copied().zip(gps.rows());
        let pairs = pairs.map(|(device_s, gps)| (device_s, [gps[0], gps[1]]));
        Ok(Self {
            boot_s: boot_s(pairs),
        })
    }

    pub(super) fn knows_the_day(self) -> bool {
        self.boot_s.is_some()
    }

    /// None for a time that is no number, or lies before 1970 or after 2262.
    pub(super) fn stamp_ns(self, device_s: f64) -> Option<u64> {
        // The parts are rounded by themselves: their sum has more digits than a double.
        let nanoseconds = |seconds: f64| {
            let nanoseconds = seconds * 1e9;
            (nanoseconds.abs() < 9e18).then(|| nanoseconds.round() as i64)
        };
        let boot_ns = nanoseconds(self.boot_s.unwrap_or(0.0))?;
        let stamp_ns = boot_ns.checked_add(nanoseconds(device_s)?)?;
        u64::try_from(stamp_ns).ok()
    }
}

/// When the device was started, in seconds since 1970: the middle of what the frames say, where they agree.
fn boot_s(frames: impl Iterator<Item = (f64, [f64; 2])>) -> Option<f64> {
    let known = frames.filter(|(_, [week, _])| *week >= LEAP_SINCE_WEEK);
    let boots = known
        .map(|(device_s, [week, second])| GPS_EPOCH_S + week * WEEK_S + second - LEAP_S - device_s);
    let mut boots: Vec<f64> = boots.filter(|boot| boot.is_finite()).collect();
    boots.sort_by(f64::total_cmp);
    let agree = boots.last()? - boots.first()? <= SPREAD_MAX_S;
    agree.then(|| boots[boots.len() / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gps_says_when_the_device_was_started() {
        // 2018-08-02 16:14:48 UTC is second 404,106 of week 2,012; 46,408 s after the start.
        let frame = |k: u32| {
            (
                46_408.0 + f64::from(k) / 20.0,
                [2_012.0, 404_106.0 + f64::from(k) / 20.0],
            )
        };
        let boot_s = boot_s((0..5).map(frame));
        let clock = Clock { boot_s };
        assert_eq!(clock.stamp_ns(46_408.0), Some(1_533_226_488_000_000_000));
        assert_eq!(clock.stamp_ns(f64::NAN), None);
        assert_eq!(clock.stamp_ns(1e300), None);
    }

    #[test]
    fn clocks_that_disagree_say_nothing() {
        let frames = [(10.0, [2_012.0, 100.0]), (11.0, [2_012.0, 105.0])];
        assert_eq!(boot_s(frames.into_iter()), None);
        // Before 2017 the leap seconds were others.
        assert_eq!(boot_s([(10.0, [1_900.0, 100.0])].into_iter()), None);
        assert_eq!(Clock { boot_s: None }.stamp_ns(1.5), Some(1_500_000_000));
    }
}
