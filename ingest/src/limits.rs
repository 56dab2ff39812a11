//! What a log may ask for.

/// Bounds on what a log can make this program do; each names the attack or accident that it stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an MCAP record or chunk, packed or unpacked: stops decompression bombs and invented lengths.
    pub chunk_bytes_max: u64,
    /// Values in one message: stops sequences whose length is invented.
    pub message_values_max: usize,
    /// Messages within messages: stops type definitions that contain themselves.
    pub depth_max: usize,
    /// Bytes of a file that is read whole (tables, maps, images): stops files that do not fit in memory.
    pub file_bytes_max: u64,
    /// Records of one drive: stops drives whose rows do not fit in memory.
    pub records_max: u64,
    /// Drives that share a commit: bounds what is lost when a run is killed.
    pub commit_drives_max: usize,
    /// Bytes of rows that share a commit: bounds the memory of a batch.
    pub commit_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            chunk_bytes_max: 256 << 20,
            message_values_max: 4_000_000,
            depth_max: 16,
            file_bytes_max: 1 << 30,
            records_max: 50_000_000,
            commit_drives_max: 16,
            commit_bytes_max: 64 << 20,
        }
    }
}

impl Limits {
    /// The limits as text, for the digest of an ingest's parameters.
    pub(crate) fn text(&self) -> String {
        format!("{self:?}")
    }
}
