//! What a log may ask for.

/// Bounds on what a log can make this program do; each names the attack or accident that it stops.
///
/// With the defaults, a drive is read in less than about 400 MiB: a chunk packed and unpacked, rows up to `spill_bytes_max`, and
/// what the open files of the lake hold. What needs a view of the whole drive (poses, actors, stamps for the checks) comes on top up
/// to `held_bytes_max`, and is in a file beyond that. In memory alone are the names of tracks, some 250 bytes for each, and of topics
/// whose stamps go back, 20 bytes a message; `drive_bytes_max` bounds them.
/// The tables of a dataset are held besides, once for all its scenes, up to `dataset_bytes_max`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an MCAP record or chunk, or of a block or record of MDF, packed or unpacked: stops decompression bombs and invented lengths.
    pub chunk_bytes_max: u64,
    /// Unpacked bytes for each packed one in a chunk, or a buffer of a feather table, of more than 16 MiB: stops small files that unpack to large ones, again and again.
    pub chunk_ratio_max: u64,
    /// Bytes of the summary of an MCAP file, and of a metadata record: stops summaries that do not fit in memory. A file with
    /// a larger one is read as one without.
    pub summary_bytes_max: u64,
    /// Bytes of all schemas and channels that a file declares: stops declarations that do not fit in memory.
    pub declarations_bytes_max: u64,
    /// Blocks of an MDF file that describe its groups and channels: stops descriptions without an end.
    pub blocks_max: usize,
    /// Bytes of a topic, a message type, the name of a drive, or of a field or named number of protobuf or JSON: stops names that no path
    /// or table is made for.
    pub name_bytes_max: usize,
    /// Steps that a message definition compiles to; types that a set of protobuf descriptors declares, and fields of those that a message
    /// holds: stops definitions whose parts multiply.
    pub definition_steps_max: usize,
    /// Steps that all message definitions of a log compile to: stops thousands of channels with large definitions.
    pub log_steps_max: usize,
    /// Values in the lists of one message: stops sequences whose length is invented.
    pub message_values_max: usize,
    /// Messages within messages: stops type definitions that contain themselves.
    pub depth_max: usize,
    /// Signals that are made of one topic that no rule maps, where that is asked for: stops messages of a million fields.
    pub topic_signals_max: usize,
    /// Signals of a log: stops thousands of topics of which each has some hundred.
    pub signals_max: usize,
    /// Bytes of a part of a recording that is unpacked to, or copied to, the local disk: stops parts that fill it.
    pub unpacked_bytes_max: u64,
    /// Bytes of a source in an object store that are held on the local disk at a time, so that they are fetched once: stops logs that fill
    /// it. What goes beyond is fetched twice.
    pub spool_bytes_max: u64,
    /// Frames that the transforms of a log name: stops transforms that name a new one each.
    pub frames_max: usize,
    /// Bytes of a file that is read whole (tables, maps, images): stops files that do not fit in memory.
    pub file_bytes_max: u64,
    /// Unpacked bytes of the columns that are read of a feather table: stops a small table that unpacks to a large one. The ratio of
    /// `chunk_ratio_max` holds for each of its buffers.
    pub table_bytes_max: u64,
    /// Bytes of the footer of a feather table, and of the metadata of each of its batches: stops footers that do not fit in memory.
    pub table_metadata_bytes_max: usize,
    /// Columns of a feather table, those within columns counted: stops schemas without an end.
    pub table_columns_max: usize,
    /// Record batches of a feather table, and dictionary batches: stops a footer that names one batch again and again.
    pub table_batches_max: usize,
    /// Bytes of one record of a table in JSON, and of a JSON schema: stops those that do not fit in memory.
    pub json_record_bytes_max: usize,
    /// Bytes that the tables of a dataset take in memory while its scenes are read, by the sizes of what is kept of each record: stops
    /// datasets that do not fit. The nuScenes training set, with 2.6 million recordings and 1.2 million boxes, counts as 600 MB by that.
    pub dataset_bytes_max: usize,
    /// Records of one drive: stops drives that do not end.
    pub records_max: u64,
    /// Bytes of signals, bus frames and media rows of a drive that are held in memory; more go to the lake's files before the drive was
    /// read whole.
    pub spill_bytes_max: usize,
    /// Bytes of poses, actors, positions and stamps of a drive that are held in memory until it was read whole. What goes beyond is held
    /// in a file of the local disk that has no name.
    pub held_bytes_max: usize,
    /// Bytes of that file: stops drives that fill the disk. Such a drive fails by itself.
    pub held_disk_bytes_max: u64,
    /// Bytes of a drive that are held in memory until it was read whole: stops drives that do not fit. Such a drive fails by itself.
    pub drive_bytes_max: usize,
    /// Drives that share a commit: bounds what is lost when a run is killed.
    pub commit_drives_max: usize,
    /// Bytes of rows that share a commit: bounds the memory of a batch.
    pub commit_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            chunk_bytes_max: 256 << 20,
            chunk_ratio_max: 1000,
            summary_bytes_max: 64 << 20,
            declarations_bytes_max: 32 << 20,
            blocks_max: 262_144,
            name_bytes_max: 255,
            definition_steps_max: 20_000,
            log_steps_max: 500_000,
            message_values_max: 4_000_000,
            depth_max: 16,
            topic_signals_max: 256,
            signals_max: 100_000,
            unpacked_bytes_max: 64 << 30,
            spool_bytes_max: 16 << 30,
            frames_max: 10_000,
            file_bytes_max: 1 << 30,
            table_bytes_max: 256 << 20,
            table_metadata_bytes_max: 4 << 20,
            table_columns_max: 4096,
            table_batches_max: 65_536,
            json_record_bytes_max: 1 << 20,
            dataset_bytes_max: 1 << 30,
            records_max: 50_000_000,
            spill_bytes_max: 64 << 20,
            held_bytes_max: 64 << 20,
            held_disk_bytes_max: 32 << 30,
            drive_bytes_max: 1 << 30,
            commit_drives_max: 64,
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
