//! Time: nanoseconds since the Unix epoch, UTC, and the day that partitions the tables.

/// Nanoseconds in a second.
pub const NS_PER_S: i64 = 1_000_000_000;
/// Nanoseconds in a day.
const NS_PER_DAY: i64 = 86_400 * NS_PER_S;

/// A UTC day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

/// The UTC day of a stamp.
#[must_use]
pub fn day_from_stamp_ns(stamp_ns: i64) -> Day {
    Day(stamp_ns.div_euclid(NS_PER_DAY) as i32)
}

/// Seconds from one stamp to another, as a double; exact to a nanosecond for spans under 100 days.
#[must_use]
pub fn seconds_between(from_ns: i64, to_ns: i64) -> f64 {
    to_ns.saturating_sub(from_ns) as f64 / NS_PER_S as f64
}

/// A stamp from the seconds and nanoseconds that ROS and POSIX use; `None` where 64 bits do not hold it.
#[must_use]
pub fn stamp_ns_from_sec_nanosec(sec: i64, nanosec: u32) -> Option<i64> {
    sec.checked_mul(NS_PER_S)?.checked_add(i64::from(nanosec))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_start_at_midnight_utc() {
        assert_eq!(day_from_stamp_ns(0), Day(0));
        assert_eq!(day_from_stamp_ns(NS_PER_DAY - 1), Day(0));
        assert_eq!(day_from_stamp_ns(NS_PER_DAY), Day(1));
        assert_eq!(day_from_stamp_ns(-1), Day(-1));
    }

    #[test]
    fn a_stamp_that_does_not_fit_is_refused() {
        assert_eq!(stamp_ns_from_sec_nanosec(2, 5), Some(2_000_000_005));
        assert_eq!(stamp_ns_from_sec_nanosec(15_600_000_000, 0), None); // the year 2464
    }
}
