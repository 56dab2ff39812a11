//! Verification, in the steps of the specifications.

use serde::de::DeserializeOwned;

use super::envelope::{Envelope, PAYLOAD_TYPE, decode_base64, pre_authentication_encoding};
use super::keys::PublicKey;
use super::rejection::Rejection;
use super::statement::{PREDICATE_TYPE, STATEMENT_TYPE, Statement, stamp_ns_from_text, time_text};

/// Characters of a text that nobody vouches for in a message.
const SHOWN_MAX: usize = 200;

/// Bounds of what is looked at before anything is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the envelope: keeps a large file from filling the memory.
    pub envelope_bytes_max: usize,
    /// Signatures: keeps an envelope with many from keeping the processor busy.
    pub signatures_max: usize,
    /// Subjects: keeps the message about a wrong one readable.
    pub subjects_max: usize,
    /// Seconds by which the clocks of signer and verifier may differ: a statement that was signed just now elsewhere is
    /// not from the future.
    pub clock_skew_s_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            envelope_bytes_max: 32 << 20,
            signatures_max: 16,
            subjects_max: 64,
            clock_skew_s_max: 300,
        }
    }
}

/// What an envelope must hold to be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyRequest {
    /// The trusted key.
    pub key: PublicKey,
    /// The time, in nanoseconds since the Unix epoch, UTC.
    pub at_ns: i64,
    /// SHA-256 of what is to be released, in hexadecimal, where it is at hand.
    pub subject_sha256: Option<String>,
    /// SHA-256 of the evidence's file, in hexadecimal, where it is at hand.
    pub evidence_sha256: Option<String>,
    /// Bounds.
    pub limits: Limits,
}

impl VerifyRequest {
    /// Asks whether the key signed it and it holds at a time.
    #[must_use]
    pub fn new(key: &PublicKey, at_ns: i64) -> Self {
        Self {
            key: key.clone(),
            at_ns,
            subject_sha256: None,
            evidence_sha256: None,
            limits: Limits::default(),
        }
    }
}

/// Verifies an envelope, and returns the statement that the trusted key signed.
///
/// Steps 2 to 5 are those of the DSSE protocol 1.0 ("To verify", for one trusted key and a threshold of one), 6 to 8 those
/// of in-toto's validation model. Nothing of the payload is parsed before its signature was found right.
///
/// # Errors
/// The first step that fails, by name.
pub fn verify(envelope: &[u8], request: &VerifyRequest) -> Result<Statement, Rejection> {
    // 1. What is too large is not looked at.
    let limits = request.limits;
    within("envelope, bytes", envelope.len(), limits.envelope_bytes_max)?;

    // 2. Decode payload, payload type, signatures and key ids. Reject if decoding fails.
    let envelope: Envelope = parse("envelope", envelope)?;
    within(
        "signatures",
        envelope.signatures.len(),
        limits.signatures_max,
    )?;
    let body = decode("payload", &envelope.payload)?;

    // 3. Verify a signature against PAE(payload type, payload). Reject if no signature verifies.
    verify_signature(&envelope, &body, &request.key)?;

    // 4. Reject if the payload type is not supported.
    if envelope.payload_type != PAYLOAD_TYPE {
        let (expected, actual) = (PAYLOAD_TYPE, envelope.payload_type);
        return Err(Rejection::PayloadType { expected, actual });
    }

    // 5. Parse the payload according to its type. Reject if parsing fails. Its type comes first: a statement of another
    //    version may look different in all the rest.
    let statement = parse_statement(&body)?;

    // 6. The statement is about what is to be released: a digest of a subject matches.
    within("subjects", statement.subject.len(), limits.subjects_max)?;
    verify_subject(&statement, request.subject_sha256.as_deref())?;

    // 7. It holds at the time.
    verify_time(&statement, request)?;

    // 8. The evidence at hand is the one that was signed.
    let actual = &statement.predicate.evidence_sha256;
    match &request.evidence_sha256 {
        Some(expected) if !expected.eq_ignore_ascii_case(actual) => Err(Rejection::OtherEvidence {
            expected: expected.clone(),
            actual: actual.clone(),
        }),
        _ => Ok(statement),
    }
}

fn within(part: &'static str, actual: usize, max: usize) -> Result<(), Rejection> {
    if actual > max {
        return Err(Rejection::Oversized { part, max, actual });
    }
    Ok(())
}

