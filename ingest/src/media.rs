//! Images and sweeps on their way into the lake: the one place at which their bytes pass.

use driveloop_lake::PackRange;

use crate::error::Result;
use crate::quality::FrozenPayloads;
use crate::sink::DriveSink;

/// Where a recording lies, and what its bytes are.
pub(crate) struct Stored {
    pub(crate) range: PackRange,
    /// BLAKE3 of the bytes, in hexadecimal.
    pub(crate) digest: String,
    /// What was done for the privacy of those that it shows.
    pub(crate) privacy_state: String,
}

/// The recordings of one sensor.
#[derive(Default)]
pub(crate) struct Media {
    pub(crate) frozen: FrozenPayloads,
}

impl Media {
    /// Stores the bytes of a recording, unchanged.
    pub(crate) fn store(
        &mut self,
        sink: &mut dyn DriveSink,
        (sensor, stamp_ns): (&str, i64),
        bytes: &[u8],
    ) -> Result<Stored> {
        let range = sink.append(sensor, bytes)?;
        let digest = blake3::hash(bytes);
        self.frozen.push(stamp_ns, digest.as_bytes());
        Ok(Stored {
            range,
            digest: digest.to_hex().to_string(),
            privacy_state: "unprocessed".to_owned(),
        })
    }
}
