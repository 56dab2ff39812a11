//! The in-toto statement about a candidate.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use super::envelope::{PAYLOAD_TYPE, seal};
use super::keys::PrivateKey;
use crate::error::{Error, Result};
use crate::evidence::{Evidence, canonical_json};

/// Type of the statement (in-toto, Statement layer v1).
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// Type of the predicate. It names the shape of [`Predicate`], and need not resolve.
pub const PREDICATE_TYPE: &str = "urn:x-driveloop:release-evidence:v1";
/// The one digest that is written and compared.
const SHA256: &str = "sha256";

/// An in-toto statement: what is said about which bytes. Fields that it does not know are passed over, as the
/// specification asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statement<E = serde_json::Value> {
    /// [`STATEMENT_TYPE`].
    #[serde(rename = "_type")]
    pub statement_type: String,
    /// What it is about: the candidate.
    pub subject: Vec<Subject>,
    /// [`PREDICATE_TYPE`].
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// What is said.
    pub predicate: Predicate<E>,
}

/// What a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Model, or name of the score file.
    #[serde(default)]
    pub name: String,
    /// Digests by algorithm; `sha256` in hexadecimal.
    pub digest: BTreeMap<String, String>,
}

/// What is said of the candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Predicate<E = serde_json::Value> {
    /// When it was signed: RFC 3339, UTC.
    pub issued_at: String,
    /// Until when it holds: RFC 3339, UTC.
    pub expires_at: String,
    /// `PASS`, `BLOCK` or `INCONCLUSIVE`.
    pub verdict: String,
    /// SHA-256 of the evidence's file as the lake has it.
    pub evidence_sha256: String,
    /// SHA-256 of the report's file.
    pub report_sha256: String,
    /// The evidence itself.
    pub evidence: E,
}

/// From when until when a signature holds, in nanoseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// When it is signed.
    pub issued_ns: i64,
    /// Until when it holds.
    pub expires_ns: i64,
}

/// Signs evidence: the DSSE envelope in JSON. The same evidence, times and key give the same bytes.
///
/// # Errors
/// When the candidate has no digest, so that nothing would say what the evidence is about; and when the signature would
/// hold for no time.
pub(crate) fn sign_evidence(
    evidence: &Evidence,
    digests: Digests<'_>,
    validity: Validity,
    key: &PrivateKey,
) -> Result<String> {
    let refused = |subject, expected| Error::Signing { subject, expected };
    if validity.expires_ns <= validity.issued_ns {
        return Err(refused("expiry", "a time after the time of signing"));
    }
    let Some(digest) = evidence.candidate.digest.clone() else {
        let expected = "a candidate with weights: a signature is about their digest";
        return Err(refused("candidate", expected));
    };
    let subject = Subject {
        name: evidence.candidate.id.clone(),
        digest: BTreeMap::from([(SHA256.to_owned(), digest)]),
    };
    let statement = Statement {
        statement_type: STATEMENT_TYPE.to_owned(),
        subject: vec![subject],
        predicate_type: PREDICATE_TYPE.to_owned(),
        predicate: Predicate {
            issued_at: time_text(validity.issued_ns),
            expires_at: time_text(validity.expires_ns),
            verdict: evidence.verdict.decision.as_str().to_owned(),
            evidence_sha256: digests.evidence.to_owned(),
            report_sha256: digests.report.to_owned(),
            evidence,
        },
    };
    seal(PAYLOAD_TYPE, canonical_json(&statement)?.as_bytes(), key)
}

/// SHA-256 of the files that belong to the evidence.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Digests<'a> {
    /// Of the evidence.
    pub(crate) evidence: &'a str,
    /// Of the report.
    pub(crate) report: &'a str,
}

impl Subject {
    /// Its SHA-256, where it has one.
    #[must_use]
    pub fn sha256(&self) -> Option<&str> {
        self.digest.get(SHA256).map(String::as_str)
    }
}

/// A stamp as RFC 3339 in UTC, to the second.
pub(super) fn time_text(stamp_ns: i64) -> String {
    DateTime::<Utc>::from_timestamp_nanos(stamp_ns).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The stamp of a time in RFC 3339; `None` where it is none, or 64 bits do not hold it.
pub(super) fn stamp_ns_from_text(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text)
        .ok()?
        .timestamp_nanos_opt()
}
