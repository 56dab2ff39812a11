//! Why an envelope is not accepted.

use thiserror::Error;

/// Why an envelope is not accepted: each a different thing to do for whoever holds it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Rejection {
    /// It is too large to be looked at.
    #[error("oversized: {part}: expected at most {max}, got {actual}")]
    Oversized {
        /// Which part, with its unit.
        part: &'static str,
        /// The limit.
        max: usize,
        /// What was there.
        actual: usize,
    },
    /// It is no envelope, or holds no statement.
    #[error("malformed: {part}: expected {expected}")]
    Malformed {
        /// Which part.
        part: &'static str,
        /// What it should be, and where it is not.
        expected: String,
    },
    /// It was signed, but not by the key that is trusted.
    #[error("signed by another key: expected {expected}, got {}", .actual.join(", "))]
    OtherKey {
        /// Id of the trusted key.
        expected: String,
        /// Ids that the envelope names.
        actual: Vec<String>,
    },
    /// The trusted key signed something else: a byte of payload, payload type or signature was changed.
    #[error("altered: the signature of key {key_id} does not fit payload and payload type")]
    Altered {
        /// Id of the trusted key.
        key_id: String,
    },
    /// The trusted key signed something that is no in-toto statement.
    #[error("wrong payload type: expected `{expected}`, got `{actual}`")]
    PayloadType {
        /// The type of statements.
        expected: &'static str,
        /// The type that was signed.
        actual: String,
    },
    /// A statement of another version.
    #[error("wrong statement type: expected `{expected}`, got `{actual}`")]
    StatementType {
        /// The version that is understood.
        expected: &'static str,
        /// The type that was signed.
        actual: String,
    },
    /// A statement of another kind than release evidence.
    #[error("wrong predicate type: expected `{expected}`, got `{actual}`")]
    PredicateType {
        /// The kind that is understood.
        expected: &'static str,
        /// The kind that was signed.
        actual: String,
    },
    /// The statement is about other bytes than those that are to be released.
    #[error("wrong subject: expected SHA-256 {expected}, the statement is about {}", .actual.join(", "))]
    Subject {
        /// SHA-256 of what is to be released.
        expected: String,
        /// SHA-256 of what the statement is about.
        actual: Vec<String>,
    },
    /// The statement is from the future: a clock is wrong.
    #[error("not yet valid: issued at {issued_at}, it is {at}")]
    NotYetValid {
        /// When it was issued.
        issued_at: String,
        /// The time that was asked for.
        at: String,
    },
    /// The statement is too old.
    #[error("expired: it was valid until {expires_at}, it is {at}")]
    Expired {
        /// End of its validity.
        expires_at: String,
        /// The time that was asked for.
        at: String,
    },
    /// The evidence beside it is not the one that was signed.
    #[error("other evidence: expected SHA-256 {expected}, the statement has {actual}")]
    OtherEvidence {
        /// SHA-256 of the evidence at hand.
        expected: String,
        /// SHA-256 of the evidence that was signed.
        actual: String,
    },
}
