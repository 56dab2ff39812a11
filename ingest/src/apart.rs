//! Records that lie in another time than the drive: they are set apart when it is read again.

use std::collections::BTreeSet;

use driveloop_schemas::Severity;
use driveloop_schemas::time::{NS_PER_S, seconds_between};

use crate::facts::span_of;
use crate::paged::Paged;
use crate::refused::Refused;

/// No drive is longer: what lies further from its middle is of another clock, or of none.
const DRIVE_NS: i64 = 86_400 * NS_PER_S;

/// What does not belong to the time of a drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Apart {
    /// The first and last stamp that may be the drive's.
    within_ns: (i64, i64),
    /// Topics that lie outside with all of their messages.
    other_clocks: BTreeSet<String>,
}

impl Apart {
    /// Looks at the stamps of each topic, and whether it says where the ego was: those topics say which time is the drive's, else all
    /// do. `None` where everything lies within a day.
    pub(crate) fn of<'a>(
        topics: impl Iterator<Item = (&'a str, &'a Paged<i64>, Witness)> + Clone,
    ) -> Option<Self> {
        let all = topics.clone().flat_map(|(_, stamps, _)| stamps.iter());
        let (first, last) = span_of(all)?;
        // Whichever of them is the middle.
        if last.saturating_sub(first) <= DRIVE_NS {
            return None;
        }
        let of_ego = topics
            .clone()
            .filter(|(.., witness)| *witness == Witness::Ego);
        let middle = median(of_ego.map(|(_, stamps, _)| stamps));
        let middle = middle.or_else(|| median(topics.clone().map(|(_, stamps, _)| stamps)))?;
        let within_ns = (
            middle.saturating_sub(DRIVE_NS),
            middle.saturating_add(DRIVE_NS),
        );
        let is_within = |stamp: &i64| (within_ns.0..=within_ns.1).contains(stamp);
        if topics
            .clone()
            .all(|(_, stamps, _)| stamps.iter().all(|stamp| is_within(&stamp)))
        {
            return None;
        }
        let foreign = topics.filter(|(_, stamps, _)| !stamps.iter().any(|stamp| is_within(&stamp)));
        Some(Self {
            within_ns,
            other_clocks: foreign.map(|(topic, ..)| topic.to_owned()).collect(),
        })
    }

    /// Why a record is not the drive's, where it is not.
    pub(crate) fn refusal(&self, topic: &str, stamp_ns: i64) -> Option<Refused> {
        let (first, last) = self.within_ns;
        if (first..=last).contains(&stamp_ns) {
            return None;
        }
        let days = seconds_between(first.midpoint(last), stamp_ns) / 86_400.0;
        let (check, reason) = if self.other_clocks.contains(topic) {
            let reason = format!(
                "expected stamps of the ego's clock, got those of another, {days:.1} days from it: nothing says how they fit together"
            );
            ("other_clock", reason)
        } else {
            let reason = format!(
                "expected a stamp within a day of the drive, got {stamp_ns}, {days:.1} days from it"
            );
            ("stamp_outlier", reason)
        };
        Some(Refused {
            check,
            severity: Severity::Error,
            reason,
        })
    }
}

/// What the stamps of a topic are worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Witness {
    Ego,
    Other,
}

fn median<'a>(mut topics: impl Iterator<Item = &'a Paged<i64>>) -> Option<i64> {
    let first = topics.next()?;
    let mut stamps = Paged::collect_in(first.store(), first);
    topics.for_each(|topic| stamps.extend(topic));
    let middle = stamps.len() / 2;
    stamps.selected(middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: i64 = 1_750_000_000 * NS_PER_S;

    #[test]
    fn the_egos_clock_is_the_drives() {
        let sim: Paged<i64> = (0..100).map(|k| k * NS_PER_S / 10).collect();
        let wall: Paged<i64> = (0..900).map(|k| WALL + k * NS_PER_S / 100).collect();
        let topics = [
            ("/odom", &sim, Witness::Ego),
            ("/can", &wall, Witness::Other),
        ];
        let apart = Apart::of(topics.into_iter()).unwrap();
        assert!(apart.refusal("/odom", 0).is_none());
        assert_eq!(apart.refusal("/can", WALL).unwrap().check, "other_clock");
        assert_eq!(apart.refusal("/odom", WALL).unwrap().check, "stamp_outlier");
        let alike = [("/odom", &sim, Witness::Ego)];
        assert_eq!(Apart::of(alike.into_iter()), None);
    }

    #[test]
    fn a_clock_that_was_set_late_costs_what_came_before() {
        let stamps: Paged<i64> = std::iter::once(5)
            .chain((1..100).map(|k| WALL + k))
            .collect();
        let topics = [("/imu", &stamps, Witness::Other)];
        let apart = Apart::of(topics.into_iter()).unwrap();
        assert_eq!(apart.refusal("/imu", 5).unwrap().check, "stamp_outlier");
        assert!(apart.refusal("/imu", WALL).is_none());
    }
}
