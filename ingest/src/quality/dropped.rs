//! Records that cannot be used: each is dropped, and counted in a finding.

use driveloop_schemas::Severity;

use crate::findings::{Findings, Found};

/// A record whose stamp an earlier one has already: dropped.
pub(crate) fn drop_duplicate(findings: &mut Findings, subject: &str, stamp_ns: i64) {
    let found = Found::dropped(
        "duplicate_stamp",
        Severity::Warning,
        subject,
        Some(stamp_ns),
    );
    findings.add(found, || {
        format!("expected one record a stamp, got another at {stamp_ns}; the first was kept")
    });
}

/// A record with a number that is infinite or not a number, or an orientation without length: dropped.
pub(crate) fn drop_unusable(
    findings: &mut Findings,
    subject: &str,
    stamp_ns: Option<i64>,
    what: &str,
) {
    let found = Found::dropped("value_not_usable", Severity::Error, subject, stamp_ns);
    findings.add(found, || {
        format!("expected finite numbers and an orientation, got {what}")
    });
}

/// A stamp that 64-bit nanoseconds do not hold, or before the epoch: the record is dropped.
pub(crate) fn drop_stamp(findings: &mut Findings, subject: &str, stamp: &str) {
    let found = Found::dropped("stamp_out_of_range", Severity::Error, subject, None);
    findings.add(found, || {
        format!("expected nanoseconds since 1970 in 63 bits, got {stamp}")
    });
}

/// An actor at a stamp at which nothing says where the ego was: dropped.
pub(crate) fn drop_without_pose(findings: &mut Findings, subject: &str, stamp_ns: i64) {
    let found = Found::dropped("no_ego_pose", Severity::Error, subject, Some(stamp_ns));
    findings.add(found, || {
        format!("expected an ego pose near {stamp_ns}, got none")
    });
}

/// A pose that lies between two of the log's.
pub(crate) fn note_interpolated(findings: &mut Findings, subject: &str, stamp_ns: i64) {
    let found = Found::one("interpolated_pose", Severity::Info, subject, Some(stamp_ns));
    findings.add(found, || {
        format!("expected an ego pose at {stamp_ns}, interpolated between its neighbours")
    });
}
