//! Keys: Ed25519, in the files that OpenSSL writes.

use std::fmt;

use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
    KeypairBytes,
};
use ed25519_dalek::{SIGNATURE_LENGTH, Signature, Signer as _, SigningKey, VerifyingKey};
use pem::{EncodeConfig, LineEnding, Pem, encode_config};

use crate::error::{Error, Result};
use crate::evidence::sha256_hex;

const PRIVATE_KEY: &str = "PRIVATE KEY";
const PUBLIC_KEY: &str = "PUBLIC KEY";

/// A key that signs. It shows itself nowhere, and its memory is overwritten when it is dropped.
pub struct PrivateKey(SigningKey);

/// A key that verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PrivateKey {
    /// The key of 32 random bytes (RFC 8032, section 5.1.5). They must come from the system's source of entropy.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// Reads `-----BEGIN PRIVATE KEY-----` (PKCS #8, not encrypted).
    ///
    /// # Errors
    /// When it is no such key. The message does not say what was there instead.
    pub fn from_pem(pem: &str) -> Result<Self> {
        let key = der(pem, PRIVATE_KEY).and_then(|der| SigningKey::from_pkcs8_der(&der).ok());
        key.map(Self).ok_or(Error::Signing {
            subject: "private key",
            expected: "an Ed25519 key as unencrypted PKCS #8 in PEM (`driveloop ota keygen`)",
        })
    }

    /// The key as [`from_pem`](Self::from_pem) reads it.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn to_pem(&self) -> Result<String> {
        // Without the public key beside it (version 1 of PKCS #8): OpenSSL and what stands on it refuse version 2.
        let bytes = KeypairBytes {
            secret_key: self.0.to_bytes(),
            public_key: None,
        };
        let der = bytes.to_pkcs8_der().map_err(|_| Error::Signing {
            subject: "private key",
            expected: "to be encoded",
        })?;
        Ok(armoured(PRIVATE_KEY, der.as_bytes()))
    }

    /// The key that verifies what this one signs.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LENGTH] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PrivateKey(of {})", self.public().key_id())
    }
}

impl PublicKey {
    /// Reads `-----BEGIN PUBLIC KEY-----` (`SubjectPublicKeyInfo`).
    ///
    /// # Errors
    /// When it is no such key, or a weak one, for which others can find signatures.
    pub fn from_pem(pem: &str) -> Result<Self> {
        let der = der(pem, PUBLIC_KEY);
        let key = der.and_then(|der| VerifyingKey::from_public_key_der(&der).ok());
        let strong = key.filter(|key| !key.is_weak());
        strong.map(Self).ok_or(Error::Signing {
            subject: "public key",
            expected: "an Ed25519 key as SubjectPublicKeyInfo in PEM (`driveloop ota keygen`)",
        })
    }

    /// The key as [`from_pem`](Self::from_pem) reads it.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn to_pem(&self) -> Result<String> {
        let der = self.0.to_public_key_der().map_err(|_| Error::Signing {
            subject: "public key",
            expected: "to be encoded",
        })?;
        Ok(armoured(PUBLIC_KEY, der.as_bytes()))
    }

    /// Names the key: SHA-256 of its `SubjectPublicKeyInfo` in DER (RFC 8410, section 4), in hexadecimal.
    #[must_use]
    pub fn key_id(&self) -> String {
        // SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING } with the 32 bytes of the key, whose lengths never change.
        let head = [
            0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
        ];
        sha256_hex([head.as_slice(), self.0.as_bytes()].concat())
    }

    /// Whether the bytes are this key's signature of the message, without the leeway that RFC 8032 leaves to verifiers.
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }
}

/// The bytes of a block of this kind; `None` where the text is none.
fn der(text: &str, kind: &str) -> Option<Vec<u8>> {
    let block = pem::parse(text).ok()?;
    (block.tag() == kind).then(|| block.into_contents())
}

fn armoured(kind: &str, der: &[u8]) -> String {
    let config = EncodeConfig::new().set_line_ending(LineEnding::LF);
    encode_config(&Pem::new(kind, der), config)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8410, section 10.3: the example keys, which OpenSSL reads too.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
        -----END PUBLIC KEY-----\n";

    #[test]
    fn keys_are_those_of_the_standard() {
        let key = PrivateKey::from_pem(PRIVATE).unwrap();
        assert_eq!(key.to_pem().unwrap(), PRIVATE);
        assert_eq!(key.public().to_pem().unwrap(), PUBLIC);
        assert_eq!(PublicKey::from_pem(PUBLIC).unwrap(), key.public());
        let der = key.public().0.to_public_key_der().unwrap();
        assert_eq!(key.public().key_id(), sha256_hex(der.as_bytes()));
    }

    #[test]
    fn a_key_that_was_written_is_read_again_and_is_not_shown() {
        let key = PrivateKey::from_seed([9; 32]);
        let again = PrivateKey::from_pem(&key.to_pem().unwrap()).unwrap();
        assert_eq!(again.public(), key.public());
        assert_eq!(again.sign(b"x"), key.sign(b"x"));
        let shown = format!("{key:?}");
        assert!(
            !shown.contains("9, 9") && !shown.contains("0909"),
            "{shown}"
        );
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_shown() {
        for pem in [
            PUBLIC,
            "secret",
            "",
            &PRIVATE.replace("MC4CAQAw", "MC4CAQEw"),
        ] {
            let error = PrivateKey::from_pem(pem).unwrap_err().to_string();
            assert!(
                error.starts_with("private key: expected an Ed25519 key"),
                "{error}"
            );
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(PublicKey::from_pem(PRIVATE).is_err());
        // The point of order one: anybody's signature fits it.
        let weak = "-----BEGIN PUBLIC KEY-----\n\
            MCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\
            -----END PUBLIC KEY-----\n";
        assert!(PublicKey::from_pem(weak).is_err());
    }
}
