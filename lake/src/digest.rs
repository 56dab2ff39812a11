//! Digests that name things, and quoting.

use sha2::{Digest as _, Sha256};

/// SHA-256 over the parts, each preceded by its length (64 bits, big-endian), in hexadecimal.
///
/// The lengths keep `["ab", "c"]` and `["a", "bc"]` apart.
pub fn digest(parts: impl IntoIterator<Item = impl AsRef<[u8]>>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        let part = part.as_ref();
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

/// The text as a literal of SQL, quoted.
#[must_use]
pub fn sql_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_kept_apart() {
        assert_ne!(digest(["ab", "c"]), digest(["a", "bc"]));
        assert_eq!(digest(["ab"]).len(), 64);
    }

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(sql_literal("o'clock"), "'o''clock'");
    }
}