fn malformed(part: &'static str, expected: impl Into<String>) -> Rejection {
    let expected = expected.into();
    Rejection::Malformed { part, expected }
}

fn parse<T: DeserializeOwned>(part: &'static str, bytes: &[u8]) -> Result<T, Rejection> {
    let shown = |error: serde_json::Error| format!("JSON: {}", readable(&error.to_string()));
    serde_json::from_slice(bytes).map_err(|error| malformed(part, shown(error)))
}

/// What nobody vouches for, on its way to a terminal: without control characters, and not endless.
fn readable(text: &str) -> String {
    text.escape_debug().take(SHOWN_MAX).collect()
}

fn decode(part: &'static str, text: &str) -> Result<Vec<u8>, Rejection> {
    decode_base64(text).ok_or_else(|| malformed(part, "base64"))
}

/// Key ids only help to say what is wrong: every signature is tried, whatever key it names.
fn verify_signature(envelope: &Envelope, body: &[u8], key: &PublicKey) -> Result<(), Rejection> {
    if envelope.signatures.is_empty() {
        return Err(malformed("signatures", "at least one"));
    }
    let message = pre_authentication_encoding(&envelope.payload_type, body);
    let mut key_ids = Vec::new();
    for signature in &envelope.signatures {
        let bytes = decode("signature", &signature.sig)?;
        if key.has_signed(&message, &bytes) {
            return Ok(());
        }
        key_ids.push(&signature.keyid);
    }
    let key_id = key.key_id();
    if key_ids
        .iter()
        .any(|named| named.is_empty() || **named == key_id)
    {
        return Err(Rejection::Altered { key_id });
    }
    let actual = key_ids.into_iter().map(|named| readable(named)).collect();
    let expected = key_id;
    Err(Rejection::OtherKey { expected, actual })
}

fn parse_statement(body: &[u8]) -> Result<Statement, Rejection> {
    #[derive(serde::Deserialize)]
    struct Types {
        #[serde(rename = "_type")]
        statement: String,
        #[serde(rename = "predicateType")]
        predicate: String,
    }
    let types: Types = parse("statement", body)?;
    if types.statement != STATEMENT_TYPE {
        let (expected, actual) = (STATEMENT_TYPE, types.statement);
        return Err(Rejection::StatementType { expected, actual });
    }
    if types.predicate != PREDICATE_TYPE {
        let (expected, actual) = (PREDICATE_TYPE, types.predicate);
        return Err(Rejection::PredicateType { expected, actual });
    }
    parse("statement", body)
}

fn verify_subject(statement: &Statement, expected: Option<&str>) -> Result<(), Rejection> {
    let subjects = || {
        statement
            .subject
            .iter()
            .filter_map(|subject| subject.sha256())
    };
    if subjects().next().is_none() {
        return Err(malformed("subject", "a SHA-256 of what it is about"));
    }
    match expected {
        Some(expected) if !subjects().any(|actual| expected.eq_ignore_ascii_case(actual)) => {
            Err(Rejection::Subject {
                expected: expected.to_owned(),
                actual: subjects().map(str::to_owned).collect(),
            })
        }
        _ => Ok(()),
    }
}

fn verify_time(statement: &Statement, request: &VerifyRequest) -> Result<(), Rejection> {
    let predicate = &statement.predicate;
    let stamp_ns = |part, text: &str| {
        stamp_ns_from_text(text).ok_or_else(|| malformed(part, "a time as RFC 3339 has it"))
    };
    let issued_ns = stamp_ns("issuedAt", &predicate.issued_at)?;
    let expires_ns = stamp_ns("expiresAt", &predicate.expires_at)?;
    let at = || time_text(request.at_ns);
    let skew_ns = i64::from(request.limits.clock_skew_s_max) * 1_000_000_000;
    if request.at_ns.saturating_add(skew_ns) < issued_ns {
        let issued_at = predicate.issued_at.clone();
        return Err(Rejection::NotYetValid {
            issued_at,
            at: at(),
        });
    }
    if request.at_ns >= expires_ns {
        let expires_at = predicate.expires_at.clone();
        return Err(Rejection::Expired {
            expires_at,
            at: at(),
        });
    }
    Ok(())
}
