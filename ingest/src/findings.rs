//! Findings of a drive, gathered: one per check and subject.

use std::collections::BTreeMap;

use driveloop_schemas::time::Day;
use driveloop_schemas::{Finding, Severity};

/// What a check found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    /// Name of the check.
    pub(crate) check: &'static str,
    pub(crate) severity: Severity,
    /// Topic, file or sensor.
    pub(crate) subject: &'a str,
    /// First and last stamp that it concerns.
    pub(crate) span_ns: Option<(i64, i64)>,
    /// Records that it concerns.
    pub(crate) count: u64,
    /// Records among them that were dropped.
    pub(crate) dropped: u64,
}

impl<'a> Found<'a> {
    /// Something that concerns one record, at a stamp where it has one.
    pub(crate) fn one(
        check: &'static str,
        severity: Severity,
        subject: &'a str,
        stamp_ns: Option<i64>,
    ) -> Self {
        let span_ns = stamp_ns.map(|stamp| (stamp, stamp));
        Self {
            check,
            severity,
            subject,
            span_ns,
            count: 1,
            dropped: 0,
        }
    }

    /// A record that was dropped.
    pub(crate) fn dropped(
        check: &'static str,
        severity: Severity,
        subject: &'a str,
        stamp_ns: Option<i64>,
    ) -> Self {
        Self {
            dropped: 1,
            ..Self::one(check, severity, subject, stamp_ns)
        }
    }

    /// Something that concerns several records, none of which was dropped.
    pub(crate) fn several(
        check: &'static str,
        severity: Severity,
        subject: &'a str,
        span_ns: (i64, i64),
        count: usize,
    ) -> Self {
        Self {
            check,
            severity,
            subject,
            span_ns: Some(span_ns),
            count: count as u64,
            dropped: 0,
        }
    }
}

/// Findings of a drive: stops logs that name a million topics, classes or attachments. More are added up under [`OTHERS`].
const FINDINGS_MAX: usize = 10_000;
/// Findings that an error names.
const REASONS_MAX: usize = 3;
/// Subject of findings beyond [`FINDINGS_MAX`].
const OTHERS: &str = "others";

/// The findings so far. What is found again under the same check and subject is added up; the first message stays.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    found: BTreeMap<(&'static str, String), Gathered>,
}

#[derive(Debug)]
struct Gathered {
    severity: Severity,
    span_ns: Option<(i64, i64)>,
    count: u64,
    dropped: u64,
    message: String,
    offset_bytes: Option<u64>,
}

impl Findings {
    /// Adds a finding; `message` says what was expected and what was found.
    pub(crate) fn add(&mut self, found: Found<'_>, message: impl FnOnce() -> String) {
        self.add_at(found, None, message);
    }

    /// The same with the place in the log's file. Of several places the first in the file stays.
    pub(crate) fn add_at(
        &mut self,
        found: Found<'_>,
        offset_bytes: Option<u64>,
        message: impl FnOnce() -> String,
    ) {
        let mut key = (found.check, found.subject.to_owned());
        if self.found.len() >= FINDINGS_MAX && !self.found.contains_key(&key) {
            OTHERS.clone_into(&mut key.1);
        }
        let gathered = self.found.entry(key).or_insert_with(|| Gathered {
            severity: found.severity,
            span_ns: None,
            count: 0,
            dropped: 0,
            message: message(),
            offset_bytes: None,
        });
        gathered.severity = gathered.severity.max(found.severity);
        gathered.count += found.count;
        gathered.dropped += found.dropped;
        let offsets = gathered.offset_bytes.into_iter().chain(offset_bytes);
        gathered.offset_bytes = offsets.min();
        gathered.span_ns = match (gathered.span_ns, found.span_ns) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
    }

    /// Records that were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.found.values().map(|gathered| gathered.dropped).sum()
    }

    /// The findings that most records were dropped by, in words; none where none was.
    pub(crate) fn most_frequent(&self) -> Option<String> {
        let dropped = self.found.iter().filter(|(_, found)| found.dropped > 0);
        let mut dropped: Vec<_> = dropped.collect();
        dropped.sort_by_key(|(_, found)| std::cmp::Reverse(found.dropped));
        let each = dropped
            .iter()
            .take(REASONS_MAX)
            .map(|((check, subject), found)| {
                format!(
                    "{} of `{subject}` ({check}: {})",
                    found.dropped, found.message
                )
            });
        let each: Vec<String> = each.collect();
        (!each.is_empty()).then(|| each.join("; "))
    }

    /// The rows of the table, by check and subject.
    pub(crate) fn rows(self, log_id: &str, day: Day) -> Vec<Finding> {
        let row = |((check, subject), gathered): ((&str, String), Gathered)| Finding {
            log_id: log_id.into(),
            day,
            check: check.to_owned(),
            severity: gathered.severity.as_str().to_owned(),
            subject,
            start_ns: gathered.span_ns.map(|span| span.0),
            end_ns: gathered.span_ns.map(|span| span.1),
            count: gathered.count as i64,
            dropped: gathered.dropped as i64,
            message: gathered.message,
            offset_bytes: gathered.offset_bytes.map(|offset| offset as i64),
            composed: Some(false),
        };
        self.found.into_iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_again_adds_up_and_the_first_place_stays() {
        let mut findings = Findings::default();
        let torn = |stamp_ns| Found::dropped("torn", Severity::Error, "a.mcap", stamp_ns);
        findings.add(torn(None), || "first".to_owned());
        findings.add_at(torn(Some(5)), Some(90), || "second".to_owned());
        findings.add_at(torn(Some(3)), Some(40), || "third".to_owned());
        assert_eq!(findings.dropped(), 3);
        let rows = findings.rows("drive", Day(0));
        let [row] = rows.as_slice() else {
            panic!("expected one row, got {rows:?}");
        };
        assert_eq!((row.start_ns, row.end_ns), (Some(3), Some(5)));
        assert_eq!((row.count, row.dropped), (3, 3));
        assert_eq!(
            (row.offset_bytes, row.message.as_str()),
            (Some(40), "first")
        );
    }
}
