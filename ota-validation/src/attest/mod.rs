//! Signed evidence: a DSSE envelope over an in-toto statement about the candidate.
//!
//! The envelope follows the DSSE protocol 1.0 (github.com/secure-systems-lab/dsse), the statement in-toto's v1
//! (github.com/in-toto/attestation), the signature is Ed25519 (RFC 8032), keys are PKCS #8 and `SubjectPublicKeyInfo` in PEM
//! (RFC 8410), as `openssl genpkey -algorithm ed25519` writes them. So any DSSE program verifies what is signed here.
//!
//! ```
//! use driveloop_ota_validation::{PrivateKey, Rejection, VerifyRequest, verify};
//!
//! let key = PrivateKey::from_seed([7; 32]);
//! let request = VerifyRequest::new(&key.public(), 0);
//! assert!(matches!(verify(b"{}", &request), Err(Rejection::Malformed { .. })));
//! ```

mod envelope;
mod keys;
mod rejection;
mod statement;
mod verify;

pub use envelope::{PAYLOAD_TYPE, pre_authentication_encoding};
pub use keys::{PrivateKey, PublicKey};
pub use rejection::Rejection;
pub(crate) use statement::{Digests, sign_evidence};
pub use statement::{PREDICATE_TYPE, Predicate, STATEMENT_TYPE, Statement, Subject, Validity};
pub use verify::{Limits, VerifyRequest, verify};
