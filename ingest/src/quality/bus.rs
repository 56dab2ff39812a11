//! Bus frames of which the CAN databases make less than they should.

use std::collections::BTreeMap;

use driveloop_schemas::Severity;

use crate::findings::{Findings, Found};

/// Identifiers that are told apart: stops logs that make up a new one for every frame. Frames of others are counted together.
const IDENTIFIERS_MAX: usize = 2048;

/// Why values of a frame are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum BusGap {
    /// No database knows the identifier.
    Unknown,
    /// The payload is shorter than its database says.
    Short {
        /// Bytes that it should have.
        expected_bytes: u64,
    },
}

/// The frames of a bus whose values are missing, by identifier.
#[derive(Debug, Default)]
pub(crate) struct BusGaps {
    /// By gap, identifier and whether it has 29 bits; `None` for those beyond [`IDENTIFIERS_MAX`].
    found: BTreeMap<(BusGap, Option<(u32, bool)>), Gathered>,
}

#[derive(Debug, Clone, Copy)]
struct Gathered {
    span_ns: (i64, i64),
    frames: usize,
}

impl BusGaps {
    /// Takes a frame whose values are missing.
    pub(crate) fn push(&mut self, gap: BusGap, can_id: u32, is_extended: bool, stamp_ns: i64) {
        let key = (gap, Some((can_id, is_extended)));
        let key = if self.found.len() < IDENTIFIERS_MAX || self.found.contains_key(&key) {
            key
        } else {
            (BusGap::Unknown, None)
        };
        let gathered = self.found.entry(key).or_insert(Gathered {
            span_ns: (stamp_ns, stamp_ns),
            frames: 0,
        });
        let (first, last) = gathered.span_ns;
        gathered.span_ns = (first.min(stamp_ns), last.max(stamp_ns));
        gathered.frames += 1;
    }

    /// Says what was found on a bus.
    pub(crate) fn report(self, findings: &mut Findings, bus: &str) {
        for ((gap, id), gathered) in self.found {
            let subject = match id {
                Some((can_id, true)) => format!("{bus} {can_id:#010x}"),
                Some((can_id, false)) => format!("{bus} {can_id:#05x}"),
                None => format!("{bus} others"),
            };
            let (check, severity) = match gap {
                BusGap::Unknown => ("unknown_can_id", Severity::Info),
                BusGap::Short { .. } => ("can_frame_short", Severity::Warning),
            };
            let found =
                Found::several(check, severity, &subject, gathered.span_ns, gathered.frames);
            findings.add(found, || match gap {
                BusGap::Unknown => "no CAN database has the identifier: its frames give no signals".to_owned(),
                BusGap::Short { expected_bytes } => format!(
                    "expected {expected_bytes} bytes by the CAN database, got fewer: signals behind the end are left out"
                ),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use driveloop_schemas::time::Day;

    use super::*;

    /// Check, subject, frames and the stamps of the first and the last.
    fn findings(gaps: BusGaps) -> Vec<String> {
        let mut findings = Findings::default();
        gaps.report(&mut findings, "/can");
        let rows = findings.rows("drive", Day(0)).into_iter();
        let text = |row: driveloop_schemas::Finding| {
            let (start, end) = (row.start_ns.unwrap_or(-1), row.end_ns.unwrap_or(-1));
            format!("{} {} {} {start}..{end}", row.check, row.subject, row.count)
        };
        rows.map(text).collect()
    }

    #[test]
    fn frames_are_counted_by_identifier() {
        let mut gaps = BusGaps::default();
        gaps.push(BusGap::Unknown, 0x1d0, false, 5);
        gaps.push(BusGap::Unknown, 0x1d0, true, 6);
        gaps.push(BusGap::Unknown, 0x1d0, false, 3);
        gaps.push(BusGap::Short { expected_bytes: 8 }, 0x7, false, 9);
        assert_eq!(
            findings(gaps),
            [
                "can_frame_short /can 0x007 1 9..9",
                "unknown_can_id /can 0x000001d0 1 6..6",
                "unknown_can_id /can 0x1d0 2 3..5",
            ]
        );
    }

    #[test]
    fn identifiers_without_end_take_no_memory_without_end() {
        let mut gaps = BusGaps::default();
        for id in 0..10_000 {
            gaps.push(BusGap::Unknown, id, true, 0);
        }
        assert!(gaps.found.len() <= IDENTIFIERS_MAX + 1);
        let others = 10_000 - IDENTIFIERS_MAX;
        let others = format!("unknown_can_id /can others {others} 0..0");
        assert!(findings(gaps).contains(&others));
    }
}
