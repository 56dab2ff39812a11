//! Signs evidence, for `driveloop ota validate --sign` and for rounds.

use std::path::Path;

use anyhow::Result;
use driveloop_lake::Lake;
use driveloop_ota_validation::{PrivateKey, Validation, Validity};

use super::key_file;
use crate::context::now_ns;

const NS_PER_DAY: i64 = 86_400_000_000_000;

/// A private key, and for how long what it signs holds.
pub(crate) struct Signer {
    key: PrivateKey,
    expires_days: u32,
}

impl Signer {
    /// Reads the key from a file that nobody but its owner can read.
    pub(crate) fn read(path: &Path, expires_days: u32) -> Result<Self> {
        let key = key_file::read_private(path)?;
        Ok(Self { key, expires_days })
    }

    /// The signed evidence, a DSSE envelope that holds from now on.
    pub(crate) fn envelope(&self, validation: &Validation) -> Result<String> {
        let issued_ns = now_ns();
        let holds_ns = i64::from(self.expires_days) * NS_PER_DAY;
        let validity = Validity {
            issued_ns,
            expires_ns: issued_ns.saturating_add(holds_ns),
        };
        Ok(validation.sign(validity, &self.key)?)
    }
}

/// Puts signed evidence beside the evidence in the lake.
pub(crate) async fn put_envelope(
    lake: &Lake,
    validation: &Validation,
    envelope: String,
) -> Result<()> {
    let path = validation.envelope_path();
    Ok(lake.store().put(&path, envelope.into()).await?)
}
