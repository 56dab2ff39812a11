//! Bus frames of which the CAN databases make less than they should.

use std::collections::BTreeMap;
use std::sync::Arc;

use driveloop_schemas::Severity;

use crate::findings::{Findings, Found};

/// Identifiers that are told apart: stops logs that make up a new one for every frame. Frames of others are counted together.
const IDENTIFIERS_MAX: usize = 2048;

/// Why values of a frame are missing, or are not where one looks for them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum BusGap {
    /// No database is for the bus.
    NoDatabase,
    /// No database knows the identifier.
    Unknown,
    /// The payload is shorter than its database says.
    Short {
        /// Bytes that it should have.
        expected_bytes: u64,
    },
    /// Which database the identifier belongs to is not said.
    Ambiguous {
        /// Between what.
        why: Arc<str>,
    },
    /// That was found when values were written already.
    AmbiguousLate,
    /// Packets of a longer message are missing (J1939).
    Incomplete,
    /// It is of another sender than the first of its parameter group (J1939).
    OtherSender,
    /// Another message of the bus has its name.
    SameName,
    /// The drive has as many signals as are allowed.
    Full {
        /// Signals that are allowed.
        max: usize,
    },
}

impl BusGap {
    fn check(&self) -> (&'static str, Severity) {
        match self {
            Self::NoDatabase => ("no_can_database", Severity::Info),
            Self::Unknown => ("unknown_can_id", Severity::Info),
            Self::Short { .. } => ("can_frame_short", Severity::Warning),
            Self::Ambiguous { .. } => ("dbc_ambiguous", Severity::Warning),
            Self::AmbiguousLate => ("dbc_ambiguous_late", Severity::Error),
            Self::Incomplete => ("j1939_incomplete", Severity::Warning),
            Self::OtherSender => ("j1939_senders", Severity::Info),
            Self::SameName => ("can_name_shared", Severity::Info),
            Self::Full { .. } => ("signals_left_out", Severity::Error),
        }
    }

    fn message(&self) -> String {
        match self {
            Self::NoDatabase => "no CAN database is for the bus: its frames give no signals".into(),
            Self::Unknown => "no CAN database has the identifier: its frames give no signals. (A database of J1939 \
                 groups says so by `ProtocolType` or `VFrameFormat`.)"
                .into(),
            Self::Short { expected_bytes } => format!(
                "expected {expected_bytes} bytes by the CAN database, got fewer: signals behind the end are left out"
            ),
            Self::Ambiguous { why } => format!(
                "expected one CAN database for the identifier, but {why}: its frames give no signals until a database is \
                 bound to the bus (--dbc TOPIC=FILE)"
            ),
            Self::AmbiguousLate => "the identifier came on a second bus so late that signals of the first were written \
                 already: bind the CAN database to its bus (--dbc TOPIC=FILE)"
                .into(),
            Self::Incomplete => {
                "expected all packets of a message, got some: its values are missing".into()
            }
            Self::OtherSender => "expected one sender of a parameter group, got several: signals of those after the \
                 first have the sender's address in their names"
                .into(),
            Self::SameName => "expected a message name of its own, got that of another: the identifier is in the names \
                 of its signals"
                .into(),
            Self::Full { max } => format!("signals_max allows {max}, got more: those are left out"),
        }
    }
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
        let id = Some((can_id, is_extended));
        self.push_several(gap, id, (stamp_ns, stamp_ns), 1);
    }

    /// Takes several such frames of one identifier, or of the whole bus.
    pub(crate) fn push_several(
        &mut self,
        gap: BusGap,
        id: Option<(u32, bool)>,
        span_ns: (i64, i64),
        frames: usize,
    ) {
        let key = (gap, id);
        let key = if self.found.len() < IDENTIFIERS_MAX || self.found.contains_key(&key) {
            key
        } else {
            (key.0, None)
        };
        let gathered = self
            .found
            .entry(key)
            .or_insert(Gathered { span_ns, frames: 0 });
        let (first, last) = gathered.span_ns;
        gathered.span_ns = (first.min(span_ns.0), last.max(span_ns.1));
        gathered.frames += frames;
    }

    /// Says what was found on a bus.
    pub(crate) fn report(self, findings: &mut Findings, bus: &str) {
        for ((gap, id), gathered) in self.found {
            let subject = match id {
                Some((can_id, true)) => format!("{bus} {can_id:#010x}"),
                Some((can_id, false)) => format!("{bus} {can_id:#05x}"),
                None if gap == BusGap::NoDatabase => bus.to_owned(),
                None => format!("{bus} others"),
            };
            let (check, severity) = gap.check();
            let found =
                Found::several(check, severity, &subject, gathered.span_ns, gathered.frames);
            findings.add(found, || gap.message());
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
