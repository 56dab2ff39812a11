//! The two clocks of an orchestrator: one for people, and one for durations.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::machine::boot;

/// Gives a time, nanoseconds.
type ReadNs = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The clocks. What is shown is the wall clock's, which people and programs set; every duration is the monotonic clock's.
#[derive(Clone)]
pub struct Clock {
    wall: ReadNs,
    monotonic: ReadNs,
    boot: Arc<str>,
}

impl Clock {
    /// Clocks of this machine: the wall clock gives nanoseconds since the Unix epoch, UTC; the monotonic clock gives
    /// nanoseconds since some moment after the start of the machine, the same for all its processes
    /// (`CLOCK_MONOTONIC` of Linux).
    #[must_use]
    pub fn new(
        wall_ns: impl Fn() -> i64 + Send + Sync + 'static,
        monotonic_ns: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> Self {
        Self {
            wall: Arc::new(wall_ns),
            monotonic: Arc::new(monotonic_ns),
            boot: boot().into(),
        }
    }

    /// Nanoseconds since the Unix epoch, UTC: for what is shown.
    #[must_use]
    pub fn wall_ns(&self) -> i64 {
        (self.wall)()
    }

    /// Nanoseconds since some moment: for durations.
    #[must_use]
    pub fn monotonic_ns(&self) -> i64 {
        (self.monotonic)()
    }

    /// The present by both clocks.
    #[must_use]
    pub fn moment(&self) -> Moment {
        let boot = self.boot.to_string();
        let ns = self.monotonic_ns();
        let monotonic = (!boot.is_empty()).then_some(Monotonic { boot, ns });
        Moment {
            at_ns: self.wall_ns(),
            monotonic,
        }
    }
}

/// A time that processes of several machines can read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// By the wall clock, nanoseconds since the Unix epoch, UTC.
    pub at_ns: i64,
    /// By the monotonic clock; absent in journals of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monotonic: Option<Monotonic>,
}

/// A time by the monotonic clock of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Monotonic {
    /// The start of the machine: two times with the same text can be compared.
    pub boot: String,
    /// Nanoseconds since some moment after it.
    pub ns: i64,
}

impl Moment {
    /// A time that the wall clock alone tells.
    #[must_use]
    pub fn by_wall(at_ns: i64) -> Self {
        Self {
            at_ns,
            monotonic: None,
        }
    }

    /// Nanoseconds since an earlier time, zero or more. Where the two have no monotonic clock in common, as on two machines, the
    /// wall clocks are all that there is.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> i64 {
        let ns = match (&self.monotonic, &earlier.monotonic) {
            (Some(now), Some(then)) if now.boot == then.boot => now.ns.saturating_sub(then.ns),
            _ => self.at_ns.saturating_sub(earlier.at_ns),
        };
        ns.max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(at_ns: i64, boot: &str, ns: i64) -> Moment {
        let boot = boot.to_owned();
        Moment {
            at_ns,
            monotonic: Some(Monotonic { boot, ns }),
        }
    }

    #[test]
    fn the_wall_clock_counts_only_where_no_other_is_in_common() {
        let before = moment(1000, "a", 10);
        assert_eq!(moment(0, "a", 17).since(&before), 7, "set back");
        assert_eq!(moment(9000, "a", 17).since(&before), 7, "set forward");
        assert_eq!(moment(1500, "b", 17).since(&before), 500, "elsewhere");
        assert_eq!(moment(900, "b", 17).since(&before), 0);
        assert_eq!(Moment::by_wall(1400).since(&before), 400);
        assert_eq!(moment(9000, "a", 3).since(&before), 0, "before it");
        assert_eq!(moment(0, "a", i64::MIN).since(&moment(0, "a", i64::MAX)), 0);
    }
}
