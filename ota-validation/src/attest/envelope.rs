//! The DSSE envelope.

use base64::Engine as _;
use base64::engine::general_purpose::{
    STANDARD, STANDARD_PAD_INDIFFERENT, URL_SAFE_PAD_INDIFFERENT,
};
use serde::{Deserialize, Serialize};

use super::keys::PrivateKey;
use crate::error::Result;
use crate::evidence::canonical_json;

/// Media type of an in-toto statement in JSON.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// The envelope as it is written. Fields that it does not know are passed over, as the specification asks.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Envelope {
    pub(super) payload: String,
    #[serde(rename = "payloadType")]
    pub(super) payload_type: String,
    pub(super) signatures: Vec<EnvelopeSignature>,
}

/// A signature of an envelope. The key's id is a hint that nobody vouches for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EnvelopeSignature {
    #[serde(default)]
    pub(super) keyid: String,
    pub(super) sig: String,
}

/// What is signed: `"DSSEv1" SP LEN(type) SP type SP LEN(body) SP body` (DSSE protocol, "Signature Definition").
/// The lengths keep a byte of the one from being taken for a byte of the other.
#[must_use]
pub fn pre_authentication_encoding(payload_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Signs a body: the envelope in JSON.
pub(super) fn seal(payload_type: &str, body: &[u8], key: &PrivateKey) -> Result<String> {
    let sig = key.sign(&pre_authentication_encoding(payload_type, body));
    canonical_json(&Envelope {
        payload: STANDARD.encode(body),
        payload_type: payload_type.to_owned(),
        signatures: vec![EnvelopeSignature {
            keyid: key.public().key_id(),
            sig: STANDARD.encode(sig),
        }],
    })
}

/// Either alphabet of base64, as verifiers must accept.
pub(super) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let standard = STANDARD_PAD_INDIFFERENT.decode(text);
    standard
        .or_else(|_| URL_SAFE_PAD_INDIFFERENT.decode(text))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the DSSE protocol, section "Test Vectors".
    #[test]
    fn the_encoding_is_that_of_the_specification() {
        let encoded = pre_authentication_encoding("http://example.com/HelloWorld", b"hello world");
        let expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world";
        assert_eq!(encoded, expected);
        // Bytes are counted, not characters; nothing is signed as nothing, with the space before it.
        assert_eq!(
            pre_authentication_encoding("ä", b""),
            "DSSEv1 2 ä 0 ".as_bytes()
        );
    }

    #[test]
    fn both_alphabets_are_read() {
        let bytes = [0xfb, 0xff, 0xbf, 0x3e, 0x3f];
        for text in ["+/+/Pj8=", "-_-_Pj8=", "+/+/Pj8", "-_-_Pj8"] {
            assert_eq!(
                decode_base64(text).as_deref(),
                Some(bytes.as_slice()),
                "{text}"
            );
        }
        assert_eq!(decode_base64("+_"), None);
    }
}
